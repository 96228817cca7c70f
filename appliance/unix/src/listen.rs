//! Sockets: one for each thread, all on one address
//! (`SO_REUSEPORT`), so that the system shares connections out and threads
//! never meet.

use mio::net::TcpListener;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;

/// Connections that wait to be accepted; the system may allow fewer
/// (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Why an address cannot be listened on.
#[derive(Debug)]
pub struct ListenError {
    /// The boot word that gives another one.
    pub word: &'static str,
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub error: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, word) = (self.address, self.word);
        match self.error.kind() {
            ErrorKind::AddrInUse => write!(
                f,
                "`{address}` is in use already\n\nhint: another address is given as \
                 `{word}=ADDR:PORT`; to replace an image that runs, start the new one with \
                 `handover=on`, then stop the old one"
            ),
            ErrorKind::PermissionDenied => write!(
                f,
                "`{address}` is not ours to listen on\n\nhint: ports below 1024 need a right; \
                 another one is given as `{word}=ADDR:PORT`"
            ),
            ErrorKind::AddrNotAvailable => write!(
                f,
                "`{address}` is no address of this machine\n\nhint: `{word}=0.0.0.0:{}` listens on \
                 all of them",
                address.port()
            ),
            _ => write!(f, "cannot listen on `{address}`: {}", self.error),
        }
    }
}

impl std::error::Error for ListenError {}

/// So many listeners on one address. Port 0 is one that is free, the same for
/// all of them. With `handover` another process of this user may be listening
/// there already, which is about to be stopped; else that is an error.
pub fn listen(
    word: &'static str,
    address: SocketAddr,
    count: usize,
    handover: bool,
) -> Result<Vec<TcpListener>, ListenError> {
    let failed = |error| ListenError {
        word,
        address,
        error,
    };
    // Sockets that share an address would share it with another process too:
    // one that asks for it alone finds out whether somebody is there.
    if address.port() != 0 && !handover {
        bind(address, Type::STREAM, false).map_err(failed)?;
    }
    let before = if handover { predecessors(address) } else { 0 };
    let mut listeners: Vec<TcpListener> = Vec::with_capacity(count);
    let mut address = address;
    for _ in 0..count {
        let listener = open(address).map_err(failed)?;
        address = listener.local_addr().map_err(failed)?;
        listeners.push(listener);
    }
    if (1..=before).contains(&count)
        && let Some(listener) = listeners.first()
    {
        take_over(listener, before as u32);
    }
    Ok(listeners)
}

/// How many sockets listen on exactly this address: Linux's table of them.
fn predecessors(address: SocketAddr) -> usize {
    let (table, local) = match address {
        SocketAddr::V4(address) => {
            let ip = u32::from_ne_bytes(address.ip().octets());
            ("/proc/net/tcp", format!("{ip:08X}:{:04X}", address.port()))
        }
        SocketAddr::V6(address) => {
            let words = address.ip().octets();
            let words = words.as_chunks::<4>().0.iter();
            let ip: String = words
                .map(|&word| format!("{:08X}", u32::from_ne_bytes(word)))
                .collect();
            ("/proc/net/tcp6", format!("{ip}:{:04X}", address.port()))
        }
    };
    // Where there is no such table, connections are shared until the other ends.
    let table = std::fs::read_to_string(table).unwrap_or_default();
    let listens = |line: &&str| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        columns.next() == Some(&local) && columns.nth(1) == Some("0A")
    };
    table.lines().filter(listens).count()
}

/// From here on clients come to the socket with the number `before`, which is
/// the first of ours, and to none of those that were there before it: what these
/// have in their queues would be lost when they close. Linux numbers sockets that
/// share an address in the order in which they began to listen, puts the last one
/// into the place of one that closes, and asks a filter for a number; one that is
/// none is as if there were no filter. So with as many sockets of ours as there
/// were before, the filter holds until the last of them closes, and no longer;
/// with fewer it ends a moment early, and with more it would never end.
#[allow(unsafe_code)]
fn take_over(listener: &TcpListener, before: u32) {
    let mut answer = libc::sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: before,
    };
    let program = libc::sock_fprog {
        len: 1,
        filter: &raw mut answer,
    };
    // SAFETY: the socket is open while it is borrowed; the program is of the
    // size that is said, and is copied. Where it is refused, connections are
    // shared until the other process ends.
    unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            size_of_val(&program) as libc::socklen_t,
        );
    }
}

/// So many sockets for datagrams on one address, whose port is not 0; `handover`
/// as for [`listen`].
#[cfg(feature = "dns")]
pub fn datagrams(
    word: &'static str,
    address: SocketAddr,
    count: usize,
    handover: bool,
) -> Result<Vec<Socket>, ListenError> {
    let failed = |error| ListenError {
        word,
        address,
        error,
    };
    if !handover {
        bind(address, Type::DGRAM, false).map_err(failed)?;
    }
    let sockets = (0..count).map(|_| bind(address, Type::DGRAM, true));
    sockets.collect::<io::Result<_>>().map_err(failed)
}

fn bind(address: SocketAddr, kind: Type, shared: bool) -> io::Result<Socket> {
    let protocol = match kind {
        Type::STREAM => Protocol::TCP,
        _ => Protocol::UDP,
    };
    let socket = Socket::new(
        Domain::for_address(address),
        kind.nonblocking().cloexec(),
        Some(protocol),
    )?;
    // What lingers from before a restart is no reason to wait. For datagrams
    // this would mean to share.
    socket.set_reuse_address(kind == Type::STREAM)?;
    socket.set_reuse_port(shared)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = bind(address, Type::STREAM, true)?;
    // Linux hands this down to accepted connections: no call for each of them.
    socket.set_tcp_nodelay(true)?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// From here on a connection is accepted once its client has said something,
/// or a second after it was opened: `TCP_DEFER_ACCEPT` of Linux, for protocols
/// in which clients speak first. What is accepted so can be answered at once,
/// without waiting for an event of its own. Only saves work: a system that does
/// not know it goes without.
#[cfg(feature = "http")]
#[allow(unsafe_code)]
pub fn defer(listener: &TcpListener) {
    let seconds: libc::c_int = 1;
    // SAFETY: the socket is open while it is borrowed, and the value is an
    // `int` of the size that is said.
    unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            size_of_val(&seconds) as libc::socklen_t,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_share_a_port_with_each_other_alone() {
        let listeners = listen("http", "127.0.0.1:0".parse().unwrap(), 3, false).unwrap();
        let address = listeners[0].local_addr().unwrap();
        assert_ne!(address.port(), 0);
        for listener in &listeners {
            assert_eq!(listener.local_addr().unwrap(), address);
        }
        let error = listen("http", address, 1, false).unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::AddrInUse);
        assert!(
            error
                .to_string()
                .contains(&format!("`{address}` is in use"))
        );
        // But with the one that takes over, to which everybody comes then.
        assert_eq!(predecessors(address), 3);
        let successor = listen("http", address, 2, true).unwrap();
        assert_eq!(predecessors(address), 5);
        let clients: Vec<_> = (0..20)
            .map(|_| std::net::TcpStream::connect(address).unwrap())
            .collect();
        for listener in &listeners {
            let error = listener.accept().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
        assert!(clients.iter().all(|_| successor[0].accept().is_ok()));
        // Once it is alone, to all of it.
        drop(listeners);
        let clients: Vec<_> = (0..100)
            .map(|_| std::net::TcpStream::connect(address).unwrap())
            .collect();
        assert!(successor[1].accept().is_ok());
        drop((clients, successor));
        listen("http", address, 2, false).unwrap();
    }

    #[test]
    fn accepted_connections_do_not_wait_for_more() {
        let mut listeners = listen("http", "127.0.0.1:0".parse().unwrap(), 1, false).unwrap();
        let listener = listeners.pop().unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = loop {
            match listener.accept() {
                Ok(accepted) => break accepted,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        };
        assert!(stream.nodelay().unwrap());
    }

    #[cfg(feature = "http")]
    #[test]
    fn who_says_nothing_is_accepted_later() {
        use std::io::Write;
        use std::time::{Duration, Instant};
        let listener = listen("http", "127.0.0.1:0".parse().unwrap(), 1, false)
            .unwrap()
            .remove(0);
        defer(&listener);
        let address = listener.local_addr().unwrap();
        let silent = std::net::TcpStream::connect(address).unwrap();
        let mut other = std::net::TcpStream::connect(address).unwrap();
        other.write_all(b"GET").unwrap();
        let accept = || {
            let until = Instant::now() + Duration::from_secs(10);
            loop {
                match listener.accept() {
                    Ok((_, peer)) => return peer,
                    Err(_) if Instant::now() < until => {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        };
        assert_eq!(accept(), other.local_addr().unwrap());
        assert_eq!(accept(), silent.local_addr().unwrap());
    }

    #[test]
    fn addresses_of_others_are_refused() {
        let error = listen("http", "192.0.2.1:80".parse().unwrap(), 1, false).unwrap_err();
        assert!(
            error.to_string().contains("no address of this machine"),
            "{error}"
        );
    }
}
