//! The patterns and targets of rules, as people write them.
//!
//! | written | fits |
//! |---|---|
//! | `/a/b` | this path |
//! | `/a/:name` | one segment, captured as `:name` |
//! | `/a/*` | `/a` and everything below, captured as `:splat` |
//! | `/a/*.jpg`, `/a*` | everything between the two ends, captured as `:splat` |
//!
//! A pattern is of decoded paths: `/a%20b` and a path with a space are one.

use applgen_bundle::http::pattern::Captures;
use applgen_bundle::write::{Pattern, Template};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::site::UrlPath;

/// What is wrong, and what to do.
pub type Fault = (String, &'static str);

/// What a URI reference cannot hold (RFC 3986); `%` stays, as it was written.
const REFERENCE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A pattern, compiled.
#[derive(Debug, Clone)]
pub struct PathPattern {
    pattern: Pattern,
    /// The names of what it captures.
    names: Vec<String>,
    /// The one path that fits, where it captures nothing.
    exact: Option<UrlPath>,
    /// As it was written.
    written: String,
}

impl PathPattern {
    /// Reads a pattern.
    pub fn parse(written: &str) -> Result<Self, Fault> {
        let fault = |message: String, hint| Err((message, hint));
        if !written.starts_with('/') {
            return fault(format!("`{written}` is no path"), "a path begins with `/`");
        }
        if let Some(at) = written.find(['?', '#']) {
            return fault(
                format!("`{written}` holds `{}`", &written[at..=at]),
                "rules are for paths; a query is kept and put behind the target",
            );
        }
        let (before, after) = match written.split_once('*') {
            Some((before, after)) => (before, Some(after)),
            None => (written, None),
        };
        let mut parser = Parser::default();
        let mut segments = before.split('/').skip(1).peekable();
        while let Some(segment) = segments.next() {
            let is_cut = segments.peek().is_none() && after.is_some();
            // The slash before a last `*` belongs to it: `/a/*` fits `/a`.
            if is_cut && segment.is_empty() && after == Some("") {
                break;
            }
            parser.literal.push(b'/');
            match segment.strip_prefix(':').filter(|name| is_name(name)) {
                Some(_) if is_cut => {
                    return fault(
                        format!("`{written}` has a `*` right behind a placeholder"),
                        "a placeholder is a whole segment: `/:a/*`",
                    );
                }
                Some(name) => parser.segment(name)?,
                None => parser.literal.extend(decoded(segment)?),
            }
        }
        if let Some(after) = after {
            if after.contains('*') {
                return fault(format!("`{written}` holds two `*`"), "one is the most");
            }
            if after
                .split('/')
                .any(|part| part.strip_prefix(':').is_some_and(is_name))
            {
                return fault(
                    format!("`{written}` has a placeholder behind its `*`"),
                    "only text can follow a `*`",
                );
            }
            let is_below = after.is_empty() && before.ends_with('/');
            parser.rest(is_below, &decoded(after)?)?;
        }
        Ok(parser.finish(written))
    }

    /// What is captured of a path, if it fits.
    pub fn matches<'p>(&self, path: &'p [u8]) -> Option<Captures<'p>> {
        self.pattern.matches(path)
    }

    /// The one path that fits, if it is only one.
    pub fn exact(&self) -> Option<&UrlPath> {
        self.exact.as_ref()
    }

    /// The compiled form.
    pub fn compiled(&self) -> &Pattern {
        &self.pattern
    }

    /// As it was written.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Whether every path fits.
    pub fn is_everything(&self) -> bool {
        self.written == "/*"
    }

    /// Reads a target: as a URI reference, or else as a path, decoded, without
    /// its query.
    pub fn template(&self, target: &str, is_reference: bool) -> Result<Template, Fault> {
        let mut template = Template::new();
        let end = match is_reference {
            true => target.len(),
            false => target.find(['?', '#']).unwrap_or(target.len()),
        };
        let target = &target[..end];
        let literal = |template: &mut Template, text: &str| -> Result<(), Fault> {
            match is_reference {
                true => {
                    template.literal(utf8_percent_encode(text, REFERENCE).to_string().as_bytes());
                }
                false => template.literal(&decoded(text)?),
            }
            Ok(())
        };
        let mut rest = target;
        let mut begun = String::new();
        while let Some(colon) = rest.find(':') {
            let (text, behind) = (&rest[..colon], &rest[colon + 1..]);
            let length = behind
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(behind.len());
            let name = &behind[..length];
            begun.push_str(text);
            match self.names.iter().position(|known| known == name) {
                Some(number) => {
                    literal(&mut template, &begun)?;
                    begun.clear();
                    template.capture(number as u8);
                }
                None if is_name(name) && text.ends_with('/') && !begun.ends_with("://") => {
                    return Err((
                        format!(
                            "the target takes `:{name}`, which `{}` does not capture",
                            self.written
                        ),
                        "`:splat` is what the `*` stands for, `:name` what `:name` does",
                    ));
                }
                None => {
                    begun.push(':');
                    begun.push_str(name);
                }
            }
            rest = &behind[length..];
        }
        begun.push_str(rest);
        if !begun.is_empty() {
            literal(&mut template, &begun)?;
        }
        Ok(template)
    }
}

#[derive(Default)]
struct Parser {
    pattern: Pattern,
    literal: Vec<u8>,
    names: Vec<String>,
}

impl Parser {
    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.pattern.literal(&self.literal);
            self.literal.clear();
        }
    }

    fn name(&mut self, name: &str) -> Result<(), Fault> {
        if self.names.iter().any(|known| known == name) {
            return Err((
                format!("`:{name}` is captured twice"),
                "give the two names of their own",
            ));
        }
        self.names.push(name.to_owned());
        Ok(())
    }

    fn segment(&mut self, name: &str) -> Result<(), Fault> {
        self.flush();
        self.name(name)?;
        self.pattern.segment(name).map_err(too_many)
    }

    fn rest(&mut self, is_below: bool, suffix: &[u8]) -> Result<(), Fault> {
        self.flush();
        self.name("splat")?;
        match is_below {
            true => self.pattern.slash_rest(),
            false => self.pattern.rest(suffix),
        }
        .map_err(too_many)
    }

    fn finish(mut self, written: &str) -> PathPattern {
        let exact = self
            .names
            .is_empty()
            .then(|| UrlPath::from_bytes(self.literal.clone()));
        self.flush();
        PathPattern {
            pattern: self.pattern,
            names: self.names,
            exact,
            written: written.to_owned(),
        }
    }
}

fn too_many(error: applgen_bundle::write::WriteError) -> Fault {
    (error.to_string(), "write a simpler pattern")
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn decoded(text: &str) -> Result<Vec<u8>, Fault> {
    let bytes = text.as_bytes();
    let mut escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    let is_escape = |at: usize| {
        let digits = bytes.get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !escapes.all(|(at, _)| is_escape(at)) {
        return Err((
            format!("`{text}` holds a `%` that starts no escape"),
            "write a literal `%` as `%25`",
        ));
    }
    let decoded: Vec<u8> = percent_decode_str(text).collect();
    if decoded.contains(&0) {
        return Err((format!("`{text}` holds a zero byte"), "remove it"));
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(from: &str, to: &str, path: &str) -> Option<String> {
        let pattern = PathPattern::parse(from).unwrap();
        let template = pattern.template(to, true).unwrap();
        let captures = pattern.matches(path.as_bytes())?;
        Some(String::from_utf8(template.fill(&captures)).unwrap())
    }

    #[test]
    fn patterns_fit_and_targets_are_filled() {
        for (from, to, path, expected) in [
            ("/a", "/b", "/a", Some("/b")),
            ("/a", "/b", "/a/", None),
            ("/a%20b", "/c d", "/a b", Some("/c%20d")),
            ("/*", "/new/:splat", "/x/y", Some("/new/x/y")),
            ("/*", "/new/:splat", "/", Some("/new/")),
            ("/a/*", "/b/:splat", "/a", Some("/b/")),
            ("/a/*", "/b/:splat", "/ab", None),
            ("/a*", "/b:splat", "/abc", Some("/bbc")),
            (
                "/i/*.jpg",
                "/j/:splat.webp",
                "/i/x/y.jpg",
                Some("/j/x/y.webp"),
            ),
            (
                "/n/:y/:m/*",
                "https://h:8080/:m/:y/:splat?u=:y#:m",
                "/n/1/2/3",
                Some("https://h:8080/2/1/3?u=1#2"),
            ),
            ("/a:b", "/c", "/a:b", Some("/c")),
            ("/:x", "/a/:xy", "/1", None),
        ] {
            if to == "/a/:xy" {
                let pattern = PathPattern::parse(from).unwrap();
                assert!(pattern.template(to, true).is_err());
                continue;
            }
            assert_eq!(filled(from, to, path).as_deref(), expected, "{from} {to}");
        }
        assert_eq!(
            PathPattern::parse("/a%20b").unwrap().exact(),
            Some(&"/a b".into())
        );
        assert_eq!(PathPattern::parse("/a/*").unwrap().exact(), None);
    }

    #[test]
    fn mistakes_are_told() {
        for written in [
            "a",
            "",
            "/a?b",
            "/a#b",
            "/*/*",
            "/:a*",
            "/*/:a",
            "/:a/:a",
            "/%zz",
            "/%00",
            "/:splat/*",
        ] {
            assert!(PathPattern::parse(written).is_err(), "{written}");
        }
    }
}
