//! Clients in numbers, and clients that mean no good: nobody takes the server
//! from the others.

mod common;

use applgen_bundle::http::Limits;
use common::bench::Bench;
use common::frames::{Seen, Segment, seen};
use common::link::Impairment;
use common::world::{SERVER4, SERVER6, World};
use common::{Random, WORDS, body, bundle, bundle_with, setup};
use smoltcp::wire::TcpControl;
use std::net::Ipv4Addr;

const GET: &[u8] = b"GET /page HTTP/1.1\r\nHost: h\r\n\r\n";

/// A client on the bench that keeps to the rules: opens a connection, asks
/// once, and says what came.
struct Peer {
    from: Ipv4Addr,
    port: u16,
    seq: i32,
    ack: i32,
}

impl Peer {
    /// Opens a connection; `None` if there is no answer to its SYN.
    fn open(bench: &mut Bench, from: Ipv4Addr, port: u16) -> Option<Self> {
        let answers = bench.segments(Segment::syn(from, port, 1000).frame());
        let answer = answers.iter().find(|seen| seen.port == port)?;
        assert!(answer.syn && !answer.rst, "{answer:?}");
        assert_eq!((answer.ack, answer.to), (Some(1001), from.into()));
        assert_eq!(answer.mss, Some(1460));
        let peer = Self {
            from,
            port,
            seq: 1001,
            ack: answer.seq.wrapping_add(1),
        };
        bench.give(peer.segment(b"").frame());
        Some(peer)
    }

    fn segment<'p>(&self, payload: &'p [u8]) -> Segment<'p> {
        Segment {
            control: TcpControl::None,
            seq: self.seq,
            ack: Some(self.ack),
            payload,
            ..Segment::syn(self.from, self.port, 0)
        }
    }

    /// Sends a request, and acknowledges what comes until nothing more does.
    fn ask(&mut self, bench: &mut Bench, request: &[u8]) -> Vec<u8> {
        let mut answers = bench.segments(self.segment(request).frame());
        self.seq += request.len() as i32;
        let mut came = vec![];
        while self.take(&answers, &mut came) {
            answers = bench.segments(self.segment(b"").frame());
        }
        came
    }

    fn is_for(&self, seen: &Seen) -> bool {
        (seen.to, seen.port) == (self.from.into(), self.port)
    }

    /// Sends a long request piece by piece, as the server acknowledges it, and
    /// says what came.
    fn deliver(&mut self, bench: &mut Bench, request: &[u8]) -> Vec<u8> {
        let start = self.seq;
        let mut came = vec![];
        for _ in 0..200 {
            let sent = self.seq.wrapping_sub(start) as usize;
            let Some(rest) = request.get(sent..).filter(|rest| !rest.is_empty()) else {
                break;
            };
            let piece = rest.get(..1000).unwrap_or(rest);
            let mut answers = bench.give(self.segment(piece).frame());
            for _ in 0..3 {
                bench.now += 10_000;
                bench.poll();
                answers.extend(bench.nic.outgoing.drain(..));
            }
            let answers: Vec<_> = answers.iter().filter_map(|frame| seen(frame)).collect();
            let acks = answers.iter().filter(|seen| self.is_for(seen));
            self.seq = acks.filter_map(|seen| seen.ack).fold(self.seq, i32::max);
            self.take(&answers, &mut came);
        }
        came.extend(self.ask(bench, b""));
        came
    }

    fn take(&mut self, answers: &[Seen], came: &mut Vec<u8>) -> bool {
        let mut progress = false;
        for answer in answers {
            if !self.is_for(answer) {
                continue;
            }
            assert!(!answer.rst, "a reset");
            if answer.seq == self.ack && !answer.payload.is_empty() {
                came.extend(&answer.payload);
                self.ack = self.ack.wrapping_add(answer.payload.len() as i32);
                progress = true;
            }
        }
        progress
    }
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0xc612_0000 + number)
}

#[test]
fn many_at_once() {
    let mut world = World::new(&setup(bundle(100_000), WORDS), Impairment::NONE, 1);
    for number in 0..250 {
        let server = if number % 2 == 0 { SERVER4 } else { SERVER6 };
        world.get(server, "/picture");
    }
    // All of them are open before the first is answered.
    assert!(world.finish(120));
    for fetch in &world.client.fetches {
        let (_, came) = fetch.split().expect("an answer");
        assert!(fetch.clean && came == body(100_000));
    }
}

#[test]
fn two_hundred_and_fifty_stay_open() {
    let mut setup = setup(bundle(100_000), WORDS);
    setup.memory_bytes = 4_500_000;
    let mut bench = Bench::new(&setup);
    let mut peers: Vec<_> = (0..250)
        .map(|number| Peer::open(&mut bench, address(number), 40_000).expect("a connection"))
        .collect();
    for peer in &mut peers {
        let came = peer.ask(&mut bench, GET);
        assert!(came.ends_with(&body(4000)));
    }
    // And once more, on the same connections.
    for peer in peers.iter_mut().rev() {
        let came = peer.ask(&mut bench, GET);
        assert!(came.ends_with(&body(4000)));
    }
}

#[test]
fn more_than_there_is_room_for_are_served_in_turn() {
    let mut setup = setup(bundle(100_000), WORDS);
    setup.memory_bytes = 1_000_000;
    let mut bench = Bench::new(&setup);
    // Nobody closes: who has been idle for longest makes way.
    for number in 0..3000 {
        let mut peer = Peer::open(&mut bench, address(number), 40_000).expect("a connection");
        let came = peer.ask(&mut bench, GET);
        assert!(came.ends_with(&body(4000)), "{number}");
    }
}

#[test]
fn a_client_has_as_many_connections_as_the_site_says() {
    let limits = Limits {
        per_address: 2,
        idle_seconds: 3,
        ..Limits::DEFAULT
    };
    let mut bench = Bench::new(&setup(bundle_with(100_000, limits), WORDS));
    let ask = |bench: &mut Bench, peer: &mut Peer| peer.ask(bench, GET).ends_with(&body(4000));
    let mut other = Peer::open(&mut bench, address(2), 4000).unwrap();
    let mut first = Peer::open(&mut bench, address(1), 4000).unwrap();
    let mut second = Peer::open(&mut bench, address(1), 4001).unwrap();
    assert!(ask(&mut bench, &mut second) && ask(&mut bench, &mut first));
    // Its own that has been idle for longest makes way, and nobody else's.
    let mut third = Peer::open(&mut bench, address(1), 4002).unwrap();
    assert!(ask(&mut bench, &mut third));
    assert!(ask(&mut bench, &mut first) && ask(&mut bench, &mut other));
    let came = second.ask(&mut bench, GET);
    assert!(came.is_empty(), "{} bytes", came.len());
    // One in the middle of a request does not make way: the next one waits.
    let part = &GET[..10];
    assert!(first.ask(&mut bench, part).is_empty() && third.ask(&mut bench, part).is_empty());
    assert!(Peer::open(&mut bench, address(1), 4003).is_none());
    assert!(Peer::open(&mut bench, address(3), 4003).is_some());
    // The site's time for idle ones, and the usual one for requests.
    bench.pass(5);
    assert!(other.ask(&mut bench, GET).is_empty());
    assert!(first.ask(&mut bench, &GET[10..]).ends_with(&body(4000)));
}

#[test]
fn handshakes_at_once_are_no_way_round_the_limit() {
    let limits = Limits {
        per_address: 2,
        ..Limits::DEFAULT
    };
    let mut bench = Bench::new(&setup(bundle_with(100_000, limits), WORDS));
    let mut other = Peer::open(&mut bench, address(2), 4000).unwrap();
    let mut peers = vec![];
    for port in 4000..4010 {
        let answers = bench.segments(Segment::syn(address(1), port, 1000).frame());
        peers.push(Peer {
            from: address(1),
            port,
            seq: 1001,
            ack: answers[0].seq.wrapping_add(1),
        });
    }
    // All are completed in one turn.
    for peer in &peers {
        let frame = peer.segment(b"").frame();
        bench.nic.incoming.push_back((frame, false));
    }
    bench.poll();
    bench.nic.outgoing.clear();
    let mut ask = |peer: &mut Peer| peer.ask(&mut bench, GET).ends_with(&body(4000));
    let served: Vec<_> = peers.iter_mut().map(&mut ask).collect();
    assert_eq!(served.iter().filter(|served| **served).count(), 2);
    assert!(served.ends_with(&[true, true]), "{served:?}");
    assert!(ask(&mut other));
}

#[test]
fn a_syn_in_anothers_name_ends_nothing() {
    let limits = Limits {
        per_address: 2,
        ..Limits::DEFAULT
    };
    let mut bench = Bench::new(&setup(bundle_with(100_000, limits), WORDS));
    let mut peers = [4000, 4001].map(|port| Peer::open(&mut bench, address(1), port).unwrap());
    for port in 5000..5010 {
        bench.give(Segment::syn(address(1), port, 1000).frame());
    }
    for peer in &mut peers {
        assert!(peer.ask(&mut bench, GET).ends_with(&body(4000)));
    }
}

#[test]
fn no_time_out_is_told_in_the_midst_of_an_answer() {
    let long = |head: &str| {
        let mut request = head.as_bytes().to_vec();
        while request.len() < 6000 {
            request.extend(b"X-Filler: ");
            request.extend([b'x'; 500]);
            request.extend(b"\r\n");
        }
        request.extend(b"\r\n");
        request
    };
    // Answers that do not fit into the window, and whole ones whose end nobody
    // acknowledges.
    let kinds = [
        ("GET /picture HTTP/1.1\r\nHost: h\r\n", 100_000),
        (
            "GET /page HTTP/1.1\r\nHost: h\r\nConnection: close\r\n",
            4000,
        ),
    ];
    for (head, bytes) in kinds {
        let mut bench = Bench::new(&setup(bundle(100_000), WORDS));
        let request = long(head);
        let (most, last) = request.split_at(request.len() - 100);
        let mut peers = vec![];
        for number in 0..16 {
            let mut peer = Peer::open(&mut bench, address(10 + number), 4000).unwrap();
            assert!(peer.deliver(&mut bench, most).is_empty());
            let narrow = Segment {
                window: 5000,
                ..peer.segment(last)
            };
            let answers = bench.segments(narrow.frame());
            peer.seq += 100;
            let mut came = vec![];
            peer.take(&answers, &mut came);
            peers.push((peer, came));
        }
        // By then each would have kept its buffer for too long.
        bench.pass(3);
        let mut other = Peer::open(&mut bench, address(1), 4000).unwrap();
        let came = other.deliver(&mut bench, &request);
        assert!(came.starts_with(b"HTTP/1.1 200 ") && came.ends_with(&body(bytes)));
        for (peer, came) in &mut peers {
            came.extend(peer.ask(&mut bench, b""));
            let heads = came.windows(9).filter(|at| at == b"HTTP/1.1 ").count();
            assert_eq!(heads, 1);
            assert!(came.ends_with(&body(bytes)), "{} bytes", came.len());
        }
    }
}

#[test]
fn a_syn_flood_takes_nothing_from_who_is_there() {
    let mut bench = Bench::new(&setup(bundle(100_000), WORDS));
    let mut old = Peer::open(&mut bench, address(1), 4000).unwrap();
    let mut random = Random(3);
    for _ in 0..20_000 {
        let from = Ipv4Addr::from_bits(0x0a00_0000 | random.next() as u32 & 0xff_ffff);
        let port = 1024 + random.below(60_000) as u16;
        bench.give(Segment::syn(from, port, random.next() as i32).frame());
    }
    let came = old.ask(&mut bench, GET);
    assert!(came.ends_with(&body(4000)));
    // Somebody new completes the handshake in the midst of it.
    for number in 0..50 {
        let mut peer = Peer::open(&mut bench, address(100 + number), 4000).expect("a connection");
        for _ in 0..100 {
            let from = Ipv4Addr::from_bits(0x0a00_0000 | random.next() as u32 & 0xff_ffff);
            bench.give(Segment::syn(from, 5000, 1).frame());
        }
        assert!(peer.ask(&mut bench, GET).ends_with(&body(4000)));
    }
    // What was half-open is gone after a while, and nothing is left to do.
    bench.pass(120);
    assert_eq!(bench.last.deadline_micros, None);
}

#[test]
fn closed_connections_do_not_starve_new_ones() {
    let mut setup = setup(bundle(100_000), WORDS);
    setup.memory_bytes = 1_000_000;
    let mut bench = Bench::new(&setup);
    let request = b"GET /page HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    // The server closes first, so that each is remembered for ten seconds; all
    // of this happens within one.
    let start = bench.now;
    for number in 0..2000 {
        let mut peer = Peer::open(&mut bench, address(number), 4000).expect("a connection");
        let came = peer.ask(&mut bench, request);
        assert!(came.ends_with(&body(4000)), "{number}");
        let fin = Segment {
            control: TcpControl::Fin,
            ack: Some(peer.ack.wrapping_add(1)),
            ..peer.segment(b"")
        };
        bench.give(fin.frame());
    }
    assert!(bench.now - start < 10_000_000);
    // The same port again, while the connection before is remembered.
    for number in 1..4 {
        let syn = Segment::syn(address(1999), 4000, 1000 + number * 100_000);
        let answer = bench.segments(syn.frame()).remove(0);
        assert!(answer.syn, "the same again");
        let mut peer = Peer {
            from: address(1999),
            port: 4000,
            seq: syn.seq + 1,
            ack: answer.seq.wrapping_add(1),
        };
        assert!(peer.ask(&mut bench, request).ends_with(&body(4000)));
        let fin = Segment {
            control: TcpControl::Fin,
            ack: Some(peer.ack.wrapping_add(1)),
            ..peer.segment(b"")
        };
        bench.give(fin.frame());
    }
}

#[test]
fn who_takes_nothing_is_ended() {
    let mut bench = Bench::new(&setup(bundle(100_000), WORDS));
    let mut peer = Peer::open(&mut bench, address(1), 4000).unwrap();
    let request = Segment {
        window: 0,
        ..peer.segment(b"GET /picture HTTP/1.1\r\nHost: h\r\n\r\n")
    };
    bench.give(request.frame());
    peer.seq += 37;
    // It answers every probe, and opens its window for none.
    let start = bench.now;
    loop {
        let answers = bench.pass(1);
        let answers: Vec<_> = answers.iter().filter_map(|frame| seen(frame)).collect();
        if answers.iter().any(|seen| seen.rst) {
            break;
        }
        assert!(bench.now - start < 60_000_000, "it is still there");
        for _ in answers {
            let shut = Segment {
                window: 0,
                ..peer.segment(b"")
            };
            bench.give(shut.frame());
        }
    }
    assert!(bench.now - start >= 25_000_000, "{}", bench.now - start);
    bench.pass(60);
    assert_eq!(bench.last.deadline_micros, None);
}

#[test]
fn who_takes_nothing_makes_way_sooner_when_others_come() {
    let mut setup = setup(bundle(100_000), WORDS);
    setup.memory_bytes = 1_000_000;
    let mut bench = Bench::new(&setup);
    for number in 0..200 {
        let Some(peer) = Peer::open(&mut bench, address(number), 4000) else {
            continue;
        };
        let request = Segment {
            window: 0,
            ..peer.segment(b"GET /picture HTTP/1.1\r\nHost: h\r\n\r\n")
        };
        bench.give(request.frame());
    }
    bench.pass(6);
    for number in 1000..1200 {
        let mut peer = Peer::open(&mut bench, address(number), 4000).expect("a connection");
        assert!(peer.ask(&mut bench, GET).ends_with(&body(4000)));
    }
}

#[test]
fn a_slow_reader_gets_all_of_it() {
    let mut world = World::new(&setup(bundle(1_000_000), WORDS), Impairment::NONE, 1);
    let request = b"GET /picture HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let fetch = world.client.fetch(SERVER4, 80, request, 2048);
    // It reads for a moment every twenty seconds.
    for _ in 0..60 {
        world.client.fetches[fetch].reads = true;
        world.run(1, |_| false);
        if world.client.fetches[fetch].over {
            break;
        }
        world.client.fetches[fetch].reads = false;
        world.run(20, |_| false);
    }
    let (_, came) = world.client.fetches[fetch].split().unwrap();
    assert!(came == body(100_000), "{} bytes", came.len());
}

#[test]
fn a_request_that_does_not_end_is_told_so() {
    let mut bench = Bench::new(&setup(bundle(100_000), WORDS));
    let mut peer = Peer::open(&mut bench, address(1), 4000).unwrap();
    bench.give(peer.segment(b"GET / HTTP/1.1\r\n").frame());
    peer.seq += 16;
    let mut came = vec![];
    let mut answers = vec![];
    for _ in 0..25 {
        answers.extend(bench.pass(1));
    }
    let answers: Vec<_> = answers.iter().filter_map(|frame| seen(frame)).collect();
    peer.take(&answers, &mut came);
    assert!(
        came.starts_with(b"HTTP/1.1 408 "),
        "{}",
        came.escape_ascii()
    );
    // One that has asked for nothing is closed without a word, after a minute.
    let idle = Peer::open(&mut bench, address(2), 4000).unwrap();
    let answers = bench.pass(61);
    let answers: Vec<_> = answers.iter().filter_map(|frame| seen(frame)).collect();
    let last = answers
        .iter()
        .find(|seen| seen.port == idle.port && seen.to == idle.from.into());
    let last = last.expect("an end");
    assert!(last.fin && last.payload.is_empty(), "{last:?}");
}

#[test]
fn long_requests_share_few_buffers() {
    let mut setup = setup(bundle(100_000), WORDS);
    setup.memory_bytes = 1_000_000;
    let mut bench = Bench::new(&setup);
    let long = |bytes: usize| {
        let mut request = b"GET /page HTTP/1.1\r\nHost: h\r\n".to_vec();
        while request.len() < bytes {
            request.extend(b"X-Filler: ");
            request.extend([b'x'; 500]);
            request.extend(b"\r\n");
        }
        request.extend(b"\r\n");
        request
    };
    let mut peer = Peer::open(&mut bench, address(1), 4000).unwrap();
    for bytes in [3900, 4095, 4096, 4097, 8000, 15_000] {
        let came = peer.deliver(&mut bench, &long(bytes));
        assert!(
            came.starts_with(b"HTTP/1.1 200 "),
            "{bytes}: {}",
            came.escape_ascii()
        );
        assert!(came.ends_with(&body(4000)), "{bytes}");
    }
    let came = peer.deliver(&mut bench, &long(17_000));
    assert!(
        came.starts_with(b"HTTP/1.1 431 "),
        "{}",
        came.escape_ascii()
    );

    // Thirty begin a long one and stop half-way; one more is served all the same.
    for number in 0..30 {
        let mut peer = Peer::open(&mut bench, address(10 + number), 4000).unwrap();
        peer.deliver(&mut bench, &long(6000)[..6000]);
    }
    bench.pass(3);
    let mut peer = Peer::open(&mut bench, address(100), 4000).unwrap();
    let mut came = peer.deliver(&mut bench, &long(6000));
    for _ in 0..5 {
        let answers = bench.pass(1);
        let answers: Vec<_> = answers.iter().filter_map(|frame| seen(frame)).collect();
        peer.take(&answers, &mut came);
        came.extend(peer.ask(&mut bench, b""));
    }
    assert!(
        came.starts_with(b"HTTP/1.1 200 "),
        "{}",
        came.escape_ascii()
    );
}

#[test]
fn requests_in_one_stream_are_answered_in_order() {
    let mut bench = Bench::new(&setup(bundle(100_000), WORDS));
    let mut peer = Peer::open(&mut bench, address(1), 4000).unwrap();
    let mut stream = vec![];
    for number in 0..40 {
        let path = if number % 3 == 0 { "/page" } else { "/" };
        stream.extend(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").bytes());
    }
    let mut came = vec![];
    for piece in stream.chunks(701) {
        let answers = bench.segments(peer.segment(piece).frame());
        peer.seq += piece.len() as i32;
        peer.take(&answers, &mut came);
        came.extend(peer.ask(&mut bench, b""));
    }
    let answers = came
        .windows(15)
        .filter(|at| at == b"HTTP/1.1 200 OK")
        .count();
    assert_eq!(answers, 40);
    assert_eq!(
        came.windows(4000).filter(|at| *at == body(4000)).count(),
        14
    );
}

#[test]
fn who_sends_no_more_gets_its_answer_and_the_end() {
    let mut bench = Bench::new(&setup(bundle(100_000), WORDS));
    let mut peer = Peer::open(&mut bench, address(1), 4000).unwrap();
    let last = Segment {
        control: TcpControl::Fin,
        ..peer.segment(GET)
    };
    let mut answers = bench.segments(last.frame());
    peer.seq += GET.len() as i32 + 1;
    let mut came = vec![];
    let mut ended = false;
    for _ in 0..20 {
        ended |= answers.iter().any(|seen| seen.fin);
        peer.take(&answers, &mut came);
        let ack = peer.ack.wrapping_add(i32::from(ended));
        let thanks = Segment {
            ack: Some(ack),
            ..peer.segment(b"")
        };
        answers = bench.segments(thanks.frame());
        if ended {
            break;
        }
    }
    assert!(came.ends_with(&body(4000)) && ended && answers.is_empty());
    // Nothing is left of it: a remembered end would be there for ten seconds.
    bench.pass(5);
    assert_eq!(bench.last.deadline_micros, None);
}
