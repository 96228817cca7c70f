//! One place for a connection: the connection, its conversation, and what of
//! its answer has not gone into the transmit ring yet.

use super::connection::{Connection, State};
use super::long::{Long, LongRequests};
use super::segment;
use crate::frame::Flow;
use crate::limits::ANSWERS_PER_TURN;
use crate::queue::Waiting;
use crate::service::{After, Answer, Conversation, HEAD_BYTES, Services, Step, Surroundings};
use crate::turn::Turn;
use smoltcp::wire::EthernetAddress;
#[cfg(feature = "ipv6")]
use smoltcp::wire::IpAddress;

/// A place.
#[derive(Debug)]
pub struct Slot<'b> {
    /// The transport.
    pub connection: Connection,
    /// Bytes of the transmit ring that the connection gets.
    pub transmit_bytes: usize,
    /// Whose connection it is.
    pub flow: Option<Flow>,
    /// The next place of the same bucket.
    pub next: u16,
    /// Where its frames go: to whoever sent the last one of this connection.
    pub peer: EthernetAddress,
    /// The longest packet that routers on its path have let through, in bytes.
    path_mtu: u16,
    /// Whether it is in the queue of those that have something to do.
    pub active: bool,
    conversation: Conversation,
    rest: [&'b [u8]; 2],
    /// Whether the last answer was given.
    ending: bool,
    /// What the client had acknowledged when it was looked at last.
    acknowledged: u32,
}

/// What a conversation came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// It waits for the client.
    Waits,
    /// It could go on: others first.
    More,
    /// The request does not fit into the receive ring.
    Long,
}

impl<'b> Slot<'b> {
    /// A free place: a few words, until it is first used.
    pub fn new(transmit_bytes: usize) -> Self {
        Self {
            connection: Connection::new(),
            transmit_bytes,
            flow: None,
            next: u16::MAX,
            peer: EthernetAddress([0; 6]),
            path_mtu: u16::MAX,
            active: false,
            conversation: Conversation::None,
            rest: [&[]; 2],
            ending: false,
            acknowledged: 0,
        }
    }

    /// Makes the place that of a connection, which is to be opened.
    pub fn open(&mut self, flow: Flow, peer: EthernetAddress, conversation: Conversation) {
        self.flow = Some(flow);
        self.peer = peer;
        self.path_mtu = u16::MAX;
        self.conversation = conversation;
        self.rest = [&[]; 2];
        self.ending = false;
        self.acknowledged = 0;
    }

    /// Forgets the connection, without a word.
    pub fn forget(&mut self) {
        self.flow = None;
        self.conversation = Conversation::None;
        self.rest = [&[]; 2];
        self.connection.forget();
    }

    /// Ends the connection with a reset, to be sent next.
    pub fn abort(&mut self) {
        self.rest = [&[]; 2];
        self.ending = true;
        self.connection.abort();
    }

    /// Ends the connection once everything is sent.
    pub fn close(&mut self) {
        self.ending = true;
        if self.rest_is_empty() {
            self.connection.close();
        }
    }

    /// Sends one segment, if there is one to be sent; whether there was.
    pub fn send(&mut self, flow: &Flow, turn: &mut Turn<'_, '_>) -> bool {
        let mtu = turn.link.mtu.min(self.path_mtu.into());
        let mss = segment::mss_of(mtu, flow);
        let now = turn.clock.micros();
        let Some((header, at, length)) = self.connection.next_segment(now, mss) else {
            return false;
        };
        let bytes = self.connection.transmit.get(at, length);
        segment::write(turn.out, turn.link, self.peer, flow, &header, bytes);
        turn.send()
    }

    /// A router says how long packets may be, about the one that began with
    /// `seq`. Who has not seen that one knows no such number (RFC 5927 §4.1).
    pub fn narrow(&mut self, seq: u32, mtu: u16) {
        // What every path must carry (RFC 8200 §5), and what nearly every one
        // does, which is for routers that do not say (RFC 1191 §3, §5).
        let least = match self.flow.map(|flow| flow.remote) {
            #[cfg(feature = "ipv6")]
            Some(IpAddress::Ipv6(_)) => 1280,
            _ => 576,
        };
        if self.connection.is_in_flight(seq) {
            self.path_mtu = self.path_mtu.min(mtu.max(least));
        }
    }

    /// Makes the next answer the last.
    pub fn close_after_next(&mut self) {
        self.conversation.close_after_next();
    }

    /// Whether a reset is still to be sent.
    pub fn has_reset(&self) -> bool {
        self.connection.state == State::Resetting
    }

    /// What it waits for.
    pub fn waiting(&self, has_long: bool) -> Waiting {
        let connection = &self.connection;
        match connection.state {
            State::Closed | State::Resetting => Waiting::Free,
            State::SynReceived => Waiting::Handshake,
            State::TimeWait => Waiting::TimeWait,
            State::Established if connection.is_closed() => Waiting::Linger,
            // The end is to be acknowledged like everything before it.
            State::Established
                if connection.is_closing()
                    || connection.transmit.len() > 0
                    || !self.rest_is_empty() =>
            {
                Waiting::Send
            }
            State::Established => {
                let has_input = has_long || !connection.receive.bytes().is_empty();
                match self.conversation.is_idle() && !has_input {
                    true => Waiting::Idle,
                    false => Waiting::Request,
                }
            }
        }
    }

    /// Whether the client has acknowledged something since the last time.
    pub fn progressed(&mut self) -> bool {
        let acknowledged = self.connection.acknowledged();
        core::mem::replace(&mut self.acknowledged, acknowledged) != acknowledged
    }

    /// Answers what has come, as far as there is room for answers.
    pub fn converse(
        &mut self,
        key: u16,
        services: &Services<'b>,
        with: &mut Surroundings<'_>,
        long: &mut LongRequests,
    ) -> Progress {
        let progress = self.answer(key, services, with, long);
        // Whose request is answered has no need of a buffer for it, however
        // long the answer takes, and nothing is read behind the last one.
        let is_read = |long: &mut Long| long.input().is_empty();
        if long.of(key).is_some_and(is_read) || self.ending {
            long.release(key);
        }
        progress
    }

    fn answer(
        &mut self,
        key: u16,
        services: &Services<'b>,
        with: &mut Surroundings<'_>,
        long: &mut LongRequests,
    ) -> Progress {
        for _ in 0..ANSWERS_PER_TURN {
            if !self.send_rest() {
                return Progress::Waits;
            }
            if self.ending {
                self.drain();
                return Progress::Waits;
            }
            let is_open = self.connection.state == State::Established;
            if !is_open || self.connection.transmit.room() < HEAD_BYTES {
                return Progress::Waits;
            }
            let step = match long.of(key) {
                Some(buffer) => self.step_long(buffer, services, with),
                None => self.step_short(services, with),
            };
            match step {
                Stepped::Answer(answer) => self.take(answer, with),
                Stepped::Need => {
                    // The client sends no more: what it asked is answered.
                    if self.connection.is_ended() {
                        self.close();
                    }
                    return Progress::Waits;
                }
                // What has no answer may have something behind it.
                Stepped::Dropped => {}
                Stepped::Long => return Progress::Long,
            }
        }
        Progress::More
    }

    /// Tells a client that its request took too long; but not in the midst of
    /// an answer, nor behind the end.
    pub fn time_out(&mut self, services: &Services<'b>, with: &mut Surroundings<'_>) {
        let is_answered = self.connection.transmit.len() > 0 || !self.rest_is_empty();
        if self.ending || is_answered {
            return;
        }
        match services.timed_out(&self.conversation, with) {
            Some(answer) => self.take(answer, with),
            None => self.ending = true,
        }
        if self.send_rest() {
            self.close();
        }
    }

    /// Takes an answer: its head fits into the transmit ring.
    fn take(&mut self, answer: Answer<'b>, with: &Surroundings<'_>) {
        let head = with.head.get(..answer.head_len).unwrap_or_default();
        self.connection.transmit.push(head);
        self.rest = answer.slices;
        self.ending |= answer.after == After::Close;
    }

    /// Moves what is left of an answer into the transmit ring; whether all of
    /// it is there. The end follows it.
    fn send_rest(&mut self) -> bool {
        for slice in &mut self.rest {
            let bytes = self.connection.transmit.push(slice);
            *slice = slice.get(bytes..).unwrap_or_default();
            if !slice.is_empty() {
                return false;
            }
        }
        if self.ending {
            self.connection.close();
        }
        true
    }

    fn rest_is_empty(&self) -> bool {
        self.rest.iter().all(|slice| slice.is_empty())
    }

    /// A step on what lies in the receive buffer.
    fn step_short(&mut self, services: &Services<'b>, with: &mut Surroundings<'_>) -> Stepped<'b> {
        let receive = &mut self.connection.receive;
        let input = receive.bytes();
        if input.is_empty() {
            return Stepped::Need;
        }
        let step = services.step(&mut self.conversation, input, with);
        receive.consume(consumed(&step));
        match step {
            Step::Answer(_, answer) => Stepped::Answer(answer),
            Step::Need(0) if receive.room() == 0 => Stepped::Long,
            Step::Need(0) => Stepped::Need,
            Step::Need(_) => Stepped::Dropped,
        }
    }

    /// A step on a buffer for long requests, which takes in what has come.
    fn step_long(
        &mut self,
        long: &mut Long,
        services: &Services<'b>,
        with: &mut Surroundings<'_>,
    ) -> Stepped<'b> {
        let receive = &mut self.connection.receive;
        receive.consume(long.take(receive.bytes()));
        if long.input().is_empty() {
            return Stepped::Need;
        }
        let step = services.step(&mut self.conversation, long.input(), with);
        let was_full = long.is_full();
        long.consume(consumed(&step));
        match step {
            Step::Answer(_, answer) => Stepped::Answer(answer),
            // A protocol refuses what is longer than its limit; this is for
            // one that does not.
            Step::Need(0) if was_full => {
                self.abort();
                Stepped::Need
            }
            Step::Need(0) => Stepped::Need,
            Step::Need(_) => Stepped::Dropped,
        }
    }

    /// Drops what has come.
    fn drain(&mut self) {
        self.connection.receive.consume(usize::MAX);
    }
}

enum Stepped<'b> {
    Answer(Answer<'b>),
    Need,
    Dropped,
    Long,
}

/// How much a step used of its input, at most.
fn consumed(step: &Step<'_>) -> usize {
    match *step {
        Step::Need(bytes) | Step::Answer(bytes, _) => bytes,
    }
}
