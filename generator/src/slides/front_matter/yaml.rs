//! YAML front matter to a [`Node`] tree, from the events of `saphyr-parser`.
//!
//! The events rather than a ready-made document: they carry places, and with
//! them aliases can be left unexpanded.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::tree::{Entry, Node, SyntaxError, Value};

/// Deeper nesting is refused; nothing that is read nests at all.
const MAX_DEPTH: usize = 32;

/// Parses a block that stands at `base` in the deck's text.
pub(super) fn parse(block: &str, base: usize) -> Result<Node, SyntaxError> {
    let places = Places::new(block, base);
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    for event in Parser::new_from_str(block) {
        let (event, span) = event.map_err(|error| SyntaxError {
            message: error.info().to_owned(),
            at: places.from(error.marker().line(), error.marker().col()),
        })?;
        let span = places.span(&span);
        let value = match event {
            Event::Scalar(text, style, ..) => {
                let null = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null");
                let value = if null {
                    Value::Null
                } else {
                    Value::Text(text.into_owned())
                };
                Node { value, span }
            }
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
                open.push(if matches!(event, Event::MappingStart(..)) {
                    Open::Map(span.start, None, Vec::new())
                } else {
                    Open::List(span.start, Vec::new())
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
            None => root = root.or(Some(value)),
            Some(Open::List(_, items)) => items.push(value),
            Some(Open::Map(_, key @ None, _)) => *key = Some(value),
            Some(Open::Map(_, key, entries)) => {
                if let Some(key) = key.take() {
                    entries.push(Entry {
                        key: match key.value {
                            Value::Text(text) => text,
                            _ => String::new(),
                        },
                        key_span: key.span,
                        value,
                    });
                }
            }
        }
    }
    Ok(root.unwrap_or(Node {
        value: Value::Null,
        span: base..base,
    }))
}

/// A collection whose end has not come yet.
enum Open {
    Map(usize, Option<Node>, Vec<Entry>),
    List(usize, Vec<Node>),
}

/// From the parser's lines and columns of characters to bytes of the deck.
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
    fn texts_keep_their_places() {
        let block = "title: \"Ä: b\"\ndate: 2014-07-24\nspeakers: [A, B]\n";
        let Value::Map(entries) = parse(block, 4).unwrap().value else {
            panic!("no mapping")
        };
        assert_eq!(entries[0].value.value, Value::Text("Ä: b".into()));
        assert_eq!(
            &block[entries[1].value.span.start - 4..][..10],
            "2014-07-24"
        );
        assert_eq!(&block[entries[2].key_span.start - 4..][..8], "speakers");
        assert!(matches!(&entries[2].value.value, Value::List(items) if items.len() == 2));
    }

    #[test]
    fn aliases_are_not_expanded() {
        let mut bomb = String::from("a0: &a0 [x, x]\n");
        for n in 1..30 {
            bomb += &format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1);
        }
        assert!(
            matches!(parse(&bomb, 0).unwrap().value, Value::Map(entries) if entries.len() == 30)
        );
    }

    #[test]
    fn errors_have_a_place() {
        let error = parse("title: a\nb: [1, 2\nc: d\n", 4).unwrap_err();
        assert!(error.at.start >= 4 + 9, "{error:?}");
        assert!(parse(&"[".repeat(100_000), 0).is_err());
        assert!(parse("a: b\0c", 0).is_err());
    }
}
