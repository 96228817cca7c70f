//! Frames that come: empty pages are posted, the backend fills them, and what
//! it says about them is checked before a byte is copied out.
//!
//! The backend answers requests in their order (as every backend does, and
//! Linux's frontend relies on), so that the slot of an answer names the page. A
//! frame may be scattered over several answers (feature-sg), with `extra`
//! answers in between that hold no data; it is put together in one buffer.

use applgen_net::nic::{FRAME_BYTES, Received};

use super::{BUFFER_BYTES, TooFewGrants, frame_of, pool::Pool};
use crate::xen::{
    Broken, Domain, Grant, GrantTable, InUse, PAGE_BYTES, Page, Ring,
    abi::netif::{EXTRA_MORE, RX_CSUM_BLANK, RX_DATA_VALIDATED, RX_EXTRA_INFO, RX_MORE_DATA},
};

/// No page is posted in a slot.
const NONE: u8 = u8::MAX;

/// The shortest Ethernet frame that means anything: its header.
const HEADER_BYTES: usize = 14;

/// Answers read in one call without a frame to show for it: two rings full.
const PATIENCE: u32 = 512;

/// What has come of the frame that is being put together.
#[derive(Debug, Clone, Copy)]
struct Partial {
    buffer: u8,
    length: usize,
    /// Something was wrong with it: it is read to its end and dropped.
    bad: bool,
    checked: bool,
    /// The next answer holds no data.
    extra: bool,
    /// Further answers belong to it.
    more: bool,
}

/// The receiving half.
#[derive(Debug)]
pub(super) struct Receiver {
    ring_page: &'static Page,
    ring_grant: Grant,
    ring: Ring<8, 8>,
    pages: &'static [Page],
    grant: Grant,
    /// Which page is posted in which slot.
    posted: [u8; 256],
    frames: &'static mut [[u8; BUFFER_BYTES]],
    free: Pool,
    partial: Option<Partial>,
}

impl Receiver {
    pub fn new(
        ring: &'static Page,
        pages: &'static [Page],
        frames: &'static mut [[u8; BUFFER_BYTES]],
        claim: &mut impl FnMut() -> Result<Grant, TooFewGrants>,
    ) -> Result<Self, TooFewGrants> {
        let pages = pages.get(..usize::from(NONE)).unwrap_or(pages);
        let ring_grant = claim()?;
        // One after the other: the first names them all.
        let mut grant = None;
        for _ in pages {
            let claimed = claim()?;
            grant.get_or_insert(claimed);
        }
        Ok(Self {
            ring_page: ring,
            ring_grant,
            ring: Ring::new(ring),
            pages,
            grant: grant.ok_or(TooFewGrants)?,
            posted: [NONE; 256],
            free: Pool::new(frames.len()),
            frames,
            partial: None,
        })
    }

    /// Begins anew for a backend in `domain`: an empty ring with every page
    /// posted. The ring's grant, which the backend is told.
    pub fn start(&mut self, grants: &GrantTable, domain: Domain) -> Result<Grant, InUse> {
        grants.permit(self.ring_grant, domain, frame_of(self.ring_page), false)?;
        for (index, page) in self.pages.iter().enumerate() {
            let grant = Grant(self.grant.0 + index as u32);
            grants.permit(grant, domain, frame_of(page), false)?;
        }
        if let Some(partial) = self.partial.take() {
            self.free.give(partial.buffer);
        }
        self.ring = Ring::new(self.ring_page);
        self.posted = [NONE; 256];
        for page in 0..self.pages.len() as u8 {
            self.post(page);
        }
        Ok(self.ring_grant)
    }

    /// Offers a page to the backend.
    fn post(&mut self, page: u8) {
        let slot = self.ring.next_slot();
        if let Some(posted) = self.posted.get_mut(usize::from(slot)) {
            *posted = page;
        }
        let [g0, g1, g2, g3] = (self.grant.0 + u32::from(page)).to_le_bytes();
        self.ring.push(&[slot, 0, 0, 0, g0, g1, g2, g3]);
    }

    /// The next whole frame.
    pub fn receive(&mut self) -> Result<Option<Received>, Broken> {
        for _ in 0..PATIENCE {
            let mut partial = match self.partial {
                Some(partial) => partial,
                None => match self.free.take() {
                    Some(buffer) => Partial {
                        buffer,
                        length: 0,
                        bad: false,
                        checked: false,
                        extra: false,
                        more: false,
                    },
                    None => return Ok(None),
                },
            };
            let next = self.ring.next();
            let Ok(Some((slot, answer))) = next else {
                // A frame that has begun goes on later; a buffer for one that
                // has not is not kept.
                if self.partial.is_none() {
                    self.free.give(partial.buffer);
                }
                return next.map(|_| None);
            };
            let read = self.take(slot, answer, &mut partial);
            self.partial = Some(partial);
            read?;
            if partial.extra || partial.more {
                continue;
            }
            self.partial = None;
            if partial.bad || partial.length < HEADER_BYTES {
                self.free.give(partial.buffer);
                continue;
            }
            return Ok(Some(Received {
                buffer: partial.buffer.into(),
                length: partial.length as u16,
                checked: partial.checked,
            }));
        }
        Ok(None)
    }

    /// Reads one answer into the frame that is being put together, and posts
    /// its page again.
    fn take(&mut self, slot: u8, answer: [u8; 8], partial: &mut Partial) -> Result<(), Broken> {
        let posted = self.posted.get_mut(usize::from(slot)).ok_or(Broken)?;
        let number = core::mem::replace(posted, NONE);
        let page = self.pages.get(usize::from(number)).ok_or(Broken)?;
        if partial.extra {
            partial.extra = answer[1] & EXTRA_MORE != 0;
            self.post(number);
            return Ok(());
        }
        let [i0, i1, o0, o1, f0, f1, s0, s1] = answer;
        let id = u16::from_le_bytes([i0, i1]);
        let offset = usize::from(u16::from_le_bytes([o0, o1]));
        let flags = u16::from_le_bytes([f0, f1]);
        let status = i16::from_le_bytes([s0, s1]);
        if id != u16::from(slot) {
            return Err(Broken);
        }
        // Negative: an error of the backend's; the frame is lost.
        match usize::try_from(status) {
            Err(_) => partial.bad = true,
            Ok(size) if offset + size > PAGE_BYTES => return Err(Broken),
            Ok(size) => {
                let frame = self.frames.get_mut(usize::from(partial.buffer));
                let room = frame
                    .and_then(|frame| frame.get_mut(partial.length..FRAME_BYTES))
                    .and_then(|frame| frame.get_mut(..size));
                match room {
                    Some(room) => {
                        page.read(offset, room);
                        partial.length += size;
                    }
                    // Longer than any frame that we said we take.
                    None => partial.bad = true,
                }
            }
        }
        partial.checked |= flags & (RX_CSUM_BLANK | RX_DATA_VALIDATED) != 0;
        partial.extra = flags & RX_EXTRA_INFO != 0;
        partial.more = flags & RX_MORE_DATA != 0;
        self.post(number);
        Ok(())
    }

    /// The bytes of a frame, and room behind them.
    pub fn frame(&mut self, received: &Received) -> &mut [u8] {
        match self.frames.get_mut(usize::from(received.buffer)) {
            Some(frame) => frame,
            None => &mut [],
        }
    }

    /// Takes a frame's buffer back.
    pub fn recycle(&mut self, received: Received) {
        if let Ok(buffer) = u8::try_from(received.buffer) {
            self.free.give(buffer);
        }
    }

    /// See [`Ring::publish`].
    pub fn publish(&mut self) -> bool {
        self.ring.publish()
    }

    /// Asks for an event with the next frame; whether one is there.
    pub fn arm(&mut self) -> Result<bool, Broken> {
        // Without a buffer nothing could be done about one.
        Ok(self.ring.arm(1)? && (self.free.free() > 0 || self.partial.is_some()))
    }
}
