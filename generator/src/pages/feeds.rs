//! Feeds: the latest pages with a date, of a language, a section or a term.

use tera::{Context, Value};

use super::{
    emit::Emitter, engine, front_matter::SortBy, library::Term, memory, settings::Taxonomy,
};
use crate::{failure::Failure, output::Output};

/// A feed to write.
pub struct Feed<'a> {
    /// The pages to choose from.
    pub pages: Vec<usize>,
    /// Where it goes, below this.
    pub below: &'a str,
    /// Its language.
    pub lang: &'a str,
    /// What it is about, for its template.
    pub about: About<'a>,
}

/// What a feed is about.
pub enum About<'a> {
    /// All pages of a language.
    Language,
    /// A section, by its number.
    Section(usize),
    /// A term of a taxonomy.
    Term(&'a Taxonomy, &'a Term),
}

impl Emitter<'_> {
    /// Writes one feed in every form that the language has.
    pub fn feed(&self, feed: Feed<'_>, output: &mut Output) -> Result<(), Failure> {
        let settings = &self.engine.shared.settings;
        let dated: Vec<usize> = feed
            .pages
            .iter()
            .copied()
            .filter(|at| {
                self.library.entries[*at].meta.date.is_some() && !self.library.around[*at].ignored
            })
            .collect();
        let (mut pages, _) = self.library.sorted(dated, SortBy::Date);
        if let Some(limit) = settings.feed_limit {
            pages.truncate(limit);
        }
        let updated = pages
            .iter()
            .flat_map(|at| {
                let meta = &self.library.entries[*at].meta;
                [meta.updated.as_ref(), meta.date.as_ref()]
            })
            .flatten()
            .max_by_key(|date| date.seconds);
        let inputs = self.kept.memory.map_or(0, |_| {
            let about: Vec<_> = self
                .about(&feed.about)
                .iter()
                .map(|(key, value)| (*key, memory::hash_value(value)))
                .collect();
            memory::hash((self.values.hashes_of(&pages), about, feed.lang))
        });
        for name in &settings.language(feed.lang).feed_filenames {
            let path = format!("{}{name}", feed.below);
            let context = || {
                let mut context: Context = self.engine.context(feed.lang);
                engine::put(&mut context, "pages", self.values.list(&pages));
                if let Some(updated) = updated {
                    context.insert("last_updated", &updated.text);
                }
                for (key, value) in self.about(&feed.about) {
                    engine::put(&mut context, key, value);
                }
                context.insert("feed_url", &settings.permalink(&path));
                context
            };
            self.optional(&path, name, inputs, context, output)?;
        }
        Ok(())
    }

    fn about(&self, about: &About<'_>) -> Vec<(&'static str, Value)> {
        match about {
            About::Language => Vec::new(),
            About::Section(at) => vec![("section", self.values.section(*at, true))],
            About::Term(taxonomy, term) => vec![
                ("taxonomy", taxonomy.to_value()),
                ("term", self.values.term(term, false)),
            ],
        }
    }
}
