//! Stopping: one switch that every thread sees.

use mio::Waker;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How far stopping has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopping {
    /// Not at all.
    No,
    /// Answers in flight are finished.
    Gracefully,
    /// At once.
    Now,
}

/// A switch that stops a server. Clones are the same switch.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    asked: AtomicU8,
    wakers: Mutex<Vec<Waker>>,
}

impl Stop {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop: the first time for answers in flight to be finished,
    /// after that at once.
    pub fn stop(&self) {
        let add = |asked: u8| Some(asked.saturating_add(1));
        let _ = self
            .shared
            .asked
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, add);
        let wakers = &self.shared.wakers;
        for waker in wakers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // A thread that is gone needs no waking.
            let _ = waker.wake();
        }
    }

    /// What was asked.
    pub fn stopping(&self) -> Stopping {
        match self.shared.asked.load(Ordering::Acquire) {
            0 => Stopping::No,
            1 => Stopping::Gracefully,
            _ => Stopping::Now,
        }
    }

    /// Takes SIGTERM, SIGINT and SIGHUP, from now on; what they do is done by
    /// [`StopSignals::watch`], and is not lost until then.
    pub fn signals(&self) -> io::Result<StopSignals> {
        Ok(StopSignals {
            signals: Signals::new([SIGTERM, SIGINT, SIGHUP])?,
            stop: self.clone(),
        })
    }

    /// Wakes this as well.
    pub(crate) fn add(&self, waker: Waker) {
        let wakers = &self.shared.wakers;
        wakers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(waker);
    }
}

/// The signals that stop a server, taken and not yet waited for: a process
/// enters its sandbox between the two, when there is no second thread yet.
#[derive(Debug)]
pub struct StopSignals {
    signals: Signals,
    stop: Stop,
}

impl StopSignals {
    /// Waits for them in a thread.
    pub fn watch(mut self) -> io::Result<()> {
        std::thread::Builder::new()
            .name("signals".into())
            .stack_size(64 * 1024)
            .spawn(move || self.signals.forever().for_each(|_| self.stop.stop()))?;
        Ok(())
    }
}
