//! What the `http` section is made from: resources, aliases, redirects, rules,
//! and the hosts that they are for.

use super::error::WriteError;
use super::hosts::Names;
use super::rules::Rule;
use super::{Body, MAX_LINES_BYTES, MAX_LOCATION_BYTES, MAX_PATH_BYTES, Pieces, chunk, layout};
use crate::http::{HostId, Limits};
use std::collections::BTreeMap;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

/// A file or page, finished.
#[derive(Debug, Clone)]
pub struct Resource {
    /// The path that it answers for: decoded bytes, beginning with `/`.
    pub path: Vec<u8>,
    /// 200, or 404 for a `404.html`, which then answers for what is missing in
    /// its directory and below.
    pub status: u16,
    /// The `Content-Type`, charset included.
    pub media_type: String,
    /// When it last changed, in seconds since 1970, where that is known.
    pub last_modified: Option<u64>,
    /// The `Cache-Control`.
    pub cache_control: Option<String>,
    /// Further header lines. Those that this format or the server sends itself
    /// are refused.
    pub headers: Vec<(String, String)>,
    /// Hash of the identity body, which makes the entity tags.
    pub etag: [u8; 16],
    /// The body as it is.
    pub identity: Body,
    /// The body in gzip, where that is worth it.
    pub gzip: Option<Body>,
    /// The body in Brotli, where that is worth it.
    pub brotli: Option<Body>,
    /// Whether it changes often; such things are laid last.
    pub volatile: bool,
}

impl Default for Resource {
    /// An empty 200.
    fn default() -> Self {
        Self {
            path: Vec::new(),
            status: 200,
            media_type: String::new(),
            last_modified: None,
            cache_control: None,
            headers: Vec::new(),
            etag: [0; 16],
            identity: Arc::new([]),
            gzip: None,
            brotli: None,
            volatile: false,
        }
    }
}

/// A redirect of one path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// A URI reference, percent-encoded. A request's query is put behind it
    /// unless it has one of its own.
    pub location: String,
    /// Further header lines, of at most [`MAX_LINES_BYTES`] together.
    pub headers: Vec<(String, String)>,
}

impl Redirect {
    /// Whether it can be sent from `path`.
    pub(super) fn check(&self, path: &[u8]) -> Result<(), WriteError> {
        let is_reference = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        let location = &self.location;
        if !matches!(self.status, 301 | 302 | 303 | 307 | 308) {
            return Err(WriteError::Status {
                path: path.to_vec(),
                status: self.status,
            });
        }
        if location.is_empty()
            || location.len() > MAX_LOCATION_BYTES
            || !location.bytes().all(is_reference)
        {
            return Err(WriteError::Location {
                path: path.to_vec(),
                location: location.clone(),
            });
        }
        check_lines(path, &self.headers)
    }
}

/// Header lines that have to fit into the head of an answer.
pub(super) fn check_lines(path: &[u8], headers: &[(String, String)]) -> Result<(), WriteError> {
    chunk::check_lines(path, headers)?;
    let bytes = chunk::lines(headers).len();
    if bytes > MAX_LINES_BYTES {
        return Err(WriteError::TooLarge {
            what: std::format!("the header of `{}`", super::error::show(path)),
            bytes: bytes as u64,
            limit: MAX_LINES_BYTES as u64,
        });
    }
    Ok(())
}

/// What a path answers with.
#[derive(Debug)]
pub(super) enum Item {
    Resource(Resource),
    Alias(Vec<u8>, u16),
    Redirect(Redirect),
    Bare(u16),
}

/// The name of pages that answer for what is missing.
const NOT_FOUND_PAGE: &[u8] = b"/404.html";

/// The `http` section, being collected.
///
/// There is one virtual host to begin with, the default, which answers for
/// names that no other claims. What is added belongs to the host that was begun
/// last.
#[derive(Debug, Default)]
pub struct HttpSection {
    items: BTreeMap<(u16, Vec<u8>), Item>,
    host: u16,
    names: Names,
    rules: Vec<(HostId, Rule)>,
    limits: Limits,
    /// The first fault of what was added without a result, which
    /// [`HttpSection::finish`] tells.
    fault: Option<WriteError>,
}

impl HttpSection {
    /// With no path yet, and the default host.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether it has virtual hosts or rules with patterns, which not every
    /// kernel knows.
    pub fn has_rules(&self) -> bool {
        !self.names.is_empty() || !self.rules.is_empty()
    }

    /// Begins a further virtual host.
    pub fn begin_host(&mut self) -> Result<HostId, WriteError> {
        self.host = self.host.checked_add(1).ok_or(WriteError::TooLarge {
            what: "the table of hosts".into(),
            bytes: 1 << 16,
            limit: (1 << 16) - 1,
        })?;
        Ok(HostId(self.host))
    }

    /// Lets a name mean the host that was begun last: a DNS name or address as
    /// a `Host` field has it, without a port; `*.` at the front stands for one
    /// or more labels.
    pub fn name(&mut self, name: &str) -> Result<(), WriteError> {
        self.names.serve(name, HostId(self.host))
    }

    /// Redirects every path of a name to the same path at `prefix`, such as
    /// `https://example.org` or `//example.org`.
    pub fn redirect_name(
        &mut self,
        name: &str,
        status: u16,
        prefix: &str,
    ) -> Result<(), WriteError> {
        self.names.redirect(name, status, prefix)
    }

    /// Adds a resource; its path must be new.
    pub fn resource(&mut self, resource: Resource) -> Result<(), WriteError> {
        if !matches!(resource.status, 200 | 404) {
            return Err(WriteError::Status {
                status: resource.status,
                path: resource.path,
            });
        }
        chunk::check_headers(&resource)?;
        self.insert(resource.path.clone(), Item::Resource(resource))
    }

    /// Answers for `path` as for `to`. Faults are told by
    /// [`BundleWriter::finish`](super::BundleWriter::finish).
    pub fn alias(&mut self, path: Vec<u8>, to: Vec<u8>) {
        self.alias_as(path, to, 200);
    }

    /// The same with another status, 404 or 410; 200 is `to`'s own.
    pub fn alias_as(&mut self, path: Vec<u8>, to: Vec<u8>, status: u16) {
        let result = match status {
            200 | 404 | 410 => self.insert(path, Item::Alias(to, status)),
            _ => Err(WriteError::Status { path, status }),
        };
        self.remember(result);
    }

    /// Redirects `from` with a status of 301, 302, 303, 307 or 308; `location`
    /// is a URI reference, percent-encoded. A request's query is put behind it
    /// unless it has one of its own. Faults are told by
    /// [`BundleWriter::finish`](super::BundleWriter::finish).
    pub fn redirect(&mut self, from: Vec<u8>, status: u16, location: String) {
        let redirect = Redirect {
            status,
            location,
            headers: Vec::new(),
        };
        let result = self.redirect_with(from, redirect);
        self.remember(result);
    }

    /// The same with further header lines.
    pub fn redirect_with(&mut self, from: Vec<u8>, redirect: Redirect) -> Result<(), WriteError> {
        redirect.check(&from)?;
        self.insert(from, Item::Redirect(redirect))
    }

    /// Answers for `path` with 404 or 410, and no page.
    pub fn bare(&mut self, path: Vec<u8>, status: u16) -> Result<(), WriteError> {
        match status {
            404 | 410 => self.insert(path, Item::Bare(status)),
            _ => Err(WriteError::Status { path, status }),
        }
    }

    /// Adds a rule for paths that have no entry, after those that are there.
    pub fn rule(&mut self, rule: Rule) -> Result<(), WriteError> {
        rule.check()?;
        self.rules.push((HostId(self.host), rule));
        Ok(())
    }

    /// How much is held, and how long is waited.
    pub fn limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    fn remember(&mut self, result: Result<(), WriteError>) {
        if let Err(fault) = result {
            self.fault.get_or_insert(fault);
        }
    }

    fn insert(&mut self, path: Vec<u8>, item: Item) -> Result<(), WriteError> {
        if path.first() != Some(&b'/') || path.contains(&0) || path.len() > MAX_PATH_BYTES {
            return Err(WriteError::Path { path });
        }
        let key = (self.host, path);
        if self.items.contains_key(&key) {
            return Err(WriteError::DuplicatePath { path: key.1 });
        }
        self.items.insert(key, item);
        Ok(())
    }

    /// Lays the section out.
    pub(super) fn finish(self) -> Result<Pieces, WriteError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut depth = 0;
        let mut chunks = Vec::with_capacity(self.items.len());
        for ((host, path), item) in &self.items {
            let host = HostId(*host);
            let volatile = matches!(item, Item::Resource(resource) if resource.volatile);
            let pieces = match item {
                Item::Resource(resource) => {
                    if resource.status == 404 && path.ends_with(NOT_FOUND_PAGE) {
                        depth = depth.max(path.iter().filter(|&&byte| byte == b'/').count());
                    }
                    chunk::resource(host, resource)?
                }
                Item::Alias(to, status) => {
                    chunk::alias(host, path, self.resolve(host, path, to)?, *status)
                }
                Item::Redirect(redirect) => chunk::redirect(host, path, redirect),
                Item::Bare(status) => chunk::bare(host, path, *status),
            };
            chunks.push(layout::Chunk {
                host,
                path,
                volatile,
                pieces,
            });
        }
        layout::section(chunks, depth, &self.names, &self.rules, &self.limits)
    }

    /// Where an alias leads in the end: aliases of aliases are resolved here,
    /// so that the reader never follows more than one.
    fn resolve<'s>(
        &'s self,
        host: HostId,
        path: &[u8],
        to: &'s [u8],
    ) -> Result<&'s [u8], WriteError> {
        let mut target = to;
        for _ in 0..=self.items.len() {
            match self.items.get(&(host.0, target.to_vec())) {
                Some(Item::Alias(next, _)) => target = next,
                Some(_) => return Ok(target),
                None => break,
            }
        }
        Err(WriteError::AliasTarget {
            path: path.to_vec(),
            to: to.to_vec(),
        })
    }
}
