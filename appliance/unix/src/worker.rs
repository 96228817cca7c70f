//! The event loop of one thread: its listener, its connections, its time.
//!
//! Events are edge-triggered and registered once for each connection, so that a
//! request costs two system calls: one that reads it, one that answers it. A
//! read that comes back short has taken everything; there is no second one to
//! be told so.

use crate::clock::Clock;
use crate::limits::{ACCEPT_BATCH, ACCEPT_PAUSE, ACCEPT_SHARE, EVICT_SCAN, Limits};
use crate::log::Log;
use crate::lookout::Lookout;
use crate::output::{Batch, Sent};
use crate::peers::{ALL, Ending, Network, Peer, Peers, Waiting};
use crate::stop::{Stop, Stopping};
use applgen_bundle::http::Site;
use applgen_http::limits::{HEAD_MAX, REQUEST_BYTES};
use applgen_http::log::Format;
use applgen_http::{overloaded, timed_out};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use rustix::event::epoll::{self, EventData, EventFlags};
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Shutdown};
use std::time::{Duration, Instant};

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);
/// The token of the first connection.
const FIRST: usize = 2;

/// How many connections a thread may have.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// In all.
    pub connections: usize,
    /// Of one address.
    pub per_address: usize,
}

/// One thread's part of a server.
pub struct Worker<'b> {
    pub(crate) site: Site<'b>,
    pub(crate) peers: Peers<'b>,
    pub(crate) clock: Clock,
    /// Where input is read to, for all connections.
    pub(crate) buffer: Box<[u8]>,
    pub(crate) batch: Batch<'b>,
    pub(crate) log: Option<Log>,
    /// Connections whose turn is over while they have more to do.
    pub(crate) again: Vec<usize>,
    poll: Poll,
    listeners: Vec<TcpListener>,
    /// The listener that has its turn.
    turn: usize,
    /// Until when not to try, since the system had no file left.
    pause: Option<Instant>,
    /// How many connections this thread may have.
    room: Room,
    /// Time-outs, by [`Waiting`].
    timeouts: [Duration; 4],
    stop: Stop,
    stop_within: Duration,
    grace: Duration,
    /// Since when it has been stopping.
    stopping: Option<Instant>,
    /// When a connection came last.
    accepted: Option<Instant>,
}

impl<'b> Worker<'b> {
    /// A thread that has `room` for so many connections.
    pub fn new(
        site: Site<'b>,
        listeners: Vec<TcpListener>,
        limits: &Limits,
        room: Room,
        log: Option<Format>,
        stop: &Stop,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        stop.add(Waker::new(poll.registry(), WAKER)?);
        let worker = Self {
            site,
            peers: Peers::new(),
            clock: Clock::new(),
            buffer: vec![0; REQUEST_BYTES].into_boxed_slice(),
            batch: Batch::new(),
            log: log.map(Log::new),
            again: Vec::new(),
            poll,
            listeners,
            turn: 0,
            pause: None,
            room,
            timeouts: [limits.idle, limits.request, limits.send, limits.linger],
            stop: stop.clone(),
            stop_within: limits.stop,
            grace: limits.grace,
            stopping: None,
            accepted: None,
        };
        worker.listen()?;
        Ok(worker)
    }

    /// Wants to be told of connections for as long as there are any, so that
    /// nobody has to ask once more to be told that there are none: that would
    /// cost about as much as accepting one. Of the threads that share a
    /// listener one is told.
    fn listen(&self) -> io::Result<()> {
        for listener in &self.listeners {
            let data = EventData::new_u64(LISTENER.0 as u64);
            let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
            epoll::add(self.poll.registry(), listener, data, flags)?;
        }
        Ok(())
    }

    /// Wants to hear no more of connections.
    fn do_not_listen(&self) {
        for listener in &self.listeners {
            // Where it fails it was not registered.
            let _ = epoll::delete(self.poll.registry(), listener);
        }
    }

    /// Serves until it is stopped and what was in flight has landed.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut lookout = Lookout::default();
        loop {
            let patience = self.patience();
            lookout.wait(&mut self.poll, &mut events, patience)?;
            self.clock.tick();
            for key in std::mem::take(&mut self.again) {
                self.go_on(key, true, true);
            }
            let mut accepting = false;
            let mut others = 0;
            for event in &events {
                match event.token() {
                    LISTENER => accepting = true,
                    WAKER => {}
                    Token(token) => {
                        others += 1;
                        self.react(token - FIRST, event);
                    }
                }
            }
            if self.pause.is_some_and(|until| self.clock.now() >= until) {
                self.pause = None;
                self.listen()?;
            }
            if accepting {
                // One, and more where the turn is long and they would wait for it.
                self.accept(1 + (others / ACCEPT_SHARE).min(ACCEPT_BATCH));
            }
            self.expire();
            if let Some(log) = &mut self.log {
                log.flush();
            }
            if self.is_over() {
                return Ok(());
            }
        }
    }

    /// How long to wait for an event.
    fn patience(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = self.clock.now();
        let stop = self.stopping.map(|since| {
            let idle = self.peers.oldest(Waiting::Idle).map(|(_, since)| since);
            let listen = (!self.listeners.is_empty()).then_some(since);
            let grace = [idle, listen].into_iter().flatten().min();
            let grace = grace.map(|since| since + self.grace);
            let end = since + self.stop_within;
            grace.map_or(end, |grace| grace.min(end))
        });
        let stop = stop.map(|end| end.saturating_duration_since(now) + Duration::from_millis(1));
        let timeout = self.peers.next_timeout(self.timeouts, now);
        let accept = self.pause.map(|until| until.saturating_duration_since(now));
        // A millisecond more, so that a time-out is over when it is looked at.
        let timeout = timeout.map(|timeout| timeout + Duration::from_millis(1));
        [timeout, accept, stop].into_iter().flatten().min()
    }

    fn react(&mut self, key: usize, event: &Event) {
        let readable = event.is_readable() || event.is_read_closed() || event.is_error();
        let writable = event.is_writable() || event.is_write_closed() || event.is_error();
        self.go_on_with(key, readable, writable, event.is_read_closed());
    }

    fn go_on(&mut self, key: usize, readable: bool, writable: bool) {
        self.go_on_with(key, readable, writable, false);
    }

    /// Takes one connection as far as it goes.
    fn go_on_with(&mut self, key: usize, readable: bool, writable: bool, closed: bool) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        if !peer.rest.is_empty() {
            // There is one event for what came meanwhile, and this is it.
            peer.unread |= readable;
            if !writable {
                return;
            }
            let last = peer.ending != Ending::Open;
            let result = peer.rest.send(&mut peer.stream, last);
            match result {
                Ok((_, Sent::All)) => {}
                Ok((progress, sent)) => {
                    if progress {
                        self.peers.wait(key, Waiting::Send, self.clock.now());
                    }
                    if sent == Sent::Turn {
                        self.again.push(key);
                    }
                    return;
                }
                Err(_) => return self.close(key),
            }
            // What came meanwhile is looked at now, up to its end.
            if peer.ending != Ending::Open || peer.unread || !peer.input.is_empty() {
                return self.converse(key, true);
            }
            return self.peers.wait(key, Waiting::Idle, self.clock.now());
        }
        if readable {
            self.converse(key, closed);
        }
    }

    /// Accepts as many as `most`, of all listeners in turn. Whether there may
    /// be more.
    fn accept(&mut self, most: usize) -> bool {
        let mut without = 0;
        for _ in 0..most.max(self.listeners.len()) {
            self.turn = self.turn.wrapping_add(1);
            let turn = self.turn.checked_rem(self.listeners.len());
            let Some(listener) = turn.and_then(|turn| self.listeners.get(turn)) else {
                return false;
            };
            match listener.accept() {
                Ok((stream, address)) => {
                    without = 0;
                    self.welcome(stream, address.ip());
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        without += 1;
                        if without == self.listeners.len() {
                            return false;
                        }
                    }
                    // The client went away again.
                    ErrorKind::ConnectionAborted | ErrorKind::Interrupted => {}
                    // No file or no memory left: whoever is idle makes way, or
                    // else it is tried again after a pause.
                    _ if self.evict() => {}
                    _ => {
                        self.pause = Some(self.clock.now() + ACCEPT_PAUSE);
                        self.do_not_listen();
                        return false;
                    }
                },
            }
        }
        true
    }

    fn welcome(&mut self, mut stream: TcpStream, address: IpAddr) {
        let network = Network::of(address);
        let too_many = self.peers.of_network(network) >= self.room.per_address;
        let is_full = |worker: &Self| worker.peers.len() >= worker.room.connections;
        if too_many && !self.evict_of(network) || is_full(self) && !self.evict() {
            let mut head = [0; HEAD_MAX];
            let reply = overloaded(self.clock.date(), &mut head);
            // As far as it goes: the connection closes either way.
            let _ = stream.write(head.get(..reply.head_len).unwrap_or_default());
            return;
        }
        let now = self.clock.now();
        self.accepted = Some(now);
        let mut peer = Peer::new(stream, address);
        if self.stopping.is_some() {
            peer.http.close_after_next();
        }
        let key = self.peers.insert(peer, now);
        // The request is often there already, and a connection that ends with
        // its answer is never registered. What comes between this read and the
        // registration is told by an event of the registration.
        self.converse(key, false);
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let both = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        if registry
            .register(&mut peer.stream, Token(key + FIRST), both)
            .is_err()
        {
            self.close(key);
        }
    }

    /// Lets the connection go that has been idle for longest, or else the one
    /// that has taken longest over its request.
    fn evict(&mut self) -> bool {
        let oldest = [Waiting::Idle, Waiting::Request, Waiting::Linger]
            .into_iter()
            .find_map(|waiting| self.peers.oldest(waiting));
        if let Some((key, _)) = oldest {
            self.close(key);
        }
        oldest.is_some()
    }

    /// Lets the network's own connection go that has been idle for longest.
    fn evict_of(&mut self, network: Network) -> bool {
        let oldest = self.peers.oldest_idle_of(network, EVICT_SCAN);
        if let Some(key) = oldest {
            self.close(key);
        }
        oldest.is_some()
    }

    /// Ends what has waited for too long.
    fn expire(&mut self) {
        let now = self.clock.now();
        for waiting in ALL {
            let timeout = self.timeouts[waiting as usize];
            while let Some((key, since)) = self.peers.oldest(waiting) {
                if now.saturating_duration_since(since) < timeout {
                    break;
                }
                match waiting {
                    Waiting::Request => self.give_up(key),
                    _ => self.close(key),
                }
            }
        }
    }

    /// Tells a client that its request took too long.
    fn give_up(&mut self, key: usize) {
        let reply = timed_out(self.clock.date(), self.batch.scratch());
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        if let Some(log) = &mut self.log {
            log.line(peer.address, self.clock.any_date(), &[], &reply);
        }
        self.batch.push(&reply);
        peer.ending = Ending::Linger;
        peer.input = Vec::new();
        match self.batch.send(&mut peer.stream, true, &mut peer.rest) {
            Ok(Sent::All) => self.end(key),
            Ok(Sent::Blocked | Sent::Turn) => {
                self.peers.wait(key, Waiting::Send, self.clock.now());
            }
            Err(_) => self.close(key),
        }
    }

    /// Ends a connection whose last answer is sent.
    pub(crate) fn end(&mut self, key: usize) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        if peer.ending == Ending::Linger && peer.stream.shutdown(Shutdown::Write).is_ok() {
            if peer.waiting() != Waiting::Linger {
                self.peers.wait(key, Waiting::Linger, self.clock.now());
            }
        } else {
            self.close(key);
        }
    }

    /// Closes a connection at once.
    pub(crate) fn close(&mut self, key: usize) {
        // Closing the socket takes it out of the poll.
        drop(self.peers.remove(key));
    }

    /// Whether the thread has nothing more to do.
    fn is_over(&mut self) -> bool {
        match (self.stop.stopping(), self.stopping) {
            (Stopping::No, _) => return false,
            (Stopping::Now, _) => return true,
            (Stopping::Gracefully, None) => self.begin_to_stop(),
            (Stopping::Gracefully, Some(since)) => {
                let waited = self.clock.now().saturating_duration_since(since);
                if waited >= self.stop_within {
                    return true;
                }
                if waited >= self.grace {
                    self.end_listening();
                }
            }
        }
        // Who has been between two requests for a while has nothing on its way.
        while let Some((key, since)) = self.peers.oldest(Waiting::Idle) {
            if self.clock.now().saturating_duration_since(since) < self.grace {
                break;
            }
            self.close(key);
        }
        self.listeners.is_empty() && self.peers.len() == 0
    }

    /// Makes every answer the last one of its connection, and stops listening:
    /// at once where nobody has come of late.
    fn begin_to_stop(&mut self) {
        let now = self.clock.now();
        self.stopping = Some(now);
        for key in self.peers.keys() {
            if let Some(peer) = self.peers.get_mut(key) {
                peer.http.close_after_next();
            }
            // A request may have come that no event has told of yet.
            self.go_on(key, true, false);
        }
        let is_long_ago = |accepted| now.saturating_duration_since(accepted) >= self.grace;
        if self.accepted.is_none_or(is_long_ago) {
            self.end_listening();
        }
    }

    /// Takes the connections that have come already, and none after them.
    fn end_listening(&mut self) {
        // Connections that the system has accepted for us are ours to answer.
        while self.peers.len() < self.room.connections && self.accept(ACCEPT_BATCH) {}
        self.pause = None;
        // Not by closing: somebody else may have the same listener open.
        self.do_not_listen();
        self.listeners = Vec::new();
    }
}
