//! Redirects: aliases, `redirect_to`, and the numbered path of each first pager.
//! They are rows of the image (301), not pages.

use super::Emitter;
use crate::{
    output::Output,
    pages::pagers,
    report::{Diagnostic, Diagnostics, Place},
    site::UrlPath,
};

impl Emitter<'_> {
    /// Aliases, `redirect_to`, and the numbered path of each first pager.
    pub fn redirects(&self, output: &mut Output, diagnostics: &mut Diagnostics) {
        let mut all: Vec<(String, String, String)> = Vec::new();
        for (at, entry) in self.library.entries.iter().enumerate() {
            if self.library.around[at].ignored {
                continue;
            }
            for alias in &entry.meta.aliases {
                let path = format!("/{}", alias.trim_matches('/'));
                let file = path
                    .rsplit('/')
                    .next()
                    .is_some_and(|name| name.ends_with(".html") || name.ends_with(".htm"));
                let path = if file || path == "/" {
                    path
                } else {
                    format!("{path}/")
                };
                if let Some(directory) = path.strip_suffix("index.html")
                    && directory.ends_with('/')
                {
                    all.push((directory.into(), entry.path.clone(), entry.shown()));
                }
                all.push((path, entry.path.clone(), entry.shown()));
            }
            if let Some(to) = &entry.meta.redirect_to {
                if to.contains("://") {
                    output.redirect_outward(UrlPath::from(entry.path.as_str()), to.clone());
                    continue;
                }
                let mut to = format!("/{}", to.trim_start_matches('/'));
                let name = to.rsplit('/').next().unwrap_or_default();
                if !name.is_empty() && !name.contains(['.', '#', '?']) {
                    to.push('/');
                }
                all.push((entry.path.clone(), to, entry.shown()));
            }
            if entry.section && entry.meta.paginate_by.is_some() && entry.meta.render {
                let first = pagers::numbered(&entry.path, &entry.meta.paginate_path, 1);
                all.push((first, entry.path.clone(), entry.shown()));
            }
        }
        for terms in &self.library.taxonomies {
            if terms.taxonomy.paginate_by.is_some() && terms.taxonomy.render {
                let word = terms.taxonomy.paginate_path.as_deref().unwrap_or("page");
                for term in &terms.terms {
                    let first = pagers::numbered(&term.path, word, 1);
                    all.push((first, term.path.clone(), terms.taxonomy.name.clone()));
                }
            }
        }
        for (from, to, origin) in all {
            let to_path = if to.starts_with("//") || to.contains("://") {
                None
            } else {
                UrlPath::root().join(&to)
            };
            let Some(to_path) = to_path else {
                diagnostics.push(
                    Diagnostic::warning(format!(
                        "`redirect_to` leads out of the site, to `{to}`, and is left out"
                    ))
                    .at(Place::file(origin)),
                );
                continue;
            };
            let from = UrlPath::from(from.as_str());
            if from == to_path {
                continue;
            }
            if let Some(resource) = output.resources.get(&from) {
                diagnostics.push(
                    Diagnostic::warning(format!(
                        "the redirect from `{from}` has no effect: `{}` is served there",
                        resource.origin
                    ))
                    .at(Place::file(origin)),
                );
                continue;
            }
            // `redirect_to` may leave out the slash of the page that it means.
            let to_path = output.leads_somewhere(&to_path).cloned().unwrap_or(to_path);
            output.redirect(from, to_path);
        }
    }
}
