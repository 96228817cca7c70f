//! `_headers`: paths, and below each the headers that it gets.
//!
//! ```text
//! /*
//!   X-Frame-Options: DENY
//! /assets/*
//!   Cache-Control: public, max-age=31536000, immutable
//!   ! X-Robots-Tag
//! ```
//!
//! All rules that a path fits are merged: one header from several rules is one
//! line, its values joined with commas, as HTTP has it. What a rule says goes
//! before what would be sent anyway, and `! NAME` takes a header away.

use super::{HeaderRule, header_fault, pattern::PathPattern};
use crate::report::{Diagnostic, Diagnostics, Place, SourceText};

/// The file's name.
pub const FILE_NAME: &str = "_headers";

/// Reads a file; what is wrong with it is told in `diagnostics`, as errors.
pub fn parse(source: &SourceText, diagnostics: &mut Diagnostics) -> Vec<HeaderRule> {
    let mut rules: Vec<HeaderRule> = Vec::new();
    // The last path, and whether it had a header yet.
    let mut open: Option<(Place, bool)> = None;
    // Below a path that cannot be read headers are passed over.
    let mut passing_over = false;
    let mut start = 0;
    for line in source.text().split_inclusive('\n') {
        let at = start;
        start += line.len();
        let line = line.trim_start_matches('\u{feff}');
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let begin = at + source.text()[at..start].find(text).unwrap_or(0);
        let place = Place::span_of(source, begin..begin + text.len());
        // No header's name begins with a slash.
        let names_host = !line.starts_with([' ', '\t']) && text.contains("://");
        if text.starts_with('/') || names_host {
            finish(&open, diagnostics);
            open = None;
            passing_over = true;
            if !text.starts_with('/') {
                diagnostics.push(
                    Diagnostic::warning(format!(
                        "`{text}` names a host: rules are for the paths of their own site, and this one is left out"
                    ))
                    .at(place)
                    .hint("write the path alone, if it is this site that is meant"),
                );
                continue;
            }
            match PathPattern::parse(text) {
                Ok(pattern) => {
                    passing_over = false;
                    open = Some((place, false));
                    rules.push(HeaderRule {
                        pattern,
                        set: Vec::new(),
                        remove: Vec::new(),
                    });
                }
                Err((message, hint)) => {
                    diagnostics.push(Diagnostic::error(message).at(place).hint(hint));
                }
            }
            continue;
        }
        let (Some(rule), Some((_, had))) = (rules.last_mut(), open.as_mut()) else {
            if !passing_over {
                diagnostics.push(
                    Diagnostic::error(format!("`{text}` stands below no path"))
                        .at(place)
                        .hint("a path begins with `/`, at the beginning of its line; its headers follow, indented"),
                );
            }
            continue;
        };
        *had = true;
        if let Err((message, hint)) = header(text, rule) {
            diagnostics.push(Diagnostic::error(message).at(place).hint(hint));
        }
    }
    finish(&open, diagnostics);
    rules
}

fn header(text: &str, rule: &mut HeaderRule) -> Result<(), (String, &'static str)> {
    if let Some(name) = text.strip_prefix('!') {
        rule.remove.push(name.trim().to_owned());
        return Ok(());
    }
    let Some((name, value)) = text.split_once(':') else {
        return Err((
            format!("`{text}` is no header"),
            "write `NAME: VALUE`, or `! NAME` to take one away",
        ));
    };
    let (name, value) = (name.trim(), value.trim());
    match header_fault(name, value) {
        Some(fault) => Err(fault),
        None => {
            rule.set.push((name.to_owned(), value.to_owned()));
            Ok(())
        }
    }
}

/// A path without a header is a mistake: a line that should have been indented
/// is the usual reason.
fn finish(open: &Option<(Place, bool)>, diagnostics: &mut Diagnostics) {
    if let Some((place, false)) = open {
        diagnostics.push(
            Diagnostic::error("a path without headers")
                .at(place.clone())
                .hint("its headers follow on lines of their own, indented"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (Vec<HeaderRule>, String) {
        let mut diagnostics = Diagnostics::new();
        let rules = parse(&SourceText::new("_headers", text), &mut diagnostics);
        let told: Vec<_> = diagnostics.iter().map(|d| d.render(false)).collect();
        (rules, told.join("\n"))
    }

    #[test]
    fn rules_are_read() {
        let (rules, told) = told(
            "\u{feff}# comment\n  /*\n  X-A: b:c\n\tX-D:e\r\n\n/a/:b\n  # no\n  ! X-A\n  Content-Type: text/plain",
        );
        assert_eq!(told, "");
        assert_eq!(rules.len(), 2);
        let pairs: Vec<_> = rules[0]
            .set
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect();
        assert_eq!(pairs, ["X-A=b:c", "X-D=e"]);
        assert_eq!(rules[1].remove, ["X-A"]);
        assert_eq!(rules[1].set.len(), 1);
    }

    #[test]
    fn mistakes_have_a_place_and_a_hint() {
        for (text, place, says) in [
            ("X-A: b\n", "1:1", "below no path"),
            ("/a\n  X-A\n", "2:3", "no header"),
            ("/a\n/b\n  X: y\n", "1:1", "without headers"),
            ("/a\n  Content-Length: 3\n", "2:3", "server's own"),
            ("/a\n  X A: 3\n", "2:3", "cannot be sent"),
            ("/a\n  Basic-Auth: u:p\n", "2:3", "no secrets"),
            ("https://x.example/*\n  X: y\n", "1:1", "names a host"),
            ("/*/*\n  X: y\n", "1:1", "two `*`"),
        ] {
            let told = told(text).1;
            assert!(
                told.contains(&format!("_headers:{place}")),
                "{text}: {told}"
            );
            assert!(told.contains(says), "{text}: {told}");
            assert_eq!(told.matches("hint: ").count(), 1, "{told}");
        }
    }
}
