//! What a site has beside its pages: the page for what is not found, sitemaps,
//! `robots.txt`, search indexes.

use tera::Value;

use super::{Emitter, jobs::Subject, media_type};
use crate::{
    failure::Failure,
    output::Output,
    pages::{engine, memory, pagers, search},
    site::UrlPath,
    templates,
};

/// A sitemap holds so many pages; beyond, there are several.
const SITEMAP_ENTRIES: usize = 30_000;

impl Emitter<'_> {
    /// The page for what is not found, the sitemap, robots.txt, search indexes.
    pub fn rest(&self, output: &mut Output) -> Result<(), Failure> {
        let settings = &self.engine.shared.settings;
        let lang = &settings.default_language;
        let context = || self.engine.context(lang);
        if self.engine.has("404.html") {
            self.optional("/404.html", "404.html", 0, context, output)?;
        }
        if settings.generate_sitemap {
            self.sitemap(output)?;
        }
        if settings.generate_robots_txt {
            self.optional("/robots.txt", "robots.txt", 0, context, output)?;
        }
        // The default language decides whether there is a search at all.
        let search = settings.language(lang).makes_search_index;
        for (lang, language) in settings.languages.iter().filter(|_| search) {
            if language.makes_search_index {
                let (name, text) =
                    search::index(self.library, self.rendered, lang, &language.search);
                let path = UrlPath::from(format!("/{name}").as_str());
                let media_type = media_type(&name, &text);
                self.put(
                    output,
                    path,
                    text.into_bytes(),
                    media_type,
                    "the search index",
                )?;
            }
        }
        let default = settings.language(lang);
        if search && !default.search.index_format.starts_with("fuse") {
            self.search_script(output)?;
        }
        Ok(())
    }

    /// The script that searches the index, which pages of many themes load.
    fn search_script(&self, output: &mut Output) -> Result<(), Failure> {
        let scripts = templates::directory("website/scripts");
        for file in scripts.files() {
            let name = file.path().file_name().unwrap_or_default();
            let path = UrlPath::from(format!("/{}", name.display()).as_str());
            if !output.resources.contains_key(&path) {
                let media_type = "text/javascript; charset=utf-8";
                let bytes = file.contents().to_vec();
                self.put(output, path, bytes, media_type, "the search script")?;
            }
        }
        Ok(())
    }

    /// The other address of the first part of a paginated list.
    fn numbered_first(&self, subject: &Subject) -> Option<String> {
        let settings = &self.engine.shared.settings;
        let (pager, path, word) = match subject {
            Subject::Section(at, Some((pager, _))) => {
                let entry = &self.library.entries[*at];
                (pager, &entry.path, entry.meta.paginate_path.as_str())
            }
            Subject::Term(n, m, Some((pager, _))) => {
                let terms = &self.library.taxonomies[*n];
                let word = terms.taxonomy.paginate_path.as_deref();
                (pager, &terms.terms[*m].path, word.unwrap_or("page"))
            }
            _ => return None,
        };
        (pager.index == 1 && !pager.pages.is_empty() && settings.pagers_in_sitemap)
            .then(|| settings.permalink(&pagers::numbered(path, word, 1)))
    }

    fn sitemap(&self, output: &mut Output) -> Result<(), Failure> {
        let settings = &self.engine.shared.settings;
        let mut entries: std::collections::BTreeMap<String, Value> =
            std::collections::BTreeMap::new();
        for job in self.jobs() {
            let mut updated = None;
            let mut extra = Value::Null;
            match &job.subject {
                Subject::Page(at) | Subject::Section(at, None) => {
                    let meta = &self.library.entries[*at].meta;
                    updated = meta
                        .updated
                        .as_ref()
                        .or(meta.date.as_ref())
                        .map(|d| d.text.clone());
                    extra = Value::Object(meta.extra.clone());
                }
                Subject::Section(_, Some((pager, _))) | Subject::Term(_, _, Some((pager, _)))
                    if pager.index > 1 && !settings.pagers_in_sitemap =>
                {
                    continue;
                }
                _ => {}
            }
            // The first part of a list is there by its number too, as with Zola.
            if let Some(first) = self.numbered_first(&job.subject) {
                let entry =
                    serde_json::json!({ "permalink": first, "updated": null, "extra": null });
                entries.insert(first, entry);
            }
            let entry = serde_json::json!({
                "permalink": job.permalink, "updated": updated, "extra": extra,
            });
            entries.insert(job.permalink, entry);
        }
        // Sections that lead elsewhere and taxonomies without terms are there too.
        let library = &self.library;
        let moved = library.entries.iter().enumerate().filter(|(at, entry)| {
            entry.meta.redirect_to.is_some() && entry.meta.render && !library.around[*at].ignored
        });
        let moved = moved.map(|(_, entry)| &entry.permalink);
        let empty = library.taxonomies.iter();
        let empty = empty.filter(|terms| terms.taxonomy.render && terms.terms.is_empty());
        for permalink in moved.chain(empty.map(|terms| &terms.permalink)) {
            let entry =
                serde_json::json!({ "permalink": permalink, "updated": null, "extra": null });
            entries.entry(permalink.clone()).or_insert(entry);
        }
        let entries: Vec<Value> = entries.into_values().collect();
        let mut make = |path: &str, template: &str, key: &str, values: Vec<Value>| {
            let values = Value::Array(values);
            let inputs = self.kept.memory.map_or(0, |_| memory::hash_value(&values));
            let context = || {
                let mut context = self.engine.context(&settings.default_language);
                engine::put(&mut context, key, values);
                context
            };
            self.optional(path, template, inputs, context, output)
        };
        if entries.len() <= SITEMAP_ENTRIES {
            return make("/sitemap.xml", "sitemap.xml", "entries", entries);
        }
        let mut sitemaps = Vec::new();
        for (n, part) in entries.chunks(SITEMAP_ENTRIES).enumerate() {
            let name = format!("sitemap{}.xml", n + 1);
            make(&format!("/{name}"), "sitemap.xml", "entries", part.to_vec())?;
            sitemaps.push(Value::String(
                settings.permalink(&name).trim_end_matches('/').to_owned(),
            ));
        }
        make(
            "/sitemap.xml",
            "split_sitemap_index.xml",
            "sitemaps",
            sitemaps,
        )
    }
}
