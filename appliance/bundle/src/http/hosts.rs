//! Virtual hosts: which site a name means.
//!
//! | offset | size | field of a name |
//! |---|---|---|
//! | 0 | 4 | where the name is, relative to the section |
//! | 4 | 2 | its length |
//! | 6 | 2 | virtual host |
//! | 8 | 4 | where the address is that the name redirects to |
//! | 12 | 2 | its length |
//! | 14 | 2 | status of the redirect; 0: the name is served |
//!
//! Names are in lower case, without a port or a last dot, and sorted by their
//! bytes. One that begins with a dot is a wildcard: it stands for every name
//! that ends in it. The whole name goes first, then the longest wildcard, then
//! the default.

use super::HostId;
use crate::bytes::{slice, u16_at, u32_at};
use core::cmp::Ordering;

pub(crate) mod field {
    pub const ROW: usize = 16;
}

/// No DNS name is longer (RFC 1035 §2.3.4).
const MAX_NAME_BYTES: usize = 253;

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host<'b> {
    /// This site.
    Served(HostId),
    /// Every path of it is at another address.
    Redirected {
        /// The status: 301, 302, 307 or 308.
        status: u16,
        /// What the path is put behind: `https://example.org` or `//example.org`.
        prefix: &'b [u8],
    },
}

/// The names of a section.
#[derive(Debug, Clone, Copy)]
pub struct Hosts<'b> {
    section: &'b [u8],
    rows: &'b [u8],
}

impl<'b> Hosts<'b> {
    pub(super) fn parse(section: &'b [u8], offset: usize, count: usize) -> Option<Self> {
        let rows = slice(section, offset, count.checked_mul(field::ROW)?)?;
        Some(Self { section, rows })
    }

    /// Every name, and what it means.
    pub fn iter(&self) -> impl Iterator<Item = (&'b [u8], Host<'b>)> {
        let hosts = *self;
        (0..self.len()).filter_map(move |index| hosts.row(index))
    }

    /// What a `Host` field (without its port) means.
    pub(super) fn find(&self, name: &[u8]) -> Host<'b> {
        let name = name.strip_suffix(b".").unwrap_or(name);
        if self.rows.is_empty() || name.len() > MAX_NAME_BYTES {
            return Host::Served(HostId::DEFAULT);
        }
        let dots = name
            .iter()
            .enumerate()
            .filter(|&(_, &byte)| byte == b'.')
            .filter_map(|(at, _)| name.get(at..));
        // A wildcard stands for something: `.example.org` itself is no name.
        core::iter::once(name)
            .chain(dots)
            .filter(|_| name.first() != Some(&b'.'))
            .find_map(|name| self.exactly(name))
            .unwrap_or(Host::Served(HostId::DEFAULT))
    }

    /// Whether every name means the default host.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn len(&self) -> usize {
        self.rows.len() / field::ROW
    }

    fn exactly(&self, name: &[u8]) -> Option<Host<'b>> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let (known, host) = self.row(middle)?;
            let asked = name.iter().map(u8::to_ascii_lowercase);
            match known.iter().copied().cmp(asked) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Some(host),
            }
        }
        None
    }

    fn row(&self, index: usize) -> Option<(&'b [u8], Host<'b>)> {
        let row = slice(self.rows, index.checked_mul(field::ROW)?, field::ROW)?;
        let text = |at, length_at| {
            let length = usize::from(u16_at(row, length_at)?);
            slice(self.section, u32_at(row, at)? as usize, length)
        };
        let host = match u16_at(row, 14)? {
            0 => Host::Served(HostId(u16_at(row, 6)?)),
            status => Host::Redirected {
                status,
                prefix: text(8, 12)?,
            },
        };
        Some((text(0, 4)?, host))
    }
}
