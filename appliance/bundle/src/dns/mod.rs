//! The `dns ` section: from a name to the record sets that answer for it.
//!
//! # Layout
//!
//! Areas lie one after another; each is reached by offsets from the start of
//! the section (4 bytes; 0: there is none). Numbers are little-endian, but for
//! what goes onto the wire as it stands.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | number of zones |
//! | 4 | 4 | offset of the table of zones (4 bytes each: where the zone lies), by apex |
//! | 8 | 4 | binary logarithm of the number of slots, 1 to 31 |
//! | 12 | 4 | offset of the slots |
//! | 16 | 4 | the most labels that a name in the slots has |
//! | 20 | 4 | responses a second to one client network before rate limiting; 0: no limit |
//! | 24 | 4 | of limited responses, every how many-th is sent truncated; 0: none |
//! | 28 | 4 | NSID (RFC 5001): a text |
//! | 32 | 4 | answer to `version.bind` and `version.server`: a text |
//! | 36 | 4 | answer to `hostname.bind` and `id.server`: a text |
//! | 40 | 8 | zero |
//!
//! A *text* is `length (2), bytes`.
//!
//! A *slot* is `low half of the hash (4), offset of a node (4)`; an empty one
//! has the offset 0. A name with the hash `h` lies at or after (in a circle)
//! the slot that the high bits of `h` number, before the next empty one; at
//! most half of them are taken. The hash is [`name_hash`] of the
//! name in wire form and lower case.
//!
//! A *node* is a name as one zone sees it, an empty non-terminal and what lies
//! below a cut included ([`Node`]):
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | its name |
//! | 4 | 4 | its zone; 0 for a name above every apex |
//! | 8 | 4 | the cut at or above it, or the owner of the DNAME above it: a node |
//! | 12 | 4 | its child `*`: a node; of a cut, its referral: *ready records* |
//! | 16 | 2 | flags ([`flag`]) |
//! | 18 | 2 | number of record sets |
//! | 20 | 8 each | record sets, by type: `type (2), zero (2), offset (4)` |
//!
//! Only one node of a name is in the slots: that of the zone that answers for
//! it. A parent's view of a child's apex, which alone holds DS records, is
//! reached through the zone.
//!
//! A *zone*: `node of the apex, parent's node of the same name, SOA set, TTL of
//! negative answers, serial, number of records, sorted table of NSEC owners,
//! its length, hashing, SOA of negative answers (ready records)`, 4 bytes each. In a zone that has *hashing*, the table
//! is of NSEC3 owners, by hash; they are in no slot, since no query finds them
//! (RFC 5155 §7.2.8). *Hashing*: `iterations (2), length of the salt (1), salt`.
//!
//! A *name*: `parent (4), length on the wire (1), labels (1), wire form`; the
//! root has no parent and no labels. Names are shared by all zones, so that a
//! name is written as a few labels and a pointer wherever a parent of it has
//! been written before: compression is a comparison of offsets.
//!
//! A *record set* ([`RrSet`]): `type (2), number of records (2), TTL (4), RRSIG
//! set that covers it (4), additional records (4), bytes before names (1),
//! names (1), bytes after (1), flags (1)`, and then its records. Of the *flags*, 1
//! says that names are written in full, and 2 that these are addresses of the
//! appliance itself: one record, which holds the one that was known at build, or
//! zeros. A set without compressible names (RFC 3597 §4), but for DNAME,
//! holds `RDLENGTH and RDATA` as they go onto
//! the wire; one with them `bytes before, offsets of names (4 each), bytes
//! after`.
//!
//! *Ready records* ([`Ready`]) are what most referrals and negative answers have behind
//! the question, names compressed: `bytes (2), owner's length on the wire (1), authority
//! records (1), additional records (1), pointers (1), bytes before each pointer since the
//! one before it began (1 each)`, and then the records. A pointer in them is `11`, a bit
//! that says what it counts from (0: the owner's name in the question; 1: the first of
//! these records) and 13 bits of distance. What has addresses of the appliance itself, is
//! long or far apart is not there.
//!
//! *Additional records*: `number (4)`, then `record set (4), its owner's name
//! (4), whether it is required glue (4)` each.

mod node;
mod ready;
mod set;

pub use node::{Name, Node, flag};
pub use ready::Ready;
pub use set::{Additional, Record, RrSet};

use crate::Section;
use crate::bytes::{slice, u8_at, u16_at, u32_at};
pub use crate::hash::name_hash;
use crate::show::{Show, display};
use core::fmt;

/// The most bytes of a name on the wire (RFC 1035 §3.1).
pub const MAX_NAME_BYTES: usize = 255;

/// Sizes and offsets of the section, for reader and writer.
pub(crate) mod field {
    pub const VERSION: u16 = 4;
    pub const ZONES: usize = 0;
    pub const ZONE_TABLE: usize = 4;
    pub const SLOTS_LOG2: usize = 8;
    pub const SLOTS: usize = 12;
    pub const MAX_LABELS: usize = 16;
    pub const RATE_LIMIT: usize = 20;
    pub const SLIP: usize = 24;
    pub const NSID: usize = 28;
    pub const SERVER_VERSION: usize = 32;
    pub const IDENTITY: usize = 36;
    pub const HEADER: usize = 48;
    pub const SLOT: usize = 8;
    pub const NODE: usize = 20;
    pub const NODE_SET: usize = 8;
    pub const ZONE: usize = 40;
    pub const NAME: usize = 6;
    pub const SET: usize = 20;
    pub const SET_IN_FULL: u8 = 1;
    pub const SET_IS_OWN: u8 = 2;
    pub const ADDITIONAL: usize = 12;
    pub const READY: usize = 6;
    pub const FROM_RECORDS: u16 = 0x2000;
}

/// Why a section cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZonesError {
    /// It has another version than this code reads.
    Version(u16),
    /// Its tables lie outside of it.
    Tables,
}

impl fmt::Display for ZonesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

impl Show for ZonesError {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        match self {
            Self::Version(version) => {
                out("section `dns` has version ");
                u64::from(*version).show(out);
                out(", this kernel reads ");
                u64::from(field::VERSION).show(out);
            }
            Self::Tables => out("section `dns` is damaged"),
        }
    }
}

impl core::error::Error for ZonesError {}

/// The `dns ` section of a bundle, its tables checked.
#[derive(Debug, Clone, Copy)]
pub struct Zones<'b> {
    bytes: &'b [u8],
    slots: &'b [u8],
    log2: u32,
    max_labels: usize,
}

/// The deepest node at or above a name.
#[derive(Debug, Clone, Copy)]
pub struct Found<'b> {
    /// The node.
    pub node: Node<'b>,
    /// How many labels of the name are left of the node's name; 0: it is the
    /// node's own.
    pub labels_below: usize,
}

impl<'b> Zones<'b> {
    /// Checks version and tables. The cost does not depend on the zones' size:
    /// nodes and sets are checked when they are reached.
    pub fn parse(section: Section<'b>) -> Result<Self, ZonesError> {
        if section.version != field::VERSION {
            return Err(ZonesError::Version(section.version));
        }
        Self::tables(section.bytes).ok_or(ZonesError::Tables)
    }

    fn tables(bytes: &'b [u8]) -> Option<Self> {
        slice(bytes, 0, field::HEADER)?;
        let log2 = u32_at(bytes, field::SLOTS_LOG2).filter(|log2| (1..32).contains(log2))?;
        let length = (1_usize << log2).checked_mul(field::SLOT)?;
        let zones = Self {
            bytes,
            slots: slice(bytes, u32_at(bytes, field::SLOTS)? as usize, length)?,
            log2,
            max_labels: u32_at(bytes, field::MAX_LABELS)?.min(128) as usize,
        };
        let table = u32_at(bytes, field::ZONE_TABLE)? as usize;
        slice(bytes, table, zones.zone_count().checked_mul(4)?)?;
        Some(zones)
    }

    /// Finds the deepest node at or above a name.
    ///
    /// `name` is in wire form and lower case; `starts` is where in it each of
    /// its labels begins, the root's last.
    pub fn find(&self, name: &[u8], starts: &[u8]) -> Option<Found<'b>> {
        // Names with more labels than any node are looked at from there on.
        let first = (starts.len().saturating_sub(1)).saturating_sub(self.max_labels);
        for (labels_below, &start) in starts.iter().enumerate().skip(first) {
            let suffix = name.get(usize::from(start)..)?;
            if let Some(node) = self.probe(suffix) {
                return Some(Found { node, labels_below });
            }
        }
        None
    }

    /// The node of exactly this name, in wire form and lower case.
    fn probe(&self, name: &[u8]) -> Option<Node<'b>> {
        let hash = name_hash(name);
        let mask = (1_usize << self.log2) - 1;
        let mut index = (hash >> (64 - self.log2)) as usize;
        for _ in 0..=mask {
            let slot = self.slots.get(index * field::SLOT..)?.first_chunk::<8>()?;
            let [t0, t1, t2, t3, n0, n1, n2, n3] = *slot;
            let node = u32::from_le_bytes([n0, n1, n2, n3]);
            if node == 0 {
                return None;
            }
            if u32::from_le_bytes([t0, t1, t2, t3]) == hash as u32 {
                let node = Node::at(self.bytes, node)?;
                // Most names are written in lower case, as the one here is.
                let wire = node.name()?.wire();
                if wire == name || wire.eq_ignore_ascii_case(name) {
                    return Some(node);
                }
            }
            index = (index + 1) & mask;
        }
        None
    }

    /// How many zones there are.
    pub fn zone_count(&self) -> usize {
        u32_at(self.bytes, field::ZONES).unwrap_or(0) as usize
    }

    /// The zones, by apex.
    pub fn zones(&self) -> impl Iterator<Item = Zone<'b>> + use<'b> {
        let bytes = self.bytes;
        let table = u32_at(bytes, field::ZONE_TABLE).unwrap_or(0) as usize;
        (0..self.zone_count()).filter_map(move |index| {
            let offset = u32_at(bytes, table.checked_add(index.checked_mul(4)?)?)?;
            Zone::at(bytes, offset)
        })
    }

    /// The node of a number that [`Node::id`] gave.
    pub fn node(&self, id: u32) -> Option<Node<'b>> {
        Node::at(self.bytes, id)
    }

    /// Every node that a name leads to, in no order: for what lists or compares
    /// zones. The parent's side of an apex is reached from its zone.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'b>> + use<'b> {
        let bytes = self.bytes;
        self.slots
            .chunks_exact(field::SLOT)
            .filter_map(move |slot| Node::at(bytes, u32_at(slot, 4)?))
    }

    /// Responses a second to one client network before rate limiting; 0: no
    /// limit.
    pub fn rate_limit(&self) -> u32 {
        u32_at(self.bytes, field::RATE_LIMIT).unwrap_or(0)
    }

    /// Of limited responses, every how many-th is sent truncated; 0: none.
    pub fn slip(&self) -> u32 {
        u32_at(self.bytes, field::SLIP).unwrap_or(0)
    }

    /// The server's NSID (RFC 5001).
    pub fn nsid(&self) -> Option<&'b [u8]> {
        self.text(field::NSID)
    }

    /// What `version.bind` and `version.server` answer.
    pub fn version(&self) -> Option<&'b [u8]> {
        self.text(field::SERVER_VERSION)
    }

    /// What `hostname.bind` and `id.server` answer (RFC 4892).
    pub fn identity(&self) -> Option<&'b [u8]> {
        self.text(field::IDENTITY)
    }

    fn text(&self, field: usize) -> Option<&'b [u8]> {
        let offset = u32_at(self.bytes, field).filter(|&offset| offset != 0)? as usize;
        let length = u16_at(self.bytes, offset)?;
        slice(self.bytes, offset.checked_add(2)?, length.into())
    }
}

/// How names are hashed (RFC 5155 §5); the algorithm is SHA-1.
#[derive(Debug, Clone, Copy)]
pub struct Hashing<'b> {
    /// How many times more than once.
    pub iterations: u16,
    /// What is hashed along.
    pub salt: &'b [u8],
}

/// A zone.
#[derive(Debug, Clone, Copy)]
pub struct Zone<'b> {
    bytes: &'b [u8],
    head: &'b [u8; field::ZONE],
    at: u32,
}

impl<'b> Zone<'b> {
    pub(crate) fn at(bytes: &'b [u8], at: u32) -> Option<Self> {
        let head = bytes.get(at as usize..)?.first_chunk()?;
        Some(Self { bytes, head, at })
    }

    /// One of the fields, by its number.
    fn number(&self, index: usize) -> u32 {
        u32_at(self.head, index * 4).unwrap_or(0)
    }

    /// A number that tells this zone from the others of the section.
    pub fn id(&self) -> u32 {
        self.at
    }

    /// Its apex.
    pub fn apex(&self) -> Option<Node<'b>> {
        Node::at(self.bytes, self.number(0))
    }

    /// The apex as the parent zone sees it, where that is here too.
    pub fn parent_side(&self) -> Option<Node<'b>> {
        Node::at(self.bytes, self.number(1))
    }

    /// Its SOA record set.
    pub fn soa(&self) -> Option<RrSet<'b>> {
        RrSet::at(self.bytes, self.number(2))
    }

    /// The SOA of a negative answer.
    pub fn denial(&self) -> Option<Ready<'b>> {
        Ready::at(self.bytes, self.number(9))
    }

    /// The TTL of its negative answers in seconds (RFC 2308 §5).
    pub fn negative_ttl(&self) -> u32 {
        self.number(3)
    }

    /// Its serial number.
    pub fn serial(&self) -> u32 {
        self.number(4)
    }

    /// How many records it has.
    pub fn record_count(&self) -> u32 {
        self.number(5)
    }

    /// How its NSEC3 records hash names, where it has any.
    pub fn hashing(&self) -> Option<Hashing<'b>> {
        let at = self.number(8) as usize;
        if at == 0 {
            return None;
        }
        let length = u8_at(self.bytes, at.checked_add(2)?)?;
        Some(Hashing {
            iterations: u16_at(self.bytes, at)?,
            salt: slice(self.bytes, at.checked_add(3)?, length.into())?,
        })
    }

    /// How many names own an NSEC record, or an NSEC3 record where there is
    /// [hashing](Self::hashing).
    pub fn nsec_count(&self) -> usize {
        self.number(7) as usize
    }

    /// The owner of one of these records, by its place in the canonical order.
    pub fn nsec_owner(&self, index: usize) -> Option<Node<'b>> {
        let index = Some(index).filter(|&index| index < self.nsec_count())?;
        let offset = (self.number(6) as usize).checked_add(index.checked_mul(4)?)?;
        Node::at(self.bytes, u32_at(self.bytes, offset)?)
    }
}
