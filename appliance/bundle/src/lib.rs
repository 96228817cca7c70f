//! The bundle: everything derived from a site, as one read-only blob.
//!
//! The generator writes it once (feature `write`); the appliance maps it and
//! answers from it. It is the one contract between the two halves, so it is
//! described here from the outside in, each layer with the rule that it keeps.
//!
//! # The head
//!
//! [`Bundle`] is a header and a table of tagged sections, each with its own
//! version, so that one can grow without the others. All numbers are
//! little-endian, nothing holds an address, sections start at multiples of
//! 16 bytes.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 8 | magic, `applgenB` |
//! | 8 | 2 | version of this format, 1 |
//! | 10 | 2 | number of sections |
//! | 12 | 4 | CRC-32 (ISO-HDLC) of header and table, with this field as zeros |
//! | 16 | 8 | length of the whole bundle |
//! | 24 | 24 each | table: tag (4), version (2), zero (2), offset (8), length (8) |
//!
//! The checksum is over the head alone: it tells a bundle that is there from
//! memory that is not (a machine with too little of it reads zeros), at a cost
//! that does not grow with the site.
//!
//! **Rule: check once, then accessors that cannot fail.** [`Bundle::parse`],
//! [`http::Site::parse`], [`dns::Zones::parse`] and the lookups in them check every bound they
//! hand out; nothing after them panics, whatever the bytes. No reader
//! allocates, copies or holds `unsafe`.
//!
//! # Sections
//!
//! | tag | what | read by |
//! |---|---|---|
//! | `boot` | default boot words, text | [`boot`] |
//! | `dns ` | names and finished record sets | [`dns`] |
//! | `http` | paths and finished answers | [`http`] |
//! | `info` | UTF-8 JSON about the site, opaque to the appliance | `applgen inspect` |
//!
//! What changes often lies last.
//!
//! # Limits
//!
//! A bundle holds at most [`MAX_BUNDLE_BYTES`]: with its kernel it stays under
//! the 2 GiB beyond which machine monitors refuse an image.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(feature = "write", test))]
extern crate std;

pub mod boot;
mod bytes;
mod crc;
pub mod date;
pub mod dns;
mod hash;
mod head;
pub mod http;
pub mod image;
pub mod show;
#[cfg(feature = "write")]
pub mod write;

pub use head::{Bundle, ParseError, Section, field::MAGIC};

/// The most bytes that a bundle may have; the generator refuses more.
pub const MAX_BUNDLE_BYTES: u64 = 1_900_000_000;

/// The section of default boot words: text as [`boot::Words::parse`] reads it.
pub const TAG_BOOT: [u8; 4] = *b"boot";

/// The section of facts about the site, JSON that only the generator reads.
pub const TAG_INFO: [u8; 4] = *b"info";

/// The section that [`http::Site`] reads.
pub const TAG_HTTP: [u8; 4] = *b"http";

/// The section that [`dns::Zones`] reads.
pub const TAG_DNS: [u8; 4] = *b"dns ";
