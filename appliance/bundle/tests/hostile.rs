//! Bytes that no writer wrote: no panic, no endless loop, nothing out of bounds.

mod common;

use applgen_bundle::Bundle;
use applgen_bundle::Section;
use applgen_bundle::http::{HostId, Site};
use applgen_bundle::write::{BundleWriter, HttpSection, Resource};
use common::{any_path, any_site, bundle, resource, section};
use proptest::prelude::*;

/// Calls every accessor of everything that can be reached.
fn walk(bytes: &[u8], section: Section<'_>, paths: &[&[u8]]) {
    let Ok(site) = Site::parse(section) else {
        return;
    };
    let inside = |part: &[u8]| {
        let range = bytes.as_ptr_range();
        assert!(part.is_empty() || range.contains(&part.as_ptr()) && part.len() <= bytes.len());
    };
    let visit = |entry: applgen_bundle::http::Entry<'_>| {
        inside(entry.path());
        inside(entry.target());
        let _ = (entry.kind(), entry.status(), entry.last_modified());
        for form in entry.representations() {
            for part in [
                form.run(),
                form.header_lines(),
                form.header_lines_without_length(),
                form.validator_lines(),
                form.etag(),
                form.body(),
            ] {
                inside(part);
            }
        }
    };
    assert!(site.entries().count() <= site.entry_count());
    site.entries().for_each(visit);
    for path in paths {
        site.lookup(HostId::DEFAULT, path).map(visit);
    }
}

/// A bundle that has everything.
fn full() -> Vec<u8> {
    let mut http = HttpSection::new();
    let page = Resource {
        gzip: Some(b"gz".to_vec().into()),
        brotli: Some(b"b".to_vec().into()),
        last_modified: Some(1),
        volatile: true,
        ..resource("/index.html", b"page")
    };
    http.resource(page).unwrap();
    http.resource(resource("/a.png", b"picture")).unwrap();
    http.alias(b"/".to_vec(), b"/index.html".to_vec());
    http.redirect(b"/old".to_vec(), 301, "/".into());
    let mut writer = BundleWriter::new();
    writer.http(http);
    writer.boot("http=8080");
    writer.finish().unwrap().to_vec()
}

const PATHS: [&[u8]; 4] = [b"/", b"/a.png", b"/old", b"/missing"];

#[test]
fn every_truncation_of_a_bundle_is_an_error() {
    let bytes = full();
    for length in 0..bytes.len() {
        assert!(Bundle::parse(&bytes[..length]).is_err());
    }
}

#[test]
fn every_truncation_of_the_section_is_survived() {
    let bytes = full();
    let section = Bundle::parse(&bytes).unwrap().section(*b"http").unwrap();
    for length in 0..section.bytes.len() {
        let bytes = &section.bytes[..length];
        walk(bytes, Section { bytes, ..section }, &PATHS);
    }
}

#[test]
fn every_flipped_byte_of_the_section_is_survived() {
    let bytes = full();
    let section = Bundle::parse(&bytes).unwrap().section(*b"http").unwrap();
    for index in 0..section.bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = section.bytes.to_vec();
            damaged[index] ^= flip;
            let bytes = &damaged[..];
            walk(bytes, Section { bytes, ..section }, &PATHS);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_survived(noise in prop::collection::vec(any::<u8>(), 0..400), path in any_path()) {
        let _ = Bundle::parse(&noise);
        walk(&noise, Section { tag: *b"http", version: 1, bytes: &noise }, &[&path]);
        let headed = [&b"applgenB\x01\x00"[..], &noise].concat();
        let _ = Bundle::parse(&headed);
    }

    #[test]
    fn damaged_sites_are_survived(
        paths in any_site(40),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let bytes = bundle(section(paths.iter(), &paths));
        let section = Bundle::parse(&bytes).unwrap().section(*b"http").unwrap();
        let mut damaged = section.bytes.to_vec();
        for (index, byte) in damage {
            let index = index.index(damaged.len());
            damaged[index] = byte;
        }
        let wanted: Vec<&[u8]> = paths.keys().map(|path| &path[..]).collect();
        walk(&damaged, Section { bytes: &damaged, ..section }, &wanted);
    }
}
