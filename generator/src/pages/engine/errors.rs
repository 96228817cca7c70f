//! What templates do wrong, as diagnostics: the innermost cause, the file and
//! the line where it can be found, and the templates on the way there.

use std::{collections::HashMap, error::Error as _};

use tera::Error;

use super::guard;
use crate::report::{Diagnostic, Place, SourceText};

type Sources = HashMap<String, SourceText>;

/// A template that does not parse, or names a parent that is not there.
pub fn of_loading(error: &Error, sources: &Sources) -> Diagnostic {
    let messages = chain(error);
    let whole = messages.join(": ");
    let name = quoted(&whole)
        .into_iter()
        .find(|name| sources.contains_key(name.as_str()));
    let source = name.as_ref().and_then(|name| sources.get(name));
    // The parser draws a picture: ` --> 3:5`, the line, and what it expected.
    let position = whole.find("--> ").and_then(|at| {
        let rest = &whole[at + 4..];
        let (line, column) = rest.lines().next()?.trim().split_once(':')?;
        Some((line.parse::<usize>().ok()?, column.parse::<usize>().ok()?))
    });
    let expected = whole
        .lines()
        .rev()
        .find_map(|line| line.trim().strip_prefix("= "));
    let message = match (position, expected) {
        (Some(_), Some(expected)) => format!("this template does not parse: {expected}"),
        _ => format!(
            "the templates do not fit together: {}",
            whole.replace('\n', " ")
        ),
    };
    let mut diagnostic = Diagnostic::error(message);
    if let Some(source) = source {
        let place = position.map(|(line, column)| {
            let at = offset(source.text(), line, column);
            Place::span_of(source, at..at + 1)
        });
        diagnostic = diagnostic.at(place.unwrap_or_else(|| {
            let word = quoted(&whole)
                .into_iter()
                .rev()
                .find_map(|w| source.text().find(&w).map(|at| at..at + w.len()));
            match word {
                Some(span) => Place::span_of(source, span),
                None => Place::file(source.path()),
            }
        }));
    }
    diagnostic.hint("templates are written in Tera 1, as themes for Zola up to 0.22 are; one with `{{<name />}}` in it is for Tera 2 and Zola 0.23: take an earlier release of it")
}

/// A template that cannot be rendered.
pub fn of_rendering(name: &str, error: &Error, sources: &Sources) -> Diagnostic {
    let messages = chain(error);
    let mut templates = vec![name.to_owned()];
    for message in &messages {
        for marker in [
            "(error happened in '",
            "while rendering '",
            "(error happened in a parent template: '",
        ] {
            if let Some(at) = message.find(marker) {
                let rest = &message[at + marker.len()..];
                if let Some(end) = rest.find('\'') {
                    let inner = rest[..end].to_owned();
                    if !templates.contains(&inner) {
                        templates.push(inner);
                    }
                }
            }
        }
    }
    let own = |message: &&String| !message.starts_with("Failed to render '");
    let causes: Vec<&String> = messages.iter().filter(own).collect();
    let mut cause = causes
        .iter()
        .map(|c| c.as_str())
        .collect::<Vec<_>>()
        .join(": ");
    if cause.is_empty() {
        cause = messages.last().cloned().unwrap_or_default();
    }
    let words: Vec<String> = causes.iter().flat_map(|message| quoted(message)).collect();
    let spot = guard::passed().filter(|_| cause.contains(guard::NAME));
    let place = match &spot {
        Some(spot) => place_of(spot, sources),
        None => find(&templates, &words, sources),
    };
    let mut message = lower_first(plain(&cause));
    if let [first, rest @ ..] = templates.as_slice()
        && !rest.is_empty()
    {
        message.push_str(&format!(" (`{first}`, from there `{}`)", rest.join("`, `")));
    }
    let diagnostic = Diagnostic::error(message);
    match place {
        Some(place) => diagnostic.at(place),
        None => match sources.get(name) {
            Some(source) => diagnostic.at(Place::file(source.path())),
            None => diagnostic,
        },
    }
}

/// Templates that import each other.
pub fn of_circle(circle: &[String], sources: &Sources) -> Diagnostic {
    let way = circle.join("`, from there `");
    let mut diagnostic = Diagnostic::error(format!(
        "templates import macros from each other in a circle: `{way}`"
    ))
    .hint("move the macros that both need into a file that imports neither");
    if let [name, next, ..] = circle
        && let Some(source) = sources.get(name)
    {
        let at = source.text().find(next.as_str());
        diagnostic = diagnostic.at(at.map_or_else(
            || Place::file(source.path()),
            |at| Place::span_of(source, at..at + next.len()),
        ));
    }
    diagnostic
}

/// A message without what Tera puts before it, where it names the call itself.
fn plain(cause: &str) -> &str {
    for kind in ["Function", "Filter"] {
        let call = cause
            .strip_prefix(kind)
            .and_then(|rest| rest.strip_prefix(" call '"))
            .and_then(|rest| rest.split_once("' failed: "));
        if let Some((name, inner)) = call
            && (name.starts_with(guard::NAME) || inner.starts_with(&format!("`{name}`: ")))
        {
            return inner;
        }
    }
    cause
}

/// The macro, loop or variable that passed a bound.
fn place_of(spot: &guard::Spot, sources: &Sources) -> Option<Place> {
    let source = sources.get(&spot.template)?;
    let found = Some(&spot.words)
        .filter(|words| !words.is_empty())
        .and_then(|words| Some((whole_word(source.text(), words)?, words.len())));
    Some(match found {
        Some((at, length)) => Place::span_of(source, at..at + length),
        None => Place::file(source.path()),
    })
}

/// The line in a template that a word of the message stands on: the innermost
/// template first, then those that it extends, includes or imports.
fn find(templates: &[String], words: &[String], sources: &Sources) -> Option<Place> {
    let mut order: Vec<String> = templates.iter().rev().cloned().collect();
    let mut at = 0;
    while let Some(name) = order.get(at).cloned() {
        at += 1;
        let Some(source) = sources.get(&name) else {
            continue;
        };
        for word in words
            .iter()
            .filter(|word| *word != &name && !word.is_empty())
        {
            if let Some(found) = whole_word(source.text(), word) {
                return Some(Place::span_of(source, found..found + word.len()));
            }
        }
        for tag in ["extends", "include", "import"] {
            for (position, _) in source.text().match_indices(tag) {
                let line = source.text()[position..].lines().next().unwrap_or_default();
                for inner in quoted(line) {
                    if sources.contains_key(&inner) && !order.contains(&inner) && order.len() < 100
                    {
                        order.push(inner);
                    }
                }
            }
        }
    }
    None
}

/// A word that stands in a tag of a template and is not part of a longer one.
fn whole_word(text: &str, word: &str) -> Option<usize> {
    let letter = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let inside = text[..*at]
            .rfind(['{', '}'])
            .is_some_and(|open| text[open..].starts_with('{'));
        let tag = text[..*at].rfind("{%").max(text[..*at].rfind("{{"));
        let closed = text[..*at].rfind("%}").max(text[..*at].rfind("}}"));
        !before.is_some_and(letter)
            && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
            && (inside || tag > closed)
    })
}

fn chain(error: &Error) -> Vec<String> {
    let mut messages = vec![error.to_string()];
    let mut source = error.source();
    while let Some(inner) = source {
        messages.push(inner.to_string());
        source = inner.source();
    }
    messages
}

/// What stands in quotes or backticks.
fn quoted(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for quote in ['`', '\'', '"'] {
        let mut parts = text.split(quote);
        parts.next();
        while let (Some(inside), Some(_)) = (parts.next(), parts.next()) {
            words.push(inside.to_owned());
        }
    }
    words
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = &text[start.min(text.len())..];
    start
        + rest
            .char_indices()
            .nth(column.saturating_sub(1))
            .map_or(rest.len(), |c| c.0)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}
