//! The appliance on Ethernet frames: frames in, frames out.
//!
//! A driver implements [`nic::Nic`]; a platform makes a [`Server`] of a bundle
//! and its boot words, and calls [`Server::poll`] whenever a frame has come or a
//! deadline has passed. Everything between the two is this crate's. Nothing in
//! here knows which machine it runs on.
//!
//! # The layers, from the link up
//!
//! - [`nic`]: the seam to the driver. **Rule: a frame that came is given back.**
//! - `frame`: what a frame is, and for whom. **Rule: lengths and checksums are
//!   looked at once, here**; what the interface has checked is not checked again.
//! - `neighbor`: ARP and neighbor discovery. **Rule: questions are answered, and
//!   nothing is asked or learnt.** Whatever this server sends answers a frame
//!   that came, and goes to where that one came from (as load balancers do,
//!   "auto last hop"): no cache to be poisoned, no packet that waits for it.
//! - `groups`: which groups this machine is in, for switches and routers.
//! - `icmp`: echo requests, and what is refused.
//! - `dhcp`: the one client in here.
//! - `udp`: datagrams, answered in the buffer that the question came in.
//! - `tcp`: connections. **Rule: nothing above it knows segments, and nothing in
//!   it knows a protocol.**
//! - `service`, `http`: what is served. **Rule: bytes come; a small head and
//!   slices of the bundle go.**
//! - `server`: the turn, which takes at most so many frames, runs every timer
//!   that is due, and flushes the interface once.
//!
//! # Memory
//!
//! [`Setup::memory_bytes`] is all that there will be. `plan` divides it when the
//! server starts: first room for some hundred connections, then larger rings,
//! then more connections. A place takes its rings when it is first used, and
//! keeps them. When there is no place left, who can best be done without makes
//! way: remembered ends, half-open ones, who takes nothing of its answer, who has
//! been idle for longest.
//!
//! # What is not here
//!
//! Fragments are dropped, in both protocols, but for those of IPv6 that are a
//! whole packet. IPv6 addresses come from `ip6=`
//! alone. TCP has no selective acknowledgements and does not scale windows: what
//! is on its way to a client is at most 64 kB.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(not(any(feature = "http", feature = "dns")))]
compile_error!("a server without a protocol serves nothing: choose the feature `http` or `dns`");

extern crate alloc;
#[cfg(test)]
extern crate std;

mod clock;
mod console;
#[cfg(feature = "dhcp")]
mod dhcp;
#[cfg(feature = "dns")]
mod dns;
#[cfg(feature = "ipv6")]
mod extensions;
mod frame;
#[cfg(feature = "ipv6")]
mod groups;
#[cfg(feature = "http")]
mod http;
mod icmp;
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
