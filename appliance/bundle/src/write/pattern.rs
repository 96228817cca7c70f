//! Patterns and templates, as they are put together at build. What the compiled
//! forms mean is told at [`crate::http::pattern`].

use super::error::WriteError;
use crate::http::pattern::{Captures, MAX_CAPTURES, Piece, code, matches, pieces};
use std::fmt;
use std::string::String;
use std::vec::Vec;

/// A pattern of decoded paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pattern {
    bytes: Vec<u8>,
    captures: usize,
    shown: String,
}

impl Pattern {
    /// One that only the empty path fits.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on with this text, decoded.
    pub fn literal(&mut self, text: &[u8]) {
        push_literal(&mut self.bytes, text);
        self.shown.push_str(&String::from_utf8_lossy(text));
    }

    /// Goes on with the rest of a segment, which is captured.
    pub fn segment(&mut self, name: &str) -> Result<(), WriteError> {
        self.bytes.push(code::SEGMENT);
        self.shown.push(':');
        self.shown.push_str(name);
        self.capture()
    }

    /// Goes on with everything, or everything up to `suffix`, the end of the
    /// path; captured without it.
    pub fn rest(&mut self, suffix: &[u8]) -> Result<(), WriteError> {
        self.bytes.push(code::REST);
        self.shown.push('*');
        if !suffix.is_empty() {
            // A suffix is one literal: the reader does not put pieces together.
            if suffix.len() > usize::from(u8::MAX) {
                return Err(self.too_large(suffix.len(), usize::from(u8::MAX)));
            }
            self.literal(suffix);
        }
        self.capture()
    }

    /// Goes on with nothing, or with a slash and everything, captured without
    /// the slash: `/a/*` fits `/a` too.
    pub fn slash_rest(&mut self) -> Result<(), WriteError> {
        self.bytes.push(code::SLASH_REST);
        self.shown.push_str("/*");
        self.capture()
    }

    fn capture(&mut self) -> Result<(), WriteError> {
        self.captures += 1;
        if self.captures > MAX_CAPTURES {
            return Err(self.too_large(self.captures, MAX_CAPTURES));
        }
        Ok(())
    }

    fn too_large(&self, is: usize, limit: usize) -> WriteError {
        WriteError::TooLarge {
            what: std::format!("the pattern `{self}`"),
            bytes: is as u64,
            limit: limit as u64,
        }
    }

    /// How many captures it has.
    pub fn captures(&self) -> usize {
        self.captures
    }

    /// What it captures of a path, if the path fits.
    pub fn matches<'p>(&self, path: &'p [u8]) -> Option<Captures<'p>> {
        matches(&self.bytes, path)
    }

    /// The compiled form.
    pub fn encoded(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// What is made of captures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    bytes: Vec<u8>,
}

impl Template {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on with this text.
    pub fn literal(&mut self, text: &[u8]) {
        push_literal(&mut self.bytes, text);
    }

    /// Goes on with the capture of this number, from 0.
    pub fn capture(&mut self, number: u8) {
        self.bytes.extend([code::CAPTURE, number]);
    }

    /// Its text, captures left out.
    pub(super) fn literals(&self) -> String {
        let mut text = Vec::new();
        for piece in pieces(&self.bytes) {
            if let Piece::Literal(literal) = piece {
                text.extend(literal);
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What it makes of captures, as they are.
    pub fn fill(&self, captures: &Captures<'_>) -> Vec<u8> {
        let mut text = Vec::new();
        for piece in pieces(&self.bytes) {
            text.extend(match piece {
                Piece::Literal(literal) => literal,
                Piece::Capture(number) => captures.get(number),
            });
        }
        text
    }

    /// The compiled form.
    pub fn encoded(&self) -> &[u8] {
        &self.bytes
    }
}

fn push_literal(bytes: &mut Vec<u8>, text: &[u8]) {
    for part in text.chunks(usize::from(u8::MAX)) {
        bytes.push(code::LITERAL);
        bytes.push(part.len() as u8);
        bytes.extend(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &Pattern, path: &str) -> Option<Vec<String>> {
        let captures = pattern.matches(path.as_bytes())?;
        let text = |number| String::from_utf8_lossy(captures.get(number)).into_owned();
        Some((0..pattern.captures()).map(text).collect())
    }

    fn strings(list: &[&str]) -> Option<Vec<String>> {
        Some(list.iter().map(|&text| text.into()).collect())
    }

    #[test]
    fn segments_and_rest() {
        let mut pattern = Pattern::new();
        pattern.literal(b"/a/");
        pattern.segment("x").unwrap();
        pattern.slash_rest().unwrap();
        assert_eq!(std::format!("{pattern}"), "/a/:x/*");
        assert_eq!(captured(&pattern, "/a/b"), strings(&["b", ""]));
        assert_eq!(captured(&pattern, "/a/b/"), strings(&["b", ""]));
        assert_eq!(captured(&pattern, "/a/b/c/d"), strings(&["b", "c/d"]));
        for path in ["/a/", "/a", "/a//c", "/b/b/c", ""] {
            assert_eq!(captured(&pattern, path), None, "{path}");
        }
        let mut suffix = Pattern::new();
        suffix.literal(b"/img/");
        suffix.rest(b".jpg").unwrap();
        assert_eq!(captured(&suffix, "/img/a/b.jpg"), strings(&["a/b"]));
        assert_eq!(captured(&suffix, "/img/.jpg"), strings(&[""]));
        assert_eq!(captured(&suffix, "/img/a.jpeg"), None);
    }

    #[test]
    fn templates_are_filled() {
        let mut pattern = Pattern::new();
        pattern.literal(b"/");
        pattern.segment("a").unwrap();
        pattern.literal(b"/");
        pattern.segment("b").unwrap();
        let mut template = Template::new();
        template.literal(b"/x/");
        template.capture(1);
        template.literal(&[b'y'; 300]);
        template.capture(0);
        template.capture(7);
        let filled = template.fill(&pattern.matches(b"/1/2").unwrap());
        assert_eq!(
            filled,
            [b"/x/2".to_vec(), [b'y'; 300].to_vec(), b"1".to_vec()].concat()
        );
    }

    #[test]
    fn there_is_a_most_of_captures() {
        let mut pattern = Pattern::new();
        for _ in 0..MAX_CAPTURES {
            pattern.literal(b"/");
            pattern.segment("x").unwrap();
        }
        assert!(pattern.segment("x").is_err());
        assert!(Pattern::new().rest(&[b'x'; 256]).is_err());
    }

    #[test]
    fn damaged_patterns_fit_nothing_or_something_but_end() {
        for first in 0..=255_u8 {
            for second in [0, 1, 2, 3, 4, 5, 255] {
                let bytes = [first, second, 1, 200];
                let _ = matches(&bytes, b"/a/b");
                assert!(pieces(&bytes).count() <= 4);
            }
        }
    }
}
