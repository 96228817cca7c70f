//! Finished representations: media types, compressed bodies and content hashes
//! for everything in an [`Output`], in parallel, and the bundle made of them.

pub mod cache;
mod code;
mod compress;
mod media;
mod segments;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use applgen_bundle::write::{self, Body, HttpSection};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

pub use cache::Cache;
pub use compress::{Encoded, encode};
pub use media::media_type;

use crate::{
    failure::Failure,
    output::{Content, Output, Resource},
    progress::Progress,
    report::{self, Diagnostic},
    rules::{
        HeaderRule,
        apply::Answer,
        csp,
        policy::{self, Policy, Subject, redirect_lines},
    },
    serve::{Print, generation::Kind, inject},
    site::UrlPath,
};

/// What resources are finished for.
#[derive(Debug)]
pub enum Finish<'a> {
    /// An image: compressed.
    Compressed {
        /// Bodies that were compressed before.
        cache: Cache,
        /// Who is told how far it is.
        progress: &'a Progress,
    },
    /// `serve`: as they are, with its script in pages.
    Live {
        /// What was found in pages before.
        cache: Cache,
        /// What there is, for telling changes.
        prints: Mutex<Vec<Print>>,
    },
}

impl Finish<'_> {
    /// For `serve`.
    pub fn live(cache: Cache) -> Self {
        Self::Live {
            cache,
            prints: Mutex::default(),
        }
    }

    fn cache(&self) -> &Cache {
        match self {
            Self::Compressed { cache, .. } | Self::Live { cache, .. } => cache,
        }
    }

    /// What was finished, for telling changes.
    pub fn into_prints(self) -> Vec<Print> {
        match self {
            Self::Compressed { .. } => Vec::new(),
            Self::Live { prints, .. } => {
                prints.into_inner().unwrap_or_else(PoisonError::into_inner)
            }
        }
    }
}

/// What preparing a site's resources came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many resources there are.
    pub resources: usize,
    /// The sum of their lengths as they are.
    pub raw_bytes: u64,
}

/// Compresses everything in `output`, and puts it into the bundle's HTTP
/// section as what the host that was begun last serves.
pub fn fill(
    section: &mut HttpSection,
    output: Output,
    limit_bytes: u64,
    finish: &Finish<'_>,
) -> Result<Totals, Failure> {
    let total = output.resources.len();
    let step = match finish {
        Finish::Compressed { progress, .. } => progress.bar("compress", total as u64),
        Finish::Live { .. } => Progress::hidden().bar("", 0),
    };
    let raw_bytes = AtomicU64::new(0);
    let redirects = output
        .slashes()
        .chain(output.redirects.iter().map(|(from, to)| (from.clone(), to)))
        .map(|(from, to)| (from, 301, to.encoded()));
    let by_rule = output
        .rules
        .exact
        .iter()
        .filter_map(|(from, answer)| match answer {
            Answer::Redirect { status, location } => {
                Some((from.clone(), *status, location.clone()))
            }
            Answer::Alias { .. } | Answer::Bare(_) => None,
        });
    for (from, status, location) in redirects.chain(by_rule) {
        let redirect = write::Redirect {
            status,
            location,
            headers: redirect_lines(&output.policy, &output.headers, Some(&from), status),
        };
        section
            .redirect_with(from.as_bytes().to_vec(), redirect)
            .map_err(too_large)?;
    }
    // A rule for headers fits a page that it fits by any of its names.
    let mut names: HashMap<&UrlPath, Vec<UrlPath>> = HashMap::new();
    for (from, to) in output.aliases.iter().chain(&output.names) {
        let (page, name) = match output.names.get(from) {
            Some(name) => (from, name),
            None => (to, from),
        };
        names.entry(page).or_default().push(name.clone());
    }
    let headers = Headers {
        policy: &output.policy,
        rules: &output.headers,
        names,
        files: code::of_files(&output, limit_bytes)?,
    };
    let resources: Vec<_> = output.resources.into_iter().collect();
    let prepared: Vec<write::Resource> = resources
        .into_par_iter()
        .map(|(path, resource)| {
            let prepared = prepare(&path, resource, &headers, limit_bytes, finish)?;
            raw_bytes.fetch_add(prepared.identity.len() as u64, Ordering::Relaxed);
            step.advance();
            Ok(prepared)
        })
        .collect::<Result<_, Failure>>()?;
    step.finish();
    for resource in prepared {
        section.resource(resource).map_err(too_large)?;
    }
    let bytes = |path: &UrlPath| path.as_bytes().to_vec();
    for (from, to) in &output.aliases {
        section.alias(bytes(from), bytes(to));
    }
    for (from, answer) in &output.rules.exact {
        match answer {
            Answer::Redirect { .. } => {}
            Answer::Alias { to, status } => section.alias_as(bytes(from), bytes(to), *status),
            Answer::Bare(status) => section.bare(bytes(from), *status).map_err(too_large)?,
        }
    }
    for rule in output.rules.patterns {
        section.rule(rule).map_err(too_large)?;
    }
    Ok(Totals {
        resources: total,
        raw_bytes: raw_bytes.into_inner(),
    })
}

/// What decides about headers.
struct Headers<'a> {
    policy: &'a Policy,
    rules: &'a [HeaderRule],
    names: HashMap<&'a UrlPath, Vec<UrlPath>>,
    files: csp::Files,
}

fn prepare(
    path: &UrlPath,
    resource: Resource,
    headers: &Headers<'_>,
    limit_bytes: u64,
    finish: &Finish<'_>,
) -> Result<write::Resource, Failure> {
    let generated = matches!(resource.content, Content::Bytes(_));
    let content = match resource.content {
        Content::Bytes(bytes) | Content::Templated(bytes) => bytes,
        Content::File(file) => file.read(limit_bytes)?,
    };
    let mut paths = vec![path.clone()];
    paths.extend(headers.names.get(path).into_iter().flatten().cloned());
    // A page without its extension is what its file is.
    let named = paths
        .iter()
        .find(|path| path.as_bytes().ends_with(b".html"));
    let media_type = resource
        .media_type
        .unwrap_or_else(|| media_type(named.unwrap_or(path), &content));
    let hash: [u8; 32] = Sha256::digest(&content).into();
    let page = policy::reads_pages(headers.policy, &media_type, generated)
        .then(|| code::of_page(&hash, &content, finish.cache()))
        .flatten();
    let subject = Subject {
        paths: &paths,
        media_type: &media_type,
        generated,
        page: page.as_ref(),
        files: &headers.files,
    };
    let mut lines = policy::lines(headers.policy, headers.rules, &subject);
    if let Some(warning) = policy::left_without_policy(headers.policy, &subject, &lines) {
        report::tell(&warning);
    }
    let media_type = lines.media_type.unwrap_or(media_type);
    let (content, etag, encoded) = match finish {
        Finish::Compressed { cache, .. } => {
            let encoded = cache.encoded(&hash, &media_type, &content);
            let mut etag = [0; 16];
            etag.copy_from_slice(&hash[..16]);
            (content, etag, encoded)
        }
        Finish::Live { prints, .. } => {
            let etag = inject::tag(&content);
            let kind = Kind::of(&media_type, path.as_bytes());
            let print = Print {
                path: path.as_bytes().to_vec(),
                kind,
                tag: etag,
            };
            prints
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(print);
            let content = match kind {
                Kind::Page if media_type.starts_with("text/html") => inject::page(&content, &etag),
                _ => content,
            };
            for (name, value) in &mut lines.headers {
                if name.eq_ignore_ascii_case("Content-Security-Policy") {
                    *value = inject::allow(value);
                }
            }
            (content, etag, Encoded::default())
        }
    };
    let page = media_type.starts_with("text/html");
    Ok(write::Resource {
        status: if path.as_bytes().ends_with(b"/404.html") {
            404
        } else {
            200
        },
        path: path.as_bytes().to_vec(),
        media_type,
        last_modified: resource.last_modified,
        cache_control: lines.cache_control,
        headers: lines.headers,
        etag,
        identity: Body::from(content),
        gzip: encoded.gzip.map(Arc::from),
        brotli: encoded.brotli.map(Arc::from),
        volatile: page,
    })
}

/// What the bundle's writer refuses.
pub fn too_large(error: write::WriteError) -> Failure {
    Failure::site(
        Diagnostic::error(error.to_string())
            .hint("an image is one file below 2 GiB; serve large files from elsewhere"),
    )
}
