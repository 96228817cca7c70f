//! Rules with a pattern, and the tables of them.

use super::error::WriteError;
use super::http::check_lines;
use super::pattern::{Pattern, Template};
use super::{MAX_LOCATION_BYTES, chunk};
use crate::http::{HostId, rule_field as field};
use std::string::{String, ToString};
use std::vec::Vec;

/// What answers for paths that fit a pattern and have no entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Which paths.
    pub pattern: Pattern,
    /// 200: another path of this host is sent. 301, 302, 303, 307, 308: a
    /// redirect. 404, 410: a page with this status, or none.
    pub status: u16,
    /// The path, decoded, or the location, percent-encoded; empty where a
    /// status has no page. In a location what was captured is encoded, and a
    /// request's query is put behind it unless it has one of its own.
    pub target: Template,
    /// Header lines of a redirect.
    pub headers: Vec<(String, String)>,
}

impl Rule {
    pub(super) fn check(&self) -> Result<(), WriteError> {
        let path = || self.pattern.to_string().into_bytes();
        let is_redirect = matches!(self.status, 301 | 302 | 303 | 307 | 308);
        if !is_redirect && !matches!(self.status, 200 | 404 | 410) {
            return Err(WriteError::Status {
                path: path(),
                status: self.status,
            });
        }
        let is_fine = |byte: u8| match is_redirect {
            true => byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte),
            false => byte != 0,
        };
        let text = self.target.literals();
        let needs_target = !matches!(self.status, 404 | 410);
        if !text.bytes().all(is_fine)
            || text.len() > MAX_LOCATION_BYTES
            || (needs_target && self.target.encoded().is_empty())
        {
            return Err(WriteError::Location {
                path: path(),
                location: text,
            });
        }
        check_lines(&path(), &self.headers)
    }
}

/// The rules' rows, and their bytes, which begin at `offset` of the section.
pub fn tables(rules: &[(HostId, Rule)], offset: u32) -> (Vec<u8>, Vec<u8>) {
    let mut rows = Vec::new();
    let mut bytes = Vec::new();
    if rules.is_empty() {
        return (rows, bytes);
    }
    rows.extend((rules.len() as u32).to_le_bytes());
    for (host, rule) in rules {
        let lines = chunk::lines(&rule.headers);
        let parts = [
            rule.pattern.encoded(),
            rule.target.encoded(),
            lines.as_bytes(),
        ];
        rows.extend(host.0.to_le_bytes());
        rows.extend(rule.status.to_le_bytes());
        rows.extend((offset + bytes.len() as u32).to_le_bytes());
        for part in parts {
            rows.extend((part.len() as u16).to_le_bytes());
            bytes.extend(part);
        }
        rows.extend([0; 6]);
    }
    debug_assert_eq!(rows.len(), field::HEADER + rules.len() * field::ROW);
    (rows, bytes)
}
