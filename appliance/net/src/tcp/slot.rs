//! One place for a connection: its socket, its conversation, and what of its
//! answer has not gone into the transmit ring yet.

use super::long::{Long, LongRequests};
use crate::frame::Flow;
use crate::limits::{ANSWERS_PER_TURN, RECEIVE_BYTES};
use crate::queue::Waiting;
use crate::service::{After, Answer, Conversation, HEAD_BYTES, Services, Step, Surroundings};
use alloc::vec;
use smoltcp::iface::{SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp::{CongestionControl, Socket, SocketBuffer, State};
use smoltcp::wire::{EthernetAddress, IpListenEndpoint};

/// A place.
#[derive(Debug)]
pub struct Slot<'b> {
    /// The set that holds its socket, alone.
    pub set: SocketSet<'static>,
    socket: Option<SocketHandle>,
    /// Bytes of the transmit ring that the socket gets.
    transmit_bytes: usize,
    /// Whose connection it is.
    pub flow: Option<Flow>,
    /// The next place of the same bucket.
    pub next: u16,
    /// Where its frames go: to whoever sent the last one of this connection.
    pub peer: EthernetAddress,
    /// Whether its packets were too large for a router.
    pub narrow: bool,
    /// Whether it is in the queue of those that have something to do.
    pub active: bool,
    conversation: Conversation,
    rest: [&'b [u8]; 2],
    /// Whether the last answer was given.
    ending: bool,
    /// Bytes that were put into the transmit ring.
    sent: u64,
    /// Bytes that the client had acknowledged when it was looked at last.
    acknowledged: u64,
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
            set: SocketSet::new(vec![]),
            socket: None,
            transmit_bytes,
            flow: None,
            next: u16::MAX,
            peer: EthernetAddress([0; 6]),
            narrow: false,
            active: false,
            conversation: Conversation::None,
            rest: [&[]; 2],
            ending: false,
            sent: 0,
            acknowledged: 0,
        }
    }

    /// Makes the place one that a SYN can be given to.
    pub fn open(&mut self, flow: Flow, peer: EthernetAddress, conversation: Conversation) {
        if self.socket.is_none() {
            // The place takes its memory now, and keeps it.
            let receive = SocketBuffer::new(vec![0; RECEIVE_BYTES]);
            let transmit = SocketBuffer::new(vec![0; self.transmit_bytes]);
            let mut socket = Socket::new(receive, transmit);
            // Answers go out as they are made: none waits for another.
            socket.set_nagle_enabled(false);
            self.set = SocketSet::new(vec![SocketStorage::EMPTY]);
            self.socket = Some(self.set.add(socket));
        }
        self.flow = Some(flow);
        self.peer = peer;
        self.narrow = false;
        self.conversation = conversation;
        self.rest = [&[]; 2];
        self.ending = false;
        self.sent = 0;
        self.acknowledged = 0;
        if let Some(socket) = self.socket_mut() {
            socket.abort();
            // Its window would be that of the connection before.
            socket.set_congestion_control(CongestionControl::Reno);
            let endpoint = IpListenEndpoint {
                addr: Some(flow.local),
                port: flow.local_port,
            };
            // A socket that was aborted can listen, and the port is not 0.
            let _ = socket.listen(endpoint);
        }
    }

    /// Forgets the connection, without a word.
    pub fn forget(&mut self) {
        self.flow = None;
        self.conversation = Conversation::None;
        self.rest = [&[]; 2];
        if let Some(flow) = self.socket_mut() {
            flow.abort();
        }
    }

    /// Ends the connection with a reset, to be sent next.
    pub fn abort(&mut self) {
        self.rest = [&[]; 2];
        self.ending = true;
        if let Some(socket) = self.socket_mut() {
            socket.abort();
        }
    }

    /// Ends the connection once everything is sent.
    pub fn close(&mut self) {
        self.ending = true;
        if self.rest_is_empty()
            && let Some(socket) = self.socket_mut()
        {
            socket.close();
        }
    }

    /// Makes the next answer the last.
    pub fn close_after_next(&mut self) {
        self.conversation.close_after_next();
    }

    /// The state of its socket.
    pub fn state(&self) -> State {
        self.socket().map_or(State::Closed, Socket::state)
    }

    /// What a segment changes that the connection has taken.
    pub fn mark(&self) -> (State, usize, usize) {
        let socket = self.socket();
        (
            self.state(),
            socket.map_or(0, Socket::recv_queue),
            socket.map_or(0, Socket::send_queue),
        )
    }

    /// Whether a reset is still to be sent.
    pub fn has_reset(&self) -> bool {
        self.socket().is_some_and(|socket| {
            socket.state() == State::Closed && socket.remote_endpoint().is_some()
        })
    }

    /// What it waits for.
    pub fn waiting(&self, has_long: bool) -> Waiting {
        let Some(socket) = self.socket() else {
            return Waiting::Free;
        };
        match socket.state() {
            State::Closed | State::Listen | State::SynSent => Waiting::Free,
            State::SynReceived => Waiting::Handshake,
            State::TimeWait => Waiting::TimeWait,
            // The end is to be acknowledged like everything before it.
            State::FinWait1 | State::Closing | State::LastAck => Waiting::Send,
            State::FinWait2 => Waiting::Linger,
            State::Established | State::CloseWait => {
                if socket.send_queue() > 0 || !self.rest_is_empty() {
                    Waiting::Send
                } else if self.conversation.is_idle() && socket.recv_queue() == 0 && !has_long {
                    Waiting::Idle
                } else {
                    Waiting::Request
                }
            }
        }
    }

    /// Whether the client has acknowledged something since the last time.
    pub fn progressed(&mut self) -> bool {
        let queued = self.socket().map_or(0, Socket::send_queue) as u64;
        let acknowledged = self.sent.saturating_sub(queued);
        core::mem::replace(&mut self.acknowledged, acknowledged) < acknowledged
    }

    /// Answers what has come, as far as there is room for answers.
    pub fn converse(
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
            let Some(socket) = self.socket() else {
                return Progress::Waits;
            };
            if !socket.may_send() || socket.send_capacity() - socket.send_queue() < HEAD_BYTES {
                return Progress::Waits;
            }
            let step = match long.of(key) {
                Some(buffer) => self.step_long(buffer, services, with),
                None => self.step_ring(services, with),
            };
            match step {
                Stepped::Answer(answer) => self.take(answer, with),
                Stepped::Need => {
                    if long.of(key).is_some_and(|long| long.input().is_empty()) {
                        long.release(key);
                    }
                    // The client sends no more: what it asked is answered.
                    if self.state() == State::CloseWait {
                        self.close();
                    }
                    return Progress::Waits;
                }
                Stepped::Long => return Progress::Long,
            }
        }
        Progress::More
    }

    /// Tells a client that its request took too long.
    pub fn time_out(&mut self, services: &Services<'b>, with: &mut Surroundings<'_>) {
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
        if let Some(socket) = self.socket_mut() {
            self.sent += socket.send_slice(head).unwrap_or(0) as u64;
        }
        self.rest = answer.slices;
        self.ending |= answer.after == After::Close;
    }

    /// Moves what is left of an answer into the transmit ring; whether all of
    /// it is there. The end follows it.
    fn send_rest(&mut self) -> bool {
        let mut rest = self.rest;
        if let Some(socket) = self.socket_mut() {
            let mut taken = 0;
            for slice in &mut rest {
                // A connection that is gone takes everything.
                let bytes = socket.send_slice(slice).unwrap_or(slice.len());
                *slice = slice.get(bytes..).unwrap_or_default();
                taken += bytes as u64;
                if !slice.is_empty() {
                    break;
                }
            }
            self.sent += taken;
        }
        self.rest = rest;
        let is_all = self.rest_is_empty();
        if is_all && self.ending {
            self.close();
        }
        is_all
    }

    fn rest_is_empty(&self) -> bool {
        self.rest.iter().all(|slice| slice.is_empty())
    }

    /// A step on what lies in the receive ring.
    fn step_ring(&mut self, services: &Services<'b>, with: &mut Surroundings<'_>) -> Stepped<'b> {
        let Self {
            set,
            socket,
            conversation,
            ..
        } = self;
        let Some(socket) = socket.map(|handle| set.get_mut::<Socket<'_>>(handle)) else {
            return Stepped::Need;
        };
        let queued = socket.recv_queue();
        if queued == 0 {
            return Stepped::Need;
        }
        // What lies around the end of the ring is made one piece first.
        let contiguous = socket.peek(queued).map_or(0, <[u8]>::len);
        let step = if contiguous == queued {
            socket
                .recv(|input| {
                    let step = services.step(conversation, input, with);
                    (consumed(&step, input.len()), step)
                })
                .unwrap_or(Step::Need(0))
        } else {
            let mut straight = [0; RECEIVE_BYTES];
            let length = socket.peek_slice(&mut straight).unwrap_or(0);
            let input = straight.get(..length).unwrap_or_default();
            let step = services.step(conversation, input, with);
            let mut left = consumed(&step, length);
            while left > 0 {
                let dropped = socket.recv(|input| (left.min(input.len()), left.min(input.len())));
                match dropped {
                    Ok(bytes) if bytes > 0 => left -= bytes,
                    _ => break,
                }
            }
            step
        };
        match step {
            Step::Answer(_, answer) => Stepped::Answer(answer),
            Step::Need(0) if queued == socket.recv_capacity() => Stepped::Long,
            Step::Need(_) => Stepped::Need,
        }
    }

    /// A step on a buffer for long requests, which takes in what has come.
    fn step_long(
        &mut self,
        long: &mut Long,
        services: &Services<'b>,
        with: &mut Surroundings<'_>,
    ) -> Stepped<'b> {
        if let Some(socket) = self.socket_mut() {
            long.fill(|room| socket.recv_slice(room).unwrap_or(0));
        }
        if long.input().is_empty() {
            return Stepped::Need;
        }
        let step = services.step(&mut self.conversation, long.input(), with);
        let was_full = long.is_full();
        long.consume(consumed(&step, long.input().len()));
        match step {
            Step::Answer(_, answer) => Stepped::Answer(answer),
            // A protocol refuses what is longer than its limit; this is for
            // one that does not.
            Step::Need(0) if was_full => {
                self.abort();
                Stepped::Need
            }
            Step::Need(_) => Stepped::Need,
        }
    }

    /// Drops what has come.
    fn drain(&mut self) {
        if let Some(socket) = self.socket_mut() {
            while socket.recv(|input| (input.len(), input.len())).unwrap_or(0) > 0 {}
        }
    }

    fn socket(&self) -> Option<&Socket<'static>> {
        self.socket.map(|handle| self.set.get(handle))
    }

    fn socket_mut(&mut self) -> Option<&mut Socket<'static>> {
        self.socket.map(|handle| self.set.get_mut(handle))
    }
}

enum Stepped<'b> {
    Answer(Answer<'b>),
    Need,
    Long,
}

/// How much a step used of its input.
fn consumed(step: &Step<'_>, input: usize) -> usize {
    match *step {
        Step::Need(bytes) | Step::Answer(bytes, _) => bytes.min(input),
    }
}
