//! The `http` section: from a path to a finished answer.
//!
//! # Layout
//!
//! Chunks first, one for each path (see [`entry`](Entry)), then the index that
//! leads to them. Offsets of areas are relative to the section.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | number of entries |
//! | 4 | 4 | binary logarithm of the number of groups |
//! | 8 | 4 | offset of the table of groups |
//! | 12 | 4 | offset of the table of entries |
//! | 16 | 4 | how many directories deep the deepest 404 page lies, plus 1; 0: there is none |
//! | 20 | 4 | offset of the table of host names (see [`Hosts`]) |
//! | 24 | 4 | number of host names (0: one site answers every host) |
//! | 28 | 4 | offset of the rules (see [`Rules`]; 0: there is none) |
//! | 32 | 16 | [`Limits`] |
//!
//! A *group* holds the entries whose hashes begin with the same bits, about 16
//! to 32 of them: `first entry, base of lasting chunks, base of volatile
//! chunks`, 4 bytes each. An *entry* is `low half of the hash, offset of its
//! chunk from the group's base`, 4 bytes each; the offset's top bit says which
//! base. The entries of a group are sorted by their hash, so that a lookup is
//! one group, five comparisons, and one comparison of the path itself: the
//! same for ten files and for a hundred thousand.
//!
//! # Stable under small edits
//!
//! Deployment keeps every image in git, so an edit should change few bytes.
//! Everything in a chunk is relative to the chunk. A chunk that grows moves
//! the chunks after it: that changes one base for each later group, and the
//! offsets of its own group alone. An added path changes its own group alone,
//! but for those bases. What changes often (pages) lies after what does not
//! (pictures, fonts), so that edits leave the front of the section as it was.

mod entry;
mod hosts;
mod limits;
pub mod pattern;
mod rules;

#[cfg(feature = "write")]
pub(crate) use entry::field as chunk_field;
#[cfg(feature = "write")]
pub(crate) use rules::field as rule_field;

pub use entry::{Encoding, Entry, Kind, Representation};
pub use hosts::{Host, Hosts};
pub use limits::Limits;
pub use rules::{Rule, Rules};

use crate::Section;
use crate::bytes::{slice, u32_at};
use crate::hash::{group_of, path_hash};
use crate::show::{Show, display};
use core::fmt;

/// Sizes and offsets of the section, for reader and writer.
pub(crate) mod field {
    pub const VERSION: u16 = 3;
    pub const ENTRIES: usize = 0;
    pub const GROUPS_LOG2: usize = 4;
    pub const GROUP_TABLE: usize = 8;
    pub const ENTRY_TABLE: usize = 12;
    pub const NOT_FOUND_DEPTH: usize = 16;
    pub const HOST_TABLE: usize = 20;
    pub const HOSTS: usize = 24;
    pub const RULES: usize = 28;
    pub const LIMITS: usize = 32;
    pub const HEADER: usize = 48;
    pub const GROUP: usize = 12;
    pub const ENTRY: usize = 8;
    /// The most entries that a group holds on average.
    #[cfg(feature = "write")]
    pub const GROUP_LOAD: usize = 32;
    /// In an entry's offset: the chunk lies among the volatile ones.
    pub const VOLATILE: u32 = 1 << 31;
}

/// Why a section cannot be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteError {
    /// It has another version than this code reads.
    Version(u16),
    /// Its tables lie outside of it.
    Tables,
}

impl fmt::Display for SiteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

impl Show for SiteError {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        match self {
            Self::Version(version) => {
                out("section `http` has version ");
                u64::from(*version).show(out);
                out(", this kernel reads ");
                u64::from(field::VERSION).show(out);
            }
            Self::Tables => out("section `http` is damaged"),
        }
    }
}

impl core::error::Error for SiteError {}

/// A virtual host, as [`Site::host`] found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostId(pub(crate) u16);

impl HostId {
    /// The host that answers for names that no other host claims.
    pub const DEFAULT: Self = Self(0);

    /// Its number, from 0.
    pub fn number(self) -> u16 {
        self.0
    }
}

/// The `http` section of a bundle, its tables checked.
#[derive(Debug, Clone, Copy)]
pub struct Site<'b> {
    bytes: &'b [u8],
    groups: &'b [u8],
    entries: &'b [u8],
    groups_log2: u32,
    not_found_depth: u32,
    hosts: Hosts<'b>,
    rules: Rules<'b>,
    limits: Limits,
}

impl<'b> Site<'b> {
    /// Checks version and tables. The cost does not depend on the site's size:
    /// chunks are checked when they are looked up.
    pub fn parse(section: Section<'b>) -> Result<Self, SiteError> {
        if section.version != field::VERSION {
            return Err(SiteError::Version(section.version));
        }
        Self::tables(section.bytes).ok_or(SiteError::Tables)
    }

    fn tables(bytes: &'b [u8]) -> Option<Self> {
        let number = |offset| Some(u32_at(bytes, offset)? as usize);
        slice(bytes, 0, field::HEADER)?;
        let groups_log2 = u32_at(bytes, field::GROUPS_LOG2).filter(|&log2| log2 < 32)?;
        let groups = (1_usize << groups_log2).checked_mul(field::GROUP)?;
        let entries = number(field::ENTRIES)?.checked_mul(field::ENTRY)?;
        Some(Self {
            bytes,
            groups: slice(bytes, number(field::GROUP_TABLE)?, groups)?,
            entries: slice(bytes, number(field::ENTRY_TABLE)?, entries)?,
            groups_log2,
            not_found_depth: u32_at(bytes, field::NOT_FOUND_DEPTH)?,
            hosts: Hosts::parse(bytes, number(field::HOST_TABLE)?, number(field::HOSTS)?)?,
            rules: Rules::parse(bytes, number(field::RULES)?)?,
            limits: Limits::parse(bytes)?,
        })
    }

    /// What a `Host` field (without its port) means; without one, the default.
    pub fn host(&self, name: Option<&[u8]>) -> Host<'b> {
        self.hosts.find(name.unwrap_or_default())
    }

    /// The names of virtual hosts; none where one site answers every host.
    pub fn hosts(&self) -> Hosts<'b> {
        self.hosts
    }

    /// What answers for paths that have no entry.
    pub fn rules(&self) -> Rules<'b> {
        self.rules
    }

    /// How much the site wants to hold, and how long to wait.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The entry of `path` (decoded, beginning with `/`); an alias is followed,
    /// and gives its status where that is not 200.
    pub fn lookup(&self, host: HostId, path: &[u8]) -> Option<Entry<'b>> {
        self.lookup_in(host, path, b"")
    }

    /// The entry of `name` in `directory` (which ends with `/`), without a
    /// buffer to put them together.
    pub fn lookup_in(&self, host: HostId, directory: &[u8], name: &[u8]) -> Option<Entry<'b>> {
        let entry = self.find(host, directory, name)?;
        match entry.kind() {
            // Aliases never lead to aliases; where they do, nobody follows.
            Kind::Alias => self
                .find(host, entry.target(), b"")
                .filter(|found| found.kind() != Kind::Alias)
                .map(|found| match entry.status() {
                    200 => found,
                    status => found.with_status(status),
                }),
            Kind::Resource | Kind::Redirect | Kind::Bare => Some(entry),
        }
    }

    /// How many directories from the top a search for `404.html` has to look
    /// into: 0 when the site has no such page, 1 when only the top has one.
    pub fn not_found_depth(&self) -> usize {
        self.not_found_depth as usize
    }

    /// How many entries there are.
    pub fn entry_count(&self) -> usize {
        self.entries.len() / field::ENTRY
    }

    /// Every entry, aliases as such, in the order of the index: by hash, so
    /// that what lists them sorts by path. A damaged chunk is left out: compare
    /// with [`Site::entry_count`].
    pub fn entries(&self) -> impl Iterator<Item = Entry<'b>> + use<'b> {
        let site = *self;
        let groups =
            (0..self.groups.len() / field::GROUP).filter_map(move |index| site.group(index));
        // Each entry once, even where a damaged table lets groups overlap.
        let mut next = 0;
        groups.flat_map(move |group| {
            let first = group.first.max(next);
            next = next.max(group.end);
            (first..group.end).filter_map(move |index| site.entry(&group, index))
        })
    }

    /// The entry of exactly this path, aliases not followed.
    fn find(&self, host: HostId, directory: &[u8], name: &[u8]) -> Option<Entry<'b>> {
        let hash = path_hash(host.0, directory, name);
        let group = self.group(group_of(hash, self.groups_log2))?;
        let wanted = hash as u32;
        let (mut low, mut high) = (group.first, group.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entry_hash(middle)? < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        while low < group.end && self.entry_hash(low)? == wanted {
            let entry = self.entry(&group, low)?;
            if entry.host() == host && entry.path().strip_prefix(directory) == Some(name) {
                return Some(entry);
            }
            low += 1;
        }
        None
    }

    fn group(&self, index: usize) -> Option<Group> {
        let offset = index.checked_mul(field::GROUP)?;
        let row = slice(self.groups, offset, field::GROUP)?;
        let end = match u32_at(self.groups, offset + field::GROUP) {
            Some(next) => next as usize,
            None => self.entry_count(),
        };
        Some(Group {
            first: u32_at(row, 0)? as usize,
            end: end.min(self.entry_count()),
            lasting: u32_at(row, 4)? as usize,
            volatile: u32_at(row, 8)? as usize,
        })
    }

    fn entry_hash(&self, index: usize) -> Option<u32> {
        u32_at(self.entries, index.checked_mul(field::ENTRY)?)
    }

    fn entry(&self, group: &Group, index: usize) -> Option<Entry<'b>> {
        let offset = u32_at(self.entries, index.checked_mul(field::ENTRY)? + 4)?;
        let base = match offset & field::VOLATILE {
            0 => group.lasting,
            _ => group.volatile,
        };
        let start = base.checked_add((offset & !field::VOLATILE) as usize)?;
        Entry::parse(self.bytes.get(start..)?)
    }
}

/// A row of the table of groups.
struct Group {
    /// The first of its entries.
    first: usize,
    /// The one after its last.
    end: usize,
    /// What its entries' offsets are relative to.
    lasting: usize,
    /// The same for those marked volatile.
    volatile: usize,
}
