//! How pages and sections belong together: who is in whom, in which order, in
//! which languages, under which terms.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use lexical_sort::natural_lexical_cmp;

use super::{
    content::Entry,
    front_matter::SortBy,
    settings::{Settings, Taxonomy},
};
use crate::report::{Diagnostic, Diagnostics, Place};

/// What an entry has around it. Numbers are indices of [`Library::entries`].
#[derive(Debug, Default, Clone)]
pub struct Around {
    /// The sections that it is in, from the root down.
    pub ancestors: Vec<usize>,
    /// Of a section: its pages, sorted.
    pub pages: Vec<usize>,
    /// Of a section: the sections directly in it, the lightest first.
    pub subsections: Vec<usize>,
    /// Of a page: the one before it in its section.
    pub lower: Option<usize>,
    /// Of a page: the one behind it.
    pub higher: Option<usize>,
    /// The same content in every language, itself included; nothing when there is one.
    pub translations: Vec<usize>,
    /// It lacks what its section sorts by, and has no page of its own.
    pub ignored: bool,
}

/// A taxonomy with its terms, in one language.
#[derive(Debug)]
pub struct Terms {
    /// Its configuration.
    pub taxonomy: Taxonomy,
    /// The language.
    pub lang: String,
    /// Where its list is.
    pub path: String,
    /// The address of its list.
    pub permalink: String,
    /// The terms, by slug.
    pub terms: Vec<Term>,
}

/// A term with its pages.
#[derive(Debug)]
pub struct Term {
    /// As the first page wrote it.
    pub name: String,
    /// As a part of a path.
    pub slug: String,
    /// Where it is.
    pub path: String,
    /// Its address.
    pub permalink: String,
    /// Its pages, the latest first.
    pub pages: Vec<usize>,
}

/// The whole content.
#[derive(Debug, Default)]
pub struct Library {
    /// Pages and sections, by file.
    pub entries: Vec<Entry>,
    /// What each has around it.
    pub around: Vec<Around>,
    /// Taxonomies that have a use or are configured.
    pub taxonomies: Vec<Terms>,
    by_relative: HashMap<String, usize>,
}

impl Library {
    /// Puts everything in its place.
    pub fn new(entries: Vec<Entry>, settings: &Settings, diagnostics: &mut Diagnostics) -> Self {
        let by_relative = entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.relative.clone(), at))
            .collect();
        let mut library = Self {
            around: vec![Around::default(); entries.len()],
            entries,
            taxonomies: Vec::new(),
            by_relative,
        };
        library.nest();
        library.sort(diagnostics);
        if settings.multilingual() {
            library.translate();
        }
        library.classify(settings, diagnostics);
        library
    }

    /// An entry by its path below `content/`.
    pub fn find(&self, relative: &str) -> Option<usize> {
        self.by_relative.get(relative).copied()
    }

    /// A taxonomy by name.
    pub fn taxonomy(&self, name: &str, lang: &str) -> Option<&Terms> {
        self.taxonomies
            .iter()
            .find(|t| t.taxonomy.name == name && t.lang == lang)
    }

    /// The template for a page that names none, of the nearest section that has one.
    pub fn page_template(&self, at: usize) -> Option<&str> {
        self.around[at]
            .ancestors
            .iter()
            .rev()
            .find_map(|section| self.entries[*section].meta.page_template.as_deref())
    }

    fn nest(&mut self) {
        let sections: HashMap<(String, String), usize> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.section)
            .map(|(at, entry)| ((entry.directories.join("/"), entry.lang.clone()), at))
            .collect();
        for at in 0..self.entries.len() {
            let entry = &self.entries[at];
            let depth = entry.directories.len();
            let parents = if entry.section { depth } else { depth + 1 };
            let ancestors: Vec<usize> = (0..parents)
                .filter_map(|n| {
                    let key = (entry.directories[..n].join("/"), entry.lang.clone());
                    sections.get(&key).copied()
                })
                .collect();
            if entry.section {
                if let Some(parent) = ancestors.last() {
                    self.around[*parent].subsections.push(at);
                }
            } else {
                if !entry.meta.render {
                    self.around[at].ancestors = ancestors;
                    continue;
                }
                // A transparent section hands its pages on to the one above.
                let own = (entry.directories.join("/"), entry.lang.clone());
                if let Some(mut section) = sections.get(&own).copied() {
                    let mut above = ancestors.iter().rev().skip(1);
                    self.around[section].pages.push(at);
                    while self.entries[section].meta.transparent {
                        let Some(next) = above.next() else { break };
                        section = *next;
                        self.around[section].pages.push(at);
                    }
                }
            }
            self.around[at].ancestors = ancestors;
        }
    }

    fn sort(&mut self, diagnostics: &mut Diagnostics) {
        let mut kept: BTreeSet<usize> = BTreeSet::new();
        let mut dropped: BTreeMap<usize, &str> = BTreeMap::new();
        // A section that is not transparent decides who a page's neighbours are.
        let mut order: Vec<usize> = (0..self.entries.len())
            .filter(|at| self.entries[*at].section)
            .collect();
        order.sort_by_key(|at| !self.entries[*at].meta.transparent);
        for section in order {
            let by = self.entries[section].meta.sort_by;
            let pages = std::mem::take(&mut self.around[section].pages);
            let (sorted, lacking) = self.sorted(pages, by);
            let key = match by {
                SortBy::Weight => "weight",
                SortBy::Title | SortBy::TitleBytes => "title",
                _ => "date",
            };
            dropped.extend(lacking.into_iter().map(|page| (page, key)));
            if by != SortBy::None {
                for (n, page) in sorted.iter().enumerate() {
                    self.around[*page].lower = n.checked_sub(1).map(|n| sorted[n]);
                    self.around[*page].higher = sorted.get(n + 1).copied();
                }
            }
            kept.extend(&sorted);
            self.around[section].pages = sorted;
            let mut subsections = std::mem::take(&mut self.around[section].subsections);
            subsections.sort_by(|a, b| {
                let weight = |at: &usize| self.entries[*at].meta.weight.unwrap_or(0);
                weight(a)
                    .cmp(&weight(b))
                    .then_with(|| self.entries[*a].permalink.cmp(&self.entries[*b].permalink))
            });
            self.around[section].subsections = subsections;
        }
        for (page, key) in dropped {
            if !kept.contains(&page) {
                self.around[page].ignored = true;
                diagnostics.push(
                    Diagnostic::warning(format!(
                        "this page is left out: its section sorts by `{key}`, and it has none"
                    ))
                    .at(Place::file(self.entries[page].shown()))
                    .hint(format!(
                        "give it a `{key}`, or change `sort_by` of the section"
                    )),
                );
            }
        }
    }

    /// Sorted pages, and those that lack the key.
    pub fn sorted(&self, pages: Vec<usize>, by: SortBy) -> (Vec<usize>, Vec<usize>) {
        let meta = |at: &usize| &self.entries[*at].meta;
        let update = |at: &usize| {
            let meta = meta(at);
            meta.updated
                .as_ref()
                .or(meta.date.as_ref())
                .map(|d| d.seconds)
                .max(meta.date.as_ref().map(|d| d.seconds))
        };
        let has = |at: &usize| match by {
            SortBy::Date => meta(at).date.is_some(),
            SortBy::UpdateDate => update(at).is_some(),
            SortBy::Weight => meta(at).weight.is_some(),
            SortBy::Title | SortBy::TitleBytes => meta(at).title.is_some(),
            SortBy::None | SortBy::Slug | SortBy::Permalink => true,
        };
        let (mut sorted, lacking): (Vec<usize>, Vec<usize>) = pages.into_iter().partition(has);
        let title = |at: &usize| meta(at).title.as_deref().unwrap_or_default();
        sorted.sort_by(|a, b| {
            let (x, y) = (&self.entries[*a], &self.entries[*b]);
            let order = match by {
                SortBy::None => return Ordering::Equal,
                SortBy::Date => {
                    let date = |m: &usize| meta(m).date.as_ref().map(|d| d.seconds);
                    date(b).cmp(&date(a))
                }
                SortBy::UpdateDate => update(b).cmp(&update(a)),
                SortBy::Title => natural_lexical_cmp(title(a), title(b)),
                SortBy::TitleBytes => title(a).cmp(title(b)),
                SortBy::Weight => meta(a).weight.cmp(&meta(b).weight),
                SortBy::Slug => natural_lexical_cmp(&x.slug, &y.slug),
                SortBy::Permalink => natural_lexical_cmp(&x.permalink, &y.permalink),
            };
            order.then_with(|| x.permalink.cmp(&y.permalink))
        });
        (sorted, lacking)
    }

    fn translate(&mut self) {
        let mut same: BTreeMap<(bool, &str), Vec<usize>> = BTreeMap::new();
        for (at, entry) in self.entries.iter().enumerate() {
            same.entry((entry.section, &entry.canonical))
                .or_default()
                .push(at);
        }
        let groups: Vec<Vec<usize>> = same.into_values().filter(|group| group.len() > 1).collect();
        for group in groups {
            for at in &group {
                self.around[*at].translations = group.clone();
            }
        }
    }

    fn classify(&mut self, settings: &Settings, diagnostics: &mut Diagnostics) {
        for (lang, language) in &settings.languages {
            let mut seen = BTreeSet::new();
            for taxonomy in &language.taxonomies {
                if !seen.insert(&taxonomy.name) {
                    continue;
                }
                let root = settings.taxonomy_root.as_deref().unwrap_or_default();
                let mut path = settings.language_path(lang);
                for part in root
                    .split('/')
                    .chain([taxonomy.slug.as_str()])
                    .filter(|p| !p.is_empty())
                {
                    path.push_str(part);
                    path.push('/');
                }
                self.taxonomies.push(Terms {
                    terms: self.terms(taxonomy, lang, &path, settings),
                    taxonomy: taxonomy.clone(),
                    lang: lang.clone(),
                    permalink: settings.permalink(&path),
                    path,
                });
            }
        }
        for entry in &self.entries {
            for name in entry.meta.taxonomies.keys() {
                if self.taxonomy(name, &entry.lang).is_none() {
                    diagnostics.push(
                        Diagnostic::warning(format!(
                            "the taxonomy `{name}` is not in the configuration, and has no effect"
                        ))
                        .at(Place::file(entry.shown()))
                        .hint(format!(
                            "add `{{ name = \"{name}\" }}` to `taxonomies` of the language `{}`",
                            entry.lang
                        )),
                    );
                }
            }
        }
    }

    fn terms(&self, taxonomy: &Taxonomy, lang: &str, path: &str, settings: &Settings) -> Vec<Term> {
        let mut by_slug: BTreeMap<String, (String, Vec<usize>)> = BTreeMap::new();
        for (at, entry) in self.entries.iter().enumerate() {
            if entry.lang != lang || self.around[at].ignored {
                continue;
            }
            for name in entry
                .meta
                .taxonomies
                .get(&taxonomy.name)
                .into_iter()
                .flatten()
            {
                let slug = settings.slugify_taxonomies.path(name);
                let (_, pages) = by_slug
                    .entry(slug)
                    .or_insert_with(|| (name.clone(), Vec::new()));
                if pages.last() != Some(&at) {
                    pages.push(at);
                }
            }
        }
        by_slug
            .into_iter()
            .map(|(slug, (name, pages))| {
                let path = format!("{path}{slug}/");
                let (mut sorted, undated) = self.sorted(pages, SortBy::Date);
                sorted.extend(undated);
                Term {
                    name,
                    permalink: settings.permalink(&path),
                    slug,
                    path,
                    pages: sorted,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
