//! Finished representations: media types, compressed bodies and content hashes
//! for everything in an [`Output`], in parallel, and the bundle made of them.

pub mod cache;
mod compress;
mod media;
mod segments;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
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
    report::Diagnostic,
    site::UrlPath,
};

/// How long a page may be reused without asking: not at all, since an
/// unchanged page is a 304 by its ETag, and a changed one must show at once.
const CACHE_CONTROL: &str = "no-cache";

/// What preparing a site's resources came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many resources there are.
    pub resources: usize,
    /// The sum of their lengths as they are.
    pub raw_bytes: u64,
}

/// Compresses and lays out everything in `output` as the bundle's HTTP section.
pub fn http_section(
    output: Output,
    limit_bytes: u64,
    cache: &Cache,
    progress: &Progress,
) -> Result<(HttpSection, Totals), Failure> {
    let total = output.resources.len();
    let step = progress.bar("compress", total as u64);
    let raw_bytes = AtomicU64::new(0);
    let mut section = HttpSection::new();
    for (from, to) in output
        .slashes()
        .chain(output.redirects.iter().map(|(from, to)| (from.clone(), to)))
    {
        section.redirect(from.as_bytes().to_vec(), 301, to.encoded());
    }
    let resources: Vec<_> = output.resources.into_iter().collect();
    let prepared: Vec<write::Resource> = resources
        .into_par_iter()
        .map(|(path, resource)| {
            let prepared = prepare(&path, resource, limit_bytes, cache)?;
            raw_bytes.fetch_add(prepared.identity.len() as u64, Ordering::Relaxed);
            step.advance();
            Ok(prepared)
        })
        .collect::<Result<_, Failure>>()?;
    step.finish();
    for resource in prepared {
        section.resource(resource).map_err(too_large)?;
    }
    for (from, to) in output.aliases {
        section.alias(from.as_bytes().to_vec(), to.as_bytes().to_vec());
    }
    let totals = Totals {
        resources: total,
        raw_bytes: raw_bytes.into_inner(),
    };
    Ok((section, totals))
}

fn prepare(
    path: &UrlPath,
    resource: Resource,
    limit_bytes: u64,
    cache: &Cache,
) -> Result<write::Resource, Failure> {
    let content = match resource.content {
        Content::Bytes(bytes) => bytes,
        Content::File(file) => file.read(limit_bytes)?,
    };
    let media_type = resource
        .media_type
        .unwrap_or_else(|| media_type(path, &content));
    let hash: [u8; 32] = Sha256::digest(&content).into();
    let encoded = cache.encoded(&hash, &media_type, &content);
    let mut etag = [0; 16];
    etag.copy_from_slice(&hash[..16]);
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
        cache_control: Some(CACHE_CONTROL.to_owned()),
        headers: vec![("X-Content-Type-Options".to_owned(), "nosniff".to_owned())],
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
