//! Rules: what answers where no entry does.
//!
//! Rules for one path each are entries. Those with a pattern are here, and are
//! asked in their order after a look-up has found nothing; so a site without
//! such rules, and a path that exists, pays nothing for them.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | number of rules |
//! | 4 | 20 each | the rules |
//!
//! | offset | size | field of a rule |
//! |---|---|---|
//! | 0 | 2 | virtual host |
//! | 2 | 2 | status |
//! | 4 | 4 | where its bytes begin, relative to the section |
//! | 8 | 2 | length of the pattern |
//! | 10 | 2 | length of the template |
//! | 12 | 2 | length of the header lines |
//! | 14 | 6 | zero |
//!
//! A rule's bytes are its pattern, its template and its header lines.

use super::HostId;
use super::pattern::{Captures, matches};
use crate::bytes::{slice, u16_at, u32_at};

pub(crate) mod field {
    pub const HEADER: usize = 4;
    pub const ROW: usize = 20;
}

/// The rules of a section.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'b> {
    section: &'b [u8],
    rows: &'b [u8],
}

/// A rule that a path fits.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'b> {
    /// 200: another path of this site is sent. 3xx: a redirect. 404, 410: a
    /// page with this status, or none.
    pub status: u16,
    /// The path or the location, for [`pieces`](super::pattern::pieces); empty
    /// where a status has no page.
    pub template: &'b [u8],
    /// Header lines of a redirect.
    pub lines: &'b [u8],
}

impl<'b> Rules<'b> {
    pub(super) fn parse(section: &'b [u8], offset: usize) -> Option<Self> {
        if offset == 0 {
            return Some(Self { section, rows: &[] });
        }
        let count = u32_at(section, offset)? as usize;
        let length = count.checked_mul(field::ROW)?;
        let rows = slice(section, offset.checked_add(field::HEADER)?, length)?;
        Some(Self { section, rows })
    }

    /// Whether there is none, for any host.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// How many there are, of all hosts.
    pub fn len(&self) -> usize {
        self.rows.len() / field::ROW
    }

    /// The first rule of the host that `path` (decoded) fits.
    pub fn find<'p>(&self, host: HostId, path: &'p [u8]) -> Option<(Rule<'b>, Captures<'p>)> {
        self.rows.chunks_exact(field::ROW).find_map(|row| {
            if u16_at(row, 0)? != host.0 {
                return None;
            }
            let start = u32_at(row, 4)? as usize;
            let length = |offset| u16_at(row, offset).map(usize::from);
            let pattern = slice(self.section, start, length(8)?)?;
            let captures = matches(pattern, path)?;
            let template_at = start + pattern.len();
            let template = slice(self.section, template_at, length(10)?)?;
            let lines = slice(self.section, template_at + template.len(), length(12)?)?;
            let status = u16_at(row, 2)?;
            let rule = Rule {
                status,
                template,
                lines,
            };
            Some((rule, captures))
        })
    }
}
