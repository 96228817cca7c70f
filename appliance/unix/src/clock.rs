//! Time, read once for each turn of the event loop.

use applgen_http::date::{ImfFixdate, imf_fixdate};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A wall clock that says less than this (2020-01-01) has not been set, and an
/// answer is better without a date (RFC 9110 §6.6.1).
const PLAUSIBLE: u64 = 1_577_836_800;

/// The time of this turn.
#[derive(Debug)]
pub struct Clock {
    now: Instant,
    second: u64,
    date: ImfFixdate,
}

impl Clock {
    /// The time as it is.
    pub fn new() -> Self {
        let mut clock = Self {
            now: Instant::now(),
            second: 0,
            date: imf_fixdate(0),
        };
        clock.tick();
        clock
    }

    /// Reads the clocks again; the date is formatted once a second.
    pub fn tick(&mut self) {
        self.now = Instant::now();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        let second = wall.unwrap_or(Duration::ZERO).as_secs();
        if second != self.second {
            self.second = second;
            self.date = imf_fixdate(second);
        }
    }

    /// When this turn began.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The date for answers, if it is known.
    pub fn date(&self) -> Option<&ImfFixdate> {
        (self.second >= PLAUSIBLE).then_some(&self.date)
    }

    /// The date, plausible or not.
    pub fn any_date(&self) -> &ImfFixdate {
        &self.date
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_gives_no_date() {
        let mut clock = Clock::new();
        assert!(clock.date().is_some());
        clock.second = 12;
        assert!(clock.date().is_none());
        clock.tick();
        assert!(clock.date().is_some());
    }
}
