//! What the tests share: a site, a fake interface, a simulated link with a
//! second smoltcp at its other end.
#![allow(dead_code)]

pub mod bench;
pub mod client;
pub mod frames;
pub mod link;
pub mod nic;
pub mod world;

use applgen_bundle::Bundle;
use applgen_bundle::boot::{Keys, Words};
use applgen_bundle::http::Limits;
use applgen_bundle::write::{BundleWriter, HttpSection, Resource};
use applgen_net::nic::Capabilities;
use applgen_net::{Console, Line, Server, Setup};

pub const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// Words of a server with both protocols.
pub const WORDS: &str = "ip=192.0.2.2/24 gw=192.0.2.1 ip6=2001:db8::2/64 gw6=2001:db8::1";

/// A body that no other offset of it looks like.
pub fn body(bytes: usize) -> Vec<u8> {
    (0..bytes as u64)
        .map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
        .collect()
}

/// Paths of the site, and the length of what lies there.
pub const PAGES: [(&str, usize); 5] = [
    ("/", 6),
    ("/page", 4000),
    ("/picture", 100_000),
    ("/talk", 1_000_000),
    ("/large", 20_000_000),
];

/// A bundle of pages up to so many bytes, that lives as long as the test.
pub fn bundle(up_to: usize) -> Bundle<'static> {
    bundle_with(up_to, Limits::DEFAULT)
}

/// The same with limits of its own.
pub fn bundle_with(up_to: usize, limits: Limits) -> Bundle<'static> {
    let mut http = HttpSection::new();
    http.limits(limits);
    for (path, bytes) in PAGES {
        if bytes <= up_to {
            let resource = Resource {
                path: path.into(),
                media_type: "text/plain".into(),
                identity: body(bytes).into(),
                ..Resource::default()
            };
            http.resource(resource).unwrap();
        }
    }
    let mut writer = BundleWriter::new();
    writer.http(http);
    let bytes = writer.finish().unwrap().to_vec();
    Bundle::parse(Box::leak(bytes.into_boxed_slice())).unwrap()
}

pub fn capabilities() -> Capabilities {
    Capabilities {
        mac: SERVER_MAC,
        mtu: 1500,
        completes_checksums: false,
        slices: 0,
    }
}

pub fn setup(bundle: Bundle<'static>, words: &'static str) -> Setup<'static> {
    Setup {
        bundle,
        words: Words::parse(words, Keys::GUEST).unwrap(),
        capabilities: capabilities(),
        seed: [7; 32],
        memory_bytes: 16_000_000,
    }
}

pub fn server(words: &'static str) -> Server<'static> {
    Server::new(&setup(bundle(100_000), words)).unwrap()
}

/// Keeps lines.
#[derive(Debug, Default)]
pub struct Lines(pub Vec<(Line, String)>, pub String);

impl Console for Lines {
    fn line(&mut self, kind: Line, text: &str) {
        assert!(text.len() <= applgen_net::LINE_BYTES);
        assert!(
            text.bytes().all(|byte| (32..127).contains(&byte)),
            "{text:?}"
        );
        self.0.push((kind, text.to_string()));
    }

    fn access(&mut self, part: &str) {
        let is_shown = |byte| byte == b'\n' || (32..127).contains(&byte);
        assert!(part.bytes().all(is_shown), "{part:?}");
        self.1.push_str(part);
    }
}

impl Lines {
    pub fn of(&self, kind: Line) -> Vec<&str> {
        let lines = self.0.iter().filter(|(this, _)| *this == kind);
        lines.map(|(_, text)| text.as_str()).collect()
    }
}

/// Random numbers that are the same on every run (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn per_mille(&mut self, chance: u64) -> bool {
        self.below(1000) < chance
    }
}
