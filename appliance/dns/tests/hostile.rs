//! Messages from strangers: odd queries as RFC 8906 has them, and bytes that are
//! no query at all.

use applgen_bundle::write::{BundleWriter, DnsOptions, DnsSection, ZoneRecord};
use applgen_bundle::{Bundle, TAG_DNS, dns::Zones};
use applgen_dns::{Peer, Server, Transport};
use proptest::prelude::*;
use std::sync::LazyLock;

const APEX: &[u8] = b"\x07example\0";

static BUNDLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let record = |owner: &[u8], kind, data: &[u8]| ZoneRecord {
        owner: [owner, APEX].concat(),
        kind,
        ttl: 60,
        data: data.to_vec(),
    };
    let mut section = DnsSection::new(DnsOptions {
        version: Some(b"test".to_vec()),
        nsid: Some(b"one".to_vec()),
        ..DnsOptions::default()
    });
    let records = vec![
        record(b"", 6, &[&b"\0\0"[..], &[0; 20]].concat()),
        record(b"", 2, b"\x02ns\x07example\0"),
        record(b"\x02ns", 1, &[192, 0, 2, 1]),
        record(b"\x01*\x01w", 16, b"\x01x"),
        record(b"\x01c", 5, b"\x01c\x01w\x07example\0"),
        record(b"\x01d", 39, b"\x01w\x07example\0"),
        record(b"\x03cut", 2, b"\x02ns\x03cut\x07example\0"),
        record(b"\x02ns\x03cut", 1, &[192, 0, 2, 2]),
    ];
    section.zone(APEX, records).unwrap();
    let mut writer = BundleWriter::new();
    writer.dns(section).unwrap();
    writer.finish().unwrap().to_vec()
});

fn answer_over(transport: Transport, query: &[u8]) -> Option<Vec<u8>> {
    let section = Bundle::parse(&BUNDLE).unwrap().section(TAG_DNS).unwrap();
    let server = Server::new(Zones::parse(section).unwrap(), [1; 16]);
    let peer = Peer {
        address: [192, 0, 2, 99].into(),
        transport,
        seconds: 1000,
    };
    let mut buffer = vec![0; 65_535];
    buffer[..query.len()].copy_from_slice(query);
    let reply = server.answer(&mut buffer, query.len(), &peer)?;
    Some(buffer[..reply.length].to_vec())
}

fn answer(query: &[u8]) -> Option<Vec<u8>> {
    answer_over(Transport::Udp, query)
}

/// A query for the apex: flags, counts, type, class, what follows.
fn query(flags: [u8; 2], counts: [u8; 4], kind: u16, class: u16, more: &[u8]) -> Vec<u8> {
    let [q, an, ns, ar] = counts;
    let mut bytes = vec![0x12, 0x34, flags[0], flags[1], 0, q, 0, an, 0, ns, 0, ar];
    bytes.extend(APEX);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    bytes.extend(more);
    bytes
}

fn opt(version: u8, flags: u16, options: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 41, 4, 0xd0, 0, version];
    bytes.extend(flags.to_be_bytes());
    bytes.extend((options.len() as u16).to_be_bytes());
    bytes.extend(options);
    bytes
}

#[test]
fn the_queries_of_rfc_8906() {
    let soa = answer(&query([0, 0], [1, 0, 0, 0], 6, 1, &[])).unwrap();
    assert_eq!(&soa[..8], b"\x12\x34\x84\0\0\x01\0\x01");
    // An unknown type is NODATA.
    let unknown = answer(&query([0, 0], [1, 0, 0, 0], 1000, 1, &[])).unwrap();
    assert_eq!(&unknown[2..10], b"\x84\0\0\x01\0\0\0\x01");
    // RD comes back; Z, AD and CD do not.
    let flags = answer(&query([1, 0x70], [1, 0, 0, 0], 6, 1, &[])).unwrap();
    assert_eq!(flags[2..4], [0x85, 0]);
    // An unknown opcode, with a header alone.
    let opcode = answer(b"\x12\x34\x78\0\0\0\0\0\0\0\0\0").unwrap();
    assert_eq!(opcode, b"\x12\x34\xf8\x04\0\0\0\0\0\0\0\0");
    // EDNS: version 1, unknown options and flags.
    let version = answer(&query([0, 0], [1, 0, 0, 1], 6, 1, &opt(1, 0, &[]))).unwrap();
    assert_eq!(version[2..4], [0x80, 0]);
    assert_eq!(
        &version[version.len() - 11..],
        b"\0\0\x29\x04\xd0\x01\0\0\0\0\0"
    );
    let odd = answer(&query(
        [0, 0],
        [1, 0, 0, 1],
        6,
        1,
        &opt(0, 0x40, b"\0\x64\0\0"),
    ))
    .unwrap();
    assert_eq!(&odd[odd.len() - 11..], b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
    let nsid = answer(&query(
        [0, 0],
        [1, 0, 0, 1],
        6,
        1,
        &opt(0, 0x8000, b"\0\x03\0\0"),
    ))
    .unwrap();
    assert!(nsid.ends_with(b"\x80\0\0\x07\0\x03\0\x03one"));
}

#[test]
fn what_is_refused_and_what_is_not_answered() {
    let code = |bytes: &[u8]| answer(bytes).map(|answer| answer[3] & 15);
    // A response, and what is shorter than a header.
    assert_eq!(code(&query([0x80, 0], [1, 0, 0, 0], 6, 1, &[])), None);
    assert_eq!(code(&[0; 11]), None);
    // No question, two questions, records where a query has none.
    assert_eq!(code(&[0; 12]), Some(1));
    assert_eq!(code(&query([0, 0], [2, 0, 0, 0], 6, 1, &[])), Some(1));
    assert_eq!(code(&query([0, 0], [1, 1, 0, 0], 6, 1, &[])), Some(1));
    // Two OPT records, one that ends before its end, a short cookie.
    let two = [opt(0, 0, &[]), opt(0, 0, &[])].concat();
    assert_eq!(code(&query([0, 0], [1, 0, 0, 2], 6, 1, &two)), Some(1));
    assert_eq!(
        code(&query(
            [0, 0],
            [1, 0, 0, 1],
            6,
            1,
            &opt(0, 0, b"\0\x0a\0\x08")
        )),
        Some(1)
    );
    assert_eq!(
        code(&query(
            [0, 0],
            [1, 0, 0, 1],
            6,
            1,
            &opt(0, 0, b"\0\x0a\0\x01x")
        )),
        Some(1)
    );
    // Pointers in a question, in circles and forward.
    assert_eq!(
        code(b"\0\0\0\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01"),
        Some(1)
    );
    // Other classes, transfers.
    assert_eq!(code(&query([0, 0], [1, 0, 0, 0], 6, 4, &[])), Some(5));
    assert_eq!(code(&query([0, 0], [1, 0, 0, 0], 252, 1, &[])), Some(4));
    let over_tcp = |bytes: &[u8]| answer_over(Transport::Tcp, bytes).map(|answer| answer[3] & 15);
    assert_eq!(over_tcp(&query([0, 0], [1, 0, 0, 0], 252, 1, &[])), Some(5));
    // A NOTIFY, alone, with the new SOA, and about nothing; other opcodes.
    let soa = [&b"\xc0\x0c\0\x06\0\x01\0\0\0\0\0\x16\0\0"[..], &[0; 20]].concat();
    assert_eq!(code(&query([0x20, 0], [1, 0, 0, 0], 6, 1, &[])), Some(9));
    assert_eq!(code(&query([0x20, 0], [1, 1, 0, 0], 6, 1, &soa)), Some(9));
    assert_eq!(
        code(&query([0x20, 0], [1, 1, 0, 0], 6, 1, &soa[1..])),
        Some(1)
    );
    assert_eq!(code(b"\0\0\x20\0\0\0\0\0\0\0\0\0"), Some(1));
    assert_eq!(code(&query([0x28, 0], [1, 0, 0, 0], 6, 1, &[])), Some(4));
    // A cookie alone is a question (RFC 7873 §5.4).
    let mut cookie = vec![0; 11];
    cookie.push(1);
    cookie.extend(opt(0, 0, b"\0\x0a\0\x0812345678"));
    let answer = answer(&cookie).unwrap();
    assert_eq!((answer[3] & 15, answer.len()), (0, 12 + 11 + 28));
}

#[test]
fn keys_are_unknown() {
    let data = b"\x03alg\0\0\0\x01\x02\x03\x04\x01\x2c\0\x02xy\x12\x34\0\0\0\0";
    let signature = |owner: &[u8]| [owner, b"\0\xfa\0\xff\0\0\0\0\0\x17", data].concat();
    let refused =
        b"\0\xfa\0\xff\0\0\0\0\0\x15\x03alg\0\0\0\x01\x02\x03\x04\x01\x2c\0\0\x12\x34\0\x11\0\0";
    let key = b"\x03Key\0";
    let asked = query([0, 0], [1, 0, 0, 1], 6, 1, &signature(key));
    let told = answer(&asked).unwrap();
    assert_eq!(&told[2..12], b"\x80\x09\0\x01\0\0\0\0\0\x01");
    assert!(told.ends_with(&[&key[..], refused].concat()));
    // OPT comes first, there and back.
    let with_opt = [opt(0, 0, &[]), signature(key)].concat();
    let told = answer(&query([0, 0], [1, 0, 0, 2], 6, 1, &with_opt)).unwrap();
    assert_eq!(&told[2..12], b"\x80\x09\0\x01\0\0\0\0\0\x02");
    assert!(told.ends_with(&[&opt(0, 0, &[])[..], key, refused].concat()));
    // Last means last, and once.
    let code = |bytes: &[u8]| answer(bytes).map(|answer| answer[3] & 15);
    let behind = [signature(key), opt(0, 0, &[])].concat();
    assert_eq!(code(&query([0, 0], [1, 0, 0, 2], 6, 1, &behind)), Some(1));
    let twice = [signature(key), signature(key)].concat();
    assert_eq!(code(&query([0, 0], [1, 0, 0, 2], 6, 1, &twice)), Some(1));
    // No more bytes than the client takes.
    let long = [&[63; 64][..], &[63; 64], &[63; 64], &[61; 62], b"\0"].concat();
    let name: Vec<u8> = [&long[..192], &[40; 41], APEX].concat();
    let mut asked = b"\x12\x34\0\0\0\x01\0\0\0\0\0\x01".to_vec();
    asked.extend(name);
    asked.extend([0, 6, 0, 1]);
    asked.extend(signature(&long));
    assert_eq!(answer(&asked).unwrap(), b"\x12\x34\x80\x09\0\0\0\0\0\0\0\0");
    assert!(answer_over(Transport::Tcp, &asked).unwrap().len() > 512);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = answer(&bytes);
    }

    #[test]
    fn damaged_queries_are_survived(
        name in prop::sample::select(vec![
            &b"\x01a\x01w"[..], b"\x01c", b"\x01x\x01d", b"\x01x\x03cut", b"\x03cut", b"",
        ]),
        kind in any::<u16>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
        udp in any::<bool>(),
    ) {
        let mut bytes = b"\x12\x34\0\0\0\x01\0\0\0\0\0\x01".to_vec();
        bytes.extend(name);
        bytes.extend(APEX);
        bytes.extend((kind % 260).to_be_bytes());
        bytes.extend([0, 1]);
        bytes.extend(opt(0, 0x8000, b"\0\x0a\0\x0812345678\0\x03\0\0"));
        let index = at.index(bytes.len());
        bytes[index] = byte;
        bytes.truncate(cut.index(bytes.len() * 2).max(1));
        let transport = if udp { Transport::Udp } else { Transport::Tcp };
        if let Some(answer) = answer_over(transport, &bytes) {
            // Always a response to this query, never more than there is room for.
            prop_assert_eq!(&answer[..2], &bytes[..2]);
            prop_assert!(answer[2] & 0x80 != 0);
            prop_assert!(bytes[2] & 0x80 == 0);
            prop_assert!(!udp || answer.len() <= 1232);
        }
    }

    #[test]
    fn damaged_sections_are_survived(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let section = Bundle::parse(&BUNDLE).unwrap().section(TAG_DNS).unwrap();
        let mut bytes = section.bytes.to_vec();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        let section = applgen_bundle::Section { bytes: &bytes, ..section };
        let Ok(zones) = Zones::parse(section) else { return Ok(()) };
        let server = Server::new(zones, [1; 16]);
        let peer = Peer { address: [192, 0, 2, 99].into(), transport: Transport::Udp, seconds: 0 };
        for name in [&b"\x01a\x01w"[..], b"\x01c", b"\x01x\x01d", b"\x01x\x03cut", b"\x01n"] {
            let mut buffer = [0; 1232];
            let query = [b"\0\0\0\0\0\x01\0\0\0\0\0\0", name, APEX, b"\0\x01\0\x01"].concat();
            buffer[..query.len()].copy_from_slice(&query);
            let _ = server.answer(&mut buffer, query.len(), &peer);
        }
    }
}
