//! A fuzzer of zone text: whatever a file holds, it is read or refused, without
//! a panic and within bounds of time and memory; what is read can be compiled.
//!
//! Inputs are the zones that `ci/test dns` compares with other servers, cut,
//! copied, spliced and damaged, starting from a seed that is the same each
//! time. `FUZZ_SECONDS=3600` makes a long run, `FUZZ_SEED=N` another one.

use crate::random::Random;
use applgen::{
    report::Diagnostics,
    zones::reader::{Located, Reader},
};
use applgen_bundle::write::{DnsOptions, DnsSection, ZoneRecord};
use std::{
    fs,
    time::{Duration, Instant},
};

const ORIGIN: &[u8] = b"\x07example\x03org\0";

/// Text that is put in anywhere.
const WORDS: [&[u8]; 24] = [
    b"(",
    b")",
    b"\"",
    b"\\",
    b"\\# 4 01020304",
    b";",
    b"\n",
    b"\n\t",
    b"\0",
    b"\xff",
    b"@",
    b".",
    b"$ORIGIN ",
    b"$TTL ",
    b"$INCLUDE zone ",
    b"$GENERATE 0-9 a${0,300,n} A 192.0.2.$\n",
    b"$GENERATE 0-2147483647/1073741824 $ TXT ${-5,3,x}\n",
    b"4294967295",
    b"99999999999999999999",
    b"-1",
    b"1w2d",
    b"TYPE65535",
    b"\\256",
    b"a.b.c.d.e.f.g.",
];

/// Reads a text in an empty directory, but for the file `zone`, which is itself.
fn read(directory: &std::path::Path, text: &[u8]) -> (Vec<Located>, bool, usize) {
    let path = directory.join("zone");
    fs::write(&path, text).unwrap();
    let mut diagnostics = Diagnostics::new();
    let mut reader = Reader::new(directory, &mut diagnostics);
    reader.read(&path, "zone", text.to_vec(), ORIGIN);
    let Reader {
        records, failed, ..
    } = reader;
    (records, failed, diagnostics.iter().count())
}

fn directory() -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = fs::canonicalize(directory.path()).unwrap();
    (directory, path)
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../ci/dns/");
    let types = fs::read(format!("{folder}types.zone")).unwrap();
    let verdicts = fs::read_to_string(format!("{folder}verdicts.txt")).unwrap();
    let mut corpus: Vec<Vec<u8>> = types
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    corpus.extend(
        verdicts
            .split("\n## ")
            .map(|block| block.as_bytes().to_vec()),
    );
    corpus
}

#[test]
fn any_text_is_read_or_refused() {
    let seed = std::env::var("FUZZ_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seconds = std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let limit = Duration::from_secs(seconds.unwrap_or(5));
    let (corpus, (_kept, directory)) = (corpus(), directory());
    let mut random = Random(seed.unwrap_or(0x5eed));
    let started = Instant::now();
    let (mut inputs, mut loaded) = (0_u64, 0_u64);
    while started.elapsed() < limit {
        let mut text = b"$TTL 60\n@ SOA a b 1 2 3 4 5\n".to_vec();
        for _ in 0..=random.below(6) {
            text.extend(&corpus[random.below(corpus.len())]);
            text.push(b'\n');
        }
        for _ in 0..random.below(5) {
            let at = random.below(text.len());
            let to = (at + random.below(20)).min(text.len());
            match random.below(4) {
                0 => text[at] = random.below(256) as u8,
                1 => drop(text.drain(at..to)),
                2 => {
                    let copied = text[at..to].to_vec();
                    text.splice(at..at, copied);
                }
                _ => {
                    let word = WORDS[random.below(WORDS.len())];
                    text.splice(at..at, word.iter().copied());
                }
            }
        }
        let one = Instant::now();
        let (records, failed, _) = read(&directory, &text);
        assert!(
            one.elapsed() < Duration::from_secs(20),
            "{}",
            text.escape_ascii()
        );
        inputs += 1;
        if failed {
            continue;
        }
        loaded += 1;
        // Compiling may refuse it, and does not panic.
        let records = records.into_iter().map(|record| ZoneRecord {
            owner: record.owner,
            kind: record.kind,
            ttl: record.ttl,
            data: record.data,
        });
        let mut section = DnsSection::new(DnsOptions::default());
        if section.zone(ORIGIN, records.collect()).is_ok() {
            let mut writer = applgen_bundle::write::BundleWriter::new();
            let _ = writer.dns(section).is_ok().then(|| writer.finish().is_ok());
        }
    }
    println!("{inputs} inputs, {loaded} of them zones");
    assert!(
        inputs > 50 && loaded > 0,
        "{inputs} inputs, {loaded} of them zones"
    );
}

#[test]
fn what_never_ends_has_an_end() {
    let (_kept, directory) = directory();
    let most = |text: &[u8]| {
        let started = Instant::now();
        let (records, failed, told) = read(&directory, text);
        assert!(started.elapsed() < Duration::from_secs(60));
        assert!(
            told < 200 && records.len() <= 1 << 21,
            "{told} {}",
            records.len()
        );
        failed
    };
    // Parentheses, quotes and words without an end.
    assert!(most(&b"(".repeat(1 << 20)));
    assert!(most(&b"a (\n".repeat(1 << 16)));
    assert!(most(&[b"a TXT \"", &b"x".repeat(1 << 20)[..]].concat()));
    assert!(most(&b"a.".repeat(1 << 20)));
    assert!(most(&b"x\n".repeat(1 << 18)));
    // Ranges of billions.
    assert!(most(b"$GENERATE 0-2147483647 a$ A 192.0.2.1\n"));
    assert!(most(b"$GENERATE 0-9 a${0,99999999} A 192.0.2.1\n"));
    // Files that include themselves, once and many times.
    assert!(most(b"$INCLUDE zone\n"));
    assert!(most(&b"$INCLUDE zone\n".repeat(64)));
}
