//! YAML as a tree, each value with the bytes that it stands at: what front
//! matter and data files of sites are read with.
//!
//! From the events of `saphyr-parser` rather than a ready-made document: they
//! carry places, and with them aliases can be left unexpanded, which is how a
//! small file becomes a huge one.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// Deeper nesting is refused.
const MAX_DEPTH: usize = 64;
/// More values than this in one document are refused.
const MAX_NODES: usize = 1_000_000;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// The bytes that it stands at in its file.
    pub span: Range<usize>,
}

/// The shapes of YAML.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A scalar as it is written, but for quotes and escapes.
    Scalar {
        /// Its text.
        text: String,
        /// It is not quoted, so that it may be a number, a boolean or nothing.
        is_plain: bool,
    },
    /// An alias (`*name`), never expanded.
    Alias,
    /// A sequence.
    List(Vec<Node>),
    /// Keys and values, in the order they were written.
    Map(Vec<(Node, Node)>),
}

/// YAML that does not parse.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub at: Range<usize>,
}

/// Parses a document that stands at `base` in its file; `None` where it is empty.
pub fn parse(block: &str, base: usize) -> Result<Option<Node>, SyntaxError> {
    let places = Places::new(block, base);
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    let mut nodes = 0_usize;
    for event in Parser::new_from_str(block) {
        let (event, span) = event.map_err(|error| SyntaxError {
            message: error.info().to_owned(),
            at: places.from(error.marker().line(), error.marker().col()),
        })?;
        let span = places.span(&span);
        nodes += 1;
        if nodes > MAX_NODES {
            return Err(SyntaxError {
                message: format!("more than {MAX_NODES} values"),
                at: span,
            });
        }
        let node = match event {
            Event::Scalar(text, style, ..) => Node {
                value: Value::Scalar {
                    text: text.into_owned(),
                    is_plain: style == ScalarStyle::Plain,
                },
                span,
            },
            Event::Alias(_) => Node {
                value: Value::Alias,
                span,
            },
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                if open.len() == MAX_DEPTH {
                    return Err(SyntaxError {
                        message: format!("nested more than {MAX_DEPTH} levels deep"),
                        at: span,
                    });
                }
                open.push(match event {
                    Event::MappingStart(..) => Open::Map(span.start, None, Vec::new()),
                    _ => Open::List(span.start, Vec::new()),
                });
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => match open.pop() {
                Some(Open::Map(start, _, entries)) => Node {
                    value: Value::Map(entries),
                    span: start..span.end.max(start),
                },
                Some(Open::List(start, items)) => Node {
                    value: Value::List(items),
                    span: start..span.end.max(start),
                },
                None => continue,
            },
            _ => continue,
        };
        match open.last_mut() {
            None => root = root.or(Some(node)),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, key @ None, _)) => *key = Some(node),
            Some(Open::Map(_, key, entries)) => entries.extend(key.take().map(|key| (key, node))),
        }
    }
    Ok(root)
}

/// A collection whose end has not come yet.
enum Open {
    Map(usize, Option<Node>, Vec<(Node, Node)>),
    List(usize, Vec<Node>),
}

/// From the parser's lines and columns of characters to bytes of the file.
struct Places<'b> {
    block: &'b str,
    base: usize,
    line_starts: Vec<usize>,
}

impl<'b> Places<'b> {
    fn new(block: &'b str, base: usize) -> Self {
        let line_starts = std::iter::once(0)
            .chain(block.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            block,
            base,
            line_starts,
        }
    }

    fn byte(&self, line: usize, column: usize) -> usize {
        let start = line
            .checked_sub(1)
            .and_then(|line| self.line_starts.get(line).copied())
            .unwrap_or(self.block.len());
        let rest = &self.block[start..];
        let within = rest.char_indices().nth(column).map_or(rest.len(), |c| c.0);
        self.base + start + within
    }

    /// From a place to the end of its line, at least one byte where there is one.
    fn from(&self, line: usize, column: usize) -> Range<usize> {
        let start = self.byte(line, column);
        let rest = &self.block[start - self.base..];
        start..start + rest.find(['\r', '\n']).unwrap_or(rest.len())
    }

    fn span(&self, span: &Span) -> Range<usize> {
        let start = self.byte(span.start.line(), span.start.col());
        start..self.byte(span.end.line(), span.end.col()).max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_keep_their_texts_and_places() {
        let block = "title: \"Ä: b\"\ndate: 2014-07-24\nspeakers: [A, B]\n";
        let Value::Map(entries) = parse(block, 4).unwrap().unwrap().value else {
            panic!("no mapping")
        };
        let scalar = |text: &str, is_plain| Value::Scalar {
            text: text.into(),
            is_plain,
        };
        assert_eq!(entries[0].1.value, scalar("Ä: b", false));
        assert_eq!(entries[1].1.value, scalar("2014-07-24", true));
        assert_eq!(&block[entries[1].1.span.start - 4..][..10], "2014-07-24");
        assert_eq!(&block[entries[2].0.span.start - 4..][..8], "speakers");
        assert!(matches!(&entries[2].1.value, Value::List(items) if items.len() == 2));
        assert_eq!(parse("", 0), Ok(None));
    }

    #[test]
    fn aliases_are_not_expanded() {
        let mut bomb = String::from("a0: &a0 [x, x]\n");
        for n in 1..30 {
            bomb += &format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1);
        }
        let Value::Map(entries) = parse(&bomb, 0).unwrap().unwrap().value else {
            panic!("no mapping")
        };
        assert_eq!(entries.len(), 30);
    }

    #[test]
    fn errors_have_a_place() {
        let error = parse("title: a\nb: [1, 2\nc: d\n", 4).unwrap_err();
        assert!(error.at.start >= 4 + 9, "{error:?}");
        assert!(parse(&"[".repeat(100_000), 0).is_err());
        assert!(parse("a: b\0c", 0).is_err());
    }
}
