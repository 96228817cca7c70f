//! A `Content-Security-Policy` from the page that it is for.
//!
//! A static page says itself what it runs: each inline script and style is
//! named by its hash, each external one by its origin, and nothing else runs,
//! wherever it came from. The policy is about code alone: pictures, media and
//! connections are as free as before.
//!
//! | the page has | the policy says |
//! |---|---|
//! | no script | `script-src 'none'` |
//! | scripts | `script-src 'self'`, the hash of each inline one, the origin of each external one |
//! | handlers such as `onclick`, or `javascript:` addresses | `'unsafe-hashes'` and the hash of each |
//! | styles | `style-src 'self'`, hashes, origins of style sheets, also of those that these import |
//! | `style` attributes | `style-src-attr 'unsafe-inline'`: they are many, and run nothing |
//! | no plug-in | `object-src 'none'` |
//! | always | `base-uri 'self'`; `frame-ancestors 'self'` where `X-Frame-Options` says the same |
//!
//! What a page's scripts add at run time is in no markup. [`Page::whole`] is the
//! policy above, for those who ask for it. [`Page::careful`], the default, leaves
//! out what might stop such additions:
//!
//! | the page has | left out |
//! |---|---|
//! | scripts of other origins, or such as may add code ([`code`]) | `script-src`, `style-src`; `object-src` is `'self'` |
//! | style sheets of other origins, which may import from further ones | `style-src` |
//! | a policy that is longer than a header should be | `script-src`, `style-src` |

pub mod code;
mod read;

use std::collections::{BTreeMap, BTreeSet};

use crate::site::UrlPath;
pub use read::{Page, imported_origins};

/// A longer header than this is refused by servers in front of the image
/// (nginx takes 4 kB for all of them).
const LONGEST_BYTES: usize = 3000;

/// What the files of a site say to the policies of its pages.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Its scripts, and whether each may add code.
    pub scripts: BTreeMap<UrlPath, bool>,
    /// Origins that its style sheets import from.
    pub imports: BTreeSet<String>,
    /// Where the site will live, if it says so: an address that begins with
    /// this is its own.
    pub base_url: Option<String>,
}

impl Files {
    /// Whether the script that a page refers to may add code; what is not
    /// known may.
    fn adds_code(&self, page: &UrlPath, url: &str) -> bool {
        let url = match self
            .base_url
            .as_deref()
            .and_then(|base| url.strip_prefix(base))
        {
            Some(rest) if rest.starts_with('/') => rest,
            _ => url,
        };
        if read::origin(url).is_some() {
            return true;
        }
        let end = url.find(['?', '#']).unwrap_or(url.len());
        let path = page.join(&url[..end]);
        path.and_then(|path| self.scripts.get(&path).copied())
            .unwrap_or(true)
    }
}

/// Whether a page may be shown inside pages of other sites, as its
/// `X-Frame-Options` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framed {
    /// `X-Frame-Options` is a rule's, or not sent.
    AsRulesSay,
    /// Only inside its own site's.
    BySelf,
}

impl Page {
    /// The whole policy; nothing where it would be too long for a header.
    pub fn whole(&self, files: &Files, framed: Framed) -> Option<String> {
        let policy = join(&[
            self.script_src(),
            self.style_src(files),
            self.object_src(),
            self.base_uri(),
            frame_ancestors(framed),
        ]);
        (policy.len() <= LONGEST_BYTES).then_some(policy)
    }

    /// The policy that stops nothing which the page may need. `path` is the
    /// page's own.
    pub fn careful(&self, path: &UrlPath, files: &Files, framed: Framed) -> String {
        let always = [self.base_uri(), frame_ancestors(framed)];
        let foreign = || {
            self.own_scripts
                .iter()
                .any(|url| files.adds_code(path, url))
        };
        if self.adds_code || self.has_base || foreign() {
            let object = Some("object-src 'self'".to_owned());
            return join(&[&[object], &always[..]].concat());
        }
        let style = match self.has_foreign_style || !files.imports.is_empty() {
            true => None,
            false => self.style_src(files),
        };
        let policy = join(&[&[self.script_src(), style, self.object_src()], &always[..]].concat());
        match policy.len() <= LONGEST_BYTES {
            true => policy,
            false => join(&[&[self.object_src()], &always[..]].concat()),
        }
    }

    fn script_src(&self) -> Option<String> {
        if !self.has_script && self.handlers.is_empty() {
            return Some("script-src 'none'".to_owned());
        }
        let mut text = "script-src 'self'".to_owned();
        put(&mut text, &self.scripts);
        if !self.handlers.is_empty() {
            text.push_str(" 'unsafe-hashes'");
            put(&mut text, &self.handlers);
        }
        Some(text)
    }

    fn style_src(&self, files: &Files) -> Option<String> {
        let mut text = "style-src 'self'".to_owned();
        put(
            &mut text,
            &self.styles.union(&files.imports).cloned().collect(),
        );
        if self.has_style_attribute {
            text.push_str("; style-src-attr 'unsafe-inline'");
        }
        Some(text)
    }

    fn object_src(&self) -> Option<String> {
        (!self.has_object).then(|| "object-src 'none'".to_owned())
    }

    fn base_uri(&self) -> Option<String> {
        let mut text = "base-uri 'self'".to_owned();
        put(&mut text, &self.bases);
        Some(text)
    }
}

fn frame_ancestors(framed: Framed) -> Option<String> {
    (framed == Framed::BySelf).then(|| "frame-ancestors 'self'".to_owned())
}

fn join(directives: &[Option<String>]) -> String {
    let directives: Vec<&str> = directives.iter().filter_map(Option::as_deref).collect();
    directives.join("; ")
}

fn put(policy: &mut String, sources: &BTreeSet<String>) {
    for source in sources {
        policy.push(' ');
        policy.push_str(source);
    }
}

#[cfg(test)]
mod tests;
