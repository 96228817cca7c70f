//! What is sent for what is missing: the nearest `404.html`.
//!
//! For `/a/b/c` these are asked for, and the first that exists with the status
//! 404 is sent: `/a/b/404.html`, `/a/404.html`, `/404.html`. The bundle says
//! how deep its deepest such page lies, so that a path of a thousand slashes
//! costs no more look-ups than the site has levels.

use crate::path::directory;
use applgen_bundle::http::{Entry, HostId, Site};

const PAGE: &[u8] = b"404.html";

/// The page that answers for what is missing in the directory of `path`.
pub fn nearest<'b>(site: &Site<'b>, host: HostId, path: &[u8]) -> Option<Entry<'b>> {
    let depth = site.not_found_depth();
    let mut directory = directory(path);
    let mut slashes = 0;
    // Down to the depth where there may be a page; no deeper.
    for (index, &byte) in directory.iter().enumerate() {
        if slashes == depth {
            directory = directory.get(..index).unwrap_or_default();
            break;
        }
        slashes += usize::from(byte == b'/');
    }
    for _ in 0..slashes.min(depth) {
        let page = site.lookup_in(host, directory, PAGE);
        if let Some(page) = page.filter(|page| page.status() == 404) {
            return Some(page);
        }
        let parent = directory.strip_suffix(b"/").unwrap_or_default();
        directory = crate::path::directory(parent);
    }
    None
}
