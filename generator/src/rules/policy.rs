//! The headers of a resource: defaults, and what the rules make of them.
//!
//! | header | default | for | key in `[http]` |
//! |---|---|---|---|
//! | `Cache-Control` | `no-cache` | pages | `cache-pages` |
//! | `Cache-Control` | `no-store` | the pages for what is not found | – |
//! | `Cache-Control` | `max-age=300` | redirects that are permanent | `cache-redirects` |
//! | `Cache-Control` | `no-cache` | other files | `cache-files` |
//! | `Cache-Control` | `max-age=31536000, immutable` | files with a hash in their name | `cache-fingerprinted` |
//! | `X-Content-Type-Options` | `nosniff` | everything | `security-headers` |
//! | `Referrer-Policy` | `strict-origin-when-cross-origin` | pages | `security-headers` |
//! | `X-Frame-Options` | `SAMEORIGIN` | pages | `security-headers` |
//! | `Content-Security-Policy` | made from each page, see [`csp`] | pages | `content-security-policy` |
//! | `Access-Control-Allow-Origin` | not sent | everything | `cors` |
//!
//! `no-cache` lets a browser keep a copy and ask whether it still holds, which
//! costs a 304 and never shows a stale page. Only what has a hash in its name
//! may be kept for a year: another content has another name. A permanent redirect
//! that says nothing is kept for as long as the browser likes, and cannot be
//! taken back.

use applgen_bundle::write::MAX_LINES_BYTES;

use super::{
    HeaderRule,
    csp::{self, Framed},
};
use crate::report::Diagnostic;
use crate::site::UrlPath;

/// Which pages get a `Content-Security-Policy`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Csp {
    /// None.
    Off,
    /// All, and it leaves out what might stop something that a page's scripts
    /// add at run time.
    #[default]
    Auto,
    /// The whole of it those that applgen rendered, others none.
    Generated,
    /// All the whole of it.
    All,
    /// All, and it is this.
    Text(String),
}

/// How pages are addressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CleanUrls {
    /// `/a` is `a.html`, and `/a.html` still answers.
    #[default]
    Alias,
    /// `/a` is `a.html`, and `/a.html` redirects there.
    Redirect,
    /// Files answer at their names alone.
    Off,
}

/// What `[http]` says, but for the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// `clean-urls`
    pub clean_urls: CleanUrls,
    /// `security-headers`
    pub security_headers: bool,
    /// `content-security-policy`
    pub csp: Csp,
    /// `cors`: an origin, or `*`
    pub cors: Option<String>,
    /// `cache-pages`; nothing: the header is not sent
    pub cache_pages: String,
    /// `cache-files`
    pub cache_files: String,
    /// `cache-fingerprinted`
    pub cache_fingerprinted: String,
    /// `cache-redirects`
    pub cache_redirects: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            clean_urls: CleanUrls::default(),
            security_headers: true,
            csp: Csp::default(),
            cors: None,
            cache_pages: "no-cache".to_owned(),
            cache_files: "no-cache".to_owned(),
            cache_fingerprinted: "max-age=31536000, immutable".to_owned(),
            cache_redirects: "max-age=300".to_owned(),
        }
    }
}

/// A resource whose headers are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The paths that lead to it, its own first. A rule fits it when it fits
    /// any of them.
    pub paths: &'a [UrlPath],
    /// Its media type.
    pub media_type: &'a str,
    /// Whether applgen rendered it.
    pub generated: bool,
    /// What it has of code and styles, where that was read (see [`reads_pages`]).
    pub page: Option<&'a csp::Page>,
    /// The site's files, for its policy.
    pub files: &'a csp::Files,
}

/// Whether policies are made from this resource's page.
pub fn reads_pages(policy: &Policy, media_type: &str, generated: bool) -> bool {
    is_page(media_type)
        && match policy.csp {
            Csp::Auto | Csp::All => true,
            Csp::Generated => generated,
            Csp::Off | Csp::Text(_) => false,
        }
}

/// The headers of a resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lines {
    /// Its media type, where a rule names another.
    pub media_type: Option<String>,
    /// Its `Cache-Control`.
    pub cache_control: Option<String>,
    /// The others.
    pub headers: Vec<(String, String)>,
}

/// The headers of a resource by default and by rule.
pub fn lines(policy: &Policy, rules: &[HeaderRule], subject: &Subject<'_>) -> Lines {
    let mut merged = Merged::default();
    for rule in rules {
        let fits = |path: &UrlPath| rule.pattern.matches(path.as_bytes()).is_some();
        if subject.paths.iter().any(fits) {
            merged.take(rule);
        }
    }
    let framed = match policy.security_headers && !merged.decides("X-Frame-Options") {
        true => Framed::BySelf,
        false => Framed::AsRulesSay,
    };
    let mut headers = defaults(policy, subject, framed);
    headers.retain(|(name, _)| !merged.decides(name));
    headers.extend(merged.set);
    let mut lines = Lines::default();
    for (name, value) in headers {
        if name.eq_ignore_ascii_case("Content-Type") {
            lines.media_type = Some(value);
        } else if name.eq_ignore_ascii_case("Cache-Control") {
            lines.cache_control = Some(value);
        } else {
            lines.headers.push((name, value));
        }
    }
    lines
}

/// A page that was to have a policy and got none, since it would be too long.
pub fn left_without_policy(
    policy: &Policy,
    subject: &Subject<'_>,
    lines: &Lines,
) -> Option<Diagnostic> {
    let is_whole = matches!(policy.csp, Csp::All | Csp::Generated);
    let has = lines
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("Content-Security-Policy"));
    let wanted = is_whole && reads_pages(policy, subject.media_type, subject.generated);
    let fits = |page: &csp::Page| page.whole(subject.files, Framed::BySelf).is_some();
    (wanted && !has && !subject.page.is_some_and(fits)).then(|| {
        Diagnostic::warning(format!(
            "`{}` has too many inline scripts or styles for a `Content-Security-Policy`: it gets none",
            subject.paths[0]
        ))
        .hint("move them into files of their own, or write a policy: `content-security-policy` in `[http]`")
    })
}

/// The header lines of a redirect: what rules say for every path, or for the
/// one that redirects, and not what describes a content.
pub fn redirect_lines(
    policy: &Policy,
    rules: &[HeaderRule],
    from: Option<&UrlPath>,
    status: u16,
) -> Vec<(String, String)> {
    let mut merged = Merged::default();
    for rule in rules {
        let fits = match from {
            Some(path) => rule.pattern.matches(path.as_bytes()).is_some(),
            None => rule.pattern.is_everything(),
        };
        if fits {
            merged.take(rule);
        }
    }
    let mut lines = Vec::new();
    let cache = &policy.cache_redirects;
    // Others are not kept unless they say so (RFC 9110 §15.4).
    let is_permanent = matches!(status, 301 | 308);
    if is_permanent && !cache.is_empty() && !merged.decides("Cache-Control") {
        lines.push(("Cache-Control".to_owned(), cache.clone()));
    }
    lines.extend(merged.set);
    lines.retain(|(name, _)| {
        !["content-type", "content-security-policy", "link"]
            .iter()
            .any(|of_content| of_content.eq_ignore_ascii_case(name))
    });
    // What is too long for the head of a redirect is left to the page it leads to.
    let mut bytes = 0;
    lines.retain(|(name, value)| {
        bytes += name.len() + value.len() + 4;
        bytes <= MAX_LINES_BYTES
    });
    lines
}

/// What the rules said so far.
#[derive(Default)]
struct Merged {
    set: Vec<(String, String)>,
    removed: Vec<String>,
}

impl Merged {
    fn take(&mut self, rule: &HeaderRule) {
        for name in &rule.remove {
            self.set
                .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            self.removed.push(name.clone());
        }
        for (name, value) in &rule.set {
            let same = |(known, _): &&mut (String, String)| known.eq_ignore_ascii_case(name);
            // The one header that cannot be joined (RFC 9110 §5.3), and the one
            // that has one value.
            let known = self.set.iter_mut().find(same);
            match known.filter(|_| !name.eq_ignore_ascii_case("Set-Cookie")) {
                Some((_, known)) if name.eq_ignore_ascii_case("Content-Type") => {
                    known.clone_from(value);
                }
                Some((_, known)) => {
                    known.push_str(", ");
                    known.push_str(value);
                }
                None => self.set.push((name.clone(), value.clone())),
            }
        }
    }

    fn decides(&self, name: &str) -> bool {
        let is = |known: &str| known.eq_ignore_ascii_case(name);
        self.set.iter().any(|(known, _)| is(known)) || self.removed.iter().any(|known| is(known))
    }
}

fn is_page(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default();
    matches!(essence.trim(), "text/html" | "application/xhtml+xml")
}

fn defaults(policy: &Policy, subject: &Subject<'_>, framed: Framed) -> Vec<(String, String)> {
    let is_page = is_page(subject.media_type);
    let own = &subject.paths[0];
    let is_missing = own.as_bytes().ends_with(b"/404.html");
    let cache = match () {
        () if is_missing => "no-store",
        () if is_page => &policy.cache_pages,
        () if is_fingerprinted(&own.to_string()) => &policy.cache_fingerprinted,
        () => &policy.cache_files,
    };
    let mut headers = Vec::new();
    let mut put = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
    if !cache.is_empty() {
        put("Cache-Control", cache);
    }
    if policy.security_headers {
        put("X-Content-Type-Options", "nosniff");
        if is_page {
            put("Referrer-Policy", "strict-origin-when-cross-origin");
            put("X-Frame-Options", "SAMEORIGIN");
        }
    }
    if let Some(origin) = &policy.cors {
        put("Access-Control-Allow-Origin", origin);
    }
    let page = subject.page;
    let made = match &policy.csp {
        Csp::Text(text) if is_page => Some(text.clone()),
        Csp::Auto => page.map(|page| page.careful(own, subject.files, framed)),
        Csp::All | Csp::Generated => page.and_then(|page| page.whole(subject.files, framed)),
        Csp::Off | Csp::Text(_) => None,
    };
    if let Some(text) = made {
        put("Content-Security-Policy", &text);
    }
    headers
}

/// Folders whose files have names that change with their content.
const HASHED_FOLDERS: [&str; 4] = ["/_app/immutable/", "/_next/static/", "/_astro/", "/_nuxt/"];

/// Whether a path holds a hash of the file's content, so that another content
/// has another path: `app.3f9a1c2b.js`, `logo-5d41402abc4b2a76.svg`, and what the
/// usual bundlers write. Dates and words are none; what is not sure is not.
pub fn is_fingerprinted(path: &str) -> bool {
    if HASHED_FOLDERS.iter().any(|folder| path.starts_with(folder)) {
        return true;
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, _)) = name.rsplit_once('.') else {
        return false;
    };
    let is_hash = |token: &str| {
        let hex = token.len() >= 8 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        let letters = token.bytes().filter(u8::is_ascii_alphabetic).count();
        // Eight digits are a date, eight letters may be a word.
        hex && letters > 0 && letters < token.len()
    };
    if stem.split(['.', '-', '_']).skip(1).any(is_hash) {
        return true;
    }
    // Vite and Rollup: eight characters of base64url behind the last `-`.
    path.contains("/assets/")
        && stem.len() > 9
        && stem.is_char_boundary(stem.len() - 9)
        && stem[..stem.len() - 8].ends_with('-')
        && !is_wordlike(&stem[stem.len() - 8..])
}

/// Words, camel-cased words, and numbers: `HomePage`, `portrait`, `20240131`.
fn is_wordlike(token: &str) -> bool {
    let is_upper = |c: char| c.is_ascii_uppercase();
    let changes = token
        .chars()
        .zip(token.chars().skip(1))
        .filter(|&(a, b)| !is_upper(a) && is_upper(b))
        .count();
    let digits = token.chars().filter(char::is_ascii_digit).count();
    let uppers = token.chars().filter(|&c| is_upper(c)).count();
    match (digits, uppers) {
        (8, _) | (0, 0 | 8) => true,
        (0, _) => uppers <= changes + 1,
        _ => token.contains('-') || uppers == 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report::Diagnostics, report::SourceText, rules::headers};

    fn rules(text: &str) -> Vec<HeaderRule> {
        let mut diagnostics = Diagnostics::new();
        let rules = headers::parse(&SourceText::new("_headers", text), &mut diagnostics);
        assert_eq!(diagnostics.iter().count(), 0);
        rules
    }

    fn of(policy: &Policy, text: &str, paths: &[&str], media_type: &str) -> Vec<String> {
        let paths: Vec<UrlPath> = paths.iter().map(|&path| path.into()).collect();
        let page = csp::Page::read(b"<script>1</script>", &|_| false);
        let subject = Subject {
            paths: &paths,
            media_type,
            generated: true,
            page: page
                .as_ref()
                .filter(|_| reads_pages(policy, media_type, true)),
            files: &csp::Files::default(),
        };
        let lines = lines(policy, &rules(text), &subject);
        let cache = lines
            .cache_control
            .map(|value| ("Cache-Control".to_owned(), value));
        let media = lines
            .media_type
            .map(|value| ("Content-Type".to_owned(), value));
        let all = media.into_iter().chain(cache).chain(lines.headers);
        all.map(|(name, value)| format!("{name}: {value}"))
            .collect()
    }

    #[test]
    fn defaults_and_one_line_that_changes_each() {
        let page = of(&Policy::default(), "", &["/"], "text/html; charset=utf-8");
        assert_eq!(page.len(), 5, "{page:?}");
        assert_eq!(page[0], "Cache-Control: no-cache");
        assert!(page[4].ends_with("; frame-ancestors 'self'"), "{page:?}");
        let framed = of(
            &Policy::default(),
            "/*\n  X-Frame-Options: DENY",
            &["/"],
            "text/html",
        );
        assert!(framed[3].ends_with("; base-uri 'self'"), "{framed:?}");
        for csp in [Csp::Generated, Csp::All, Csp::Text("x".into())] {
            let policy = Policy {
                csp,
                ..Policy::default()
            };
            let page = of(&policy, "", &["/"], "text/html; charset=utf-8");
            assert!(page[4].starts_with("Content-Security-Policy: "), "{page:?}");
        }
        let file = of(&Policy::default(), "", &["/a.png"], "image/png");
        assert_eq!(
            file,
            ["Cache-Control: no-cache", "X-Content-Type-Options: nosniff"]
        );
        let hashed = of(
            &Policy::default(),
            "",
            &["/a.0123abcd.js"],
            "text/javascript",
        );
        assert!(hashed[0].ends_with("immutable"), "{hashed:?}");
        let policy = Policy {
            security_headers: false,
            csp: Csp::Off,
            cors: Some("*".into()),
            cache_pages: String::new(),
            ..Policy::default()
        };
        let page = of(&policy, "", &["/"], "text/html");
        assert_eq!(page, ["Access-Control-Allow-Origin: *"]);
    }

    #[test]
    fn rules_merge_and_go_before_defaults() {
        let text = "/*\n  X-A: 1\n  Cache-Control: no-store\n  ! X-Frame-Options\n\
                    /a/index.html\n  x-a: 2\n  Content-Type: text/x\n/b\n  X-B: 1\n/a/*\n  ! Referrer-Policy\n";
        let policy = Policy {
            csp: Csp::Off,
            ..Policy::default()
        };
        let lines = of(&policy, text, &["/a/", "/a/index.html"], "text/html");
        assert_eq!(
            lines,
            [
                "Content-Type: text/x",
                "Cache-Control: no-store",
                "X-Content-Type-Options: nosniff",
                "X-A: 1, 2",
            ]
        );
        let redirect = redirect_lines(&policy, &rules(text), Some(&"/b".into()), 301);
        let names: Vec<_> = redirect.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["X-A", "Cache-Control", "X-B"]);
        assert_eq!(redirect_lines(&policy, &rules(text), None, 301).len(), 2);
        let plain = redirect_lines(&policy, &[], None, 308);
        assert_eq!(
            plain,
            [("Cache-Control".to_owned(), "max-age=300".to_owned())]
        );
        assert!(redirect_lines(&policy, &[], None, 302).is_empty());
    }

    #[test]
    fn hashes_in_names() {
        for path in [
            "/app.3f9a1c2b.js",
            "/css/style.min.5d41402abc4b2a76b9719d911017c592.css",
            "/logo-5d41402a.svg",
            "/assets/index-D4wrgTda.js",
            "/assets/index-aBCdEFgh.js",
            "/_astro/whatever.css",
            "/_next/static/chunks/main.js",
        ] {
            assert!(is_fingerprinted(path), "{path}");
        }
        for path in [
            "/app.js",
            "/photo-20240131.jpg",
            "/facade-deadbeef",
            "/img/report-decade.pdf",
            "/assets/hero-Portrait.jpg",
            "/assets/hero-portrait.jpg",
            "/assets/page-HomePage.js",
            // Hashes, but they might be words.
            "/assets/index-DiwrgTda.js",
            "/assets/index-BUSn-b8s.css",
            "/assets/scan-12345678.png",
            "/3f9a1c2b.js",
            "/",
        ] {
            assert!(!is_fingerprinted(path), "{path}");
        }
    }
}
