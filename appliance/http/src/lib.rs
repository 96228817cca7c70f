//! HTTP/1.1 over a bundle: bytes in, (head, slices of the bundle) out.
//!
//! Sans-I/O: there is no socket, no clock and no memory to allocate in here.
//! A driver (the process of `--unix`, the network stack of a guest, a test)
//! hands in what came over the wire, and is told what to send:
//!
//! ```
//! # use applgen_bundle::{Bundle, TAG_HTTP, http::Site};
//! # use applgen_bundle::write::{BundleWriter, HttpSection, Resource};
//! # let mut http = HttpSection::new();
//! # http.resource(Resource { path: b"/".to_vec(), identity: b"hello\n".to_vec().into(), ..Resource::default() })?;
//! # let mut writer = BundleWriter::new();
//! # writer.http(http);
//! # let bytes = writer.finish()?.to_vec();
//! use applgen_http::{Connection, Step, limits::HEAD_MAX};
//!
//! let bundle = Bundle::parse(&bytes)?;
//! let site = Site::parse(bundle.section(TAG_HTTP).ok_or("no site")?)?;
//! let mut connection = Connection::new();
//! let mut head = [0; HEAD_MAX];
//! let input = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
//! match connection.step(&site, input, None, &mut head) {
//!     Step::Need { .. } => unreachable!("the request is all there"),
//!     Step::Reply { consumed, reply } => {
//!         assert_eq!(consumed, input.len());
//!         assert_eq!(&head[..reply.head_len], b"HTTP/1.1 200 OK\r\n");
//!         assert!(reply.slices[0].ends_with(b"\r\n\r\nhello\n"));
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The layers, from the outside in
//!
//! - [`connection`](Connection): requests one after another, in any pieces.
//!   **Rule: the answers depend on the bytes, never on how they were cut.**
//!   A request is answered when all of it is there, body included, so that a
//!   fault in its framing is answered instead of the request.
//! - `head`, `chunked`: where a request ends. **Rule: what two servers might
//!   read differently is refused** (400, and the connection closes): lone LF
//!   or CR, `Content-Length` with `Transfer-Encoding` or twice, continued
//!   lines, sizes that are not quite numbers.
//! - `request`, `method`, `target`, `host`, `path`: what is asked.
//!   **Rule: decoded once.**
//! - `rules`, `encoding`, `conditional`, `range`, `multipart`, `not_found`:
//!   which answer it gets, one concern a file, each with its semantics at the
//!   top.
//! - [`reply`](Reply): what is sent. **Rule: nothing is formatted but the
//!   date**, and the numbers of a partial answer; the rest lies in the bundle.
//!
//! # Time and size
//!
//! A request costs one pass over its bytes, one look-up, and the copy of a
//! head of some 60 bytes. A connection holds a few words and no buffer. Every
//! limit is in [`limits`], with its figure.
//!
//! # What is decided at build
//!
//! Which headers an answer has, where a path redirects to, which names mean
//! which site: the bundle says so. What is here knows no configuration.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod chunked;
mod conditional;
mod connection;
pub mod date;
mod encoding;
mod head;
mod host;
pub mod limits;
mod list;
#[cfg(feature = "log")]
pub mod log;
mod method;
#[cfg(feature = "ranges")]
mod multipart;
mod not_found;
mod path;
#[cfg(feature = "ranges")]
mod range;
mod reply;
mod request;
mod respond;
#[cfg(feature = "rules")]
mod rules;
mod status;
mod target;

pub use connection::{Connection, Step, overloaded, timed_out};
pub use reply::Reply;
