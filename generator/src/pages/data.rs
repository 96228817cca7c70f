//! Data that people write: TOML and YAML as one tree, each value with the
//! bytes that it stands at, so that a mistake has a line and a column.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use tera::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Deeper nesting is refused.
const MAX_DEPTH: usize = 64;
/// More values than this in one file are refused.
const MAX_NODES: usize = 1_000_000;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub data: Data,
    /// The bytes that it stands at in its file.
    pub span: Range<usize>,
}

/// The shapes that data has.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(String),
    /// A TOML date or time, as RFC 3339 writes it.
    Date(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in the order it was written.
    Map(Vec<(String, Range<usize>, Node)>),
}

/// Data that does not parse.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub at: Range<usize>,
}

impl Node {
    /// Nothing, at a place.
    pub fn null(at: usize) -> Self {
        Self {
            data: Data::Null,
            span: at..at,
        }
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(name, ..)| name == key)
            .map(|(.., node)| node)
    }

    /// The entries of a mapping; none of anything else.
    pub fn entries(&self) -> &[(String, Range<usize>, Node)] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// As templates see it.
    pub fn to_value(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Bool(yes) => Value::Bool(*yes),
            Data::Int(number) => Value::from(*number),
            Data::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
            Data::Text(text) | Data::Date(text) => Value::String(text.clone()),
            Data::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Data::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|(key, _, node)| (key.clone(), node.to_value()))
                    .collect::<Map<_, _>>(),
            ),
        }
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "nothing",
            Data::Bool(_) => "a boolean",
            Data::Int(_) | Data::Float(_) => "a number",
            Data::Text(_) => "a text",
            Data::Date(_) => "a date",
            Data::List(_) => "a list",
            Data::Map(_) => "a table",
        }
    }
}

/// Parses TOML that stands at `base` in its file.
pub fn toml(block: &str, base: usize) -> Result<Node, SyntaxError> {
    let table = DeTable::parse(block).map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        SyntaxError {
            message: error.message().trim_end().replace('\n', ", "),
            at: base + at.start..base + at.end,
        }
    })?;
    let span = table.span();
    Ok(Node {
        data: table_of(table.get_ref(), base),
        span: base + span.start..base + span.end,
    })
}

fn table_of(table: &DeTable<'_>, base: usize) -> Data {
    let mut entries: Vec<_> = table
        .iter()
        .map(|(key, value)| {
            let span = key.span();
            (
                key.get_ref().to_string(),
                base + span.start..base + span.end,
                toml_node(value, base),
            )
        })
        .collect();
    entries.sort_by_key(|(_, span, _)| span.start);
    Data::Map(entries)
}

/// The recursion is as deep as the parser allows nesting.
fn toml_node(value: &Spanned<DeValue<'_>>, base: usize) -> Node {
    let span = value.span();
    Node {
        span: base + span.start..base + span.end,
        data: match value.get_ref() {
            DeValue::String(string) => Data::Text(string.to_string()),
            DeValue::Integer(integer) => {
                i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix())
                    .map_or_else(|_| Data::Text(integer.to_string()), Data::Int)
            }
            DeValue::Float(float) => match float.as_str().replace('_', "").parse() {
                Ok(number) => Data::Float(number),
                Err(_) => Data::Text(float.to_string()),
            },
            DeValue::Boolean(boolean) => Data::Bool(*boolean),
            DeValue::Datetime(datetime) => Data::Date(datetime.to_string()),
            DeValue::Array(items) => {
                Data::List(items.iter().map(|item| toml_node(item, base)).collect())
            }
            DeValue::Table(table) => table_of(table, base),
        },
    }
}

/// Parses YAML that stands at `base` in its file. Plain scalars are read by
/// the core schema (YAML 1.2 §10.3.2); aliases are refused, since that is how
/// a small file becomes a huge one.
pub fn yaml(block: &str, base: usize) -> Result<Node, SyntaxError> {
    let line_starts: Vec<usize> = std::iter::once(0)
        .chain(block.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    let byte = |line: usize, column: usize| {
        let start = line
            .checked_sub(1)
            .and_then(|line| line_starts.get(line).copied())
            .unwrap_or(block.len());
        let rest = &block[start..];
        base + start + rest.char_indices().nth(column).map_or(rest.len(), |c| c.0)
    };
    let place = |span: &Span| {
        let start = byte(span.start.line(), span.start.col());
        start..byte(span.end.line(), span.end.col()).max(start)
    };
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut nodes = 0_usize;
    for event in Parser::new_from_str(block) {
        let (event, span) = event.map_err(|error| {
            let start = byte(error.marker().line(), error.marker().col());
            SyntaxError {
                message: error.info().to_owned(),
                at: start..start + 1,
            }
        })?;
        let span = place(&span);
        let refuse = |message: String| SyntaxError {
            message,
            at: span.clone(),
        };
        nodes += 1;
        if nodes > MAX_NODES {
            return Err(refuse(format!("more than {MAX_NODES} values")));
        }
        let node = match event {
            Event::Scalar(text, style, ..) => Node {
                data: if style == ScalarStyle::Plain {
                    plain(&text)
                } else {
                    Data::Text(text.into_owned())
                },
                span,
            },
            Event::Alias(_) => return Err(refuse("an alias (`*name`) is not expanded".into())),
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                if open.len() == MAX_DEPTH {
                    return Err(refuse(format!("nested more than {MAX_DEPTH} levels deep")));
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
                    data: Data::Map(entries),
                    span: start..span.end.max(start),
                },
                Some(Open::List(start, items)) => Node {
                    data: Data::List(items),
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
            Some(Open::Map(_, key, entries)) => {
                if let Some(key) = key.take() {
                    let name = match key.to_value() {
                        Value::String(text) => text,
                        other => other.to_string(),
                    };
                    entries.push((name, key.span, node));
                }
            }
        }
    }
    Ok(root.unwrap_or(Node::null(base)))
}

/// A collection whose end has not come yet.
enum Open {
    Map(usize, Option<Node>, Vec<(String, Range<usize>, Node)>),
    List(usize, Vec<Node>),
}

fn plain(text: &str) -> Data {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Data::Null,
        "true" | "True" | "TRUE" => return Data::Bool(true),
        "false" | "False" | "FALSE" => return Data::Bool(false),
        _ => {}
    }
    let digits = text.trim_start_matches(['+', '-']);
    if digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        if let Ok(number) = text.parse::<i64>() {
            return Data::Int(number);
        }
        let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-');
        if digits.chars().all(numeric)
            && let Ok(number) = text.parse::<f64>()
        {
            return Data::Float(number);
        }
        if let Some(hex) = text.strip_prefix("0x")
            && let Ok(number) = i64::from_str_radix(hex, 16)
        {
            return Data::Int(number);
        }
    }
    Data::Text(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_notations_make_the_same_tree() {
        let toml = toml("a = 1\nb = [true, \"x\"]\n[c]\nd = 1.5\n", 0).unwrap();
        let yaml = yaml("a: 1\nb: [true, x]\nc:\n  d: 1.5\n", 0).unwrap();
        assert_eq!(toml.to_value(), yaml.to_value());
        assert_eq!(
            toml.to_value().to_string(),
            r#"{"a":1,"b":[true,"x"],"c":{"d":1.5}}"#
        );
    }

    #[test]
    fn dates_and_quoted_texts_stay_what_they_are() {
        assert_eq!(
            toml("d = 2020-01-02", 0).unwrap().get("d").unwrap().data,
            Data::Date("2020-01-02".into())
        );
        let yaml = yaml("d: 2020-01-02\nv: \"1\"\nn: 1.2.3\n", 0).unwrap();
        assert_eq!(yaml.get("d").unwrap().data, Data::Text("2020-01-02".into()));
        assert_eq!(yaml.get("v").unwrap().data, Data::Text("1".into()));
        assert_eq!(yaml.get("n").unwrap().data, Data::Text("1.2.3".into()));
    }

    #[test]
    fn bombs_are_refused() {
        assert!(yaml("a: &a [x]\nb: [*a, *a]\n", 0).is_err());
        assert!(yaml(&"[".repeat(100_000), 0).is_err());
        assert!(toml(&format!("a = {}", "[".repeat(100_000)), 0).is_err());
    }
}
