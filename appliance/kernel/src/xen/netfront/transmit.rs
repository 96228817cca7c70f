//! Frames that leave: each is put together in half a page that the backend may
//! read, and named by one request. The half is free again with its response.

use applgen_net::nic::{Checksum, FRAME_BYTES};

use super::{BUFFER_BYTES, TooFewGrants, frame_of, pool::Pool};
use crate::xen::{
    Broken, Domain, Grant, GrantTable, InUse, PAGE_BYTES, Page, Ring,
    abi::netif::{TX_CSUM_BLANK, TX_DATA_VALIDATED},
};

/// Buffers in a page.
const BUFFERS: usize = PAGE_BYTES / BUFFER_BYTES;

/// Where a frame's EtherType is, and what it is for IPv6.
const ETHERTYPE: usize = 12;
const IPV6: [u8; 2] = [0x86, 0xdd];

/// The sending half.
#[derive(Debug)]
pub(super) struct Transmitter {
    ring_page: &'static Page,
    ring_grant: Grant,
    ring: Ring<12, 4>,
    pages: &'static [Page],
    grant: Grant,
    free: Pool,
    /// There was no room when it was asked for.
    wanted: bool,
    /// Whether the backend completes checksums over IPv4, and over IPv6.
    completes: (bool, bool),
}

impl Transmitter {
    pub fn new(
        ring: &'static Page,
        pages: &'static [Page],
        claim: &mut impl FnMut() -> Result<Grant, TooFewGrants>,
    ) -> Result<Self, TooFewGrants> {
        let pages = pages.get(..usize::from(u8::MAX) / BUFFERS).unwrap_or(pages);
        let ring_grant = claim()?;
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
            free: Pool::new(pages.len() * BUFFERS),
            wanted: false,
            completes: (false, false),
        })
    }

    /// Begins anew for a backend in `domain`, which completes checksums over
    /// IPv4 and IPv6 as told. The ring's grant.
    pub fn start(
        &mut self,
        grants: &GrantTable,
        domain: Domain,
        completes: (bool, bool),
    ) -> Result<Grant, InUse> {
        grants.permit(self.ring_grant, domain, frame_of(self.ring_page), false)?;
        for (index, page) in self.pages.iter().enumerate() {
            let grant = Grant(self.grant.0 + index as u32);
            grants.permit(grant, domain, frame_of(page), true)?;
        }
        self.ring = Ring::new(self.ring_page);
        self.free = Pool::new(self.pages.len() * BUFFERS);
        self.completes = completes;
        Ok(self.ring_grant)
    }

    /// Takes back what was sent.
    fn reap(&mut self) -> Result<(), Broken> {
        while let Some((_, answer)) = self.ring.next()? {
            let [i0, i1, _status0, _status1] = answer;
            // Whatever became of the frame: TCP sends again what matters.
            let id = u8::try_from(u16::from_le_bytes([i0, i1])).map_err(|_| Broken)?;
            if !self.free.give(id) {
                return Err(Broken);
            }
        }
        Ok(())
    }

    pub fn has_room(&mut self) -> Result<bool, Broken> {
        if self.free.free() == 0 {
            self.reap()?;
        }
        // Never more buffers than slots: the ring has room when there is one.
        let room = self.free.free() > 0 && self.ring.free() > 0;
        self.wanted |= !room;
        Ok(room)
    }

    /// Queues a frame; whether it was.
    pub fn send(&mut self, head: &[u8], slices: &[&[u8]], checksum: Checksum) -> bool {
        let length = slices
            .iter()
            .fold(head.len(), |sum, slice| sum.saturating_add(slice.len()));
        if length > FRAME_BYTES {
            return false;
        }
        let Some(id) = self.free.take() else {
            return false;
        };
        let index = usize::from(id) / BUFFERS;
        let offset = usize::from(id) % BUFFERS * BUFFER_BYTES;
        let Some(page) = self.pages.get(index) else {
            return false;
        };
        let mut at = offset;
        for bytes in core::iter::once(&head).chain(slices) {
            at += page.write(at, bytes);
        }
        let flags = match checksum {
            Checksum::Done => 0,
            Checksum::Complete {
                start,
                offset: field,
            } => {
                let ipv6 = head
                    .get(ETHERTYPE..)
                    .is_some_and(|rest| rest.starts_with(&IPV6));
                let (v4, v6) = self.completes;
                if if ipv6 { v6 } else { v4 } {
                    TX_CSUM_BLANK | TX_DATA_VALIDATED
                } else {
                    complete(page, offset, at, usize::from(start), usize::from(field));
                    0
                }
            }
        };
        let [g0, g1, g2, g3] = (self.grant.0 + index as u32).to_le_bytes();
        let [o0, o1] = (offset as u16).to_le_bytes();
        let [f0, f1] = flags.to_le_bytes();
        let [s0, s1] = (length as u16).to_le_bytes();
        self.ring
            .push(&[g0, g1, g2, g3, o0, o1, f0, f1, id, 0, s0, s1]);
        true
    }

    /// See [`Ring::publish`].
    pub fn publish(&mut self) -> bool {
        self.ring.publish()
    }

    /// Asks for an event when half of what is under way was sent, if there was
    /// no room; whether there is again.
    pub fn arm(&mut self) -> Result<bool, Broken> {
        if !self.wanted {
            return Ok(false);
        }
        let room = self.ring.arm(self.ring.outstanding() / 2 + 1)?;
        self.wanted = !room;
        Ok(room)
    }
}

/// Completes a checksum (RFC 1071) in a buffer whose frame is from `begin` to
/// `end`, for a backend that does not.
fn complete(page: &Page, begin: usize, end: usize, start: usize, field: usize) {
    let from = begin.saturating_add(start);
    let mut sum = 0u32;
    for at in (from..end.min(PAGE_BYTES)).step_by(2) {
        let low = page.load8(at);
        let high = if at + 1 < end { page.load8(at + 1) } else { 0 };
        sum += u32::from(u16::from_be_bytes([low, high]));
    }
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    // Zero says "no checksum" in UDP, and is all ones for TCP as well.
    let value = match !(folded as u16) {
        0 => u16::MAX,
        value => value,
    };
    let place = from.saturating_add(field);
    if place + 2 <= end {
        page.write(place, &value.to_be_bytes());
    }
}
