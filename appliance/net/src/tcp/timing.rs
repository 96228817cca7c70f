//! How long to wait before something is sent again (RFC 6298).

/// Before anything is known, in microseconds (RFC 6298 §2.1).
const FIRST_MICROS: u32 = 1_000_000;
/// At least so long. The specification says a second, and everyone less; it is
/// longer than clients delay acknowledgements.
const LEAST_MICROS: u32 = 300_000;
/// At most so long, however often it was in vain.
const MOST_MICROS: u32 = 60_000_000;

const NEVER: u64 = u64::MAX;

/// The timer of a connection, and what is known of its path.
#[derive(Debug)]
pub struct Timing {
    /// When something is sent again, or the window is asked for.
    due: u64,
    /// How long that takes, in microseconds.
    timeout: u32,
    /// Times that it was in vain, one after another.
    vain: u8,
    /// The round trip and its variation, smoothed, in microseconds; no round
    /// trip is 0.
    round_trip: u32,
    variation: u32,
    /// What is being timed: the number whose acknowledgement ends it, and when
    /// it was sent.
    sample: Option<(u32, u64)>,
}

impl Timing {
    /// Of a new connection.
    pub fn new() -> Self {
        Self {
            due: NEVER,
            timeout: FIRST_MICROS,
            vain: 0,
            round_trip: 0,
            variation: 0,
            sample: None,
        }
    }

    /// When the timer runs out.
    pub fn due(&self) -> u64 {
        self.due
    }

    /// How long an acknowledgement is waited for, in microseconds.
    pub fn timeout(&self) -> u64 {
        self.timeout.into()
    }

    /// Starts the timer anew.
    pub fn start(&mut self, now: u64) {
        let timeout = u64::from(self.timeout) << self.vain;
        self.due = now.saturating_add(timeout.min(MOST_MICROS.into()));
    }

    /// Starts the timer if it does not run.
    pub fn start_if_idle(&mut self, now: u64) {
        if self.due == NEVER {
            self.start(now);
        }
    }

    /// Stops the timer.
    pub fn stop(&mut self) {
        self.due = NEVER;
    }

    /// It ran out: the next one takes twice as long.
    pub fn back_off(&mut self, now: u64) {
        self.vain = (self.vain + 1).min(7);
        self.sample = None;
        self.start(now);
    }

    /// Times the segment that ends before this number, if none is timed.
    pub fn sample(&mut self, end: u32, now: u64) {
        self.sample.get_or_insert((end, now));
    }

    /// Does not believe in what is timed.
    pub fn forget_sample(&mut self) {
        self.sample = None;
    }

    /// Something new was acknowledged, up to this number.
    pub fn acknowledged(&mut self, ack: u32, now: u64) {
        self.vain = 0;
        let Some((end, sent)) = self.sample else {
            return;
        };
        if ack.wrapping_sub(end).cast_signed() < 0 {
            return;
        }
        self.sample = None;
        let took = now.saturating_sub(sent).clamp(1, MOST_MICROS.into()) as u32;
        if self.round_trip == 0 {
            self.round_trip = took;
            self.variation = took / 2;
        } else {
            let off = self.round_trip.abs_diff(took);
            self.variation = self.variation - self.variation / 4 + off / 4;
            self.round_trip = self.round_trip - self.round_trip / 8 + took / 8;
        }
        let timeout = self
            .round_trip
            .saturating_add(self.variation.saturating_mul(4));
        self.timeout = timeout.clamp(LEAST_MICROS, MOST_MICROS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_outs_follow_the_path() {
        let mut timing = Timing::new();
        timing.start(0);
        assert_eq!(timing.due(), 1_000_000);
        timing.back_off(1_000_000);
        assert_eq!(timing.due(), 3_000_000);
        for number in 0..40 {
            let now = 10_000_000 + u64::from(number) * 1_000_000;
            timing.sample(number, now);
            timing.acknowledged(number, now + 500_000);
        }
        timing.start(0);
        assert!(
            (500_000..600_000).contains(&timing.due()),
            "{}",
            timing.due()
        );
        for _ in 0..20 {
            timing.back_off(0);
        }
        assert_eq!(timing.due(), 60_000_000);
        // What was sent more than once tells nothing.
        timing.sample(100, 0);
        timing.back_off(0);
        timing.acknowledged(100, 50_000_000);
        timing.start(0);
        assert!(timing.due() < 600_000);
    }
}
