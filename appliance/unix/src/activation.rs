//! Sockets that were opened for this process before it started
//! (systemd's `sd_listen_fds(3)`).
//!
//! `LISTEN_PID` says whom they are for, `LISTEN_FDS` how many there are, and the
//! first is file 3. A service manager can so hold the address while images are
//! exchanged: clients wait, and none is refused. No right to a low port is
//! needed, and no `http=`.
#![allow(unsafe_code)]

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::net::sockopt::{socket_acceptconn, socket_type};
use rustix::net::{AddressFamily, SocketType, getsockname};
use std::fmt;
use std::net::TcpListener;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The first file that is handed over.
const FIRST: RawFd = 3;

/// More than this many is a mistake.
const MOST: RawFd = 64;

/// Why what was handed over cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivationError(String);

impl fmt::Display for ActivationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}\n\nhint: a socket unit for an image has `ListenStream=ADDR:PORT` and `Accept=no`",
            self.0
        )
    }
}

impl std::error::Error for ActivationError {}

/// The listening TCP sockets that were handed to this process; none is the
/// usual case.
///
/// # Safety
///
/// To be called once, before anything else opens a file: the files that the
/// environment names are taken for its own.
pub unsafe fn take() -> Result<Vec<TcpListener>, ActivationError> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<RawFd>().ok();
    let own = rustix::process::getpid().as_raw_nonzero().get();
    // What was meant for another process is not ours.
    if number("LISTEN_PID") != Some(own) {
        return Ok(Vec::new());
    }
    let count = number("LISTEN_FDS").unwrap_or(0);
    if !(0..=MOST).contains(&count) {
        return Err(ActivationError(format!("`LISTEN_FDS={count}`: too many")));
    }
    (FIRST..FIRST + count)
        .map(|file| {
            // SAFETY: whether the file is open is what is asked.
            let borrowed = unsafe { BorrowedFd::borrow_raw(file) };
            if fcntl_getfd(borrowed).is_err() {
                return Err(ActivationError(format!(
                    "`LISTEN_FDS={count}`: file {file} is not open"
                )));
            }
            // SAFETY: it is open, was handed over to this process, and the
            // caller vouches that nobody has taken it yet.
            let owned = unsafe { OwnedFd::from_raw_fd(file) };
            adopt(owned).ok_or_else(|| {
                ActivationError(format!(
                    "`LISTEN_FDS={count}`: file {file} is no listening TCP socket"
                ))
            })
        })
        .collect()
}

fn adopt(file: OwnedFd) -> Option<TcpListener> {
    let address = getsockname(&file).ok()?;
    let is_ip = [AddressFamily::INET, AddressFamily::INET6].contains(&address.address_family());
    if !is_ip
        || socket_type(&file) != Ok(SocketType::STREAM)
        || socket_acceptconn(&file) != Ok(true)
    {
        return None;
    }
    fcntl_setfd(&file, FdFlags::CLOEXEC).ok()?;
    let listener = TcpListener::from(file);
    listener.set_nonblocking(true).ok()?;
    Some(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_tcp_sockets_are_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = std::net::TcpStream::connect(address).unwrap();
        assert!(adopt(stream.into()).is_none());
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(adopt(datagrams.into()).is_none());
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(adopt(file.into()).is_none());
        assert_eq!(
            adopt(listener.into()).unwrap().local_addr().unwrap(),
            address
        );
    }
}
