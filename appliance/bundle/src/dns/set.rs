//! Record sets: what is copied into an answer.

use super::{Name, field};
use crate::bytes::{slice, u8_at, u16_at, u32_at};

/// A set of records of one owner and type.
#[derive(Debug, Clone, Copy)]
pub struct RrSet<'b> {
    bytes: &'b [u8],
    at: u32,
    kind: u16,
    count: u16,
    ttl: u32,
    before: u8,
    names: u8,
    after: u8,
    flags: u8,
}

/// The data of one record.
#[derive(Debug, Clone, Copy)]
pub enum Record<'b> {
    /// RDLENGTH and RDATA, as they go onto the wire.
    Plain(&'b [u8]),
    /// Bytes, names, bytes.
    Named {
        /// The bytes before the names.
        before: &'b [u8],
        /// The names: one, or two (SOA, MINFO).
        names: Names<'b>,
        /// The bytes after the names.
        after: &'b [u8],
    },
}

/// The names of a record, `None` for one that is damaged.
#[derive(Debug, Clone, Copy)]
pub struct Names<'b> {
    bytes: &'b [u8],
    offsets: &'b [u8],
}

impl<'b> Iterator for Names<'b> {
    type Item = Option<Name<'b>>;

    fn next(&mut self) -> Option<Self::Item> {
        let (offset, rest) = self.offsets.split_first_chunk()?;
        self.offsets = rest;
        Some(Name::at(self.bytes, u32::from_le_bytes(*offset)))
    }
}

/// A record set that goes along in the additional section.
#[derive(Debug, Clone, Copy)]
pub struct Additional<'b> {
    /// The set.
    pub set: RrSet<'b>,
    /// Its owner's name.
    pub name: Name<'b>,
    /// Whether an answer without it is a truncated one (RFC 9471).
    pub required: bool,
}

impl<'b> RrSet<'b> {
    pub(super) fn at(bytes: &'b [u8], at: u32) -> Option<Self> {
        if at == 0 {
            return None;
        }
        let head = bytes.get(at as usize..)?.first_chunk::<{ field::SET }>()?;
        Some(Self {
            bytes,
            at,
            kind: u16_at(head, 0)?,
            count: u16_at(head, 2)?,
            ttl: u32_at(head, 4)?,
            before: u8_at(head, 16)?,
            names: u8_at(head, 17)?.min(2),
            after: u8_at(head, 18)?,
            flags: u8_at(head, 19)?,
        })
    }

    /// The type of its records.
    pub fn kind(&self) -> u16 {
        self.kind
    }

    /// How many records it has.
    pub fn count(&self) -> u16 {
        self.count
    }

    /// Whether names in its data must not be compressed.
    pub fn in_full(&self) -> bool {
        self.flags & field::SET_IN_FULL != 0
    }

    /// Whether its records stand for the addresses of whoever serves them.
    pub fn own(&self) -> bool {
        self.flags & field::SET_IS_OWN != 0
    }

    /// Their TTL in seconds.
    pub fn ttl(&self) -> u32 {
        self.ttl
    }

    /// The RRSIG records that cover it.
    pub fn signatures(&self) -> Option<Self> {
        let offset = (self.at as usize).checked_add(8)?;
        Self::at(self.bytes, u32_at(self.bytes, offset)?)
    }

    /// The records.
    pub fn records(&self) -> impl Iterator<Item = Record<'b>> + use<'b> {
        let set = *self;
        let mut at = (set.at as usize).saturating_add(field::SET);
        (0..set.count).map_while(move |_| {
            let (record, length) = set.record(at)?;
            at = at.checked_add(length)?;
            Some(record)
        })
    }

    /// The record at an offset, and its length there.
    fn record(&self, at: usize) -> Option<(Record<'b>, usize)> {
        if self.names == 0 {
            let length = self.bytes.get(at..)?.first_chunk().copied()?;
            let length = usize::from(u16::from_be_bytes(length)) + 2;
            return Some((Record::Plain(slice(self.bytes, at, length)?), length));
        }
        let before = usize::from(self.before);
        let after = usize::from(self.after);
        let pointers = usize::from(self.names) * 4;
        let length = before + pointers + after;
        let (before, rest) = slice(self.bytes, at, length)?.split_at_checked(before)?;
        let (offsets, after) = rest.split_at_checked(pointers)?;
        let bytes = self.bytes;
        let names = Names { bytes, offsets };
        let record = Record::Named {
            before,
            names,
            after,
        };
        Some((record, length))
    }

    /// What goes along in the additional section.
    pub fn additional(&self) -> impl Iterator<Item = Additional<'b>> + use<'b> {
        let bytes = self.bytes;
        let list = u32_at(bytes, (self.at as usize).saturating_add(12)).unwrap_or(0) as usize;
        let count = match list {
            0 => 0,
            _ => u32_at(bytes, list).unwrap_or(0) as usize,
        };
        let rows = list
            .checked_add(4)
            .zip(count.checked_mul(field::ADDITIONAL))
            .and_then(|(start, length)| slice(bytes, start, length))
            .unwrap_or_default();
        rows.chunks_exact(field::ADDITIONAL).filter_map(move |row| {
            Some(Additional {
                set: Self::at(bytes, u32_at(row, 0)?)?,
                name: Name::at(bytes, u32_at(row, 4)?)?,
                required: u32_at(row, 8)? != 0,
            })
        })
    }
}
