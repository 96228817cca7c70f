//! `_redirects`: one rule a line.
//!
//! ```text
//! # from          to                   status
//! /home           /                    301
//! /blog/*         /posts/:splat
//! /app/*          /app/index.html      200
//! /beta/*         /                    302!
//! /secret/*       410
//! ```
//!
//! Without a status it is 301. `!` behind the status lets a rule go before a
//! file at the same path. Other hosts know rules for some visitors alone, by
//! country, language, role or query; here every visitor gets the same answers,
//! so such a rule is left out, with a warning, and those behind it apply.

use std::ops::Range;

use super::{Redirect, redirect};
use crate::report::{Diagnostic, Diagnostics, Place, SourceText};

/// The file's name.
pub const FILE_NAME: &str = "_redirects";

/// Reads a file; what is wrong with it is told in `diagnostics`, as errors.
pub fn parse(source: &SourceText, diagnostics: &mut Diagnostics) -> Vec<Redirect> {
    let mut rules = Vec::new();
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let words = words(line, start);
        start += line.len();
        if words.is_empty() {
            continue;
        }
        match rule(source, &words, diagnostics) {
            Ok(Some(rule)) => rules.push(rule),
            Ok(None) => {}
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    rules
}

struct Word<'s> {
    text: &'s str,
    span: Range<usize>,
}

/// The words of a line, up to a comment.
fn words(line: &str, start: usize) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(begin) = rest.find(|c: char| !c.is_whitespace() && c != '\u{feff}') {
        let text = &rest[begin..];
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let text = &text[..end];
        if text.starts_with('#') {
            break;
        }
        let at = start + (line.len() - rest.len()) + begin;
        words.push(Word {
            text,
            span: at..at + end,
        });
        rest = &rest[begin + end..];
    }
    words
}

/// The rule of a line; nothing where it is one that is left out.
fn rule(
    source: &SourceText,
    words: &[Word<'_>],
    diagnostics: &mut Diagnostics,
) -> Result<Option<Redirect>, Diagnostic> {
    let place = |word: &Word<'_>| Place::span_of(source, word.span.clone());
    let error = |word: &Word<'_>, message: String, hint: &str| {
        Diagnostic::error(message)
            .at(place(word))
            .hint(hint.to_owned())
    };
    let [from, rest @ ..] = words else {
        return Err(Diagnostic::error("an empty rule"));
    };
    let is_target = |text: &str| text.starts_with('/') || text.contains("://");
    let mut to = None;
    let mut status = None;
    let mut condition = None;
    for word in rest {
        let code = word.text.strip_suffix('!').unwrap_or(word.text);
        let is_status = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_digit());
        if is_status && status.is_none() {
            status = Some((code.parse().unwrap_or(0), code.len() < word.text.len()));
        } else if is_target(word.text) && to.is_none() && status.is_none() {
            to = Some(word.text);
        } else if word.text.contains('=') && !is_target(word.text) {
            let (what, hint) = match to {
                None => (
                    "the query",
                    "write a rule for the path alone; the query is put behind the target",
                ),
                Some(_) => (
                    "who asks",
                    "every visitor gets the same answer; write one rule for all of them",
                ),
            };
            condition.get_or_insert((word, what, hint));
        } else {
            return Err(error(
                word,
                format!(
                    "`{}` is one word too many, or in the wrong place",
                    word.text
                ),
                "write `FROM TO [STATUS]`, such as `/old/* /new/:splat 301`",
            ));
        }
    }
    let (status, force) = status.unwrap_or((301, false));
    let whole = from.span.start..words.last().map_or(from.span.end, |word| word.span.end);
    let rule = redirect(from.text, to, status, force, &Place::span_of(source, whole));
    let Some((word, what, hint)) = condition else {
        return rule.map(Some);
    };
    let message = format!(
        "`{}`: rules do not look at {what}, and this one is left out",
        word.text
    );
    diagnostics.push(Diagnostic::warning(message).at(place(word)).hint(hint));
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (Vec<Redirect>, String) {
        let mut diagnostics = Diagnostics::new();
        let rules = parse(&SourceText::new("_redirects", text), &mut diagnostics);
        let told: Vec<_> = diagnostics.iter().map(|d| d.render(false)).collect();
        (rules, told.join("\n"))
    }

    #[test]
    fn rules_are_read() {
        let (rules, told) = told(
            "\u{feff}# comment\n\n/a /b\r\n  /c/*\thttps://example.org/:splat 302! # why\n/d 410\n/e /f 404\n/g /h 200",
        );
        assert_eq!(told, "");
        let read: Vec<_> = rules
            .iter()
            .map(|rule| {
                let to = rule.to.as_deref().unwrap_or("-");
                (rule.from.written(), to, rule.status, rule.force)
            })
            .collect();
        assert_eq!(
            read,
            [
                ("/a", "/b", 301, false),
                ("/c/*", "https://example.org/:splat", 302, true),
                ("/d", "-", 410, false),
                ("/e", "/f", 404, false),
                ("/g", "/h", 200, false),
            ]
        );
    }

    #[test]
    fn mistakes_have_a_place_and_a_hint() {
        for (line, place, says) in [
            ("/a", "2:1", "says not where to"),
            ("a /b", "2:1", "no path"),
            ("/a b", "2:4", "one word too many"),
            ("/a /b 299", "2:1", "`299` is no status"),
            ("/a /b 301 302", "2:11", "one word too many"),
            (
                "/a id=:id /b/:id",
                "2:4",
                "the query, and this one is left out",
            ),
            (
                "/a /b 301 Country=de Language=x",
                "2:11",
                "who asks, and this one",
            ),
            (
                "/a https://x.example/:splat 200! Sign=KEY",
                "2:34",
                "who asks",
            ),
            ("/a /:x", "2:1", "`:x`"),
            ("/a/*/b/* /c", "2:1", "two `*`"),
            ("https://x.example/* /c", "2:1", "names a host"),
            ("/a https://x.example 200", "2:1", "another server"),
            ("/a /b /c", "2:7", "one word too many"),
            ("/a https:// 301", "2:1", "no target"),
        ] {
            let (rules, told) = told(&format!("/ok /fine\n{line}\n/ok2 /fine\n"));
            assert_eq!(rules.len(), 2, "{line}");
            assert!(
                told.contains(&format!("_redirects:{place}")),
                "{line}: {told}"
            );
            assert!(told.contains(says), "{line}: {told}");
            assert!(told.contains("\n\nhint: "), "{told}");
        }
    }
}
