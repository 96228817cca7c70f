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
