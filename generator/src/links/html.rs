//! The references and ids of a finished HTML page.

use std::collections::{BTreeSet, HashMap};

use scraper::{Html, Selector};

use super::css;
use crate::{
    report::{Place, SourceText},
    slides::{Reference, ReferenceKind},
};

/// What was read from a page.
pub struct Read {
    pub references: Vec<Reference>,
    pub ids: BTreeSet<String>,
    /// The `href` of `<base>`.
    pub base: Option<String>,
}

/// Reads a page.
pub fn read(source: &SourceText) -> Read {
    let html = Html::parse_document(source.text());
    let mut finder = Finder::new(source);
    let mut read = Read {
        references: Vec::new(),
        ids: BTreeSet::new(),
        base: None,
    };
    for element in html
        .tree
        .nodes()
        .filter_map(|node| node.value().as_element())
    {
        let name = element.name();
        let rel = element.attr("rel").unwrap_or_default();
        for (attribute, value) in element.attrs() {
            let kind = match (name, attribute) {
                (_, "id") => {
                    read.ids.insert(value.to_owned());
                    continue;
                }
                ("a", "name") => {
                    read.ids.insert(value.to_owned());
                    continue;
                }
                ("base", "href") => {
                    read.base = Some(value.to_owned());
                    continue;
                }
                // Hints to the browser that fetch nothing of ours.
                ("link", "href") if ["preconnect", "dns-prefetch"].contains(&rel) => continue,
                ("link", "href") if rel == "stylesheet" => ReferenceKind::Style,
                ("a" | "area" | "link", "href") => ReferenceKind::Link,
                ("script", "src") => ReferenceKind::Script,
                ("img" | "image", "src" | "href") => ReferenceKind::Image,
                ("video" | "audio" | "source" | "track", "src" | "poster") => ReferenceKind::Media,
                ("iframe" | "embed", "src") | ("object", "data") => ReferenceKind::Frame,
                ("img" | "source", "srcset") => {
                    for url in srcset(value) {
                        let place = finder.place(url);
                        read.references.push(Reference {
                            url: url.to_owned(),
                            place,
                            kind: ReferenceKind::Image,
                        });
                    }
                    continue;
                }
                (_, "style") => {
                    let sheet = SourceText::new(source.path(), format!("x{{{value}}}"));
                    for reference in css::references(&sheet) {
                        let place = finder.place(&reference.url);
                        read.references.push(Reference { place, ..reference });
                    }
                    continue;
                }
                _ => continue,
            };
            if !value.trim().is_empty() || attribute != "href" {
                let place = finder.place(value);
                read.references.push(Reference {
                    url: value.to_owned(),
                    place,
                    kind,
                });
            }
        }
    }
    read
}

/// The text of a page's `<title>`.
pub fn title(text: &str) -> Option<String> {
    let html = Html::parse_document(text);
    let selector = Selector::parse("title").ok()?;
    let title: String = html.select(&selector).next()?.text().collect();
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    (!title.is_empty()).then_some(title)
}

/// The URLs of a `srcset`: each candidate's first word (HTML, "parse a srcset attribute").
fn srcset(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(", ")
        .flat_map(|part| part.split(",\n"))
        .filter_map(|candidate| candidate.split_whitespace().next())
        .map(|url| url.trim_matches(','))
        .filter(|url| !url.is_empty())
}

/// Finds attribute values in the text that they were parsed from: the parser
/// keeps no positions, and the n-th use of a value is its n-th occurrence.
struct Finder<'a> {
    source: &'a SourceText,
    next: HashMap<String, usize>,
}

impl<'a> Finder<'a> {
    fn new(source: &'a SourceText) -> Self {
        Self {
            source,
            next: HashMap::new(),
        }
    }

    fn place(&mut self, value: &str) -> Place {
        let text = self.source.text();
        let from = self.next.get(value).copied().unwrap_or(0);
        let escaped = value.replace('&', "&amp;");
        let found = [value, &escaped]
            .into_iter()
            .filter(|form| !form.is_empty())
            .find_map(|form| {
                let quoted = |quote: char| {
                    let form = format!("{quote}{form}{quote}");
                    Some((text.get(from..)?.find(&form)? + from + 1, form.len() - 2))
                };
                quoted('"')
                    .into_iter()
                    .chain(quoted('\''))
                    .min()
                    .or_else(|| Some((text.get(from..)?.find(form)? + from, form.len())))
            });
        match found {
            Some((at, length)) => {
                self.next.insert(value.to_owned(), at + length);
                Place::span_of(self.source, at..at + length)
            }
            None => Place::file(self.source.path()),
        }
    }
}
