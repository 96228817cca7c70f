//! DNS over TCP: one query after another.
#![cfg(feature = "dns")]

mod common;

use applgen_bundle::Bundle;
use applgen_bundle::write::{BundleWriter, DnsOptions, DnsSection, ZoneRecord};
use common::bench::Bench;
use common::frames::Segment;
use common::{WORDS, setup};
use smoltcp::wire::TcpControl;
use std::net::Ipv4Addr;

const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const QUERY: &[u8] = b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x07example\0\0\x01\0\x01";

/// A zone of one address.
fn zone() -> Bundle<'static> {
    let apex = b"\x07example\0";
    let record = |kind, data: &[u8]| ZoneRecord {
        owner: apex.to_vec(),
        kind,
        ttl: 60,
        data: data.to_vec(),
    };
    let mut section = DnsSection::new(DnsOptions::default());
    let soa = [&b"\0\0"[..], &[0; 20]].concat();
    let records = vec![record(6, &soa), record(1, &[192, 0, 2, 1])];
    section.zone(apex, records).unwrap();
    let mut writer = BundleWriter::new();
    writer.dns(section).unwrap();
    let bytes = writer.finish().unwrap().to_vec();
    Bundle::parse(Box::leak(bytes.into_boxed_slice())).unwrap()
}

#[test]
fn a_query_behind_what_has_no_answer_is_answered() {
    let mut bench = Bench::new(&setup(zone(), WORDS));
    let syn = Segment {
        to_port: 53,
        ..Segment::syn(HERE, 4000, 1000)
    };
    let answer = bench.segments(syn.frame()).remove(0);
    // A response, which nobody answers, and then a query, in one segment.
    let mut response = QUERY.to_vec();
    response[2] = 0x80;
    let framed = |message: &[u8]| [&(message.len() as u16).to_be_bytes(), message].concat();
    let stream = [framed(&response), framed(&response), framed(QUERY)].concat();
    let asks = Segment {
        control: TcpControl::None,
        seq: 1001,
        ack: Some(answer.seq.wrapping_add(1)),
        payload: &stream,
        ..syn
    };
    let answers = bench.segments(asks.frame());
    let payload = answers.iter().find(|seen| !seen.payload.is_empty());
    let payload = &payload.expect("an answer").payload;
    assert_eq!(payload[2..4], QUERY[..2]);
    assert!(payload.ends_with(&[192, 0, 2, 1]));
}
