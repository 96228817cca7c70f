//! What YAML and TOML front matter have in common: a small tree of texts, each
//! with the bytes it stands at.
//!
//! Scalars stay as they are written (`2014-07-24`, `1.0`): front matter is read
//! for people, and a date that went through a number would not come back.

use std::ops::Range;

/// A value and where it stands in the deck's text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub value: Value,
    pub span: Range<usize>,
}

/// The shapes that front matter has.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Nothing: `title:` with no text.
    Null,
    /// Any scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order.
    Map(Vec<Entry>),
    /// A YAML alias. Never expanded: that is how a small file becomes a huge one.
    Alias,
}

/// A key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub key: String,
    pub key_span: Range<usize>,
    pub value: Node,
}

/// Front matter that does not parse.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SyntaxError {
    pub message: String,
    pub at: Range<usize>,
}
