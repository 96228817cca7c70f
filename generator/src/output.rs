//! What a site becomes before it is compressed: paths, and what is served there.
//!
//! Every producer (decks, files, later websites) puts its pages here, and two
//! that claim one path are an error that names both.

use std::collections::{BTreeMap, btree_map::Entry};

use crate::{
    failure::Failure,
    report::Diagnostic,
    rules::{
        HeaderRule,
        apply::{self, Answer, Compiled},
        policy::{CleanUrls, Policy},
    },
    site::{SourceFile, UrlPath},
};

/// Where the bytes of a resource come from.
#[derive(Debug, Clone)]
pub enum Content {
    /// Rendered by the generator, from our own templates.
    Bytes(Vec<u8>),
    /// Rendered by the generator, from templates of the site: what its scripts
    /// load is not known.
    Templated(Vec<u8>),
    /// A file of the site, as it is.
    File(SourceFile),
}

/// One thing that is served.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Its bytes.
    pub content: Content,
    /// Its media type where the producer knows it; else it follows from the path.
    pub media_type: Option<String>,
    /// The date of the last commit that touched it, in seconds since 1970.
    pub last_modified: Option<u64>,
    /// The file that it comes from, for messages.
    pub origin: String,
}

/// Everything a site serves.
#[derive(Debug, Default)]
pub struct Output {
    /// What is served, by path. A directory's page is at the directory's path.
    pub resources: BTreeMap<UrlPath, Resource>,
    /// Other paths of the same things: `/index.html` for `/`.
    pub aliases: BTreeMap<UrlPath, UrlPath>,
    /// Paths that redirect (301) to other paths.
    pub redirects: BTreeMap<UrlPath, UrlPath>,
    /// What the site's rules answer.
    pub rules: Compiled,
    /// Rules for headers.
    pub headers: Vec<HeaderRule>,
    /// Headers that are sent without a rule.
    pub policy: Policy,
    /// Where the site will live, if it says so; without a slash at the end.
    pub base_url: Option<String>,
    /// The file names of pages that are served without their extension.
    pub names: BTreeMap<UrlPath, UrlPath>,
    claims: BTreeMap<UrlPath, String>,
}

const INDEX: &[u8] = b"index.html";

impl Output {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a resource. A path that ends in `/index.html` is its directory's
    /// page, and a directory's page also answers at `index.html`.
    pub fn resource(&mut self, path: UrlPath, resource: Resource) -> Result<(), Failure> {
        let path = match path.as_bytes().strip_suffix(INDEX) {
            Some(directory) if directory.ends_with(b"/") => path.parent(),
            _ => path,
        };
        self.claim(&path, &resource.origin)?;
        if path.as_bytes().ends_with(b"/") {
            let index = path.join("index.html").unwrap_or_else(UrlPath::root);
            self.claim(&index, &resource.origin)?;
            self.aliases.insert(index, path.clone());
        }
        self.resources.insert(path, resource);
        Ok(())
    }

    /// Adds a redirect; a path that is served already stays what it is.
    pub fn redirect(&mut self, from: UrlPath, to: UrlPath) {
        if !self.claims.contains_key(&from) {
            self.redirects.insert(from, to);
        }
    }

    /// The redirects from `/a` to `/a/` for every directory page: a browser
    /// resolves a page's references against the path with its slash. Paths that
    /// something else claims are left out.
    pub fn slashes(&self) -> impl Iterator<Item = (UrlPath, &UrlPath)> {
        let pages = self.resources.keys().map(|path| (path, path));
        pages
            .chain(&self.redirects)
            .filter_map(|(from, to)| {
                let bare = from
                    .as_bytes()
                    .strip_suffix(b"/")
                    .filter(|bare| !bare.is_empty())?;
                Some((UrlPath::from_bytes(bare.to_vec()), to))
            })
            .filter(|(from, _)| {
                !self.claims.contains_key(from)
                    && !self.redirects.contains_key(from)
                    && !self.aliases.contains_key(from)
                    && !self.rules.exact.contains_key(from)
            })
    }

    /// Lets pages answer without their extension: `/a` for `a.html`, where
    /// nothing else is there, and `/a/` redirects to it.
    pub fn clean_urls(&mut self, mode: CleanUrls) {
        if mode == CleanUrls::Off {
            return;
        }
        let pages: Vec<(UrlPath, UrlPath)> = self
            .resources
            .keys()
            .filter_map(|path| {
                let bare = path.as_bytes().strip_suffix(b".html")?;
                let is_page = !bare.ends_with(b"/") && !bare.ends_with(b"/404");
                is_page.then(|| (path.clone(), UrlPath::from_bytes(bare.to_vec())))
            })
            .filter(|(_, bare)| {
                !self.claims.contains_key(bare) && !self.redirects.contains_key(bare)
            })
            .collect();
        for (path, bare) in pages {
            let directory = UrlPath::from_bytes([bare.as_bytes(), b"/"].concat());
            match self.resources.remove(&path) {
                Some(resource) if mode == CleanUrls::Redirect => {
                    if let Some(origin) = self.claims.remove(&path) {
                        self.claims.insert(bare.clone(), origin);
                    }
                    self.resources.insert(bare.clone(), resource);
                    self.names.insert(bare.clone(), path.clone());
                    self.redirects.insert(path, bare.clone());
                }
                Some(resource) => {
                    self.resources.insert(path.clone(), resource);
                    self.aliases.insert(bare.clone(), path);
                }
                None => {}
            }
            self.redirect(directory, bare);
        }
    }

    /// Answers below `prefix` too, for a site whose own links begin with it:
    /// another row of the same bytes for each path, and redirects that stay there.
    pub fn also_below(&mut self, prefix: &str) {
        let prefix = prefix.trim_end_matches('/').as_bytes();
        let below = |path: &UrlPath| UrlPath::from_bytes([prefix, path.as_bytes()].concat());
        let paths: Vec<UrlPath> = self.resources.keys().cloned().collect();
        let redirects: Vec<(UrlPath, UrlPath)> = self
            .redirects
            .iter()
            .map(|(from, to)| (below(from), below(to)))
            .collect();
        for path in paths {
            let other = below(&path);
            if self.claims.contains_key(&other) {
                continue;
            }
            if let Some(bare) = other.as_bytes().strip_suffix(b"/") {
                self.redirect(UrlPath::from_bytes(bare.to_vec()), other.clone());
            }
            self.aliases.insert(other, path);
        }
        for (from, to) in redirects {
            self.redirect(from, to);
        }
        let outward = self.rules.exact.clone();
        for (from, answer) in outward {
            self.rules.exact.entry(below(&from)).or_insert(answer);
        }
    }

    /// Adds a redirect (301) to an address of another site.
    pub fn redirect_outward(&mut self, from: UrlPath, location: String) {
        if !self.leads_away(&from) {
            let status = 301;
            let answer = Answer::Redirect { status, location };
            self.rules.exact.insert(from, answer);
        }
    }

    fn leads_away(&self, from: &UrlPath) -> bool {
        self.claims.contains_key(from) || self.redirects.contains_key(from)
    }

    /// The file that is served at a path, if one is.
    pub fn claim_of(&self, path: &UrlPath) -> Option<&str> {
        self.claims.get(path).map(String::as_str)
    }

    /// Serves nothing there any more.
    pub fn withdraw(&mut self, path: &UrlPath) {
        self.claims.remove(path);
        self.aliases.remove(path);
        self.redirects.remove(path);
        if self.resources.remove(path).is_some() {
            // What stood for it stands for nothing now.
            let stood = self.aliases.iter().filter(|(_, to)| *to == path);
            let stood: Vec<UrlPath> = stood.map(|(from, _)| from.clone()).collect();
            for alias in stood {
                self.claims.remove(&alias);
                self.aliases.remove(&alias);
            }
        }
    }

    /// Every path that is served, other names of things included.
    pub fn paths(&self) -> impl Iterator<Item = &UrlPath> {
        self.resources.keys().chain(self.aliases.keys())
    }

    /// Whether something is served at exactly this path, or redirects from it.
    pub fn leads_exactly(&self, path: &UrlPath) -> bool {
        self.resources.contains_key(path)
            || self.aliases.contains_key(path)
            || self.redirects.contains_key(path)
    }

    /// Where a path redirects to inside the site, by whatever rule.
    pub fn redirect_of(&self, path: &UrlPath) -> Option<UrlPath> {
        if let Some(answer) = self.rules.exact.get(path) {
            return apply::internal(answer);
        }
        if self.resources.contains_key(path) || self.aliases.contains_key(path) {
            return None;
        }
        if let Some(to) = self.redirects.get(path) {
            return Some(to.clone());
        }
        if let Some((_, to)) = self.slashes().find(|(from, _)| from == path) {
            return Some(to.clone());
        }
        let (rule, captures) = self
            .rules
            .patterns
            .iter()
            .find_map(|rule| Some((rule, rule.pattern.matches(path.as_bytes())?)))?;
        (300..400)
            .contains(&rule.status)
            .then(|| apply::path_of(&apply::location(&rule.target, &captures)))
            .flatten()
    }

    /// Whether a path is answered with anything but a word that it is missing.
    pub fn answers(&self, path: &UrlPath) -> bool {
        match self.rules.exact.get(path) {
            Some(Answer::Alias { status, .. } | Answer::Bare(status)) => *status == 200,
            Some(Answer::Redirect { .. }) => true,
            None => {
                self.leads_somewhere(path).is_some()
                    || self
                        .rules
                        .patterns
                        .iter()
                        .find(|rule| rule.pattern.matches(path.as_bytes()).is_some())
                        .is_some_and(|rule| !matches!(rule.status, 404 | 410))
            }
        }
    }

    /// Whether anything answers at this path, directories without their slash
    /// included, since those redirect.
    pub fn leads_somewhere(&self, path: &UrlPath) -> Option<&UrlPath> {
        if let Some((path, _)) = self.resources.get_key_value(path) {
            return Some(path);
        }
        if let Some(to) = self.aliases.get(path).or_else(|| self.redirects.get(path)) {
            return Some(to);
        }
        if path.as_bytes().ends_with(b"/") {
            return None;
        }
        let directory = UrlPath::from_bytes([path.as_bytes(), b"/"].concat());
        match self.redirects.get(&directory) {
            Some(to) => Some(to),
            None => self
                .resources
                .get_key_value(&directory)
                .map(|(path, _)| path),
        }
    }

    fn claim(&mut self, path: &UrlPath, origin: &str) -> Result<(), Failure> {
        match self.claims.entry(path.clone()) {
            Entry::Vacant(free) => {
                free.insert(origin.to_owned());
                Ok(())
            }
            Entry::Occupied(taken) => Err(Failure::site(
                Diagnostic::error(format!(
                    "two files claim the path `{path}`: `{}` and `{origin}`",
                    taken.get()
                ))
                .hint("rename one of them, or remove it"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(origin: &str) -> Resource {
        Resource {
            content: Content::Bytes(Vec::new()),
            media_type: None,
            last_modified: None,
            origin: origin.to_owned(),
        }
    }

    #[test]
    fn an_index_is_its_directory_s_page() {
        let mut output = Output::new();
        output
            .resource("/a/index.html".into(), resource("a/index.html"))
            .unwrap();
        assert!(output.resources.contains_key(&UrlPath::from("/a/")));
        assert_eq!(
            output.aliases[&UrlPath::from("/a/index.html")],
            "/a/".into()
        );
        assert!(output.leads_somewhere(&"/a".into()).is_some());
        assert!(output.leads_somewhere(&"/a/b".into()).is_none());
        output.redirect("/b/".into(), "/a/".into());
        let slashes: Vec<_> = output.slashes().map(|(f, t)| format!("{f} {t}")).collect();
        assert_eq!(slashes, ["/a /a/", "/b /a/"]);
    }

    #[test]
    fn two_claims_name_both_files() {
        let mut output = Output::new();
        output
            .resource("/".into(), resource("slides/a/content.md"))
            .unwrap();
        let failure = output
            .resource("/index.html".into(), resource("static/index.html"))
            .unwrap_err();
        let message = failure.diagnostic.unwrap().message;
        assert!(
            message.contains("slides/a/content.md") && message.contains("static/index.html"),
            "{message}"
        );
    }
}
