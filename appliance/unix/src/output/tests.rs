//! Tests of sending: whatever a client takes at a time, it gets everything.

use super::*;

/// A client that takes so many bytes at a time, and then none for once.
struct Slow {
    received: Vec<u8>,
    at_once: usize,
    full: bool,
    calls: usize,
    /// Whether the last call said so.
    last: bool,
}

impl Slow {
    fn new(at_once: usize) -> Self {
        Self {
            received: Vec::new(),
            at_once,
            full: false,
            calls: 0,
            last: false,
        }
    }
}

impl Client for Slow {
    fn take(&mut self, slices: &[IoSlice<'_>], last: bool) -> io::Result<usize> {
        self.calls += 1;
        self.last = last;
        if std::mem::take(&mut self.full) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let before = self.received.len();
        for slice in slices {
            let room = before + self.at_once - self.received.len();
            self.received.extend(slice.iter().take(room));
        }
        let taken = self.received.len() - before;
        self.full = taken == self.at_once;
        Ok(taken)
    }
}

fn reply<'b>(batch: &mut Batch<'b>, head: &[u8], slices: [&'b [u8]; 2]) -> Reply<'b> {
    batch.scratch()[..head.len()].copy_from_slice(head);
    Reply {
        head_len: head.len(),
        slices,
        status: 200,
        ..Reply::EMPTY
    }
}

/// Sends three answers to a client that takes `at_once` bytes at a time.
fn exchange(at_once: usize, body: &[u8]) {
    let mut batch = Batch::new();
    let mut expected = Vec::new();
    for (head, slices) in [
        (&b"first"[..], [body, b""]),
        (b"second", [b"", b""]),
        (b"third", [b"lines", body]),
    ] {
        expected.extend([head, slices[0], slices[1]].concat());
        let reply = reply(&mut batch, head, slices);
        batch.push(&reply);
    }
    let mut client = Slow::new(at_once);
    let mut rest = Rest::default();
    let mut sent = batch.send(&mut client, true, &mut rest).unwrap();
    assert!(batch.is_empty());
    while sent != Sent::All {
        assert!(!rest.is_empty());
        sent = rest.send(&mut client, true).unwrap().1;
    }
    assert!(rest.is_empty());
    assert_eq!(client.received, expected);
    // The write that everything was taken with knew that it was the last.
    assert!(client.last);
}

#[test]
fn everything_arrives_in_order_whatever_is_taken_at_once() {
    for at_once in 1..60 {
        exchange(at_once, b"0123456789");
        exchange(at_once, b"");
    }
    let body = vec![b'x'; 2 * WRITE_BYTES + 3];
    for at_once in [
        100_000,
        WRITE_BYTES - 1,
        WRITE_BYTES,
        WRITE_BYTES + 1,
        usize::MAX / 2,
    ] {
        exchange(at_once, &body);
    }
}

#[test]
fn a_small_answer_is_one_call() {
    let mut batch = Batch::new();
    let reply = reply(&mut batch, b"head", [b"body", b""]);
    batch.push(&reply);
    let mut client = Slow::new(1000);
    let sent = batch
        .send(&mut client, false, &mut Rest::default())
        .unwrap();
    assert_eq!((sent, client.calls, client.last), (Sent::All, 1, false));
}

#[test]
fn a_batch_has_room_for_whole_heads_alone() {
    let mut batch = Batch::new();
    let mut count = 0;
    while !batch.is_full() {
        assert!(batch.scratch().len() >= HEAD_MAX);
        let reply = reply(&mut batch, &[b'x'; 1000], [b"", b""]);
        batch.push(&reply);
        count += 1;
    }
    assert!((2..=ANSWER_BATCH).contains(&count));
}

#[test]
fn a_client_that_is_gone_is_an_error() {
    struct Gone;
    impl Client for Gone {
        fn take(&mut self, _: &[IoSlice<'_>], _: bool) -> io::Result<usize> {
            Err(ErrorKind::BrokenPipe.into())
        }
    }
    let mut batch = Batch::new();
    let reply = reply(&mut batch, b"head", [b"body", b""]);
    batch.push(&reply);
    assert!(batch.send(&mut Gone, false, &mut Rest::default()).is_err());
    assert!(batch.is_empty());
}
