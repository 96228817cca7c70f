//! What a page has of code and styles: read once, and kept with its content's
//! hash.

use std::collections::BTreeSet;

use base64::{Engine, prelude::BASE64_STANDARD};
use scraper::{ElementRef, Html};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::code;

/// A page inside a page inside a page is deep enough (`srcdoc`, `noscript`).
const DEEPEST: usize = 3;

/// What a page has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Sources of its scripts: hashes of inline ones, origins of others'.
    pub(super) scripts: BTreeSet<String>,
    /// Hashes of its handlers.
    pub(super) handlers: BTreeSet<String>,
    /// Sources of its styles.
    pub(super) styles: BTreeSet<String>,
    /// Origins of its `base`.
    pub(super) bases: BTreeSet<String>,
    /// Addresses of scripts, as the page has them.
    pub(super) own_scripts: BTreeSet<String>,
    pub(super) has_script: bool,
    pub(super) has_style_attribute: bool,
    pub(super) has_foreign_style: bool,
    pub(super) has_object: bool,
    pub(super) has_base: bool,
    /// Whether its scripts may add code, as far as its markup tells.
    pub(super) adds_code: bool,
}

impl Page {
    /// Reads a page; nothing where it is not UTF-8. `is_ours` says of an inline
    /// script whether it is applgen's own, which adds no code.
    pub fn read(content: &[u8], is_ours: &dyn Fn(&str) -> bool) -> Option<Self> {
        let text = std::str::from_utf8(content).ok()?;
        let text = text.trim_start_matches('\u{feff}');
        let mut reader = Reader {
            page: Self::default(),
            is_ours,
        };
        reader.read(text, DEEPEST);
        // XML has other rules for what is in a script; a browser may see another text.
        reader.page.adds_code |= text.trim_start().starts_with("<?xml");
        Some(reader.page)
    }
}

struct Reader<'a> {
    page: Page,
    is_ours: &'a dyn Fn(&str) -> bool,
}

impl Reader<'_> {
    fn read(&mut self, text: &str, depth: usize) {
        let html = Html::parse_document(text);
        for element in html.tree.nodes().filter_map(ElementRef::wrap) {
            self.element(&element, depth);
        }
    }

    fn element(&mut self, element: &ElementRef<'_>, depth: usize) {
        let value = element.value();
        let text = || element.text().collect::<String>();
        let page = &mut self.page;
        match value.name() {
            "script" if is_executed(value.attr("type")) => {
                page.has_script = true;
                let source = ["src", "href", "xlink:href"]
                    .iter()
                    .find_map(|a| value.attr(a));
                match source {
                    Some(url) => {
                        page.scripts.extend(origin(url));
                        page.own_scripts.insert(url.trim().to_owned());
                    }
                    None => {
                        let text = text();
                        // What modules import is not in the page.
                        page.adds_code |=
                            code::adds_code(text.as_bytes()) && !(self.is_ours)(&text);
                        page.scripts.insert(hash(&text));
                    }
                }
            }
            "style" => {
                let sheet = text();
                let imported = imported_origins(&sheet);
                page.has_foreign_style |= !imported.is_empty();
                page.styles.extend(imported);
                page.styles.insert(hash(&sheet));
            }
            "link" => {
                let rel = value.attr("rel").unwrap_or_default().to_ascii_lowercase();
                let url = value.attr("href").unwrap_or_default();
                let is = |word: &str| rel.split_ascii_whitespace().any(|known| known == word);
                let kind = value.attr("as").unwrap_or_default();
                if is("stylesheet") || (is("preload") && kind == "style") {
                    let foreign = origin(url);
                    page.has_foreign_style |= foreign.is_some();
                    page.styles.extend(foreign);
                }
                if is("modulepreload") || (is("preload") && kind == "script") {
                    page.has_script = true;
                    page.scripts.extend(origin(url));
                    page.own_scripts.insert(url.trim().to_owned());
                }
            }
            "base" => {
                let foreign = value.attr("href").and_then(origin);
                page.has_base = true;
                // What is written without an origin is then at this one.
                page.scripts.extend(foreign.clone());
                page.styles.extend(foreign.clone());
                page.bases.extend(foreign);
            }
            "object" | "embed" => page.has_object = true,
            // To a browser without scripts this is markup.
            "noscript" if depth > 0 => {
                let text = text();
                self.read(&text, depth - 1);
            }
            _ => {}
        }
        for (name, content) in value.attrs() {
            let page = &mut self.page;
            match name {
                "style" => page.has_style_attribute = true,
                "srcdoc" if depth > 0 => self.read(content, depth - 1),
                _ if name.len() > 2 && name.starts_with("on") => {
                    page.adds_code |= code::adds_code(content.as_bytes());
                    page.handlers.insert(hash(content));
                }
                "href" | "src" | "action" | "formaction" => {
                    let url = content.trim_start_matches(|c: char| c <= ' ');
                    if let Some((scheme, script)) = url.split_once(':')
                        && scheme.eq_ignore_ascii_case("javascript")
                    {
                        // Not every browser compares such a one with hashes.
                        page.adds_code = true;
                        let script =
                            percent_encoding::percent_decode_str(script).decode_utf8_lossy();
                        page.handlers.insert(hash(&script));
                    }
                }
                _ => {}
            }
        }
    }
}

/// Data in a `script` element is not run, and needs no leave (HTML, "prepare
/// the script element").
fn is_executed(media_type: Option<&str>) -> bool {
    let Some(media_type) = media_type.map(|text| text.trim().to_ascii_lowercase()) else {
        return true;
    };
    matches!(
        media_type.as_str(),
        "" | "module" | "importmap" | "speculationrules"
    ) || media_type.ends_with("javascript")
        || media_type.ends_with("ecmascript")
        || media_type.ends_with("jscript")
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!("'sha256-{}'", BASE64_STANDARD.encode(digest))
}

/// The origin of an address that is not the site's own, as a source.
pub(super) fn origin(url: &str) -> Option<String> {
    let url = url.trim();
    let lower = url.to_ascii_lowercase();
    for scheme in ["https://", "http://", "//"] {
        if let Some(rest) = lower.strip_prefix(scheme) {
            let authority = rest.split(['/', '?', '#', '\\']).next()?;
            let is_fine = |c: char| c.is_ascii_alphanumeric() || "-.:[]_".contains(c);
            let fits = !authority.is_empty() && authority.chars().all(is_fine);
            // Without a scheme it is the page's own, or a better one.
            let scheme = if scheme == "//" { "" } else { scheme };
            return fits.then(|| format!("{scheme}{authority}"));
        }
    }
    lower.starts_with("data:").then(|| "data:".to_owned())
}

/// The origins of style sheets that a style sheet imports.
pub fn imported_origins(sheet: &str) -> Vec<String> {
    sheet
        .match_indices("@import")
        .filter_map(|(at, word)| {
            let rest = sheet[at + word.len()..].split(';').next()?;
            let rest = rest.trim().trim_start_matches("url(");
            let url = rest.trim_start_matches(['"', '\'', ' ']);
            let end = url.find(['"', '\'', ')', ' ']).unwrap_or(url.len());
            origin(&url[..end])
        })
        .collect()
}
