//! Images: a kernel and a bundle become one file that runs.
//!
//! [`mod@kernel`] finds or compiles the kernel, [`mod@attach`] makes it ready for the
//! bundle, [`mod@write`] puts both into a file, and [`manifest`] says what is in it;
//! [`mod@build`] does all of that in order. When only content changed this is file
//! writing and nothing else. [`doctor`] says what a machine lacks for it.

pub mod attach;
pub mod build;
pub mod compile;
pub mod cost;
pub mod descriptors;
pub mod digest;
pub mod doctor;
pub mod environment;
pub mod interrupt;
pub mod kernel;
pub mod manifest;
pub mod pack;
mod packed;
pub mod qemu;
pub mod release;
pub mod revision;
pub mod sources;
pub mod store;
pub mod target;
pub mod toolchain;
pub mod write;
pub mod xl;

pub use attach::{Attached, attach, find_bundle};
pub use build::{ImageError, Order, build};
pub use kernel::{Kernel, KernelError, kernel};
pub use manifest::Manifest;
pub use revision::Revision;
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
