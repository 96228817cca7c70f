//! What `ci/bench http` measures servers against: the least that a server can
//! do for an answer, over epoll and over io_uring.
//!
//! `http_floor epoll|io_uring ADDR:PORT FILE` answers with the bytes of the file to
//! whatever comes in one read, whatever it says. There is no parser, no look-up,
//! no time-out and no limit: what is left is the system's way through TCP, and
//! what the calls to it cost. Not to be served to anybody.
//!
//! Both are one thread. `epoll` makes the calls of `--unix`: edge-triggered
//! events that are registered once, one read and one write a request. `io_uring`
//! has all that is said to make it fast: one call for a batch, accepting and
//! receiving that are asked for once, buffers that the system picks, files that
//! it need not look up, and no interrupt to tell of what is done.

mod epoll;
mod uring;

use std::io::Write;
use std::net::TcpListener;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [how, address, file] = arguments.as_slice() else {
        eprintln!("usage: http_floor epoll|io_uring ADDR:PORT FILE");
        return ExitCode::from(2);
    };
    let run = || {
        let answer = std::fs::read(file)?;
        let listener = TcpListener::bind(address)?;
        // Handed down to accepted connections.
        socket2::SockRef::from(&listener).set_tcp_nodelay(true)?;
        let ready = || {
            println!("listening http://{address}/");
            std::io::stdout().flush()
        };
        match how.as_str() {
            "epoll" => epoll::serve(&listener, &answer, ready),
            "io_uring" => uring::serve(&listener, &answer, ready),
            _ => Err(std::io::Error::other("neither `epoll` nor `io_uring`")),
        }
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {how}: {error}");
            ExitCode::from(2)
        }
    }
}
