//! A fuzzer of DNS messages: whatever a datagram holds, it gets an answer that
//! hickory-proto reads, or none; never one to a response, never more bytes than
//! there is room for, and the same for the same.
//!
//! Inputs are built like queries (names near those of a zone with a record of
//! every type, odd types, classes, flags, options, signatures), then damaged; or
//! they are bytes. The seed is the same each time. `FUZZ_SECONDS=3600` makes a
//! long run, `FUZZ_SEED=N` another one.

use crate::random::Random;
use applgen::{
    report::Diagnostics,
    zones::reader::{Located, Reader},
};
use applgen_bundle::{
    Bundle, TAG_DNS,
    dns::Zones,
    write::{BundleWriter, DnsOptions, DnsSection, ZoneRecord},
};
use applgen_dns::{Peer, Server, Transport};
use std::{
    fs,
    time::{Duration, Instant},
};

const ORIGIN: &[u8] = b"\x07example\x03org\0";

impl Random {
    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        (0..self.below(most + 1))
            .map(|_| self.below(256) as u8)
            .collect()
    }

    fn short(&mut self) -> [u8; 2] {
        (self.below(65_536) as u16).to_be_bytes()
    }
}

/// A zone with a record of every type, delegations, aliases and wildcards.
fn records() -> Vec<Located> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../ci/dns/");
    let directory = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(directory.path()).unwrap();
    let mut text = fs::read(format!("{folder}types.zone")).unwrap();
    text.extend(b"\n$ORIGIN example.org.\nloop CNAME loop2\nloop2 CNAME loop\nself DNAME x.self\n");
    for number in 0..40 {
        text.extend(format!("chain{number} CNAME chain{}\n", number + 1).bytes());
        text.extend(
            format!(
                "many A 192.0.2.{number}\nbig TXT \"{}\"\n",
                "x".repeat(200 + number)
            )
            .bytes(),
        );
    }
    fs::write(root.join("zone"), &text).unwrap();
    fs::copy(format!("{folder}included.inc"), root.join("included.inc")).unwrap();
    let mut diagnostics = Diagnostics::new();
    let mut reader = Reader::new(&root, &mut diagnostics);
    reader.read(&root.join("zone"), "zone", text, ORIGIN);
    let Reader {
        records, failed, ..
    } = reader;
    assert!(!failed, "{:?}", diagnostics.iter().count());
    records
        .into_iter()
        .filter(|record| record.owner.to_ascii_lowercase().ends_with(ORIGIN))
        .collect()
}

/// A name: one of the zone, one near it, or anything.
fn name(random: &mut Random, owners: &[Vec<u8>]) -> Vec<u8> {
    let owner = &owners[random.below(owners.len())];
    match random.below(10) {
        0..=4 => owner.clone(),
        5 | 6 => [b"\x01x".as_slice(), owner].concat(),
        7 => [b"\x3f".as_slice(), &[b'A'; 63], owner].concat(),
        8 => owner.iter().map(u8::to_ascii_uppercase).collect(),
        _ => [&random.bytes(40)[..], owner].concat(),
    }
}

fn record(random: &mut Random, owners: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = match random.below(3) {
        0 => vec![0xc0, random.below(64) as u8],
        _ => name(random, owners),
    };
    bytes.extend((random.below(260) as u16).to_be_bytes());
    bytes.extend(random.short());
    bytes.extend([0; 4]);
    let data = random.bytes(30);
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

fn opt(random: &mut Random) -> Vec<u8> {
    let mut options = Vec::new();
    for _ in 0..random.below(4) {
        let kind = [3, 10, 10, 8, 12, 15, 65_001][random.below(7)] as u16;
        let value = match kind {
            10 => vec![7; [8, 24, 40, 7, 41][random.below(5)]],
            _ => random.bytes(20),
        };
        options.extend(kind.to_be_bytes());
        options.extend((value.len() as u16).to_be_bytes());
        options.extend(value);
    }
    let mut bytes = vec![0, 0, 41];
    bytes.extend(match random.chance(50) {
        true => random.short(),
        false => [4, 208],
    });
    bytes.extend([
        0,
        u8::from(random.chance(5)),
        0x80 * u8::from(random.chance(50)),
        0,
    ]);
    bytes.extend((options.len() as u16).to_be_bytes());
    bytes.extend(options);
    bytes
}

fn signature(random: &mut Random, owners: &[Vec<u8>]) -> Vec<u8> {
    let mac = random.bytes(32);
    let mut data = b"\x0bhmac-sha256\0\0\0\x01\x02\x03\x04\x01\x2c".to_vec();
    data.extend((mac.len() as u16).to_be_bytes());
    data.extend(mac);
    data.extend(b"\x12\x34\0\0\0\0");
    let mut bytes = match random.below(3) {
        0 => vec![0xc0, 12],
        _ => name(random, owners),
    };
    bytes.extend(b"\0\xfa\0\xff\0\0\0\0");
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}

/// A message that looks like a query.
fn query(random: &mut Random, owners: &[Vec<u8>]) -> Vec<u8> {
    let mut counts = [1, 0, 0, 0_u8];
    let mut behind = Vec::new();
    for (section, count) in counts.iter_mut().enumerate().skip(1) {
        if random.chance(4) {
            behind.extend(record(random, owners));
            *count += 1;
        }
        if section < 3 {
            continue;
        }
        if random.chance(60) {
            behind.extend(opt(random));
            *count += 1;
        }
        if random.chance(10) {
            behind.extend(signature(random, owners));
            *count += 1;
        }
    }
    if random.chance(3) {
        counts[random.below(4)] = random.below(256) as u8;
    }
    let mut bytes = random.short().to_vec();
    bytes.push(match random.chance(85) {
        true => random.below(2) as u8,
        false => random.below(256) as u8,
    });
    bytes.push(random.below(256) as u8);
    for count in counts {
        bytes.extend([0, count]);
    }
    if counts[0] > 0 {
        bytes.extend(name(random, owners));
        bytes.extend(match random.chance(80) {
            true => (random.below(265) as u16).to_be_bytes(),
            false => random.short(),
        });
        bytes.extend([0, [1, 1, 1, 1, 255, 3, 4][random.below(7)]]);
    }
    bytes.extend(behind);
    bytes
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..1 + random.below(4) {
        let at = random.below(bytes.len());
        match random.below(4) {
            _ if bytes.is_empty() => bytes.extend(random.bytes(20)),
            0 => bytes[at] = random.below(256) as u8,
            1 => bytes.truncate(at),
            2 => {
                let copied = bytes[at..(at + random.below(30)).min(bytes.len())].to_vec();
                bytes.splice(at..at, copied);
            }
            // Pointers: forward, to themselves, in circles.
            _ => drop(bytes.splice(at..at, [0xc0, random.below(80) as u8])),
        }
    }
}

#[test]
fn any_message_is_answered_or_not() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let limit = Duration::from_secs(number("FUZZ_SECONDS").unwrap_or(5));
    let mut random = Random(number("FUZZ_SEED").unwrap_or(0x5eed));
    let records: Vec<ZoneRecord> = records()
        .into_iter()
        .map(|record| ZoneRecord {
            owner: record.owner,
            kind: record.kind,
            ttl: record.ttl,
            data: record.data,
        })
        .collect();
    let owners: Vec<Vec<u8>> = records.iter().map(|record| record.owner.clone()).collect();
    let mut section = DnsSection::new(DnsOptions {
        nsid: Some(b"fuzzed".to_vec()),
        version: Some(b"fuzzed".to_vec()),
        ..DnsOptions::default()
    });
    section.zone(ORIGIN, records).unwrap();
    let mut writer = BundleWriter::new();
    writer.dns(section).unwrap();
    let bundle = writer.finish().unwrap().to_vec();
    let section = Bundle::parse(&bundle).unwrap().section(TAG_DNS).unwrap();
    let server = Server::new(Zones::parse(section).unwrap(), [7; 16]);

    let started = Instant::now();
    let (mut inputs, mut answered, mut codes) = (0_u64, 0_u64, [0_u64; 16]);
    let (mut buffer, mut again) = (vec![0; 65_535], vec![0; 65_535]);
    while started.elapsed() < limit {
        let mut input = match random.below(10) {
            0 => random.bytes(600),
            _ => query(&mut random, &owners),
        };
        if random.chance(40) {
            damage(&mut random, &mut input);
        }
        let transport = match random.chance(60) {
            true => Transport::Udp,
            false => Transport::Tcp,
        };
        let peer = Peer {
            address: [192, 0, 2, 99].into(),
            transport,
            seconds: 1000,
        };
        // What a driver has room for: never less than the query.
        let room = match random.below(4) {
            0 => input.len(),
            1 => (input.len() + random.below(200)).min(65_535),
            2 => input.len().max(2048),
            _ => 65_535,
        };
        let shown = || format!("{transport:?} {room} {}", input.escape_ascii());
        buffer[..input.len()].copy_from_slice(&input);
        again[..input.len()].copy_from_slice(&input);
        again[input.len()..room].fill(0xaa);
        inputs += 1;
        let reply = server.answer(&mut buffer[..room], input.len(), &peer);
        let twin = server.answer(&mut again[..room], input.len(), &peer);
        assert_eq!(
            reply.map(|r| r.length),
            twin.map(|r| r.length),
            "{}",
            shown()
        );
        let Some(reply) = reply else { continue };
        answered += 1;
        let answer = &buffer[..reply.length];
        assert_eq!(answer, &again[..reply.length], "{}", shown());
        // Never an answer to a response, always one to this query.
        assert!(input.len() >= 12 && input[2] & 0x80 == 0, "{}", shown());
        assert!(
            answer[2] & 0x80 != 0 && answer[..2] == input[..2],
            "{}",
            shown()
        );
        let most = match transport {
            Transport::Udp => 1232,
            Transport::Tcp => 65_535,
        };
        assert!(reply.length <= room.min(most), "{}", shown());
        codes[usize::from(answer[3] & 15)] += 1;
        if let Err(error) = hickory_proto::op::Message::from_vec(answer) {
            panic!("{error}: {} from {}", answer.escape_ascii(), shown());
        }
        // A truncated one is an answer too.
        let length = reply.truncate(&mut buffer[..room]);
        let short = hickory_proto::op::Message::from_vec(&buffer[..length]);
        assert!(short.is_ok_and(|short| short.truncation), "{}", shown());
    }
    println!("{inputs} inputs, {answered} answered, codes {codes:?}");
    let common = [0, 1, 3, 4, 5, 9];
    assert!(
        inputs > 1000 && common.iter().all(|&code| codes[code] > 0),
        "{inputs} inputs, {answered} answered, codes {codes:?}"
    );
}
