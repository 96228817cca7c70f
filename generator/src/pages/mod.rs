//! Websites in Zola's layout: `content/`, `templates/`, `sass/`, `static/`,
//! `themes/` and a configuration become the paths that Zola would write.
//!
//! The way of the data, in the order of the modules: the configuration
//! ([`settings`]), pages and sections ([`content`], with their
//! [`front_matter`]), how they belong together ([`library`]), their texts
//! ([`markdown`]), how templates see all that ([`values`], [`engine`]), and
//! what is served in the end ([`emit`], with [`feeds`], [`sass`], [`search`]).
//!
//! The format is Zola's documented one, as of 0.22. What it leaves to a
//! browser's script, redirects above all, is done by the server here.

pub mod content;
pub mod data;
pub mod dates;
pub mod emit;
pub mod engine;
pub mod feeds;
pub mod fields;
pub mod files;
pub mod front_matter;
pub mod globs;
pub mod library;
pub mod markdown;
pub mod memory;
pub mod minify;
pub mod pagers;
pub mod sass;
pub mod search;
pub mod settings;
pub mod slugs;
pub mod values;

use std::{collections::HashMap, sync::Arc};

use rayon::prelude::*;

use crate::{
    assets::Cache,
    failure::Failure,
    output::Output,
    render,
    report::{Diagnostic, Diagnostics, Level, Place, SourceText},
    site::{Site, SourceFile, dates::Dates},
};
use engine::{Engine, Parts};
use files::Files;
use library::Library;
use markdown::{Rendered, Surroundings};
use memory::Memory;
use settings::Settings;
use values::Values;

/// A website that was found in a site directory.
#[derive(Debug)]
pub struct Website {
    /// `zola.toml`, else `config.toml`.
    pub config: SourceFile,
    /// The files of its directories.
    pub files: Vec<SourceFile>,
}

/// Renders a website into `output`; what comes back is where it will live.
pub fn render(
    site: &Site,
    website: &Website,
    dates: &Dates,
    memory: Option<&Memory>,
    output: &mut Output,
    diagnostics: &mut Diagnostics,
) -> Result<String, Failure> {
    // Templates nest deeper than the stack that a thread has by default.
    let pool = rayon::ThreadPoolBuilder::new()
        .stack_size(engine::STACK_BYTES)
        .build()
        .map_err(|error| {
            Failure::environment(Diagnostic::error(format!(
                "no threads can be started: {error}"
            )))
        })?;
    let mut told = Diagnostics::new();
    let result = pool.install(|| build(site, website, dates, memory, output, &mut told));
    diagnostics.extend(told);
    let base_url = result?;
    if diagnostics.has_errors() {
        return Err(Failure::told());
    }
    if let Some(memory) = memory {
        memory.end_round();
    }
    Ok(base_url)
}

fn build(
    site: &Site,
    website: &Website,
    dates: &Dates,
    memory: Option<&Memory>,
    output: &mut Output,
    diagnostics: &mut Diagnostics,
) -> Result<String, Failure> {
    let limit_bytes = site.config.limit_bytes();
    let files = Files::new(website.files.iter().cloned());
    let source = render::text(&website.config, limit_bytes)?;
    let theme = |name: &str| {
        let file = files.get(&format!("themes/{name}/theme.toml"))?;
        render::text(file, limit_bytes).ok()
    };
    let Some(mut settings) = Settings::parse(&source, theme, diagnostics) else {
        return Err(Failure::told());
    };
    // All that decides what the settings are.
    let theme = memory.and(settings.theme.as_deref()).and_then(theme);
    if let Some(base) = &site.config.base_url {
        settings.base_url.clone_from(base);
    }
    output.base_url = Some(settings.base_url.trim_end_matches('/').to_owned());
    let mut files = files.with_theme(settings.theme.clone());
    let configuration = memory.map_or(0, |_| {
        let theme = theme.as_ref().map(SourceText::text);
        let own = markdown::extras::texts(&settings, &files, limit_bytes);
        memory::hash((source.text(), theme, &site.config.base_url, own))
    });
    if let Some(highlighting) = &mut settings.markdown.highlighting {
        let own = markdown::extras::load(&highlighting.named, &files, &source, diagnostics);
        highlighting.extras = Arc::new(own);
    }
    check_settings(&settings, &files, &source, diagnostics)?;
    let entries = content::load(
        &files,
        &settings,
        crate::site::config::drafts_wanted(),
        limit_bytes,
        (memory, configuration),
        diagnostics,
    )?;
    if diagnostics.has_errors() {
        return Err(Failure::told());
    }
    for entry in &entries {
        for asset in &entry.assets {
            files.serve(&format!("{}{}", entry.path, asset.below), &asset.file);
        }
    }
    let library = Arc::new(Library::new(entries, &settings, diagnostics));
    let engine = Engine::new(Parts {
        addresses: library
            .entries
            .iter()
            .map(|entry| (entry.relative.clone(), entry.permalink.clone()))
            .collect(),
        terms: library
            .taxonomies
            .iter()
            .map(|terms| {
                let urls = terms
                    .terms
                    .iter()
                    .map(|t| (t.slug.clone(), t.permalink.clone()));
                (
                    (terms.taxonomy.name.clone(), terms.lang.clone()),
                    urls.collect(),
                )
            })
            .collect(),
        settings,
        files,
        limit_bytes,
        now: dates.build(),
    })?;
    let settings = &engine.shared.settings;
    let values = Arc::new(Values::new(&library, settings, Arc::default()));
    engine.shared.publish(Arc::clone(&values));
    let kept = Kept {
        pictures: &Cache::of_user(),
        memory,
        surroundings: memory.map_or(0, |_| {
            memory::hash((configuration, engine.shared.templates_hash()))
        }),
    };
    if let Some(memory) = memory {
        let shared = &engine.shared;
        shared.sheets_by(|directory| emit::remembered_sheets(shared, memory, directory));
    }
    let rendered = texts(&library, &values, &engine, &kept, diagnostics);
    check_links(&library, &rendered, settings, diagnostics);
    if diagnostics.has_errors() {
        return Err(Failure::told());
    }
    let rendered = Arc::new(rendered);
    let values = Arc::new(Values::new(&library, settings, Arc::clone(&rendered)));
    engine.shared.publish(Arc::clone(&values));
    let emitter = emit::Emitter {
        library: &library,
        rendered: &rendered,
        values: &values,
        engine: &engine,
        dates,
        kept,
    };
    let result = emitter.run(output, diagnostics);
    if let Ok(mut told) = engine.shared.told.lock() {
        diagnostics.extend(std::mem::take(&mut *told));
    }
    result.map(|()| settings.base_url.clone())
}

/// What was made before, and what all that is made depends on.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// Results of earlier builds, where there is somebody who keeps them.
    pub memory: Option<&'a Memory>,
    /// A hash of the configuration and the templates.
    pub surroundings: u64,
    /// Pictures of earlier builds, on disk.
    pub pictures: &'a Cache,
}

fn check_settings(
    settings: &Settings,
    files: &Files,
    source: &SourceText,
    diagnostics: &mut Diagnostics,
) -> Result<(), Failure> {
    let at = |word: &str| {
        let found = source.text().find(word);
        found.map_or_else(
            || Place::file(source.path()),
            |at| Place::span_of(source, at..at + word.len()),
        )
    };
    if let Some(theme) = &settings.theme
        && !files.has_directory(&format!("themes/{theme}"))
    {
        return Err(Failure::site(
            Diagnostic::error(format!(
                "there is no theme `{theme}`: `themes/{theme}/` is not there"
            ))
            .at(at(theme))
            .hint(
                "a theme that is a git submodule has to be fetched: `git submodule update --init`",
            ),
        ));
    }
    if let Some(highlighting) = &settings.markdown.highlighting {
        for name in [Some(&highlighting.theme), highlighting.dark.as_ref()]
            .into_iter()
            .flatten()
            .filter(|name| highlighting.extras.theme(name).is_none())
        {
            if let Some(stands_in) = markdown::theme_stand_in(name) {
                diagnostics.push(
                    Diagnostic::note(format!(
                        "the highlighting theme `{name}` is shown in the colours of `{stands_in}`"
                    ))
                    .at(at(name)),
                );
            }
            if !markdown::theme_exists(name) {
                diagnostics.push(
                    Diagnostic::warning(format!("there is no highlighting theme `{name}`: another one is used"))
                        .at(at(name))
                        .hint("such as `github-light`, `dracula`, `nord`, `one-dark-pro`, `gruvbox-dark`, `catppuccin-latte`"),
                );
            }
        }
    }
    Ok(())
}

/// Every text, in parallel.
fn texts(
    library: &Library,
    values: &Values,
    engine: &Engine,
    kept: &Kept<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Rendered> {
    let settings = &engine.shared.settings;
    let rendered: Vec<Rendered> = library
        .entries
        .par_iter()
        .enumerate()
        .map(|(at, entry)| {
            let body = entry.body();
            if body.trim().is_empty() {
                return Rendered::default();
            }
            // Only shortcodes see what is around them.
            let has_calls = body.contains("{{") || body.contains("{%");
            let subject = has_calls.then(|| match entry.section {
                true => values.section(at, true),
                false => values.page(at),
            });
            let kind = if entry.section { "section" } else { "page" };
            let anchors = if entry.section {
                entry.meta.insert_anchor_links
            } else {
                let parent = library.around[at].ancestors.last();
                parent.and_then(|at| library.entries[*at].meta.insert_anchor_links)
            };
            let address = |path: &str| engine.shared.address(path);
            let around = Surroundings {
                settings,
                engine,
                lang: &entry.lang,
                permalink: Some(&entry.permalink),
                anchors: anchors.unwrap_or(settings.markdown.insert_anchor_links),
                file: Some(&entry.relative),
                subject: subject.as_ref().map(|value| (kind, value)),
                address: &address,
            };
            let slot = || {
                let subject = subject.as_ref().map(memory::hash_value);
                let anchors = format!("{:?}", around.anchors);
                let inputs = (body, subject, anchors, &entry.lang, &entry.permalink);
                let inputs = memory::hash((kept.surroundings, inputs));
                (format!("text {}", entry.relative), inputs)
            };
            let make = || {
                engine::seed(&entry.path);
                markdown::render(body, &around)
            };
            memory::get(kept.memory, slot, Some(&engine.shared), make, |_| true)
        })
        .collect();
    for (entry, text) in library.entries.iter().zip(&rendered) {
        for problem in &text.problems {
            let mut diagnostic = problem.diagnostic.clone();
            if let Some((_, source)) = &entry.source {
                let place = source
                    .text()
                    .get(entry.body_at..)
                    .and_then(|body| body.find(&problem.about))
                    .filter(|_| !problem.about.is_empty())
                    .map(|at| {
                        let start = entry.body_at + at;
                        Place::span_of(source, start..start + problem.about.len())
                    });
                if diagnostic.place.is_some() {
                    diagnostic.message.push_str(&format!(
                        ", called in `{}`",
                        place_text(source, place.as_ref())
                    ));
                } else {
                    diagnostic.place = Some(place.unwrap_or_else(|| Place::file(source.path())));
                }
            }
            diagnostics.push(diagnostic);
        }
    }
    rendered
}

/// `content/a.md:3`.
fn place_text(source: &SourceText, place: Option<&Place>) -> String {
    match place.and_then(Place::span) {
        Some(span) => format!("{}:{}", source.path(), source.line_column(span.start).0),
        None => source.path().to_owned(),
    }
}

/// Links to places in other pages: whether those places are there.
fn check_links(
    library: &Library,
    rendered: &[Rendered],
    settings: &Settings,
    diagnostics: &mut Diagnostics,
) {
    let level = if settings.internal_links_warn {
        Level::Warning
    } else {
        Level::Error
    };
    let mut ids_in_html: HashMap<usize, String> = HashMap::new();
    for (entry, text) in library.entries.iter().zip(rendered) {
        for (file, fragment) in &text.links {
            let (Some(to), Some(fragment)) = (library.find(file), fragment) else {
                continue;
            };
            let target = &rendered[to];
            if fragment.is_empty() || target.ids.contains(fragment) {
                continue;
            }
            // An id may also stand in HTML, written so or made by a shortcode.
            let html = ids_in_html.entry(to).or_insert_with(|| target.html.clone());
            let there = ["id=\"", "id='", "name=\"", "id="]
                .iter()
                .any(|prefix| html.contains(&format!("{prefix}{fragment}")));
            if there {
                continue;
            }
            // A place in the page itself that is not there has always built.
            let inside = *file == entry.relative;
            let (whole, level) = match inside {
                true => (format!("#{fragment}"), Level::Warning),
                false => (format!("@/{file}#{fragment}"), level),
            };
            let mut diagnostic = Diagnostic::new(
                level,
                format!("`{whole}` leads to no place: that page has no heading or id `{fragment}`"),
            );
            if let Some(close) =
                crate::report::did_you_mean(fragment, target.ids.iter().map(String::as_str))
            {
                diagnostic = diagnostic.hint(format!("did you mean `#{close}`?"));
            }
            diagnostics.push(match &entry.source {
                Some((_, source)) => match source.text().find(&whole) {
                    Some(at) => diagnostic.at(Place::span_of(source, at..at + whole.len())),
                    None => diagnostic.at(Place::file(source.path())),
                },
                None => diagnostic,
            });
        }
    }
}
