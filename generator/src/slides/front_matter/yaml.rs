//! YAML front matter to a [`Node`] tree.

use super::tree::{Entry, Node, SyntaxError, Value};
use crate::yaml;

/// Parses a block that stands at `base` in the deck's text.
pub(super) fn parse(block: &str, base: usize) -> Result<Node, SyntaxError> {
    match yaml::parse(block, base) {
        Ok(Some(root)) => Ok(node(root)),
        Ok(None) => Ok(Node {
            value: Value::Null,
            span: base..base,
        }),
        Err(yaml::SyntaxError { message, at }) => Err(SyntaxError { message, at }),
    }
}

/// The recursion is as deep as the reader allows nesting.
fn node(from: yaml::Node) -> Node {
    let value = match from.value {
        yaml::Value::Scalar {
            text,
            is_plain: true,
        } if matches!(&*text, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
        yaml::Value::Scalar { text, .. } => Value::Text(text),
        yaml::Value::Alias => Value::Alias,
        yaml::Value::List(items) => Value::List(items.into_iter().map(node).collect()),
        yaml::Value::Map(entries) => Value::Map(entries.into_iter().map(entry).collect()),
    };
    Node {
        value,
        span: from.span,
    }
}

fn entry((key, value): (yaml::Node, yaml::Node)) -> Entry {
    Entry {
        key_span: key.span,
        key: match key.value {
            yaml::Value::Scalar { text, .. } => text,
            _ => String::new(),
        },
        value: node(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_their_places() {
        let block = "title: \"Ä: b\"\ndate: 2014-07-24\nnone: ~\n";
        let Value::Map(entries) = parse(block, 4).unwrap().value else {
            panic!("no mapping")
        };
        assert_eq!(entries[0].value.value, Value::Text("Ä: b".into()));
        assert_eq!(entries[1].value.value, Value::Text("2014-07-24".into()));
        assert_eq!(entries[2].value.value, Value::Null);
        assert_eq!(&block[entries[2].key_span.start - 4..][..4], "none");
    }
}
