//! The files of `content/`: pages and sections, as they are before anything is
//! rendered.

use std::collections::BTreeMap;

use rayon::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::{
    dates,
    files::Files,
    front_matter::{self, Meta},
    memory::{self, Memory},
    settings::Settings,
};
use crate::{
    failure::Failure,
    render,
    report::{Diagnostic, Diagnostics, SourceText},
    site::SourceFile,
};

/// A page or a section.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whether it is a section.
    pub section: bool,
    /// Its path below `content/`: `blog/a.fr.md`.
    pub relative: String,
    /// The directories that it is in, below `content/`; of a page that is an
    /// `index.md`, without the page's own.
    pub directories: Vec<String>,
    /// Its path without language and ending: the same for all translations.
    pub canonical: String,
    /// The language.
    pub lang: String,
    /// The directory of a page with files beside it: `blog/a/`.
    pub colocated: Option<String>,
    /// The file; `None` of a section that is there without one.
    pub source: Option<(SourceFile, SourceText)>,
    /// Where its text begins.
    pub body_at: usize,
    /// What it says about itself.
    pub meta: Meta,
    /// Its name in its path.
    pub slug: String,
    /// `/blog/a/`.
    pub path: String,
    /// The whole address.
    pub permalink: String,
    /// The files beside it.
    pub assets: Vec<Asset>,
    /// How many words its text has.
    pub words: usize,
}

/// A file beside a page or a section.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Its path below `content/`.
    pub relative: String,
    /// Its path below the page's.
    pub below: String,
    /// The file.
    pub file: SourceFile,
}

impl Entry {
    /// The Markdown.
    pub fn body(&self) -> &str {
        self.source
            .as_ref()
            .and_then(|(_, text)| text.text().get(self.body_at..))
            .unwrap_or_default()
    }

    /// The parts of its path.
    pub fn components(&self) -> Vec<&str> {
        self.path
            .split('/')
            .filter(|part| !part.is_empty())
            .collect()
    }

    /// The name that people know its file by.
    pub fn shown(&self) -> String {
        match &self.source {
            Some((file, _)) => file.shown.clone(),
            None => format!("content/{}", self.relative),
        }
    }

    /// Minutes, at 200 words each.
    pub fn reading_minutes(&self) -> usize {
        self.words.div_ceil(200)
    }
}

/// Reads all of `content/`. What is a draft is left out, unless wanted.
pub fn load(
    files: &Files,
    settings: &Settings,
    drafts: bool,
    limit_bytes: u64,
    (memory, configuration): (Option<&Memory>, u64),
    diagnostics: &mut Diagnostics,
) -> Result<Vec<Entry>, Failure> {
    let markdown: Vec<(&str, &SourceFile)> = files
        .below("content")
        .filter(|(path, _)| path.ends_with(".md") && !ignored(path, settings))
        .collect();
    let read: Vec<_> = markdown
        .into_par_iter()
        .map(|(path, file)| {
            let mut told = Diagnostics::new();
            let text = match text(file, limit_bytes) {
                Ok(text) => text,
                Err(failure) => return (Err(failure), told),
            };
            if memory.is_none() {
                let entry = parse(path, file, text, settings, &mut told);
                return (entry, told);
            }
            // What has something to say is looked at anew, and says it again.
            let again = text.clone();
            let slot = || {
                let inputs = memory::hash((configuration, text.text()));
                (format!("entry {path}"), inputs)
            };
            let make = || {
                let mut told = Diagnostics::new();
                let entry = parse(path, file, again, settings, &mut told);
                let is_silent = told.iter().next().is_none();
                entry.ok().filter(|_| is_silent)
            };
            match memory::get(memory, slot, None, make, Option::is_some) {
                Some(mut entry) => {
                    if let Some(entry) = &mut entry {
                        entry.source = Some((file.clone(), text));
                    }
                    (Ok(entry), told)
                }
                None => {
                    let entry = parse(path, file, text, settings, &mut told);
                    (entry, told)
                }
            }
        })
        .collect();
    let mut entries = Vec::new();
    for (entry, told) in read {
        diagnostics.extend(told);
        match entry {
            Ok(entry) => entries.extend(entry),
            Err(failure) => diagnostics.extend(failure.diagnostic.map(|d| *d)),
        }
    }
    if !drafts {
        let closed: Vec<(String, String)> = entries
            .iter()
            .filter(|entry| entry.section && entry.meta.draft)
            .map(|entry| (entry.directories.join("/"), entry.lang.clone()))
            .collect();
        entries.retain(|entry| {
            let own = entry.directories.join("/");
            let below = |directory: &String| {
                directory.is_empty()
                    || own == *directory
                    || own.starts_with(&format!("{directory}/"))
            };
            !entry.meta.draft
                && !closed
                    .iter()
                    .any(|(d, lang)| *lang == entry.lang && below(d))
        });
    }
    // The root is a section in every language, with a file or without.
    for lang in settings.languages.keys() {
        let root =
            |entry: &Entry| entry.section && entry.directories.is_empty() && entry.lang == *lang;
        if !entries.iter().any(root) {
            entries.push(root_section(lang, settings));
        }
    }
    entries.sort_by(|a, b| a.relative.cmp(&b.relative));
    assets(files, settings, &mut entries);
    Ok(entries)
}

/// Patterns are written against the path below `content/` and against the whole one.
fn ignored(path: &str, settings: &Settings) -> bool {
    let globs = &settings.ignored_content;
    globs.fit(path) || globs.fit(&format!("/content/{path}"))
}

/// The words of a text in Markdown, fenced code aside.
fn words(body: &str) -> usize {
    let mut fence: Option<&str> = None;
    let mut count = 0;
    for line in body.lines() {
        let trimmed = line.trim_start();
        let marks = ["```", "~~~"].into_iter().find(|m| trimmed.starts_with(m));
        match (fence, marks) {
            (None, Some(marks)) => fence = Some(marks),
            (Some(open), Some(marks)) if open == marks => fence = None,
            (None, None) => count += line.unicode_words().count(),
            _ => {}
        }
    }
    count
}

fn root_section(lang: &str, settings: &Settings) -> Entry {
    let path = settings.language_path(lang);
    Entry {
        section: true,
        relative: if lang == settings.default_language {
            "_index.md".into()
        } else {
            format!("_index.{lang}.md")
        },
        directories: Vec::new(),
        canonical: "_index".into(),
        lang: lang.to_owned(),
        colocated: None,
        source: None,
        body_at: 0,
        meta: Meta::of_section(),
        slug: String::new(),
        permalink: settings.permalink(&path),
        path,
        assets: Vec::new(),
        words: 0,
    }
}

fn text(file: &SourceFile, limit_bytes: u64) -> Result<SourceText, Failure> {
    if file.bytes > MAX_MARKDOWN_BYTES {
        return Err(Failure::site(
            Diagnostic::error(format!(
                "`{}` has {} bytes, and a page has at most {MAX_MARKDOWN_BYTES}",
                file.shown, file.bytes
            ))
            .at(file.place())
            .hint("split it into several pages"),
        ));
    }
    render::text(file, limit_bytes)
}

fn parse(
    path: &str,
    file: &SourceFile,
    text: SourceText,
    settings: &Settings,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Entry>, Failure> {
    let mut directories: Vec<String> = path.split('/').map(str::to_owned).collect();
    let name = directories.pop().unwrap_or_default();
    let stem = name.strip_suffix(".md").unwrap_or(&name);
    let (stem, lang) = match stem.rsplit_once('.') {
        Some((_, code)) if code == settings.default_language => {
            // Part of the name, as with Zola.
            diagnostics.push(
                Diagnostic::warning(format!(
                    "`{code}` is the default language, whose files have no code: it stays in the page's address"
                ))
                .at(file.place())
                .hint(format!("rename it: without `.{code}`")),
            );
            (stem, settings.default_language.clone())
        }
        Some((stem, code)) if settings.languages.contains_key(code) => (stem, code.to_owned()),
        Some((_, code)) if is_language_code(code) && settings.multilingual() => {
            return Err(Failure::site(
                Diagnostic::error(format!(
                    "`{}` is in the language `{code}`, which the site does not have",
                    file.shown
                ))
                .at(file.place())
                .hint(format!(
                    "add `[languages.{code}]` to the configuration, or rename the file"
                )),
            ));
        }
        _ => (stem, settings.default_language.clone()),
    };
    if let Some(code) = stem.strip_prefix("_index.") {
        diagnostics.push(
            Diagnostic::warning(format!(
                "this section is left out: `{code}` is no other language of the site"
            ))
            .at(file.place())
            .hint(format!(
                "add `[languages.{code}]` to the configuration, or name it `_index.md`"
            )),
        );
        return Ok(None);
    }
    let section = stem == "_index";
    let Some((mut meta, body_at)) = front_matter::read(&text, section, diagnostics) else {
        return Ok(None);
    };
    let mut canonical = directories.clone();
    canonical.push(stem.to_owned());
    let mut slug = String::new();
    let mut colocated = None;
    if !section {
        let mut own = stem.to_owned();
        if stem == "index" && !directories.is_empty() {
            colocated = Some(format!("{}/", directories.join("/")));
            own = directories.pop().unwrap_or_default();
        }
        if let Some((date, rest)) = dates::of_name(&own) {
            let rest = rest.to_owned();
            if meta.date.is_none() {
                meta.date = Some(date);
            }
            if !settings.paths_keep_dates {
                own = rest;
            }
        }
        slug = match &meta.slug {
            Some(slug) => settings.slugify_paths.path(slug.trim()),
            None => settings.slugify_paths.path(&own),
        };
    }
    let path = match &meta.path {
        Some(path) if !section => format!("/{}/", path.trim_matches('/')),
        _ => {
            let mut path = settings.language_path(&lang);
            // Only the last part of a page's path is a slug: folders keep their names.
            for directory in &directories {
                path.push_str(directory);
                path.push('/');
            }
            if !section {
                path.push_str(&slug);
                path.push('/');
            }
            path
        }
    };
    let words = text.text().get(body_at..).map_or(0, words);
    Ok(Some(Entry {
        section,
        relative: file_below_content(file),
        directories,
        canonical: canonical.join("/"),
        lang,
        colocated,
        source: Some((file.clone(), text)),
        body_at,
        meta,
        slug,
        permalink: settings.permalink(&path),
        path,
        assets: Vec::new(),
        words,
    }))
}

/// A page longer than this is a mistake.
const MAX_MARKDOWN_BYTES: u64 = 32_000_000;

fn file_below_content(file: &SourceFile) -> String {
    let below = file
        .relative
        .strip_prefix("content")
        .unwrap_or(&file.relative);
    below.to_string_lossy().into_owned()
}

/// `fr`, `pt-BR`, `zh-hans`: what could be meant as a language.
fn is_language_code(code: &str) -> bool {
    let mut parts = code.split('-');
    let first = parts.next().unwrap_or_default();
    first.len() == 2
        && first.bytes().all(|b| b.is_ascii_lowercase())
        && parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Gives each file beside a page or a section to it: a page has all below its
/// directory, also what pages further down have, a section what is in its own.
fn assets(files: &Files, settings: &Settings, entries: &mut [Entry]) {
    let mut owners: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        match &entry.colocated {
            Some(directory) => owners.entry(directory.clone()).or_default().push(at),
            None if entry.section => {
                let directory = match entry.directories.as_slice() {
                    [] => String::new(),
                    parts => format!("{}/", parts.join("/")),
                };
                owners.entry(directory).or_default().push(at);
            }
            None => {}
        }
    }
    for (path, file) in files.below("content") {
        if path.ends_with(".md") || ignored(path, settings) {
            continue;
        }
        let mut directory = path.rfind('/').map_or("", |at| &path[..=at]);
        let mut near = true;
        loop {
            for at in owners.get(directory).into_iter().flatten() {
                let entry = &mut entries[*at];
                if near || !entry.section {
                    entry.assets.push(Asset {
                        relative: path.to_owned(),
                        below: path[directory.len()..].to_owned(),
                        file: file.clone(),
                    });
                }
            }
            if directory.is_empty() {
                break;
            }
            near = false;
            let above = directory.trim_end_matches('/');
            directory = above.rfind('/').map_or("", |at| &above[..=at]);
        }
    }
}
