//! `load_data`: files of the site as data. The network is not asked, and
//! nothing outside the site is read.

use std::sync::Arc;

use tera::{Map, Result, Value};

use super::{Shared, bibtex, functions::Given, xml};
use crate::pages::data::{toml, yaml};

/// Larger files are refused: they would be in memory many times over.
const MAX_DATA_BYTES: u64 = 64_000_000;

/// The function.
pub fn load_data(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    if let Some(url) = given.text("url")? {
        return Err(given.error(format!(
            "`{url}` is not fetched: a build asks no network, so that the same site gives the same image; keep a copy in the site and name it with `path`"
        )));
    }
    let required = given.flag("required", true)?;
    let (text, kind) = match (given.text("path")?, given.text("literal")?) {
        (None, Some(literal)) => (literal.to_owned(), "plain".to_owned()),
        (Some(path), None) => {
            let found = shared.files.search(path).map_err(|why| given.error(why))?;
            let Some(file) = found else {
                if required {
                    return Err(given.error(format!("there is no file `{path}` in the site")));
                }
                return Ok(Value::Null);
            };
            if file.bytes > MAX_DATA_BYTES {
                return Err(given.error(format!("`{path}` has more than {MAX_DATA_BYTES} bytes")));
            }
            let bytes = file
                .read(MAX_DATA_BYTES)
                .map_err(|_| given.error(format!("`{path}` cannot be read")))?;
            let text = String::from_utf8(bytes)
                .map_err(|_| given.error(format!("`{path}` is not valid UTF-8")))?;
            let extension = path
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_ascii_lowercase();
            (text, extension)
        }
        _ => return Err(given.error("give one of `path` and `literal`")),
    };
    let kind = given.text("format")?.map_or(kind, str::to_owned);
    let wrong = |why: String| given.error(format!("not valid {kind}: {why}"));
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    match kind.as_str() {
        "toml" => toml(text, 0)
            .map(|node| node.to_value())
            .map_err(|e| wrong(e.message)),
        "yaml" | "yml" => yaml(text, 0)
            .map(|node| node.to_value())
            .map_err(|e| wrong(e.message)),
        "json" => serde_json::from_str(text).map_err(|e| wrong(e.to_string())),
        "csv" => csv(text).map_err(wrong),
        "xml" => xml::to_value(text).map_err(wrong),
        "bibtex" | "bib" => bibtex::to_value(text).map_err(wrong),
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn csv(text: &str) -> std::result::Result<Value, String> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::Headers)
        .from_reader(text.as_bytes());
    let row = |record: &csv::StringRecord| -> Value {
        Value::Array(
            record
                .iter()
                .map(|field| Value::String(field.to_owned()))
                .collect(),
        )
    };
    let headers = row(reader.headers().map_err(|e| e.to_string())?);
    let mut records = Vec::new();
    for record in reader.records() {
        records.push(row(&record.map_err(|e| e.to_string())?));
    }
    let mut map = Map::new();
    map.insert("headers".into(), headers);
    map.insert("records".into(), Value::Array(records));
    Ok(Value::Object(map))
}
