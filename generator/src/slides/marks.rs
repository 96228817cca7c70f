//! Marks that stand in a slide's tree for what is filled in when it is written:
//! URLs, the ids of headings, and the HTML of code blocks.
//!
//! A mark is a noncharacter, a letter, a number and another noncharacter. The
//! noncharacters are taken out of everything that an author wrote, so that
//! nobody can write a mark.

use std::borrow::Cow;
use std::collections::HashSet;

use super::markdown::escape;
use super::references::Found;
use super::rewrite::{Context, Slot, write_url};

const OPEN: char = '\u{fdd0}';
const CLOSE: char = '\u{fdd1}';

/// What a mark for a URL stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// An attribute's value.
    Url,
    /// `url(…)` in a `style` attribute.
    Css,
    /// `url(…)` in a `style` element.
    RawCss,
}

/// What the marks of a deck stand for.
#[derive(Debug, Default)]
pub(super) struct Marks {
    urls: Vec<Found>,
    slugs: Vec<String>,
    code: Vec<String>,
}

impl Marks {
    /// A mark for a URL.
    pub fn url(&mut self, found: Found, form: Mark) -> String {
        self.urls.push(found);
        let letter = match form {
            Mark::Url => 'u',
            Mark::Css => 's',
            Mark::RawCss => 'r',
        };
        mark(letter, self.urls.len() - 1)
    }

    /// A mark for the id of a heading.
    pub fn slug(&mut self, slug: String) -> String {
        self.slugs.push(slug);
        mark('i', self.slugs.len() - 1)
    }

    /// A mark for the HTML inside a code block.
    pub fn code(&mut self, html: String) -> String {
        self.code.push(html);
        mark('c', self.code.len() - 1)
    }

    /// How many URLs there are so far.
    pub fn url_count(&self) -> usize {
        self.urls.len()
    }

    /// The URLs from a number on.
    pub fn urls_from(&self, start: usize) -> &[Found] {
        self.urls.get(start..).unwrap_or_default()
    }

    #[cfg(test)]
    pub fn into_urls(self) -> Vec<Found> {
        self.urls
    }

    /// Fills in all marks of a text. Ids that are taken grow a number.
    pub fn fill(&self, marked: &str, ids: &mut HashSet<String>) -> Filled {
        let mut filled = Filled {
            html: String::with_capacity(marked.len() * 5 / 4),
            slots: Vec::new(),
            slugs: Vec::new(),
        };
        let mut rest = marked;
        while let Some(open) = rest.find(OPEN) {
            filled.html.push_str(&rest[..open]);
            let after = &rest[open + OPEN.len_utf8()..];
            let Some(close) = after.find(CLOSE) else {
                rest = after;
                continue;
            };
            self.one(&after[..close], &mut filled, ids);
            rest = &after[close + CLOSE.len_utf8()..];
        }
        filled.html.push_str(rest);
        filled
    }

    fn one(&self, mark: &str, filled: &mut Filled, ids: &mut HashSet<String>) {
        let mut chars = mark.chars();
        let letter = chars.next();
        let Ok(number) = chars.as_str().parse::<usize>() else {
            return;
        };
        let context = match letter {
            Some('u') => Context::Attribute,
            Some('s') => Context::CssAttribute,
            Some('r') => Context::RawCss,
            Some('i') => {
                if let Some(slug) = self.slugs.get(number) {
                    let id = unused(slug, ids);
                    escape(&mut filled.html, &id);
                    filled.slugs.push(id);
                }
                return;
            }
            _ => {
                filled
                    .html
                    .push_str(self.code.get(number).map_or("", String::as_str));
                return;
            }
        };
        if let Some(found) = self.urls.get(number) {
            let start = filled.html.len();
            write_url(&mut filled.html, &found.url, context, true);
            filled.slots.push(Slot {
                range: start..filled.html.len(),
                reference: number,
                context,
            });
        }
    }
}

/// A text whose marks are filled in.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub html: String,
    pub slots: Vec<Slot>,
    pub slugs: Vec<String>,
}

fn mark(letter: char, number: usize) -> String {
    format!("{OPEN}{letter}{number}{CLOSE}")
}

/// A slug that no element has yet: `a`, `a-1`, `a-2`, …
fn unused(slug: &str, ids: &mut HashSet<String>) -> String {
    if ids.insert(slug.to_owned()) {
        return slug.to_owned();
    }
    (1_usize..)
        .map(|number| format!("{slug}-{number}"))
        .find(|id| ids.insert(id.clone()))
        .unwrap_or_default()
}

/// The text without the characters that marks are made of; as long as before.
pub(super) fn without(text: &str) -> Cow<'_, str> {
    if text.contains([OPEN, CLOSE]) {
        Cow::Owned(text.replace([OPEN, CLOSE], "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether there is a mark in a text.
pub(super) fn is_marked(text: &str) -> bool {
    text.contains(OPEN)
}
