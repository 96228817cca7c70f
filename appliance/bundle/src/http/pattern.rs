//! Patterns of paths, and what is made of what they captured.
//!
//! Both are compiled at build to a few bytes that are followed once, from left
//! to right, without a buffer and without going back: the cost of a match is
//! the length of the path, whatever the pattern.
//!
//! | byte | then | in a pattern | in a template |
//! |---|---|---|---|
//! | 1 | length, text | this text | this text |
//! | 2 | – | one or more bytes up to the next `/`: captured | – |
//! | 3 | – | everything, or all but the literal that follows: captured | – |
//! | 4 | – | nothing, or `/` and everything, which is captured without it | – |
//! | 5 | number | – | what was captured, from 0 |
//!
//! 3 and 4 are followed by nothing more than, for 3, one literal.

use crate::bytes::{slice, u8_at};

/// The most that a pattern captures.
pub const MAX_CAPTURES: usize = 8;

/// Codes of the compiled form, for reader and writer.
pub(crate) mod code {
    pub const LITERAL: u8 = 1;
    pub const SEGMENT: u8 = 2;
    pub const REST: u8 = 3;
    pub const SLASH_REST: u8 = 4;
    #[cfg(feature = "write")]
    pub const CAPTURE: u8 = 5;
}

/// What a pattern captured of a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Captures<'p> {
    list: [&'p [u8]; MAX_CAPTURES],
    count: usize,
}

impl<'p> Captures<'p> {
    /// The capture of this number, from 0; nothing where there is none.
    pub fn get(&self, number: usize) -> &'p [u8] {
        self.list.get(number).copied().unwrap_or_default()
    }

    fn push(&mut self, text: &'p [u8]) -> Option<()> {
        *self.list.get_mut(self.count)? = text;
        self.count += 1;
        Some(())
    }
}

/// Matches a whole path.
pub fn matches<'p>(pattern: &[u8], path: &'p [u8]) -> Option<Captures<'p>> {
    let mut captures = Captures::default();
    let mut path = path;
    let mut at = 0;
    loop {
        let Some(code) = u8_at(pattern, at) else {
            return path.is_empty().then_some(captures);
        };
        at += 1;
        match code {
            code::LITERAL => {
                let text = literal(pattern, at)?;
                path = path.strip_prefix(text)?;
                at += 1 + text.len();
            }
            code::SEGMENT => {
                let end = path.iter().position(|&byte| byte == b'/');
                let (segment, rest) = path.split_at_checked(end.unwrap_or(path.len()))?;
                if segment.is_empty() {
                    return None;
                }
                captures.push(segment)?;
                path = rest;
            }
            code::REST => {
                let suffix = match u8_at(pattern, at) {
                    Some(code::LITERAL) => literal(pattern, at + 1)?,
                    _ => b"",
                };
                captures.push(path.strip_suffix(suffix)?)?;
                return Some(captures);
            }
            code::SLASH_REST => {
                let rest = match path {
                    [] => path,
                    _ => path.strip_prefix(b"/")?,
                };
                captures.push(rest)?;
                return Some(captures);
            }
            // Only a damaged bundle.
            _ => return None,
        }
    }
}

/// A piece of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'b> {
    /// Text of the rule.
    Literal(&'b [u8]),
    /// What was captured with this number.
    Capture(usize),
}

/// The pieces of a template, up to the first that is damaged.
pub fn pieces(template: &[u8]) -> impl Iterator<Item = Piece<'_>> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let code = u8_at(template, at)?;
        if code == code::LITERAL {
            let text = literal(template, at + 1)?;
            at += 2 + text.len();
            return Some(Piece::Literal(text));
        }
        let number = usize::from(u8_at(template, at + 1)?);
        at += 2;
        Some(Piece::Capture(number))
    })
}

fn literal(bytes: &[u8], at: usize) -> Option<&[u8]> {
    slice(bytes, at + 1, usize::from(u8_at(bytes, at)?))
}
