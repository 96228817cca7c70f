//! The link around TCP: ARP, neighbor discovery, echo requests, refusals, path
//! MTU, checksums left to the interface.

mod common;

use common::bench::Bench;
use common::frames::{SERVER, SERVER_6, STRANGER_MAC, Segment, ip, ping, seen, solicit, who_has};
use common::link::Impairment;
use common::world::{SERVER4, SERVER6, World};
use common::{CLIENT_MAC, SERVER_MAC, WORDS, body, bundle, setup};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::*;
use std::net::{Ipv4Addr, Ipv6Addr};

const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const FAR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 9);
const HERE_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);

fn bench() -> Bench {
    Bench::new(&setup(bundle(4000), WORDS))
}

#[test]
fn arp_is_answered_for_the_own_address() {
    let mut bench = bench();
    for asks in [HERE, Ipv4Addr::UNSPECIFIED] {
        let answers = bench.give(who_has(SERVER, asks));
        let [answer] = answers.as_slice() else {
            panic!("{} answers", answers.len());
        };
        let frame = EthernetFrame::new_checked(answer).unwrap();
        assert_eq!(frame.dst_addr().0, STRANGER_MAC);
        let arp = ArpRepr::parse(&ArpPacket::new_checked(frame.payload()).unwrap());
        assert_eq!(
            arp.unwrap(),
            ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Reply,
                source_hardware_addr: EthernetAddress(SERVER_MAC),
                source_protocol_addr: SERVER,
                target_hardware_addr: EthernetAddress(STRANGER_MAC),
                target_protocol_addr: asks,
            }
        );
    }
    for target in [HERE, Ipv4Addr::BROADCAST, Ipv4Addr::new(192, 0, 2, 3)] {
        assert!(bench.give(who_has(target, HERE)).is_empty());
    }
}

fn advertisement(frame: &[u8]) -> (EthernetAddress, Ipv6Addr, NdiscRepr<'_>) {
    let frame = EthernetFrame::new_checked(frame).unwrap();
    let packet = Ipv6Packet::new_checked(frame.payload()).unwrap();
    assert_eq!(packet.hop_limit(), 255);
    let (from, to) = (packet.src_addr(), packet.dst_addr());
    let icmp = Icmpv6Packet::new_checked(packet.payload()).unwrap();
    let repr = Icmpv6Repr::parse(&from, &to, &icmp, &ChecksumCapabilities::default());
    let Icmpv6Repr::Ndisc(repr) = repr.unwrap() else {
        panic!("no neighbor discovery");
    };
    (frame.dst_addr(), to, repr)
}

#[test]
fn neighbor_solicitations_are_answered() {
    let mut bench = bench();
    let local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);
    for target in [SERVER_6, local] {
        let answers = bench.give(solicit(target, HERE_6, 255));
        let (mac, to, repr) = advertisement(&answers[0]);
        assert_eq!((mac.0, to), (STRANGER_MAC, HERE_6));
        let NdiscRepr::NeighborAdvert {
            flags, target_addr, ..
        } = repr
        else {
            panic!("{repr:?}");
        };
        assert_eq!(target_addr, target);
        assert!(flags.contains(NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE));
    }
    // Who checks for duplicates learns, like everyone, that it is taken.
    let answers = bench.give(solicit(SERVER_6, Ipv6Addr::UNSPECIFIED, 255));
    let (mac, to, _) = advertisement(&answers[0]);
    assert_eq!(mac.0, [0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(to, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1));
    // Not from beyond the link, and not for others.
    assert!(bench.give(solicit(SERVER_6, HERE_6, 64)).is_empty());
    assert!(bench.give(solicit(HERE_6, HERE_6, 255)).is_empty());
    // Nor with an option that has no length, or more than there is (§7.1.1).
    for length in [0, 2] {
        let mut odd = solicit(SERVER_6, HERE_6, 255);
        odd[79] = length;
        let to = Ipv6Packet::new_unchecked(&odd[14..]).dst_addr();
        Icmpv6Packet::new_unchecked(&mut odd[54..]).fill_checksum(&HERE_6, &to);
        assert!(bench.give(odd).is_empty(), "{length}");
    }
}

#[test]
fn addresses_are_announced() {
    let setup = setup(bundle(4000), WORDS);
    let mut world = World::new(&setup, Impairment::NONE, 1);
    let now = applgen_net::Now {
        micros: 0,
        unix_seconds: None,
    };
    world.server.poll(&mut world.nic, now, &mut world.console);
    let frames: Vec<_> = world.nic.outgoing.drain(..).collect();
    assert_eq!(frames.len(), 4);
    assert_eq!(frames[0][..6], [0xff; 6]);
    assert_eq!(groups(&frames[1], 4).len(), 2);
    let targets: Vec<_> = frames[2..]
        .iter()
        .map(|frame| match advertisement(frame).2 {
            NdiscRepr::NeighborAdvert { target_addr, .. } => target_addr,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(targets[0], SERVER_6);
    assert!(targets[1].is_unicast_link_local());
}

/// The groups of a report, whose records are of this type.
fn groups(frame: &[u8], kind: u8) -> Vec<Ipv6Addr> {
    let frame = EthernetFrame::new_checked(frame).unwrap();
    assert_eq!(frame.dst_addr().0, [0x33, 0x33, 0, 0, 0, 0x16]);
    let packet = Ipv6Packet::new_checked(frame.payload()).unwrap();
    assert_eq!(packet.hop_limit(), 1);
    assert_eq!(packet.next_header(), IpProtocol::HopByHop);
    let (from, to) = (packet.src_addr(), packet.dst_addr());
    assert!(from.is_unicast_link_local());
    // Router alert, for MLD.
    assert_eq!(packet.payload()[..8], [58, 0, 5, 2, 0, 0, 1, 0]);
    let icmp = Icmpv6Packet::new_checked(&packet.payload()[8..]).unwrap();
    assert_eq!(icmp.msg_type(), Icmpv6Message::MldReport);
    assert!(icmp.verify_checksum(&from, &to));
    let records = &packet.payload()[16..];
    assert_eq!(records.len(), 20 * usize::from(icmp.nr_mcast_addr_rcrds()));
    let group = |record: &[u8]| {
        assert_eq!(record[..4], [kind, 0, 0, 0]);
        Ipv6Addr::from_octets(record[4..].try_into().unwrap())
    };
    records.chunks(20).map(group).collect()
}

#[test]
fn groups_are_reported_to_routers_that_ask() {
    let mut bench = bench();
    let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let all = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let query = |from: Ipv6Addr, hop_limit| {
        let (source, to) = (from.into(), all.into());
        let mut frame = ip(source, to, IpProtocol::Icmpv6, 28, hop_limit, |bytes| {
            bytes[0] = 130;
            Icmpv6Packet::new_unchecked(bytes).fill_checksum(&from, &all);
        });
        frame[..6].copy_from_slice(&[0x33, 0x33, 0, 0, 0, 1]);
        frame
    };
    let answers = bench.give(query(router, 1));
    let [answer] = answers.as_slice() else {
        panic!("{} answers", answers.len());
    };
    assert_eq!(
        groups(answer, 2),
        [
            Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 2),
            Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 1),
        ]
    );
    // Not to those from beyond the link.
    assert!(bench.give(query(router, 64)).is_empty());
    assert!(bench.give(query(HERE_6, 1)).is_empty());
}

#[test]
fn echo_requests_are_answered_wherever_they_come_from() {
    let mut bench = bench();
    let data: Vec<u8> = (0..1400).map(|at| at as u8).collect();
    for from in [HERE.into(), FAR.into(), HERE_6.into()] {
        let answers = bench.give(ping(from, &data));
        let [answer] = answers.as_slice() else {
            panic!("{from}: {} answers", answers.len());
        };
        assert_eq!(answer[..6], STRANGER_MAC);
        assert!(answer.ends_with(&data));
    }
    // Neither when its checksum is wrong, nor when it is for others.
    let mut wrong = ping(HERE.into(), b"data");
    *wrong.last_mut().unwrap() ^= 1;
    assert!(bench.give(wrong).is_empty());
    let mut others = ping(HERE.into(), b"data");
    others[..6].copy_from_slice(&CLIENT_MAC);
    assert!(bench.give(others).is_empty());
}

#[test]
fn what_nobody_listens_to_is_refused() {
    let mut bench = bench();
    let closed = Segment {
        to_port: 81,
        ..Segment::syn(FAR, 4000, 7)
    };
    let answers = bench.segments(closed.frame());
    let [answer] = answers.as_slice() else {
        panic!("{} answers", answers.len());
    };
    assert!(answer.rst);
    assert_eq!((answer.to_mac, answer.ack), (STRANGER_MAC, Some(8)));
    // A segment of no connection.
    let stray = Segment {
        control: TcpControl::None,
        ack: Some(99),
        ..Segment::syn(FAR, 4000, 7)
    };
    let answers = bench.segments(stray.frame());
    assert!(answers[0].rst && answers[0].seq == 99);
    // Never a reset for a reset, nor for what was sent to all.
    let reset = Segment {
        control: TcpControl::Rst,
        ..stray
    };
    assert!(bench.give(reset.frame()).is_empty());
    let mut to_all = stray.frame();
    to_all[..6].fill(0xff);
    assert!(bench.give(to_all).is_empty());
}

#[test]
fn a_service_listens_on_the_address_that_it_was_told() {
    let words = "ip=192.0.2.2/24 ip6=2001:db8::2/64 http=[2001:db8::2]:8080";
    let setup = setup(bundle(4000), words);
    let mut world = World::new(&setup, Impairment::NONE, 1);
    let request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let there = world.client.fetch(SERVER6, 8080, request, 4096);
    let not_there = world.client.fetch(SERVER4, 8080, request, 4096);
    let elsewhere = world.client.fetch(SERVER6, 80, request, 4096);
    assert!(world.finish(5));
    assert!(world.client.fetches[there].split().unwrap().1 == body(6));
    assert!(world.client.fetches[not_there].answer.is_empty());
    assert!(world.client.fetches[elsewhere].answer.is_empty());
    assert_eq!(
        world.console.of(applgen_net::Line::Listening),
        ["listening http://[2001:db8::2]:8080/"]
    );
}

/// Opens a connection on the bench, and asks for a picture.
fn ask(bench: &mut Bench, from: IpAddress) -> (Segment<'static>, Vec<Vec<u8>>) {
    let answers = bench.segments(Segment::syn(from, 4000, 1000).frame());
    let ack = answers[0].seq.wrapping_add(1);
    let ours = Segment {
        control: TcpControl::None,
        seq: 1001,
        ack: Some(ack),
        payload: b"GET /page HTTP/1.1\r\nHost: h\r\n\r\n",
        ..Segment::syn(from, 4000, 0)
    };
    let sent = bench.give(ours.frame());
    (ours, sent)
}

#[test]
fn a_router_that_says_too_big_is_believed() {
    for version in [4, 6] {
        let mut bench = bench();
        let from: IpAddress = if version == 4 {
            FAR.into()
        } else {
            HERE_6.into()
        };
        let (_, sent) = ask(&mut bench, from);
        let large = sent
            .iter()
            .find(|frame| frame.len() > 1300)
            .expect("a large one");
        let packet = &large[14..];
        let router = Ipv4Addr::new(192, 0, 2, 1);
        let router_6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        let said = match version {
            4 => {
                let length = 8 + 28;
                ip(
                    router.into(),
                    SERVER.into(),
                    IpProtocol::Icmp,
                    length,
                    64,
                    |bytes| {
                        bytes[..8].copy_from_slice(&[3, 4, 0, 0, 0, 0, 5, 0]);
                        bytes[8..].copy_from_slice(&packet[..28]);
                        Icmpv4Packet::new_unchecked(bytes).fill_checksum();
                    },
                )
            }
            _ => {
                let length = 8 + 60;
                ip(
                    router_6.into(),
                    SERVER_6.into(),
                    IpProtocol::Icmpv6,
                    length,
                    64,
                    |bytes| {
                        bytes[..8].copy_from_slice(&[2, 0, 0, 0, 0, 0, 5, 0]);
                        bytes[8..].copy_from_slice(&packet[..60]);
                        Icmpv6Packet::new_unchecked(bytes).fill_checksum(&router_6, &SERVER_6);
                    },
                )
            }
        };
        assert!(bench.give(said).is_empty());
        let again = bench.pass(3);
        let lengths: Vec<_> = again.iter().map(Vec::len).collect();
        assert!(
            !lengths.is_empty() && lengths.iter().all(|&bytes| bytes <= 14 + 1280),
            "{lengths:?}"
        );
    }
}

/// A router's word that the IPv4 packet in a frame is too large.
fn too_big(frame: &[u8], mtu: u16) -> Vec<u8> {
    let router = Ipv4Addr::new(192, 0, 2, 1);
    let (from, to) = (router.into(), SERVER.into());
    ip(from, to, IpProtocol::Icmp, 8 + 28, 64, |bytes| {
        bytes[..6].copy_from_slice(&[3, 4, 0, 0, 0, 0]);
        bytes[6..8].copy_from_slice(&mtu.to_be_bytes());
        bytes[8..].copy_from_slice(&frame[14..42]);
        Icmpv4Packet::new_unchecked(bytes).fill_checksum();
    })
}

#[test]
fn ipv4_paths_are_as_narrow_as_routers_say() {
    // 576 for one that does not say, and never less.
    for (mtu, longest) in [(1280, 1280), (700, 700), (0, 576), (68, 576)] {
        let mut bench = bench();
        let (_, sent) = ask(&mut bench, FAR.into());
        let large = sent.iter().find(|frame| frame.len() > 1300).unwrap();
        assert!(bench.give(too_big(large, mtu)).is_empty());
        let again = bench.pass(3);
        let lengths = again.iter().map(|frame| frame.len() - 14);
        assert_eq!(lengths.max(), Some(longest), "{mtu}");
    }
}

#[test]
fn who_has_not_seen_the_packet_is_not_believed_that_it_was_too_large() {
    for change in [1 << 20, -(1 << 20), 100_000] {
        let mut bench = bench();
        let (_, sent) = ask(&mut bench, FAR.into());
        let large = sent.iter().find(|frame| frame.len() > 1300).unwrap();
        let mut guess = large.clone();
        let mut tcp = TcpPacket::new_unchecked(&mut guess[34..]);
        let seq = tcp.seq_number().0.wrapping_add(change);
        tcp.set_seq_number(TcpSeqNumber(seq));
        assert!(bench.give(too_big(&guess, 576)).is_empty());
        let again = bench.pass(3);
        assert!(again.iter().any(|frame| frame.len() == large.len()));
    }
}

#[test]
fn refusals_are_few() {
    let mut bench = bench();
    let packets = [
        (IpAddress::from(FAR), SERVER.into()),
        (HERE_6.into(), SERVER_6.into()),
    ];
    for (from, to) in packets {
        let frame = ip(from, to, IpProtocol::from(132), 20, 64, |_| {});
        for pause in [0, 300_000, 5_000_000] {
            bench.now += pause;
            let answers: usize = (0..50).map(|_| bench.give(frame.clone()).len()).sum();
            let expected = if pause == 300_000 { 3 } else { 10 };
            assert_eq!(answers, expected, "{from} {pause}");
        }
        bench.now += 5_000_000;
    }
    // What is asked is answered.
    for _ in 0..50 {
        assert_eq!(bench.give(ping(HERE.into(), b"data")).len(), 1);
    }
}

/// What comes of an echo request behind extension headers.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Reply,
    Nothing,
    /// A parameter problem: its code and pointer.
    Problem(u8, u32),
}

/// A packet of these headers, the first of this kind, before an ICMPv6 message.
fn extended(first: u8, headers: &[u8], message: &[u8]) -> Vec<u8> {
    let length = headers.len() + message.len();
    let (from, to) = (HERE_6.into(), SERVER_6.into());
    ip(from, to, IpProtocol::from(first), length, 64, |bytes| {
        bytes[..headers.len()].copy_from_slice(headers);
        bytes[headers.len()..].copy_from_slice(message);
    })
}

#[test]
fn extension_headers_are_passed_over() {
    let echo = ping(HERE_6.into(), b"data").split_off(54);
    let mut nine = vec![];
    for number in 0..9 {
        nine.extend([if number < 8 { 60 } else { 58 }, 0, 1, 4, 0, 0, 0, 0]);
    }
    let cases: &[(u8, &[u8], Came)] = &[
        (58, &[], Came::Reply),
        // Hop-by-hop, destination options, a routing header that is done with,
        // a fragment that is all of its packet.
        (0, &[58, 0, 5, 2, 0, 0, 1, 0], Came::Reply),
        (60, &[58, 0, 1, 4, 0, 0, 0, 0], Came::Reply),
        (43, &[58, 0, 0, 0, 0, 0, 0, 0], Came::Reply),
        (44, &[58, 0, 0, 0, 1, 2, 3, 4], Came::Reply),
        (
            0,
            &[
                60, 0, 1, 4, 0, 0, 0, 0, 44, 0, 1, 4, 0, 0, 0, 0, 58, 0, 0, 0, 9, 9, 9, 9,
            ],
            Came::Reply,
        ),
        (60, &nine[8..], Came::Reply),
        (60, &nine, Came::Nothing),
        // Parts of packets.
        (44, &[58, 0, 0, 1, 1, 2, 3, 4], Came::Nothing),
        (44, &[58, 0, 1, 0, 1, 2, 3, 4], Came::Nothing),
        // Options that nobody knows: passed over, dropped, refused.
        (60, &[58, 0, 0x1e, 4, 0, 0, 0, 0], Came::Reply),
        (60, &[58, 0, 0x5e, 4, 0, 0, 0, 0], Came::Nothing),
        (60, &[58, 0, 0x9e, 4, 0, 0, 0, 0], Came::Problem(2, 42)),
        (0, &[58, 0, 0, 0xde, 3, 0, 0, 0], Came::Problem(2, 43)),
        // Longer than their header.
        (60, &[58, 0, 0x1e, 5, 0, 0, 0, 0], Came::Nothing),
        // A route that is not at its end.
        (43, &[58, 0, 0, 1, 0, 0, 0, 0], Came::Problem(0, 42)),
        // Hop-by-hop where it may not be, and a protocol that nobody speaks.
        (
            60,
            &[0, 0, 1, 4, 0, 0, 0, 0, 58, 0, 1, 4, 0, 0, 0, 0],
            Came::Problem(1, 40),
        ),
        (60, &[132, 0, 1, 4, 0, 0, 0, 0], Came::Problem(1, 40)),
        (132, &[], Came::Problem(1, 6)),
        (
            0,
            &[60, 0, 1, 4, 0, 0, 0, 0, 132, 0, 1, 4, 0, 0, 0, 0],
            Came::Problem(1, 48),
        ),
        (59, &[], Came::Nothing),
    ];
    for (first, headers, expected) in cases {
        let answers = bench().give(extended(*first, headers, &echo));
        let came = match answers.first().map(|frame| &frame[54..]) {
            None => Came::Nothing,
            Some([129, 0, ..]) => Came::Reply,
            Some([4, code, _, _, p1, p2, p3, p4, ..]) => {
                Came::Problem(*code, u32::from_be_bytes([*p1, *p2, *p3, *p4]))
            }
            Some(other) => panic!("{other:?}"),
        };
        assert_eq!(&came, expected, "{first} {headers:?}");
    }
    // Never an error about an error.
    let mut error = echo;
    error[0] = 1;
    let odd = extended(60, &[58, 0, 0x9e, 4, 0, 0, 0, 0], &error);
    assert!(bench().give(odd).is_empty());
}

#[test]
fn checksums_can_be_left_to_the_interface() {
    let mut setup = setup(bundle(100_000), WORDS);
    setup.capabilities.completes_checksums = true;
    let mut world = World::new(&setup, Impairment::NONE, 1);
    for server in [SERVER4, SERVER6] {
        world.get(server, "/picture");
    }
    // Its other end looks at every one of them.
    assert!(world.finish(10));
    for fetch in &world.client.fetches {
        assert!(fetch.split().unwrap().1 == body(100_000));
    }
    assert!(world.nic.completed > 100);
}

#[test]
fn what_the_interface_has_checked_is_not_checked_again() {
    let mut bench = bench();
    let mut syn = Segment::syn(HERE, 4000, 1).frame();
    // Where the checksum is, a sum of the pseudo-header may be.
    syn[50] ^= 0x55;
    assert!(bench.give(syn.clone()).is_empty());
    bench.nic.incoming.push_back((syn, true));
    bench.poll();
    assert!(seen(&bench.nic.outgoing[0]).unwrap().syn);
}

#[test]
fn an_interface_without_room_only_delays() {
    let mut world = World::new(&setup(bundle(100_000), WORDS), Impairment::NONE, 1);
    world.nic.room = 3;
    for _ in 0..4 {
        world.get(SERVER4, "/picture");
    }
    assert!(world.finish(60));
    for fetch in &world.client.fetches {
        assert!(fetch.split().unwrap().1 == body(100_000));
    }
}

/// A frame of the same bytes from another station.
fn from_mac(mut frame: Vec<u8>, mac: [u8; 6]) -> Vec<u8> {
    frame[6..12].copy_from_slice(&mac);
    frame
}

#[test]
fn frames_follow_a_client_and_no_forger() {
    const OTHER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 8];
    let mut bench = bench();
    let syn = Segment::syn(HERE, 4000, 1000);
    let answer = bench.segments(syn.frame()).remove(0);
    let get = Segment {
        control: TcpControl::None,
        seq: 1001,
        ack: Some(answer.seq.wrapping_add(1)),
        payload: b"GET /page HTTP/1.1\r\nHost: h\r\n\r\n",
        ..syn
    };
    // The request comes over another station: its answer goes back there.
    bench.give(
        Segment {
            payload: b"",
            ..get
        }
        .frame(),
    );
    let answers = bench.segments(from_mac(get.frame(), OTHER_MAC));
    assert!(answers.iter().any(|seen| !seen.payload.is_empty()));
    assert!(answers.iter().all(|seen| seen.to_mac == OTHER_MAC));
    // Who knows no more than address and port does not get what is resent.
    for (seq, ack) in [(1001 + (1 << 30), get.ack), (1001, Some(7))] {
        let forged = Segment { seq, ack, ..get };
        bench.give(forged.frame());
    }
    let resent: Vec<_> = (bench.pass(3).iter().filter_map(|frame| seen(frame))).collect();
    assert!(resent.iter().any(|seen| !seen.payload.is_empty()));
    assert!(
        resent.iter().all(|seen| seen.to_mac == OTHER_MAC),
        "{resent:?}"
    );
}
