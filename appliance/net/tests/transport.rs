//! TCP itself, segment by segment: what is sent again and when, what is put
//! together, and what those who only guess can do.

mod common;

use common::bench::Bench;
use common::frames::{Seen, Segment, seen};
use common::{WORDS, body, bundle, setup};
use smoltcp::wire::TcpControl;
use std::net::Ipv4Addr;

const HERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 9);
const GET: &[u8] = b"GET /picture HTTP/1.1\r\nHost: h\r\n\r\n";
/// What a client says that it takes: `Segment` says so.
const MSS: usize = 1400;

struct Client {
    bench: Bench,
    seq: i32,
    ack: i32,
    window: u16,
}

impl Client {
    /// With an open connection.
    fn new() -> Self {
        let mut bench = Bench::new(&setup(bundle(100_000), WORDS));
        let answers = bench.segments(Segment::syn(HERE, 4000, 1000).frame());
        assert!(answers[0].syn);
        let mut client = Self {
            bench,
            seq: 1001,
            ack: answers[0].seq.wrapping_add(1),
            window: 65_000,
        };
        assert!(client.give(client.segment(b"")).is_empty());
        client
    }

    fn segment<'p>(&self, payload: &'p [u8]) -> Segment<'p> {
        Segment {
            control: TcpControl::None,
            seq: self.seq,
            ack: Some(self.ack),
            window: self.window,
            payload,
            ..Segment::syn(HERE, 4000, 0)
        }
    }

    fn give(&mut self, segment: Segment<'_>) -> Vec<Seen> {
        self.bench.segments(segment.frame())
    }

    /// Asks for the picture; the first flight.
    fn ask(&mut self) -> Vec<Seen> {
        let answers = self.give(self.segment(GET));
        self.seq += GET.len() as i32;
        answers
    }

    /// Lets time pass; what was sent, and when.
    fn pass(&mut self, micros: u64) -> Vec<(u64, Seen)> {
        let (start, end) = (self.bench.now, self.bench.now + micros);
        let mut all = vec![];
        loop {
            self.bench.poll();
            let at = self.bench.now - start;
            let frames = self.bench.nic.outgoing.drain(..);
            all.extend(frames.filter_map(|frame| Some((at, seen(&frame)?))));
            match self.bench.last.deadline_micros {
                Some(deadline) if deadline <= end => {
                    self.bench.now = deadline.max(self.bench.now + 1);
                }
                _ => break,
            }
        }
        self.bench.now = end;
        all
    }

    /// Takes what is there, and acknowledges until nothing more comes.
    fn finish(&mut self, mut answers: Vec<Seen>) -> Vec<u8> {
        let mut came = vec![];
        loop {
            let before = came.len();
            for answer in &answers {
                let known = self.ack.wrapping_sub(answer.seq);
                if let Some(new) = usize::try_from(known)
                    .ok()
                    .and_then(|known| answer.payload.get(known..))
                {
                    came.extend(new);
                    self.ack = self.ack.wrapping_add(new.len() as i32);
                }
            }
            if came.len() == before {
                return came;
            }
            answers = self.give(self.segment(b""));
        }
    }
}

#[test]
fn the_first_flight_is_ten_segments() {
    let mut client = Client::new();
    let flight = client.ask();
    assert_eq!(flight.len(), 10);
    assert!(flight.iter().all(|seen| seen.payload.len() == MSS));
    assert!(client.finish(flight).ends_with(&body(100_000)));
}

#[test]
fn three_duplicates_are_a_loss_and_only_that_is_sent_again() {
    let mut client = Client::new();
    let flight = client.ask();
    // The second one is lost; the others each tell so.
    client.ack = flight[1].seq;
    let mut sent = client.give(client.segment(b""));
    for number in 0..9 {
        let answers = client.give(client.segment(b""));
        // Each has left the network and lets another one in, but for the time
        // that the window takes to become half of what it was.
        let again: Vec<_> = answers
            .iter()
            .filter(|seen| seen.seq == flight[1].seq)
            .collect();
        assert_eq!(again.len(), usize::from(number == 2), "{number}");
        sent.extend(answers);
    }
    // Nothing else was sent twice.
    let mut numbers: Vec<_> = sent.iter().map(|seen| seen.seq).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), sent.len());
    let mut all = flight.clone();
    all.extend(sent);
    all.sort_by_key(|seen| seen.seq.wrapping_sub(flight[0].seq));
    client.ack = flight[0].seq;
    let came = client.finish(all);
    assert!(came.ends_with(&body(100_000)));
    assert!(client.pass(5_000_000).is_empty());
}

#[test]
fn what_is_not_acknowledged_is_sent_again_more_and_more_seldom() {
    let mut client = Client::new();
    let flight = client.ask();
    let again = client.pass(20_000_000);
    assert!(again.iter().all(|(_, seen)| seen.seq == flight[0].seq));
    let times: Vec<_> = again.iter().map(|(at, _)| at / 10_000).collect();
    assert_eq!(times, [30, 90, 210, 450, 930, 1890]);
    // And then the rest of it comes.
    let first = vec![again[0].1.clone()];
    assert!(client.finish(first).ends_with(&body(100_000)));
}

#[test]
fn a_syn_is_answered_again() {
    let mut bench = Bench::new(&setup(bundle(4000), WORDS));
    let syn = Segment::syn(HERE, 4000, 1000);
    let first = bench.segments(syn.frame());
    // The client's own repetition, and the time-out.
    assert_eq!(bench.segments(syn.frame()), first);
    bench.now += 1_100_000;
    bench.poll();
    let again: Vec<_> = bench.nic.outgoing.drain(..).collect();
    assert_eq!(seen(&again[0]).as_ref(), Some(&first[0]));
    // An acknowledgement of something else is refused, and costs nothing.
    let wrong = Segment {
        control: TcpControl::None,
        seq: 1001,
        ack: Some(first[0].seq.wrapping_add(77)),
        ..syn
    };
    let refused = bench.segments(wrong.frame());
    assert!(refused[0].rst && refused[0].seq == first[0].seq.wrapping_add(77));
    assert_eq!(bench.segments(syn.frame()), first);
}

#[test]
fn pieces_in_the_wrong_order_are_put_together() {
    let mut client = Client::new();
    let (one, two) = GET.split_at(11);
    let later = Segment {
        seq: client.seq + 11,
        ..client.segment(two)
    };
    // That something is missing is said at once.
    let answers = client.give(later);
    assert_eq!(answers.len(), 1);
    assert_eq!((answers[0].ack, answers[0].payload.len()), (Some(1001), 0));
    let answers = client.give(client.segment(one));
    assert_eq!(answers[0].ack, Some(1001 + GET.len() as i32));
    client.seq += GET.len() as i32;
    assert!(client.finish(answers).ends_with(&body(100_000)));
    // What came already is acknowledged, and is nothing new.
    let old = Segment {
        seq: 1001,
        ..client.segment(GET)
    };
    let answers = client.give(old);
    assert_eq!(answers.len(), 1);
    assert!(answers[0].payload.is_empty());
}

#[test]
fn a_window_that_is_shut_is_asked_for_with_a_byte() {
    let mut client = Client::new();
    client.window = 3000;
    let flight = client.ask();
    assert_eq!(
        flight.iter().map(|seen| seen.payload.len()).sum::<usize>(),
        2800
    );
    client.window = 0;
    client.ack = flight[1].seq.wrapping_add(MSS as i32);
    assert!(client.give(client.segment(b"")).is_empty());
    let probes = client.pass(5_000_000);
    assert!((3..6).contains(&probes.len()), "{probes:?}");
    for (_, probe) in &probes {
        assert_eq!((probe.seq, probe.payload.len()), (client.ack, 1));
        // It is not taken.
        assert!(client.give(client.segment(b"")).is_empty());
    }
    client.window = 65_000;
    let answers = client.give(client.segment(b""));
    assert_eq!(answers[0].seq, client.ack);
    assert!(answers[0].payload.len() > 1);
    let came = client.finish(answers);
    assert!(came.ends_with(&body(100_000)[2800..]));
}

#[test]
fn who_guesses_does_nothing() {
    let mut client = Client::new();
    let (seq, ack) = (client.seq, client.ack);
    // Not exactly what is expected (RFC 5961 §3), a SYN (§4), an acknowledgement
    // of what was never sent (§5): each is told where this side is.
    let reset = Segment {
        control: TcpControl::Rst,
        seq: seq + 7,
        ..client.segment(b"")
    };
    let syn = Segment {
        control: TcpControl::Syn,
        ..client.segment(b"")
    };
    let ahead = Segment {
        ack: Some(ack.wrapping_add(5000)),
        ..client.segment(b"X")
    };
    for guess in [reset, syn, ahead] {
        client.bench.now += 600_000;
        let answers = client.give(guess);
        assert_eq!(answers.len(), 1, "{guess:?}");
        assert!(!answers[0].rst);
        assert_eq!((answers[0].seq, answers[0].ack), (ack, Some(seq)));
        // Not more often than twice a second.
        assert!(client.give(guess).is_empty(), "{guess:?}");
    }
    // Beyond the window nothing is answered.
    let beyond = Segment {
        seq: seq + 100_000,
        ..reset
    };
    client.bench.now += 600_000;
    assert!(client.give(beyond).is_empty());
    let flight = client.ask();
    assert!(client.finish(flight).ends_with(&body(100_000)));
    // Who knows ends it.
    let reset = Segment {
        control: TcpControl::Rst,
        ..client.segment(b"")
    };
    assert!(client.give(reset).is_empty());
    let answers = client.give(client.segment(b"GET"));
    assert!(answers[0].rst);
}

#[test]
fn acknowledgements_wait_for_a_moment_and_not_for_a_second_segment() {
    let mut client = Client::new();
    // The beginning of a request.
    assert!(client.give(client.segment(b"GET /")).is_empty());
    let acks = client.pass(50_000);
    assert_eq!(acks.len(), 1);
    assert!((9_000..=10_010).contains(&acks[0].0), "{acks:?}");
    client.seq += 5;
    assert!(client.give(client.segment(b"pic")).is_empty());
    client.seq += 3;
    let answers = client.give(client.segment(b"tu"));
    assert_eq!(answers[0].ack, Some(client.seq + 2));
}

#[test]
fn who_ends_at_the_same_time_is_remembered() {
    let mut client = Client::new();
    let close = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let answers = client.give(client.segment(close));
    client.seq += close.len() as i32;
    let last = answers.last().expect("an answer");
    assert!(last.fin);
    // Its end crosses ours.
    let end = Segment {
        control: TcpControl::Fin,
        ..client.segment(b"")
    };
    let answers = client.give(end);
    assert_eq!(answers[0].ack, Some(client.seq + 1));
    client.ack = last.seq.wrapping_add(last.payload.len() as i32 + 1);
    client.seq += 1;
    assert!(client.give(client.segment(b"")).is_empty());
    // Its end once more is acknowledged once more, and no reset ends that.
    let end = Segment {
        control: TcpControl::Fin,
        seq: client.seq - 1,
        ..client.segment(b"")
    };
    let reset = Segment {
        control: TcpControl::Rst,
        ..client.segment(b"")
    };
    assert!(client.give(reset).is_empty());
    assert_eq!(client.give(end)[0].ack, Some(client.seq));
    client.bench.pass(11);
    assert!(client.give(end)[0].rst);
}

#[test]
fn what_is_out_of_place_in_a_handshake_is_told_so() {
    let mut bench = Bench::new(&setup(bundle(4000), WORDS));
    let syn = Segment::syn(HERE, 4000, 1000);
    let first = bench.segments(syn.frame()).remove(0);
    let beyond = Segment {
        control: TcpControl::None,
        seq: 1001 + 100_000,
        ack: Some(first.seq.wrapping_add(1)),
        payload: b"X",
        ..syn
    };
    let answers = bench.segments(beyond.frame());
    let [answer] = answers.as_slice() else {
        panic!("{answers:?}");
    };
    assert!(!answer.syn && !answer.rst, "{answer:?}");
    assert_eq!(
        (answer.seq, answer.ack),
        (first.seq.wrapping_add(1), Some(1001))
    );
    // Then there is nothing to do before the time-out.
    bench.poll();
    let deadline = bench.last.deadline_micros.expect("a time-out");
    assert!(deadline > bench.now + 500_000, "{}", deadline - bench.now);
}

#[test]
fn an_answer_to_a_syn_that_was_sent_twice_is_not_timed() {
    let mut bench = Bench::new(&setup(bundle(100_000), WORDS));
    let syn = Segment::syn(HERE, 4000, 1000);
    bench.segments(syn.frame());
    bench.now += 900_000;
    let answer = bench.segments(syn.frame()).remove(0);
    let mut client = Client {
        bench,
        seq: 1001,
        ack: answer.seq.wrapping_add(1),
        window: 65_000,
    };
    client.give(client.segment(b""));
    client.ask();
    // As for a path that nothing is known of.
    let (at, _) = client.pass(2_000_000).remove(0);
    assert_eq!(at / 10_000, 100);
}

#[test]
fn after_a_pause_the_first_flight_is_as_in_the_beginning() {
    let mut client = Client::new();
    for pause in [0, 5_000_000] {
        let flight = client.ask();
        assert!(client.finish(flight).ends_with(&body(100_000)));
        client.pass(pause);
    }
    assert_eq!(client.ask().len(), 10);
}

#[test]
fn an_old_syn_does_not_open_a_remembered_connection() {
    let mut client = Client::new();
    let close = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    let answers = client.give(client.segment(close));
    client.seq += close.len() as i32;
    let last = answers.last().expect("an answer");
    client.ack = last.seq.wrapping_add(last.payload.len() as i32 + 1);
    let end = Segment {
        control: TcpControl::Fin,
        ..client.segment(b"")
    };
    client.give(end);
    client.seq += 1;
    // The very first one once more is told where things are.
    let answers = client.give(Segment::syn(HERE, 4000, 1000));
    assert_eq!(answers.len(), 1);
    assert!(!answers[0].syn, "{answers:?}");
    assert_eq!(answers[0].ack, Some(client.seq));
    // A new one opens, and nothing of the old one is among its numbers.
    let answers = client.give(Segment::syn(HERE, 4000, client.seq + 1));
    assert!(answers[0].syn, "{answers:?}");
    assert!(answers[0].seq.wrapping_sub(client.ack) > 0);
}

#[test]
fn a_connection_that_is_reset_is_opened_again_in_the_same_turn() {
    let mut client = Client::new();
    let reset = Segment {
        control: TcpControl::Rst,
        ..client.segment(b"")
    };
    let frame = reset.frame();
    client.bench.nic.incoming.push_back((frame, false));
    let answers = client.give(Segment::syn(HERE, 4000, 77_000));
    assert!(answers[0].syn, "{answers:?}");
    assert_eq!(answers[0].ack, Some(77_001));
}
