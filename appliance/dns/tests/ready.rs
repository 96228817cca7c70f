//! Ready records are what the parts would have made: a query with DO, to which nothing
//! ready is given, has the same answer in a zone without signatures. Only its compression
//! may be better, where the question has a host of the records below their owner.

use applgen_bundle::write::{BundleWriter, DnsOptions, DnsSection, ZoneRecord};
use applgen_bundle::{Bundle, TAG_DNS, dns::Zones};
use applgen_dns::{Peer, Server, Transport};

/// A name below the apex, in wire form.
fn name(labels: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in labels.split('.').filter(|label| !label.is_empty()) {
        wire.push(label.len() as u8);
        wire.extend(label.bytes());
    }
    wire.extend(b"\x07eXample\x03org\0");
    wire
}

fn record(owner: &str, kind: u16, data: Vec<u8>) -> ZoneRecord {
    ZoneRecord {
        owner: name(owner),
        kind,
        ttl: 300,
        data,
    }
}

/// The zone; `own` is a name with the server's own addresses.
fn bundle(own: &str) -> Vec<u8> {
    let soa = [name("ns1"), name("Host.mail"), vec![0, 0, 0, 60].repeat(5)].concat();
    let mut records = vec![
        record("", 6, soa),
        record("", 2, name("ns1")),
        record("ns1", 1, vec![192, 0, 2, 53]),
        record("www", 1, vec![192, 0, 2, 1]),
        // With glue below the cut, of a sibling, of ours, and with none.
        record("cut", 2, name("ns.CUT")),
        record("cut", 2, name("a.b.sibling")),
        record("cut", 2, name("ns1")),
        record("cut", 2, b"\x02ns\x07example\x03com\0".to_vec()),
        record("ns.cut", 1, vec![192, 0, 2, 2]),
        record("ns.cut", 28, vec![0x20; 16]),
        record("a.b.sibling", 1, vec![192, 0, 2, 3]),
        record("sibling", 2, name("a.b.sibling")),
        record("x.y.deep", 2, name("cut")),
    ];
    // More glue than fits into 512 bytes, and more than into 1232.
    for (cut, count) in [("wide", 20), ("wider", 60)] {
        for number in 0..count {
            let host = format!("n{number}.{cut}");
            records.push(record(cut, 2, name(&host)));
            records.push(record(&host, 1, vec![192, 0, 2, number]));
        }
    }
    let mut section = DnsSection::new(DnsOptions {
        own: vec![name(own)],
        ..DnsOptions::default()
    });
    section.zone(&name(""), records).unwrap();
    let mut writer = BundleWriter::new();
    writer.dns(section).unwrap();
    writer.finish().unwrap().to_vec()
}

/// The whole answer to a query with EDNS.
fn ask(server: &Server<'_>, labels: &str, kind: u8, size: u16, dnssec: bool) -> Vec<u8> {
    let [s0, s1] = size.to_be_bytes();
    let head = b"\x12\x34\0\0\0\x01\0\0\0\0\0\x01";
    let opt = [0, 0, 41, s0, s1, 0, 0, u8::from(dnssec) << 7, 0, 0, 0];
    let query = [&head[..], &name(labels), &[0, kind, 0, 1], &opt].concat();
    let peer = Peer {
        address: [192, 0, 2, 99].into(),
        transport: Transport::Udp,
        seconds: 0,
    };
    let mut buffer = [0; 1232];
    buffer[..query.len()].copy_from_slice(&query);
    let reply = server.answer(&mut buffer, query.len(), &peer).unwrap();
    buffer[..reply.length].to_vec()
}

/// Adds the name at an offset to what is read of a message, in full and lower case; where
/// it ends there.
fn expand_name(message: &[u8], mut at: usize, read: &mut Vec<u8>) -> usize {
    let mut end = None;
    loop {
        let length = usize::from(message[at]);
        match length {
            0xc0.. => {
                end = end.or(Some(at + 2));
                let to = (length & 0x3f) << 8 | usize::from(message[at + 1]);
                assert!(to < at, "a pointer that does not lead back");
                at = to;
                continue;
            }
            _ => read.extend(message[at..=at + length].to_ascii_lowercase()),
        }
        at += length + 1;
        if length == 0 {
            return end.unwrap_or(at);
        }
    }
}

/// A message without compression, RDLENGTHs and the flag DO.
fn expand(message: &[u8]) -> Vec<u8> {
    let count = |at| usize::from(message[at]) << 8 | usize::from(message[at + 1]);
    let mut read = message[..12].to_vec();
    let mut at = expand_name(message, 12, &mut read) + 4;
    for _ in 0..count(6) + count(8) + count(10) {
        at = expand_name(message, at, &mut read);
        let (head, data) = (&message[at..at + 10], at + 10);
        at = data + (usize::from(head[8]) << 8 | usize::from(head[9]));
        read.extend(&head[..4]);
        let mut rest = data;
        match head[1] {
            41 => {}
            kind => {
                read.extend(&head[4..8]);
                let names = match kind {
                    2 => 1,
                    6 => 2,
                    _ => 0,
                };
                for _ in 0..names {
                    rest = expand_name(message, rest, &mut read);
                }
            }
        }
        read.extend(&message[rest..at]);
    }
    assert_eq!(at, message.len());
    read
}

#[test]
fn ready_records_are_what_the_parts_make() {
    let names = [
        "",
        "none",
        "a.b.c.none",
        "www",
        "x.www",
        "ns1",
        "deep",
        "y.deep",
        "x.y.deep",
        "cut",
        "CUT",
        "a.Cut",
        "ns.cut",
        "sibling",
        "x.sibling",
        "b.sibling",
        "wide",
        "q.wide",
        "wider",
    ];
    let mut referrals = 0;
    for own in ["nobody", "ns1", "ns.cut"] {
        let bytes = bundle(own);
        let section = Bundle::parse(&bytes).unwrap().section(TAG_DNS).unwrap();
        let server = Server::new(Zones::parse(section).unwrap(), [1; 16]);
        for labels in names {
            for kind in [1, 2, 16, 43, 255] {
                for size in [512, 700, 1232] {
                    let ready = ask(&server, labels, kind, size, false);
                    let parts = ask(&server, labels, kind, size, true);
                    let same = expand(&ready) == expand(&parts);
                    assert!(same, "{labels} {kind} {size} {own}: {ready:?} {parts:?}");
                    referrals += usize::from(ready[2] & 4 == 0 && ready[9] > 0);
                }
            }
        }
    }
    assert!(referrals > 200, "{referrals}");
}
