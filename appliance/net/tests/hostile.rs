//! Any bytes at all: frames that are noise, valid frames cut, changed, repeated
//! and mixed. Nothing panics, every buffer comes back, and afterwards the
//! server serves.

mod common;

use common::bench::Bench;
use common::frames::{
    SERVER, SERVER_6, STRANGER_MAC, Segment, ethernet, ip, ping, seen, solicit, who_has,
};
use common::{Random, SERVER_MAC, WORDS, bundle, setup};
use proptest::prelude::*;
use smoltcp::wire::*;
use std::net::{Ipv4Addr, Ipv6Addr};

const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const HERE_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);

/// Frames of every kind that the server looks into.
fn corpus() -> Vec<Vec<u8>> {
    let get = b"GET /page HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut frames = vec![
        who_has(SERVER, HERE),
        solicit(SERVER_6, HERE_6, 255),
        solicit(SERVER_6, Ipv6Addr::UNSPECIFIED, 255),
        ping(HERE.into(), b"0123456789"),
        ping(HERE_6.into(), b"0123456789"),
    ];
    for from in [IpAddress::from(HERE), IpAddress::from(HERE_6)] {
        let syn = Segment::syn(from, 4000, 1000);
        frames.push(syn.frame());
        for control in [
            TcpControl::None,
            TcpControl::Fin,
            TcpControl::Rst,
            TcpControl::Psh,
        ] {
            let segment = Segment {
                control,
                ack: Some(0),
                seq: 1001,
                payload: get,
                ..syn
            };
            frames.push(segment.frame());
        }
        let to = match from {
            IpAddress::Ipv4(_) => SERVER.into(),
            IpAddress::Ipv6(_) => SERVER_6.into(),
        };
        for (port, to_port) in [(67, 68), (4000, 53), (0, 80)] {
            let udp = UdpRepr {
                src_port: port,
                dst_port: to_port,
            };
            frames.push(ip(from, to, IpProtocol::Udp, 8 + 300, 64, |bytes| {
                let capabilities = smoltcp::phy::ChecksumCapabilities::default();
                udp.emit(
                    &mut UdpPacket::new_unchecked(bytes),
                    &from,
                    &to,
                    300,
                    |payload| payload.fill(1),
                    &capabilities,
                );
            }));
        }
        let icmp = match from {
            IpAddress::Ipv4(_) => IpProtocol::Icmp,
            IpAddress::Ipv6(_) => IpProtocol::Icmpv6,
        };
        // Errors about segments of the server's, and other kinds.
        for kind in [1, 2, 3, 4, 5, 11, 12, 130, 133, 134, 135, 136, 137, 143] {
            frames.push(ip(from, to, icmp, 120, 255, |bytes| {
                bytes[0] = kind;
                bytes[1] = 4;
                bytes[8] = if from.version() == IpVersion::Ipv4 {
                    0x45
                } else {
                    0x60
                };
                bytes[8 + 6] = 6;
                bytes[8 + 9] = 6;
            }));
        }
        for protocol in [0, 43, 44, 50, 51, 58, 59, 60, 2, 41, 132, 255] {
            frames.push(ip(from, to, IpProtocol::from(protocol), 64, 64, |bytes| {
                bytes[0] = 6;
                bytes[1] = 1;
            }));
        }
    }
    frames.push(ethernet(
        SERVER_MAC,
        STRANGER_MAC,
        EthernetProtocol::Unknown(0x8100),
        &[0; 64],
    ));
    frames
}

/// Makes checksums right again, so that what is behind them is reached.
fn mend(frame: &mut [u8]) {
    let Ok(ethernet) = EthernetFrame::new_checked(&mut *frame) else {
        return;
    };
    match ethernet.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = &mut frame[14..];
            let Ok(mut ipv4) = Ipv4Packet::new_checked(&mut *packet) else {
                return;
            };
            ipv4.fill_checksum();
            let (from, to, protocol) = (ipv4.src_addr(), ipv4.dst_addr(), ipv4.next_header());
            let payload = ipv4.payload_mut();
            match protocol {
                IpProtocol::Tcp if payload.len() >= 20 => {
                    TcpPacket::new_unchecked(payload).fill_checksum(&from.into(), &to.into());
                }
                IpProtocol::Icmp if payload.len() >= 8 => {
                    Icmpv4Packet::new_unchecked(payload).fill_checksum();
                }
                IpProtocol::Udp if UdpPacket::new_checked(&*payload).is_ok() => {
                    UdpPacket::new_unchecked(payload).fill_checksum(&from.into(), &to.into());
                }
                _ => {}
            }
        }
        EthernetProtocol::Ipv6 => {
            let packet = &mut frame[14..];
            let Ok(mut ipv6) = Ipv6Packet::new_checked(&mut *packet) else {
                return;
            };
            let (from, to, protocol) = (ipv6.src_addr(), ipv6.dst_addr(), ipv6.next_header());
            let payload = ipv6.payload_mut();
            match protocol {
                IpProtocol::Tcp if payload.len() >= 20 => {
                    TcpPacket::new_unchecked(payload).fill_checksum(&from.into(), &to.into());
                }
                IpProtocol::Icmpv6 if payload.len() >= 8 => {
                    Icmpv6Packet::new_unchecked(payload).fill_checksum(&from, &to);
                }
                _ => {}
            }
        }
        _ => {}
    }
}

fn hostile_bench() -> Bench {
    Bench::new(&setup(bundle(4000), WORDS))
}

/// A new client is answered.
fn still_serves(bench: &mut Bench) {
    let from = Ipv4Addr::new(203, 0, 113, 77);
    let answers = bench.segments(Segment::syn(from, 7777, 1000).frame());
    let syn = answers
        .iter()
        .find(|seen| seen.port == 7777)
        .expect("an answer");
    assert!(syn.syn);
    let request = Segment {
        control: TcpControl::None,
        seq: 1001,
        ack: Some(syn.seq.wrapping_add(1)),
        payload: b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        ..Segment::syn(from, 7777, 0)
    };
    let answers = bench.segments(request.frame());
    let answer = answers
        .iter()
        .find(|seen| seen.port == 7777)
        .expect("an answer");
    assert!(answer.payload.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let reset = Segment {
        control: TcpControl::Rst,
        seq: 1001 + request.payload.len() as i32,
        payload: b"",
        ..request
    };
    bench.give(reset.frame());
}

fn run(bench: &mut Bench, frames: impl IntoIterator<Item = (Vec<u8>, bool)>) {
    for (frame, checked) in frames {
        bench.nic.incoming.push_back((frame, checked));
        if bench.nic.incoming.len() > 20 {
            bench.now += 1000;
            bench.poll();
            for frame in bench.nic.outgoing.drain(..) {
                // What is sent is well-formed, whatever came.
                seen(&frame);
            }
        }
    }
    bench.pass(1);
}

/// How long the long runs take, in seconds: `APPLGEN_FUZZ_SECONDS`, else a few.
fn seconds() -> u64 {
    std::env::var("APPLGEN_FUZZ_SECONDS").map_or(3, |text| text.parse().expect("a number"))
}

#[test]
fn changed_frames_for_a_while() {
    let started = std::time::Instant::now();
    let corpus = corpus();
    let seed = std::env::var("APPLGEN_FUZZ_SEED").map_or(1, |text| text.parse().expect("a number"));
    let mut random = Random(seed);
    let mut bench = hostile_bench();
    let mut rounds = 0_u64;
    while started.elapsed().as_secs() < seconds() {
        rounds += 1;
        let mut batch = vec![];
        for _ in 0..200 {
            let mut frame = corpus[random.below(corpus.len() as u64) as usize].clone();
            for _ in 0..random.below(4) {
                let at = random.below(frame.len() as u64) as usize;
                match random.below(6) {
                    0 => frame[at] = random.next() as u8,
                    1 => frame[at] ^= 1 << random.below(8),
                    2 => frame.truncate(at),
                    3 => frame[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5) as usize],
                    4 => {
                        let more = random.below(200) as usize;
                        frame.extend((0..more).map(|_| random.next() as u8));
                    }
                    // Sequence and acknowledgement numbers near those in use.
                    _ => {
                        if let Some(place) = frame.get_mut(38..42) {
                            let near = 1000_u32.wrapping_add(random.below(5000) as u32);
                            place.copy_from_slice(&near.to_be_bytes());
                        }
                    }
                }
                if frame.is_empty() {
                    break;
                }
            }
            if random.per_mille(900) {
                mend(&mut frame);
            }
            frame.truncate(2000);
            batch.push((frame, random.per_mille(300)));
        }
        run(&mut bench, batch);
        if rounds.is_multiple_of(50) {
            still_serves(&mut bench);
        }
    }
    still_serves(&mut bench);
    bench.pass(200);
    assert_eq!(bench.last.deadline_micros, None, "something is left to do");
}

/// Sessions of one flow, with everything about its segments at random: states
/// of a connection are reached that single frames do not reach.
#[test]
fn segments_of_one_flow_for_a_while() {
    let started = std::time::Instant::now();
    let mut random = Random(2);
    let mut bench = hostile_bench();
    while started.elapsed().as_secs() < seconds() {
        let port = 1024 + random.below(4) as u16;
        let from: IpAddress = match random.below(2) {
            0 => HERE.into(),
            _ => HERE_6.into(),
        };
        let start = random.next() as i32;
        let answers = bench.segments(Segment::syn(from, port, start).frame());
        let mut theirs = answers.first().map_or(0, |seen| seen.seq.wrapping_add(1));
        let mut ours = start.wrapping_add(1);
        for _ in 0..random.below(60) {
            let length = random.below(1200) as usize;
            let request = b"GET /page HTTP/1.1\r\nHost: h\r\nX: 0123456789\r\n\r\n";
            let payload: Vec<u8> = match random.below(3) {
                0 => request.to_vec(),
                1 => request.iter().cycle().take(length).copied().collect(),
                _ => vec![],
            };
            let wander = |random: &mut Random, at: i32| match random.below(6) {
                0 => at.wrapping_add(random.below(3000) as i32 - 1500),
                1 => random.next() as i32,
                _ => at,
            };
            let control = match random.below(14) {
                0 => TcpControl::Fin,
                1 => TcpControl::Syn,
                2 if random.below(5) == 0 => TcpControl::Rst,
                _ => TcpControl::None,
            };
            let segment = Segment {
                control,
                seq: wander(&mut random, ours),
                ack: (random.below(20) > 0).then(|| wander(&mut random, theirs)),
                window: random.below(3) as u16 * random.below(30_000) as u16,
                payload: &payload,
                ..Segment::syn(from, port, 0)
            };
            let answers = bench.segments(segment.frame());
            for answer in &answers {
                if let Some(ack) = answer.ack {
                    ours = ack;
                }
                theirs = answer.seq.wrapping_add(answer.payload.len() as i32);
            }
            bench.now += random.below(3) * random.below(2_000_000);
        }
    }
    still_serves(&mut bench);
    bench.pass(200);
    assert_eq!(bench.last.deadline_micros, None, "something is left to do");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn noise(frames in prop::collection::vec(
        (prop::collection::vec(any::<u8>(), 0..2000), any::<bool>()), 0..40)) {
        let mut bench = hostile_bench();
        run(&mut bench, frames);
        still_serves(&mut bench);
    }

    #[test]
    fn noise_behind_headers(frames in prop::collection::vec(
        (0..4_usize, prop::collection::vec(any::<u8>(), 0..1500), any::<bool>()), 0..40)) {
        let mut bench = hostile_bench();
        let kinds = [
            EthernetProtocol::Arp,
            EthernetProtocol::Ipv4,
            EthernetProtocol::Ipv6,
            EthernetProtocol::Ipv6,
        ];
        let frames = frames.into_iter().map(|(kind, mut payload, checked)| {
            if let Some(first) = payload.first_mut() {
                *first = [0, 0x45, 0x60, 0x60][kind];
            }
            let mut frame = ethernet(SERVER_MAC, STRANGER_MAC, kinds[kind], &payload);
            // Lengths that fit, and the own address.
            let length = payload.len() as u16;
            if kind == 1 && payload.len() >= 20 {
                frame[16..18].copy_from_slice(&length.to_be_bytes());
                frame[20] &= 0x40;
                frame[21] = 0;
                frame[30..34].copy_from_slice(&SERVER.octets());
            }
            if kind >= 2 && payload.len() >= 40 {
                frame[18..20].copy_from_slice(&(length - 40).to_be_bytes());
                frame[38..54].copy_from_slice(&SERVER_6.octets());
            }
            mend(&mut frame);
            (frame, checked)
        });
        run(&mut bench, frames);
        still_serves(&mut bench);
    }

    #[test]
    fn every_frame_cut_anywhere(which in 0..1000_usize, cut in any::<prop::sample::Index>()) {
        let corpus = corpus();
        let mut frame = corpus[which % corpus.len()].clone();
        frame.truncate(cut.index(frame.len()));
        let mut bench = hostile_bench();
        run(&mut bench, [(frame.clone(), false), (frame, true)]);
        still_serves(&mut bench);
    }
}
