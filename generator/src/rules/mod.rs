//! Rules: which paths redirect, which are rewritten or gone, and which headers
//! an answer has.
//!
//! They come from `applgen.toml` (`[http]`), from `_redirects` and from
//! `_headers`, in the common hosting syntax, in this order. The first redirect
//! that a path fits decides; of headers all that fit are merged.
//!
//! - [`pattern`]: `/blog/:year/*`, and targets with `:year` and `:splat` in them.
//! - [`redirects`], [`headers`]: the two files.
//! - [`apply`]: what the rules do to a site, and what is wrong with them:
//!   conflicts, loops, targets that are not there. All of that is found here, so
//!   that the server has nothing to decide but which rule comes first.
//! - [`policy`]: the headers that nobody had to ask for; [`csp`]: the hashes of
//!   the scripts and styles that a page really has.

pub mod apply;
pub mod csp;
pub mod headers;
pub mod pattern;
pub mod policy;
pub mod redirects;

use crate::report::{Diagnostic, Place};
use pattern::PathPattern;

/// A redirect, a rewrite, or a word that something is gone.
#[derive(Debug, Clone)]
pub struct Redirect {
    /// Which paths.
    pub from: PathPattern,
    /// Where to, as it was written; nothing for a status without a page.
    pub to: Option<String>,
    /// 200, 301, 302, 303, 307, 308, 404 or 410.
    pub status: u16,
    /// Whether it goes before what is served at the path.
    pub force: bool,
    /// Where it was written.
    pub place: Place,
}

/// Headers for the paths that fit.
#[derive(Debug, Clone)]
pub struct HeaderRule {
    /// Which paths.
    pub pattern: PathPattern,
    /// Names and values; a name may be there more than once.
    pub set: Vec<(String, String)>,
    /// Names of headers that are not to be sent.
    pub remove: Vec<String>,
}

/// All rules of one site, in the order in which they apply.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Redirects.
    pub redirects: Vec<Redirect>,
    /// Headers.
    pub headers: Vec<HeaderRule>,
}

impl Rules {
    /// Adds others behind these.
    pub fn extend(&mut self, other: Self) {
        self.redirects.extend(other.redirects);
        self.headers.extend(other.headers);
    }
}

/// The statuses that a redirect may have.
pub const STATUSES: [u16; 8] = [200, 301, 302, 303, 307, 308, 404, 410];

/// Puts a redirect together; `span_of` gives places of its parts.
pub fn redirect(
    from: &str,
    to: Option<&str>,
    status: u16,
    force: bool,
    place: &Place,
) -> Result<Redirect, Diagnostic> {
    let error = |message: String, hint: &str| {
        Err(Diagnostic::error(message)
            .at(place.clone())
            .hint(hint.to_owned()))
    };
    if from.contains("://") || from.starts_with("//") {
        return error(
            format!("`{from}` names a host, and a rule is for the paths of its own site"),
            "hosts are told in `[[hosts]]` of `applgen.toml`; `redirects = [\"old.example.org\"]` there leads all of a name elsewhere",
        );
    }
    let pattern = match PathPattern::parse(from) {
        Ok(pattern) => pattern,
        Err((message, hint)) => return error(message, hint),
    };
    if !STATUSES.contains(&status) {
        return error(
            format!("`{status}` is no status of a rule"),
            "one of 200, 301, 302, 303, 307, 308, 404 and 410",
        );
    }
    let gone = matches!(status, 404 | 410);
    let Some(target) = to else {
        return match gone {
            true => Ok(Redirect {
                from: pattern,
                to: None,
                status,
                force,
                place: place.clone(),
            }),
            false => error(
                format!("the rule for `{from}` says not where to"),
                "write `FROM TO [STATUS]`, such as `/old /new 301`",
            ),
        };
    };
    let is_path = target.starts_with('/') && !target.starts_with("//");
    let is_address = ["http://", "https://", "//"]
        .iter()
        .any(|start| target.len() > start.len() && target.starts_with(start));
    match (status, is_path, is_address) {
        (_, true, _) => {}
        (200, _, true) => {
            return error(
                format!("`{target}` is another server's, and this one fetches nothing from others"),
                "a rewrite leads to a path of the site; 301 or 302 sends the client there",
            );
        }
        (_, _, true) if !gone => {}
        _ => {
            return error(
                format!("`{target}` is no target"),
                "a path that begins with `/`, or an address that begins with `https://`",
            );
        }
    }
    if let Err((message, hint)) = pattern.template(target, !gone && status != 200) {
        return error(message, hint);
    }
    Ok(Redirect {
        from: pattern,
        to: to.map(str::to_owned),
        status,
        force,
        place: place.clone(),
    })
}

/// Why a header cannot be set by a rule, with advice.
pub fn header_fault(name: &str, value: &str) -> Option<(String, &'static str)> {
    let lower = name.to_ascii_lowercase();
    if lower == "content-type" {
        // What a resource is may be said; how it is coded may not.
        return (!applgen_bundle::write::is_field(name, value)).then(|| {
            (
                format!("`{value}` is no media type"),
                "such as `text/plain; charset=utf-8`",
            )
        });
    }
    if lower == "basic-auth" {
        return Some((
            "`Basic-Auth` is not built: an image holds no secrets".to_owned(),
            "put a server that asks for passwords in front of it",
        ));
    }
    if applgen_bundle::write::is_own_field(name) {
        return Some((
            format!("`{name}` is the server's own to send"),
            "remove the line",
        ));
    }
    if !applgen_bundle::write::is_field(name, value) {
        return Some((
            format!("`{name}: {value}` cannot be sent as a header line"),
            "a name of letters, digits and `-`, then `:`, then a value of one line",
        ));
    }
    None
}
