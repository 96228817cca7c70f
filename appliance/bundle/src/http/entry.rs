//! An entry: what one path answers with.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 1 | kind: 1 resource, 2 alias, 3 redirect, 4 bare status |
//! | 1 | 1 | number of representations (0 unless it is a resource) |
//! | 2 | 2 | status |
//! | 4 | 2 | length of the path |
//! | 6 | 2 | length of the target: an alias' path, a redirect's location |
//! | 8 | 2 | virtual host |
//! | 10 | 2 | flags: 1 = volatile |
//! | 12 | 2 | length of a redirect's header lines, which follow its location |
//! | 14 | 2 | zero |
//! | 16 | 8 | last modification, seconds since 1970; all ones: unknown |
//! | 24 | 20 each | representations |
//!
//! then the path, the target, and the representations' bytes or header lines. A row of the
//! table of representations is
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 1 | encoding: 0 identity, 1 gzip, 2 br |
//! | 1 | 1 | length of the entity tag, quotes included; 0: there is none, and no `ETag` line |
//! | 2 | 2 | length of the `Content-Length` line |
//! | 4 | 2 | length of the lines that describe the content |
//! | 6 | 2 | length of the validators and what else a 304 repeats |
//! | 8 | 4 | start, relative to the chunk |
//! | 12 | 8 | length of the body |
//!
//! and its bytes are one run, ready for the wire:
//!
//! ```text
//! Content-Length: 1234              ┐ length line
//! Content-Type: text/html; …        ┐
//! Accept-Ranges: bytes              │
//! Content-Encoding: br              ┘ content lines
//! ETag: "…-b"                       ┐
//! Last-Modified: …                  │
//! Vary: Accept-Encoding             │ validator lines
//! Cache-Control: …                  │
//! X-Anything: …                     ┘
//!                                     blank line
//! body
//! ```
//!
//! A 200 is a status line, the date, and the whole run. A `HEAD` stops before
//! the body. A 304 takes the validator lines and the blank line; a 206 its own
//! length, everything after the length line, and a slice of the body.

use super::HostId;
use crate::bytes::{slice, u8_at, u16_at, u32_at, u64_at};

/// Sizes and codes of a chunk, for reader and writer.
pub(crate) mod field {
    pub const HEADER: usize = 24;
    pub const ROW: usize = 20;
    /// What an `ETag` line has before the tag.
    pub const ETAG: &[u8] = b"ETag: ";
    /// What a `Content-Type` line begins with.
    pub const CONTENT_TYPE: &[u8] = b"Content-Type: ";
    pub const RESOURCE: u8 = 1;
    pub const ALIAS: u8 = 2;
    pub const REDIRECT: u8 = 3;
    pub const BARE: u8 = 4;
    pub const FLAG_VOLATILE: u16 = 1;
}

/// What kind of answer an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Representations to choose from.
    Resource,
    /// Another path's answer.
    Alias,
    /// A status and a `Location`.
    Redirect,
    /// A status, and no page.
    Bare,
}

/// How a representation's body is coded (RFC 9110 §8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// Not at all.
    Identity,
    /// `gzip`.
    Gzip,
    /// `br`: Brotli.
    Brotli,
}

impl Encoding {
    /// All of them, in the order of the bundle.
    pub const ALL: [Self; 3] = [Self::Identity, Self::Gzip, Self::Brotli];

    /// Its name in `Accept-Encoding` and `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Brotli => "br",
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// One path's answer, its bounds checked.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'b> {
    chunk: &'b [u8],
    kind: Kind,
    status: u16,
    host: u16,
    flags: u16,
    representations: u8,
    last_modified: u64,
    path: &'b [u8],
    target: &'b [u8],
    lines: &'b [u8],
}

impl<'b> Entry<'b> {
    /// Checks the chunk at the beginning of `chunk`, but for its
    /// representations, which are checked as they are taken out.
    pub(super) fn parse(chunk: &'b [u8]) -> Option<Self> {
        let kind = match u8_at(chunk, 0)? {
            field::RESOURCE => Kind::Resource,
            field::ALIAS => Kind::Alias,
            field::REDIRECT => Kind::Redirect,
            field::BARE => Kind::Bare,
            _ => return None,
        };
        let representations = u8_at(chunk, 1).filter(|&count| count <= 3)?;
        let path_at = field::HEADER + usize::from(representations) * field::ROW;
        let path_length = usize::from(u16_at(chunk, 4)?);
        let target_length = usize::from(u16_at(chunk, 6)?);
        let lines_at = path_at + path_length + target_length;
        Some(Self {
            kind,
            representations,
            status: u16_at(chunk, 2).filter(|status| (200..600).contains(status))?,
            host: u16_at(chunk, 8)?,
            flags: u16_at(chunk, 10)?,
            last_modified: u64_at(chunk, 16)?,
            path: slice(chunk, path_at, path_length)?,
            target: slice(chunk, path_at + path_length, target_length)?,
            lines: slice(chunk, lines_at, usize::from(u16_at(chunk, 12)?))?,
            chunk,
        })
    }

    /// What kind of answer it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The status that it answers with.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The same answer with another status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The path that it answers for, decoded.
    pub fn path(&self) -> &'b [u8] {
        self.path
    }

    /// The virtual host that it belongs to.
    pub fn host(&self) -> HostId {
        HostId(self.host)
    }

    /// The path that an alias stands for, or a redirect's `Location`.
    pub fn target(&self) -> &'b [u8] {
        self.target
    }

    /// A redirect's further header lines, each with its end.
    pub fn lines(&self) -> &'b [u8] {
        self.lines
    }

    /// When it last changed, in seconds since 1970, if that is known.
    pub fn last_modified(&self) -> Option<u64> {
        Some(self.last_modified).filter(|&seconds| seconds != u64::MAX)
    }

    /// Whether it was laid among what changes often.
    pub fn is_volatile(&self) -> bool {
        self.flags & field::FLAG_VOLATILE != 0
    }

    /// Whether there is more than one representation, so that an answer
    /// depends on `Accept-Encoding`.
    pub fn varies(&self) -> bool {
        self.representations > 1
    }

    /// Its representations, identity first.
    pub fn representations(&self) -> impl Iterator<Item = Representation<'b>> + use<'b> {
        let chunk = self.chunk;
        (0..usize::from(self.representations)).filter_map(move |index| {
            let row = slice(chunk, field::HEADER + index * field::ROW, field::ROW)?;
            Representation::parse(chunk, row)
        })
    }

    /// The representation with this encoding.
    pub fn representation(&self, encoding: Encoding) -> Option<Representation<'b>> {
        self.representations()
            .find(|representation| representation.encoding == encoding)
    }
}

/// One finished form of a resource: header lines and body.
#[derive(Debug, Clone, Copy)]
pub struct Representation<'b> {
    encoding: Encoding,
    etag_length: u8,
    length_line: u16,
    content_lines: u16,
    validator_lines: u16,
    run: &'b [u8],
}

impl<'b> Representation<'b> {
    fn parse(chunk: &'b [u8], row: &[u8]) -> Option<Self> {
        let mut representation = Self {
            encoding: Encoding::from_code(u8_at(row, 0)?)?,
            etag_length: u8_at(row, 1)?,
            length_line: u16_at(row, 2)?,
            content_lines: u16_at(row, 4)?,
            validator_lines: u16_at(row, 6)?,
            run: &[],
        };
        let start = u32_at(row, 8)? as usize;
        let body = usize::try_from(u64_at(row, 12)?).ok()?;
        let length = representation.body_start().checked_add(body)?;
        representation.run = slice(chunk, start, length)?;
        Some(representation)
    }

    fn body_start(&self) -> usize {
        self.validators_start() + usize::from(self.validator_lines) + 2
    }

    fn validators_start(&self) -> usize {
        usize::from(self.length_line) + usize::from(self.content_lines)
    }

    /// From `start` to `end` of the run, where both come from checked lengths.
    fn part(&self, start: usize, end: usize) -> &'b [u8] {
        self.run.get(start..end).unwrap_or_default()
    }

    /// How its body is coded.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// All header lines, the blank line and the body: the rest of a 200.
    pub fn run(&self) -> &'b [u8] {
        self.run
    }

    /// All header lines and the blank line: the rest of an answer to `HEAD`.
    pub fn header_lines(&self) -> &'b [u8] {
        self.part(0, self.body_start())
    }

    /// All header lines but `Content-Length`, and the blank line: for a 206.
    pub fn header_lines_without_length(&self) -> &'b [u8] {
        self.part(usize::from(self.length_line), self.body_start())
    }

    /// The `Content-Type` line, or nothing where there is none.
    pub fn content_type_line(&self) -> &'b [u8] {
        let start = usize::from(self.length_line);
        self.part(start, start + self.content_type_length())
    }

    /// All header lines but `Content-Length` and `Content-Type`, and the blank
    /// line: for a 206 of several parts.
    pub fn header_lines_without_type(&self) -> &'b [u8] {
        let start = usize::from(self.length_line) + self.content_type_length();
        self.part(start, self.body_start())
    }

    /// Where there is one, it is the first of the lines that describe the content.
    fn content_type_length(&self) -> usize {
        let start = usize::from(self.length_line);
        let lines = self.part(start, self.validators_start());
        match lines.starts_with(field::CONTENT_TYPE) {
            true => lines
                .iter()
                .position(|&byte| byte == b'\n')
                .map_or(0, |end| end + 1),
            false => 0,
        }
    }

    /// Validators and what else a 304 repeats (RFC 9110 §15.4.5), and the blank line.
    pub fn validator_lines(&self) -> &'b [u8] {
        self.part(self.validators_start(), self.body_start())
    }

    /// The entity tag with its quotes; it is always a strong one. A page for what
    /// is missing has none.
    pub fn etag(&self) -> &'b [u8] {
        let start = self.validators_start() + field::ETAG.len();
        self.part(start, start + usize::from(self.etag_length))
    }

    /// The body.
    pub fn body(&self) -> &'b [u8] {
        self.part(self.body_start(), self.run.len())
    }

    /// Where in [`Representation::run`] the body begins.
    pub fn body_offset(&self) -> usize {
        self.body_start()
    }
}
