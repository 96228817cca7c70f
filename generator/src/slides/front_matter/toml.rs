//! TOML front matter to a [`Node`] tree.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::tree::{Entry, Node, SyntaxError, Value};

/// Parses a block that stands at `base` in the deck's text.
pub(super) fn parse(block: &str, base: usize) -> Result<Node, SyntaxError> {
    let table = DeTable::parse(block).map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        SyntaxError {
            message: error.message().to_owned(),
            at: base + at.start..base + at.end,
        }
    })?;
    let span = shift(table.span(), base);
    Ok(Node {
        value: map(table.get_ref(), base),
        span,
    })
}

fn shift(span: Range<usize>, base: usize) -> Range<usize> {
    base + span.start..base + span.end
}

fn map(table: &DeTable<'_>, base: usize) -> Value {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: shift(key.span(), base),
            value: node(value, base),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Value::Map(entries)
}

/// The recursion is as deep as the parser allows nesting.
fn node(value: &Spanned<DeValue<'_>>, base: usize) -> Node {
    let text = |text: String| Value::Text(text);
    Node {
        span: shift(value.span(), base),
        value: match value.get_ref() {
            DeValue::String(string) => text(string.to_string()),
            DeValue::Integer(integer) => text(integer.to_string()),
            DeValue::Float(float) => text(float.to_string()),
            DeValue::Boolean(boolean) => text(boolean.to_string()),
            DeValue::Datetime(datetime) => text(datetime.to_string()),
            DeValue::Array(items) => {
                Value::List(items.iter().map(|item| node(item, base)).collect())
            }
            DeValue::Table(table) => map(table, base),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_texts_with_places() {
        let block = "title = \"T\"\ndate = 2014-07-24\nspeakers = [\"A\"]\n";
        let Value::Map(entries) = parse(block, 4).unwrap().value else {
            panic!("no table")
        };
        assert_eq!(entries[1].key, "date");
        assert_eq!(entries[1].value.value, Value::Text("2014-07-24".into()));
        assert_eq!(&block[entries[2].key_span.start - 4..][..8], "speakers");
        assert!(parse("a = ", 4).unwrap_err().at.start >= 4);
        assert!(parse(&format!("a = {}", "[".repeat(100_000)), 4).is_err());
    }
}
