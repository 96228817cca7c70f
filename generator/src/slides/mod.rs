//! Decks: Markdown to finished HTML at build time.
//!
//! The way of a deck, a module a step:
//!
//! 1. [`front_matter`] reads what the deck says about itself.
//! 2. [`infer`] and [`separators`] settle what separates slides; [`fences`]
//!    finds the code blocks in which nothing does; [`split`] cuts the text into
//!    columns of slides, exactly as reveal.js's Markdown plugin cuts it.
//! 3. [`slide`] renders one: [`markdown`] makes HTML of it, [`dom`] a tree of
//!    that. On the tree, [`attributes`] carries out `.slide:` and `.element`
//!    comments, [`code`] finishes code blocks, [`fragments`] orders what appears
//!    step by step, [`references`] finds every URL, and [`marks`] keeps the
//!    places that are filled in when the tree has become text again.
//! 4. [`mod@page`] puts the slides into the theme, [`rewrite`] moves their URLs.
//!
//! **A deck that works in reveal.js gives the same slides here.** `ci/reveal`
//! holds that against reveal.js itself. Where we differ on purpose: separators
//! in fenced code do not split, Markdown inside HTML blocks is rendered, and
//! indented code is not guessed a language for.
//!
//! **Nothing an author writes reaches beyond its slide.** Each slide is parsed
//! as a fragment of its own and written from the tree.

mod attributes;
mod code;
mod compact;
mod deck;
mod dom;
mod fences;
mod fragments;
mod front_matter;
mod infer;
mod locate;
mod markdown;
mod marks;
mod page;
mod references;
mod rewrite;
mod separators;
mod slide;
mod split;

use std::collections::HashSet;

pub(crate) use code::{is_plain_language, syntax_of, syntaxes};
pub use deck::{Deck, Meta, Notes, Reference, ReferenceKind, SlideOptions};
pub use page::{
    IndexContext, IndexEntry, PageContext, index_page, is_deck_script, not_found_page, page,
};
pub use rewrite::rewrite_references;
pub use separators::{ChosenBy, ChosenSeparators, PatternError, Preset, Separators, Which};
pub use split::{Column, Slide};

use crate::report::{Diagnostic, Diagnostics, Place, SourceText, Told};
use front_matter::FrontMatter;
pub use front_matter::keys as front_matter_keys;
use slide::Renderer;

/// A deck's text, split and not yet rendered.
#[derive(Debug, Clone)]
pub struct Outline {
    /// The slides as ranges of the text.
    pub columns: Vec<Column>,
    /// What split them.
    pub separators: ChosenSeparators,
}

/// Renders a deck. Errors, and whatever else is worth telling, go to
/// `diagnostics`.
pub fn render(
    source: &SourceText,
    options: &SlideOptions,
    diagnostics: &mut Diagnostics,
) -> Result<Deck, Told> {
    let before = diagnostics.count(crate::report::Level::Error);
    let front = front_matter::read(source, diagnostics);
    let outline = split_body(source, &front, options, diagnostics)?;
    let notes = match (options.notes, front.notes) {
        (Notes::Exclude, _) | (_, Some(Notes::Exclude)) => Notes::Exclude,
        _ => Notes::Include,
    };
    let text = marks::without(source.text());
    let deck = Renderer::new(source, &text, notes).deck(outline, front, diagnostics);
    if diagnostics.count(crate::report::Level::Error) > before {
        return Err(Told);
    }
    Ok(deck)
}

/// Splits a deck without rendering it.
pub fn outline(
    source: &SourceText,
    options: &SlideOptions,
    diagnostics: &mut Diagnostics,
) -> Result<Outline, Told> {
    let front = front_matter::read(source, diagnostics);
    split_body(source, &front, options, diagnostics)
}

fn split_body(
    source: &SourceText,
    front: &FrontMatter,
    options: &SlideOptions,
    diagnostics: &mut Diagnostics,
) -> Result<Outline, Told> {
    let body = &source.text()[front.body..];
    let fences = fences::fences(body);
    let masked = fences::mask(body, &fences);
    let separators = choose(source, front, options, &masked, diagnostics);

    let columns = split::split(&masked, &separators.separators).map_err(|error| {
        let mut told = Diagnostic::error(error.to_string())
            .hint("separators are JavaScript regular expressions, such as `\\r?\\n---\\r?\\n`");
        if let Some(span) = front.place_of(error.which) {
            told = told.at(Place::span_of(source, span));
        } else {
            told = told.at(Place::file(source.path()));
        }
        diagnostics.push(told);
        Told
    })?;
    if separators.by == ChosenBy::Inference {
        warn_of_fences(source, front.body, &fences, &separators, diagnostics);
    }
    let shift = |range: std::ops::Range<usize>| range.start + front.body..range.end + front.body;
    let slide = |slide: Slide| Slide {
        body: shift(slide.body),
        notes: slide.notes.map(shift),
    };
    let columns = columns.into_iter().map(|column| match column {
        Column::Slide(one) => Column::Slide(slide(one)),
        Column::Stack(all) => Column::Stack(all.into_iter().map(slide).collect()),
    });
    Ok(Outline {
        columns: columns.collect(),
        separators,
    })
}

/// Front matter wins over the configuration, that over what the lines tell.
fn choose(
    source: &SourceText,
    front: &FrontMatter,
    options: &SlideOptions,
    masked: &str,
    diagnostics: &mut Diagnostics,
) -> ChosenSeparators {
    let crlf = |separators: Separators| match separators.preset() {
        Some(Preset::Mirage) if masked.contains("\r\n") => Separators::mirage_crlf(),
        _ => separators,
    };
    let own_slides = front.slide.is_some() || front.vertical.is_some();
    let (mut separators, mut by) = match (&front.preset, &options.separators) {
        (Some(preset), _) => (preset.separators(), ChosenBy::FrontMatter),
        (None, Some(separators)) => (separators.clone(), ChosenBy::Config),
        (None, None) if own_slides => (Separators::reveal(), ChosenBy::FrontMatter),
        (None, None) => {
            let inferred = infer::infer(masked);
            if let Some(line) = inferred.lookalike {
                let line = line.start + front.body..line.end + front.body;
                diagnostics.push(
                    Diagnostic::warning("`----` with one blank line before it separates no slides")
                        .at(Place::span_of(source, line))
                        .hint("leave two blank lines before it, or separate slides by `---`"),
                );
            }
            (inferred.separators, ChosenBy::Inference)
        }
    };
    separators = crlf(separators);
    let own = [
        (&front.slide, &mut separators.slide),
        (&front.notes_pattern, &mut separators.notes),
    ];
    for (pattern, place) in own {
        if let Some((pattern, _)) = pattern {
            place.clone_from(pattern);
            by = ChosenBy::FrontMatter;
        }
    }
    if let Some((pattern, _)) = &front.vertical {
        separators.vertical = Some(pattern.clone());
        by = ChosenBy::FrontMatter;
    }
    ChosenSeparators { separators, by }
}

/// Where reveal.js would split inside a fence, a deck made for it looks
/// different there. Whoever set the separators knows what they do.
fn warn_of_fences(
    source: &SourceText,
    body: usize,
    fences: &[std::ops::Range<usize>],
    separators: &ChosenSeparators,
    diagnostics: &mut Diagnostics,
) {
    let text = &source.text()[body..];
    let found = split::separators_in(text, &separators.separators).unwrap_or_default();
    let mut found = found.into_iter().peekable();
    for fence in fences {
        while found.next_if(|found| found.end <= fence.start).is_some() {}
        let Some(inside) = found.next_if(|found| found.start < fence.end) else {
            continue;
        };
        // The separator's own line, not the line ending before it.
        let start = inside.start.max(fence.start);
        let line = &text[start..inside.end];
        let start = start + line.len() - line.trim_start().len();
        let end = inside.start + text[inside.start..inside.end].trim_end().len();
        let span = start + body..end.max(start) + body;
        diagnostics.push(
            Diagnostic::warning("a slide separator in a code block does not separate slides")
                .at(Place::span_of(source, span))
                .hint(format!(
                    "reveal.js would split here; `separators: {}` in the front matter says that it is meant so",
                    separators.name()
                )),
        );
    }
}

/// Whether two ids are one, for the deck's list of them.
fn unique(ids: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    ids.into_iter()
        .filter(|id| seen.insert(id.clone()))
        .collect()
}
