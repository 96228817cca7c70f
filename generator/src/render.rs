//! From a loaded site to everything it serves: decks rendered, files taken as
//! they are, the index of several decks, the page for what is not found, and
//! each page's references checked against the whole.

use std::{
    collections::HashMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rayon::prelude::*;

use crate::{
    failure::Failure,
    links::{self, Page},
    output::{Content, Output, Resource},
    pages::memory::Memory,
    report::{Diagnostic, Diagnostics, Place, SourceText},
    rules,
    site::{Deck, DeckSource, Site, SourceFile, UrlPath, dates::Dates, single},
    slides::{self, IndexContext, IndexEntry, PageContext},
};

/// What `inspect` and the build's summary say of a deck.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeckSummary {
    /// Its title, as on its page.
    pub title: String,
    /// Where it is served.
    pub path: UrlPath,
    /// Its file below the site directory.
    pub file: String,
    /// Columns and slides; `None` for a finished HTML deck, which is not looked into.
    pub counts: Option<(usize, usize)>,
    /// Which separators split it, and why those.
    pub separators: Option<String>,
}

/// What is different while a site is written, and what its builds share.
#[derive(Debug)]
pub struct Serving {
    /// Where it is served: `http://127.0.0.1:8080`.
    pub base_url: String,
    dates: Mutex<HashMap<PathBuf, Option<i64>>>,
    memories: Mutex<HashMap<PathBuf, Arc<Memory>>>,
}

impl Serving {
    /// At that address.
    pub fn new(base_url: String) -> Self {
        Self {
            base_url,
            dates: Mutex::default(),
            memories: Mutex::default(),
        }
    }

    /// The date of the build alone, as it was at first: what is being written has
    /// no date of its own, and git is not asked at every change.
    fn dates(&self, root: &Path, diagnostics: &mut Diagnostics) -> Dates {
        let mut known = self.dates.lock().unwrap_or_else(PoisonError::into_inner);
        let build = known
            .entry(root.to_path_buf())
            .or_insert_with(|| Dates::of(root, diagnostics).build());
        Dates::of_build(*build)
    }

    /// What the builds of a website share.
    fn memory(&self, root: &Path) -> Arc<Memory> {
        let mut known = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(root.to_path_buf()).or_default())
    }
}

/// A site, rendered.
#[derive(Debug, Default)]
pub struct Rendered {
    /// Everything that is served.
    pub output: Output,
    /// Its decks, by name.
    pub decks: Vec<DeckSummary>,
}

/// Renders a site. Errors are told in `diagnostics`, all of them that one run
/// can find; a broken reference is a warning here.
pub fn render(
    site: &Site,
    serving: Option<&Serving>,
    diagnostics: &mut Diagnostics,
) -> Result<Rendered, Failure> {
    let dates = match serving {
        Some(serving) => serving.dates(&site.root, diagnostics),
        None => Dates::of(&site.root, diagnostics),
    };
    let mut output = Output::new();
    let mut pages = Vec::new();
    let mut summaries = Vec::new();
    let mut entries = Vec::new();

    let limit_bytes = site.config.limit_bytes();
    let rendered: Vec<_> = site
        .layout
        .decks
        .par_iter()
        .map(|deck| {
            let mut told = Diagnostics::new();
            let result = render_deck(site, deck, limit_bytes, &mut told);
            (deck, told, result)
        })
        .collect();
    let mut failed = false;
    for (deck, told, result) in rendered {
        diagnostics.extend(told);
        let rendered = match result {
            Ok(rendered) => rendered,
            Err(failure) => {
                failed = true;
                diagnostics.extend(failure.diagnostic.map(|d| *d));
                continue;
            }
        };
        let file = deck.source.file();
        let last_modified = dates.of_file(&file.relative);
        output.resource(
            deck.path.clone(),
            Resource {
                content: rendered.content,
                media_type: Some("text/html; charset=utf-8".to_owned()),
                last_modified,
                origin: file.shown.clone(),
            },
        )?;
        if let Some(from) = &deck.redirect_from {
            output.redirect(from.clone(), deck.path.clone());
        }
        pages.push(rendered.page);
        summaries.push(rendered.summary);
        entries.push((rendered.entry, last_modified));
    }
    if failed {
        return Err(Failure::told());
    }

    for file in &site.layout.files {
        add_file(&mut output, file.path.clone(), &file.file, &dates)?;
    }
    if site.layout.single_file {
        for (path, file) in single::referenced(site, &pages, diagnostics)? {
            add_file(&mut output, path, &file, &dates)?;
        }
    }
    let mut base_url = site.config.base_url.clone();
    if let Some(website) = &site.layout.website {
        let memory = serving.map(|serving| serving.memory(&site.root));
        let memory = memory.as_deref();
        let own = crate::pages::render(site, website, &dates, memory, &mut output, diagnostics)?;
        base_url.get_or_insert(own);
    }
    pages.extend(read_pages(&output, limit_bytes)?);

    if let Some(path) = &site.layout.index {
        let last_modified = entries.iter().map(|(_, date)| *date).max().flatten();
        let mut entries: Vec<IndexEntry> = entries.into_iter().map(|(entry, _)| entry).collect();
        // The latest talk first; those without a date that sorts follow by name.
        entries.sort_by(|a, b| sortable(b).cmp(&sortable(a)));
        let url = absolute(site, path);
        let page = slides::index_page(&entries, &index_context(site, url.as_deref()));
        output.resource(
            path.clone(),
            Resource {
                content: Content::Bytes(page.into_bytes()),
                media_type: Some("text/html; charset=utf-8".to_owned()),
                last_modified,
                origin: "the index of decks".to_owned(),
            },
        )?;
    }
    if let Some(base) = &site.config.base_url {
        output.base_url = Some(base.clone());
    }
    output.policy = site.config.http.policy.clone();
    output.headers.clone_from(&site.rules.headers);
    output.clean_urls(output.policy.clean_urls);
    let not_found = UrlPath::from("/404.html");
    if !output.resources.contains_key(&not_found) {
        let page = slides::not_found_page(&index_context(site, None));
        output.resource(
            not_found,
            Resource {
                content: Content::Bytes(page.into_bytes()),
                media_type: Some("text/html; charset=utf-8".to_owned()),
                last_modified: None,
                origin: "the built-in page for what is not found".to_owned(),
            },
        )?;
    }
    // A website's links begin with the path of its `base_url`, and lead here.
    let base_path = match (&site.layout.website, &base_url) {
        (Some(_), Some(url)) => url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('/')),
        _ => None,
    };
    if let Some((_, path)) = base_path
        && !path.trim_matches('/').is_empty()
    {
        output.also_below(&format!("/{}", path.trim_matches('/')));
    }
    rules::apply::apply(&mut output, &site.rules, diagnostics);
    links::check(&output, &pages, base_url.as_deref(), diagnostics);
    Ok(Rendered {
        output,
        decks: summaries,
    })
}

/// A date that begins with a year sorts as text (ISO 8601).
fn sortable(entry: &IndexEntry) -> Option<&str> {
    let date = entry.date.as_deref()?;
    let year = date.as_bytes().get(..4)?;
    year.iter().all(u8::is_ascii_digit).then_some(date)
}

struct RenderedDeck {
    content: Content,
    page: Page,
    summary: DeckSummary,
    entry: IndexEntry,
}

fn render_deck(
    site: &Site,
    deck: &Deck,
    limit_bytes: u64,
    diagnostics: &mut Diagnostics,
) -> Result<RenderedDeck, Failure> {
    let file = deck.source.file();
    let source = text(file, limit_bytes)?;
    let name = deck.name.to_string_lossy();
    let mut entry = IndexEntry {
        path: deck.path.encoded(),
        title: name.to_string(),
        ..IndexEntry::default()
    };
    match &deck.source {
        DeckSource::Html(_) => {
            let page = Page::of_html(deck.path.clone(), &source);
            if let Some(title) = links::title(source.text()) {
                entry.title = title;
            }
            Ok(RenderedDeck {
                content: Content::File(file.clone()),
                summary: DeckSummary {
                    title: entry.title.clone(),
                    path: deck.path.clone(),
                    file: file.relative.display().to_string(),
                    counts: None,
                    separators: None,
                },
                page,
                entry,
            })
        }
        DeckSource::Markdown(_) => {
            let mut rendered = slides::render(&source, &site.config.slides, diagnostics)?;
            let page = Page {
                path: deck.path.clone(),
                base: deck.base.clone(),
                references: rendered.references.clone(),
                ids: rendered.ids.iter().cloned().collect(),
                deck: true,
            };
            if deck.base != deck.path {
                slides::rewrite_references(&mut rendered, |url| {
                    rebase(url, &deck.base, &deck.path)
                });
            }
            let url = absolute(site, &deck.path);
            let context = PageContext {
                stem: &name,
                lang: site.config.lang.as_deref(),
                url: url.as_deref(),
            };
            let html = slides::page(&rendered, &context);
            entry = IndexEntry::of(&rendered, &name, deck.path.encoded());
            Ok(RenderedDeck {
                content: Content::Bytes(html.into_bytes()),
                summary: DeckSummary {
                    title: entry.title.clone(),
                    path: deck.path.clone(),
                    file: file.relative.display().to_string(),
                    counts: Some((rendered.columns, rendered.slides)),
                    separators: Some(rendered.separators.to_string()),
                },
                page,
                entry,
            })
        }
    }
}

/// A reference of a deck that is served elsewhere than the files beside it.
fn rebase(url: &str, base: &UrlPath, path: &UrlPath) -> Option<String> {
    let (reference, rest) = links::internal(url)?;
    if reference.is_empty() || reference.starts_with('/') {
        return None;
    }
    Some(format!("{}{rest}", base.join(reference)?.relative_to(path)))
}

fn index_context<'a>(site: &'a Site, url: Option<&'a str>) -> IndexContext<'a> {
    IndexContext {
        title: site.config.title.as_deref().unwrap_or("Slides"),
        lang: site.config.lang.as_deref(),
        url,
    }
}

/// A path's address where the site will live, if it says where.
fn absolute(site: &Site, path: &UrlPath) -> Option<String> {
    let base = site.config.base_url.as_deref()?;
    Some(format!("{base}{}", path.encoded()))
}

fn add_file(
    output: &mut Output,
    path: UrlPath,
    file: &SourceFile,
    dates: &Dates,
) -> Result<(), Failure> {
    output.resource(
        path,
        Resource {
            content: Content::File(file.clone()),
            media_type: None,
            last_modified: dates.of_file(&file.relative),
            origin: file.shown.clone(),
        },
    )
}

/// The references of the pages and style sheets that are served as they are.
fn read_pages(output: &Output, limit_bytes: u64) -> Result<Vec<Page>, Failure> {
    let files: Vec<(&UrlPath, &SourceFile)> = output
        .resources
        .iter()
        .filter_map(|(path, resource)| match &resource.content {
            Content::File(file) => Some((path, file)),
            Content::Bytes(_) | Content::Templated(_) => None,
        })
        .filter(|(_, file)| {
            links::LOOKED_INTO
                .iter()
                .any(|e| has_extension(&file.relative, e))
        })
        .collect();
    files
        .into_par_iter()
        .map(|(path, file)| {
            // Other encodings than UTF-8 are served, and not looked into.
            let Ok(text) = String::from_utf8(file.read(limit_bytes)?) else {
                return Ok(None);
            };
            let source = SourceText::new(file.shown.as_str(), text);
            Ok(Some(if has_extension(&file.relative, "css") {
                Page::of_css(path.clone(), &source)
            } else {
                Page::of_html(path.clone(), &source)
            }))
        })
        .filter_map(Result::transpose)
        .collect()
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// A file's content as text; where it stops being UTF-8 is told.
pub fn text(file: &SourceFile, limit_bytes: u64) -> Result<SourceText, Failure> {
    let bytes = file.read(limit_bytes)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(SourceText::new(file.shown.as_str(), text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            // Notepad's "Unicode" begins with a mark of the order of its bytes.
            let is_utf16 = matches!(error.as_bytes(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
            let encoding = if is_utf16 { "utf-16" } else { "latin1" };
            let source = SourceText::new(
                file.shown.as_str(),
                String::from_utf8_lossy(error.as_bytes()).into_owned(),
            );
            Err(Failure::site(
                Diagnostic::error("not valid UTF-8")
                    .at(Place::span_of(&source, at..at + 1))
                    .hint(format!(
                        "save the file as UTF-8: `iconv -f {encoding} -t utf-8 OLD > NEW`"
                    )),
            ))
        }
    }
}
