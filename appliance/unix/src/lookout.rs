//! Waiting for events: awake for a moment where that is likely to pay off.
//!
//! To fall asleep and be woken costs a busy server and its clients more than a
//! few looks: a switch of threads each way here, an interrupt to a core that
//! went idle there. So where waits have been short, the next one is begun with
//! looking, for [`SPIN`] at most.
//!
//! Looking in vain is what an idle server must not do, nor one that keeps its
//! own client from the only core. Each time that it was in vain, twice as many
//! short waits go by before the next try, up to [`SPIN_PENALTY`].

use crate::limits::{SPIN, SPIN_PENALTY};
use mio::{Events, Poll};
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// Whether to look before sleeping, from what past waits were like.
#[derive(Debug, Default)]
pub struct Lookout {
    /// Whether the next wait is begun with looking.
    awake: bool,
    /// Short waits to let go by after the last time that it was in vain.
    penalty: u32,
    /// How many of them are left.
    skip: u32,
}

impl Lookout {
    /// Waits for events, for `timeout` at most; there may be none.
    pub fn wait(
        &mut self,
        poll: &mut Poll,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        if timeout.is_some_and(|timeout| timeout <= SPIN) {
            return look(poll, events, timeout);
        }
        let mut start = Instant::now();
        while self.awake {
            look(poll, events, Some(Duration::ZERO))?;
            let now = Instant::now();
            if !events.is_empty() {
                self.in_time();
            } else if now.saturating_duration_since(start) < SPIN {
                continue;
            } else {
                self.in_vain();
                start = now;
                break;
            }
            return Ok(());
        }
        look(poll, events, timeout)?;
        if start.elapsed() < SPIN {
            self.was_short();
        }
        Ok(())
    }

    fn in_time(&mut self) {
        self.penalty = 0;
    }

    fn in_vain(&mut self) {
        self.awake = false;
        self.penalty = (self.penalty * 2).clamp(1, SPIN_PENALTY);
        self.skip = self.penalty;
    }

    fn was_short(&mut self) {
        match self.skip.checked_sub(1) {
            Some(left) => self.skip = left,
            None => self.awake = true,
        }
    }
}

fn look(poll: &mut Poll, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
    match poll.poll(events, timeout) {
        Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_in_vain_is_given_up() {
        let mut lookout = Lookout::default();
        let mut tries = 0;
        // Every wait is short, and looking never helps: a client on the same core.
        for _ in 0..100 * SPIN_PENALTY {
            if lookout.awake {
                tries += 1;
                lookout.in_vain();
            }
            lookout.was_short();
        }
        assert!((100..=115).contains(&tries), "{tries}");
        // Once it helps, it is done again at once.
        lookout.awake = true;
        lookout.in_time();
        lookout.in_vain();
        assert_eq!(lookout.skip, 1);
    }

    #[test]
    fn time_outs_are_kept() {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        for awake in [false, true] {
            let mut lookout = Lookout {
                awake,
                ..Lookout::default()
            };
            let start = Instant::now();
            let timeout = Duration::from_millis(20);
            lookout.wait(&mut poll, &mut events, Some(timeout)).unwrap();
            assert!(start.elapsed() >= timeout);
            assert!(events.is_empty() && !lookout.awake);
            lookout
                .wait(&mut poll, &mut events, Some(Duration::ZERO))
                .unwrap();
            assert!(!lookout.awake);
        }
    }
}
