//! A `Content-Security-Policy` from the page that it is for.
//!
//! A static page says itself what it runs: each inline script and style is
//! named by its hash, each external one by its origin, and nothing else runs,
//! wherever it came from. The policy is about code alone: pictures, frames,
//! media and connections are as free as before.
//!
//! | the page has | the policy says |
//! |---|---|
//! | no script | `script-src 'none'` |
//! | scripts | `script-src 'self'`, the hash of each inline one, the origin of each external one |
//! | handlers such as `onclick`, or `javascript:` addresses | `'unsafe-hashes'` and the hash of each |
//! | styles | `style-src 'self'`, hashes, origins of style sheets, also of those that inline ones import |
//! | `style` attributes | `style-src-attr 'unsafe-inline'`: they are many, and run nothing |
//! | no plug-in | `object-src 'none'` |
//! | always | `base-uri 'self'` |

use std::collections::BTreeSet;

use base64::{Engine, prelude::BASE64_STANDARD};
use scraper::{ElementRef, Html};
use sha2::{Digest, Sha256};

/// A longer header than this is refused by servers in front of the image
/// (nginx takes 4 kB for all of them).
const LONGEST_BYTES: usize = 3000;

/// A page inside a page inside a page is deep enough (`srcdoc`).
const DEEPEST: usize = 3;

/// The policy of a page; `None` where it would be too long for a header, or the
/// page is not UTF-8.
pub fn of_page(content: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content).ok()?;
    let text = text.trim_start_matches('\u{feff}');
    let mut needs = Needs::default();
    needs.read(text, DEEPEST);
    Some(needs.policy()).filter(|policy| policy.len() <= LONGEST_BYTES)
}

#[derive(Default)]
struct Needs {
    scripts: BTreeSet<String>,
    handlers: BTreeSet<String>,
    styles: BTreeSet<String>,
    has_script: bool,
    has_style_attribute: bool,
    has_object: bool,
}

impl Needs {
    fn read(&mut self, text: &str, depth: usize) {
        let html = Html::parse_document(text);
        for element in html.tree.nodes().filter_map(ElementRef::wrap) {
            self.element(&element, depth);
        }
    }

    fn element(&mut self, element: &ElementRef<'_>, depth: usize) {
        let value = element.value();
        let text = || element.text().collect::<String>();
        match value.name() {
            "script" if is_executed(value.attr("type")) => {
                self.has_script = true;
                let source = ["src", "href", "xlink:href"]
                    .iter()
                    .find_map(|a| value.attr(a));
                match source {
                    Some(url) => self.scripts.extend(origin(url)),
                    None => drop(self.scripts.insert(hash(&text()))),
                }
            }
            "style" => {
                let sheet = text();
                self.styles.extend(imported_origins(&sheet));
                self.styles.insert(hash(&sheet));
            }
            "link" => {
                let rel = value.attr("rel").unwrap_or_default().to_ascii_lowercase();
                let url = value.attr("href").unwrap_or_default();
                let is = |word: &str| rel.split_ascii_whitespace().any(|known| known == word);
                let kind = value.attr("as").unwrap_or_default();
                if is("stylesheet") || (is("preload") && kind == "style") {
                    self.styles.extend(origin(url));
                }
                if is("modulepreload") || (is("preload") && kind == "script") {
                    self.has_script = true;
                    self.scripts.extend(origin(url));
                }
            }
            "object" | "embed" => self.has_object = true,
            _ => {}
        }
        for (name, content) in value.attrs() {
            match name {
                "style" => self.has_style_attribute = true,
                "srcdoc" if depth > 0 => self.read(content, depth - 1),
                _ if name.len() > 2 && name.starts_with("on") => {
                    self.handlers.insert(hash(content));
                }
                "href" | "src" | "action" | "formaction" => {
                    let url = content.trim_start_matches(|c: char| c <= ' ');
                    if let Some((scheme, code)) = url.split_once(':')
                        && scheme.eq_ignore_ascii_case("javascript")
                    {
                        let code = percent_encoding::percent_decode_str(code).decode_utf8_lossy();
                        self.handlers.insert(hash(&code));
                    }
                }
                _ => {}
            }
        }
    }

    fn policy(&self) -> String {
        let mut policy = String::from("script-src");
        if self.has_script || !self.handlers.is_empty() {
            policy.push_str(" 'self'");
            put(&mut policy, &self.scripts);
            if !self.handlers.is_empty() {
                policy.push_str(" 'unsafe-hashes'");
                put(&mut policy, &self.handlers);
            }
        } else {
            policy.push_str(" 'none'");
        }
        policy.push_str("; style-src 'self'");
        put(&mut policy, &self.styles);
        if self.has_style_attribute {
            policy.push_str("; style-src-attr 'unsafe-inline'");
        }
        if !self.has_object {
            policy.push_str("; object-src 'none'");
        }
        policy.push_str("; base-uri 'self'");
        policy
    }
}

fn put(policy: &mut String, sources: &BTreeSet<String>) {
    for source in sources {
        policy.push(' ');
        policy.push_str(source);
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
fn origin(url: &str) -> Option<String> {
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

/// The origins of style sheets that an inline one imports.
fn imported_origins(sheet: &str) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(page: &str) -> String {
        of_page(page.as_bytes()).unwrap()
    }

    #[test]
    fn a_page_without_code() {
        assert_eq!(
            policy("<p>x"),
            "script-src 'none'; style-src 'self'; object-src 'none'; base-uri 'self'"
        );
    }

    #[test]
    fn what_the_page_has_is_named() {
        // Hashes from `printf … | openssl dgst -sha256 -binary | base64`.
        let text = policy(
            "<script>alert(1)</script><script src=/a.js></script>\
             <script src='https://CDN.example/x.js?y'></script>\
             <script type='application/ld+json'>{}</script>\
             <style>a{}@import url(\"//fonts.example/css\");</style>\
             <link rel=stylesheet href='http://s.example:8080/s.css'>",
        );
        assert!(
            text.starts_with(
                "script-src 'self' 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI=' \
                 https://cdn.example; style-src 'self' 'sha256-"
            ),
            "{text}"
        );
        assert!(
            text.contains("' fonts.example http://s.example:8080; object-src"),
            "{text}"
        );
        assert_eq!(text.matches("sha256").count(), 2, "{text}");
    }

    #[test]
    fn attributes_and_pages_in_pages() {
        let text = policy(
            "<a onclick='alert(1)' style='x:y'>b</a><a href=' JavaScript:alert(1)'>c</a><embed src=x>\
             <iframe srcdoc='&lt;script&gt;2&lt;/script&gt;'></iframe>",
        );
        assert!(
            text.contains(
                "'unsafe-hashes' 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='; "
            ),
            "{text}"
        );
        assert!(
            text.contains("style-src-attr 'unsafe-inline'; base-uri"),
            "{text}"
        );
        assert_eq!(text.matches("sha256").count(), 2, "{text}");
    }

    #[test]
    fn line_ends_are_hashed_as_browsers_see_them() {
        assert_eq!(
            policy("<script>a\r\nb</script>"),
            policy("<script>a\nb</script>")
        );
    }

    #[test]
    fn a_header_has_an_end() {
        let many: String = (0..100).map(|n| format!("<script>{n}</script>")).collect();
        assert_eq!(of_page(many.as_bytes()), None);
        assert_eq!(of_page(b"\xff"), None);
    }
}
