//! DNS over TCP (RFC 7766): queries one after another, each behind two bytes of
//! length, answered in order.
//!
//! A connection holds no buffer while it is idle. One that does not take its
//! answers is not read from until it has.

use applgen_dns::{MESSAGE_BYTES, Peer, Server, Transport};
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::IpAddr;
use std::time::Instant;

/// Queries that one connection is answered before others get their turn.
const TURN: usize = 32;

/// Bytes read at a time.
const READ: usize = 16 * 1024;

/// A client over TCP.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    address: IpAddr,
    /// What came, but for whole queries.
    input: Vec<u8>,
    /// What it has not taken yet, from `sent` on.
    output: Vec<u8>,
    sent: usize,
    /// Whether more may have come.
    readable: bool,
    /// Whether the client has said that no more will come.
    ended: bool,
    /// When it last sent a whole query, or took some of its answers.
    active: Instant,
}

/// What a connection wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To be told of the next event.
    Event,
    /// Another turn: there is more to do.
    Turn,
    /// To be closed.
    Close,
}

impl Connection {
    /// A new one.
    pub fn new(stream: TcpStream, address: IpAddr, now: Instant) -> Self {
        Self {
            stream,
            address: address.to_canonical(),
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            readable: false,
            ended: false,
            active: now,
        }
    }

    /// The client, as far as shares go: an IPv6 network counts as one.
    pub fn client(&self) -> IpAddr {
        client(self.address)
    }

    /// Since when it has been idle.
    pub fn active(&self) -> Instant {
        self.active
    }

    /// Its socket, to be registered.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Goes on after an event, or for another turn. `scratch` has room for a
    /// message and its length.
    pub fn go_on(
        &mut self,
        readable: bool,
        server: &Server<'_>,
        scratch: &mut [u8],
        now: Instant,
        seconds: u32,
    ) -> Wish {
        self.readable |= readable;
        self.turn(server, scratch, now, seconds)
            .unwrap_or(Wish::Close)
    }

    fn turn(
        &mut self,
        server: &Server<'_>,
        scratch: &mut [u8],
        now: Instant,
        seconds: u32,
    ) -> io::Result<Wish> {
        if !self.send(now)? {
            return Ok(Wish::Event);
        }
        let peer = Peer {
            address: self.address,
            transport: Transport::Tcp,
            seconds,
        };
        let mut left = TURN;
        loop {
            let mut used = 0;
            while left > 0
                && let Some(query) = next(self.input.get(used..).unwrap_or_default())
            {
                let length = query.len();
                // A message without bytes cannot be answered.
                if length == 0 {
                    return Ok(Wish::Close);
                }
                let Some((head, message)) = scratch.split_first_chunk_mut::<2>() else {
                    return Ok(Wish::Close);
                };
                let room = message.get_mut(..length);
                room.ok_or(ErrorKind::InvalidData)?.copy_from_slice(query);
                used += 2 + length;
                left -= 1;
                self.active = now;
                if let Some(reply) = server.answer(message, length, &peer) {
                    *head = u16::try_from(reply.length).unwrap_or(0).to_be_bytes();
                    let whole = scratch.get(..2 + reply.length).unwrap_or_default();
                    self.output.extend_from_slice(whole);
                    // What a client does not take should not pile up.
                    if self.output.len() >= MESSAGE_BYTES {
                        left = 0;
                    }
                }
            }
            self.input.drain(..used);
            if self.input.is_empty() {
                self.input = Vec::new();
            }
            if !self.send(now)? {
                return Ok(Wish::Event);
            }
            if next(&self.input).is_some() {
                return Ok(Wish::Turn);
            }
            if self.ended {
                return Ok(Wish::Close);
            }
            if !self.readable {
                return Ok(Wish::Event);
            }
            if left == 0 {
                return Ok(Wish::Turn);
            }
            self.read(scratch)?;
        }
    }

    fn read(&mut self, scratch: &mut [u8]) -> io::Result<()> {
        let room = scratch.get_mut(..READ).unwrap_or_default();
        match self.stream.read(room) {
            Ok(0) => self.ended = true,
            Ok(length) => {
                // A short read has taken everything.
                self.readable = length == READ;
                self.input
                    .extend_from_slice(room.get(..length).unwrap_or_default());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether all of the output has been taken.
    fn send(&mut self, now: Instant) -> io::Result<bool> {
        while let Some(rest) = self.output.get(self.sent..)
            && !rest.is_empty()
        {
            match self.stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => {
                    self.sent += length;
                    self.active = now;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output = Vec::new();
        self.sent = 0;
        Ok(true)
    }
}

/// Whom an address belongs to, as far as shares go.
pub fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(network.into())
        }
        address => address,
    }
}

/// The whole query that bytes begin with, without its length.
fn next(input: &[u8]) -> Option<&[u8]> {
    let (length, rest) = input.split_first_chunk()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}
