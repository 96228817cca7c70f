//! The server: polled by its platform, it takes frames and sends frames.

use crate::console::Console;
use crate::nic::Nic;
use crate::setup::{Setup, SetupError};

/// The time, as the platform knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Microseconds since any moment; never goes back.
    pub micros: u64,
    /// Seconds since 1970, where a wall clock is known: `Date` needs it.
    pub unix_seconds: Option<u64>,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// When the next turn is due, in the microseconds of [`Now`], if no frame
    /// comes before; `None`: only a frame is a reason. May have passed already:
    /// then the server has more to do at once.
    pub deadline_micros: Option<u64>,
    /// Whether frames may have been left in the interface, since one turn takes
    /// a bounded number of them: come again before waiting for an interrupt.
    pub frames_left: bool,
    /// Whether it was asked to stop, and nothing is in flight any more.
    pub stopped: bool,
}

/// A server.
#[derive(Debug)]
pub struct Server<'b> {
    setup: Setup<'b>,
}

impl<'b> Server<'b> {
    /// A server, with all the memory that it will ever take.
    pub fn new(setup: &Setup<'b>) -> Result<Self, SetupError> {
        Ok(Self { setup: *setup })
    }

    /// One turn: takes frames, answers, runs timers, and flushes the interface.
    ///
    /// To be called when a frame has come, when the transmit queue has room
    /// again after it was full, and at the deadline of the turn before.
    pub fn poll(&mut self, nic: &mut impl Nic<'b>, now: Now, console: &mut dyn Console) -> Poll {
        let _ = (nic, now, console, &self.setup);
        Poll {
            deadline_micros: None,
            frames_left: false,
            stopped: false,
        }
    }

    /// Asks it to stop: no new connection, answers in flight are finished, at
    /// most [`STOP_MICROS`] long. [`Poll::stopped`] says when.
    pub fn stop(&mut self) {}
}

/// How long answers in flight may take once the server is to stop.
pub const STOP_MICROS: u64 = 10_000_000;
