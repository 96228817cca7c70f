//! The appliance as an ordinary process: host sockets under `applgen-http`.
//!
//! This is the kernel of `--unix` images, and a library: what `applgen run`
//! serves a site with before there is an image is the very code that ships.
//!
//! # The layers, from the outside in
//!
//! - [`app`]: a bundle and boot words in, an exit code out.
//! - [`applgen_bundle::image`]: where a process finds the bundle that was attached to it.
//!   Needs no file, so that an image runs in an empty root directory.
//! - [`server`](Server): listening sockets and threads, one for each core.
//!   **Rule: threads share nothing but the bundle and the switch that stops
//!   them.** Each has its own socket on the same address (`SO_REUSEPORT`).
//! - `worker`, `converse`: the event loop, on mio. **Rule: a request costs two
//!   system calls.** Events are edge-triggered and registered once; a short
//!   read has taken everything; head and body leave in one gathering write;
//!   the date is formatted once a second; nothing is allocated for a request
//!   whose answer the client takes at once.
//! - `peers`: the connections. **Rule: an idle connection holds no buffer.**
//!   Time-outs are lists in the order of time.
//! - `output`: what a client has not taken yet. **Rule: no body is copied**
//!   in this process; the system takes it from the bundle as it is mapped.
//!
//! # Boot words
//!
//! `http=[ADDR:]PORT`, `log=off|common`, `threads=N`; see
//! [`applgen_bundle::boot`].
#![deny(unsafe_code)]

pub mod app;
pub mod attached;
mod clock;
mod converse;
pub mod limits;
mod listen;
mod log;
mod output;
mod peers;
mod server;
mod stop;
#[cfg(feature = "tap")]
pub mod tap;
mod worker;

pub use limits::Limits;
pub use listen::ListenError;
pub use server::{Options, Server};
pub use stop::{Stop, Stopping};
