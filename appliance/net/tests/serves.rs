//! A server on a link without faults: whole files, both protocols, lines.

mod common;

use applgen_net::Line;
use common::link::Impairment;
use common::world::{SERVER4, SERVER6, World};
use common::{PAGES, WORDS, body, bundle, setup};

#[test]
fn every_page_over_both_protocols() {
    let mut world = World::new(&setup(bundle(1_000_000), WORDS), Impairment::NONE, 1);
    for server in [SERVER4, SERVER6] {
        for (path, bytes) in PAGES.into_iter().take(4) {
            let fetch = world.get(server, path);
            assert!(world.finish(30), "{server} {path}");
            let fetch = &world.client.fetches[fetch];
            let (head, body_came) = fetch.split().unwrap();
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert!(fetch.clean);
            assert!(
                body_came == body(bytes),
                "{path}: {} bytes",
                body_came.len()
            );
        }
    }
    assert_eq!(
        world.console.of(Line::Listening),
        [
            "listening http://192.0.2.2:80/",
            "listening http://[2001:db8::2]:80/"
        ]
    );
}

#[test]
fn an_answer_of_several_parts() {
    let mut world = World::new(&setup(bundle(100_000), WORDS), Impairment::NONE, 1);
    let request = b"GET /picture HTTP/1.1\r\nHost: h\r\nRange: bytes=0-49999,60000-99999\r\n\r\n\
        GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let fetch = world.client.fetch(SERVER4, 80, request, 4096);
    assert!(world.finish(30));
    let (head, came) = world.client.fetches[fetch].split().unwrap();
    assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
    let whole = body(100_000);
    let find = |part: &[u8]| came.windows(part.len()).position(|at| at == part);
    let first = find(&whole[..50_000]).expect("the first part");
    let second = find(&whole[60_000..]).expect("the second part");
    assert!(first < second);
    // The request behind it is answered, too.
    assert!(came.ends_with(&body(6)));
}
