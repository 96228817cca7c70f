//! What a directory was probably meant for, where its layout says something else:
//! a zone under another name, the source of another generator, a deck that a page
//! beside it turned into files. Whoever meant it so loses nothing by being told.

use std::{fs::File, io::Read, path::Path};

use super::{is_markdown, is_page};
use crate::{
    report::{Diagnostic, Diagnostics},
    site::SourceFile,
};

/// How much of a file is looked at: what matters stands near its beginning.
const LOOKED_AT_BYTES: u64 = 64 * 1024;

/// Sites that are built before they are served: a file that tells, a folder or file
/// that must be there too, whose it is, how it is built, and where the result lies.
const SOURCES: [(&str, &str, &str, &str, &str); 13] = [
    ("hugo.toml", "", "Hugo", "hugo", "public"),
    ("hugo.yaml", "", "Hugo", "hugo", "public"),
    ("_config.yml", "_layouts", "Jekyll", "jekyll build", "_site"),
    ("_config.yml", "_posts", "Jekyll", "jekyll build", "_site"),
    ("_config.yml", "Gemfile", "Jekyll", "jekyll build", "_site"),
    ("book.toml", "src", "mdBook", "mdbook build", "book"),
    ("mkdocs.yml", "docs", "MkDocs", "mkdocs build", "site"),
    (
        "docusaurus.config.js",
        "",
        "Docusaurus",
        "npm run build",
        "build",
    ),
    (
        "docusaurus.config.ts",
        "",
        "Docusaurus",
        "npm run build",
        "build",
    ),
    (
        "eleventy.config.js",
        "",
        "Eleventy",
        "npx eleventy",
        "_site",
    ),
    ("astro.config.mjs", "src", "Astro", "npm run build", "dist"),
    (
        "gatsby-config.js",
        "src",
        "Gatsby",
        "npm run build",
        "public",
    ),
    (
        "pelicanconf.py",
        "content",
        "Pelican",
        "pelican content",
        "output",
    ),
];

/// The beginning of a file, as text; nothing where it cannot be read, which is told
/// where it is read for good.
fn beginning(file: &SourceFile) -> String {
    let mut bytes = Vec::new();
    let _ = File::open(&file.absolute)
        .and_then(|file| file.take(LOOKED_AT_BYTES).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a page names another file, as `data-markdown="slides.md"` does.
pub fn names(page: &SourceFile, other: &Path) -> bool {
    let name = other.file_name().unwrap_or_default().to_string_lossy();
    beginning(page).contains(name.as_ref())
}

/// Whether a text has a record that begins a zone: `SOA`, two names, and a number or
/// the parenthesis around it. Texts that speak of SOA have none.
fn is_zone_text(file: &SourceFile) -> bool {
    let begins = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        words.any(|word| word.eq_ignore_ascii_case("SOA"))
            && words
                .nth(2)
                .is_some_and(|word| word.starts_with(|c: char| c == '(' || c.is_ascii_digit()))
    };
    !is_page(&file.relative)
        && !is_markdown(&file.relative)
        && beginning(file)
            .lines()
            .any(|line| !line.starts_with(';') && begins(line))
}

/// What looks like a zone and is none by its name. In `zones/` it is not served:
/// then nothing there is.
pub fn zones_by_other_names(files: &mut Vec<SourceFile>, diagnostics: &mut Diagnostics) {
    let inside = |file: &SourceFile| file.relative.starts_with("zones");
    let found: Vec<_> = files
        .iter()
        .filter(|file| inside(file) && is_zone_text(file))
        .cloned()
        .collect();
    for file in &found {
        let name = file
            .relative
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let name = name.strip_prefix("db.").unwrap_or(&name);
        let name = ["db", "hosts", "txt", "zone"]
            .iter()
            .find_map(|end| name.strip_suffix(end)?.strip_suffix('.'))
            .unwrap_or(name);
        diagnostics.push(
            Diagnostic::warning(format!(
                "`{}` looks like a zone, and is left out",
                file.shown
            ))
            .at(file.place())
            .hint(format!(
                "zones are called `zones/NAME.zone`; is this `zones/{name}.zone`?"
            )),
        );
    }
    if !found.is_empty() {
        files.retain(|file| !inside(file));
    }
    let top = |file: &&SourceFile| {
        file.relative.parent() == Some(Path::new(""))
            && file.relative.extension().is_some_and(|end| end == "zone")
    };
    for file in files.iter().filter(top).filter(|file| is_zone_text(file)) {
        diagnostics.push(
            Diagnostic::warning(format!(
                "`{}` is a zone, and is served as a file",
                file.shown
            ))
            .at(file.place())
            .hint("put it into `zones/`"),
        );
    }
}

/// Tells that a directory is what another generator makes a site from.
pub fn source_of_a_generator(files: &[SourceFile], diagnostics: &mut Diagnostics) {
    let has = |name: &str| files.iter().any(|file| file.relative.starts_with(name));
    let found = SOURCES.iter().find_map(|source| {
        let (tells, with, ..) = source;
        let file = files
            .iter()
            .find(|file| file.relative == Path::new(tells))?;
        (with.is_empty() || has(with)).then_some((file, source))
    });
    if let Some((file, (_, _, whose, build, result))) = found {
        diagnostics.push(
            Diagnostic::warning(format!(
                "this is what {whose} makes a site from, and not the site"
            ))
            .at(file.place())
            .hint(format!(
                "run `{build}`, and give its output to applgen: the directory `{result}`"
            )),
        );
    }
}

/// Tells that Markdown is served as it is, because of a page beside it.
pub fn markdown_as_it_is(files: &[SourceFile], diagnostics: &mut Diagnostics) {
    const ABOUT_THE_DIRECTORY: [&str; 5] = [
        "readme",
        "license",
        "changelog",
        "contributing",
        "code_of_conduct",
    ];
    let at_top = |file: &&SourceFile| file.relative.parent() == Some(Path::new(""));
    let deck = files.iter().filter(at_top).find(|file| {
        let stem = file.relative.file_stem().unwrap_or_default();
        let stem = stem.to_string_lossy().to_ascii_lowercase();
        is_markdown(&file.relative) && !ABOUT_THE_DIRECTORY.contains(&stem.as_str())
    });
    let page = files.iter().find(|file| is_page(&file.relative));
    if let (Some(deck), Some(page)) = (deck, page) {
        diagnostics.push(
            Diagnostic::note(format!(
                "`{}` is served as it is: a directory that has pages, such as `{}`, is a directory of files",
                deck.shown, page.shown
            ))
            .at(deck.place())
            .hint("is it a deck? put it into `slides/`, and what is to be served beside it into `static/`"),
        );
    }
}
