//! What is written is what is read.

mod common;

use applgen_bundle::http::{Encoding, HostId, Kind};
use applgen_bundle::write::{BundleWriter, HttpSection, Resource, WriteError};
use applgen_bundle::{Bundle, TAG_BOOT, TAG_INFO};
use common::{Item, Paths, any_path, any_site, bundle, resource, section, site};
use proptest::prelude::*;

/// The smallest site, byte by byte; changing this is changing the format.
#[test]
fn literal_bytes() {
    let mut http = HttpSection::new();
    http.resource(Resource {
        path: b"/a".to_vec(),
        media_type: "text/plain".into(),
        identity: b"hello\n".to_vec().into(),
        ..Resource::default()
    })
    .unwrap();
    let bytes = bundle(http);
    let mut expected = Vec::new();
    expected.extend(b"applgenB\x01\x00\x01\x00");
    expected.extend(&bytes[12..16]);
    expected.extend(269_u64.to_le_bytes());
    expected.extend(b"http\x03\x00\x00\x00");
    expected.extend(48_u64.to_le_bytes());
    expected.extend(221_u64.to_le_bytes());
    // Entries, groups (2^0), group table, entry table, depth of 404 pages, hosts, zero;
    // connections, and those of one address.
    for number in [1_u32, 0, 201, 213, 0, 0, 0, 0, 65_536, 16_384] {
        expected.extend(number.to_le_bytes());
    }
    // Seconds: idle, for a request, for taking an answer.
    for seconds in [60_u16, 20, 30, 0] {
        expected.extend(seconds.to_le_bytes());
    }
    // Resource, one representation, 200, path of 2, no target, host 0, no flags.
    expected.extend(b"\x01\x01\xc8\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00");
    expected.extend(u64::MAX.to_le_bytes());
    // Identity, tag of 24, lines of 19, 48 and 32, run at 46, body of 6.
    expected.extend(b"\x00\x18\x13\x00\x30\x00\x20\x00\x2e\x00\x00\x00");
    expected.extend(6_u64.to_le_bytes());
    expected.extend(b"/a");
    expected.extend(b"Content-Length: 6\r\nContent-Type: text/plain\r\nAccept-Ranges: bytes\r\n");
    expected.extend(b"ETag: \"AAAAAAAAAAAAAAAAAAAAAA\"\r\n\r\nhello\n");
    // The group: first entry, lasting chunks, volatile chunks.
    for number in [0_u32, 48, 201] {
        expected.extend(number.to_le_bytes());
    }
    expected.extend(&bytes[bytes.len() - 8..bytes.len() - 4]);
    expected.extend(0_u32.to_le_bytes());
    assert_eq!(
        bytes.escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
}

#[test]
fn a_representation_is_one_run_cut_where_answers_are_cut() {
    let mut http = HttpSection::new();
    http.resource(Resource {
        last_modified: Some(784_111_777),
        cache_control: Some("no-cache".into()),
        headers: vec![("X-Robots-Tag".into(), "noindex".into())],
        brotli: Some(b"br".to_vec().into()),
        ..resource("/x", b"identity")
    })
    .unwrap();
    let bytes = bundle(http);
    let entry = site(&bytes).lookup(HostId::DEFAULT, b"/x").unwrap();
    let brotli = entry.representation(Encoding::Brotli).unwrap();
    let etag = str::from_utf8(brotli.etag()).unwrap();
    assert!(etag.starts_with('"') && etag.ends_with("-b\""), "{etag}");
    let validators = format!(
        "ETag: {etag}\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         Vary: Accept-Encoding\r\nCache-Control: no-cache\r\nX-Robots-Tag: noindex\r\n\r\n"
    );
    let content = "Content-Type: text/plain; charset=utf-8\r\nAccept-Ranges: bytes\r\n\
                   Content-Encoding: br\r\n";
    let run = format!("Content-Length: 2\r\n{content}{validators}br");
    assert_eq!(str::from_utf8(brotli.run()).unwrap(), run);
    assert_eq!(brotli.validator_lines(), validators.as_bytes());
    assert_eq!(
        brotli.header_lines_without_length(),
        format!("{content}{validators}").as_bytes()
    );
    assert_eq!(brotli.header_lines(), &run.as_bytes()[..run.len() - 2]);
    assert_eq!(brotli.body(), b"br");
    assert_eq!(brotli.body_offset(), run.len() - 2);
    assert_eq!(entry.last_modified(), Some(784_111_777));
    assert!(entry.varies());
    assert!(entry.representation(Encoding::Gzip).is_none());
}

#[test]
fn sections_are_found_by_tag_and_the_facts_lie_last() {
    let mut writer = BundleWriter::new();
    writer.info("{}");
    writer.section(*b"dns ", 3, b"zones".to_vec());
    writer.http(HttpSection::new());
    writer.boot("http=8080");
    let bytes = writer.finish().unwrap().to_vec();
    let bundle = Bundle::parse(&bytes).unwrap();
    let tags: Vec<_> = bundle.sections().map(|section| section.tag).collect();
    assert_eq!(tags, [*b"boot", *b"dns ", *b"http", *b"info"]);
    assert_eq!(bundle.section(TAG_BOOT).unwrap().bytes, b"http=8080");
    assert_eq!(bundle.section(TAG_INFO).unwrap().bytes, b"{}");
    assert_eq!(bundle.section(*b"dns ").unwrap().version, 3);
    for section in bundle.sections() {
        let offset = section.bytes.as_ptr() as usize - bytes.as_ptr() as usize;
        assert_eq!(offset % 16, 0);
    }
    assert_eq!(site(&bytes).entry_count(), 0);
    assert!(site(&bytes).lookup(HostId::DEFAULT, b"/").is_none());
}

#[test]
fn the_deepest_404_page_bounds_the_search() {
    let depth = |paths: &[&str]| {
        let mut http = HttpSection::new();
        for path in paths {
            let page = Resource {
                status: 404,
                ..resource(path, b"missing")
            };
            http.resource(page).unwrap();
        }
        site(&bundle(http)).not_found_depth()
    };
    assert_eq!(depth(&[]), 0);
    assert_eq!(depth(&["/404.html"]), 1);
    assert_eq!(depth(&["/404.html", "/a/b/404.html"]), 3);
    assert_eq!(depth(&["/gone"]), 0);
}

#[test]
fn aliases_of_aliases_are_followed_and_circles_refused() {
    let mut http = HttpSection::new();
    http.resource(resource("/a", b"a")).unwrap();
    http.alias(b"/c".to_vec(), b"/b".to_vec());
    http.alias(b"/b".to_vec(), b"/a".to_vec());
    let bytes = bundle(http);
    let entry = site(&bytes).lookup(HostId::DEFAULT, b"/c").unwrap();
    assert_eq!((entry.path(), entry.kind()), (&b"/a"[..], Kind::Resource));

    for (path, to) in [("/x", "/y"), ("/y", "/z")] {
        let mut http = HttpSection::new();
        http.alias(b"/x".to_vec(), b"/y".to_vec());
        http.alias(path.replace('x', "w").into_bytes(), to.into());
        http.alias(b"/y2".to_vec(), b"/x".to_vec());
        let mut writer = BundleWriter::new();
        writer.http(http);
        let error = writer.finish().unwrap_err();
        assert!(matches!(error, WriteError::AliasTarget { .. }), "{error}");
    }
    let mut http = HttpSection::new();
    http.alias(b"/x".to_vec(), b"/x".to_vec());
    let mut writer = BundleWriter::new();
    writer.http(http);
    assert!(writer.finish().is_err());
}

#[test]
fn faults_name_the_path() {
    let refused = |resource: Resource| HttpSection::new().resource(resource).unwrap_err();
    let page = || resource("/page", b"");
    let mut twice = HttpSection::new();
    twice.resource(page()).unwrap();
    let mut faults = vec![twice.resource(page()).unwrap_err()];
    faults.push(refused(resource("page", b"")));
    faults.push(refused(resource("/page\0", b"")));
    faults.push(refused(Resource {
        status: 204,
        ..page()
    }));
    for (name, value) in [
        ("X A", "1"),
        ("X-A", "1\r\nX-B: 2"),
        ("X-A", " 1"),
        ("", "1"),
        ("content-length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("ETag", "\"1\""),
        ("Vary", "Cookie"),
    ] {
        faults.push(refused(Resource {
            headers: vec![(name.into(), value.into())],
            ..page()
        }));
    }
    faults.push(refused(Resource {
        media_type: "text/html\nX: y".into(),
        ..page()
    }));
    for location in ["", "/a b", "/ä", "/a\r\nX: y", &"/".repeat(2049)] {
        let mut http = HttpSection::new();
        http.redirect(b"/page".to_vec(), 301, location.into());
        let mut writer = BundleWriter::new();
        writer.http(http);
        faults.push(writer.finish().unwrap_err());
    }
    let mut http = HttpSection::new();
    http.redirect(b"/page".to_vec(), 200, "/".into());
    let mut writer = BundleWriter::new();
    writer.http(http);
    faults.push(writer.finish().unwrap_err());
    for fault in faults {
        assert!(fault.to_string().contains("page"), "{fault}");
    }
}

#[test]
fn the_limit_is_told_with_its_figure() {
    // 20 bodies of 100 MB, all the same memory.
    let body: applgen_bundle::write::Body = vec![0; 100_000_000].into();
    let mut http = HttpSection::new();
    for number in 0..20 {
        http.resource(Resource {
            identity: body.clone(),
            ..resource(&format!("/{number}"), b"")
        })
        .unwrap();
    }
    let mut writer = BundleWriter::new();
    writer.http(http);
    let error = writer.finish().unwrap_err().to_string();
    assert!(error.contains("1900000000"), "{error}");
}

fn check(paths: &Paths, bytes: &[u8]) {
    let site = site(bytes);
    assert_eq!(site.entry_count(), paths.len());
    let mut listed: Vec<_> = site.entries().map(|entry| entry.path().to_vec()).collect();
    listed.sort();
    assert_eq!(listed, paths.keys().cloned().collect::<Vec<_>>());
    for (path, item) in paths {
        let entry = site.lookup(HostId::DEFAULT, path).unwrap();
        match item {
            Item::Resource(resource) => {
                assert_eq!(entry.path(), path);
                check_resource(resource, &entry);
            }
            Item::Alias(number) => {
                assert_ne!(entry.kind(), Kind::Alias);
                if let Item::Resource(resource) =
                    &paths[paths.keys().nth(number % paths.len()).unwrap()]
                {
                    check_resource(resource, &entry);
                }
            }
            Item::Redirect(status, location) => {
                assert_eq!(entry.kind(), Kind::Redirect);
                assert_eq!(entry.status(), *status);
                assert_eq!(entry.target(), location.as_bytes());
            }
        }
    }
}

fn check_resource(resource: &Resource, entry: &applgen_bundle::http::Entry<'_>) {
    assert_eq!(entry.kind(), Kind::Resource);
    assert_eq!(entry.status(), resource.status);
    assert_eq!(entry.last_modified(), resource.last_modified);
    assert_eq!(entry.is_volatile(), resource.volatile);
    for (encoding, body) in [
        (Encoding::Identity, Some(&resource.identity)),
        (Encoding::Gzip, resource.gzip.as_ref()),
        (Encoding::Brotli, resource.brotli.as_ref()),
    ] {
        let representation = entry.representation(encoding);
        assert_eq!(
            representation.map(|form| form.body()),
            body.map(|body| &body[..])
        );
    }
    let count = 1 + usize::from(resource.gzip.is_some()) + usize::from(resource.brotli.is_some());
    assert_eq!(entry.representations().count(), count);
    assert_eq!(entry.varies(), count > 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_site_is_read_as_it_was_written(paths in any_site(120), strange in any_path()) {
        let bytes = bundle(section(paths.iter(), &paths));
        check(&paths, &bytes);
        prop_assert_eq!(
            site(&bytes).lookup(HostId::DEFAULT, &strange).is_some(),
            paths.contains_key(&strange)
        );
    }

    #[test]
    fn the_order_of_insertion_leaves_no_trace(paths in any_site(60)) {
        let forward = bundle(section(paths.iter(), &paths));
        let backward = bundle(section(paths.iter().rev(), &paths));
        prop_assert_eq!(forward, backward);
    }
}
