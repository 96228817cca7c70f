//! The appliance on Ethernet frames: frames in, frames out.
//!
//! A driver implements [`nic::Nic`]; a platform makes a [`Server`] of a bundle
//! and its boot words, and polls it. Everything between the two is this
//! crate's. Nothing in here knows which machine it runs on.
#![no_std]
#![forbid(unsafe_code)]

mod console;
pub mod nic;
mod server;
mod setup;

pub use console::{Console, LINE_BYTES, Line};
pub use server::{Now, Poll, STOP_MICROS, Server};
pub use setup::{SEED_BYTES, Setup, SetupError};
