//! The time from a query in a buffer to its answer in the same buffer, over a
//! zone of 10,000 names: `cargo bench -p applgen-dns`.
//!
//! Every iteration asks another name, so that neither caches nor branch
//! prediction know the answer. The copy of the query into the buffer, which a
//! driver does not make, is measured alone too.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use applgen_bundle::write::{BundleWriter, DnsOptions, DnsSection, ZoneRecord};
use applgen_bundle::{Bundle, TAG_DNS, dns::Zones};
use applgen_dns::{Peer, Server, Transport};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const NAMES: usize = 10_000;
const APEX: &[u8] = b"\x07example\x03org\0";

/// Wire form of labels below the apex.
fn name(labels: &[&str]) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in labels {
        wire.push(label.len() as u8);
        wire.extend(label.bytes());
    }
    wire.extend(APEX);
    wire
}

/// Hosts, delegations with glue, and wildcards, 10,000 names in all.
fn bundle() -> Vec<u8> {
    let record = |owner: &[&str], kind, data: Vec<u8>| ZoneRecord {
        owner: name(owner),
        kind,
        ttl: 300,
        data,
    };
    let soa = [name(&["ns1"]), name(&["host"]), vec![0; 20]].concat();
    let mut records = vec![
        record(&[], 6, soa),
        record(&[], 2, name(&["ns1"])),
        record(&["ns1"], 1, vec![192, 0, 2, 53]),
    ];
    for number in 0..NAMES {
        let label = format!("host-{number}");
        let address = vec![192, 0, (number / 250) as u8, (number % 250) as u8];
        match number % 10 {
            8 => {
                records.push(record(&[&label], 2, name(&["ns", &label])));
                records.push(record(&["ns", &label], 1, address));
            }
            9 => records.push(record(&["*", &label], 1, address)),
            _ => records.push(record(&[&label], 1, address)),
        }
    }
    let mut section = DnsSection::new(DnsOptions::default());
    section.zone(APEX, records).expect("a zone");
    let mut writer = BundleWriter::new();
    writer.dns(section).expect("a section");
    writer.finish().expect("a bundle").to_vec()
}

/// A query for an A record, as dnsperf and resolvers send it: with EDNS or not.
fn query(labels: &[&str], edns: bool) -> Vec<u8> {
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
    query.extend(name(labels));
    query.extend([0, 1, 0, 1]);
    if edns {
        query.extend([0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0]);
    }
    query
}

/// A name, queries, and what tells their answers: code, answers, authorities.
type Mix = (&'static str, Vec<Vec<u8>>, [u8; 3]);

/// Numbers without an order.
fn shuffled(step: u64) -> usize {
    (step.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % (NAMES / 10) * 10
}

fn lookups(criterion: &mut Criterion) {
    let bytes = bundle();
    let section = Bundle::parse(&bytes).expect("a bundle").section(TAG_DNS);
    let zones = Zones::parse(section.expect("a section")).expect("zones");
    let server = Server::new(zones, [7; 16]);
    let peer = Peer {
        address: [192, 0, 2, 99].into(),
        transport: Transport::Udp,
        seconds: 0,
    };
    let mut group = criterion.benchmark_group("dns");
    group.throughput(Throughput::Elements(1));
    let ask = |below: usize, label: &str, edns| -> Vec<Vec<u8>> {
        (0..1024)
            .map(|step| {
                let host = format!("host-{}", shuffled(step) + below);
                match label {
                    "" => query(&[&host], edns),
                    label => query(&[label, &host], edns),
                }
            })
            .collect()
    };
    let mixes: [Mix; 5] = [
        ("positive", ask(0, "", false), [0, 1, 0]),
        ("positive-edns", ask(0, "", true), [0, 1, 0]),
        ("nxdomain", ask(0, "none", false), [3, 0, 1]),
        ("wildcard", ask(9, "any", false), [0, 1, 0]),
        ("referral", ask(8, "www", false), [0, 0, 1]),
    ];
    let mut buffer = [0; 1232];
    for (mix, queries, expected) in mixes {
        for query in &queries {
            buffer[..query.len()].copy_from_slice(query);
            server
                .answer(&mut buffer, query.len(), &peer)
                .expect("an answer");
            let is = [buffer[3] & 15, buffer[7], buffer[9]];
            assert_eq!(is, expected, "{mix}");
        }
        let mut turn = queries.iter().cycle();
        group.bench_function(mix, |bencher| {
            bencher.iter(|| {
                let query = turn.next().expect("a circle has no end");
                buffer[..query.len()].copy_from_slice(query);
                let reply = server.answer(black_box(&mut buffer), query.len(), &peer);
                reply.map(|reply| reply.length)
            });
        });
    }
    let queries = ask(0, "", false);
    let mut turn = queries.iter().cycle();
    group.bench_function("copy-of-the-query", |bencher| {
        bencher.iter(|| {
            let query = turn.next().expect("a circle has no end");
            buffer[..query.len()].copy_from_slice(query);
            black_box(&mut buffer);
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = lookups
}
criterion_main!(benches);
