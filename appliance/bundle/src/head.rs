//! The head of a bundle: header and table of sections.

use crate::bytes::{slice, u16_at, u32_at, u64_at};
use crate::crc::Crc32;
use crate::show::{Bytes, Show, display};
use core::fmt;

/// Offsets of the header's fields and sizes; the layout is in the crate's
/// documentation.
pub(crate) mod field {
    /// What every bundle begins with.
    pub const MAGIC: &[u8; 8] = b"applgenB";
    pub const VERSION: usize = 8;
    pub const COUNT: usize = 10;
    pub const CHECKSUM: usize = 12;
    pub const LENGTH: usize = 16;
    pub const TABLE: usize = 24;
    pub const ROW: usize = 24;
    /// Sections start at multiples of this.
    #[cfg(feature = "write")]
    pub const ALIGN: usize = 16;
    /// The version that this code reads and writes.
    pub const FORMAT: u16 = 1;
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseError {
    /// They do not begin like one.
    Magic,
    /// They are a bundle of another version than this code reads.
    Version(u16),
    /// The head's checksum does not fit: damaged, or not all in memory.
    Checksum,
    /// There are fewer bytes than the head says.
    Truncated,
    /// A section lies outside of the bundle.
    Section([u8; 4]),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

impl Show for ParseError {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        match self {
            Self::Magic => out("no bundle here"),
            Self::Version(version) => {
                out("the bundle has format ");
                u64::from(*version).show(out);
                out(", this kernel reads ");
                u64::from(field::FORMAT).show(out);
            }
            Self::Checksum => out("the bundle's head is damaged"),
            Self::Truncated => out("the bundle is cut short"),
            Self::Section(tag) => {
                out("section `");
                Bytes(tag).show(out);
                out("` lies outside of the bundle");
            }
        }
    }
}

impl core::error::Error for ParseError {}

/// One tagged part of a bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'b> {
    /// What it is.
    pub tag: [u8; 4],
    /// The version of its own format.
    pub version: u16,
    /// Its content.
    pub bytes: &'b [u8],
}

/// A bundle whose head has been checked.
#[derive(Debug, Clone, Copy)]
pub struct Bundle<'b> {
    bytes: &'b [u8],
    count: usize,
}

impl<'b> Bundle<'b> {
    /// Checks header, checksum and table, and that every section lies inside.
    ///
    /// Bytes after the bundle's own length are passed over, since what maps it
    /// may round up to pages.
    pub fn parse(bytes: &'b [u8]) -> Result<Self, ParseError> {
        if !bytes.starts_with(field::MAGIC) {
            return Err(ParseError::Magic);
        }
        let version = u16_at(bytes, field::VERSION).ok_or(ParseError::Truncated)?;
        if version != field::FORMAT {
            return Err(ParseError::Version(version));
        }
        let count = u16_at(bytes, field::COUNT).ok_or(ParseError::Truncated)?;
        let count = usize::from(count);
        let checksum = u32_at(bytes, field::CHECKSUM).ok_or(ParseError::Truncated)?;
        let length = u64_at(bytes, field::LENGTH).ok_or(ParseError::Truncated)?;
        let head = bytes
            .get(..field::TABLE + count * field::ROW)
            .ok_or(ParseError::Truncated)?;
        if head_checksum(head) != checksum {
            return Err(ParseError::Checksum);
        }
        let length = usize::try_from(length).map_err(|_| ParseError::Truncated)?;
        let bytes = bytes.get(..length).ok_or(ParseError::Truncated)?;
        let bundle = Self { bytes, count };
        for index in 0..count {
            bundle.row(index)?;
        }
        Ok(bundle)
    }

    /// The section with this tag; the first, should there be several.
    pub fn section(&self, tag: [u8; 4]) -> Option<Section<'b>> {
        self.sections().find(|section| section.tag == tag)
    }

    /// All sections, in the order of the table, which is that of the bundle.
    pub fn sections(&self) -> impl Iterator<Item = Section<'b>> + use<'b> {
        let bundle = *self;
        (0..self.count).filter_map(move |index| bundle.row(index).ok())
    }

    /// The bundle's own bytes, without what may follow them.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    fn row(&self, index: usize) -> Result<Section<'b>, ParseError> {
        let row = slice(self.bytes, field::TABLE + index * field::ROW, field::ROW)
            .ok_or(ParseError::Truncated)?;
        let tag = row.first_chunk().copied().ok_or(ParseError::Truncated)?;
        let outside = ParseError::Section(tag);
        let version = u16_at(row, 4).ok_or(outside)?;
        let offset = u64_at(row, 8).ok_or(outside)?;
        let length = u64_at(row, 16).ok_or(outside)?;
        let offset = usize::try_from(offset).map_err(|_| outside)?;
        let length = usize::try_from(length).map_err(|_| outside)?;
        let bytes = slice(self.bytes, offset, length).ok_or(outside)?;
        Ok(Section {
            tag,
            version,
            bytes,
        })
    }
}

/// The checksum of a head (header and table): of all but the field that holds it.
pub(crate) fn head_checksum(head: &[u8]) -> u32 {
    let before = head.get(..field::CHECKSUM).unwrap_or_default();
    let after = head.get(field::LENGTH..).unwrap_or_default();
    Crc32::new()
        .update(before)
        .update(&[0; 4])
        .update(after)
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One section, `boot` version 1, with the content `log=off`.
    const LITERAL: &[u8] = b"applgenB\
        \x01\x00\x01\x00\xac\x92\x25\x38\
        \x37\x00\x00\x00\x00\x00\x00\x00\
        boot\x01\x00\x00\x00\
        \x30\x00\x00\x00\x00\x00\x00\x00\
        \x07\x00\x00\x00\x00\x00\x00\x00\
        log=off";

    #[test]
    fn literal_bytes() {
        let bundle = Bundle::parse(LITERAL).unwrap();
        let section = bundle.section(*b"boot").unwrap();
        assert_eq!(section.version, 1);
        assert_eq!(section.bytes, b"log=off");
        assert_eq!(bundle.section(*b"http"), None);
        assert_eq!(bundle.sections().count(), 1);
    }

    #[test]
    fn bytes_after_the_bundle_are_passed_over() {
        let mut longer = LITERAL.to_vec();
        longer.extend([0xff; 100]);
        assert_eq!(Bundle::parse(&longer).unwrap().bytes(), LITERAL);
    }

    #[test]
    fn every_truncation_is_an_error() {
        for length in 0..LITERAL.len() {
            let error = Bundle::parse(&LITERAL[..length]).unwrap_err();
            assert!(matches!(error, ParseError::Magic | ParseError::Truncated));
        }
    }

    #[test]
    fn every_damaged_byte_of_the_head_is_found() {
        for index in 0..48 {
            let mut damaged = LITERAL.to_vec();
            damaged[index] ^= 0x40;
            assert!(Bundle::parse(&damaged).is_err(), "byte {index}");
        }
    }

    #[test]
    fn a_section_outside_of_the_bundle_is_named() {
        let mut bytes = LITERAL.to_vec();
        bytes[field::TABLE + 16] = 8;
        let checksum = head_checksum(&bytes[..48]);
        bytes[12..16].copy_from_slice(&checksum.to_le_bytes());
        let error = Bundle::parse(&bytes).unwrap_err();
        assert_eq!(error, ParseError::Section(*b"boot"));
    }
}
