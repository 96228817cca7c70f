//! Feeds: the latest pages with a date, of a language, a section or a term.

use tera::{Context, Value};

use super::{emit::Emitter, engine, front_matter::SortBy, memory};
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
    pub about: Vec<(&'static str, Value)>,
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
            let about = feed
                .about
                .iter()
                .map(|(key, value)| (key, memory::hash_value(value)));
            let about: Vec<_> = about.collect();
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
                for (key, value) in &feed.about {
                    engine::put(&mut context, key, value.clone());
                }
                context.insert("feed_url", &settings.permalink(&path));
                context
            };
            self.optional(&path, name, inputs, context, output)?;
        }
        Ok(())
    }
}
