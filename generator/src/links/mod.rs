//! References between pages: what each page refers to, and whether it is there.
//!
//! Only what lies inside the site is checked, so no network is needed. A page
//! refers to paths (pictures, styles, other pages) and to places in pages
//! (`#id`); both are followed as a browser would.

mod css;
mod html;

use std::collections::{BTreeSet, HashMap};

use crate::{
    output::Output,
    report::{Diagnostic, Diagnostics, SourceText},
    site::UrlPath,
    slides::Reference,
};

pub use html::title;

/// Extensions of the files whose references are looked at.
pub const LOOKED_INTO: [&str; 4] = ["html", "htm", "xhtml", "css"];

/// A page, or a style sheet, with what it refers to and what can be referred to in it.
#[derive(Debug)]
pub struct Page {
    /// Where it is served.
    pub path: UrlPath,
    /// Where its relative references start from.
    pub base: UrlPath,
    /// What it refers to.
    pub references: Vec<Reference>,
    /// The ids (and names of anchors) in it.
    pub ids: BTreeSet<String>,
    /// It is a deck, whose script takes addresses of slides: `#/2/1`.
    pub deck: bool,
}

impl Page {
    /// Reads a finished HTML page.
    pub fn of_html(path: UrlPath, source: &SourceText) -> Self {
        let read = html::read(source);
        let base = read
            .base
            .as_deref()
            .and_then(|url| internal(url))
            .and_then(|(reference, _)| path.join(reference));
        Self {
            base: base.unwrap_or_else(|| path.clone()).parent(),
            path,
            references: read.references,
            ids: read.ids,
            deck: false,
        }
    }

    /// Reads a style sheet.
    pub fn of_css(path: UrlPath, source: &SourceText) -> Self {
        Self {
            base: path.parent(),
            path,
            references: css::references(source),
            ids: BTreeSet::new(),
            deck: false,
        }
    }
}

/// A reference that stays inside the site: its path, and the query and fragment
/// after it. `None` when it has a scheme or names a host.
pub fn internal(url: &str) -> Option<(&str, &str)> {
    let url = url.trim_matches(|c: char| c.is_ascii_whitespace());
    if url.starts_with("//") || url.starts_with("\\") || has_scheme(url) {
        return None;
    }
    let end = url.find(['?', '#']).unwrap_or(url.len());
    Some(url.split_at(end))
}

/// RFC 3986 §3.1.
fn has_scheme(url: &str) -> bool {
    let Some((scheme, _)) = url.split_once(':') else {
        return false;
    };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Follows every reference, and warns of those that lead to nothing.
pub fn check(
    output: &Output,
    pages: &[Page],
    base_url: Option<&str>,
    diagnostics: &mut Diagnostics,
) {
    let by_path: HashMap<&UrlPath, &Page> = pages.iter().map(|page| (&page.path, page)).collect();
    for page in pages {
        for reference in &page.references {
            let url = reference.url.trim();
            let url = base_url
                .and_then(|base| url.strip_prefix(base))
                .filter(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
                .map_or(url, |rest| if rest.starts_with('/') { rest } else { "/" });
            let Some((path, rest)) = internal(url) else {
                continue;
            };
            let fragment = rest.split_once('#').map(|(_, fragment)| fragment);
            let target = if path.is_empty() {
                Some(page.path.clone())
            } else {
                page.base.join(path)
            };
            let Some(target) = target else {
                diagnostics.push(
                    Diagnostic::warning(format!("`{url}` holds a `%` that starts no escape"))
                        .at(reference.place.clone())
                        .hint("write a literal `%` as `%25`"),
                );
                continue;
            };
            let Some(found) = output.leads_somewhere(&target) else {
                // What a rule makes of a path is the rule's affair.
                if output.answers(&target) {
                    continue;
                }
                let mut diagnostic =
                    Diagnostic::warning(format!("`{url}` leads to nothing in the site"))
                        .at(reference.place.clone());
                diagnostic.hint = Some(match close_to(output, &target) {
                    Some(close) => format!("did you mean `{}`?", close.relative_to(&page.base)),
                    None => format!("there is no file for the path `{target}`"),
                });
                diagnostics.push(diagnostic);
                continue;
            };
            if let (Some(fragment), Some(to)) = (fragment, by_path.get(found)) {
                check_fragment(fragment, to, reference, diagnostics);
            }
        }
    }
}

fn check_fragment(fragment: &str, to: &Page, reference: &Reference, diagnostics: &mut Diagnostics) {
    let slide_address = fragment.starts_with('/') || fragment.starts_with('!');
    if fragment.is_empty() || fragment == "top" || fragment.starts_with(":~:") || slide_address {
        return;
    }
    let decoded = percent_encoding::percent_decode_str(fragment).decode_utf8_lossy();
    if to.ids.contains(fragment) || to.ids.contains(decoded.as_ref()) {
        return;
    }
    let near = crate::report::did_you_mean(&decoded, to.ids.iter().map(String::as_str));
    let mut diagnostic = Diagnostic::warning(format!(
        "`{}` leads to no place in `{}`: it has no id `{decoded}`",
        reference.url, to.path
    ))
    .at(reference.place.clone());
    if let Some(near) = near {
        diagnostic = diagnostic.hint(format!("did you mean `#{near}`?"));
    }
    diagnostics.push(diagnostic);
}

/// The path that was probably meant: in the same directory first, anywhere by
/// the same file name else.
fn close_to<'a>(output: &'a Output, target: &UrlPath) -> Option<&'a UrlPath> {
    let directory = target.parent();
    let name = |path: &UrlPath| {
        String::from_utf8_lossy(&path.as_bytes()[path.parent().as_bytes().len()..]).into_owned()
    };
    let wanted = name(target);
    let beside: Vec<(&UrlPath, String)> = output
        .resources
        .keys()
        .filter(|path| path.parent() == directory)
        .map(|path| (path, name(path)))
        .filter(|(_, name)| !name.is_empty() && name != "404.html")
        .collect();
    let close = crate::report::did_you_mean(&wanted, beside.iter().map(|(_, name)| name.as_str()));
    if let Some(close) = close {
        return beside
            .iter()
            .find(|(_, name)| name == close)
            .map(|(path, _)| *path);
    }
    output
        .resources
        .keys()
        .find(|path| !wanted.is_empty() && name(path) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Content, Resource};

    fn told(files: &[(&str, &str)], base_url: Option<&str>) -> Vec<String> {
        let mut output = Output::new();
        let mut pages = Vec::new();
        for (path, text) in files {
            output
                .resource(
                    UrlPath::from(*path),
                    Resource {
                        content: Content::Bytes(Vec::new()),
                        media_type: None,
                        last_modified: None,
                        origin: (*path).to_owned(),
                    },
                )
                .unwrap();
            let source = SourceText::new(&path[1..], *text);
            let path = path.strip_suffix("index.html").unwrap_or(path);
            if path.ends_with(".css") {
                pages.push(Page::of_css(path.into(), &source));
            } else if path.ends_with('/') || path.ends_with(".html") {
                pages.push(Page::of_html(path.into(), &source));
            }
        }
        let mut diagnostics = Diagnostics::new();
        check(&output, &pages, base_url, &mut diagnostics);
        diagnostics.iter().map(|d| d.render(false)).collect()
    }

    #[test]
    fn whole_sites_pass() {
        let files = [
            (
                "/index.html",
                "<a href='a/'>a</a><a href=a>a</a><a href='a/index.html#x'>x</a><a href='https://example.org/none'>o</a>\
                 <a href='mailto:x@example.org'>m</a><a href='#'>t</a><a href='#top'>t</a><img src='p%20q.png?v=1'>\
                 <img srcset='p%20q.png 1x, a/big.png 2x'><link rel=stylesheet href=/s.css><a href='//example.org'>h</a>",
            ),
            (
                "/a/index.html",
                "<h1 id=x>x</h1><a href='../'>up</a><a href='/index.html'>home</a>",
            ),
            ("/a/big.png", ""),
            ("/p q.png", ""),
            (
                "/s.css",
                "@import 's2.css'; body { background: url(p%20q.png) } a { b: url('data:,x') }",
            ),
            ("/s2.css", ""),
        ];
        assert_eq!(told(&files, None), Vec::<String>::new());
    }

    #[test]
    fn what_leads_to_nothing_is_told_with_its_place() {
        let told = told(
            &[
                (
                    "/index.html",
                    "<p>\n<img src=\"photo.jpg\">\n<a href=\"a/#intro\">x</a> <a href='https://example.org/gone'>y</a>",
                ),
                ("/photo.png", ""),
                ("/a/index.html", "<h1 id=introduction>x</h1>"),
                ("/s.css", "a { b: url(\"none.woff2\") }"),
            ],
            Some("https://example.org"),
        );
        let all = told.join("\n");
        assert_eq!(told.len(), 4, "{all}");
        assert!(
            all.contains("index.html:2:11") && all.contains("did you mean `photo.png`?"),
            "{all}"
        );
        assert!(
            all.contains("index.html:3:10") && all.contains("did you mean `#introduction`?"),
            "{all}"
        );
        assert!(all.contains("`/gone` leads to nothing"), "{all}");
        assert!(all.contains("s.css:1:13"), "{all}");
    }
}
