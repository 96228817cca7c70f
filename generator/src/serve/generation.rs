//! What is served at one time: a finished bundle, and the tag of all that is in
//! it, so that the next one can tell what changed.

use std::collections::BTreeMap;

use applgen_bundle::{Bundle, TAG_HTTP, http::Site};
use applgen_http::{Connection, Step, limits::HEAD_MAX};

use crate::{failure::Failure, report::Diagnostic};

/// What a resource is to somebody who looks at a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A page, or a feed and the like: it concerns whoever looks at it.
    Page,
    /// A style sheet, which can change in place.
    Style,
    /// Anything else, which a page may have in it.
    Other,
}

impl Kind {
    /// By media type and path.
    pub fn of(media_type: &str, path: &[u8]) -> Self {
        let is = |name| media_type.starts_with(name);
        match () {
            () if is("text/html") || is("text/plain") => Self::Page,
            // Feeds and sitemaps change with every page, and no page has one in it.
            () if media_type.contains("xml") && !is("image/") => Self::Page,
            () if path.starts_with(b"/search_index.") => Self::Page,
            () if is("text/css") => Self::Style,
            () => Self::Other,
        }
    }
}

/// A resource, for telling changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Print {
    /// Its path.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// The tag of its content.
    pub tag: [u8; 16],
}

/// What became different from one generation to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Pages and feeds, by number.
    pub pages: usize,
    /// Style sheets, by number.
    pub styles: usize,
    /// Other resources, by number; redirects and headers count as one.
    pub others: usize,
}

impl Changes {
    /// Whether nothing did.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both, one after the other.
    pub fn and(self, later: Self) -> Self {
        Self {
            pages: self.pages + later.pages,
            styles: self.styles + later.styles,
            others: self.others + later.others,
        }
    }
}

/// A bundle to answer from.
#[derive(Debug, PartialEq, Eq)]
pub struct Generation {
    bytes: Vec<u8>,
    prints: BTreeMap<(usize, Vec<u8>), (Kind, [u8; 16])>,
}

impl Generation {
    /// From a finished bundle, and the resources of each of its hosts.
    pub fn new(bytes: Vec<u8>, hosts: Vec<Vec<Print>>) -> Result<Self, Failure> {
        let prints = hosts
            .into_iter()
            .enumerate()
            .flat_map(|(host, prints)| prints.into_iter().map(move |print| (host, print)))
            .map(|(host, print)| ((host, print.path), (print.kind, print.tag)))
            .collect();
        let generation = Self { bytes, prints };
        match generation.site() {
            Some(_) => Ok(generation),
            None => Err(Failure::environment(Diagnostic::error(
                "the bundle that was made cannot be read back",
            ))),
        }
    }

    /// What answers are looked up in.
    pub fn site(&self) -> Option<Site<'_>> {
        let bundle = Bundle::parse(&self.bytes).ok()?;
        Site::parse(bundle.section(TAG_HTTP)?).ok()
    }

    /// How many resources there are.
    pub fn resources(&self) -> usize {
        self.prints.len()
    }

    /// What is different from `before`.
    pub fn changes_since(&self, before: &Self) -> Changes {
        let mut changes = Changes::default();
        if self.bytes == before.bytes {
            return changes;
        }
        let gone = before
            .prints
            .iter()
            .filter(|(key, _)| !self.prints.contains_key(*key));
        let new = self
            .prints
            .iter()
            .filter(|(key, print)| before.prints.get(*key) != Some(print));
        for (_, (kind, _)) in gone.chain(new) {
            match kind {
                Kind::Page => changes.pages += 1,
                Kind::Style => changes.styles += 1,
                Kind::Other => changes.others += 1,
            }
        }
        if changes.is_empty() {
            changes.others = 1;
        }
        changes
    }

    /// The tag of what a path is answered with now, as the server itself says;
    /// nothing where that has none, such as the page for what is missing.
    pub fn tag_of(&self, host: &str, path: &str) -> Option<String> {
        let is_clean = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if !path.starts_with('/') || !is_clean(path) || !is_clean(host) {
            return None;
        }
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        let site = self.site()?;
        let mut head = [0; HEAD_MAX];
        match Connection::new().step(&site, request.as_bytes(), None, &mut head) {
            Step::Reply { reply, .. } if reply.status == 200 => {
                let lines = String::from_utf8_lossy(reply.slices[0]);
                let tag = lines.split("ETag: \"").nth(1)?;
                Some(tag.split_once('"')?.0.to_owned())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use applgen_bundle::write::{BundleWriter, HttpSection, Resource};

    fn generation(page: &str, style: &str) -> Generation {
        let mut section = HttpSection::new();
        let mut prints = Vec::new();
        for (path, media_type, text) in [
            ("/", "text/html; charset=utf-8", page),
            ("/a.css", "text/css; charset=utf-8", style),
        ] {
            let tag = super::super::inject::tag(text.as_bytes());
            section
                .resource(Resource {
                    path: path.into(),
                    media_type: media_type.into(),
                    identity: text.as_bytes().to_vec().into(),
                    etag: tag,
                    ..Resource::default()
                })
                .unwrap();
            prints.push(Print {
                path: path.into(),
                kind: Kind::of(media_type, path.as_bytes()),
                tag,
            });
        }
        let mut writer = BundleWriter::new();
        writer.http(section);
        Generation::new(writer.finish().unwrap().to_vec(), vec![prints]).unwrap()
    }

    #[test]
    fn what_changed_is_counted_by_kind() {
        let before = generation("one", "x");
        assert!(generation("one", "x").changes_since(&before).is_empty());
        let changes = generation("two", "x").changes_since(&before);
        assert_eq!((changes.pages, changes.styles, changes.others), (1, 0, 0));
        let changes = generation("one", "y").changes_since(&before);
        assert_eq!((changes.pages, changes.styles, changes.others), (0, 1, 0));
    }

    #[test]
    fn tags_are_those_that_the_server_sends() {
        let generation = generation("one", "x");
        let tag = super::super::inject::text(&super::super::inject::tag(b"one"));
        assert_eq!(generation.tag_of("localhost", "/"), Some(tag));
        assert_eq!(generation.tag_of("localhost", "/missing"), None);
        for hostile in ["", "x", "/a b", "/\r\nX: y", "/é"] {
            assert_eq!(generation.tag_of("localhost", hostile), None);
        }
    }
}
