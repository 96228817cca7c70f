//! Threads: one for each event loop, the first of them the caller's own.

use crate::stop::Stop;
use std::io;

/// Stack of a thread; an event loop keeps nothing large on it.
const STACK_BYTES: usize = 256 * 1024;

/// Runs all `workers` until each has ended: the last in this thread, the others
/// in threads that are called `NAME-1` and so on. The first error is the result.
pub fn run_all<W: Send>(
    name: &str,
    mut workers: Vec<W>,
    run: impl Fn(W) -> io::Result<()> + Copy + Send,
    stop: &Stop,
) -> io::Result<()> {
    std::thread::scope(|scope| {
        let first = workers.pop();
        let mut others = Vec::with_capacity(workers.len());
        for (number, worker) in workers.into_iter().enumerate() {
            let thread = std::thread::Builder::new()
                .name(format!("{name}-{}", number + 1))
                .stack_size(STACK_BYTES);
            match thread.spawn_scoped(scope, move || run(worker)) {
                Ok(handle) => others.push(handle),
                Err(error) => {
                    // The scope waits for those that have started.
                    stop.stop();
                    return Err(error);
                }
            }
        }
        let mut result = first.map_or(Ok(()), run);
        // Where one thread failed, the others have no reason to go on.
        if result.is_err() {
            stop.stop();
        }
        for other in others {
            let joined = other.join();
            let joined = joined.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
            result = result.and(joined);
        }
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::Stopping;

    #[test]
    fn one_that_fails_here_stops_the_others() {
        let stop = Stop::new();
        let run = |fails: bool| match fails {
            true => Err(io::Error::other("of the first")),
            false => {
                while stop.stopping() == Stopping::No {
                    std::thread::yield_now();
                }
                Ok(())
            }
        };
        let result = run_all("test", vec![false, false, true], run, &stop);
        assert_eq!(result.unwrap_err().to_string(), "of the first");
    }

    #[test]
    fn a_thread_that_panics_is_an_error() {
        let run = |panics: bool| match panics {
            true => panic!("as the test wants"),
            false => Ok(()),
        };
        assert!(run_all("test", vec![true, false], run, &Stop::new()).is_err());
        assert!(run_all("test", vec![false, false], run, &Stop::new()).is_ok());
        assert!(run_all("test", Vec::new(), run, &Stop::new()).is_ok());
    }
}
