//! Images: a kernel and a bundle become one file that runs.
//!
//! [`kernel`] finds or compiles the kernel, [`attach`] makes it ready for the
//! bundle, [`write`] puts both into a file, and [`manifest`] says what is in it.
//! When only content changed this is file writing and nothing else.

pub mod attach;
pub mod compile;
pub mod digest;
pub mod environment;
pub mod interrupt;
pub mod kernel;
pub mod sources;
pub mod store;
pub mod target;
pub mod toolchain;

pub use kernel::{Kernel, KernelError, kernel};
pub use target::{Feature, Features, Target};

/// Where the image step tells what takes time.
pub trait Progress: Sync {
    /// What is being done now: lower case, no full stop.
    fn step(&self, what: &str);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn step(&self, _what: &str) {}
}
