//! Authoritative DNS over a bundle: a query in a buffer becomes its answer.
//!
//! Sans-I/O: there is no socket, no clock and no memory to allocate in here. A
//! driver (the process of `--unix`, the network stack of a guest, a test) hands
//! in the buffer that a query came in, and the answer is built in its place:
//!
//! ```
//! # use applgen_bundle::{Bundle, TAG_DNS, dns::Zones};
//! # use applgen_bundle::write::{BundleWriter, DnsOptions, DnsSection, ZoneRecord};
//! # let record = |kind, data: &[u8]| ZoneRecord { owner: b"\x07example\0".to_vec(), kind, ttl: 60, data: data.to_vec() };
//! # let mut section = DnsSection::new(DnsOptions::default());
//! # let soa = [&b"\0\0"[..], &[0; 20]].concat();
//! # section.zone(b"\x07example\0", vec![record(6, &soa), record(1, &[192, 0, 2, 1])])?;
//! # let mut writer = BundleWriter::new();
//! # writer.dns(section)?;
//! # let bytes = writer.finish()?.to_vec();
//! use applgen_dns::{Peer, Server, Transport};
//!
//! let bundle = Bundle::parse(&bytes)?;
//! let zones = Zones::parse(bundle.section(TAG_DNS).ok_or("no zones")?)?;
//! let server = Server::new(zones, [7; 16]);
//! let peer = Peer { address: [127, 0, 0, 1].into(), transport: Transport::Udp, seconds: 0 };
//!
//! let query = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\x07eXample\0\0\x01\0\x01";
//! let mut buffer = [0; 1232];
//! buffer[..query.len()].copy_from_slice(query);
//! let reply = server.answer(&mut buffer, query.len(), &peer).ok_or("no answer")?;
//! assert_eq!(&buffer[..12], b"\x12\x34\x84\0\0\x01\0\x01\0\0\0\0");
//! assert_eq!(&buffer[12..25], &query[12..]);
//! assert_eq!(&buffer[25..reply.length], b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The layers, from the outside in
//!
//! - [`Server::answer`]: one message. **Rule: never an answer to a response**,
//!   nor to what is too short to be a query: two servers would talk forever.
//! - `request`, `question`, `edns`: what is asked. Everything that the answer
//!   depends on is taken out of the query first, since the answer overwrites it.
//! - `tsig`: signed queries, all of whose keys are unknown.
//! - `respond`: which records answer (RFC 1034 §4.3.2, RFC 4592, RFC 6672).
//!   **Rule: what could be decided at build was**: cuts, wildcards, glue.
//! - `message`: records into the buffer, with compression. **Rule: a set is
//!   there as a whole or not at all**, and the first that does not fit ends the
//!   message.
//! - [`limit`]: response rate limiting, for the driver to ask about a reply.
//!
//! # Time and size
//!
//! A query costs a pass over its name, a hash and a comparison for each label
//! that does not exist, and the copy of the answer. Stack: about 1.5 kB.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod chaos;
mod cookie;
mod edns;
pub mod limit;
mod message;
#[cfg_attr(not(feature = "dnssec"), path = "proof/none.rs")]
mod proof;
mod question;
mod request;
mod respond;
mod server;
mod tsig;

pub use server::{Class, Own, Peer, Reply, Server, Transport};

/// The largest answer over UDP, and the payload size that is told to clients
/// (<https://dnsflagday.net/2020/>).
pub const UDP_BYTES: usize = 1232;

/// The largest answer over UDP to a client that said nothing of its buffer
/// (RFC 1035 §4.2.1).
pub const PLAIN_UDP_BYTES: usize = 512;

/// The largest message (RFC 1035 §4.2.2).
pub const MESSAGE_BYTES: usize = 65_535;

/// Aliases that are followed for one answer, DNAMEs included.
pub const MAX_ALIASES: usize = 18;
