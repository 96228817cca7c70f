//! The address from a DHCP server: a lease, its renewal, its end, and servers
//! that say odd things.
#![cfg(feature = "dhcp")]

mod common;

use applgen_net::Line;
use common::bench::Bench;
use common::frames::{Segment, seen};
use common::nic::FakeNic;
use common::{Lines, SERVER_MAC, bundle, setup};
use smoltcp::wire::*;
use std::net::Ipv4Addr;

const GIVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const GIVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x11];
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 77);

/// A message that the client has sent.
#[derive(Debug)]
struct Message {
    kind: DhcpMessageType,
    transaction: u32,
    requested: Option<Ipv4Addr>,
}

fn message(frame: &[u8]) -> Option<Message> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    if ethernet.ethertype() != EthernetProtocol::Ipv4 {
        return None;
    }
    let packet = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
    if packet.next_header() != IpProtocol::Udp {
        return None;
    }
    let udp = UdpPacket::new_checked(packet.payload()).unwrap();
    assert_eq!((udp.src_port(), udp.dst_port()), (68, 67));
    assert!(udp.verify_checksum(&packet.src_addr().into(), &packet.dst_addr().into()));
    let dhcp = DhcpPacket::new_checked(udp.payload()).unwrap();
    let repr = DhcpRepr::parse(&dhcp).unwrap();
    assert_eq!(repr.client_hardware_address.0, SERVER_MAC);
    Some(Message {
        kind: repr.message_type,
        transaction: repr.transaction_id,
        requested: repr.requested_ip,
    })
}

/// An answer, as a frame to all.
fn answer(to: &Message, kind: DhcpMessageType, address: Ipv4Addr, seconds: u32) -> Vec<u8> {
    let mask = Ipv4Addr::new(255, 255, 255, 0);
    answer_of(to, kind, address, seconds, Some(mask))
}

/// The same with this mask.
fn answer_of(
    to: &Message,
    kind: DhcpMessageType,
    address: Ipv4Addr,
    seconds: u32,
    mask: Option<Ipv4Addr>,
) -> Vec<u8> {
    let repr = DhcpRepr {
        message_type: kind,
        transaction_id: to.transaction,
        secs: 0,
        client_hardware_address: EthernetAddress(SERVER_MAC),
        client_ip: Ipv4Addr::UNSPECIFIED,
        your_ip: address,
        server_ip: GIVER,
        router: Some(GIVER),
        subnet_mask: mask,
        relay_agent_ip: Ipv4Addr::UNSPECIFIED,
        broadcast: true,
        requested_ip: None,
        client_identifier: None,
        server_identifier: Some(GIVER),
        parameter_request_list: None,
        dns_servers: None,
        max_size: None,
        lease_duration: Some(seconds),
        renew_duration: None,
        rebind_duration: None,
        additional_options: &[],
    };
    let capabilities = smoltcp::phy::ChecksumCapabilities::default();
    let udp = UdpRepr {
        src_port: 67,
        dst_port: 68,
    };
    let length = repr.buffer_len();
    let ip = Ipv4Repr {
        src_addr: GIVER,
        dst_addr: Ipv4Addr::BROADCAST,
        next_header: IpProtocol::Udp,
        payload_len: 8 + length,
        hop_limit: 64,
    };
    let mut packet = vec![0; 28 + length];
    ip.emit(&mut Ipv4Packet::new_unchecked(&mut packet), &capabilities);
    udp.emit(
        &mut UdpPacket::new_unchecked(&mut packet[20..]),
        &GIVER.into(),
        &Ipv4Addr::BROADCAST.into(),
        length,
        |payload| {
            repr.emit(&mut DhcpPacket::new_unchecked(payload)).unwrap();
        },
        &capabilities,
    );
    common::frames::ethernet([0xff; 6], GIVER_MAC, EthernetProtocol::Ipv4, &packet)
}

/// A server that has not asked yet.
fn start(words: &'static str) -> Bench {
    start_with(bundle(4000), words)
}

/// The same with a bundle of its own.
fn start_with(bundle: applgen_bundle::Bundle<'static>, words: &'static str) -> Bench {
    let setup = setup(bundle, words);
    let mut bench = Bench::new(&setup);
    // What the first turn sent is wanted here.
    bench.server = applgen_net::Server::new(&setup).unwrap();
    bench.nic = FakeNic::new(setup.capabilities);
    bench.console = Lines::default();
    bench
}

/// What a server of one zone answers to a question for the address of `example`,
/// whose addresses are the server's own: after the header, sent to this address.
#[cfg(feature = "dns")]
fn own_address(bench: &mut Bench, to: Ipv4Addr) -> Option<Ipv4Addr> {
    let query = b"\0\x07\0\0\0\x01\0\0\0\0\0\0\x07example\0\0\x01\0\x01";
    let from = Ipv4Addr::new(192, 0, 2, 9);
    let udp = UdpRepr {
        src_port: 4000,
        dst_port: 53,
    };
    let length = 8 + query.len();
    let frame = common::frames::ip(
        from.into(),
        to.into(),
        IpProtocol::Udp,
        length,
        64,
        |bytes| {
            udp.emit(
                &mut UdpPacket::new_unchecked(bytes),
                &from.into(),
                &to.into(),
                query.len(),
                |payload| payload.copy_from_slice(query),
                &smoltcp::phy::ChecksumCapabilities::default(),
            );
        },
    );
    let frames = bench.give(frame);
    // Behind the headers: the question again, then the one record of 16 bytes.
    let reply = frames.first()?.get(14 + 20 + 8..)?;
    assert_eq!(reply[..2], query[..2]);
    let data: [u8; 4] = reply.get(query.len() + 12..)?.try_into().ok()?;
    Some(data.into())
}

#[cfg(feature = "dns")]
#[test]
fn names_of_its_own_have_the_leased_address() {
    use applgen_bundle::write::{BundleWriter, DnsOptions, DnsSection, ZoneRecord};
    let apex = b"\x07example\0";
    let record = |kind, data: &[u8]| ZoneRecord {
        owner: apex.to_vec(),
        kind,
        ttl: 60,
        data: data.to_vec(),
    };
    let mut section = DnsSection::new(DnsOptions {
        own: vec![apex.to_vec()],
        ..DnsOptions::default()
    });
    let records = vec![
        record(6, &[&b"\0\0"[..], &[0; 20]].concat()),
        // What was known at build: nothing.
        record(1, &[0; 4]),
    ];
    section.zone(apex, records).unwrap();
    let mut writer = BundleWriter::new();
    writer.dns(section).unwrap();
    let bytes = writer.finish().unwrap().to_vec();
    let bundle = applgen_bundle::Bundle::parse(Box::leak(bytes.into_boxed_slice())).unwrap();

    let mut bench = start_with(bundle, "ip=dhcp");
    converse(&mut bench, ADDRESS, 600);
    assert_eq!(own_address(&mut bench, ADDRESS), Some(ADDRESS));
    // Nobody renews it; the next lease is of another address.
    bench.pass(601);
    assert_eq!(own_address(&mut bench, ADDRESS), None);
    let other = Ipv4Addr::new(192, 0, 2, 78);
    start_over(&mut bench, other);
    assert_eq!(own_address(&mut bench, other), Some(other));
}

/// What it says, and how it is answered.
fn converse(bench: &mut Bench, address: Ipv4Addr, seconds: u32) -> Vec<DhcpMessageType> {
    let mut kinds = vec![];
    bench.poll();
    for _ in 0..10 {
        let frames: Vec<_> = bench.nic.outgoing.drain(..).collect();
        for message in frames.iter().filter_map(|frame| message(frame)) {
            kinds.push(message.kind);
            let kind = match message.kind {
                DhcpMessageType::Discover => DhcpMessageType::Offer,
                DhcpMessageType::Request => DhcpMessageType::Ack,
                other => panic!("{other:?}"),
            };
            if let Some(requested) = message.requested {
                assert_eq!(requested, address);
            }
            bench
                .nic
                .incoming
                .push_back((answer(&message, kind, address, seconds), false));
        }
        bench.now += 2000;
        bench.poll();
    }
    kinds
}

#[test]
fn a_lease_is_asked_for_and_used() {
    let mut bench = start("ip=dhcp");
    let kinds = converse(&mut bench, ADDRESS, 3600);
    assert_eq!(kinds, [DhcpMessageType::Discover, DhcpMessageType::Request]);
    assert_eq!(
        bench.console.of(Line::Listening),
        ["listening http://192.0.2.77:80/"]
    );
    let mut syn = Segment::syn(Ipv4Addr::new(192, 0, 2, 9), 4000, 1).frame();
    let mut packet = Ipv4Packet::new_unchecked(&mut syn[14..]);
    packet.set_dst_addr(ADDRESS);
    packet.fill_checksum();
    bench.nic.incoming.push_back((syn, true));
    bench.poll();
    let answers: Vec<_> = bench.nic.outgoing.drain(..).collect();
    assert!(
        answers
            .iter()
            .filter_map(|frame| seen(frame))
            .any(|seen| seen.syn)
    );
}

#[test]
fn without_any_word_the_address_comes_from_dhcp() {
    let mut bench = start("");
    assert_eq!(converse(&mut bench, ADDRESS, 3600).len(), 2);
}

#[test]
fn nobody_answers_for_a_while() {
    let mut bench = start("ip=dhcp");
    // After about 2, 4, 8, 16, 32, and then always 64 seconds, more or less one.
    let mut times = vec![];
    let start = bench.now;
    while bench.now < start + 400_000_000 {
        bench.poll();
        let frames = bench.nic.outgoing.drain(..);
        if frames.filter_map(|frame| message(&frame)).count() > 0 {
            times.push(bench.now);
        }
        let deadline = bench.last.deadline_micros.expect("it asks again");
        bench.now = deadline.max(bench.now + 1);
    }
    let waits: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits.len() > 8, "{waits:?}");
    for (number, wait) in waits.iter().enumerate() {
        let usual = 2_000_000_u64 << number.min(5);
        assert!(wait.abs_diff(usual) <= 1_000_000, "{waits:?}");
    }
    // Not all clients ask at the same time.
    assert!(waits.iter().any(|wait| wait % 1_000_000 != 0));
    assert!(bench.console.0.is_empty());
    assert!(start_over(&mut bench, ADDRESS) > 0);
    assert_eq!(bench.console.of(Line::Listening).len(), 1);
}

#[test]
fn a_lease_that_is_not_renewed_ends_and_the_next_is_announced() {
    let mut bench = start("ip=dhcp ip6=2001:db8::2/64");
    converse(&mut bench, ADDRESS, 600);
    // Half-way it asks whom it has the lease from, where that came from; nobody
    // says anything, and after seven eighths it asks all.
    let asked = |frames: Vec<Vec<u8>>, to: [u8; 6]| {
        let frames = frames.iter().filter(|frame| message(frame).is_some());
        let asked: Vec<_> = frames.map(|frame| frame[..6] == to).collect();
        (
            !asked.is_empty() && asked.iter().all(|right| *right),
            asked.len(),
        )
    };
    assert_eq!(asked(bench.pass(298), GIVER_MAC), (false, 0));
    assert_eq!(asked(bench.pass(225), GIVER_MAC), (true, 3));
    assert_eq!(asked(bench.pass(73), [0xff; 6]), (true, 2));
    bench.pass(5);
    assert_eq!(
        bench.console.of(Line::Notice),
        ["the dhcp lease of the ipv4 address has ended"]
    );
    let mut syn = Segment::syn(Ipv4Addr::new(192, 0, 2, 9), 4000, 1).frame();
    let mut packet = Ipv4Packet::new_unchecked(&mut syn[14..]);
    packet.set_dst_addr(ADDRESS);
    packet.fill_checksum();
    bench.nic.incoming.push_back((syn, true));
    bench.poll();
    let answers: Vec<_> = bench.nic.outgoing.drain(..).collect();
    assert_eq!(answers.iter().filter_map(|frame| seen(frame)).count(), 0);
    bench.pass(10);
    let other = Ipv4Addr::new(192, 0, 2, 78);
    let again = start_over(&mut bench, other);
    assert!(again > 0);
    assert_eq!(
        bench.console.of(Line::Listening),
        [
            "listening http://[2001:db8::2]:80/",
            "listening http://192.0.2.77:80/",
            "listening http://192.0.2.78:80/",
        ]
    );
}

/// Lets time pass until it asks again, and answers.
fn start_over(bench: &mut Bench, address: Ipv4Addr) -> usize {
    for _ in 0..20 {
        let end = bench.last.deadline_micros.expect("it asks again");
        bench.now = end.max(bench.now);
        let kinds = converse(bench, address, 600);
        if kinds.contains(&DhcpMessageType::Request) {
            return kinds.len();
        }
    }
    0
}

#[test]
fn a_lease_is_renewed_and_an_address_that_is_refused_ends() {
    let mut bench = start("ip=dhcp");
    converse(&mut bench, ADDRESS, 600);
    for _ in 0..3 {
        bench.pass(298);
        bench.now += 5_000_000;
        assert_eq!(
            converse(&mut bench, ADDRESS, 600),
            [DhcpMessageType::Request]
        );
    }
    assert!(bench.console.of(Line::Notice).is_empty());
    bench.pass(298);
    bench.now += 5_000_000;
    bench.poll();
    let frames: Vec<_> = bench.nic.outgoing.drain(..).collect();
    let asked = frames.iter().find_map(|frame| message(frame)).unwrap();
    // Somebody else's answer, and then the server's refusal.
    let mut other = answer(&asked, DhcpMessageType::Nak, ADDRESS, 600);
    other[14 + 28 + 4] ^= 1;
    bench.nic.incoming.push_back((other, true));
    bench.poll();
    assert!(bench.console.of(Line::Notice).is_empty());
    bench.give(answer(&asked, DhcpMessageType::Nak, ADDRESS, 600));
    assert_eq!(bench.console.of(Line::Notice).len(), 1);
    assert!(start_over(&mut bench, ADDRESS) > 0);
}

#[test]
fn who_says_no_mask_means_that_of_the_class() {
    for (address, last) in [
        (Ipv4Addr::new(10, 1, 2, 3), Ipv4Addr::new(10, 255, 255, 255)),
        (
            Ipv4Addr::new(172, 16, 2, 3),
            Ipv4Addr::new(172, 16, 255, 255),
        ),
        (Ipv4Addr::new(192, 0, 2, 3), Ipv4Addr::new(192, 0, 2, 255)),
    ] {
        for (leased, listens) in [(address, 1), (last, 0)] {
            let mut bench = start("ip=dhcp");
            bench.poll();
            for kind in [DhcpMessageType::Offer, DhcpMessageType::Ack] {
                let frames: Vec<_> = bench.nic.outgoing.drain(..).collect();
                let asked = frames.iter().find_map(|frame| message(frame)).unwrap();
                let said = answer_of(&asked, kind, leased, 600, None);
                bench.nic.incoming.push_back((said, false));
                bench.poll();
            }
            let lines = bench.console.of(Line::Listening).len();
            assert_eq!(lines, listens, "{leased}");
        }
    }
}

#[test]
fn an_address_that_no_host_can_have_is_not_taken() {
    for odd in [
        Ipv4Addr::UNSPECIFIED,
        Ipv4Addr::BROADCAST,
        Ipv4Addr::LOCALHOST,
        Ipv4Addr::new(224, 0, 0, 5),
        Ipv4Addr::new(192, 0, 2, 255),
    ] {
        let mut bench = start("ip=dhcp");
        converse(&mut bench, odd, 3600);
        assert!(bench.console.of(Line::Listening).is_empty(), "{odd}");
        bench.pass(10);
    }
}
