//! The appliance on Ethernet frames: frames in, frames out.
//!
//! A driver implements [`nic::Nic`]; a platform makes a [`Server`] of a bundle
//! and its boot words, and polls it. Everything between the two is this
//! crate's. Nothing in here knows which machine it runs on.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(not(feature = "http"))]
compile_error!("a server without a protocol serves nothing: choose the feature `http`");

extern crate alloc;
#[cfg(test)]
extern crate std;

mod clock;
mod console;
#[cfg(feature = "dhcp")]
mod dhcp;
mod frame;
#[cfg(feature = "http")]
mod http;
pub mod limits;
mod link;
mod log;
mod neighbor;
pub mod nic;
mod plan;
mod queue;
mod server;
mod service;
mod setup;
mod tcp;
mod turn;
#[cfg(feature = "udp")]
mod udp;
mod wire;

pub use console::{Console, LINE_BYTES, Line};
pub use limits::STOP_MICROS;
pub use server::{Now, Poll, Server};
pub use setup::{SEED_BYTES, Setup, SetupError};
