//! Where in the file a URL of a slide is written.
//!
//! Markdown's own links bring their places along. For URLs in HTML the slide's
//! source is searched, from the last find on, since both come in order.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

/// Finds the URLs of one slide.
pub(super) struct Locator<'t> {
    text: &'t str,
    /// The slide, as ranges of the text.
    parts: Vec<Range<usize>>,
    known: HashMap<Vec<u8>, VecDeque<Range<usize>>>,
    /// Up to where each part has been searched.
    searched: Vec<usize>,
    /// How many searches of the whole slide may still come to nothing.
    misses_left: usize,
}

/// Beyond so many URLs that stand nowhere as they are, the rest gets no place
/// of its own, so that a slide is not searched without end.
const MAX_MISSES: usize = 200;

impl<'t> Locator<'t> {
    /// For a slide made of these ranges of a text.
    pub fn new(text: &'t str, parts: Vec<Range<usize>>) -> Self {
        Self {
            text,
            searched: parts.iter().map(|part| part.start).collect(),
            parts,
            known: HashMap::new(),
            misses_left: MAX_MISSES,
        }
    }

    /// A URL whose place is known.
    pub fn know(&mut self, url: &str, range: Range<usize>) {
        if !range.is_empty() {
            self.known.entry(decoded(url)).or_default().push_back(range);
        }
    }

    /// The place of the next such URL, else where the slide begins.
    pub fn find(&mut self, url: &str) -> Range<usize> {
        let known = self.known.get_mut(&decoded(url));
        if let Some(range) = known.and_then(VecDeque::pop_front) {
            return range;
        }
        let escaped = url.replace('&', "&amp;");
        let plain = String::from_utf8(decoded(url)).unwrap_or_default();
        for spelling in [url, &escaped, &plain] {
            if let Some(range) = self.search(spelling) {
                return range;
            }
        }
        self.start()
    }

    fn search(&mut self, spelling: &str) -> Option<Range<usize>> {
        if spelling.is_empty() || self.misses_left == 0 {
            return None;
        }
        for (part, searched) in self.parts.iter().zip(&mut self.searched) {
            let rest = &self.text[*searched..part.end];
            if let Some(at) = rest.find(spelling) {
                let start = *searched + at;
                *searched = start + spelling.len();
                return Some(start..*searched);
            }
        }
        self.misses_left -= 1;
        // Out of order, or written once and used twice.
        self.parts.iter().find_map(|part| {
            let at = self.text[part.clone()].find(spelling)?;
            Some(part.start + at..part.start + at + spelling.len())
        })
    }

    /// The first line of the slide that says something.
    pub fn start(&self) -> Range<usize> {
        let whole = self.parts.first().cloned().unwrap_or(0..0);
        let text = &self.text[whole.clone()];
        let start = whole.start + text.len() - text.trim_start().len();
        let line = &self.text[start.min(whole.end)..whole.end];
        start..start + line.find(['\n', '\r']).unwrap_or(line.len())
    }
}

/// A URL with its percent-encoding undone, to compare spellings by.
fn decoded(url: &str) -> Vec<u8> {
    let bytes = url.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = (*byte == b'%')
            .then(|| url.get(at + 1..at + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(hex.unwrap_or(*byte));
        at += if hex.is_some() { 3 } else { 1 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_found_in_order() {
        let text = "x a.png b&amp;c a.png d e.png a.png";
        let mut locator = Locator::new(text, vec![0..21, 21..text.len()]);
        locator.know("d e.png", 22..29);
        assert_eq!(locator.find("a.png"), 2..7);
        assert_eq!(locator.find("a.png"), 16..21);
        assert_eq!(locator.find("b&c"), 8..15);
        assert_eq!(locator.find("d%20e.png"), 22..29);
        assert_eq!(locator.find("a.png"), 30..35);
        assert_eq!(locator.find("a.png"), 2..7);
        assert_eq!(locator.find("nowhere"), 0..21);
        assert_eq!(decoded("%41%zz%C3%A9%"), "A%zzé%".as_bytes());
    }
}
