//! The sites of an image: the one that was named, and those of its virtual
//! hosts, each loaded and rendered as if it were the only one.

use std::path::{Path, PathBuf};

use applgen_bundle::{
    http::Limits,
    write::{HttpSection, WriteError},
};

use crate::{
    failure::Failure,
    render::{self, Rendered, Serving},
    report::{Diagnostic, Diagnostics},
    site::{
        self, Site, UrlPath,
        config::{HostConfig, Www},
    },
};

/// One site, and the hosts that serve it.
#[derive(Debug)]
pub struct Served {
    /// What it serves.
    pub rendered: Rendered,
    /// Where it will live, if it says so.
    pub base_url: Option<String>,
    /// The hosts; none where one site answers for every name.
    pub hosts: Vec<HostConfig>,
}

/// Loads and renders the site at `named`, and those of its hosts; the one that
/// answers for unknown names is the first. Also the named site itself, whose
/// configuration is the image's.
pub fn load(
    named: &Path,
    outputs: &[PathBuf],
    serving: Option<&Serving>,
    diagnostics: &mut Diagnostics,
) -> Result<(Site, Vec<Served>), Failure> {
    let mut top = site::load(named, outputs, diagnostics)?;
    localize(&mut top, serving);
    let mut served: Vec<Served> = Vec::new();
    let mut default = 0;
    let mut directories: Vec<Option<PathBuf>> = Vec::new();
    let is_site =
        top.config.hosts.is_empty() || top.config.hosts.iter().any(|h| h.directory.is_none());
    let has_pages = top.layout.has_pages() || !top.config.hosts.is_empty();
    if is_site && has_pages {
        served.push(of(&top, serving, diagnostics)?);
        directories.push(None);
    }
    for host in &top.config.hosts {
        let directory = match &host.directory {
            Some(directory) => Some(inside(&top, directory, host)?),
            None => None,
        };
        let index = match directories.iter().position(|known| *known == directory) {
            Some(index) => index,
            None => {
                // As people would name it, so that messages do.
                let shown = named.join(host.directory.as_deref().unwrap_or_default());
                let mut site = site::load(&shown, outputs, diagnostics)?;
                localize(&mut site, serving);
                if !site.layout.zones.is_empty() {
                    return Err(Failure::site(
                        Diagnostic::error("a host's own site has zones")
                            .at(host.place.clone())
                            .hint("put all zones into `zones/` at the top"),
                    ));
                }
                if site.config.http.limits != Limits::DEFAULT {
                    return Err(Failure::site(
                        Diagnostic::error("a host's own site has limits")
                            .at(host.place.clone())
                            .hint("one server has one set of them: write them into `[http]` of the `applgen.toml` at the top"),
                    ));
                }
                if let Some(nested) = site.config.hosts.first() {
                    return Err(Failure::site(
                        Diagnostic::error("a host's own site has hosts")
                            .at(nested.place.clone())
                            .hint("tell all hosts in the `applgen.toml` at the top"),
                    ));
                }
                served.push(of(&site, serving, diagnostics)?);
                directories.push(directory);
                served.len() - 1
            }
        };
        if host.default {
            default = index;
        }
        if let Some(served) = served.get_mut(index) {
            served.hosts.push(host.clone());
        }
    }
    if !served.is_empty() {
        served.swap(0, default);
    }
    Ok((top, served))
}

/// Where a site is served while it is written is where it lives.
fn localize(site: &mut Site, serving: Option<&Serving>) {
    if let Some(serving) = serving {
        site.config.base_url = Some(serving.base_url.clone());
    }
}

fn of(
    site: &Site,
    serving: Option<&Serving>,
    diagnostics: &mut Diagnostics,
) -> Result<Served, Failure> {
    let rendered = render::render(site, serving, diagnostics)?;
    if !rendered.output.answers(&UrlPath::root()) {
        diagnostics.push(
            Diagnostic::note("nothing answers at `/`")
                .hint("add an `index.html`, or a line `/ /PATH 302` to `_redirects`"),
        );
    }
    Ok(Served {
        rendered,
        base_url: site.config.base_url.clone(),
        hosts: Vec::new(),
    })
}

/// The directory of a host's site, which lies inside the one that names it.
fn inside(top: &Site, directory: &str, host: &HostConfig) -> Result<PathBuf, Failure> {
    let refused = |why: &str, hint: &str| {
        Failure::site(
            Diagnostic::error(format!("the host's directory `{directory}` {why}"))
                .at(host.place.clone())
                .hint(hint.to_owned()),
        )
    };
    let path = std::fs::canonicalize(top.root.join(directory)).map_err(|error| {
        refused(
            &format!("cannot be opened: {error}"),
            "name a directory below this one",
        )
    })?;
    match path.starts_with(&top.root) && path != top.root && path.is_dir() {
        true => Ok(path),
        false => Err(refused(
            "is no directory below this one",
            "the site of a host is a folder inside; leave `directory` out to serve this one",
        )),
    }
}

/// Gives the names of a site's hosts to the host that was begun last.
pub fn add_names(section: &mut HttpSection, served: &Served) -> Result<(), Failure> {
    for host in &served.hosts {
        let told = |error: WriteError| {
            Failure::site(
                Diagnostic::error(error.to_string())
                    .at(host.place.clone())
                    .hint("a name is written as in an address, such as `example.org` or `*.example.org`"),
            )
        };
        let mut first = None;
        for name in &host.names {
            let bare = name.strip_prefix("www.").unwrap_or(name);
            let has_www = bare.contains('.')
                && !bare.starts_with(['*', '['])
                && bare.parse::<std::net::IpAddr>().is_err();
            let www = format!("www.{bare}");
            let (name, other) = match host.www {
                Www::Strip if has_www => (bare, Some(www.as_str())),
                Www::Add if has_www => (www.as_str(), Some(bare)),
                _ => (name.as_str(), None),
            };
            section.name(name).map_err(told)?;
            if let Some(other) = other {
                let prefix = prefix(served, name);
                section.redirect_name(other, 301, &prefix).map_err(told)?;
            }
            first.get_or_insert_with(|| name.to_owned());
        }
        let first = first.filter(|name| !name.starts_with('*'));
        for name in &host.redirects {
            let Some(first) = &first else {
                return Err(Failure::site(
                    Diagnostic::error(format!("`{name}` cannot redirect to a wildcard"))
                        .at(host.place.clone())
                        .hint("put a name without `*` first in `names`"),
                ));
            };
            let prefix = prefix(served, first);
            section.redirect_name(name, 301, &prefix).map_err(told)?;
        }
    }
    Ok(())
}

/// What a path is put behind to be on the host `name`: with the scheme of
/// `base-url` where that is it, or else with the one that was asked by.
fn prefix(served: &Served, name: &str) -> String {
    let base = served.base_url.as_deref().unwrap_or_default();
    let authority = base.split_once("://").map(|(scheme, rest)| {
        let authority = rest.split('/').next().unwrap_or_default();
        (scheme, authority)
    });
    match authority {
        Some((scheme, authority))
            if authority
                .split(':')
                .next()
                .is_some_and(|host| host.eq_ignore_ascii_case(name)) =>
        {
            format!("{scheme}://{authority}")
        }
        _ => format!("//{name}"),
    }
}
