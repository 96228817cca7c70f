//! A ring of requests and responses on a shared page (`io/ring.h`), as the side
//! that makes requests.
//!
//! Both indices of the other side are checked when they are read: it can have
//! answered no more than was asked. One that says otherwise makes the ring
//! [`Broken`], for good; nothing of it is believed after that.

use core::sync::atomic::{Ordering, fence};

use super::{
    Page,
    abi::ring::{ENTRIES, REQ_EVENT, REQ_PROD, RSP_EVENT, RSP_PROD},
};

/// Entries of the rings used here: 12 or 8 bytes each, a power of two of them.
pub const RING_SLOTS: u32 = 256;

/// The other side's index went where it cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// One ring, whose entries are `ENTRY` bytes: a request, or the `ANSWER` bytes
/// of the response that takes its place.
#[derive(Debug)]
pub struct Ring<const ENTRY: usize, const ANSWER: usize> {
    page: &'static Page,
    /// Requests written.
    written: u32,
    /// Requests that the other side was told of.
    published: u32,
    /// Responses read.
    read: u32,
    /// Responses that are known to be there.
    known: u32,
}

impl<const ENTRY: usize, const ANSWER: usize> Ring<ENTRY, ANSWER> {
    const FITS: () = assert!(ENTRIES + RING_SLOTS as usize * ENTRY <= 4096 && ANSWER <= ENTRY);

    /// An empty ring on a page that nobody else uses yet.
    pub fn new(page: &'static Page) -> Self {
        let () = Self::FITS;
        page.clear();
        page.store32(REQ_EVENT, 1);
        page.store32(RSP_EVENT, 1);
        Self {
            page,
            written: 0,
            published: 0,
            read: 0,
            known: 0,
        }
    }

    fn place(index: u32) -> usize {
        ENTRIES + (index % RING_SLOTS) as usize * ENTRY
    }

    /// Requests that are not answered yet.
    pub fn outstanding(&self) -> u32 {
        self.written.wrapping_sub(self.read)
    }

    /// Room for more requests.
    pub fn free(&self) -> u32 {
        RING_SLOTS.saturating_sub(self.outstanding())
    }

    /// Where the next request goes: its number, modulo the ring's size.
    pub fn next_slot(&self) -> u8 {
        self.written as u8
    }

    /// Writes a request, to be published later. Only where there is room.
    pub fn push(&mut self, request: &[u8; ENTRY]) {
        if self.free() > 0 {
            self.page.write(Self::place(self.written), request);
            self.written = self.written.wrapping_add(1);
        }
    }

    /// Shows the requests written to the other side; whether it wants to be
    /// told of them.
    pub fn publish(&mut self) -> bool {
        let (old, new) = (self.published, self.written);
        if old == new {
            return false;
        }
        fence(Ordering::Release);
        self.page.store32(REQ_PROD, new);
        self.published = new;
        // Its wish is read after our index is out, as it writes the one before
        // it reads the other: one of the two sees the other's.
        fence(Ordering::SeqCst);
        let event = self.page.load32(REQ_EVENT);
        new.wrapping_sub(event) < new.wrapping_sub(old)
    }

    /// The next response, with the slot of the request that it answers.
    pub fn next(&mut self) -> Result<Option<(u8, [u8; ANSWER])>, Broken> {
        if self.read == self.known && !self.look()? {
            return Ok(None);
        }
        let slot = self.read as u8;
        let mut answer = [0; ANSWER];
        self.page.read(Self::place(self.read), &mut answer);
        self.read = self.read.wrapping_add(1);
        Ok(Some((slot, answer)))
    }

    /// Looks for responses that are not known yet.
    fn look(&mut self) -> Result<bool, Broken> {
        let produced = self.page.load32(RSP_PROD);
        fence(Ordering::Acquire);
        if produced.wrapping_sub(self.read) > self.published.wrapping_sub(self.read) {
            return Err(Broken);
        }
        self.known = produced;
        Ok(self.read != produced)
    }

    /// Asks to be told when `more` further responses are there; whether some
    /// came in the meantime, so that waiting would be wrong.
    pub fn arm(&mut self, more: u32) -> Result<bool, Broken> {
        self.page.store32(RSP_EVENT, self.read.wrapping_add(more));
        fence(Ordering::SeqCst);
        self.look()?;
        Ok(self.known.wrapping_sub(self.read) >= more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;

    type Tested = Ring<8, 8>;

    fn ring() -> (Tested, &'static Page) {
        let page: &'static Page = Box::leak(Box::new(Page::new()));
        (Tested::new(page), page)
    }

    #[test]
    fn it_holds_its_size_and_not_one_more() {
        let (mut ring, _) = ring();
        for _ in 0..300 {
            ring.push(&[1; 8]);
        }
        assert_eq!((ring.outstanding(), ring.free()), (256, 0));
    }

    #[test]
    fn one_doorbell_for_a_batch_and_none_unasked() {
        let (mut ring, page) = ring();
        ring.push(&[1; 8]);
        ring.push(&[2; 8]);
        assert!(ring.publish());
        assert!(!ring.publish());
        ring.push(&[3; 8]);
        // The other side still looks by itself: it asked for the first only.
        assert!(!ring.publish());
        page.store32(REQ_EVENT, 4);
        ring.push(&[4; 8]);
        assert!(ring.publish());
    }

    #[test]
    fn answers_come_in_the_place_of_their_requests() {
        let (mut ring, page) = ring();
        ring.push(&[1; 8]);
        ring.push(&[2; 8]);
        ring.publish();
        page.write(ENTRIES, &[9; 8]);
        page.store32(RSP_PROD, 1);
        assert_eq!(ring.next(), Ok(Some((0, [9; 8]))));
        assert_eq!(ring.next(), Ok(None));
        assert_eq!(ring.arm(1), Ok(false));
        assert_eq!(page.load32(RSP_EVENT), 2);
        page.store32(RSP_PROD, 2);
        assert_eq!(ring.arm(1), Ok(true));
        assert_eq!(ring.next(), Ok(Some((1, [2; 8]))));
        assert_eq!(ring.free(), 256);
    }

    #[test]
    fn no_index_but_a_possible_one_is_believed() {
        for start in [0, u32::MAX - 3] {
            for jump in [3, 256, 257, 1 << 31, u32::MAX] {
                let (mut ring, page) = ring();
                (ring.written, ring.published) = (start, start);
                (ring.read, ring.known) = (start, start);
                ring.push(&[1; 8]);
                ring.push(&[2; 8]);
                ring.publish();
                page.store32(RSP_PROD, start.wrapping_add(jump));
                assert_eq!(ring.next(), Err(Broken), "{start} {jump}");
                assert_eq!(ring.arm(1), Err(Broken));
            }
        }
    }

    #[test]
    fn what_was_not_published_cannot_be_answered() {
        let (mut ring, page) = ring();
        ring.push(&[1; 8]);
        page.store32(RSP_PROD, 1);
        assert_eq!(ring.next(), Err(Broken));
    }
}
