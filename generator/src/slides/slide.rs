//! One slide: from its text to a `section`.

use std::collections::HashSet;
use std::ops::Range;

use scraper::Html;

use super::attributes::{self, SectionAttributes};
use super::code;
use super::deck::{Deck, Notes, Reference};
use super::dom::{self, Refused};
use super::fragments;
use super::front_matter::FrontMatter;
use super::locate::Locator;
use super::markdown;
use super::marks::{self, Marks};
use super::references;
use super::split::{Column, Slide};
use super::{Outline, ReferenceKind, unique};
use crate::report::{Diagnostic, Diagnostics, Place, SourceText};

/// Renders the slides of one deck.
pub(super) struct Renderer<'s> {
    source: &'s SourceText,
    text: &'s str,
    notes: Notes,
    marks: Marks,
    budget: code::Budget,
    references: Vec<Reference>,
    ids: Vec<String>,
    taken: HashSet<String>,
    first_heading: Option<String>,
    with_notes: usize,
    with_code: bool,
    /// Where pictures stand that have no text.
    without_alt: Vec<Place>,
}

impl<'s> Renderer<'s> {
    /// `text` is the source's, without the characters that marks are made of.
    pub fn new(source: &'s SourceText, text: &'s str, notes: Notes) -> Self {
        Self {
            source,
            text,
            notes,
            marks: Marks::default(),
            budget: code::Budget::default(),
            references: Vec::new(),
            ids: Vec::new(),
            taken: HashSet::new(),
            first_heading: None,
            with_notes: 0,
            with_code: false,
            without_alt: Vec::new(),
        }
    }

    /// All slides, and what is known of them together.
    pub fn deck(
        mut self,
        outline: Outline,
        front: FrontMatter,
        diagnostics: &mut Diagnostics,
    ) -> Deck {
        let mut marked = String::new();
        let mut slides = 0;
        for column in &outline.columns {
            slides += column.slides().len();
            match column {
                Column::Slide(slide) => self.slide(slide, &mut marked, diagnostics),
                Column::Stack(stack) => {
                    marked.push_str("<section class=\"stack\">\n");
                    for slide in stack {
                        self.slide(slide, &mut marked, diagnostics);
                    }
                    marked.push_str("</section>\n");
                }
            }
        }
        self.tell_of_code(diagnostics);
        self.tell_of_pictures(diagnostics);
        let filled = self.marks.fill(&marked, &mut self.taken);
        let mut ids = self.ids;
        ids.extend(filled.slugs);

        let place = |span: Option<Range<usize>>| match span {
            Some(span) => Place::span_of(self.source, span),
            None => Place::file(self.source.path()),
        };
        let mut references = self.references;
        for (url, span) in front.meta.css.iter().zip(&front.css_places) {
            references.push(Reference {
                url: url.clone(),
                place: place(Some(span.clone())),
                kind: ReferenceKind::Style,
            });
        }
        references.extend(front.meta.image.iter().map(|url| Reference {
            url: url.clone(),
            place: place(front.image_place.clone()),
            kind: ReferenceKind::Image,
        }));
        Deck {
            meta: front.meta,
            sections: filled.html,
            columns: outline.columns.len(),
            slides,
            separators: outline.separators,
            references,
            ids: unique(ids),
            has_code: self.with_code,
            notes: self.with_notes,
            first_heading: self.first_heading,
            slots: filled.slots,
        }
    }

    fn slide(&mut self, slide: &Slide, out: &mut String, diagnostics: &mut Diagnostics) {
        let parts = std::iter::once(&slide.body).chain(&slide.notes);
        let mut locator = Locator::new(self.text, parts.cloned().collect());
        let mut section = SectionAttributes::default();
        let tree = self
            .tree(slide, &mut locator)
            .and_then(|html| self.finish(html, &mut section, &mut locator, diagnostics));
        match tree {
            Ok(html) => {
                out.push_str("<section");
                for (name, value) in section.iter() {
                    out.push(' ');
                    out.push_str(name);
                    out.push_str("=\"");
                    markdown::escape(out, value);
                    out.push('"');
                }
                out.push_str(">\n");
                out.push_str(html.trim());
                out.push_str("\n</section>\n");
            }
            Err(refused) => {
                let why = match refused {
                    Refused::TooDeep => format!(
                        "the slide nests elements more than {} levels deep",
                        dom::MAX_DEPTH
                    ),
                    Refused::TooMany => {
                        "the slide leaves so many elements open that its HTML grows without bound"
                            .to_owned()
                    }
                };
                let place = Place::span_of(self.source, locator.start());
                diagnostics.push(Diagnostic::error(why).at(place));
            }
        }
    }

    /// The slide's HTML, its notes in an `aside` at the end.
    fn tree(&self, slide: &Slide, locator: &mut Locator<'_>) -> Result<Html, Refused> {
        let mut html = dom::parse(&part(self.text, &slide.body, locator))?;
        if let Some(notes) = &slide.notes {
            let notes = dom::parse(&part(self.text, notes, locator))?;
            let aside = dom::new_element("aside", &[("class", "notes")]);
            dom::append_tree(&mut html, aside, notes);
        }
        Ok(html)
    }

    /// Everything that happens on the tree, and what comes out of it.
    fn finish(
        &mut self,
        mut html: Html,
        section: &mut SectionAttributes,
        locator: &mut Locator<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Result<String, Refused> {
        dom::clean(&mut html);
        for name in attributes::apply(&mut html, section) {
            let warning = format!("`{}` is no name for an attribute", name.escape_debug());
            let place = Place::span_of(self.source, locator.start());
            diagnostics.push(Diagnostic::warning(warning).at(place));
        }
        self.notes(&mut html, section);
        self.headings(&mut html);
        let blocks = code::finish(&mut html, &mut self.budget);
        self.with_code |= !blocks.is_empty();
        for block in blocks {
            let mark = self.marks.code(block.html);
            dom::replace_children(&mut html, block.code, &mark);
        }
        for index in fragments::order(&mut html) {
            let warning = format!(
                "`data-fragment-index=\"{}\"` is no number from 0, so that it counts for nothing",
                index.escape_debug()
            );
            let place = Place::span_of(self.source, locator.start());
            diagnostics.push(Diagnostic::warning(warning).at(place));
        }
        self.urls(&mut html, section, locator);
        self.gather_ids(&html, section);
        Ok(dom::inner_html(&html))
    }

    fn notes(&mut self, html: &mut Html, section: &mut SectionAttributes) {
        let asides: Vec<_> = dom::elements(html)
            .filter(|id| dom::is(html, *id, "aside") && dom::has_class(html, *id, "notes"))
            .collect();
        let as_attribute = section.iter().any(|(name, _)| name == "data-notes");
        if self.notes == Notes::Include {
            self.with_notes += usize::from(as_attribute || !asides.is_empty());
            return;
        }
        section.remove("data-notes");
        for aside in asides {
            dom::detach(html, aside);
        }
        let elements: Vec<_> = dom::elements(html).collect();
        for element in elements {
            dom::remove(html, element, "data-notes");
        }
    }

    /// Headings without an id get one made of their text.
    fn headings(&mut self, html: &mut Html) {
        let is_heading = |id| {
            ["h1", "h2", "h3", "h4", "h5", "h6"]
                .iter()
                .any(|name| dom::is(html, id, name))
        };
        let headings: Vec<_> = dom::elements(html).filter(|id| is_heading(*id)).collect();
        for heading in headings {
            let text = dom::text(html, heading);
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if text.is_empty() {
                continue;
            }
            let slug = slug(&text);
            if self.first_heading.is_none() && !dom::within_notes(html, heading) {
                self.first_heading = Some(text);
            }
            if !slug.is_empty() && dom::attr(html, heading, "id").is_none() {
                let mark = self.marks.slug(slug);
                dom::set(html, heading, "id", &mark);
            }
        }
    }

    fn urls(
        &mut self,
        html: &mut Html,
        section: &mut SectionAttributes,
        locator: &mut Locator<'_>,
    ) {
        let without_alt: Vec<String> = dom::elements(html)
            .filter(|id| dom::is(html, *id, "img") && dom::attr(html, *id, "alt").is_none())
            .map(|id| dom::attr(html, id, "src").unwrap_or_default().to_owned())
            .collect();
        let first = self.marks.url_count();
        references::collect(html, section, &mut self.marks);
        let start = self.references.len();
        for found in self.marks.urls_from(first) {
            self.references.push(Reference {
                url: found.url.clone(),
                place: Place::span_of(self.source, locator.find(&found.url)),
                kind: found.kind,
            });
        }
        for url in without_alt {
            let place = self.references[start..]
                .iter()
                .find(|reference| reference.url == url.trim())
                .map(|reference| reference.place.clone())
                .unwrap_or_else(|| Place::span_of(self.source, locator.start()));
            self.without_alt.push(place);
        }
    }

    fn gather_ids(&mut self, html: &Html, section: &SectionAttributes) {
        let of_section = section
            .iter()
            .find(|(name, _)| *name == "id")
            .map(|(_, id)| id);
        let of_elements = dom::elements(html).filter_map(|id| dom::attr(html, id, "id"));
        for id in of_section.into_iter().chain(of_elements) {
            if !id.is_empty() && !marks::is_marked(id) {
                self.ids.push(id.to_owned());
                self.taken.insert(id.to_owned());
            }
        }
    }

    fn tell_of_pictures(&self, diagnostics: &mut Diagnostics) {
        let Some(first) = self.without_alt.first() else {
            return;
        };
        let message = match self.without_alt.len() {
            1 => "this picture has no text for those who cannot see it".to_owned(),
            many => format!(
                "{many} pictures, this one first, have no text for those who cannot see them"
            ),
        };
        diagnostics.push(
            Diagnostic::note(message)
                .at(first.clone())
                .hint("add `alt=\"…\"`, or `alt=\"\"` to what only decorates"),
        );
    }

    fn tell_of_code(&self, diagnostics: &mut Diagnostics) {
        let place = || Place::file(self.source.path());
        for language in &self.budget.unknown {
            let note = format!(
                "no syntax is known for `{}`; its code is shown without colours",
                language.escape_debug()
            );
            diagnostics.push(Diagnostic::note(note).at(place()));
        }
        if self.budget.too_long > 0 {
            let note = format!(
                "{} code blocks are too long to colour",
                self.budget.too_long
            );
            diagnostics.push(Diagnostic::note(note).at(place()));
        }
    }
}

/// A part of a slide to HTML; the places of its URLs go to the locator.
fn part(text: &str, range: &Range<usize>, locator: &mut Locator<'_>) -> String {
    let source = &text[range.clone()];
    let dedented = dedent(source);
    let rendered = markdown::render(dedented.as_deref().unwrap_or(source));
    if dedented.is_none() {
        for (url, at) in rendered.urls {
            locator.know(&url, at.start + range.start..at.end + range.start);
        }
    }
    rendered.html
}

/// reveal.js takes the indentation of a slide's first line off all its lines,
/// since Markdown inside HTML is mostly indented.
fn dedent(text: &str) -> Option<String> {
    let first = text.strip_prefix('\n').unwrap_or(text);
    let after_tabs = first.trim_start_matches('\t');
    let after_spaces = first.trim_start_matches(' ');
    let tabs = first.len() - after_tabs.len();
    let spaces = first.len() - after_spaces.len();
    let indent = if tabs > 0 {
        &first[..tabs]
    } else if spaces > 1 && !after_spaces.starts_with(char::is_whitespace) {
        &first[..spaces]
    } else {
        return None;
    };
    let lines = text
        .split('\n')
        .map(|line| line.strip_prefix(indent).unwrap_or(line));
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// An id for a text: lower case, letters and digits, `-` for spaces.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            c if c.is_alphanumeric() || matches!(c, '-' | '_') => slug.push(c),
            c if c.is_whitespace() => slug.push('-'),
            _ => {}
        }
    }
    slug
}
