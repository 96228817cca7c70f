//! Data that people write: TOML and YAML as one tree, each value with the
//! bytes that it stands at, so that a mistake has a line and a column.

use std::ops::Range;

use tera::{Map, Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::yaml;

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
/// the core schema (YAML 1.2 §10.3.2); aliases are refused.
pub fn yaml(block: &str, base: usize) -> Result<Node, SyntaxError> {
    match yaml::parse(block, base) {
        Ok(Some(root)) => yaml_node(root),
        Ok(None) => Ok(Node::null(base)),
        Err(yaml::SyntaxError { message, at }) => Err(SyntaxError { message, at }),
    }
}

/// The recursion is as deep as the reader allows nesting.
fn yaml_node(node: yaml::Node) -> Result<Node, SyntaxError> {
    let data = match node.value {
        yaml::Value::Scalar { text, is_plain } if is_plain => plain(&text),
        yaml::Value::Scalar { text, .. } => Data::Text(text),
        yaml::Value::Alias => {
            return Err(SyntaxError {
                message: "an alias (`*name`) is not expanded".into(),
                at: node.span,
            });
        }
        yaml::Value::List(items) => {
            Data::List(items.into_iter().map(yaml_node).collect::<Result<_, _>>()?)
        }
        yaml::Value::Map(entries) => Data::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let key = yaml_node(key)?;
                    let name = match key.to_value() {
                        Value::String(text) => text,
                        other => other.to_string(),
                    };
                    Ok((name, key.span, yaml_node(value)?))
                })
                .collect::<Result<_, _>>()?,
        ),
    };
    Ok(Node {
        data,
        span: node.span,
    })
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
