//! The buffers of a card, and who has which: the states that the card's own
//! documentation draws.

use applgen_net::nic::FRAME_BYTES;

use super::{HEADER_BYTES, MOST_BUFFERS};
use crate::drivers::Dma;
use crate::drivers::virtqueue::Segment;

/// Where the frame begins in its buffer: after the header, and so that what is
/// behind the Ethernet header lies at a multiple of 16.
const FRAME_OFFSET: usize = 18;
/// Bytes of a buffer; a multiple of a cache line.
pub(super) const BUFFER_BYTES: usize = 1536;
const _: () = assert!(FRAME_OFFSET + FRAME_BYTES <= BUFFER_BYTES);
const _: () = assert!(HEADER_BYTES <= FRAME_OFFSET);

const POOL: usize = 2 * MOST_BUFFERS as usize;

/// Where a buffer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Free,
    /// The device may write a frame into it.
    Posted,
    /// The reader of a frame has it.
    Lent,
    /// The device sends it.
    Sending,
}

/// How many buffers are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// With nobody.
    pub free: u16,
    /// With the device, for frames that come.
    pub posted: u16,
    /// With the reader of a frame that has come.
    pub lent: u16,
    /// With the device, for frames that go.
    pub sending: u16,
}

/// The buffers, and who has which.
#[derive(Debug)]
pub(super) struct Pool {
    memory: Dma,
    states: [State; POOL],
    /// The free ones: the first `count.free`, the last one used on top, which is
    /// the likeliest to be in the cache.
    free: [u16; POOL],
    pub(super) count: Count,
    pub(super) header_bytes: usize,
}

impl Pool {
    pub(super) fn new(memory: Dma, header_bytes: usize) -> Self {
        let buffers = (memory.bytes() / BUFFER_BYTES).min(POOL) as u16;
        let mut free = [0; POOL];
        for (place, buffer) in free.iter_mut().zip((0..buffers).rev()) {
            *place = buffer;
        }
        Self {
            memory,
            states: [State::Free; POOL],
            free,
            count: Count {
                free: buffers,
                ..Count::default()
            },
            header_bytes,
        }
    }

    fn counter(&mut self, state: State) -> &mut u16 {
        match state {
            State::Free => &mut self.count.free,
            State::Posted => &mut self.count.posted,
            State::Lent => &mut self.count.lent,
            State::Sending => &mut self.count.sending,
        }
    }

    /// Where a buffer is; nothing if there is no such buffer.
    pub(super) fn state(&self, buffer: u16) -> Option<State> {
        self.states.get(usize::from(buffer)).copied()
    }

    /// Takes a buffer from one state to another; false, and nothing done, if it
    /// was not in the first.
    pub(super) fn pass(&mut self, buffer: u16, from: State, to: State) -> bool {
        match self.states.get_mut(usize::from(buffer)) {
            Some(state) if *state == from => *state = to,
            _ => return false,
        }
        if to == State::Free
            && let Some(place) = self.free.get_mut(usize::from(self.count.free))
        {
            *place = buffer;
        }
        *self.counter(from) -= 1;
        *self.counter(to) += 1;
        true
    }

    /// Takes a free buffer.
    pub(super) fn draw(&mut self, to: State) -> Option<u16> {
        let top = self.count.free.checked_sub(1)?;
        let buffer = *self.free.get(usize::from(top))?;
        self.pass(buffer, State::Free, to).then_some(buffer)
    }

    /// Where the device's header begins in each buffer.
    fn header_offset(&self) -> usize {
        FRAME_OFFSET - self.header_bytes
    }

    /// A buffer from the device's header on, for the device.
    pub(super) fn segment(&self, buffer: u16, frame_bytes: usize, writable: bool) -> Segment {
        let offset = usize::from(buffer) * BUFFER_BYTES + self.header_offset();
        Segment {
            address: self.memory.address(offset),
            // At most a buffer's length.
            length: (self.header_bytes + frame_bytes) as u32,
            writable,
        }
    }

    /// The header and the room for a frame behind it.
    pub(super) fn parts(&mut self, buffer: u16) -> Option<(&mut [u8], &mut [u8])> {
        let offset = usize::from(buffer) * BUFFER_BYTES + self.header_offset();
        let bytes = self.header_bytes + FRAME_BYTES;
        let header_bytes = self.header_bytes;
        self.memory
            .buffer(offset, bytes)?
            .split_at_mut_checked(header_bytes)
    }
}
