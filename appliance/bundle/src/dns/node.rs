//! Names, and nodes: names as one zone sees them.

use super::{Ready, RrSet, Zone, field};
use crate::bytes::{slice, u16_at, u32_at};

/// What a node is, beside its record sets.
pub mod flag {
    /// The apex of its zone.
    pub const APEX: u16 = 1;
    /// It holds the NS records of a cut, and is not the apex.
    pub const CUT: u16 = 1 << 1;
    /// It lies below a cut: glue, or not ours.
    pub const BELOW_CUT: u16 = 1 << 2;
    /// It lies below the owner of a DNAME.
    pub const BELOW_DNAME: u16 = 1 << 3;
    /// It owns a DNAME.
    pub const DNAME: u16 = 1 << 4;
    /// It owns a CNAME.
    pub const CNAME: u16 = 1 << 5;
}

/// A name in wire form, with its place among all names.
#[derive(Debug, Clone, Copy)]
pub struct Name<'b> {
    bytes: &'b [u8],
    at: u32,
    parent: u32,
    labels: u8,
    wire: &'b [u8],
}

impl<'b> Name<'b> {
    pub(super) fn at(bytes: &'b [u8], at: u32) -> Option<Self> {
        if at == 0 {
            return None;
        }
        let (head, rest) = bytes
            .get(at as usize..)?
            .split_first_chunk::<{ field::NAME }>()?;
        let [p0, p1, p2, p3, length, labels] = *head;
        Some(Self {
            bytes,
            at,
            parent: u32::from_le_bytes([p0, p1, p2, p3]),
            labels,
            wire: rest.get(..length.into())?,
        })
    }

    /// A number that tells this name from all others of the section.
    pub fn id(&self) -> u32 {
        self.at
    }

    /// The name above; the root has none.
    pub fn parent(&self) -> Option<Self> {
        // Fewer labels each time: a walk up ends, whatever the bytes.
        Self::at(self.bytes, self.parent).filter(|parent| parent.labels < self.labels)
    }

    /// How many labels it has; the root has none.
    pub fn labels(&self) -> usize {
        self.labels.into()
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.labels == 0
    }

    /// Its wire form, as it was written in the zone.
    pub fn wire(&self) -> &'b [u8] {
        self.wire
    }
}

/// A name as one zone sees it.
#[derive(Debug, Clone, Copy)]
pub struct Node<'b> {
    bytes: &'b [u8],
    at: u32,
    head: &'b [u8; field::NODE],
}

impl<'b> Node<'b> {
    pub(super) fn at(bytes: &'b [u8], at: u32) -> Option<Self> {
        if at == 0 {
            return None;
        }
        let head = bytes.get(at as usize..)?.first_chunk()?;
        Some(Self { bytes, at, head })
    }

    /// A number that tells this node from all others of the section.
    pub fn id(&self) -> u32 {
        self.at
    }

    fn number(&self, offset: usize) -> u32 {
        u32_at(self.head, offset).unwrap_or(0)
    }

    /// Its name.
    pub fn name(&self) -> Option<Name<'b>> {
        Name::at(self.bytes, self.number(0))
    }

    /// Its zone; a name above every apex has none.
    pub fn zone(&self) -> Option<Zone<'b>> {
        let at = self.number(4);
        if at == 0 {
            return None;
        }
        Zone::at(self.bytes, at)
    }

    /// The cut at or above it; where there is none, the owner of the DNAME
    /// above it.
    pub fn cover(&self) -> Option<Self> {
        Self::at(self.bytes, self.number(8))
    }

    /// Its child `*`.
    pub fn wildcard(&self) -> Option<Self> {
        if self.is(flag::CUT) {
            return None;
        }
        Self::at(self.bytes, self.number(12))
    }

    /// Of a cut, what refers to it.
    pub fn referral(&self) -> Option<Ready<'b>> {
        if !self.is(flag::CUT) {
            return None;
        }
        Ready::at(self.bytes, self.number(12))
    }

    /// Whether it has any of these flags ([`flag`]).
    pub fn is(&self, flags: u16) -> bool {
        u16_at(self.head, 16).unwrap_or(0) & flags != 0
    }

    fn set_count(&self) -> usize {
        u16_at(self.head, 18).unwrap_or(0).into()
    }

    fn table(&self) -> &'b [u8] {
        let start = (self.at as usize).saturating_add(field::NODE);
        slice(self.bytes, start, self.set_count() * field::NODE_SET).unwrap_or_default()
    }

    /// Its record set of a type, in the order of the type's number.
    pub fn set(&self, kind: u16) -> Option<RrSet<'b>> {
        let row = self
            .table()
            .chunks_exact(field::NODE_SET)
            .find(|row| u16_at(row, 0) == Some(kind))?;
        RrSet::at(self.bytes, u32_at(row, 4)?).filter(|set| set.count() > 0)
    }

    /// Its record sets, by type. RRSIGs are with the sets that they cover; one
    /// over nothing is with a set without records.
    pub fn sets(&self) -> impl Iterator<Item = RrSet<'b>> + use<'b> {
        let bytes = self.bytes;
        self.table()
            .chunks_exact(field::NODE_SET)
            .filter_map(move |row| RrSet::at(bytes, u32_at(row, 4)?))
    }
}
