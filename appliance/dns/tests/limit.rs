//! Response rate limiting: the rate, the slip, who counts as one client, who is
//! never limited, and how much memory it takes.

use applgen_bundle::write::{BundleWriter, DnsOptions, DnsSection, ZoneRecord};
use applgen_bundle::{Bundle, TAG_DNS, dns::Zones};
use applgen_dns::limit::{Limiter, Slot, Verdict};
use applgen_dns::{Peer, Reply, Server, Transport};
use std::net::IpAddr;
use std::sync::LazyLock;

const APEX: &[u8] = b"\x07example\0";

static BUNDLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let record = |owner: &[u8], kind, data: &[u8]| ZoneRecord {
        owner: [owner, APEX].concat(),
        kind,
        ttl: 60,
        data: data.to_vec(),
    };
    let mut section = DnsSection::new(DnsOptions::default());
    let records = vec![
        record(b"", 6, &[&b"\0\0"[..], &[0; 20]].concat()),
        record(b"\x01a", 1, &[192, 0, 2, 1]),
        record(b"\x01b", 1, &[192, 0, 2, 1]),
        record(b"\x01*\x01w", 1, &[192, 0, 2, 1]),
        record(b"\x03cut", 2, b"\x02ns\x04else\0"),
    ];
    section.zone(APEX, records).unwrap();
    let mut writer = BundleWriter::new();
    writer.dns(section).unwrap();
    writer.finish().unwrap().to_vec()
});

/// The reply to a question for the address of a name below the apex.
fn reply(name: &[u8], address: IpAddr, transport: Transport) -> (Reply, Vec<u8>) {
    let section = Bundle::parse(&BUNDLE).unwrap().section(TAG_DNS).unwrap();
    let server = Server::new(Zones::parse(section).unwrap(), [1; 16]);
    let peer = Peer {
        address,
        transport,
        seconds: 1000,
    };
    let query = [
        b"\x12\x34\0\0\0\x01\0\0\0\0\0\0",
        name,
        APEX,
        b"\0\x01\0\x01",
    ]
    .concat();
    let mut buffer = vec![0; 1232];
    buffer[..query.len()].copy_from_slice(&query);
    let reply = server.answer(&mut buffer, query.len(), &peer).unwrap();
    (reply, buffer)
}

fn limiter(slots: usize, rate: u32, slip: u32) -> Limiter<Vec<Slot>> {
    Limiter::new(vec![Slot::default(); slots], rate, slip, [3; 16])
}

/// Checks as many replies in one second: how many of each verdict.
fn verdicts(
    limiter: &mut Limiter<Vec<Slot>>,
    name: &[u8],
    address: &str,
    second: u32,
    count: usize,
) -> [usize; 3] {
    let address = address.parse().unwrap();
    let (reply, _) = reply(name, address, Transport::Udp);
    let mut verdicts = [0; 3];
    for _ in 0..count {
        verdicts[match limiter.check(address, &reply, second) {
            Verdict::Send => 0,
            Verdict::Truncate => 1,
            Verdict::Drop => 2,
        }] += 1;
    }
    verdicts
}

#[test]
fn the_rate_and_the_slip() {
    for (slip, expected) in [
        (0, [10, 0, 90]),
        (1, [10, 90, 0]),
        (2, [10, 45, 45]),
        (3, [10, 30, 60]),
    ] {
        let mut limiter = limiter(1024, 10, slip);
        let got = verdicts(&mut limiter, b"\x01a", "192.0.2.9", 1000, 100);
        assert_eq!(got, expected, "slip {slip}");
    }
    // 0 is no limit.
    let got = verdicts(&mut limiter(1024, 0, 2), b"\x01a", "192.0.2.9", 1000, 500);
    assert_eq!(got, [500, 0, 0]);
    // At the rate, second after second, nothing is lost.
    let mut limiter = limiter(1024, 10, 0);
    for second in 0..20 {
        let got = verdicts(&mut limiter, b"\x01a", "192.0.2.9", second, 10);
        assert_eq!(got, [10, 0, 0], "second {second}");
    }
    // A flood is limited until it stops, and then for as long as the window says.
    let mut sent = |second, count| verdicts(&mut limiter, b"\x01a", "192.0.2.9", second, count)[0];
    assert_eq!(sent(20, 1000), 10);
    assert_eq!(sent(21, 1000), 0);
    assert_eq!(sent(34, 1), 0);
    assert_eq!(sent(37, 10), 10);
    // The clock of cookies ends in 2106, and goes on at 0.
    assert_eq!(sent(u32::MAX, 10), 10);
    assert_eq!(sent(0, 10), 10);
    assert_eq!(sent(0, 10), 0);
}

#[test]
fn networks_are_limited_each_for_itself() {
    let mut limiter = limiter(1 << 16, 10, 0);
    let mut sent =
        |name: &[u8], address, count| verdicts(&mut limiter, name, address, 1000, count)[0];
    // An IPv4 /24 is one client, the next one is another.
    assert_eq!(sent(b"\x01a", "192.0.2.1", 6), 6);
    assert_eq!(sent(b"\x01a", "192.0.2.255", 6), 4);
    assert_eq!(sent(b"\x01a", "192.0.3.1", 6), 6);
    // An IPv6 /64.
    assert_eq!(sent(b"\x01a", "2001:db8::1", 6), 6);
    assert_eq!(sent(b"\x01a", "2001:db8::ffff:1", 6), 4);
    assert_eq!(sent(b"\x01a", "2001:db8:0:1::1", 6), 6);
    // Another answer counts for itself; all names that do not exist are one.
    assert_eq!(sent(b"\x01b", "192.0.2.1", 12), 10);
    assert_eq!(sent(b"\x01x", "192.0.2.1", 6), 6);
    assert_eq!(sent(b"\x01y", "192.0.2.1", 6), 4);
    assert_eq!(sent(b"\x01x\x03cut", "192.0.2.1", 6), 6);
    assert_eq!(sent(b"\x01x\x01w", "192.0.2.1", 6), 6);
    assert_eq!(sent(b"\x01y\x01w", "192.0.2.1", 6), 4);
}

#[test]
fn who_is_who_it_says_is_not_limited() {
    let mut limiter = limiter(1024, 1, 0);
    for address in ["127.0.0.1", "127.9.9.9", "::1"] {
        assert_eq!(
            verdicts(&mut limiter, b"\x01a", address, 1000, 100),
            [100, 0, 0]
        );
    }
    let address = "192.0.2.9".parse().unwrap();
    let (over_tcp, _) = reply(b"\x01a", address, Transport::Tcp);
    for _ in 0..100 {
        assert_eq!(limiter.check(address, &over_tcp, 1000), Verdict::Send);
    }
}

#[test]
fn a_truncated_reply_is_a_question_and_no_more() {
    let (reply, mut buffer) = reply(b"\x01x", [192, 0, 2, 9].into(), Transport::Udp);
    let length = reply.truncate(&mut buffer);
    assert_eq!(&buffer[..12], b"\x12\x34\x86\0\0\x01\0\0\0\0\0\0");
    assert_eq!(length, 12 + 2 + APEX.len() + 4);
}

#[test]
fn the_table_does_not_grow_and_takes_turns() {
    // One slot for all networks of the world: whoever comes starts anew, and is
    // sent its answer.
    let mut limiter = limiter(1, 1, 0);
    for number in 0..10_000_u32 {
        let address = IpAddr::from((number << 8 | 1).to_be_bytes());
        if address.is_loopback() {
            continue;
        }
        let (reply, _) = reply(b"\x01a", address, Transport::Udp);
        assert_eq!(limiter.check(address, &reply, 1000), Verdict::Send);
    }
    // No table at all limits nobody.
    let got = verdicts(
        &mut Limiter::new(Vec::new(), 1, 0, [3; 16]),
        b"\x01a",
        "192.0.2.9",
        1000,
        50,
    );
    assert_eq!(got, [50, 0, 0]);
    assert_eq!(size_of::<Slot>(), 16);
}
