//! URLs in a finished deck, rewritten where they stand.
//!
//! A deck may be served under a path that is not its own directory's, so that
//! its URLs have to change after they are known, without rendering it again.

use std::ops::Range;

use super::deck::Deck;
use super::markdown::escape;

/// What a URL stands in, which decides how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// An attribute's value, between double quotes.
    Attribute,
    /// `url(…)` in an attribute's value.
    CssAttribute,
    /// `url(…)` in a style sheet.
    RawCss,
}

/// Where a URL stands in a deck's HTML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slot {
    pub range: Range<usize>,
    /// Which of the deck's references it is.
    pub reference: usize,
    pub context: Context,
}

/// Gives every URL of a deck to `f`, and puts what it returns in its place: in
/// the slides, in the list of references, and in the front matter's style
/// sheets and picture.
pub fn rewrite_references(deck: &mut Deck, f: impl Fn(&str) -> Option<String>) {
    let mut sections = String::with_capacity(deck.sections.len());
    let mut at = 0;
    for slot in &mut deck.slots {
        sections.push_str(&deck.sections[at..slot.range.start]);
        at = slot.range.end;
        let start = sections.len();
        let new = deck.references.get(slot.reference).and_then(|r| f(&r.url));
        match &new {
            Some(url) => write_url(&mut sections, url, slot.context, false),
            None => sections.push_str(&deck.sections[slot.range.clone()]),
        }
        slot.range = start..sections.len();
    }
    sections.push_str(&deck.sections[at..]);
    deck.sections = sections;
    for reference in &mut deck.references {
        if let Some(url) = f(&reference.url) {
            reference.url = url;
        }
    }
    for url in deck.meta.css.iter_mut().chain(&mut deck.meta.image) {
        if let Some(new) = f(url) {
            *url = new;
        }
    }
}

/// Writes a URL so that it cannot end what it stands in. What an author wrote
/// in CSS is CSS already; what comes from elsewhere is percent-encoded there.
pub(super) fn write_url(out: &mut String, url: &str, context: Context, authors: bool) {
    if context == Context::Attribute {
        escape(out, url);
        return;
    }
    let mut encoded = String::new();
    for c in url.chars() {
        if !authors && (c.is_ascii_control() || " \"'()<>\\".contains(c)) {
            encoded.push_str(&format!("%{:02X}", u32::from(c)));
        } else {
            encoded.push(c);
        }
    }
    match context {
        Context::RawCss => out.push_str(&encoded),
        _ => escape(out, &encoded),
    }
}
