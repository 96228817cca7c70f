//! Work of a library that has no bounds of its own: Sass, whose loops and functions
//! may go on without an end. It gets a thread with a large stack, and is watched.
//!
//! A thread cannot be stopped from outside. So where a bound is passed the command
//! says what it was doing and ends, with the exit code of a site that is at fault.

use std::{
    process, thread,
    time::{Duration, Instant},
};

use crate::report::{self, Diagnostic};

/// The stack: mapped, and taken only as far as it is used.
const STACK_BYTES: usize = 1 << 30;
/// How much more memory the process may take meanwhile: less than the stack, so
/// that a recursion is told before it overflows.
const MAX_GROWTH_BYTES: u64 = 640 << 20;
/// How long it may take.
const MAX_TIME: Duration = Duration::from_secs(60);
/// How often a look is taken.
const PERIOD: Duration = Duration::from_millis(10);

/// Runs `work`; where it passes a bound, the command ends with what `passed` says.
pub fn run<T: Send>(passed: impl FnOnce() -> Diagnostic, work: impl FnOnce() -> T + Send) -> T {
    let (start, before) = (Instant::now(), resident_bytes());
    let this = thread::current();
    thread::scope(|scope| {
        let worker =
            thread::Builder::new()
                .stack_size(STACK_BYTES)
                .spawn_scoped(scope, move || {
                    let made = work();
                    this.unpark();
                    made
                });
        let worker = match worker {
            Ok(worker) => worker,
            Err(error) => {
                report::tell(&Diagnostic::error(format!(
                    "no thread can be started: {error}"
                )));
                process::exit(2);
            }
        };
        while !worker.is_finished() {
            let grown = resident_bytes().saturating_sub(before);
            if grown > MAX_GROWTH_BYTES || start.elapsed() > MAX_TIME {
                report::tell(&passed());
                process::exit(1);
            }
            thread::park_timeout(PERIOD);
        }
        match worker.join() {
            Ok(made) => made,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// What the process has of memory; 0 where that is not known.
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|n| n.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_within_bounds_is_done() {
        let never = || Diagnostic::error("never");
        assert_eq!(run(never, || 6 * 7), 42);
        let panics = std::panic::catch_unwind(|| run(never, || panic!("as it would")));
        assert!(panics.is_err());
    }
}
