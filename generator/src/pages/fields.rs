//! Reading keys of a mapping, with messages that name the file and the line.
//! The mapping is somebody else's format, so that what is unknown is a warning.

use std::ops::Range;

use super::data::{Data, Node};
use crate::report::{Diagnostic, Diagnostics, Place, SourceText, did_you_mean};

/// A mapping that is read key by key.
pub struct Fields<'a> {
    source: &'a SourceText,
    node: &'a Node,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Fields<'a> {
    /// Reads `node`, which stands in `source`.
    pub fn new(source: &'a SourceText, node: &'a Node, diagnostics: &'a mut Diagnostics) -> Self {
        Self {
            source,
            node,
            diagnostics,
        }
    }

    /// Where a value stands.
    pub fn place(&self, node: &Node) -> Place {
        Place::span_of(self.source, node.span.clone())
    }

    /// Warns of keys that are not known. `what` is the mapping's name
    /// in front of a key, or nothing.
    pub fn known(&mut self, what: &str, known: &[&str]) {
        for (key, span, _) in self.node.entries() {
            if known.contains(&key.as_str()) {
                continue;
            }
            let place = Place::span_of(self.source, span.clone());
            let warning =
                Diagnostic::warning(format!("unknown key `{what}{key}`, which has no effect"));
            let warning = match did_you_mean(key, known.iter().copied()) {
                Some(close) => warning.hint(format!("did you mean `{close}`?")),
                None => warning.hint("your own data goes into `[extra]`"),
            };
            self.diagnostics.push(warning.at(place));
        }
    }

    /// Warns of keys of older versions, which work all the same.
    pub fn renamed(&mut self, old: &[&str], advice: &[(&str, &str)]) {
        for (key, span, _) in self.node.entries() {
            if !old.contains(&key.as_str()) {
                continue;
            }
            let mut warning =
                Diagnostic::warning(format!("`{key}` is an old name of a key, and still works"))
                    .at(Place::span_of(self.source, span.clone()));
            if let Some((_, advice)) = advice.iter().find(|(name, _)| name == key) {
                warning = warning.hint(*advice);
            }
            self.diagnostics.push(warning);
        }
    }

    /// Warns of keys that are known and do nothing here.
    pub fn without_effect(&mut self, keys: &[(&str, &str)]) {
        for (key, span, _) in self.node.entries() {
            if let Some((_, why)) = keys.iter().find(|(name, _)| name == key) {
                self.diagnostics.push(
                    Diagnostic::warning(format!("`{key}` has no effect"))
                        .at(Place::span_of(self.source, span.clone()))
                        .hint(*why),
                );
            }
        }
    }

    /// Tells that a key's value is not what it must be.
    pub fn wrong(&mut self, key: &str, node: &Node, wanted: &str) {
        let place = self.place(node);
        self.diagnostics.push(
            Diagnostic::error(format!("`{key}` is {}, and must be {wanted}", node.kind()))
                .at(place),
        );
    }

    /// Tells an error at a value.
    pub fn error(&mut self, node: &Node, message: String, hint: &str) {
        let place = self.place(node);
        self.diagnostics
            .push(Diagnostic::error(message).at(place).hint(hint));
    }

    /// A value that is there and is not nothing.
    pub fn get(&self, key: &str) -> Option<&'a Node> {
        self.node.get(key).filter(|node| node.data != Data::Null)
    }

    /// A text. Numbers in YAML are the text that they are written as.
    pub fn text(&mut self, key: &str) -> Option<String> {
        let node = self.get(key)?;
        match &node.data {
            Data::Text(text) | Data::Date(text) => Some(text.clone()),
            Data::Int(_) | Data::Float(_) => Some(
                self.source
                    .text()
                    .get(node.span.clone())
                    .unwrap_or_default()
                    .trim()
                    .to_owned(),
            ),
            _ => {
                self.wrong(key, node, "a text");
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &str) -> Option<bool> {
        let node = self.get(key)?;
        match node.data {
            Data::Bool(yes) => Some(yes),
            _ => {
                self.wrong(key, node, "`true` or `false`");
                None
            }
        }
    }

    /// A whole number that is not negative.
    pub fn count(&mut self, key: &str) -> Option<usize> {
        let node = self.get(key)?;
        match node.data {
            Data::Int(number) if number >= 0 => usize::try_from(number).ok(),
            _ => {
                self.wrong(key, node, "a whole number from 0");
                None
            }
        }
    }

    /// A whole number.
    pub fn integer(&mut self, key: &str) -> Option<i64> {
        let node = self.get(key)?;
        match node.data {
            Data::Int(number) => Some(number),
            _ => {
                self.wrong(key, node, "a whole number");
                None
            }
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, key: &str) -> Option<Vec<String>> {
        let node = self.get(key)?;
        let Data::List(items) = &node.data else {
            self.wrong(key, node, "a list of texts");
            return None;
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match &item.data {
                Data::Text(text) | Data::Date(text) => texts.push(text.clone()),
                Data::Int(number) => texts.push(number.to_string()),
                _ => self.wrong(key, item, "a text"),
            }
        }
        Some(texts)
    }

    /// A list of paths, each with the bytes that it stands at; none where there is no list.
    pub fn named(&mut self, key: &str) -> Vec<(String, Range<usize>)> {
        let (Some(node), Some(paths)) = (self.get(key), self.texts(key)) else {
            return Vec::new();
        };
        let spans = match &node.data {
            Data::List(items) => items.iter().map(|item| item.span.clone()),
            _ => return Vec::new(),
        };
        paths.into_iter().zip(spans).collect()
    }

    /// One of several words, by a function that knows them.
    pub fn word<T>(
        &mut self,
        key: &str,
        words: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let node = self.get(key)?;
        let text = self.text(key)?;
        let found = parse(&text);
        if found.is_none() {
            self.error(
                node,
                format!("`{key}` cannot be `{text}`"),
                &format!("one of {words}"),
            );
        }
        found
    }

    /// A mapping.
    pub fn table(&mut self, key: &str) -> Option<&'a Node> {
        let node = self.get(key)?;
        if matches!(node.data, Data::Map(_)) {
            return Some(node);
        }
        self.wrong(key, node, "a table");
        None
    }

    /// The same source and diagnostics, for a mapping within.
    pub fn within<'b>(&'b mut self, node: &'b Node) -> Fields<'b> {
        Fields {
            source: self.source,
            node,
            diagnostics: self.diagnostics,
        }
    }
}
