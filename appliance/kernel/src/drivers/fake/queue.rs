//! The device's side of a virtqueue, written from the specification and not from
//! the driver.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::fence;
use std::vec::Vec;

use super::Memory;
use crate::drivers::virtqueue::{Addresses, Segment};

/// A chain that the driver has made available.
#[derive(Debug, Clone)]
pub struct Chain {
    pub head: u16,
    pub segments: Vec<Segment>,
}

impl Chain {
    /// What the device is to read.
    pub fn read(&self, memory: &Memory) -> Vec<u8> {
        let readable = self.segments.iter().filter(|segment| !segment.writable);
        readable
            .flat_map(|segment| memory.read(segment.address, segment.length as usize))
            .collect()
    }
}

/// A queue, as the device has it.
#[derive(Debug, Clone)]
pub struct DeviceQueue {
    pub addresses: Addresses,
    pub event_index: bool,
    /// The next chain, not reduced.
    pub seen: u16,
    /// The next completion, not reduced.
    pub used: u16,
    /// What the driver was last interrupted for.
    pub interrupted: u16,
}

impl DeviceQueue {
    pub fn new(addresses: Addresses, event_index: bool) -> Self {
        Self {
            addresses,
            event_index,
            seen: 0,
            used: 0,
            interrupted: 0,
        }
    }

    fn size(&self) -> u64 {
        self.addresses.size.into()
    }

    /// The driver's index.
    pub fn available(&self, memory: &Memory) -> u16 {
        memory.u16(self.addresses.available + 2).load(Acquire)
    }

    /// The next chain, checked for what a driver must not do.
    pub fn pop(&mut self, memory: &Memory) -> Option<Chain> {
        let available = self.available(memory);
        if available == self.seen {
            return None;
        }
        let waiting = available.wrapping_sub(self.seen);
        assert!(
            u64::from(waiting) <= self.size(),
            "more than the ring holds"
        );
        let at = 4 + u64::from(self.seen) % self.size() * 2;
        let head = memory.u16(self.addresses.available + at).load(Relaxed);
        self.seen = self.seen.wrapping_add(1);
        let mut segments = Vec::new();
        let mut index = head;
        loop {
            assert!(u64::from(index) < self.size(), "no such descriptor");
            assert!(segments.len() < self.addresses.size.into(), "a loop");
            let place = self.addresses.descriptors + u64::from(index) * 16;
            let address = memory.u64(place).load(Relaxed);
            let word = memory.u64(place + 8).load(Relaxed);
            let flags = (word >> 32) as u16;
            assert_eq!(flags & !3, 0, "no other flags are used");
            let segment = Segment {
                address,
                length: word as u32,
                writable: flags & 2 != 0,
            };
            assert!(segment.length > 0, "an empty descriptor");
            if segment.writable {
                assert!(
                    memory.holds(address, segment.length as usize),
                    "the device is to write outside its memory"
                );
            }
            segments.push(segment);
            if flags & 1 == 0 {
                return Some(Chain { head, segments });
            }
            index = (word >> 48) as u16;
        }
    }

    /// Says that a chain is done.
    pub fn push(&mut self, memory: &Memory, id: u32, length: u32) {
        self.put(memory, id, length);
        memory
            .u16(self.addresses.used + 2)
            .store(self.used, Release);
    }

    /// Writes a completion, and does not show it yet.
    pub fn put(&mut self, memory: &Memory, id: u32, length: u32) {
        let at = self.addresses.used + 4 + u64::from(self.used) % self.size() * 8;
        memory.u32(at).store(id, Relaxed);
        memory.u32(at + 4).store(length, Relaxed);
        self.used = self.used.wrapping_add(1);
    }

    /// Whether the driver wants an interrupt for what was completed since it was
    /// last asked.
    pub fn interrupts(&mut self, memory: &Memory) -> bool {
        fence(SeqCst);
        let before = core::mem::replace(&mut self.interrupted, self.used);
        if self.event_index {
            let at = self.addresses.available + 4 + self.size() * 2;
            let event = memory.u16(at).load(Relaxed);
            // In words: the event lies in [before, used).
            event.wrapping_sub(before) < self.used.wrapping_sub(before)
        } else {
            before != self.used && memory.u16(self.addresses.available).load(Relaxed) & 1 == 0
        }
    }

    /// Asks to be notified of the next chain, or not to be.
    pub fn want_notification(&self, memory: &Memory, wanted: bool) {
        if self.event_index {
            let at = self.addresses.used + 4 + self.size() * 8;
            let event = if wanted {
                self.seen
            } else {
                self.seen.wrapping_sub(1)
            };
            memory.u16(at).store(event, SeqCst);
        } else {
            memory
                .u16(self.addresses.used)
                .store((!wanted).into(), SeqCst);
        }
    }
}
