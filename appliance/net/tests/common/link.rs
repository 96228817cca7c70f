//! A simulated link: deterministic, seeded, as bad as a test wants it.

use super::Random;
use std::collections::BTreeMap;

/// Which way a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum To {
    Server,
    Client,
}

/// How bad the link is; chances in 1000.
#[derive(Debug, Clone, Copy)]
pub struct Impairment {
    pub loss: u64,
    pub duplication: u64,
    /// Chance that a frame is held back, so that others overtake it.
    pub reordering: u64,
    pub delay_micros: u64,
    /// Further delay, up to so much.
    pub jitter_micros: u64,
}

impl Impairment {
    pub const NONE: Self = Self {
        loss: 0,
        duplication: 0,
        reordering: 0,
        delay_micros: 100,
        jitter_micros: 0,
    };
}

/// What happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub sent: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub reordered: u64,
    pub delivered: u64,
}

/// The link.
#[derive(Debug)]
pub struct Link {
    pub impairment: Impairment,
    pub counts: Counts,
    random: Random,
    flight: BTreeMap<(u64, u64), (To, Vec<u8>)>,
    number: u64,
    /// The number of the last frame that was delivered, each way.
    last: [u64; 2],
}

impl Link {
    pub fn new(impairment: Impairment, seed: u64) -> Self {
        Self {
            impairment,
            counts: Counts::default(),
            random: Random(seed),
            flight: BTreeMap::new(),
            number: 0,
            last: [0; 2],
        }
    }

    pub fn send(&mut self, to: To, frame: Vec<u8>, now: u64) {
        self.counts.sent += 1;
        let bad = self.impairment;
        if self.random.per_mille(bad.loss) {
            self.counts.lost += 1;
            return;
        }
        let copies = 1 + u64::from(self.random.per_mille(bad.duplication));
        self.counts.duplicated += copies - 1;
        self.number += 1;
        for copy in 0..copies {
            let mut delay = bad.delay_micros + self.random.below(bad.jitter_micros + 1);
            if self.random.per_mille(bad.reordering) {
                delay += 3 * (bad.delay_micros + bad.jitter_micros);
            }
            let at = (now + delay, self.number << 1 | copy);
            self.flight.insert(at, (to, frame.clone()));
        }
    }

    /// When the next frame arrives.
    pub fn next(&self) -> Option<u64> {
        self.flight.keys().next().map(|&(at, _)| at)
    }

    /// The next frame that has arrived.
    pub fn arrived(&mut self, now: u64) -> Option<(To, Vec<u8>)> {
        let first = self.flight.first_entry()?;
        let (at, number) = *first.key();
        if at > now {
            return None;
        }
        let (to, frame) = first.remove();
        let last = &mut self.last[to as usize];
        if number >> 1 < *last {
            self.counts.reordered += 1;
        }
        *last = (*last).max(number >> 1);
        self.counts.delivered += 1;
        Some((to, frame))
    }
}
