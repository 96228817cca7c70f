//! A fuzzer of the connection machine, and so of every parser that it uses:
//! bytes in, whatever they are; answers out that are well-formed, the same for
//! every cut, and within the bounds that a server relies on.
//!
//! Inputs are requests that were cut, copied, spliced and damaged, starting from
//! a seed that is the same each time. `FUZZ_SECONDS=3600` makes a long run,
//! `FUZZ_SEED=N` another one, `FUZZ_INPUT=FILE` runs one input: its first byte
//! says where it is cut, the rest is what a client sends.

mod common;

use common::{Driver, bundle, site};
use std::time::{Duration, Instant};

/// What inputs are made of.
const CORPUS: [&[u8]; 16] = [
    b"GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip;q=0.5, br\r\n\r\n",
    b"HEAD /plain.txt HTTP/1.1\r\nHost: www.example.org:80\r\nIf-None-Match: \"a\", W/\"b\"\r\n\r\n",
    b"GET /plain.txt HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1,-3,5-\r\nIf-Range: \"x\"\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    b"GET /empty HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n",
    b"GET http://a.example.net/r/%41/%2f?q HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /very/deep/../%2e%2e/out//x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n!",
    b"\r\nGET /app/a HTTP/1.1\r\nhost:h\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n",
    b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
    b"Content-Length: 99999999999999999999\r\n",
    b"Range: bytes=18446744073709551615-\r\n",
    b"ffffffffffffffff\r\n",
    b"\r\n\r\n",
    b"%00%2e%2F%",
];

/// Xorshift64*: the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 11) as usize % bound.max(1)
    }
}

/// An input: the byte that says how it is cut, and what is sent.
fn input(random: &mut Random) -> Vec<u8> {
    let mut bytes = vec![random.next() as u8];
    for _ in 0..=random.below(4) {
        bytes.extend(CORPUS[random.below(CORPUS.len())]);
    }
    for _ in 0..random.below(6) {
        let at = random.below(bytes.len());
        match random.below(8) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.remove(at)),
            3 => bytes.insert(at, b"\r\n :%/,;-0\0\x7f\xff"[random.below(13)]),
            4 => bytes.truncate(at.max(1)),
            5 => {
                let end = (at + random.below(40)).min(bytes.len());
                let copied = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, copied);
            }
            6 => {
                let word = CORPUS[random.below(CORPUS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            _ => {
                let run = vec![bytes[at]; random.below(20_000)];
                bytes.splice(at..at, run);
            }
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
    bytes
}

/// What a client sees of one input.
fn exchange(bundle: &[u8], input: &[u8], piece: usize) -> (Vec<u8>, bool) {
    let mut driver = Driver::new(site(bundle));
    for piece in input.chunks(piece.max(1)) {
        driver.receive(piece);
    }
    let sent = driver
        .answers
        .iter()
        .flat_map(|answer| answer.bytes.clone());
    (sent.collect(), driver.closed)
}

fn check(bundle: &[u8], data: &[u8]) {
    let Some((&cut, input)) = data.split_first() else {
        return;
    };
    let whole = exchange(bundle, input, usize::MAX);
    // Long inputs are not cut to bytes, or nothing else would be tried.
    let piece = usize::from(cut) + input.len() / 256;
    assert_eq!(whole, exchange(bundle, input, piece), "cut into {piece}");
}

#[test]
fn whatever_comes_is_answered_or_refused() {
    let bundle = bundle();
    if let Ok(file) = std::env::var("FUZZ_INPUT") {
        return check(&bundle, &std::fs::read(file).unwrap());
    }
    let number = |name: &str, default| {
        let value = std::env::var(name).ok().and_then(|text| text.parse().ok());
        value.unwrap_or(default)
    };
    let mut random = Random(number("FUZZ_SEED", 1).max(1) ^ 0x9e37_79b9_7f4a_7c15);
    let until = Instant::now() + Duration::from_secs(number("FUZZ_SECONDS", 3));
    let mut count = 0_u64;
    while Instant::now() < until || count < 100 {
        let data = input(&mut random);
        let result = std::panic::catch_unwind(|| check(&bundle, &data));
        if let Err(panic) = result {
            let file = std::env::temp_dir().join("applgen-fuzz-input");
            std::fs::write(&file, &data).unwrap();
            eprintln!("run it again with FUZZ_INPUT={}", file.display());
            std::panic::resume_unwind(panic);
        }
        count += 1;
    }
    println!("{count} inputs");
}
