//! What a website serves: pages by their templates, files as they are, style
//! sheets, feeds, the sitemap, and redirects from what has moved.

mod jobs;
mod redirects;
mod rest;

use std::{collections::BTreeSet, path::Path};

use rayon::prelude::*;
use tera::Context;

use super::{
    Kept,
    engine::{Engine, Shared, images},
    feeds::{About, Feed},
    library::Library,
    markdown::{self, Rendered},
    memory::{self, Memory},
    minify, sass, search,
    values::Values,
};
use crate::{
    failure::Failure,
    output::{Content, Output, Resource},
    report::{Diagnostic, Diagnostics},
    site::{SourceFile, UrlPath, dates::Dates},
};

/// The script that searches the index, which pages of many themes load.
const ELASTICLUNR: &str = "elasticlunr.min.js";

/// Everything that is known when pages are written.
pub struct Emitter<'a> {
    /// Pages, sections and terms.
    pub library: &'a Library,
    /// Their texts.
    pub rendered: &'a [Rendered],
    /// How templates see them.
    pub values: &'a Values,
    /// The templates.
    pub engine: &'a Engine,
    /// When files were touched.
    pub dates: &'a Dates,
    /// What was made before.
    pub kept: Kept<'a>,
}

impl Emitter<'_> {
    /// Puts everything into `output`.
    pub fn run(&self, output: &mut Output, diagnostics: &mut Diagnostics) -> Result<(), Failure> {
        self.static_files(output)?;
        let (jobs, hidden) = self.all_jobs();
        for job in hidden {
            diagnostics.push(
                Diagnostic::warning(format!(
                    "the page of a taxonomy is served at `{}`, and not what `{}` would be",
                    job.path, job.origin
                ))
                .hint("`render = false` in the front matter of that file says so too"),
            );
        }
        let pages: Vec<_> = jobs
            .par_iter()
            .map(|job| self.page(job).map_err(|diagnostic| (job, diagnostic)))
            .collect();
        let mut searches = false;
        for (job, page) in jobs.iter().zip(pages) {
            match page {
                Ok(mut html) => {
                    searches |= html.contains(ELASTICLUNR);
                    if self.engine.shared.settings.minify_html {
                        html = minify::html(&html);
                    }
                    let path = UrlPath::from(job.path.as_str());
                    self.put(
                        output,
                        path,
                        html.into_bytes(),
                        "text/html; charset=utf-8",
                        &job.origin,
                    )?;
                }
                Err((job, mut diagnostic)) => {
                    diagnostic
                        .message
                        .push_str(&format!(", for the page `{}`", job.path));
                    diagnostics.push(*diagnostic);
                }
            }
        }
        if diagnostics.has_errors() {
            return Err(Failure::told());
        }
        self.assets(output)?;
        self.style_sheets(output, diagnostics)?;
        self.feeds(output)?;
        self.rest(output)?;
        self.images(output, diagnostics)?;
        self.redirects(output, diagnostics);
        let script = UrlPath::from(format!("/{ELASTICLUNR}").as_str());
        let shared = &self.engine.shared;
        let default = shared.settings.language(&shared.settings.default_language);
        for (lang, language) in &shared.settings.languages {
            let search = &language.search;
            let made = default.build_search_index && language.build_search_index;
            if made && !search.index_format.starts_with("fuse") && !search::has_rules(lang) {
                diagnostics.push(
                    Diagnostic::warning(format!(
                        "the search index of `{lang}` takes its words apart as English: elasticlunr has no rules for that language"
                    ))
                    .hint("`index_format = \"fuse_json\"` below `[search]` takes none apart"),
                );
            }
        }
        if searches && default.build_search_index && !output.resources.contains_key(&script) {
            diagnostics.push(
                Diagnostic::warning(format!(
                    "pages load `{ELASTICLUNR}`, which Zola brings along and applgen does not"
                ))
                .hint(format!(
                    "put that file of the npm package `elasticlunr`, version 0.9.5, where it is served: `static/{ELASTICLUNR}`"
                )),
            );
        }
        if diagnostics.has_errors() {
            return Err(Failure::told());
        }
        Ok(())
    }

    fn put(
        &self,
        output: &mut Output,
        path: UrlPath,
        bytes: Vec<u8>,
        media_type: &str,
        origin: &str,
    ) -> Result<(), Failure> {
        output.resource(
            path,
            Resource {
                content: Content::Templated(bytes),
                media_type: Some(media_type.to_owned()),
                // A page changes with its templates and neighbours: its ETag tells.
                last_modified: None,
                origin: origin.to_owned(),
            },
        )
    }

    /// A rendering, as it was where nothing is different that it depends on.
    pub fn remember(
        &self,
        slot: impl FnOnce() -> (String, u64),
        make: impl FnOnce() -> Result<String, Box<Diagnostic>>,
    ) -> Result<String, Box<Diagnostic>> {
        let shared = &self.engine.shared;
        memory::get(self.kept.memory, slot, Some(shared), make, Result::is_ok)
    }

    /// Renders something that a file of the same path takes the place of.
    pub fn optional(
        &self,
        path: &str,
        template: &str,
        inputs: u64,
        context: impl FnOnce() -> Context,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let at = UrlPath::from(path);
        if output.resources.contains_key(&at) {
            return Ok(());
        }
        if !self.engine.has(template) {
            return Err(Failure::site(
                Diagnostic::error(format!(
                    "there is no template `{template}`, which `{path}` is made from"
                ))
                .hint("`atom.xml` and `rss.xml` are built in; write any other into `templates/`"),
            ));
        }
        let slot = || {
            let inputs = memory::hash((self.kept.surroundings, inputs));
            (format!("page {path}"), inputs)
        };
        let make = || self.engine.render_with(template, context);
        let text = self
            .remember(slot, make)
            .map_err(|diagnostic| Failure::site(*diagnostic))?;
        let media_type = media_type(path, &text);
        let text = match self.engine.shared.settings.minify_html && path.ends_with(".html") {
            true => minify::html(&text),
            false => text,
        };
        let origin = format!("the template `{template}`");
        self.put(output, at, text.into_bytes(), media_type, &origin)
    }

    fn static_files(&self, output: &mut Output) -> Result<(), Failure> {
        let shared = &self.engine.shared;
        let mut taken = BTreeSet::new();
        let own = shared
            .files
            .below("static")
            .map(|(path, file)| (path.to_owned(), file));
        let theme = shared.files.theme_directory("static");
        let theme = theme
            .as_deref()
            .map(|d| shared.files.below(d))
            .into_iter()
            .flatten();
        let theme = theme.map(|(path, file)| (path.to_owned(), file));
        for (path, file) in own.chain(theme) {
            if shared.settings.ignored_static.fit(&path) || !taken.insert(path.clone()) {
                continue;
            }
            self.file(
                output,
                UrlPath::of_file(&UrlPath::root(), Path::new(&path)),
                file,
            )?;
        }
        Ok(())
    }

    fn file(&self, output: &mut Output, path: UrlPath, file: &SourceFile) -> Result<(), Failure> {
        output.resource(
            path,
            Resource {
                content: Content::File(file.clone()),
                media_type: None,
                last_modified: self.dates.of_file(&file.relative),
                origin: file.shown.clone(),
            },
        )
    }

    fn assets(&self, output: &mut Output) -> Result<(), Failure> {
        for (at, entry) in self.library.entries.iter().enumerate() {
            if self.library.around[at].ignored {
                continue;
            }
            for asset in &entry.assets {
                let path =
                    UrlPath::of_file(&UrlPath::from(entry.path.as_str()), Path::new(&asset.below));
                self.file(output, path, &asset.file)?;
            }
        }
        Ok(())
    }

    fn style_sheets(
        &self,
        output: &mut Output,
        diagnostics: &mut Diagnostics,
    ) -> Result<(), Failure> {
        let shared = &self.engine.shared;
        let mut taken = BTreeSet::new();
        for sheet in shared.sheets() {
            let sheet = match sheet {
                Ok(sheet) => sheet,
                Err(diagnostic) => {
                    diagnostics.push(diagnostic.clone());
                    continue;
                }
            };
            if !taken.insert(sheet.path.clone()) {
                continue;
            }
            let path = UrlPath::of_file(&UrlPath::root(), Path::new(&sheet.path));
            if let Some(resource) = output.resources.get(&path) {
                diagnostics.push(
                    Diagnostic::warning(format!(
                        "`{}` is served, and not what `{}` compiles to",
                        resource.origin, sheet.origin
                    ))
                    .hint("remove one of them"),
                );
                continue;
            }
            self.put(
                output,
                path,
                sheet.css.clone().into_bytes(),
                "text/css; charset=utf-8",
                &sheet.origin,
            )?;
        }
        if let Some(highlighting) = &shared.settings.markdown.highlighting
            && highlighting.classes
        {
            for (name, css) in markdown::style_sheets(highlighting) {
                let path = UrlPath::from(format!("/{name}").as_str());
                if !output.resources.contains_key(&path) {
                    self.put(
                        output,
                        path,
                        css.into_bytes(),
                        "text/css; charset=utf-8",
                        "the highlighting theme",
                    )?;
                }
            }
        }
        Ok(())
    }

    fn feeds(&self, output: &mut Output) -> Result<(), Failure> {
        let settings = &self.engine.shared.settings;
        for (lang, language) in &settings.languages {
            if language.generate_feeds {
                let pages = (0..self.library.entries.len()).filter(|at| {
                    let entry = &self.library.entries[*at];
                    !entry.section && entry.lang == *lang
                });
                let below = settings.language_path(lang);
                let feed = Feed {
                    pages: pages.collect(),
                    below: &below,
                    lang,
                    about: About::Language,
                };
                self.feed(feed, output)?;
            }
        }
        for (at, entry) in self.library.entries.iter().enumerate() {
            if entry.section && entry.meta.generate_feeds {
                self.feed(
                    Feed {
                        pages: self.library.around[at].pages.clone(),
                        below: &entry.path,
                        lang: &entry.lang,
                        about: About::Section(at),
                    },
                    output,
                )?;
            }
        }
        for terms in &self.library.taxonomies {
            if !terms.taxonomy.feed || !terms.taxonomy.render {
                continue;
            }
            for term in &terms.terms {
                let about = About::Term(&terms.taxonomy, term);
                let feed = Feed {
                    pages: term.pages.clone(),
                    below: &term.path,
                    lang: &terms.lang,
                    about,
                };
                self.feed(feed, output)?;
            }
        }
        Ok(())
    }

    fn images(&self, output: &mut Output, diagnostics: &mut Diagnostics) -> Result<(), Failure> {
        let shared = &self.engine.shared;
        let jobs = match shared.images.lock() {
            Ok(mut images) => std::mem::take(&mut *images),
            Err(_) => return Ok(()),
        };
        let made: Vec<_> = jobs
            .into_par_iter()
            .map(|(path, job)| {
                // The path says what is in it.
                let bytes = memory::get(
                    self.kept.memory,
                    || (format!("image {path}"), 0),
                    None,
                    || {
                        let make = || job.run(shared.limit_bytes);
                        self.kept.pictures.bytes(images::VERSION, job.key(), make)
                    },
                    Result::is_ok,
                );
                (path, job, bytes)
            })
            .collect();
        for (path, job, bytes) in made {
            match bytes {
                Ok(bytes) => output.resource(
                    UrlPath::from(format!("/{path}").as_str()),
                    Resource {
                        content: Content::Templated(bytes),
                        media_type: None,
                        last_modified: self.dates.of_file(&job.origin().relative),
                        origin: job.origin().shown.clone(),
                    },
                )?,
                Err(why) => diagnostics.push(Diagnostic::error(why).at(job.origin().place())),
            }
        }
        Ok(())
    }
}

fn media_type(path: &str, text: &str) -> &'static str {
    let extension = path.rsplit('.').next().unwrap_or_default();
    match extension {
        "xml" | "atom" | "rss" if text.contains("<feed") => "application/atom+xml",
        "xml" | "atom" | "rss" if text.contains("<rss") => "application/rss+xml",
        "xml" => "application/xml",
        "json" => "application/json",
        "js" => "text/javascript; charset=utf-8",
        "html" | "htm" => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    }
}

/// The style sheets of a folder, as they are known or made from all that is in it.
pub(super) fn remembered_sheets(
    shared: &Shared,
    memory: &Memory,
    directory: &str,
) -> Vec<Result<sass::Sheet, Failure>> {
    let make = || sass::compile(&shared.files, directory, shared.limit_bytes);
    let slot = || {
        let texts: Vec<_> = shared
            .files
            .below(directory)
            .map(|(path, file)| (path, file.read(shared.limit_bytes).unwrap_or_default()))
            .collect();
        (format!("sass {directory}"), memory::hash(texts))
    };
    let compiled = memory::get(
        Some(memory),
        slot,
        None,
        || make().into_iter().collect::<Result<Vec<_>, _>>().ok(),
        Option::is_some,
    );
    match compiled {
        Some(sheets) => sheets.into_iter().map(Ok).collect(),
        None => make(),
    }
}
