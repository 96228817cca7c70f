//! What is a deck and what a file, and where each is served: the table of the
//! design's "What a site is", as code.
//!
//! | found | treated as |
//! |---|---|
//! | `slides/NAME/` with `content.md`, `slides.md` or `index.md`; `slides/NAME.md`; `slides.md` | decks |
//! | `slides/NAME/index.html` and no Markdown | a finished deck, served as it is |
//! | only bare `*.md` pages | a deck each |
//! | `zones/*.zone` | DNS zones; nothing in `zones/` is served as a file |
//! | `content/` with `zola.toml` or `config.toml` | a website in Zola's layout |
//! | `static/`, or none of the above | files as they are |
//!
//! A directory with an `index.html` of its own at the top and no deck in
//! Markdown is the output of some other generator, whatever else it holds.

mod meant;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use super::{SourceFile, UrlPath};
use crate::{
    failure::Failure,
    pages::Website,
    report::{Diagnostic, Diagnostics},
};

/// What a deck is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeckSource {
    /// Markdown, to be rendered.
    Markdown(SourceFile),
    /// A finished page, served as it is.
    Html(SourceFile),
}

impl DeckSource {
    /// The file.
    pub fn file(&self) -> &SourceFile {
        match self {
            Self::Markdown(file) | Self::Html(file) => file,
        }
    }
}

/// One deck and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deck {
    /// The directory or file that it is named for.
    pub name: OsString,
    /// What it is made from.
    pub source: DeckSource,
    /// The directory path that it is served at: `/`, or `/NAME/`.
    pub path: UrlPath,
    /// The directory path that its relative references start from: the one
    /// that the files beside it are served under.
    pub base: UrlPath,
    /// A path that redirects to it: `/NAME/` of a deck that is served at `/`.
    pub redirect_from: Option<UrlPath>,
}

/// A file that is served as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlainFile {
    /// Where it is served.
    pub path: UrlPath,
    /// The file.
    pub file: SourceFile,
}

/// The decks and files of a site, and their paths.
#[derive(Debug, Default)]
pub struct Layout {
    /// The decks, by name.
    pub decks: Vec<Deck>,
    /// The files, by path on disk.
    pub files: Vec<PlainFile>,
    /// The DNS zones, by path on disk.
    pub zones: Vec<SourceFile>,
    /// Where the index of several decks goes, if there is one.
    pub index: Option<UrlPath>,
    /// The site is a single file: files beside it are taken along only when it
    /// references them.
    pub single_file: bool,
    /// A website in Zola's layout, at `/`.
    pub website: Option<Website>,
}

impl Layout {
    /// The layout of a single Markdown file: one deck at `/`.
    pub fn of_single_file(file: SourceFile) -> Self {
        Self {
            decks: vec![Deck {
                name: file.relative.file_stem().unwrap_or_default().to_owned(),
                source: DeckSource::Markdown(file),
                path: UrlPath::root(),
                base: UrlPath::root(),
                redirect_from: None,
            }],
            single_file: true,
            ..Self::default()
        }
    }

    /// The layout of a single zone file.
    pub fn of_single_zone(file: SourceFile) -> Self {
        Self {
            zones: vec![file],
            single_file: true,
            ..Self::default()
        }
    }

    /// Whether there is anything to serve over HTTP.
    pub fn has_pages(&self) -> bool {
        !self.decks.is_empty() || !self.files.is_empty() || self.website.is_some()
    }

    /// The layout of a directory with these files.
    pub fn of_directory(
        named: &Path,
        files: Vec<SourceFile>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Self, Failure> {
        let (zones, mut files) = take_zones(files);
        meant::zones_by_other_names(&mut files, diagnostics);
        let (website, files) = website(files);
        if website.is_none() {
            meant::source_of_a_generator(&files, diagnostics);
        }
        let mut found = Found::of(files, diagnostics);
        let mut layout = if website.is_some() {
            found.beside_a_website()
        } else if !found.decks.is_empty() {
            found.decks_and_static()
        } else if found.only_bare_markdown() {
            found.bare_decks()
        } else {
            found.plain(diagnostics)
        };
        layout.zones = zones;
        layout.website = website;
        if !layout.has_pages() && layout.zones.is_empty() {
            return Err(Failure::site(
                Diagnostic::error(format!(
                    "`{}` holds nothing that could be served",
                    named.display()
                ))
                .hint("put a deck into `slides/NAME/content.md`, files into `static/`, or zones into `zones/`; `applgen new slides DIR` makes a first site"),
            ));
        }
        Ok(layout)
    }
}

/// Whether a path is a zone: `zones/NAME.zone`.
fn is_zone(path: &Path) -> bool {
    path.parent() == Some(Path::new("zones")) && path.extension() == Some(OsStr::new("zone"))
}

/// The zones, and the other files. What else is in `zones/` is there to be
/// included, and not to be served.
fn take_zones(files: Vec<SourceFile>) -> (Vec<SourceFile>, Vec<SourceFile>) {
    if !files.iter().any(|file| is_zone(&file.relative)) {
        return (Vec::new(), files);
    }
    let others = files.into_iter().partition::<Vec<_>, _>(|file| {
        is_zone(&file.relative) || !file.relative.starts_with("zones")
    });
    others
        .0
        .into_iter()
        .partition(|file| is_zone(&file.relative))
}

/// Takes the files of a website in Zola's layout out of those of a site: it has
/// `content/` and a configuration, and what else lies around is not its.
fn website(files: Vec<SourceFile>) -> (Option<Website>, Vec<SourceFile>) {
    let named = |name: &str| {
        files
            .iter()
            .find(|f| f.relative == Path::new(name))
            .cloned()
    };
    let content = files.iter().any(|f| f.relative.starts_with("content"));
    let config = named("zola.toml").or_else(|| named("config.toml"));
    match config.filter(|_| content) {
        None => (None, files),
        Some(config) => {
            let (decks, files): (Vec<_>, Vec<_>) = files
                .into_iter()
                .partition(|file| file.relative.starts_with("slides"));
            (Some(Website { config, files }), decks)
        }
    }
}

/// Names that a deck's Markdown has in its directory, the first one wins.
const DECK_FILES: [&str; 3] = ["content.md", "slides.md", "index.md"];

/// A deck that was found: its name, what it is made from, and the directory
/// whose files go with it.
struct FoundDeck {
    name: OsString,
    source: DeckSource,
    /// The directory of its files; `None` when it shares the common one.
    directory: Option<PathBuf>,
}

struct Found {
    decks: Vec<FoundDeck>,
    files: Vec<SourceFile>,
    /// `slides.md` stands at the top, with the files beside it.
    top: bool,
    /// Something else is served at `/`.
    home_taken: bool,
}

impl Found {
    /// Sorts out the decks; what remains in `files` is beside or elsewhere.
    fn of(files: Vec<SourceFile>, diagnostics: &mut Diagnostics) -> Self {
        let mut by_path: BTreeMap<PathBuf, SourceFile> =
            files.into_iter().map(|f| (f.relative.clone(), f)).collect();
        let mut decks = Vec::new();
        let names: BTreeSet<OsString> = by_path
            .keys()
            .filter_map(|path| path.strip_prefix("slides").ok())
            .filter(|path| path.components().count() > 1)
            .filter_map(|path| path.components().next())
            .map(|part| part.as_os_str().to_owned())
            .collect();
        for name in names {
            let directory = Path::new("slides").join(&name);
            let markdown = DECK_FILES
                .iter()
                .map(|file| directory.join(file))
                .find(|path| by_path.contains_key(path));
            let page = directory.join("index.html");
            // A page that reads the Markdown itself is the deck.
            let own_page = by_path.get(&page);
            let markdown =
                markdown.filter(|path| !own_page.is_some_and(|page| meant::names(page, path)));
            let source = if let Some(file) = markdown.and_then(|path| by_path.remove(&path)) {
                DeckSource::Markdown(file)
            } else if let Some(file) = by_path.get(&page) {
                DeckSource::Html(file.clone())
            } else {
                let stray = by_path.values().find(|file| {
                    file.relative.parent() == Some(&directory) && is_markdown(&file.relative)
                });
                if let Some(stray) = stray {
                    diagnostics.push(
                        Diagnostic::warning(format!(
                            "`slides/{}/` has Markdown but no deck: it is served as files",
                            name.to_string_lossy()
                        ))
                        .at(stray.place())
                        .hint("call a deck's Markdown `content.md`, `slides.md` or `index.md`"),
                    );
                }
                continue;
            };
            decks.push(FoundDeck {
                name,
                source,
                directory: Some(directory),
            });
        }
        let loose: Vec<PathBuf> = by_path
            .keys()
            .filter(|path| path.parent() == Some(Path::new("slides")) && is_markdown(path))
            .cloned()
            .collect();
        for file in loose.iter().filter_map(|path| by_path.remove(path)) {
            decks.push(FoundDeck {
                name: stem(&file.relative),
                source: DeckSource::Markdown(file),
                directory: None,
            });
        }
        // The output of another generator may hold `slides/NAME/index.html`.
        let all_finished = decks
            .iter()
            .all(|d| matches!(d.source, DeckSource::Html(_)));
        if all_finished && by_path.contains_key(Path::new("index.html")) {
            decks.clear();
        }
        let own_page = by_path.get(Path::new("index.html"));
        let top = match own_page.is_some_and(|page| meant::names(page, Path::new("slides.md"))) {
            true => None,
            false => by_path.remove(Path::new("slides.md")),
        };
        if let Some(file) = &top {
            decks.push(FoundDeck {
                name: "slides".into(),
                source: DeckSource::Markdown(file.clone()),
                directory: None,
            });
        }
        decks.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            decks,
            files: by_path.into_values().collect(),
            top: top.is_some(),
            home_taken: false,
        }
    }

    fn has_file(&self, relative: &str) -> bool {
        self.files.iter().any(|f| f.relative == Path::new(relative))
    }

    /// Decks, the files beside them, and `static/` at the root.
    fn decks_and_static(&mut self) -> Layout {
        let home_taken = self.home_taken || self.has_file("static/index.html");
        let alone = self.decks.len() == 1 && !home_taken;
        let root = UrlPath::root();
        let mut layout = Layout::default();
        let mut mounts: Vec<(PathBuf, UrlPath)> = Vec::new();
        for deck in self.decks.drain(..) {
            let own = root.directory(&deck.name);
            let path = if alone { root.clone() } else { own.clone() };
            let base = match &deck.directory {
                Some(directory) => {
                    mounts.push((directory.clone(), path.clone()));
                    path.clone()
                }
                None => root.clone(),
            };
            layout.decks.push(Deck {
                name: deck.name,
                source: deck.source,
                base,
                redirect_from: (alone && !self.top).then_some(own),
                path,
            });
        }
        if !alone {
            layout.index = Some(if home_taken {
                UrlPath::from("/slides/")
            } else {
                root.clone()
            });
        }
        let finished: BTreeSet<PathBuf> = layout
            .decks
            .iter()
            .filter(|deck| matches!(deck.source, DeckSource::Html(_)))
            .map(|deck| deck.source.file().relative.clone())
            .collect();
        for file in self.files.drain(..) {
            if finished.contains(&file.relative) {
                continue;
            }
            let mount = mounts
                .iter()
                .find_map(|(directory, path)| {
                    let below = file.relative.strip_prefix(directory).ok()?;
                    Some(UrlPath::of_file(path, below))
                })
                .or_else(|| {
                    let below = file.relative.strip_prefix("static").ok();
                    let below = below.or_else(|| file.relative.strip_prefix("slides").ok());
                    below.map(|below| UrlPath::of_file(&root, below))
                })
                .or_else(|| self.top.then(|| UrlPath::of_file(&root, &file.relative)));
            if let Some(path) = mount {
                layout.files.push(PlainFile { path, file });
            }
        }
        layout
    }

    /// Decks beside a website, each at `/NAME/`, with their index at `/slides/`.
    fn beside_a_website(&mut self) -> Layout {
        if self.decks.is_empty() {
            return Layout::default();
        }
        self.home_taken = true;
        self.decks_and_static()
    }

    fn only_bare_markdown(&self) -> bool {
        let own = || self.files.iter().filter(|file| !is_installed(file));
        own().any(|file| is_markdown(&file.relative)) && !own().any(|file| is_page(&file.relative))
    }

    /// A deck for each Markdown file, and the other files where they lie.
    fn bare_decks(&mut self) -> Layout {
        let root = UrlPath::root();
        self.files.retain(|file| !is_installed(file));
        let (pages, files): (Vec<_>, Vec<_>) = self
            .files
            .drain(..)
            .partition(|file| is_markdown(&file.relative));
        let alone = pages.len() == 1;
        let mut layout = Layout {
            index: (!alone).then(|| root.clone()),
            ..Layout::default()
        };
        for file in pages {
            let name = stem(&file.relative);
            let directory = UrlPath::of_file(&root, &file.relative).parent();
            let own = directory.directory(&name);
            layout.decks.push(Deck {
                path: if alone { root.clone() } else { own.clone() },
                base: directory,
                redirect_from: alone.then_some(own),
                name,
                source: DeckSource::Markdown(file),
            });
        }
        for file in files {
            layout.files.push(PlainFile {
                path: UrlPath::of_file(&root, &file.relative),
                file,
            });
        }
        layout
    }

    /// Files as they are: `static/`, or the whole directory.
    fn plain(&mut self, diagnostics: &mut Diagnostics) -> Layout {
        let root = UrlPath::root();
        if !self.has_file("index.html") {
            meant::markdown_as_it_is(&self.files, diagnostics);
        }
        let in_static = self.files.iter().any(|f| f.relative.starts_with("static"));
        let only_static = in_static && !self.has_file("index.html");
        if in_static && !only_static {
            diagnostics.push(Diagnostic::note(
                "the directory has an `index.html` of its own, so `static/` is served at `/static/`",
            ));
        }
        let mut layout = Layout::default();
        for file in self.files.drain(..) {
            let path = if only_static {
                match file.relative.strip_prefix("static") {
                    Ok(below) => UrlPath::of_file(&root, below),
                    Err(_) => continue,
                }
            } else {
                UrlPath::of_file(&root, &file.relative)
            };
            layout.files.push(PlainFile { path, file });
        }
        layout
    }
}

fn is_markdown(path: &Path) -> bool {
    path.extension()
        .and_then(OsStr::to_str)
        .is_some_and(|e| e.eq_ignore_ascii_case("md") || e.eq_ignore_ascii_case("markdown"))
}

fn is_page(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|e| ["html", "htm", "xhtml"].contains(&e.to_ascii_lowercase().as_str()))
}

/// Whether npm put a file there.
fn is_installed(file: &SourceFile) -> bool {
    file.relative.iter().any(|part| part == "node_modules")
}

fn stem(path: &Path) -> OsString {
    path.file_stem().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
