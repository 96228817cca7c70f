//! Shortcodes: `{{ name(key="value") }}` and `{% name() %}…{% end %}` in
//! Markdown, found and read here, rendered by templates.

use std::ops::Range;

use tera::{Map, Value};

/// How deep lists in arguments may be in lists.
const MAX_LISTS: usize = 16;

/// A piece of a page's text.
#[derive(Debug, PartialEq)]
pub enum Piece {
    /// Markdown.
    Text(String),
    /// A call, and where it stands.
    Call {
        /// The name of the shortcode.
        name: String,
        /// Its arguments.
        arguments: Map<String, Value>,
        /// What stands between it and its `{% end %}`.
        body: Option<String>,
        /// Where it stands in the text.
        at: Range<usize>,
    },
}

/// Splits a text into Markdown and calls. What looks like a call and does not
/// read as one stays text; a body without an end is an error, at its place.
pub fn split(text: &str) -> Result<Vec<Piece>, Range<usize>> {
    let mut pieces = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(found) = next_opening(text, at) {
        plain.push_str(&text[at..found]);
        let rest = &text[found..];
        let inline = rest.starts_with("{{");
        let close = if inline { "}}" } else { "%}" };
        if rest[2..].starts_with("/*") {
            // An example of a shortcode: shown, not called.
            let end = format!("*/{close}");
            let shown = rest
                .find(&end)
                .filter(|length| is_call(&rest[4..*length], inline));
            if let Some(length) = shown {
                plain.push_str(&rest[..2]);
                plain.push_str(&rest[4..length]);
                plain.push_str(close);
                at = found + length + end.len();
            } else {
                plain.push_str(&rest[..2]);
                at = found + 2;
            }
            continue;
        }
        let Some((name, arguments, length)) = call(rest, close) else {
            plain.push_str(&rest[..2]);
            at = found + 2;
            continue;
        };
        let mut end = found + length;
        let mut body = None;
        if !inline {
            let Some((inner, after)) = body_of(text, end) else {
                return Err(found..end);
            };
            body = Some(text[inner].trim().to_owned());
            end = after;
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        pieces.push(Piece::Call {
            name,
            arguments,
            body,
            at: found..end,
        });
        at = end;
    }
    plain.push_str(&text[at..]);
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    Ok(pieces)
}

/// Whether this is what a shortcode is called with: `name(…)`, or `end`.
fn is_call(text: &str, inline: bool) -> bool {
    let (open, close) = if inline { ("{{", "}}") } else { ("{%", "%}") };
    let whole = format!("{open}{text}{close}");
    let called = call(&whole, close).is_some_and(|(.., length)| length == whole.len());
    called || text.trim() == "end"
}

fn next_opening(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let found = [rest.find("{{"), rest.find("{%")]
        .into_iter()
        .flatten()
        .min()?;
    Some(from + found)
}

/// The body that begins at `from`: where it stands, and where its end ends.
/// Calls with bodies may stand in it.
fn body_of(text: &str, from: usize) -> Option<(Range<usize>, usize)> {
    let mut depth = 1_usize;
    let mut at = from;
    loop {
        let found = at + text.get(at..)?.find("{%")?;
        let rest = &text[found..];
        if let Some(length) = end_tag(rest) {
            depth -= 1;
            if depth == 0 {
                return Some((from..found, found + length));
            }
            at = found + length;
        } else if let Some((.., length)) = call(rest, "%}") {
            depth += 1;
            at = found + length;
        } else {
            at = found + 2;
        }
    }
}

fn end_tag(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix("{%")?;
    let close = inner.find("%}")?;
    let word = inner[..close].trim_matches('-').trim();
    (word == "end").then_some(close + 4)
}

/// A call at the start of `text`: name, arguments, and its length.
fn call(text: &str, close: &str) -> Option<(String, Map<String, Value>, usize)> {
    let mut reader = Reader { text, at: 2 };
    reader.take("-");
    reader.space();
    let name = reader.name()?;
    reader.space();
    reader.expect("(")?;
    let mut arguments = Map::new();
    loop {
        reader.space();
        if reader.take(")") {
            break;
        }
        let key = reader.name()?;
        reader.space();
        reader.expect("=")?;
        reader.space();
        let value = reader.value(MAX_LISTS)?;
        arguments.insert(key, value);
        // Zola takes arguments without commas too.
        reader.space();
        reader.take(",");
    }
    reader.space();
    reader.take("-");
    reader.expect(close)?;
    Some((name, arguments, reader.at))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, word: &str) -> Option<()> {
        self.take(word).then_some(())
    }

    fn name(&mut self) -> Option<String> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.at += end;
        Some(name)
    }

    /// A value; lists may be so many lists deep.
    fn value(&mut self, arrays_deep: usize) -> Option<Value> {
        let rest = self.rest();
        let first = rest.chars().next()?;
        match first {
            '"' | '\'' | '`' => {
                let end = rest[1..].find(first)?;
                let text = rest[1..1 + end].to_owned();
                self.at += end + 2;
                Some(Value::String(text))
            }
            '[' if arrays_deep > 0 => {
                self.at += 1;
                let mut items = Vec::new();
                loop {
                    self.space();
                    if self.take("]") {
                        return Some(Value::Array(items));
                    }
                    items.push(self.value(arrays_deep - 1)?);
                    self.space();
                    if !self.take(",") {
                        self.space();
                        self.expect("]")?;
                        return Some(Value::Array(items));
                    }
                }
            }
            _ => {
                let end = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+')))
                    .unwrap_or(rest.len());
                let word = &rest[..end];
                let value = match word {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    _ => match word.parse::<i64>() {
                        Ok(number) => Value::from(number),
                        Err(_) => Value::from(word.parse::<f64>().ok().filter(|_| {
                            word.starts_with(|c: char| c == '-' || c.is_ascii_digit())
                        })?),
                    },
                };
                self.at += end;
                Some(value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn calls(text: &str) -> Vec<(String, String, Option<String>)> {
        split(text)
            .unwrap()
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Call {
                    name,
                    arguments,
                    body,
                    ..
                } => Some((name, Value::Object(arguments).to_string(), body)),
                Piece::Text(_) => None,
            })
            .collect()
    }

    #[test]
    fn calls_with_arguments_and_bodies() {
        assert_eq!(
            calls("{{ a(x=[[1, 'b'], [[]]]) }}"),
            [("a".into(), r#"{"x":[[1,"b"],[[]]]}"#.into(), None)]
        );
        assert_eq!(
            calls("a {{ b(x=\"1\", y=true z=[1, 2.5,], w=`q`) }} c"),
            [(
                "b".into(),
                r#"{"x":"1","y":true,"z":[1,2.5],"w":"q"}"#.into(),
                None
            )]
        );
        assert_eq!(
            calls("{% q(author='V') %}\n{% in() %}x{% end %}\n{% end %}"),
            [(
                "q".into(),
                r#"{"author":"V"}"#.into(),
                Some("{% in() %}x{% end %}".into())
            )]
        );
        assert!(split("{% q() %} no end").is_err());
    }

    #[test]
    fn examples_and_other_braces_stay_text() {
        let text = |t: &str| match split(t).unwrap().as_slice() {
            [Piece::Text(text)] => text.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text("{{/* a() */}}"), "{{ a() }}");
        assert_eq!(
            text("{%/* a() */%} x {%/* end */%}"),
            "{% a() %} x {% end %}"
        );
        assert_eq!(text("{{/* a(b=c) */}}"), "{{/* a(b=c) */}}");
        assert_eq!(
            text("{{ page.title }} {{ a(b) }}"),
            "{{ page.title }} {{ a(b) }}"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in "[a{}%()=\",/* e n d]{0,40}") {
            if let Ok(pieces) = split(&text)
                && pieces.iter().all(|piece| matches!(piece, Piece::Text(_)))
                && !text.contains("/*")
            {
                let joined: String = pieces.iter().map(|piece| match piece {
                    Piece::Text(text) => text.as_str(),
                    Piece::Call { .. } => "",
                }).collect();
                prop_assert_eq!(joined, text);
            }
        }
    }
}
