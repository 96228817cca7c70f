//! Fuzzers that run for seconds each, with the seeds that they start from.
//! `FUZZ_SECONDS=3600` makes a long run, `FUZZ_SEED=N` another one.

mod message;
mod random;
mod zone;
