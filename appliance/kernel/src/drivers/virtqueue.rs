//! Split virtqueues: descriptors out, completions in (virtio 1.2 §2.7).
//!
//! Three tables in memory that is shared with the device: descriptors (address,
//! length, flags, next), the available ring (chains that the device may use) and
//! the used ring (chains that it has done). The driver writes the first two and
//! never reads them back; it reads the third and never writes it. Which
//! descriptors the device holds is kept in memory of our own, so that nothing it
//! writes can lead a completion to where no chain was.
//!
//! - [`Virtqueue::add`] only queues. [`Virtqueue::publish`] makes all that was
//!   added visible with one store of the index, and says whether the device
//!   wants to be told.
//! - [`Virtqueue::take`] finds at most one completion. It reads the device's
//!   index once for all those that are there.
//! - [`Virtqueue::arm`] asks for an interrupt with the next completion, and says
//!   whether one has come since: then there will be none, and the caller looks
//!   again instead of going to sleep.
//!
//! Indirect descriptors are not used. They cost the device one more place to
//! look at for each frame, and save descriptors, of which frames need few: the
//! head and one for each slice.

use core::array;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, fence};

use super::{Dma, Fault, Platform, StartError};

/// The most descriptors of a queue. Devices offer 256, with few exceptions;
/// more would only be more memory.
pub const MOST_DESCRIPTORS: u16 = 256;

/// Where the used ring starts is a multiple of this for legacy devices
/// (§2.7.2), which find it by counting; so the whole queue does for all.
pub const LEGACY_ALIGN: usize = 4096;

/// The chain goes on (§2.7.5).
const NEXT: u64 = 1;
/// The device writes.
const WRITE: u64 = 2;
/// In `flags` of the available ring: no interrupt, please (§2.7.6).
const NO_INTERRUPT: u16 = 1;
/// In `flags` of the used ring: no notification, please (§2.7.8).
const NO_NOTIFY: u16 = 1;
/// No descriptor.
const NONE: u16 = u16::MAX;

/// Where the parts of a queue are, as the device is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// How many descriptors: a power of two.
    pub size: u16,
    /// The descriptor table; a multiple of [`LEGACY_ALIGN`].
    pub descriptors: u64,
    /// The available ring, the driver's area.
    pub available: u64,
    /// The used ring, the device's area.
    pub used: u64,
}

/// A piece of memory for the device to read, or to write.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    /// Its address, as the device knows it.
    pub address: u64,
    /// How long it is, in bytes; not 0.
    pub length: u32,
    /// Whether the device writes there. In a chain, those it reads come first.
    pub writable: bool,
}

/// What the device has done with one chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Completion {
    /// The number that was given to [`Virtqueue::add`].
    pub token: u16,
    /// How many bytes the device says it has written. Not checked against
    /// anything: only the caller knows the buffer.
    pub length: u32,
}

/// There are not enough free descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRoom;

/// What we know of a descriptor.
#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The next one of the chain, or of the free list.
    next: u16,
    /// For the head of a chain that the device holds: how many descriptors it
    /// has. 0 for all others.
    length: u16,
    /// For such a head: the caller's number.
    token: u16,
    /// For such a head: whether the device has been shown the chain.
    shown: bool,
    /// For one that it has not: the head that was added before, if it was not
    /// shown either.
    before: u16,
}

/// One queue, the driver's side.
#[derive(Debug)]
pub struct Virtqueue {
    descriptors: &'static [AtomicU64],
    available_flags: &'static AtomicU16,
    available_index: &'static AtomicU16,
    available_ring: &'static [AtomicU16],
    /// For the device: an interrupt when this completion is there.
    used_event: &'static AtomicU16,
    used_flags: &'static AtomicU16,
    used_index: &'static AtomicU16,
    /// Pairs of id and length.
    used_ring: &'static [AtomicU32],
    /// From the device: a notification when this chain is there.
    available_event: &'static AtomicU16,
    addresses: Addresses,
    /// Whether `VIRTIO_F_EVENT_IDX` was agreed on.
    event_index: bool,

    slots: [Slot; MOST_DESCRIPTORS as usize],
    /// The first free descriptor.
    free: u16,
    /// How many are free.
    room: u16,
    /// The chain that was added last, if it has not been shown to the device.
    unshown: u16,
    /// Where the next chain goes in the available ring, not reduced.
    next: u16,
    /// What the device has been shown of that.
    published: u16,
    /// Chains that the device holds or will hold once published.
    held: u16,
    /// The next completion, not reduced.
    taken: u16,
    /// The device's index, as it was last read and found plausible.
    completed: u16,
    fault: Option<Fault>,
}

impl Virtqueue {
    /// A queue of `size` descriptors in memory from the platform. `size` is
    /// rounded down to a power of two, and to [`MOST_DESCRIPTORS`].
    ///
    /// # Errors
    ///
    /// [`StartError::Queue`] for less than two descriptors,
    /// [`StartError::Memory`] if there is none.
    pub fn new(
        platform: &mut impl Platform,
        size: u16,
        event_index: bool,
    ) -> Result<Self, StartError> {
        let size = size.min(MOST_DESCRIPTORS);
        if size < 2 {
            return Err(StartError::Queue);
        }
        let size = 1 << size.ilog2();
        let used_offset = used_offset(size);
        let memory = platform
            .allocate(used_offset + used_bytes(size), LEGACY_ALIGN)
            .ok_or(StartError::Memory)?;
        let addresses = Addresses {
            size,
            descriptors: memory.address(0),
            available: memory.address(descriptor_bytes(size)),
            used: memory.address(used_offset),
        };
        Self::over(memory, addresses, event_index).ok_or(StartError::Memory)
    }

    /// Lays the three tables over memory; nothing if it is too short.
    fn over(memory: Dma, addresses: Addresses, event_index: bool) -> Option<Self> {
        let size = addresses.size;
        let (driver, used) = memory.split(used_offset(size))?;
        let (descriptors, available) = driver.split(descriptor_bytes(size))?;
        let (available_head, [available_flags, available_index]) = {
            let (head, rest) = available.split(4)?;
            (rest, first_two(head)?)
        };
        let (ring, event) = available_head.split(usize::from(size) * 2)?;
        let available_ring = ring.cells()?;
        let used_event = event.cells()?.first()?;
        let (head, used) = used.split(4)?;
        let [used_flags, used_index] = first_two(head)?;
        let (ring, event) = used.split(usize::from(size) * 8)?;
        let used_ring = ring.cells()?;
        let available_event = event.cells()?.first()?;
        let slots = array::from_fn(|slot| Slot {
            next: u16::try_from(slot + 1)
                .ok()
                .filter(|&next| next < size)
                .unwrap_or(NONE),
            length: 0,
            token: 0,
            shown: false,
            before: NONE,
        });
        let queue = Self {
            descriptors: descriptors.cells()?,
            available_flags,
            available_index,
            available_ring,
            used_event,
            used_flags,
            used_index,
            used_ring,
            available_event,
            addresses,
            event_index,
            slots,
            free: 0,
            room: size,
            unshown: NONE,
            next: 0,
            published: 0,
            held: 0,
            taken: 0,
            completed: 0,
            fault: None,
        };
        // Whatever the memory was before: nothing available, nothing used.
        for cell in [
            available_flags,
            available_index,
            used_event,
            used_flags,
            used_index,
            available_event,
        ] {
            cell.store(0, Relaxed);
        }
        queue.suppress();
        Some(queue)
    }

    /// Where the parts are.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// How many descriptors are free.
    #[must_use]
    pub fn room(&self) -> u16 {
        self.room
    }

    /// How many chains are with the device, or will be once published.
    #[must_use]
    pub fn held(&self) -> u16 {
        self.held
    }

    /// How the device broke the protocol, if it did.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Queues a chain. The device sees it with the next [`Virtqueue::publish`].
    ///
    /// # Errors
    ///
    /// [`NoRoom`] if there are not as many free descriptors, or no segments.
    pub fn add(&mut self, segments: &[Segment], token: u16) -> Result<(), NoRoom> {
        let count = u16::try_from(segments.len()).map_err(|_| NoRoom)?;
        if count == 0 || count > self.room {
            return Err(NoRoom);
        }
        let head = self.free;
        let mut free = head;
        let mut left = segments.len();
        for segment in segments {
            left -= 1;
            let next = self.slots.get(usize::from(free)).ok_or(NoRoom)?.next;
            let mut flags = if segment.writable { WRITE } else { 0 };
            let mut link = 0;
            if left > 0 {
                flags |= NEXT;
                link = u64::from(next);
            }
            let word = u64::from(segment.length) | flags << 32 | link << 48;
            if let Some([address, rest]) = pair(self.descriptors, free) {
                address.store(segment.address.to_le(), Relaxed);
                rest.store(word.to_le(), Relaxed);
            }
            free = next;
        }
        if let Some(slot) = self.slots.get_mut(usize::from(head)) {
            slot.length = count;
            slot.token = token;
            slot.shown = false;
            slot.before = self.unshown;
        }
        if let Some(entry) = self.available_ring.get(self.reduced(self.next)) {
            entry.store(head.to_le(), Relaxed);
        }
        self.unshown = head;
        self.free = free;
        self.room -= count;
        self.held += 1;
        self.next = self.next.wrapping_add(1);
        Ok(())
    }

    /// Shows the device all that was added. Whether it wants to be notified.
    #[must_use = "a device that wants to be notified and is not waits for ever"]
    pub fn publish(&mut self) -> bool {
        if self.next == self.published {
            return false;
        }
        // Release: the chains are there before the index that shows them.
        self.available_index.store(self.next.to_le(), Release);
        let before = self.published;
        self.published = self.next;
        while let Some(slot) = self.slots.get_mut(usize::from(self.unshown)) {
            slot.shown = true;
            self.unshown = slot.before;
        }
        // The index is to be visible before we look whether the device sleeps;
        // it does the same the other way around (§2.7.13.4.1).
        fence(SeqCst);
        if self.event_index {
            let event = u16::from_le(self.available_event.load(Relaxed));
            passed(event, self.published, before)
        } else {
            u16::from_le(self.used_flags.load(Relaxed)) & NO_NOTIFY == 0
        }
    }

    /// The next completion, if there is one. Its descriptors are free again.
    ///
    /// A device that breaks the protocol completes nothing any more: see
    /// [`Virtqueue::fault`].
    pub fn take(&mut self) -> Option<Completion> {
        if !self.look() {
            return None;
        }
        let at = u16::try_from(self.reduced(self.taken)).ok()?;
        let [id, length] = pair(self.used_ring, at)?;
        // Each is read once; what is checked is what is used.
        let id = u32::from_le(id.load(Relaxed));
        let length = u32::from_le(length.load(Relaxed));
        let Some(token) = self.give_back(id) else {
            self.fault = Some(Fault::NotGiven);
            return None;
        };
        self.taken = self.taken.wrapping_add(1);
        Some(Completion { token, length })
    }

    /// Whether a completion is there, or the device did what it should not: both
    /// are something to see to.
    pub fn pending(&mut self) -> bool {
        self.look() || self.fault.is_some()
    }

    /// Asks for an interrupt with the next completion. True if there is
    /// something to see to already: then no interrupt may come, and the caller
    /// is to look instead of waiting.
    #[must_use = "what has come already brings no interrupt"]
    pub fn arm(&mut self) -> bool {
        if self.event_index {
            self.used_event.store(self.taken.to_le(), Relaxed);
        } else {
            self.available_flags.store(0, Relaxed);
        }
        // The wish is to be visible before we look whether it came too late.
        fence(SeqCst);
        self.pending()
    }

    /// Asks for no interrupts, until [`Virtqueue::arm`]. The device may still
    /// send one.
    pub fn suppress(&self) {
        if self.event_index {
            // The completion that lies furthest ahead.
            let event = self.taken.wrapping_sub(1);
            self.used_event.store(event.to_le(), Relaxed);
        } else {
            self.available_flags.store(NO_INTERRUPT.to_le(), Relaxed);
        }
    }

    /// Whether a completion is there: reads the device's index if those seen
    /// earlier are taken.
    fn look(&mut self) -> bool {
        if self.fault.is_some() {
            return false;
        }
        if self.completed == self.taken {
            // Acquire: what the index shows is there when we look at it.
            let index = u16::from_le(self.used_index.load(Acquire));
            let more = index.wrapping_sub(self.taken);
            let unseen = self.next.wrapping_sub(self.published);
            if more > self.held.saturating_sub(unseen) {
                self.fault = Some(Fault::Jumped);
                return false;
            }
            self.completed = index;
        }
        self.completed != self.taken
    }

    /// Frees the chain with this head, and tells its token. Nothing if the
    /// device does not hold such a chain.
    fn give_back(&mut self, id: u32) -> Option<u16> {
        let head = u16::try_from(id).ok()?;
        let slot = self.slots.get_mut(usize::from(head))?;
        let Slot { length, token, .. } = *slot;
        if length == 0 || !slot.shown {
            return None;
        }
        slot.length = 0;
        let mut last = head;
        for _ in 1..length {
            last = self.slots.get(usize::from(last))?.next;
        }
        self.slots.get_mut(usize::from(last))?.next = self.free;
        self.free = head;
        self.room += length;
        self.held -= 1;
        Some(token)
    }

    /// An index of the rings, without its turns.
    fn reduced(&self, index: u16) -> usize {
        usize::from(index & (self.addresses.size - 1))
    }
}

/// The descriptor table: 16 bytes each.
fn descriptor_bytes(size: u16) -> usize {
    usize::from(size) * 16
}

/// Where the used ring is, from the queue's start: after the table and the
/// available ring (flags, index, a number each, the event), aligned as legacy
/// devices want it.
fn used_offset(size: u16) -> usize {
    (descriptor_bytes(size) + usize::from(size) * 2 + 6).next_multiple_of(LEGACY_ALIGN)
}

/// The used ring: flags, index, 8 bytes each, the event.
fn used_bytes(size: u16) -> usize {
    usize::from(size) * 8 + 6
}

/// The flags and the index at a ring's start.
fn first_two(head: Dma) -> Option<&'static [AtomicU16; 2]> {
    head.cells()?.first_chunk()
}

/// The `index`th pair of a table of pairs.
fn pair<T>(table: &[T], index: u16) -> Option<&[T; 2]> {
    table.get(usize::from(index) * 2..)?.first_chunk()
}

/// Whether an index that went from `before` to `now` has passed an event
/// (`vring_need_event`, virtio 1.2 §2.7.10).
fn passed(event: u16, now: u16, before: u16) -> bool {
    now.wrapping_sub(event).wrapping_sub(1) < now.wrapping_sub(before)
}

#[cfg(test)]
mod tests;
