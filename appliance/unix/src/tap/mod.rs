//! The appliance on a tap device: the network code of guests, in a process.
//!
//! It has addresses of its own, and takes part in the network that the device
//! is joined to. Nothing of the host's network is used but the device, and once
//! that is open, nothing of the host at all: the process gives up everything
//! that it does not need ([`sandbox`](crate::sandbox)).
//!
//! - `device`: opens the tap device, and learns what it can do.
//! - `nic`: the device as `applgen-net` wants an interface.
//! - `serve`: the loop.

mod app;
mod device;
mod nic;
mod serve;

pub use app::run;
