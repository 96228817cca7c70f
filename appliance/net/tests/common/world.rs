//! A server and a client on a simulated link, in simulated time.

use super::client::Client;
use super::link::{Impairment, Link, To};
use super::nic::FakeNic;
use super::{CLIENT_MAC, Lines};
use applgen_net::{Now, Server, Setup};
use smoltcp::wire::{IpAddress, IpCidr};

pub struct World {
    pub server: Server<'static>,
    pub nic: FakeNic,
    pub console: Lines,
    pub client: Client,
    pub link: Link,
    pub now: u64,
    pub stopped: bool,
    pub polls: u64,
}

pub const SERVER4: IpAddress = IpAddress::v4(192, 0, 2, 2);
pub const SERVER6: IpAddress = IpAddress::v6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

impl World {
    pub fn new(setup: &Setup<'static>, impairment: Impairment, seed: u64) -> Self {
        let addresses = [
            IpCidr::new(IpAddress::v4(192, 0, 2, 9), 24),
            IpCidr::new(IpAddress::v6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9), 64),
        ];
        Self {
            server: Server::new(setup).unwrap(),
            nic: FakeNic::new(setup.capabilities),
            console: Lines::default(),
            client: Client::new(CLIENT_MAC, &addresses),
            link: Link::new(impairment, seed),
            now: 1_000_000,
            stopped: false,
            polls: 0,
        }
    }

    /// Runs until the condition holds, at most so many seconds.
    pub fn run(&mut self, seconds: u64, mut until: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + seconds * 1_000_000;
        loop {
            let next = self.step();
            if until(self) {
                return true;
            }
            match next {
                Some(next) if next <= end => self.now = next.max(self.now),
                _ => {
                    self.now = end;
                    self.step();
                    return until(self);
                }
            }
        }
    }

    /// Everything that happens now; when the next thing does.
    pub fn step(&mut self) -> Option<u64> {
        loop {
            while let Some((to, frame)) = self.link.arrived(self.now) {
                match to {
                    To::Server => self.nic.incoming.push_back((frame, false)),
                    To::Client => self.client.queue.incoming.push_back(frame),
                }
            }
            self.polls += 1;
            assert!(self.polls < 20_000_000, "a busy loop");
            let now = Now {
                micros: self.now,
                unix_seconds: Some(1_800_000_000 + self.now / 1_000_000),
            };
            let poll = self.server.poll(&mut self.nic, now, &mut self.console);
            assert_eq!(self.nic.held(), 0, "a receive buffer was lost");
            self.stopped |= poll.stopped;
            self.client.poll(self.now);
            for frame in self.nic.outgoing.drain(..) {
                self.link.send(To::Client, frame, self.now);
            }
            for frame in self.client.queue.outgoing.drain(..) {
                self.link.send(To::Server, frame, self.now);
            }
            let server = match poll.frames_left {
                true => Some(self.now),
                false => poll.deadline_micros,
            };
            let client = self.client.due(self.now);
            let next = [server, client, self.link.next()]
                .into_iter()
                .flatten()
                .min();
            match next {
                // A microsecond for a turn, so that nothing takes no time.
                Some(next) if next <= self.now => self.now += 1,
                next => return next,
            }
        }
    }

    pub fn get(&mut self, server: IpAddress, path: &str) -> usize {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        self.client.fetch(server, 80, request.as_bytes(), 64 * 1024)
    }

    /// Runs until every fetch is over.
    pub fn finish(&mut self, seconds: u64) -> bool {
        self.run(seconds, |world| {
            world.client.fetches.iter().all(|fetch| fetch.over)
        })
    }
}
