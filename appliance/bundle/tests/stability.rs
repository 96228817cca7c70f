//! A small edit of a site changes few bytes of its bundle.
//!
//! Deployment keeps every image in git, whose deltas are runs copied from the
//! old file and runs of new bytes. What counts is therefore how many bytes
//! differ once both bundles are aligned; here they are aligned at the chunks,
//! which is what a delta does.

mod common;

use applgen_bundle::Bundle;
use applgen_bundle::write::{HttpSection, Resource};
use common::{bundle, resource};

const PAGES: usize = 750;

fn page(number: usize, body: &str) -> Resource {
    let text = format!("<!doctype html><title>{number}</title>{}", body.repeat(50));
    Resource {
        gzip: Some(format!("gzip of {number} {body}").into_bytes().into()),
        volatile: true,
        ..resource(&format!("/page-{number}/index.html"), text.as_bytes())
    }
}

/// 750 pages with their clean addresses, 250 pictures; `edit` changes it.
fn site(edit: impl FnOnce(&mut Vec<Resource>)) -> Vec<u8> {
    let mut resources: Vec<_> = (0..PAGES).map(|number| page(number, "text ")).collect();
    for number in 0..250 {
        let body: Vec<u8> = (0..2000).map(|at| (at * number % 251) as u8).collect();
        resources.push(resource(&format!("/picture-{number}.png"), &body));
    }
    edit(&mut resources);
    let mut http = HttpSection::new();
    for resource in resources {
        let path = resource.path.clone();
        if let Some(directory) = path.strip_suffix(b"index.html") {
            http.alias(directory.to_vec(), path.clone());
        }
        http.resource(resource).unwrap();
    }
    bundle(http)
}

/// How many bytes of `new` a greedy delta against `old` cannot copy: runs of
/// at least 16 bytes that occur in `old` are copied, as in git.
fn new_bytes(old: &[u8], new: &[u8]) -> usize {
    const BLOCK: usize = 16;
    let mut blocks = std::collections::HashMap::new();
    for start in (0..old.len() - BLOCK).step_by(BLOCK) {
        blocks.entry(&old[start..start + BLOCK]).or_insert(start);
    }
    let (mut at, mut fresh, mut expected) = (0, 0, 0);
    while at < new.len() {
        // Going on where the last copy ended is what makes long runs.
        let same = |from: usize| {
            new[at..]
                .iter()
                .zip(old.get(from..).unwrap_or_default())
                .take_while(|(a, b)| a == b)
                .count()
        };
        let mut best = (same(expected), expected);
        if best.0 < BLOCK
            && at + BLOCK <= new.len()
            && let Some(&start) = blocks.get(&new[at..at + BLOCK])
        {
            best = (same(start), start);
        }
        if best.0 >= BLOCK || (best.0 > 0 && best.1 == expected) {
            at += best.0;
            expected = best.1 + best.0;
        } else {
            at += 1;
            expected += 1;
            fresh += 1;
        }
    }
    fresh
}

#[test]
fn an_edited_body_of_the_same_length_changes_itself_alone() {
    let old = site(|_| {});
    let new = site(|resources| {
        let last = resources[100].identity.len() - 1;
        let mut body = resources[100].identity.to_vec();
        body[last] = b'!';
        resources[100].identity = body.into();
    });
    assert_eq!(old.len(), new.len());
    let differing = old.iter().zip(&new).filter(|(a, b)| a != b).count();
    assert_eq!(differing, 1);
}

#[test]
fn a_longer_page_changes_few_bytes_elsewhere() {
    let old = site(|_| {});
    let new = site(|resources| resources[400] = page(400, "longer text "));
    // The page itself has 650 bytes; the rest is bases and one group's offsets.
    let fresh = new_bytes(&old, &new);
    assert!(fresh < 1500, "{fresh} bytes are new");
}

#[test]
fn an_added_page_changes_few_bytes_elsewhere() {
    let old = site(|_| {});
    let new = site(|resources| resources.push(page(PAGES, "text ")));
    let fresh = new_bytes(&old, &new);
    assert!(fresh < 2500, "{fresh} bytes are new");
}

#[test]
fn an_edited_page_leaves_what_lasts_where_it_was() {
    let old = site(|_| {});
    let new = site(|resources| resources[7] = page(7, "longer text "));
    let section = |bytes| {
        Bundle::parse(bytes)
            .unwrap()
            .section(*b"http")
            .unwrap()
            .bytes
    };
    // Behind the header of 32 bytes lie 250 pictures of 2000 bytes.
    assert_eq!(section(&old)[32..500_000], section(&new)[32..500_000]);
}
