//! Over epoll: a wait for a batch, a read and a write for each request.

use mio::net::{TcpListener as MioListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use slab::Slab;
use std::io;
use std::net::TcpListener;

const LISTENER: Token = Token(usize::MAX >> 1);

/// Answers everybody, for ever.
pub fn serve(
    listener: &TcpListener,
    answer: &[u8],
    ready: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut listener = MioListener::from_std(listener.try_clone()?);
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut clients: Slab<TcpStream> = Slab::new();
    let mut buffer = vec![0; 16 * 1024];
    poll.registry()
        .register(&mut listener, LISTENER, Interest::READABLE)?;
    ready()?;
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((client, _)) = listener.accept() {
                    let entry = clients.vacant_entry();
                    let token = Token(entry.key());
                    let client = entry.insert(client);
                    poll.registry()
                        .register(client, token, Interest::READABLE)?;
                }
                continue;
            }
            let key = event.token().0;
            let Some(client) = clients.get(key) else {
                continue;
            };
            let is_there = match recv(client, &mut buffer[..], RecvFlags::empty()) {
                Ok((_, 0)) => false,
                Ok(_) => send(client, answer, SendFlags::NOSIGNAL) == Ok(answer.len()),
                Err(error) => error == rustix::io::Errno::AGAIN,
            };
            if !is_there {
                clients.remove(key);
            }
        }
    }
}
