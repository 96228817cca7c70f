//! The time of a turn.

use crate::server::Now;
use applgen_bundle::date::{ImfFixdate, imf_fixdate};

/// A wall clock that says less than this (2020-01-01) has not been set, and an
/// answer is better without a date (RFC 9110 §6.6.1).
const PLAUSIBLE: u64 = 1_577_836_800;

/// The time of a turn; the date is formatted once a second.
#[derive(Debug)]
pub struct Clock {
    micros: u64,
    second: Option<u64>,
    date: ImfFixdate,
}

impl Clock {
    /// Before the first turn.
    pub fn new() -> Self {
        Self {
            micros: 0,
            second: None,
            date: *b"Thu, 01 Jan 1970 00:00:00 GMT",
        }
    }

    /// Takes the time of a turn. Time does not go back, whatever is said.
    pub fn tick(&mut self, now: Now) {
        self.micros = self.micros.max(now.micros);
        let second = now.unix_seconds.filter(|&second| second >= PLAUSIBLE);
        if second != self.second {
            self.second = second;
            self.date = imf_fixdate(second.unwrap_or(0));
        }
    }

    /// Microseconds, as the platform counts them.
    pub fn micros(&self) -> u64 {
        self.micros
    }

    /// Seconds since 1970, or else since the platform's moment; modulo 2^32, as
    /// cookies count them (RFC 9018 §4.3).
    #[cfg(feature = "dns")]
    pub fn seconds(&self) -> u32 {
        self.second.unwrap_or(self.micros / 1_000_000) as u32
    }

    /// The date for answers, if it is known.
    #[cfg(feature = "http")]
    pub fn date(&self) -> Option<&ImfFixdate> {
        self.second.map(|_| &self.date)
    }

    /// The date, known or not.
    #[cfg(all(feature = "http", feature = "log"))]
    pub fn any_date(&self) -> &ImfFixdate {
        &self.date
    }
}
