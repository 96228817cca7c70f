//! Style sheets from Sass: every file of `sass/` whose name begins without `_`.

use std::{
    io,
    path::{Path, PathBuf},
};

use grass::{Fs, Options, OutputStyle};
use rayon::prelude::*;

use super::{bounded, files::Files};
use crate::{
    failure::Failure,
    report::{Diagnostic, Place, SourceText},
};

/// A compiled style sheet.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// Where it goes, below the root: `css/site.css`.
    pub path: String,
    /// The CSS.
    pub css: String,
    /// The Sass that it comes from.
    pub origin: String,
}

/// The files of the site as a file system, so that an import reads nothing else.
#[derive(Debug)]
struct SiteFiles<'a> {
    files: &'a Files,
    limit_bytes: u64,
}

impl SiteFiles<'_> {
    fn key(path: &Path) -> Option<String> {
        let mut parts: Vec<&str> = Vec::new();
        for part in path.to_str()?.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        Some(parts.join("/"))
    }
}

impl Fs for SiteFiles<'_> {
    fn is_dir(&self, path: &Path) -> bool {
        Self::key(path).is_some_and(|key| self.files.has_directory(&key))
    }

    fn is_file(&self, path: &Path) -> bool {
        Self::key(path).is_some_and(|key| self.files.get(&key).is_some())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = Self::key(path).and_then(|key| self.files.get(&key));
        let file = file.ok_or(io::ErrorKind::NotFound)?;
        file.read(self.limit_bytes)
            .map_err(|_| io::Error::other("the file cannot be read"))
    }

    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(Self::key(path).map_or_else(|| path.to_path_buf(), PathBuf::from))
    }
}

/// Compiles the files of one directory.
pub fn compile(files: &Files, directory: &str, limit_bytes: u64) -> Vec<Result<Sheet, Failure>> {
    let fs = SiteFiles { files, limit_bytes };
    let sources: Vec<&str> = files
        .below(directory)
        .map(|(path, _)| path)
        .filter(|path| {
            let name = path.rsplit('/').next().unwrap_or(path);
            !name.starts_with('_') && (name.ends_with(".scss") || name.ends_with(".sass"))
        })
        .collect();
    sources
        .into_par_iter()
        .map(|path| {
            let whole = format!("{directory}/{path}");
            let origin = files
                .get(&whole)
                .map_or_else(|| whole.clone(), |f| f.shown.clone());
            let endless = || {
                Diagnostic::error("this Sass does not come to an end: a loop, or a function or mixin that calls itself")
                    .at(Place::file(origin.clone()))
                    .hint("look at its `@while`, `@function` and `@mixin`, and at those of what it imports")
            };
            let work = || {
                let options = Options::default()
                    .fs(&fs)
                    .quiet(true)
                    .style(OutputStyle::Compressed)
                    .load_path(directory);
                grass::from_path(&whole, &options).map_err(|error| told(error, files, &whole, limit_bytes))
            };
            match bounded::run(endless, work) {
                Ok(css) => Ok(Sheet {
                    path: format!("{}.css", &path[..path.len() - 5]),
                    css,
                    origin,
                }),
                Err(failure) => Err(failure),
            }
        })
        .collect()
}

fn told(error: Box<grass::Error>, files: &Files, whole: &str, limit_bytes: u64) -> Failure {
    let text = error.to_string();
    let (message, place) = match (*error).kind() {
        grass::ErrorKind::ParseError { message, loc, .. } => {
            let name = loc.file.name().to_owned();
            let file = files.get(&name);
            let place = file.and_then(|file| {
                let text = String::from_utf8(file.read(limit_bytes).ok()?).ok()?;
                let source = SourceText::new(file.shown.as_str(), text);
                let start: usize = source
                    .text()
                    .split_inclusive('\n')
                    .take(loc.begin.line)
                    .map(str::len)
                    .sum();
                let at = start + loc.begin.column;
                Some(Place::span_of(&source, at..at + 1))
            });
            (message.to_owned(), place)
        }
        _ => (text, None),
    };
    let place = place.unwrap_or_else(|| {
        Place::file(
            files
                .get(whole)
                .map_or_else(|| whole.to_owned(), |f| f.shown.clone()),
        )
    });
    Failure::site(
        Diagnostic::error(format!(
            "this Sass does not compile: {}",
            message.trim().replace('\n', " ")
        ))
        .at(place),
    )
}
