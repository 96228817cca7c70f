//! The life of a server: what it refuses to start with, the access log, the end.

mod common;

use applgen_bundle::Bundle;
use applgen_bundle::boot::{Keys, Words};
use applgen_bundle::write::BundleWriter;
use applgen_net::{Server, SetupError};
use common::link::Impairment;
use common::world::{SERVER4, SERVER6, World};
use common::{WORDS, body, bundle, setup};

#[test]
fn what_cannot_be_is_refused() {
    let bundle = bundle(4000);
    let refused = |words: &'static str| Server::new(&setup(bundle, words)).err();
    for (words, error) in [
        ("ip=0.0.0.0/24", SetupError::Address("ip=")),
        ("ip=224.0.0.1/24", SetupError::Address("ip=")),
        ("ip=127.0.0.1/8", SetupError::Address("ip=")),
        ("ip=192.0.2.255/24", SetupError::Address("ip=")),
        ("ip6=::/64", SetupError::Address("ip6=")),
        ("ip6=ff02::1/64", SetupError::Address("ip6=")),
        ("ip6=::1/128", SetupError::Address("ip6=")),
        ("ip=192.0.2.2/24 gw=192.0.3.1", SetupError::Gateway("gw=")),
        (
            "ip6=2001:db8::2/64 gw6=2001:db9::1",
            SetupError::Gateway("gw6="),
        ),
        (
            "ip=192.0.2.2/24 http=192.0.2.3:80",
            SetupError::NotOwn("http="),
        ),
        ("ip=192.0.2.2/24 http=[::1]:80", SetupError::NotOwn("http=")),
        ("ip=192.0.2.2/24 http=0", SetupError::Port("http=")),
    ] {
        assert_eq!(refused(words), Some(error), "{words}");
        assert!(error.to_string().starts_with('`'));
    }
    for words in [
        "ip=192.0.2.2/31 gw=192.0.2.3",
        "ip=192.0.2.2/32 gw=10.0.0.1",
        "ip6=2001:db8::2/64 gw6=fe80::1",
        "ip=192.0.2.2/24 http=0.0.0.0:8080",
        "ip=dhcp http=192.0.2.9:80",
        "",
    ] {
        assert_eq!(refused(words), None, "{words}");
    }

    let mut bad = setup(bundle, WORDS);
    bad.capabilities.mtu = 1000;
    assert_eq!(Server::new(&bad).err(), Some(SetupError::Mtu(1000)));
    bad = setup(bundle, WORDS);
    bad.capabilities.mac = [1, 0, 0, 0, 0, 1];
    assert_eq!(Server::new(&bad).err(), Some(SetupError::Mac));
    bad = setup(bundle, WORDS);
    bad.memory_bytes = 1000;
    let Some(SetupError::Memory { available, .. }) = Server::new(&bad).err() else {
        panic!("no error");
    };
    assert_eq!(available, 1000);
    let empty = BundleWriter::new().finish().unwrap().to_vec();
    bad = setup(Bundle::parse(empty.leak()).unwrap(), WORDS);
    assert_eq!(Server::new(&bad).err(), Some(SetupError::NothingToServe));
}

#[test]
fn the_access_log() {
    let mut setup = setup(bundle(4000), WORDS);
    let log = Words::parse("log=common", Keys::GUEST).unwrap();
    setup.words = log.or(setup.words);
    let mut world = World::new(&setup, Impairment::NONE, 1);
    world.get(SERVER4, "/page");
    assert!(world.finish(5));
    world.get(SERVER6, "/no\"\u{e9}");
    let long = format!("/{}", "x".repeat(3000));
    world.get(SERVER6, &long);
    assert!(world.finish(5));
    let lines: Vec<_> = world.console.1.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0],
        "192.0.2.9 - - [15/Jan/2027:08:00:01 +0000] \"GET /page HTTP/1.1\" 200 4000"
    );
    assert!(lines[1].starts_with("2001:db8::9 - - ["), "{}", lines[1]);
    assert!(
        lines[1].contains("\"GET /no\\x22\\xC3\\xA9 HTTP/1.1\" "),
        "{}",
        lines[1]
    );
    assert!(lines[2].contains("xxxx HTTP/1.1\" 404 "), "{}", lines[2]);
}

#[test]
fn the_access_log_as_json() {
    let mut setup = setup(bundle(4000), WORDS);
    let log = Words::parse("log=json", Keys::GUEST).unwrap();
    setup.words = log.or(setup.words);
    let mut world = World::new(&setup, Impairment::NONE, 1);
    world.get(SERVER4, "/page");
    assert!(world.finish(5));
    let line = world.console.1;
    assert!(line.starts_with("{\"time\":\"2027-01-15T08:00:01Z\",\"client\":\"192.0.2.9\","));
    assert!(line.ends_with("}\n"), "{line}");
}

#[test]
fn answers_in_flight_are_finished() {
    let impairment = Impairment {
        delay_micros: 10_000,
        ..Impairment::NONE
    };
    let mut world = World::new(&setup(bundle(1_000_000), WORDS), impairment, 1);
    let request = b"GET /talk HTTP/1.1\r\nHost: h\r\n\r\n";
    let busy = world.client.fetch(SERVER4, 80, request, 64 * 1024);
    let idle = world.client.fetch(SERVER4, 80, b"", 4096);
    assert!(world.run(5, |world| world.client.fetches[0].answer.len() > 10_000));
    world.server.stop();
    let late = world.get(SERVER4, "/");
    assert!(world.run(20, |world| world.stopped), "it does not stop");
    world.run(1, |_| false);
    assert!(world.client.fetches[busy].split().unwrap().1 == body(1_000_000));
    assert!(world.client.fetches[idle].over && world.client.fetches[idle].clean);
    assert!(world.client.fetches[late].over && world.client.fetches[late].answer.is_empty());
}

#[test]
fn stopping_does_not_wait_for_ever() {
    let mut world = World::new(&setup(bundle(1_000_000), WORDS), Impairment::NONE, 1);
    let request = b"GET /talk HTTP/1.1\r\nHost: h\r\n\r\n";
    let fetch = world.client.fetch(SERVER4, 80, request, 4096);
    world.client.fetches[fetch].reads = false;
    world.run(1, |_| false);
    world.server.stop();
    let start = world.now;
    assert!(world.run(20, |world| world.stopped));
    let took = world.now - start;
    assert!((9_000_000..11_000_000).contains(&took), "{took}");
}

#[test]
fn nothing_is_done_when_nothing_is_to_be_done() {
    let mut world = World::new(&setup(bundle(4000), WORDS), Impairment::NONE, 1);
    world.get(SERVER4, "/");
    assert!(world.finish(5));
    // What was remembered of the connection is forgotten, and then there is no
    // reason to come again but a frame.
    world.run(60, |_| false);
    let polls = world.polls;
    world.run(3600, |_| false);
    assert!(world.polls - polls <= 3, "{} turns", world.polls - polls);
}
