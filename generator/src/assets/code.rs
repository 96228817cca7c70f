//! What is read for the policies of pages (see [`csp`]): pages, and the scripts
//! and style sheets that lie beside them. By content, so that what did not change
//! is read once.

use rayon::prelude::*;

use super::Cache;
use crate::{
    failure::Failure,
    output::{Content, Output},
    rules::{
        csp::{self, code::adds_code, imported_origins},
        policy::Csp,
    },
    slides::is_deck_script,
};

/// What an earlier version found in a page is not used.
const VERSION: &str = concat!("applgen-page-1-", env!("CARGO_PKG_VERSION"));

/// What a page has; `hash` is its content's.
pub fn of_page(hash: &[u8; 32], content: &[u8], cache: &Cache) -> Option<csp::Page> {
    cache.found(VERSION, hash, || csp::Page::read(content, &is_deck_script))
}

/// What the site's own scripts and style sheets say.
pub fn of_files(output: &Output, limit_bytes: u64) -> Result<csp::Files, Failure> {
    let mut files = csp::Files {
        base_url: output.base_url.clone(),
        ..csp::Files::default()
    };
    if matches!(output.policy.csp, Csp::Off | Csp::Text(_)) {
        return Ok(files);
    }
    let kinds = |path: &[u8]| path.ends_with(b".js") || path.ends_with(b".mjs");
    let sheets = |path: &[u8]| path.ends_with(b".css");
    let read = output
        .resources
        .par_iter()
        .filter(|(path, _)| kinds(path.as_bytes()) || sheets(path.as_bytes()))
        .map(|(path, resource)| {
            let read;
            let content = match &resource.content {
                Content::Bytes(bytes) | Content::Templated(bytes) => bytes,
                Content::File(file) => {
                    read = file.read(limit_bytes)?;
                    &read
                }
            };
            let imports = match sheets(path.as_bytes()) {
                true => imported_origins(&String::from_utf8_lossy(content)),
                false => Vec::new(),
            };
            Ok((path, adds_code(content), imports))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    for (path, adds, imports) in read {
        files.imports.extend(imports);
        if kinds(path.as_bytes()) {
            files.scripts.insert(path.clone(), adds);
        }
    }
    Ok(files)
}
