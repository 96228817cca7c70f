//! A server on the bench: frames by hand, time by hand.

use super::nic::FakeNic;
use super::{Lines, frames};
use applgen_net::{Now, Poll, Server, Setup};

pub struct Bench {
    pub server: Server<'static>,
    pub nic: FakeNic,
    pub console: Lines,
    pub now: u64,
    pub last: Poll,
}

impl Bench {
    /// A server whose announcements are over.
    pub fn new(setup: &Setup<'static>) -> Self {
        let mut bench = Self {
            server: Server::new(setup).unwrap(),
            nic: FakeNic::new(setup.capabilities),
            console: Lines::default(),
            now: 1_000_000,
            last: Poll {
                deadline_micros: None,
                frames_left: false,
                stopped: false,
            },
        };
        bench.poll();
        bench.nic.outgoing.clear();
        bench
    }

    /// One turn.
    pub fn poll(&mut self) {
        let now = Now {
            micros: self.now,
            unix_seconds: Some(1_800_000_000 + self.now / 1_000_000),
        };
        self.last = self.server.poll(&mut self.nic, now, &mut self.console);
        assert_eq!(self.nic.held(), 0, "a receive buffer was lost");
    }

    /// Gives it a frame; what it answers.
    pub fn give(&mut self, frame: Vec<u8>) -> Vec<Vec<u8>> {
        self.nic.incoming.push_back((frame, false));
        self.now += 10;
        self.poll();
        self.nic.outgoing.drain(..).collect()
    }

    /// The same, where the answers are segments.
    pub fn segments(&mut self, frame: Vec<u8>) -> Vec<frames::Seen> {
        let answers = self.give(frame);
        answers
            .iter()
            .filter_map(|frame| frames::seen(frame))
            .collect()
    }

    /// Lets so many seconds pass, turn by turn as the server wants them.
    pub fn pass(&mut self, seconds: u64) -> Vec<Vec<u8>> {
        let end = self.now + seconds * 1_000_000;
        let mut polls = 0;
        loop {
            self.poll();
            polls += 1;
            assert!(polls < 100_000, "a busy loop");
            match self.last.deadline_micros {
                Some(deadline) if deadline <= end => self.now = deadline.max(self.now + 1),
                _ => break,
            }
        }
        self.now = end;
        self.poll();
        self.nic.outgoing.drain(..).collect()
    }
}
