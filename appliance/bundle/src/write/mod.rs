//! Writing a bundle: the generator's side of the format.
//!
//! ```
//! use applgen_bundle::write::{BundleWriter, HttpSection, Resource};
//!
//! let mut http = HttpSection::new();
//! http.resource(Resource {
//!     path: b"/index.html".to_vec(),
//!     media_type: "text/html; charset=utf-8".into(),
//!     identity: b"<!doctype html>\n<title>t</title>\n".to_vec().into(),
//!     etag: [7; 16],
//!     ..Resource::default()
//! })?;
//! http.alias(b"/".to_vec(), b"/index.html".to_vec());
//!
//! let mut writer = BundleWriter::new();
//! writer.boot("http=127.0.0.1:8080");
//! writer.http(http);
//! let mut bytes = Vec::new();
//! writer.finish()?.write_to(&mut bytes)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Bodies are shared, never copied: a finished bundle is a list of pieces, and
//! holds little beyond the bodies that the caller holds anyway. The bytes
//! depend on what was given, not on the order in which it was given.

mod chunk;
mod dns;
mod error;
mod hosts;
mod http;
mod layout;
mod pattern;
mod rules;

pub use chunk::{is_field, is_own_field};
pub use dns::{DnsOptions, DnsSection, Key, ZoneRecord, labels};
pub use error::WriteError;
pub use http::{HttpSection, Redirect, Resource};
pub use pattern::{Pattern, Template};
pub use rules::Rule;

use crate::head::{field, head_checksum};
use crate::{MAX_BUNDLE_BYTES, TAG_BOOT, TAG_DNS, TAG_HTTP, TAG_INFO};
use std::collections::BTreeMap;
use std::io;
use std::string::ToString;
use std::sync::Arc;
use std::vec::Vec;

/// A finished body, shared with whoever else holds it.
pub type Body = Arc<[u8]>;

/// The longest path of an answer, decoded: what the server has room for.
pub const MAX_PATH_BYTES: usize = 4096;

/// The longest `Location` of a redirect: it has to fit into the head of an
/// answer, with a query behind it.
pub const MAX_LOCATION_BYTES: usize = 2048;

/// The most bytes of the further header lines of a redirect, which have to fit
/// into the head of an answer as well.
pub const MAX_LINES_BYTES: usize = 1024;

/// A run of bytes of the finished bundle.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Owned(Vec<u8>),
    Shared(Body),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(body) => body,
        }
    }
}

/// Pieces one after another, with their length.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pieces {
    list: Vec<Piece>,
    length: u64,
}

impl Pieces {
    fn bytes(&mut self, bytes: &[u8]) {
        if let Some(Piece::Owned(last)) = self.list.last_mut() {
            last.extend_from_slice(bytes);
        } else {
            self.list.push(Piece::Owned(bytes.to_vec()));
        }
        self.length += bytes.len() as u64;
    }

    fn body(&mut self, body: &Body) {
        self.length += body.len() as u64;
        self.list.push(Piece::Shared(body.clone()));
    }

    fn append(&mut self, other: Self) {
        for piece in other.list {
            match piece {
                Piece::Owned(bytes) => self.bytes(&bytes),
                Piece::Shared(body) => self.body(&body),
            }
        }
    }

    fn pad(&mut self, align: usize) {
        let over = (self.length % align as u64) as usize;
        if over != 0 {
            self.bytes(&std::vec![0; align - over]);
        }
    }
}

/// Collects sections and lays them out.
#[derive(Debug, Default)]
pub struct BundleWriter {
    sections: BTreeMap<[u8; 4], (u16, Vec<u8>)>,
    http: Option<HttpSection>,
    duplicate: Option<[u8; 4]>,
}

impl BundleWriter {
    /// With no section yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the default boot words (see [`crate::boot`]); the caller has
    /// checked them.
    pub fn boot(&mut self, words: &str) {
        self.section(TAG_BOOT, 1, words.as_bytes().to_vec());
    }

    /// Sets the facts that `applgen inspect` shows.
    pub fn info(&mut self, json: &str) {
        self.section(TAG_INFO, 1, json.as_bytes().to_vec());
    }

    /// Sets the `http` section.
    pub fn http(&mut self, section: HttpSection) {
        if self.http.replace(section).is_some() {
            self.duplicate = Some(TAG_HTTP);
        }
    }

    /// Sets the `dns ` section.
    pub fn dns(&mut self, section: DnsSection) -> Result<(), WriteError> {
        let bytes = section.finish()?;
        self.section(TAG_DNS, crate::dns::field::VERSION, bytes);
        Ok(())
    }

    /// Adds any other section, made elsewhere.
    pub fn section(&mut self, tag: [u8; 4], version: u16, bytes: Vec<u8>) {
        if self.sections.insert(tag, (version, bytes)).is_some() {
            self.duplicate = Some(tag);
        }
    }

    /// Lays everything out: boot words, other sections by tag, `http`, and the
    /// facts last, since they change with every commit.
    pub fn finish(mut self) -> Result<FinishedBundle, WriteError> {
        if self.http.is_some() && self.sections.contains_key(&TAG_HTTP) {
            self.duplicate = Some(TAG_HTTP);
        }
        if let Some(tag) = self.duplicate {
            return Err(WriteError::DuplicateSection { tag });
        }
        let mut sections = Vec::new();
        let boot = self.sections.remove(&TAG_BOOT);
        let info = self.sections.remove(&TAG_INFO);
        let plain = |tag, (version, bytes): (u16, Vec<u8>)| {
            let mut pieces = Pieces::default();
            pieces.bytes(&bytes);
            (tag, version, pieces)
        };
        sections.extend(boot.map(|section| plain(TAG_BOOT, section)));
        sections.extend(
            self.sections
                .into_iter()
                .map(|(tag, section)| plain(tag, section)),
        );
        if let Some(http) = self.http {
            let version = crate::http::field::VERSION;
            sections.push((TAG_HTTP, version, http.finish()?));
        }
        sections.extend(info.map(|section| plain(TAG_INFO, section)));
        assemble(sections)
    }
}

fn assemble(sections: Vec<([u8; 4], u16, Pieces)>) -> Result<FinishedBundle, WriteError> {
    let count = u16::try_from(sections.len()).map_err(|_| WriteError::TooLarge {
        what: "the table of sections".to_string(),
        bytes: sections.len() as u64,
        limit: u64::from(u16::MAX),
    })?;
    let align = field::ALIGN as u64;
    let mut offset = (field::TABLE + sections.len() * field::ROW) as u64;
    let mut table = Vec::new();
    for (tag, version, pieces) in &sections {
        offset = offset.next_multiple_of(align);
        table.extend(tag);
        table.extend(version.to_le_bytes());
        table.extend([0; 2]);
        table.extend(offset.to_le_bytes());
        table.extend(pieces.length.to_le_bytes());
        offset += pieces.length;
    }
    if offset > MAX_BUNDLE_BYTES {
        return Err(WriteError::TooLarge {
            what: "the bundle".to_string(),
            bytes: offset,
            limit: MAX_BUNDLE_BYTES,
        });
    }
    let mut head = field::MAGIC.to_vec();
    head.extend(field::FORMAT.to_le_bytes());
    head.extend(count.to_le_bytes());
    head.extend([0; 4]);
    head.extend(offset.to_le_bytes());
    head.extend(table);
    let checksum = head_checksum(&head).to_le_bytes();
    head[field::CHECKSUM..field::LENGTH].copy_from_slice(&checksum);

    let mut pieces = Pieces::default();
    pieces.bytes(&head);
    let mut sizes = Vec::new();
    for (tag, version, section) in sections {
        sizes.push(SectionSize {
            tag,
            version,
            bytes: section.length,
        });
        pieces.pad(field::ALIGN);
        pieces.append(section);
    }
    Ok(FinishedBundle { pieces, sizes })
}

/// What a section of a finished bundle measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionSize {
    /// Which section.
    pub tag: [u8; 4],
    /// The version of its own format.
    pub version: u16,
    /// Its length.
    pub bytes: u64,
}

/// A bundle that is ready to be written out.
#[derive(Debug, Clone)]
pub struct FinishedBundle {
    pieces: Pieces,
    sizes: Vec<SectionSize>,
}

impl FinishedBundle {
    /// What each section measures, in the bundle's order.
    pub fn sections(&self) -> &[SectionSize] {
        &self.sizes
    }

    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        self.pieces.length
    }

    /// Whether it has none; it always has a head.
    pub fn is_empty(&self) -> bool {
        self.pieces.length == 0
    }

    /// Writes all of it.
    pub fn write_to(&self, writer: &mut impl io::Write) -> io::Result<()> {
        for piece in &self.pieces.list {
            writer.write_all(piece.bytes())?;
        }
        Ok(())
    }

    /// All of it in memory: for what serves without an image, and for tests.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.pieces.length as usize);
        for piece in &self.pieces.list {
            bytes.extend_from_slice(piece.bytes());
        }
        bytes
    }
}
