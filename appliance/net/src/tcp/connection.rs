//! One connection: what a segment does to it, and which segment it sends next
//! (RFC 9293, for the side that listens).
//!
//! Losses are mended by NewReno (RFC 5681, RFC 6582, with RFC 3042's limited
//! transmit), time-outs are RFC 6298's, and what nobody who sees no segments
//! may do is RFC 5961's. A window of up to 64 kB is all that a ring fills, so
//! windows are not scaled.

use super::buffer::{Receive, Transmit};
use super::segment::{ACK, FIN, Header, PSH, RST, SYN, Segment};
use super::timing::Timing;
use crate::limits::RECEIVE_BYTES;

/// How long an acknowledgement may wait for something to go with.
const ACK_DELAY_MICROS: u64 = 10_000;

/// How often a segment that makes no sense is answered (RFC 5961 §7).
const CHALLENGE_MICROS: u64 = 500_000;

/// Segments of the first flight (RFC 6928).
const FIRST_SEGMENTS: u32 = 10;

/// The longest segment for who does not say (RFC 9293 §3.7.1), in bytes.
const MSS_DEFAULT: u16 = 536;
/// The shortest that anybody may ask for: less would be a flood of headers.
const MSS_MIN: u16 = 64;

/// Duplicate acknowledgements that are a loss (RFC 5681 §3.2).
const DUPLICATES: u32 = 3;

/// As many are counted: each is a segment that has left the network.
const DUPLICATES_MOST: u32 = 1024;

const NEVER: u64 = u64::MAX;

/// Where a connection is. What is between `Established` and `TimeWait` depends
/// on which ends are over: see [`Connection::is_ended`] and
/// [`Connection::is_closed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Closed,
    /// There is none any more, and the client is yet to be told.
    Resetting,
    /// A SYN has come.
    SynReceived,
    /// Both have said SYN.
    Established,
    /// Both have said FIN, this side first.
    TimeWait,
}

/// What a segment came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken, or dropped.
    Done,
    /// It is to be refused.
    Refuse,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    pub state: State,
    pub transmit: Transmit,
    pub receive: Receive,
    /// What was sent and not acknowledged begins here; the ring begins here.
    una: u32,
    /// What is sent next; goes back to `una` after a time-out.
    next: u32,
    /// What was never sent begins here.
    high: u32,
    /// Bytes that the client has room for, behind `una`; the most it ever had;
    /// and the segment that said so.
    window: u32,
    window_most: u32,
    window_seq: u32,
    window_ack: u32,
    mss: u16,
    /// Whether FIN follows the ring, and whether the client had said its own
    /// before.
    closing: bool,
    closes_second: bool,
    /// Whether FIN is acknowledged.
    closed: bool,
    /// What comes next from the client.
    received: u32,
    /// Up to where the client was told that it may send.
    announced: u32,
    /// Whether the client has said FIN.
    ended: bool,
    /// When an acknowledgement is due.
    ack_at: u64,
    challenged: u64,
    /// When numbers were sent last.
    sent_at: u64,
    /// The congestion window and where its slow start ends, in bytes.
    congestion: u32,
    threshold: u32,
    duplicates: u32,
    /// Whether a loss is being mended, and what was sent when it was found.
    recovering: bool,
    recover: u32,
    /// Whether the first segment is to be sent again.
    resend: bool,
    /// Whether at least one byte is to be sent, whatever the window is.
    probe: bool,
    timing: Timing,
}

/// `a - b` in the circle of sequence numbers.
fn distance(a: u32, b: u32) -> i32 {
    a.wrapping_sub(b).cast_signed()
}

impl Connection {
    /// None.
    pub fn new() -> Self {
        Self {
            state: State::Closed,
            transmit: Transmit::default(),
            receive: Receive::default(),
            una: 0,
            next: 0,
            high: 0,
            window: 0,
            window_most: 0,
            window_seq: 0,
            window_ack: 0,
            mss: 0,
            closing: false,
            closes_second: false,
            closed: false,
            received: 0,
            announced: 0,
            ended: false,
            ack_at: NEVER,
            challenged: 0,
            sent_at: 0,
            congestion: 0,
            threshold: 0,
            duplicates: 0,
            recovering: false,
            recover: 0,
            resend: false,
            probe: false,
            timing: Timing::new(),
        }
    }

    /// Begins with a SYN. `isn` is the own first number, `mss` what the link takes,
    /// `transmit_bytes` how much may be on its way.
    #[inline(never)]
    pub fn open(&mut self, syn: &Segment<'_>, isn: u32, mss: u16, transmit_bytes: usize) {
        let mut transmit = core::mem::take(&mut self.transmit);
        let mut receive = core::mem::take(&mut self.receive);
        transmit.clear(transmit_bytes);
        receive.clear(RECEIVE_BYTES);
        *self = Self {
            state: State::SynReceived,
            transmit,
            receive,
            una: isn,
            next: isn,
            high: isn,
            recover: isn,
            mss: syn.mss.unwrap_or(MSS_DEFAULT).max(MSS_MIN).min(mss),
            received: syn.seq.wrapping_add(1),
            announced: syn.seq.wrapping_add(1),
            threshold: u32::MAX,
            ..Self::new()
        };
        self.take_window(syn);
    }

    /// Whether what begins with this number is newer than all that the client
    /// has sent.
    pub fn is_newer(&self, seq: u32) -> bool {
        distance(seq, self.received) > 0
    }

    /// What is behind all numbers that were sent, and what may be on its way.
    pub fn beyond(&self) -> u32 {
        self.high.wrapping_add(1 << 16)
    }

    /// Whether the client will send no more.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Whether an end of this side's is on its way.
    pub fn is_closing(&self) -> bool {
        self.closing && !self.closed
    }

    /// Whether this side's end has been acknowledged.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The number up to which the client has acknowledged.
    pub fn acknowledged(&self) -> u32 {
        self.una
    }

    /// Whether this number was sent, and is not acknowledged.
    pub fn is_in_flight(&self, seq: u32) -> bool {
        seq.wrapping_sub(self.una) < self.high.wrapping_sub(self.una)
    }

    /// What a segment changes that is taken, and one that is not does not.
    pub fn mark(&self) -> (State, u32, u32) {
        (self.state, self.una, self.received)
    }

    /// Ends it, behind what is in the ring.
    pub fn close(&mut self) {
        if !self.closing {
            self.closing = true;
            self.closes_second = self.ended;
        }
    }

    /// Ends it with a reset, to be sent next.
    pub fn abort(&mut self) {
        self.state = match self.state {
            State::SynReceived | State::Established => State::Resetting,
            _ => State::Closed,
        };
    }

    /// Forgets it, without a word.
    pub fn forget(&mut self) {
        self.state = State::Closed;
        self.ack_at = NEVER;
        self.timing.stop();
    }

    /// When it wants to send something.
    pub fn due(&self) -> u64 {
        self.ack_at.min(self.timing.due())
    }

    /// A segment of it has come.
    #[inline(never)]
    pub fn arrive(&mut self, segment: &Segment<'_>, now: u64) -> Verdict {
        let before = distance(segment.seq, self.received);
        // Its SYN once more: the answer to it was lost.
        if self.state == State::SynReceived && segment.opens() && before == -1 {
            self.next = self.una;
            self.timing.forget_sample();
            return Verdict::Done;
        }
        let length = segment.length() as i32;
        let is_in_window = before <= self.receive.room() as i32
            && (before >= 0 || before.saturating_add(length) > 0);
        if !is_in_window {
            // A duplicate, or somebody asks whether this side is still there.
            match length {
                _ if segment.has(RST) => {}
                0 => self.challenge(now),
                _ => self.ack_at = 0,
            }
            return Verdict::Done;
        }
        if segment.has(RST) {
            // RFC 1337: what is remembered is not to be forgotten for that.
            match before {
                _ if self.state == State::TimeWait => {}
                0 => self.forget(),
                _ => self.challenge(now),
            }
            return Verdict::Done;
        }
        if segment.has(SYN) {
            self.challenge(now);
            return Verdict::Done;
        }
        if !segment.has(ACK) {
            return Verdict::Done;
        }
        let acked = distance(segment.ack, self.una);
        let opens = self.state == State::SynReceived;
        if opens {
            if acked != 1 || self.high == self.una {
                return Verdict::Refuse;
            }
            self.state = State::Established;
            self.congestion = FIRST_SEGMENTS * u32::from(self.mss);
        }
        if acked > distance(self.high, self.una) || i64::from(acked) < -i64::from(self.window_most)
        {
            self.challenge(now);
            return Verdict::Done;
        }
        self.acknowledge(segment, acked, opens, now);
        let newer = distance(segment.seq, self.window_seq);
        if newer > 0 || (newer == 0 && distance(segment.ack, self.window_ack) >= 0) {
            self.take_window(segment);
        }
        if self.state == State::Established {
            self.take(segment, before, now);
        }
        if self.closed && self.ended && self.state == State::Established {
            match self.closes_second {
                true => self.forget(),
                false => self.state = State::TimeWait,
            }
        }
        Verdict::Done
    }

    /// Says where this side is, to whoever seems to be elsewhere.
    fn challenge(&mut self, now: u64) {
        if now >= self.challenged {
            self.challenged = now.saturating_add(CHALLENGE_MICROS);
            self.ack_at = 0;
        }
    }

    fn take_window(&mut self, segment: &Segment<'_>) {
        // What asked for the window was perhaps not taken.
        if self.window == 0 {
            self.next = self.una;
        }
        if self.high == self.una {
            self.timing.stop();
        }
        self.window = segment.window.into();
        self.window_most = self.window_most.max(self.window);
        self.window_seq = segment.seq;
        self.window_ack = segment.ack;
    }

    /// Takes what is acknowledged.
    fn acknowledge(&mut self, segment: &Segment<'_>, acked: i32, opens: bool, now: u64) {
        let mss = u32::from(self.mss);
        if acked <= 0 {
            let is_duplicate = acked == 0
                && self.high != self.una
                && segment.length() == 0
                && u32::from(segment.window) == self.window;
            if is_duplicate {
                self.duplicates = (self.duplicates + 1).min(DUPLICATES_MOST);
                // Not for what was lost before the last time-out.
                let is_new = distance(self.una, self.recover) > 0;
                if self.duplicates == DUPLICATES && !self.recovering && is_new {
                    self.threshold = self.half_flight();
                    self.congestion = self.threshold;
                    self.recover = self.high;
                    self.recovering = true;
                    self.resend = true;
                    self.timing.forget_sample();
                }
            }
            return;
        }
        let acked = acked.cast_unsigned();
        self.una = segment.ack;
        if distance(self.next, self.una) < 0 {
            self.next = self.una;
        }
        // The first number is SYN's, the last is FIN's; neither is in the ring.
        let bytes = self.transmit.len();
        self.closed |= self.closing && acked as usize == bytes + 1;
        self.transmit.consume(acked as usize);
        self.probe = false;
        self.timing.acknowledged(segment.ack, now);
        match self.high == self.una {
            true => self.timing.stop(),
            false => self.timing.start(now),
        }
        if opens {
            return;
        }
        if !self.recovering {
            self.duplicates = 0;
            let more = match self.congestion < self.threshold {
                true => acked.min(2 * mss),
                false => (mss * mss / self.congestion.max(1)).max(1),
            };
            // The ring is no longer than that.
            self.congestion = (self.congestion + more).min(1 << 17);
        } else if distance(segment.ack, self.recover) >= 0 {
            self.recovering = false;
            self.duplicates = 0;
        } else {
            // The next one is missing, too.
            self.resend = true;
            self.duplicates = self.duplicates.saturating_sub(acked / mss) + 1;
        }
    }

    fn half_flight(&self) -> u32 {
        let flight = self.high.wrapping_sub(self.una);
        (flight / 2).max(2 * u32::from(self.mss))
    }

    /// Takes bytes and the end; they begin `before` what is expected.
    fn take(&mut self, segment: &Segment<'_>, before: i32, now: u64) {
        if self.ended || (segment.payload.is_empty() && !segment.has(FIN)) {
            return;
        }
        let known = before.min(0).unsigned_abs() as usize;
        let offset = before.max(0) as usize;
        let bytes = segment.payload.get(known..).unwrap_or_default();
        let had_gap = self.receive.has_gap();
        let more = self.receive.put(offset, bytes) as u32;
        self.received = self.received.wrapping_add(more);
        let end = segment.seq.wrapping_add(segment.payload.len() as u32);
        if segment.has(FIN) && end == self.received {
            self.received = self.received.wrapping_add(1);
            self.ended = true;
        }
        // What is amiss is told at once, and every second segment of the rest.
        let is_usual = offset == 0 && known == 0 && !had_gap && !self.ended;
        self.ack_at = match is_usual && more > 0 && self.ack_at == NEVER {
            true => now.saturating_add(ACK_DELAY_MICROS),
            false => 0,
        };
    }

    /// The next segment to be sent: its header, and where in the ring its bytes
    /// lie. `mss` is what the path takes.
    #[inline(never)]
    pub fn next_segment(&mut self, now: u64, mss: u16) -> Option<(Header, usize, usize)> {
        let mss = usize::from(self.mss.min(mss));
        if now >= self.timing.due() {
            self.time_out(now);
        }
        match self.state {
            State::Closed => None,
            State::Resetting => {
                self.state = State::Closed;
                Some((self.header(RST | ACK, self.high), 0, 0))
            }
            // The client is told what was expected of it (RFC 9293 §3.10.7.4).
            State::SynReceived if self.next != self.una => self.acknowledgement(now),
            State::SynReceived => {
                self.sent(self.una, 1, now);
                Some((self.header(SYN | ACK, self.una), 0, 0))
            }
            State::Established | State::TimeWait => {
                let at = self.next.wrapping_sub(self.una) as usize;
                let again = core::mem::take(&mut self.resend);
                let at = if again { 0 } else { at };
                self.data(at, mss, again, now)
                    .or_else(|| self.acknowledgement(now))
            }
        }
    }

    /// A segment of the ring from `at` on, or FIN, if one may be sent.
    fn data(
        &mut self,
        at: usize,
        mss: usize,
        again: bool,
        now: u64,
    ) -> Option<(Header, usize, usize)> {
        let bytes = self.transmit.len();
        // After FIN there is nothing.
        let waiting = bytes.checked_sub(at)?;
        if waiting == 0 && !self.closing || self.closed {
            return None;
        }
        // What was known of the path is old after a pause (RFC 5681 §4.1).
        if self.high == self.una && now.saturating_sub(self.sent_at) > self.timing.timeout() {
            let first = FIRST_SEGMENTS * u32::from(self.mss);
            self.congestion = self.congestion.min(first);
        }
        let left = match self.recovering {
            true => self.duplicates,
            false => self.duplicates.min(DUPLICATES - 1),
        };
        let inflated = self.congestion + left * u32::from(self.mss);
        let least = usize::from(self.probe && at == 0);
        let room = match again {
            true => self.window as usize,
            false => (self.window.min(inflated) as usize).saturating_sub(at),
        };
        let length = waiting.min(mss).min(room.max(least));
        let ends = self.closing && length == waiting && (length > 0 || room > 0 || at == 0);
        // Nothing short while more of it could go (RFC 1122 §4.2.3.4).
        let is_short = length < waiting.min(mss);
        if (length == 0 && !ends) || (is_short && at > 0) {
            if at == 0 {
                // A window that opens may be lost on its way.
                self.timing.start_if_idle(now);
            }
            return None;
        }
        let seq = self.una.wrapping_add(at as u32);
        let control = match (ends, length == waiting) {
            (true, _) => ACK | PSH | FIN,
            (false, true) => ACK | PSH,
            (false, false) => ACK,
        };
        self.probe = false;
        self.sent(seq, length as u32 + u32::from(ends), now);
        Some((self.header(control, seq), at, length))
    }

    /// An acknowledgement, if one is due.
    fn acknowledgement(&mut self, now: u64) -> Option<(Header, usize, usize)> {
        let edge = self.received.wrapping_add(self.receive.room() as u32);
        let opened = distance(edge, self.announced);
        if now < self.ack_at && opened < RECEIVE_BYTES as i32 / 2 {
            return None;
        }
        Some((self.header(ACK, self.high), 0, 0))
    }

    /// Notes that numbers were sent.
    fn sent(&mut self, seq: u32, length: u32, now: u64) {
        let end = seq.wrapping_add(length);
        if distance(end, self.high) > 0 {
            // What is sent again tells nothing of time (Karn).
            if seq == self.high {
                self.timing.sample(end, now);
            }
            self.high = end;
        }
        if distance(end, self.next) > 0 {
            self.next = end;
        }
        self.sent_at = now;
        self.timing.start_if_idle(now);
    }

    fn header(&mut self, control: u8, seq: u32) -> Header {
        let window = self.receive.room().min(usize::from(u16::MAX)) as u16;
        self.announced = self.received.wrapping_add(window.into());
        self.ack_at = NEVER;
        Header {
            control,
            seq,
            ack: self.received,
            window,
        }
    }

    /// Nothing was acknowledged for too long: all that was sent is sent again,
    /// as the window allows, or the window is asked for.
    fn time_out(&mut self, now: u64) {
        self.timing.back_off(now);
        self.probe = true;
        if self.window > 0 && self.high != self.una {
            self.threshold = self.half_flight();
            self.congestion = self.mss.into();
            self.recover = self.high;
        }
        self.recovering = false;
        self.duplicates = 0;
        self.next = self.una;
    }
}
