//! A single Markdown file as a site: it takes along the files that it
//! references, those that its style sheets reference, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::{Site, SourceFile, UrlPath, never};
use crate::{
    failure::Failure,
    links::{self, Page},
    report::{Diagnostic, Diagnostics},
    slides::Reference,
};

/// The referenced files below the site's directory, by the path they get.
/// What is missing stays missing, and the check of references tells it.
pub fn referenced(
    site: &Site,
    pages: &[Page],
    diagnostics: &mut Diagnostics,
) -> Result<BTreeMap<UrlPath, SourceFile>, Failure> {
    let mut found: BTreeMap<UrlPath, SourceFile> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<(UrlPath, Vec<Reference>)> = pages
        .iter()
        .map(|page| (page.base.clone(), page.references.clone()))
        .collect();
    let mut total_bytes = 0_u64;
    let limit_bytes = site.config.limit_bytes();
    while let Some((base, references)) = open.pop() {
        for reference in references {
            let Some((path, _)) = links::internal(&reference.url) else {
                continue;
            };
            let Some(target) = base.join(path) else {
                continue;
            };
            if target.as_bytes().ends_with(b"/") || !seen.insert(target.clone()) {
                continue;
            }
            let relative: PathBuf = target.as_bytes()[1..]
                .split(|&b| b == b'/')
                .map(OsStr::from_bytes)
                .collect();
            let Some(file) = file(site, &relative, &reference, diagnostics) else {
                continue;
            };
            total_bytes = total_bytes.saturating_add(file.bytes);
            if total_bytes > limit_bytes {
                return Err(Failure::site(Diagnostic::error(format!(
                    "the files that the deck references are larger than {limit_bytes} bytes, the limit of an image: `{}` passes it",
                    file.shown
                ))));
            }
            if target.as_bytes().ends_with(b".css")
                && let Ok(source) = crate::render::text(&file, limit_bytes)
            {
                let page = Page::of_css(target.clone(), &source);
                open.push((page.base, page.references));
            }
            found.insert(target, file);
        }
    }
    Ok(found)
}

fn file(
    site: &Site,
    relative: &Path,
    reference: &Reference,
    diagnostics: &mut Diagnostics,
) -> Option<SourceFile> {
    let mut refuse = |why: &str| {
        diagnostics.push(
            Diagnostic::warning(format!("`{}` {why}, and is not taken along", reference.url))
                .at(reference.place.clone()),
        );
    };
    if relative
        .components()
        .any(|part| never::by_name(part.as_os_str()).is_some())
    {
        refuse("is never served");
        return None;
    }
    let absolute = fs::canonicalize(site.root.join(relative)).ok()?;
    let Ok(inside) = absolute.strip_prefix(&site.root) else {
        refuse("leads out of the site's directory");
        return None;
    };
    if inside
        .components()
        .any(|part| never::by_name(part.as_os_str()).is_some())
    {
        refuse("leads to what is never served");
        return None;
    }
    let metadata = fs::metadata(&absolute).ok().filter(fs::Metadata::is_file)?;
    let opened = fs::File::open(&absolute).ok()?;
    if never::by_content(&absolute, opened, metadata.len()).is_some() {
        refuse("looks like a private key");
        return None;
    }
    let deck = site.layout.decks.first().map(|deck| deck.source.file());
    let directory = deck
        .and_then(|file| Path::new(&file.shown).parent())
        .unwrap_or(Path::new(""));
    Some(SourceFile {
        shown: directory.join(relative).display().to_string(),
        relative: relative.to_path_buf(),
        bytes: metadata.len(),
        absolute,
    })
}
