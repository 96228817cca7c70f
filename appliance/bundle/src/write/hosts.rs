//! The names of virtual hosts, and their table.

use super::MAX_LOCATION_BYTES;
use super::error::WriteError;
use crate::http::HostId;
use std::collections::BTreeMap;
use std::string::{String, ToString};
use std::vec::Vec;

/// Names, and what they mean.
#[derive(Debug, Default)]
pub struct Names {
    names: BTreeMap<Vec<u8>, Meaning>,
}

#[derive(Debug)]
enum Meaning {
    Served(HostId),
    Redirected(u16, String),
}

impl Names {
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub fn serve(&mut self, name: &str, host: HostId) -> Result<(), WriteError> {
        self.insert(name, Meaning::Served(host))
    }

    pub fn redirect(&mut self, name: &str, status: u16, prefix: &str) -> Result<(), WriteError> {
        let path = || name.as_bytes().to_vec();
        if !matches!(status, 301 | 302 | 307 | 308) {
            return Err(WriteError::Status {
                path: path(),
                status,
            });
        }
        let authority = ["http://", "https://", "//"]
            .iter()
            .find_map(|start| prefix.strip_prefix(start));
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]".contains(&byte);
        let fits = prefix.len() <= MAX_LOCATION_BYTES;
        if !fits || !authority.is_some_and(|name| !name.is_empty() && name.bytes().all(is_fine)) {
            return Err(WriteError::Location {
                path: path(),
                location: prefix.to_string(),
            });
        }
        self.insert(name, Meaning::Redirected(status, prefix.to_string()))
    }

    fn insert(&mut self, name: &str, meaning: Meaning) -> Result<(), WriteError> {
        let fault = || WriteError::HostName {
            name: name.to_string(),
        };
        let lower = name.to_ascii_lowercase();
        // `*.example.org` is kept as `.example.org`.
        let kept = lower.strip_prefix('*').unwrap_or(&lower);
        let bare = match kept.len() < lower.len() {
            true => kept.strip_prefix('.').ok_or_else(fault)?,
            false => kept,
        };
        let is_address = bare.starts_with('[') && bare.ends_with(']');
        let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let is_name = bare
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63 && label.bytes().all(is_fine));
        if bare.len() > 253 || !(is_name || is_address) {
            return Err(fault());
        }
        let kept = kept.as_bytes().to_vec();
        if self.names.contains_key(&kept) {
            return Err(WriteError::DuplicateHost {
                name: name.to_string(),
            });
        }
        self.names.insert(kept, meaning);
        Ok(())
    }

    pub fn len(&self) -> u32 {
        self.names.len() as u32
    }

    /// The rows, and the text that they point to, which begins at `offset` of
    /// the section.
    pub fn tables(&self, offset: u32) -> (Vec<u8>, Vec<u8>) {
        let mut rows = Vec::new();
        let mut text: Vec<u8> = Vec::new();
        for (name, meaning) in &self.names {
            let (host, status, prefix) = match meaning {
                Meaning::Served(host) => (host.0, 0, ""),
                Meaning::Redirected(status, prefix) => (0, *status, prefix.as_str()),
            };
            rows.extend((offset + text.len() as u32).to_le_bytes());
            rows.extend((name.len() as u16).to_le_bytes());
            rows.extend(host.to_le_bytes());
            text.extend(name);
            rows.extend((offset + text.len() as u32).to_le_bytes());
            rows.extend((prefix.len() as u16).to_le_bytes());
            rows.extend(status.to_le_bytes());
            text.extend(prefix.as_bytes());
        }
        (rows, text)
    }
}
