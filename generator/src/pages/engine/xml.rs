//! XML as data: an element is a mapping of its attributes (`@name`), its
//! children by name (a list where there are several), and its text (`#text`);
//! one with text alone is that text.

use quick_xml::{Reader, events::Event};
use tera::{Map, Value};

/// Deeper nesting is refused.
const MAX_DEPTH: usize = 256;

/// Reads a document.
pub fn to_value(text: &str) -> Result<Value, String> {
    let mut reader = Reader::from_str(text);
    let mut stack: Vec<(String, Map<String, Value>, String)> =
        vec![(String::new(), Map::new(), String::new())];
    loop {
        let event = reader
            .read_event()
            .map_err(|error| format!("{error} at byte {}", reader.error_position()))?;
        match event {
            Event::Start(start) | Event::Empty(start) if stack.len() > MAX_DEPTH => {
                return Err(format!(
                    "`{}` is nested too deep",
                    String::from_utf8_lossy(start.name().as_ref())
                ));
            }
            Event::Start(start) => stack.push(open(&start)?),
            Event::Empty(start) => {
                let element = open(&start)?;
                close(&mut stack, element);
            }
            Event::End(_) => {
                let Some(element) = stack.pop() else { break };
                close(&mut stack, element);
            }
            Event::Text(text) => {
                if let Some((.., inner)) = stack.last_mut() {
                    inner.push_str(&text.decode().map_err(|e| e.to_string())?);
                }
            }
            Event::CData(text) => {
                if let Some((.., inner)) = stack.last_mut() {
                    inner.push_str(&String::from_utf8_lossy(&text));
                }
            }
            Event::GeneralRef(name) => {
                if let Some((.., inner)) = stack.last_mut() {
                    let name = String::from_utf8_lossy(&name).into_owned();
                    let escaped = format!("&{name};");
                    let plain = quick_xml::escape::unescape(&escaped).map_err(|e| e.to_string())?;
                    inner.push_str(&plain);
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    match stack.len() {
        1 => Ok(Value::Object(
            stack.pop().map(|(_, map, _)| map).unwrap_or_default(),
        )),
        _ => Err("an element is not closed".into()),
    }
}

type Open = (String, Map<String, Value>, String);

fn open(start: &quick_xml::events::BytesStart<'_>) -> Result<Open, String> {
    let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
    let mut map = Map::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|e| e.to_string())?;
        let key = format!("@{}", String::from_utf8_lossy(attribute.key.as_ref()));
        let value = attribute.unescape_value().map_err(|e| e.to_string())?;
        map.insert(key, scalar(&value));
    }
    Ok((name, map, String::new()))
}

fn close(stack: &mut [Open], (name, mut map, text): Open) {
    let text = text.trim();
    let value = if map.is_empty() {
        if text.is_empty() {
            Value::Null
        } else {
            scalar(text)
        }
    } else {
        if !text.is_empty() {
            map.insert("#text".into(), scalar(text));
        }
        Value::Object(map)
    };
    let Some((_, parent, _)) = stack.last_mut() else {
        return;
    };
    match parent.get_mut(&name) {
        None => {
            parent.insert(name, value);
        }
        Some(Value::Array(items)) => items.push(value),
        Some(one) => *one = Value::Array(vec![one.take(), value]),
    }
}

fn scalar(text: &str) -> Value {
    match text {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    let plain = !(text.len() > 1 && text.starts_with('0') && !text.starts_with("0."));
    if plain {
        if let Ok(number) = text.parse::<i64>() {
            return Value::from(number);
        }
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
            && let Ok(number) = text.parse::<f64>()
        {
            return Value::from(number);
        }
    }
    Value::String(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_become_mappings() {
        let value =
            to_value("<?xml version='1.0'?><a x=\"1\"><b>one</b><b>two</b><c/>t &amp; u</a>")
                .unwrap();
        assert_eq!(
            value.to_string(),
            r##"{"a":{"@x":1,"b":["one","two"],"c":null,"#text":"t & u"}}"##
        );
        assert!(to_value("<a><b></a>").is_err() && to_value(&"<a>".repeat(100_000)).is_err());
    }
}
