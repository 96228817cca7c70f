//! Names whose addresses are the server's own (`[dns] self`).

use applgen_bundle::write::{BundleWriter, DnsOptions, DnsSection, ZoneRecord};
use applgen_bundle::{Bundle, TAG_DNS, dns::Zones};
use applgen_dns::{Own, Peer, Server, Transport};

const APEX: &[u8] = b"\x07example\0";

/// Answer and additional records of a question for the apex: type and data of each.
fn ask(known: [u8; 4], own: Option<Own>, kind: u8) -> Vec<(u8, Vec<u8>)> {
    let record = |kind, data: &[u8]| ZoneRecord {
        owner: APEX.to_vec(),
        kind,
        ttl: 60,
        data: data.to_vec(),
    };
    let mut section = DnsSection::new(DnsOptions {
        own: vec![b"\x07EXAMPLE\0".to_vec()],
        ..DnsOptions::default()
    });
    let records = vec![
        record(6, &[&b"\0\0"[..], &[0; 20]].concat()),
        record(2, APEX),
        record(1, &known),
        record(28, &[0; 16]),
    ];
    section.zone(APEX, records).unwrap();
    let mut writer = BundleWriter::new();
    writer.dns(section).unwrap();
    let bytes = writer.finish().unwrap().to_vec();
    let section = Bundle::parse(&bytes).unwrap().section(TAG_DNS).unwrap();
    let mut server = Server::new(Zones::parse(section).unwrap(), [1; 16]);
    if let Some(own) = own {
        server.set_own(own);
    }
    let peer = Peer {
        address: [192, 0, 2, 99].into(),
        transport: Transport::Udp,
        seconds: 0,
    };
    let query = [b"\0\0\0\0\0\x01\0\0\0\0\0\0", APEX, &[0, kind, 0, 1]].concat();
    let mut buffer = [0; 1232];
    buffer[..query.len()].copy_from_slice(&query);
    let reply = server.answer(&mut buffer, query.len(), &peer).unwrap();
    let count = usize::from(buffer[7]) + usize::from(buffer[11]);
    let mut at = query.len();
    let mut found = Vec::new();
    // All owners here are pointers.
    for _ in 0..count {
        let length = usize::from(buffer[at + 11]);
        let data = buffer[at + 12..at + 12 + length].to_vec();
        found.push((buffer[at + 3], data));
        at += 12 + length;
    }
    if buffer[9] == 0 {
        assert_eq!(at, reply.length);
    }
    found
}

#[test]
fn the_addresses_are_those_of_the_server() {
    let known = [192, 0, 2, 7];
    let both = Own {
        ipv4: Some([198, 51, 100, 3]),
        ipv6: Some([9; 16]),
    };
    let four = vec![(1, vec![198, 51, 100, 3])];
    let six = vec![(28, vec![9; 16])];
    assert_eq!(ask(known, Some(both), 1), four);
    assert_eq!(ask(known, Some(both), 28), six);
    // Glue too.
    let glue = ask(known, Some(both), 2);
    assert_eq!(glue[1..], [four[0].clone(), six[0].clone()]);
    // Of a family that it has none of, there is no record, in no section.
    let only_six = Own { ipv4: None, ..both };
    assert_eq!(ask(known, Some(only_six), 1), []);
    assert_eq!(ask(known, Some(only_six), 2)[1..], six);
    assert_eq!(ask(known, Some(Own::default()), 2).len(), 1);
    assert_eq!(ask(known, Some(Own::default()), 255).len(), 1);
}

#[test]
fn without_them_those_known_at_build_stand() {
    assert_eq!(ask([192, 0, 2, 7], None, 1), [(1, vec![192, 0, 2, 7])]);
    assert_eq!(ask([0; 4], None, 1), []);
    assert_eq!(ask([192, 0, 2, 7], None, 28), []);
    assert_eq!(ask([192, 0, 2, 7], None, 2).len(), 2);
}
