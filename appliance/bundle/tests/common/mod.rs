//! What the tests share: sites to write, and a bundle read back.
#![allow(dead_code)]

use applgen_bundle::write::{BundleWriter, HttpSection, Resource};
use applgen_bundle::{Bundle, TAG_HTTP};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What a path of a generated site is.
#[derive(Debug, Clone)]
pub enum Item {
    Resource(Resource),
    /// To the n-th path of the site, counted round.
    Alias(usize),
    Redirect(u16, String),
}

pub type Paths = BTreeMap<Vec<u8>, Item>;

/// A resource with a body and nothing else.
pub fn resource(path: &str, body: &[u8]) -> Resource {
    let mut etag = [0; 16];
    for (index, byte) in body.iter().enumerate() {
        etag[index % 16] ^= byte.rotate_left((index / 16 % 8) as u32);
    }
    Resource {
        path: path.as_bytes().to_vec(),
        media_type: "text/plain; charset=utf-8".into(),
        identity: body.into(),
        etag,
        ..Resource::default()
    }
}

/// The bytes of a bundle with this `http` section alone.
pub fn bundle(http: HttpSection) -> Vec<u8> {
    let mut writer = BundleWriter::new();
    writer.http(http);
    let finished = writer.finish().unwrap();
    let mut bytes = Vec::new();
    finished.write_to(&mut bytes).unwrap();
    assert_eq!(bytes.len() as u64, finished.len());
    assert_eq!(bytes, finished.to_vec());
    bytes
}

pub fn site(bytes: &[u8]) -> applgen_bundle::http::Site<'_> {
    let bundle = Bundle::parse(bytes).unwrap();
    applgen_bundle::http::Site::parse(bundle.section(TAG_HTTP).unwrap()).unwrap()
}

/// Adds the items in the order given.
pub fn section<'i>(
    items: impl Iterator<Item = (&'i Vec<u8>, &'i Item)>,
    all: &Paths,
) -> HttpSection {
    let mut http = HttpSection::new();
    for (path, item) in items {
        match item {
            Item::Resource(resource) => {
                let mut resource = resource.clone();
                resource.path = path.clone();
                http.resource(resource).unwrap();
            }
            Item::Alias(number) => {
                let to = all.keys().nth(number % all.len()).unwrap();
                http.alias(path.clone(), to.clone());
            }
            Item::Redirect(status, location) => {
                http.redirect(path.clone(), *status, location.clone());
            }
        }
    }
    http
}

pub fn any_body() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200)
}

pub fn any_path() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1_u8..=255, 0..12).prop_map(|mut bytes| {
        bytes.insert(0, b'/');
        bytes
    })
}

fn any_resource() -> impl Strategy<Value = Resource> {
    (
        prop::bool::weighted(0.9),
        any_body(),
        prop::option::of(any_body()),
        prop::option::of(any_body()),
        prop::option::of(0..4_000_000_000_u64),
        prop::option::of("[a-z=0-9]{1,20}"),
        prop::collection::vec(("X-[A-Za-z]{1,8}", "[!-~]{0,10}"), 0..3),
        any::<[u8; 16]>(),
        any::<bool>(),
    )
        .prop_map(
            |(
                ok,
                identity,
                gzip,
                brotli,
                last_modified,
                cache_control,
                headers,
                etag,
                volatile,
            )| {
                Resource {
                    path: Vec::new(),
                    status: if ok { 200 } else { 404 },
                    media_type: "image/png".into(),
                    last_modified,
                    cache_control,
                    headers,
                    etag,
                    identity: identity.into(),
                    gzip: gzip.map(Into::into),
                    brotli: brotli.map(Into::into),
                    volatile,
                }
            },
        )
}

/// Sites of up to `most` paths, in which every alias leads somewhere.
pub fn any_site(most: usize) -> impl Strategy<Value = Paths> {
    let item = prop_oneof![
        6 => any_resource().prop_map(Item::Resource),
        1 => (0..1000_usize).prop_map(Item::Alias),
        1 => (prop::sample::select(vec![301, 302, 307, 308]), "/[a-z]{0,8}(\\?[a-z]{1,3})?")
            .prop_map(|(status, location)| Item::Redirect(status, location)),
    ];
    prop::collection::btree_map(any_path(), item, 0..most).prop_map(|mut paths| {
        // An alias of an alias may be a circle; those have a test of their own.
        let keys: Vec<_> = paths.keys().cloned().collect();
        for (number, key) in keys.iter().enumerate() {
            let Item::Alias(to) = paths[key] else { continue };
            let target = to % keys.len();
            if target >= number || matches!(paths[&keys[target]], Item::Alias(later) if later % keys.len() >= target)
            {
                paths.insert(key.clone(), Item::Redirect(302, "/x".into()));
            }
        }
        paths
    })
}
