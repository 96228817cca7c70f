//! What all connections share: the site as it is now, what changed lately, and
//! what is wrong.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::generation::{Changes, Generation};

/// Changes that are remembered for who was away; who was for longer loads again.
const REMEMBERED: usize = 64;

/// The state, and how to wait for the next one.
#[derive(Debug, Default)]
pub struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The site as it is now.
#[derive(Debug, Default, Clone)]
pub struct State {
    /// What is served; nothing until the site could be built once.
    pub generation: Option<Arc<Generation>>,
    /// How many there have been.
    pub serial: u64,
    /// Why what is served is not what lies on the disk.
    pub fault: Option<Arc<str>>,
    changes: VecDeque<Changes>,
}

impl State {
    /// What changed since the generation of that number; nothing is known of what
    /// was too long ago.
    pub fn changes_since(&self, serial: u64) -> Option<Changes> {
        let missed = usize::try_from(self.serial.checked_sub(serial)?).ok()?;
        if missed > self.changes.len() {
            return None;
        }
        let changes = self.changes.iter().rev().take(missed);
        Some(changes.fold(Changes::default(), |all, one| all.and(*one)))
    }
}

impl Shared {
    /// Nothing built yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state as it is.
    pub fn now(&self) -> State {
        self.lock().clone()
    }

    /// What is served.
    pub fn generation(&self) -> Option<Arc<Generation>> {
        self.lock().generation.clone()
    }

    /// Serves something else from now on; says what is different.
    pub fn replace(&self, generation: Generation) -> Changes {
        let mut state = self.lock();
        let changes = match &state.generation {
            Some(before) => generation.changes_since(before),
            None => Changes::default(),
        };
        let had_fault = state.fault.take().is_some();
        if state.generation.is_none() || !changes.is_empty() {
            state.generation = Some(Arc::new(generation));
            state.serial += 1;
            state.changes.push_back(changes);
            if state.changes.len() > REMEMBERED {
                state.changes.pop_front();
            }
        } else if !had_fault {
            return changes;
        }
        drop(state);
        self.changed.notify_all();
        changes
    }

    /// Goes on serving what there was, and says why.
    pub fn fail(&self, text: &str) {
        self.lock().fault = Some(text.into());
        self.changed.notify_all();
    }

    /// Waits for a generation after `serial` or another fault than `fault`, for so
    /// long at most.
    pub fn wait(&self, serial: u64, fault: Option<&Arc<str>>, patience: Duration) -> State {
        let is_old = |state: &mut State| state.serial == serial && state.fault.as_ref() == fault;
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), patience, is_old);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
