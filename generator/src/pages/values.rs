//! Pages, sections and terms as templates see them.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use rayon::prelude::*;
use tera::{Map, Value};

use super::{
    content::Entry,
    dates::Date,
    engine::fields,
    library::{Library, Term, Terms},
    markdown::{Heading, Rendered},
    memory,
    settings::Settings,
};

/// The values of a library. Each is made when it is asked for: all of them, with
/// their texts, would be most of the memory that a build takes.
#[derive(Debug, Default)]
pub struct Values {
    library: Arc<Library>,
    settings: Arc<Settings>,
    /// Each entry's text, once it is rendered.
    rendered: Arc<Vec<Rendered>>,
    /// Entries that link to each entry.
    backlinks: HashMap<usize, Vec<usize>>,
    /// A hash of each, once it is wanted.
    hashes: OnceLock<Vec<u64>>,
}

impl Values {
    /// Of a library whose texts are rendered, or (with none) not yet.
    pub fn new(
        library: &Arc<Library>,
        settings: &Arc<Settings>,
        rendered: Arc<Vec<Rendered>>,
    ) -> Self {
        let mut backlinks: HashMap<usize, Vec<usize>> = HashMap::new();
        for (from, text) in rendered.iter().enumerate() {
            for (file, _) in &text.links {
                if let Some(to) = library.find(file)
                    && to != from
                {
                    let list = backlinks.entry(to).or_default();
                    if list.last() != Some(&from) {
                        list.push(from);
                    }
                }
            }
        }
        Self {
            library: Arc::clone(library),
            settings: Arc::clone(settings),
            rendered,
            backlinks,
            hashes: OnceLock::new(),
        }
    }

    /// What the values are of.
    pub fn library(&self) -> &Library {
        &self.library
    }

    /// A page or a section by its path below `content/`.
    pub fn find(&self, relative: &str, section: bool) -> Option<usize> {
        let at = self.library.find(relative)?;
        (self.library.entries[at].section == section).then_some(at)
    }

    /// The paths of all pages, or of all sections.
    pub fn files(&self, section: bool) -> impl Iterator<Item = &String> {
        let entries = self.library.entries.iter();
        entries
            .filter(move |entry| entry.section == section)
            .map(|entry| &entry.relative)
    }

    /// A taxonomy by name and language.
    pub fn taxonomy(&self, name: &str, lang: &str) -> Option<usize> {
        let mut all = self.library.taxonomies.iter();
        all.position(|terms| terms.taxonomy.name == name && terms.lang == lang)
    }

    /// A taxonomy with all its terms and their pages.
    pub fn whole_taxonomy(&self, at: usize) -> Value {
        let terms = &self.library.taxonomies[at];
        let mut map = Map::new();
        map.insert("kind".into(), terms.taxonomy.to_value());
        map.insert("lang".into(), terms.lang.clone().into());
        map.insert("permalink".into(), terms.permalink.clone().into());
        map.insert("items".into(), self.terms(terms));
        Value::Object(map)
    }

    /// Hashes of entries without their neighbours and pages, by number.
    pub fn hashes(&self) -> &[u64] {
        self.hashes.get_or_init(|| {
            (0..self.library.entries.len())
                .into_par_iter()
                .map(|at| memory::hash_value(&self.whole(at)))
                .collect()
        })
    }

    /// Hashes of several entries.
    pub fn hashes_of(&self, entries: &[usize]) -> Vec<u64> {
        let all = self.hashes();
        entries
            .iter()
            .filter_map(|at| all.get(*at).copied())
            .collect()
    }

    /// An entry without its neighbours and pages, with the fields that the templates
    /// which run now can name.
    pub fn basic(&self, at: usize) -> Value {
        self.entry(at, fields::is_wanted)
    }

    /// An entry with all its fields.
    fn whole(&self, at: usize) -> Value {
        self.entry(at, |_| true)
    }

    /// Several entries.
    pub fn list(&self, entries: &[usize]) -> Value {
        Value::Array(entries.iter().map(|at| self.basic(*at)).collect())
    }

    /// A page with its neighbours.
    pub fn page(&self, at: usize) -> Value {
        let mut value = self.whole(at);
        let around = &self.library.around[at];
        for (key, neighbour) in [("lower", around.lower), ("higher", around.higher)] {
            value[key] = neighbour.map_or(Value::Null, |at| self.basic(at));
        }
        value
    }

    /// A section, with its pages or (paginated) without.
    pub fn section(&self, at: usize, pages: bool) -> Value {
        let mut value = self.whole(at);
        if pages {
            value["pages"] = self.list(&self.library.around[at].pages);
        }
        value
    }

    /// A term.
    pub fn term(&self, term: &Term, pages: bool) -> Value {
        let mut map = Map::new();
        map.insert("name".into(), term.name.clone().into());
        map.insert("slug".into(), term.slug.clone().into());
        map.insert("path".into(), term.path.clone().into());
        map.insert("permalink".into(), term.permalink.clone().into());
        let list = if pages {
            self.list(&term.pages)
        } else {
            Value::Array(Vec::new())
        };
        map.insert("pages".into(), list);
        map.insert("page_count".into(), term.pages.len().into());
        Value::Object(map)
    }

    /// The terms of a taxonomy.
    pub fn terms(&self, terms: &Terms) -> Value {
        Value::Array(
            terms
                .terms
                .iter()
                .map(|term| self.term(term, true))
                .collect(),
        )
    }

    fn entry(&self, at: usize, is_wanted: impl Fn(&str) -> bool) -> Value {
        let entry = &self.library.entries[at];
        let meta = &entry.meta;
        let around = &self.library.around[at];
        let rendered = self.rendered.get(at);
        let mut map = Map::new();
        let mut put = |key: &str, make: &dyn Fn() -> Value| {
            if is_wanted(key) {
                map.insert(key.to_owned(), make());
            }
        };
        let paths_of = |entries: &[usize]| {
            let paths = entries.iter();
            let paths = paths.map(|at| self.library.entries[*at].relative.clone());
            Value::from(paths.collect::<Vec<String>>())
        };
        put("relative_path", &|| entry.relative.clone().into());
        put("content", &|| {
            rendered
                .map_or_else(String::new, |r| r.html.clone())
                .into()
        });
        put("permalink", &|| entry.permalink.clone().into());
        put("ancestors", &|| paths_of(&around.ancestors));
        put("title", &|| meta.title.clone().into());
        put("description", &|| meta.description.clone().into());
        put("extra", &|| Value::Object(meta.extra.clone()));
        put("path", &|| entry.path.clone().into());
        put("components", &|| entry.components().into());
        put("assets", &|| {
            let assets = entry.assets.iter();
            let assets = assets.map(|asset| asset.relative.clone());
            assets.collect::<Vec<String>>().into()
        });
        put("draft", &|| meta.draft.into());
        put("lang", &|| entry.lang.clone().into());
        put("translations", &|| {
            self.translations(at, &around.translations)
        });
        put("backlinks", &|| self.backlinks(at));
        put("toc", &|| {
            let toc = rendered.map_or(&[][..], |r| &r.toc);
            toc.iter().map(Heading::to_value).collect()
        });
        put("word_count", &|| entry.words.into());
        put("reading_time", &|| entry.reading_minutes().into());
        if entry.section {
            put("subsections", &|| paths_of(&around.subsections));
            put("pages", &|| Value::Array(Vec::new()));
            put("generate_feeds", &|| meta.generate_feeds.into());
            put("generate_feed", &|| meta.generate_feeds.into());
            put("transparent", &|| meta.transparent.into());
            put("paginate_by", &|| meta.paginate_by.into());
            put("paginate_reversed", &|| meta.paginate_reversed.into());
            put("weight", &|| meta.weight.unwrap_or(0).into());
        } else {
            page_fields(entry, rendered, &mut put);
        }
        Value::Object(map)
    }

    fn translations(&self, at: usize, entries: &[usize]) -> Value {
        let one = |at: &usize| {
            let entry = &self.library.entries[*at];
            serde_json::json!({
                "lang": entry.lang,
                "permalink": entry.permalink,
                "title": entry.meta.title,
                "path": entry.relative,
            })
        };
        if self.settings.multilingual() {
            // A page is among its own translations, alone if it has none.
            let own = [at];
            let entries = if entries.is_empty() { &own } else { entries };
            entries.iter().map(one).collect()
        } else {
            Value::Array(Vec::new())
        }
    }

    fn backlinks(&self, at: usize) -> Value {
        let one = |from: &usize| {
            let entry = &self.library.entries[*from];
            serde_json::json!({ "permalink": entry.permalink, "title": entry.meta.title })
        };
        self.backlinks
            .get(&at)
            .into_iter()
            .flatten()
            .map(one)
            .collect()
    }
}

fn page_fields(
    entry: &Entry,
    rendered: Option<&Rendered>,
    put: &mut impl FnMut(&str, &dyn Fn() -> Value),
) {
    let meta = &entry.meta;
    let date = meta.date.as_ref();
    let text = |date: Option<&Date>| date.map(|date| date.text.clone()).into();
    put("date", &|| text(date));
    put("updated", &|| text(meta.updated.as_ref()));
    put("year", &|| date.map(|date| date.ymd.0).into());
    put("month", &|| date.map(|date| date.ymd.1).into());
    put("day", &|| date.map(|date| date.ymd.2).into());
    put("slug", &|| entry.slug.clone().into());
    put("authors", &|| meta.authors.clone().into());
    put("summary", &|| {
        rendered.and_then(|r| r.summary.clone()).into()
    });
    put("colocated_path", &|| entry.colocated.clone().into());
    put("weight", &|| meta.weight.into());
    put("taxonomies", &|| {
        let terms = meta.taxonomies.iter();
        let terms = terms.map(|(name, terms)| (name.clone(), terms.clone().into()));
        Value::Object(terms.collect())
    });
    put("lower", &|| Value::Null);
    put("higher", &|| Value::Null);
}
