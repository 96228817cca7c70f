//! However the input is cut, the answers are the same; and whatever the input,
//! nothing breaks.
//!
//! These are the fuzz targets of the connection machine, in a form that runs
//! everywhere: inputs are made of the fragments that requests are made of, and
//! of noise. `PROPTEST_CASES=100000` makes a long run of them.

mod common;

use common::{Driver, bundle, site};
use proptest::prelude::*;

/// Fragments of requests, good and bad, from which inputs are put together.
const FRAGMENTS: [&str; 55] = [
    "GET ",
    "HEAD ",
    "POST ",
    "OPTIONS ",
    "CONNECT ",
    "BREW ",
    "/",
    "*",
    "/index.html",
    "/deep?q",
    "/plain.txt",
    "/%2e%2e/",
    "/a%20b/",
    "%",
    "http://h/",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    " HTTP/2.0\r\n",
    "Host: h\r\n",
    "Host: a b\r\n",
    "Host: www.example.org\r\n",
    "/out/",
    "/r/%41/b",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 99999\r\n",
    "Content-Length: x\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Expect: 100-continue\r\n",
    "Expect: x\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive\r\n",
    "Accept-Encoding: gzip, br;q=0.5\r\n",
    "If-None-Match: \"AAAAAAAAAAAAAAAAAAAAAA\"\r\n",
    "If-Match: \"x\"\r\n",
    "Range: bytes=1-2\r\n",
    "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    "Range: bytes=99-\r\n",
    " folded\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "abc",
    "3\r\n",
    "3\r\nabc\r\n",
    "0\r\n\r\n",
    "0\r\nA: b\r\n\r\n",
    "ffffffff\r\n",
    "3;x\r\n",
    ":",
    "\0",
    "\t",
    "é",
];

/// Whole requests, so that connections come beyond their first.
const REQUESTS: [&str; 9] = [
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "HEAD /plain.txt HTTP/1.1\r\nHost: h\r\nAccept-Encoding: br\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
    "GET /nothing HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "GET /deep?x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
    "\r\nGET /empty HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n!",
    "GET /plain.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=-4\r\n\r\n",
    "GET /plain.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=-1,0-1,3-4\r\nContent-Length: 1\r\n\r\n!",
];

fn any_input() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(&REQUESTS[..]).prop_map(|text| text.as_bytes().to_vec()),
        8 => prop::sample::select(&FRAGMENTS[..]).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..40),
        1 => (prop::sample::select(&b"aA/%\r\n: 0"[..]), 1..20_000_usize)
            .prop_map(|(byte, count)| vec![byte; count]),
    ];
    (
        prop::collection::vec(piece, 1..20),
        prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        prop::bool::weighted(0.3),
    )
        .prop_map(|(pieces, damage, damaged)| {
            let mut input = pieces.concat();
            for (index, byte) in damage.into_iter().filter(|_| damaged) {
                let index = index.index(input.len());
                input[index] = byte;
            }
            input
        })
}

/// What the client sees: everything but how much of a refused line is logged.
fn wire(driver: &Driver<'_>) -> (String, bool) {
    let text = driver.answers.iter().map(|answer| answer.text()).collect();
    (text, driver.closed)
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_split_of_the_input_gives_the_same_answers(
        input in any_input(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bytes = bundle();
        let mut whole = Driver::new(site(&bytes));
        whole.receive(&input);

        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(input.len())).collect();
        at.extend([0, input.len()]);
        at.sort_unstable();
        let mut cut = Driver::new(site(&bytes));
        for pair in at.windows(2) {
            cut.receive(&input[pair[0]..pair[1]]);
        }
        prop_assert_eq!(wire(&whole), wire(&cut));

        if input.len() < 2000 {
            let mut bytewise = Driver::new(site(&bytes));
            for byte in &input {
                bytewise.receive(std::slice::from_ref(byte));
            }
            prop_assert_eq!(wire(&whole), wire(&bytewise));
        }
    }

    #[test]
    fn noise_is_survived(input in prop::collection::vec(any::<u8>(), 0..3000)) {
        let bytes = bundle();
        let mut driver = Driver::new(site(&bytes));
        driver.receive(&input);
        prop_assert!(driver.answers.len() <= 1);
    }

    #[test]
    fn damaged_bundles_are_survived(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
    ) {
        let mut bytes = bundle();
        for (index, byte) in damage {
            let index = 48 + index.index(bytes.len() - 48);
            bytes[index] = byte;
        }
        let section = applgen_bundle::Bundle::parse(&bytes).unwrap().section(*b"http").unwrap();
        let Ok(site) = applgen_bundle::http::Site::parse(section) else {
            return Ok(());
        };
        let mut head = [0; applgen_http::limits::HEAD_MAX];
        for request in REQUESTS {
            let mut connection = applgen_http::Connection::new();
            let _ = connection.step(&site, request.as_bytes(), None, &mut head);
        }
    }
}
