//! What the `http` section is made from: resources, aliases, redirects.

use super::error::WriteError;
use super::{Body, MAX_LOCATION_BYTES, MAX_PATH_BYTES, Pieces, chunk, layout};
use crate::http::HostId;
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

/// What a path answers with.
#[derive(Debug)]
pub(super) enum Item {
    Resource(Resource),
    Alias(Vec<u8>),
    Redirect(u16, String),
}

/// The name of pages that answer for what is missing.
const NOT_FOUND_PAGE: &[u8] = b"/404.html";

/// The `http` section, being collected.
#[derive(Debug, Default)]
pub struct HttpSection {
    items: BTreeMap<Vec<u8>, Item>,
    /// The first fault of an alias or redirect, which [`HttpSection::finish`] tells.
    fault: Option<WriteError>,
}

impl HttpSection {
    /// With no path yet.
    pub fn new() -> Self {
        Self::default()
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
        if let Err(fault) = self.insert(path, Item::Alias(to)) {
            self.fault.get_or_insert(fault);
        }
    }

    /// Redirects `from` with a status of 301, 302, 303, 307 or 308; `location`
    /// is a URI reference, percent-encoded. A request's query is put behind it
    /// unless it has one of its own. Faults are told by
    /// [`BundleWriter::finish`](super::BundleWriter::finish).
    pub fn redirect(&mut self, from: Vec<u8>, status: u16, location: String) {
        let is_reference = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        let result = if !matches!(status, 301 | 302 | 303 | 307 | 308) {
            Err(WriteError::Status { path: from, status })
        } else if location.is_empty()
            || location.len() > MAX_LOCATION_BYTES
            || !location.bytes().all(is_reference)
        {
            Err(WriteError::Location {
                path: from,
                location,
            })
        } else {
            self.insert(from, Item::Redirect(status, location))
        };
        if let Err(fault) = result {
            self.fault.get_or_insert(fault);
        }
    }

    fn insert(&mut self, path: Vec<u8>, item: Item) -> Result<(), WriteError> {
        if path.first() != Some(&b'/') || path.contains(&0) || path.len() > MAX_PATH_BYTES {
            return Err(WriteError::Path { path });
        }
        if self.items.contains_key(&path) {
            return Err(WriteError::DuplicatePath { path });
        }
        self.items.insert(path, item);
        Ok(())
    }

    /// Lays the section out.
    pub(super) fn finish(self) -> Result<Pieces, WriteError> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut depth = 0;
        let mut chunks = Vec::with_capacity(self.items.len());
        for (path, item) in &self.items {
            let host = HostId::DEFAULT;
            let volatile = matches!(item, Item::Resource(resource) if resource.volatile);
            let pieces = match item {
                Item::Resource(resource) => {
                    if resource.status == 404 && path.ends_with(NOT_FOUND_PAGE) {
                        depth = depth.max(path.iter().filter(|&&byte| byte == b'/').count());
                    }
                    chunk::resource(host, resource)?
                }
                Item::Alias(to) => chunk::alias(host, path, self.resolve(path, to)?),
                Item::Redirect(status, location) => chunk::redirect(host, path, *status, location),
            };
            chunks.push(layout::Chunk {
                host,
                path,
                volatile,
                pieces,
            });
        }
        layout::section(chunks, depth)
    }

    /// Where an alias leads in the end: aliases of aliases are resolved here,
    /// so that the reader never follows more than one.
    fn resolve<'s>(&'s self, path: &[u8], to: &'s [u8]) -> Result<&'s [u8], WriteError> {
        let mut target = to;
        for _ in 0..=self.items.len() {
            match self.items.get(target) {
                Some(Item::Alias(next)) => target = next,
                Some(Item::Resource(_) | Item::Redirect(..)) => return Ok(target),
                None => break,
            }
        }
        Err(WriteError::AliasTarget {
            path: path.to_vec(),
            to: to.to_vec(),
        })
    }
}
