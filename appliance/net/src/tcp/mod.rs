//! TCP, for a server: many connections, most of which wait.
//!
//! A segment finds its connection by a keyed hash of its flow; a SYN takes any
//! free place, and where there is none, the place that can best be done without.
//!
//! **Rule: nothing above this module knows segments, and nothing in it knows a
//! protocol.** Connections deliver bytes, and take a head and slices
//! ([`crate::service`]).
//!
//! **Rule: how much memory is taken is decided at start.** A place takes its
//! buffers when it is first used, and keeps them for good.
//!
//! `connection` is one of them, with `timing` and its two `buffer`s; `segment`
//! is what goes over the wire. `slot` ties a connection to a conversation.

mod buffer;
mod connection;
mod long;
mod opening;
pub mod segment;
mod slot;
mod timing;

use crate::frame::Flow;
use crate::limits::{
    FEWEST_CONNECTIONS, FULL_MICROS, HANDSHAKE_MICROS, LINGER_MICROS, Limits, NARROW_BYTES,
    SEGMENTS_PER_TURN, STALLED_MICROS, TIME_WAIT_MICROS, WIDE_BYTES,
};
use crate::link::Link;
use crate::plan::Plan;
use crate::queue::{Line, Queues, Waiting};
use crate::service::{HEAD_BYTES, Services, Surroundings};
use crate::turn::Turn;
use crate::wire::Out;
use alloc::vec;
use alloc::vec::Vec;
use connection::Verdict;
use long::LongRequests;
use opening::Isn;
use segment::Segment;
use slot::{Progress, Slot};
use smoltcp::wire::EthernetAddress;

const NONE: u16 = u16::MAX;

/// How long to wait where something cannot go on for want of room.
const RELUCTANT_MICROS: u64 = 10_000;

/// Time-outs in microseconds, by what is waited for.
fn timeouts(limits: &Limits) -> [(Waiting, u64); 6] {
    [
        (Waiting::Handshake, HANDSHAKE_MICROS),
        (Waiting::Idle, limits.idle_micros),
        (Waiting::Request, limits.request_micros),
        (Waiting::Send, limits.send_micros),
        (Waiting::Linger, LINGER_MICROS),
        (Waiting::TimeWait, TIME_WAIT_MICROS),
    ]
}

/// All connections.
#[derive(Debug)]
pub struct Tcp<'b> {
    slots: Vec<Slot<'b>>,
    /// Places with wide transmit rings: the first.
    wide: u16,
    /// The first place of each bucket of the table of flows.
    buckets: Vec<u16>,
    hash_key: (u64, u64),
    isn: Isn,
    queues: Queues,
    /// When a place wants to send something.
    due: Vec<u64>,
    /// Not after the first of them.
    next_due: u64,
    /// Places that have something to do.
    active: Line,
    long: LongRequests,
    head: Vec<u8>,
    /// Places that are kept free for those who come next.
    reserve: u16,
    stopping: bool,
    timeouts: [(Waiting, u64); 6],
    /// Connections of one address; no limit where it is as many as there are.
    per_address: usize,
}

impl<'b> Tcp<'b> {
    /// None yet, with places for so many as the plan says.
    #[inline(never)]
    pub fn new(plan: &Plan, limits: &Limits, hash_key: (u64, u64), isn_key: (u64, u64)) -> Self {
        // With fewer than this nothing would be left beside the reserve.
        let places = usize::from(plan.connections).min(limits.connections.max(FEWEST_CONNECTIONS));
        let wide = places.min(plan.wide.into());
        let slots = (0..places).map(|place| {
            Slot::new(match place < wide {
                true => WIDE_BYTES,
                false => NARROW_BYTES,
            })
        });
        Self {
            slots: slots.collect(),
            wide: wide as u16,
            buckets: vec![NONE; places.next_power_of_two()],
            hash_key,
            isn: Isn::new(isn_key),
            queues: Queues::new(places as u16),
            due: vec![u64::MAX; places],
            next_due: u64::MAX,
            active: Line::new(places),
            long: LongRequests::new(plan.long_requests),
            head: vec![0; HEAD_BYTES],
            reserve: (places as u16 / 8).clamp(1, 64),
            stopping: false,
            timeouts: timeouts(limits),
            per_address: limits.per_address,
        }
    }

    /// Forgets the connections of addresses that are gone.
    #[cfg(feature = "dhcp")]
    pub fn addresses_changed(&mut self, link: &Link) {
        for key in 0..self.places() {
            let flow = self.slots.get(usize::from(key)).and_then(|slot| slot.flow);
            if flow.is_some_and(|flow| !link.has(flow.local)) {
                self.free(key);
            }
        }
    }

    /// A segment has come. At most one frame is written, to go to its sender.
    #[inline(never)]
    pub fn segment(
        &mut self,
        segment: &Segment<'_>,
        sender: EthernetAddress,
        arrival: &mut Arrival<'_, 'b>,
    ) {
        let mut found = self.find(&segment.flow);
        // A client that opens the same connection again has done with the one
        // before (RFC 9293 §3.6.1).
        if segment.opens()
            && let Some(key) = found
            && self.waiting(key) == Waiting::TimeWait
        {
            self.free(key);
            found = None;
        }
        let verdict = if let Some(key) = found {
            let Some(slot) = self.slots.get_mut(usize::from(key)) else {
                return;
            };
            let before = slot.connection.mark();
            let verdict = slot.connection.arrive(segment, arrival.micros);
            // Frames follow a client that comes by another way now; but not to
            // whoever knows its address and port, and none of its numbers.
            if slot.connection.mark() != before {
                slot.peer = sender;
            }
            self.activate(key);
            verdict
        } else if segment.opens()
            && !self.stopping
            && let Some(conversation) = arrival.services.open(&segment.flow)
        {
            return self.open(segment, conversation, sender, arrival);
        } else {
            Verdict::Refuse
        };
        if verdict == Verdict::Refuse {
            segment::refuse(segment, arrival.out, arrival.link, sender);
        }
    }

    /// A router says that packets of this connection are too large for it.
    pub fn too_big(&mut self, flow: &Flow) {
        if let Some(key) = self.find(flow)
            && let Some(slot) = self.slots.get_mut(usize::from(key))
        {
            slot.narrow = true;
        }
    }

    /// Lets every connection go on that can, and ends those that have waited
    /// for too long. Returns when to come again.
    #[inline(never)]
    pub fn run(&mut self, turn: &mut Turn<'_, 'b>) -> u64 {
        self.expire(turn);
        self.take_due(turn.clock.micros());
        self.make_room(turn);
        let mut is_full = false;
        // Who is not done goes to the end, for the next turn.
        for _ in 0..self.active.length {
            if !turn.nic.has_room() {
                is_full = true;
                break;
            }
            let Some(key) = self.active.take() else {
                break;
            };
            if let Some(slot) = self.slots.get_mut(usize::from(key)) {
                slot.active = false;
            }
            self.go_on(key, turn);
        }
        let now = turn.clock.micros();
        let waiting = self.next_timeout().min(self.next_due);
        match (self.active.length == 0, is_full) {
            (true, _) => waiting,
            (false, false) => now,
            (false, true) => waiting.min(now + FULL_MICROS),
        }
    }

    /// No new connection from now on, and none that exists stays longer than
    /// for what it has asked.
    pub fn stop(&mut self) {
        self.stopping = true;
        for key in 0..self.places() {
            if let Some(slot) = self.slots.get_mut(usize::from(key)) {
                slot.close_after_next();
            }
        }
        while let Some((key, _)) = self.queues.oldest(Waiting::Handshake) {
            self.free(key);
        }
    }

    /// Ends connections that have asked for nothing; whether any is left that
    /// has something in flight.
    pub fn is_stopped(&mut self, now: u64) -> bool {
        while let Some((key, _)) = self.queues.oldest(Waiting::Idle) {
            self.end(key, now);
        }
        [Waiting::Request, Waiting::Send, Waiting::Linger]
            .into_iter()
            .all(|waiting| self.queues.count(waiting) == 0)
    }

    fn places(&self) -> u16 {
        self.slots.len() as u16
    }

    fn waiting(&self, key: u16) -> Waiting {
        self.queues.waiting(key)
    }

    /// One connection's turn.
    #[inline(never)]
    fn go_on(&mut self, key: u16, turn: &mut Turn<'_, 'b>) {
        let now = turn.clock.micros();
        let mut progress = self.converse(key, turn);
        if progress == Progress::Long {
            if self.long.give(key, now) {
                progress = self.converse(key, turn);
            } else if let Some(owner) = self.long.oldest(now) {
                // Who has kept a buffer for too long is told so, and it is
                // there for this one the next time.
                self.expire_request(owner, turn);
            }
        }
        let Some(slot) = self.slots.get_mut(usize::from(key)) else {
            return;
        };
        let Some(flow) = slot.flow else {
            return;
        };
        let mut more = progress == Progress::More;
        let mut segments = 0;
        loop {
            if segments == SEGMENTS_PER_TURN || !turn.nic.has_room() {
                more = true;
                break;
            }
            if !slot.send(&flow, turn) {
                break;
            }
            segments += 1;
        }
        self.leave(key, now, more);
        if progress == Progress::Long {
            self.set_due(key, now + RELUCTANT_MICROS);
        }
    }

    fn converse(&mut self, key: u16, turn: &mut Turn<'_, 'b>) -> Progress {
        let Some(slot) = self.slots.get_mut(usize::from(key)) else {
            return Progress::Waits;
        };
        let Some(flow) = slot.flow else {
            return Progress::Waits;
        };
        let mut with = Surroundings {
            clock: turn.clock,
            console: turn.console,
            client: flow.remote,
            head: &mut self.head,
        };
        slot.converse(key, turn.services, &mut with, &mut self.long)
    }

    /// Sorts a connection in after its turn.
    #[inline(never)]
    fn leave(&mut self, key: u16, now: u64, more: bool) {
        let has_long = self.long.of(key).is_some();
        let Some(slot) = self.slots.get_mut(usize::from(key)) else {
            return;
        };
        let waiting = slot.waiting(has_long);
        if waiting == Waiting::Free && !(more && slot.has_reset()) {
            return self.free(key);
        }
        let progressed = slot.progressed();
        if waiting != self.queues.waiting(key) || (waiting == Waiting::Send && progressed) {
            self.queues.wait(key, waiting, now);
        }
        let mut due = slot.connection.due();
        // Who wants to send and cannot is not to be asked all the time.
        if due <= now && !more {
            due = now + RELUCTANT_MICROS;
        }
        self.set_due(key, due);
        if more {
            self.activate(key);
        }
    }

    /// A connection is to have its turn then at the latest.
    fn set_due(&mut self, key: u16, due: u64) {
        if let Some(place) = self.due.get_mut(usize::from(key)) {
            *place = due;
        }
        self.next_due = self.next_due.min(due);
    }

    fn activate(&mut self, key: u16) {
        if let Some(slot) = self.slots.get_mut(usize::from(key))
            && !core::mem::replace(&mut slot.active, true)
        {
            self.active.append(key);
        }
    }

    /// Activates the places whose time has come.
    fn take_due(&mut self, now: u64) {
        if now < self.next_due {
            return;
        }
        self.next_due = u64::MAX;
        for key in 0..self.places() {
            let Some(due) = self.due.get_mut(usize::from(key)) else {
                return;
            };
            if *due <= now {
                *due = u64::MAX;
                self.activate(key);
            } else {
                self.next_due = self.next_due.min(*due);
            }
        }
    }

    fn next_timeout(&self) -> u64 {
        let timeouts = self.timeouts.iter().filter_map(|&(waiting, timeout)| {
            let (_, since) = self.queues.oldest(waiting)?;
            Some(since.saturating_add(timeout))
        });
        timeouts.min().unwrap_or(u64::MAX)
    }

    /// Ends what has waited for too long.
    #[inline(never)]
    fn expire(&mut self, turn: &mut Turn<'_, 'b>) {
        let now = turn.clock.micros();
        for (waiting, timeout) in self.timeouts {
            while let Some((key, since)) = self.queues.oldest(waiting) {
                if now < since.saturating_add(timeout) {
                    break;
                }
                match waiting {
                    Waiting::Idle => self.end(key, now),
                    Waiting::Request => self.expire_request(key, turn),
                    Waiting::Send => self.reset(key, turn),
                    _ => self.free(key),
                }
            }
        }
    }

    /// Ends a connection whose request took too long, with an answer.
    fn expire_request(&mut self, key: u16, turn: &mut Turn<'_, 'b>) {
        let slot = self.slots.get_mut(usize::from(key));
        let Some((slot, flow)) = slot.and_then(|slot| slot.flow.map(|flow| (slot, flow))) else {
            // Nobody's: not to be met here again.
            return self.free(key);
        };
        let mut with = Surroundings {
            clock: turn.clock,
            console: turn.console,
            client: flow.remote,
            head: &mut self.head,
        };
        slot.time_out(turn.services, &mut with);
        self.long.release(key);
        self.queues.wait(key, Waiting::Send, turn.clock.micros());
        self.activate(key);
    }

    /// Ends a connection that has nothing in flight.
    fn end(&mut self, key: u16, now: u64) {
        if let Some(slot) = self.slots.get_mut(usize::from(key)) {
            slot.close();
        }
        self.queues.wait(key, Waiting::Send, now);
        self.activate(key);
    }

    /// Ends a connection with a reset, if the interface has room for one.
    fn reset(&mut self, key: u16, turn: &mut Turn<'_, 'b>) {
        if let Some(slot) = self.slots.get_mut(usize::from(key))
            && let Some(flow) = slot.flow
        {
            slot.abort();
            slot.send(&flow, turn);
        }
        self.free(key);
    }

    /// Sees to it that there are places for those who come next: those that
    /// only remember something are taken when they are needed. Who has its
    /// answer goes first, then who takes nothing of it, then who has been idle
    /// for longest, then who has taken longest over its request.
    #[inline(never)]
    fn make_room(&mut self, turn: &mut Turn<'_, 'b>) {
        let now = turn.clock.micros();
        loop {
            let spare = [Waiting::Free, Waiting::TimeWait, Waiting::Handshake]
                .into_iter()
                .map(|waiting| self.queues.count(waiting))
                .sum::<u16>();
            if spare >= self.reserve {
                return;
            }
            let oldest = |waiting| self.queues.oldest(waiting);
            let stalled = || {
                oldest(Waiting::Send)
                    .filter(|(_, since)| now.saturating_sub(*since) >= STALLED_MICROS)
            };
            let goes = oldest(Waiting::Linger)
                .or_else(stalled)
                .or_else(|| oldest(Waiting::Idle))
                .or_else(|| oldest(Waiting::Request));
            let Some((key, _)) = goes else {
                return;
            };
            self.reset(key, turn);
        }
    }

    /// Makes a place free.
    fn free(&mut self, key: u16) {
        self.unlink(key);
        if let Some(slot) = self.slots.get_mut(usize::from(key)) {
            slot.forget();
        }
        if let Some(due) = self.due.get_mut(usize::from(key)) {
            *due = u64::MAX;
        }
        self.long.release(key);
        self.queues.wait(key, Waiting::Free, 0);
    }

    fn bucket(&self, flow: &Flow) -> usize {
        flow.hash(self.hash_key, 0) as usize & (self.buckets.len() - 1)
    }

    fn find(&self, flow: &Flow) -> Option<u16> {
        let mut key = self.buckets.get(self.bucket(flow)).copied()?;
        loop {
            let slot = self.slots.get(usize::from(key))?;
            if slot.flow.as_ref() == Some(flow) {
                return Some(key);
            }
            key = slot.next;
        }
    }

    fn link(&mut self, key: u16, flow: &Flow) {
        let bucket = self.bucket(flow);
        if let Some(first) = self.buckets.get_mut(bucket)
            && let Some(slot) = self.slots.get_mut(usize::from(key))
        {
            slot.next = core::mem::replace(first, key);
        }
    }

    fn unlink(&mut self, key: u16) {
        let Some(slot) = self.slots.get(usize::from(key)) else {
            return;
        };
        let (Some(flow), next) = (slot.flow, slot.next) else {
            return;
        };
        let bucket = self.bucket(&flow);
        let Some(first) = self.buckets.get_mut(bucket) else {
            return;
        };
        if *first == key {
            *first = next;
            return;
        }
        let mut at = *first;
        while let Some(slot) = self.slots.get_mut(usize::from(at)) {
            if slot.next == key {
                slot.next = next;
                return;
            }
            at = slot.next;
        }
    }
}

/// What the arrival of a frame works with.
pub struct Arrival<'t, 'b> {
    /// What is served.
    pub services: &'t Services<'b>,
    /// The link.
    pub link: &'t Link,
    /// The frame that is written as the answer.
    pub out: &'t mut Out,
    /// The time, in microseconds.
    pub micros: u64,
}
