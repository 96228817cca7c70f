//! The event loop of one thread: its datagrams, its connections, its time.

use super::DnsLimits;
use super::batch::Batch;
use super::connections::{Connection, Wish, client};
use crate::stop::{Stop, Stopping};
use applgen_dns::limit::{Limiter, Slot, Verdict};
use applgen_dns::{MESSAGE_BYTES, Peer, Server, Transport};
use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;
use socket2::Socket;
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const DATAGRAMS: Token = Token(0);
const LISTENER: Token = Token(1);
const WAKER: Token = Token(2);
/// The token of the first connection.
const FIRST: usize = 3;

/// Datagrams at once that tell of more to come.
const BUSY: usize = 4;

/// Batches that are answered before connections get their turn.
const TURN: usize = 16;

/// Connections that are accepted before those that exist get their turn.
const ACCEPT_TURN: usize = 64;

/// How long to wait before accepting again when the system has no file left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often idle connections are looked for.
const SWEEP: Duration = Duration::from_millis(500);

/// Counters of the rate limiter, 16 bytes each.
const COUNTERS: usize = 1 << 15;

/// One thread's part of a name server.
pub struct Worker<'b> {
    server: Server<'b>,
    datagrams: UdpSocket,
    listener: TcpListener,
    batch: Batch,
    /// Absent where there is no limit.
    limiter: Option<Limiter<Vec<Slot>>>,
    connections: Slab<Connection>,
    /// How many connections each client has.
    shares: HashMap<IpAddr, usize>,
    limits: DnsLimits,
    /// Room for a message and its length.
    scratch: Box<[u8]>,
    /// Connections that have more to do.
    again: Vec<usize>,
    /// Whether datagrams may have come that no event tells of.
    more: bool,
    /// Whether connections may wait to be accepted.
    accepting: bool,
    /// Until when not to try, since the system had no file left.
    pause: Option<Instant>,
    now: Instant,
    /// When idle connections were looked for last.
    swept: Instant,
    /// Seconds since 1970, or as far as the clock knows.
    seconds: u32,
    poll: Poll,
    stop: Stop,
}

impl<'b> Worker<'b> {
    /// A thread over these sockets.
    pub fn new(
        server: Server<'b>,
        datagrams: Socket,
        mut listener: TcpListener,
        limits: DnsLimits,
        stop: &Stop,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry();
        let mut datagrams = UdpSocket::from_std(datagrams.into());
        registry.register(&mut datagrams, DATAGRAMS, Interest::READABLE)?;
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        stop.add(Waker::new(registry, WAKER)?);
        let rate = server.zones().rate_limit();
        let limiter = match rate {
            0 => None,
            _ => Some(Limiter::new(
                vec![Slot::default(); COUNTERS],
                rate,
                server.zones().slip(),
                super::random()?,
            )),
        };
        Ok(Self {
            server,
            batch: Batch::new(&datagrams),
            datagrams,
            listener,
            limiter,
            connections: Slab::new(),
            shares: HashMap::new(),
            limits,
            scratch: vec![0; 2 + MESSAGE_BYTES].into_boxed_slice(),
            again: Vec::new(),
            more: false,
            accepting: false,
            pause: None,
            now: Instant::now(),
            swept: Instant::now(),
            seconds: 0,
            poll,
            stop: stop.clone(),
        })
    }

    /// Serves until it is stopped. A query that has come is answered; there is
    /// nothing else in flight.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            match self.poll.poll(&mut events, self.patience()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => self.tick(),
            }
            for key in std::mem::take(&mut self.again) {
                self.go_on(key, false);
            }
            for event in &events {
                match event.token() {
                    DATAGRAMS => self.more = true,
                    LISTENER => self.accepting = true,
                    WAKER => {}
                    Token(token) => {
                        let readable =
                            event.is_readable() || event.is_read_closed() || event.is_error();
                        self.go_on(token - FIRST, readable);
                    }
                }
            }
            self.answer();
            self.accept();
            self.expire();
            if self.stop.stopping() != Stopping::No {
                return Ok(());
            }
        }
    }

    fn tick(&mut self) {
        self.now = Instant::now();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        // Cookies count seconds modulo 2^32 (RFC 9018 §4.3).
        self.seconds = wall.unwrap_or(Duration::ZERO).as_secs() as u32;
    }

    /// How long to wait for an event.
    fn patience(&self) -> Option<Duration> {
        if self.more || !self.again.is_empty() || self.stop.stopping() != Stopping::No {
            return Some(Duration::ZERO);
        }
        if self.accepting {
            return Some(match self.pause {
                Some(until) => until.saturating_duration_since(self.now),
                None => Duration::ZERO,
            });
        }
        (!self.connections.is_empty()).then_some(SWEEP)
    }

    /// Answers datagrams, batch after batch, until there are none or others
    /// have waited for long enough.
    fn answer(&mut self) {
        for _ in 0..TURN {
            if !self.more {
                return;
            }
            let count = match self.batch.receive(&self.datagrams) {
                Ok(count) => count,
                Err(error) => {
                    self.more = error.kind() != ErrorKind::WouldBlock;
                    continue;
                }
            };
            for index in 0..count {
                self.datagram(index);
            }
            self.batch.send(&self.datagrams);
            // There is one event for all that came before it was looked at. Where several
            // came at once, more have come meanwhile: to look is cheaper than to be told.
            self.more = count >= BUSY;
        }
    }

    fn datagram(&mut self, index: usize) {
        let Some(datagram) = self.batch.datagram(index) else {
            return;
        };
        let peer = Peer {
            address: datagram.from,
            transport: Transport::Udp,
            seconds: self.seconds,
        };
        let Some(reply) = self.server.answer(datagram.buffer, datagram.length, &peer) else {
            return;
        };
        let mut length = reply.length;
        if let Some(limiter) = &mut self.limiter {
            match limiter.check(peer.address, &reply, self.seconds) {
                Verdict::Send => {}
                Verdict::Truncate => length = reply.truncate(datagram.buffer),
                Verdict::Drop => return,
            }
        }
        self.batch.answer(index, length);
    }

    fn go_on(&mut self, key: usize, readable: bool) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let wish = connection.go_on(
            readable,
            &self.server,
            &mut self.scratch,
            self.now,
            self.seconds,
        );
        match wish {
            Wish::Event => {}
            Wish::Turn => self.again.push(key),
            Wish::Close => self.close(key),
        }
    }

    fn accept(&mut self) {
        if !self.accepting || self.pause.is_some_and(|until| self.now < until) {
            return;
        }
        self.pause = None;
        for _ in 0..ACCEPT_TURN {
            match self.listener.accept() {
                Ok((stream, address)) => self.welcome(stream, address.ip()),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        self.accepting = false;
                        return;
                    }
                    // The client went away again.
                    ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {}
                    // No file or no memory left: whoever is idle makes way, or
                    // else it is tried again after a pause.
                    _ if self.evict() => {}
                    _ => {
                        self.pause = Some(self.now + ACCEPT_PAUSE);
                        return;
                    }
                },
            }
        }
    }

    /// Takes a connection in, unless its client has its share already.
    fn welcome(&mut self, stream: TcpStream, address: IpAddr) {
        let share = self.shares.get(&client(address)).copied().unwrap_or(0);
        if share >= self.limits.connections_of_client
            || self.connections.len() >= self.limits.connections && !self.evict()
        {
            return;
        }
        let mut connection = Connection::new(stream, address, self.now);
        let entry = self.connections.vacant_entry();
        let token = Token(entry.key() + FIRST);
        let both = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        if registry.register(connection.stream(), token, both).is_ok() {
            *self.shares.entry(connection.client()).or_insert(0) += 1;
            entry.insert(connection);
        }
    }

    /// Lets the connection go that has been idle for longest.
    fn evict(&mut self) -> bool {
        let oldest = self.connections.iter().min_by_key(|(_, one)| one.active());
        let key = oldest.map(|(key, _)| key);
        if let Some(key) = key {
            self.close(key);
        }
        key.is_some()
    }

    fn close(&mut self, key: usize) {
        let Some(connection) = self.connections.try_remove(key) else {
            return;
        };
        let client = connection.client();
        if let Some(share) = self.shares.get_mut(&client) {
            *share -= 1;
            if *share == 0 {
                self.shares.remove(&client);
            }
        }
    }

    /// Closes what has been idle for too long.
    fn expire(&mut self) {
        if self.now.saturating_duration_since(self.swept) < SWEEP {
            return;
        }
        self.swept = self.now;
        let idle = |connection: &Connection| {
            self.now.saturating_duration_since(connection.active()) >= self.limits.idle
        };
        let expired: Vec<usize> = self
            .connections
            .iter()
            .filter(|(_, connection)| idle(connection))
            .map(|(key, _)| key)
            .collect();
        for key in expired {
            self.close(key);
        }
    }
}
