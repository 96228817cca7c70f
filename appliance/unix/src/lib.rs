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
//! - [`sandbox`]: what the process gives up before it answers the first
//!   request. [`activation`]: sockets that were opened for it.
//! - `worker`, `converse`: the event loop, on mio. **Rule: a request costs two
//!   system calls.** Events are edge-triggered and registered once; a short
//!   read has taken everything; head and body leave in one gathering write;
//!   the date is formatted once a second; nothing is allocated for a request
//!   whose answer the client takes at once. A connection for one request costs
//!   two more, to accept and to close it, and its end goes out with its answer.
//!   What is left of a small answer is mostly the system's way through TCP, which
//!   io_uring does not shorten (the example `http_floor` is the least over each, and
//!   `ci/bench http` has both beside this server), and which would have to be let
//!   past seccomp.
//! - `lookout`: waiting, without falling asleep for a few microseconds.
//! - `peers`: the connections. **Rule: an idle connection holds no buffer.**
//!   Time-outs are lists in the order of time.
//! - `output`: what a client has not taken yet. **Rule: no body is copied**
//!   in this process; the system takes it from the bundle as it is mapped.
//! - `dns` (feature `dns`): UDP and TCP under `applgen-dns`, in threads of its
//!   own. **Rule: datagrams come and go in batches**, each answered in the
//!   buffer that it came in.
//!
//! # Boot words
//!
//! `http=[ADDR:]PORT`, `dns=[ADDR:]PORT`, `log=off|common|json`, `threads=N`,
//! `cookie-secret=HEX`, `user=UID[:GID]`, `sandbox=on|off`, `handover=on|off`;
//! see [`applgen_bundle::boot`].
//!
//! # Features
//!
//! `http` and `dns`, each for images whose site needs it; an image has one of
//! them at least. `tap`: the kernel of `--tap` images.
#![deny(unsafe_code)]

#[cfg(not(any(feature = "http", feature = "dns")))]
compile_error!("a kernel that serves nothing: enable the feature `http`, `dns` or both");

pub mod activation;
pub mod app;
pub mod attached;
#[cfg(feature = "http")]
mod clock;
#[cfg(feature = "http")]
mod converse;
#[cfg(feature = "dns")]
pub mod dns;
#[cfg(feature = "http")]
pub mod limits;
mod listen;
#[cfg(feature = "http")]
mod log;
#[cfg(feature = "http")]
mod lookout;
#[cfg(feature = "http")]
mod output;
#[cfg(feature = "http")]
mod peers;
pub mod sandbox;
#[cfg(feature = "http")]
mod server;
mod stop;
#[cfg(feature = "tap")]
pub mod tap;
mod threads;
#[cfg(feature = "http")]
mod worker;

#[cfg(feature = "http")]
pub use limits::Limits;
pub use listen::ListenError;
#[cfg(feature = "http")]
pub use server::{OpenServer, Options, Server};
pub use stop::{Stop, StopSignals, Stopping};
