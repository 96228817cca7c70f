//! BibTeX as data: entries with their tags, variables put in.

use std::collections::BTreeMap;

use tera::{Map, Value};

/// Reads a bibliography.
pub fn to_value(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0 };
    let mut preambles = Vec::new();
    let mut comments = Vec::new();
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut entries = Vec::new();
    while let Some(found) = reader.rest().find('@') {
        let before = reader.rest()[..found].trim();
        if !before.is_empty() {
            comments.push(Value::String(before.to_owned()));
        }
        reader.at += found + 1;
        let kind = reader.word().to_ascii_lowercase();
        reader.space();
        if kind == "comment" {
            comments.push(Value::String(reader.braced()?.trim().to_owned()));
            continue;
        }
        let close = match reader.next() {
            Some('{') => '}',
            Some('(') => ')',
            _ => return Err(reader.wrong("`{` is missing after the kind of an entry")),
        };
        match kind.as_str() {
            "preamble" => {
                preambles.push(Value::String(reader.value(&variables)?));
                reader.space();
                reader.expect(close)?;
            }
            "string" => {
                let (name, value) = reader.tag(&variables)?;
                variables.insert(name, value);
                reader.space();
                reader.expect(close)?;
            }
            _ => {
                reader.space();
                let rest = reader.rest();
                let end = rest
                    .find([',', close])
                    .ok_or_else(|| reader.wrong("an entry is not closed"))?;
                let key = rest[..end].trim().to_owned();
                reader.at += end;
                let mut tags = Map::new();
                loop {
                    reader.space();
                    match reader.next() {
                        Some(',') => {
                            reader.space();
                            if reader.rest().starts_with(close) {
                                continue;
                            }
                            let (name, value) = reader.tag(&variables)?;
                            tags.insert(name, Value::String(value));
                        }
                        Some(c) if c == close => break,
                        _ => return Err(reader.wrong("an entry is not closed")),
                    }
                }
                entries.push(serde_json::json!({
                    "entry_type": kind,
                    "citation_key": key,
                    "tags": tags,
                }));
            }
        }
    }
    Ok(serde_json::json!({
        "preambles": preambles,
        "comments": comments,
        "variables": variables,
        "bibliographies": entries,
    }))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn word(&mut self) -> String {
        self.space();
        let rest = self.rest();
        let end = rest
            .find(|c: char| c.is_whitespace() || "{}(),=#\"@".contains(c))
            .unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        match self.next() {
            Some(c) if c == wanted => Ok(()),
            _ => Err(self.wrong(&format!("`{wanted}` is missing"))),
        }
    }

    fn wrong(&self, why: &str) -> String {
        let line = self.text[..self.at.min(self.text.len())]
            .matches('\n')
            .count()
            + 1;
        format!("{why}, in line {line}")
    }

    fn tag(&mut self, variables: &BTreeMap<String, String>) -> Result<(String, String), String> {
        let name = self.word();
        if name.is_empty() {
            return Err(self.wrong("a tag has no name"));
        }
        self.space();
        self.expect('=')?;
        Ok((name.to_ascii_lowercase(), self.value(variables)?))
    }

    /// Parts joined by `#`.
    fn value(&mut self, variables: &BTreeMap<String, String>) -> Result<String, String> {
        let mut out = String::new();
        loop {
            self.space();
            match self.rest().chars().next() {
                Some('{') => out.push_str(&self.braced()?),
                Some('"') => {
                    self.at += 1;
                    let mut depth = 0_usize;
                    let rest = self.rest();
                    let end = rest.char_indices().find(|(_, c)| {
                        match c {
                            '{' => depth += 1,
                            '}' => depth = depth.saturating_sub(1),
                            _ => {}
                        }
                        *c == '"' && depth == 0
                    });
                    let (end, _) = end.ok_or_else(|| self.wrong("a text is not closed"))?;
                    out.push_str(&rest[..end]);
                    self.at += end + 1;
                }
                _ => {
                    let word = self.word();
                    if word.is_empty() {
                        return Err(self.wrong("a value is missing"));
                    }
                    out.push_str(variables.get(&word.to_ascii_lowercase()).unwrap_or(&word));
                }
            }
            self.space();
            if !self.rest().starts_with('#') {
                return Ok(out);
            }
            self.at += 1;
        }
    }

    fn braced(&mut self) -> Result<String, String> {
        self.expect('{')?;
        let rest = self.rest();
        let mut depth = 1_usize;
        for (at, c) in rest.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                self.at += at + 1;
                return Ok(rest[..at].to_owned());
            }
        }
        Err(self.wrong("a brace is not closed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_documentation() {
        let text = "@preamble{\"A bibtex preamble\" # \" this is.\"}\n@Comment{\n Here is a comment.\n}\nAnother comment!\n@string(name = \"Vincent\")\n@string(github = \"https://example.org\")\n@misc {my_key,\n author= name,\n title = \"Zola\",\n note = \"github: \" # github\n}";
        let value = to_value(text).unwrap();
        assert_eq!(value["preambles"][0], "A bibtex preamble this is.");
        assert_eq!(
            value["comments"].to_string(),
            r#"["Here is a comment.","Another comment!"]"#
        );
        assert_eq!(value["bibliographies"][0]["tags"]["author"], "Vincent");
        assert_eq!(
            value["bibliographies"][0]["tags"]["note"],
            "github: https://example.org"
        );
        assert!(to_value("@misc{a, b = {c").is_err());
    }
}
