//! What the tests share: a site, and clients on real sockets.
#![allow(dead_code)]

use applgen_bundle::write::{BundleWriter, HttpSection, Resource};
use applgen_bundle::{Bundle, TAG_HTTP, http::Site};
use applgen_unix::{Limits, Options, Server, Stop, Stopping};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroUsize;
use std::time::Duration;

/// Bytes of `/large`.
pub const LARGE: usize = 20_000_000;

pub fn bundle(boot: &str) -> Vec<u8> {
    let mut http = HttpSection::new();
    let large: Vec<u8> = (0..LARGE).map(|at| (at % 251) as u8).collect();
    for (path, body) in [("/", b"hello\n".to_vec()), ("/large", large)] {
        let resource = Resource {
            path: path.into(),
            media_type: "text/plain".into(),
            identity: body.into(),
            ..Resource::default()
        };
        http.resource(resource).unwrap();
    }
    let mut writer = BundleWriter::new();
    writer.http(http);
    writer.boot(boot);
    writer.finish().unwrap().to_vec()
}

/// Runs a server with these limits, hands its address to `client`, stops it.
pub fn serve<T>(limits: Limits, threads: usize, client: impl FnOnce(SocketAddr, &Stop) -> T) -> T {
    let bytes = bundle("");
    let section = Bundle::parse(&bytes).unwrap().section(TAG_HTTP).unwrap();
    let site = Site::parse(section).unwrap();
    let options = Options {
        threads: NonZeroUsize::new(threads).unwrap(),
        limits,
        ..Options::new("127.0.0.1:0".parse().unwrap())
    };
    let server = Server::bind(site, options).unwrap();
    let address = server.address();
    let stop = Stop::new();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| server.open(&stop)?.serve(&stop));
        // Stopped also where the client panics: the scope would wait forever.
        let result =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client(address, &stop)));
        // A second time would not be graceful.
        if stop.stopping() == Stopping::No {
            stop.stop();
        }
        running.join().unwrap().unwrap();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
        .set_write_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    stream
}

pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
pub const GET_LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n";

/// Reads one answer: its head as text, its body.
pub fn answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        assert_eq!(
            stream.read(&mut byte).unwrap(),
            1,
            "{}",
            head.escape_ascii()
        );
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

/// Asks, and reads the answer.
pub fn ask(stream: &mut TcpStream, request: &[u8]) -> (String, Vec<u8>) {
    stream.write_all(request).unwrap();
    answer(stream)
}

/// Whether the server has closed the connection, and sent nothing before.
pub fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0))
}
