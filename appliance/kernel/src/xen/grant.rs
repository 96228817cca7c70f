//! The grant table: which of our pages another domain may use.
//!
//! Grants are persistent here: each page of an interface is granted once, when it
//! connects, and its number is used for every frame that passes through it. No
//! grant is made, changed or ended while frames come and go, in either direction;
//! a backend that comes back in the same domain finds the same grants. They change
//! only when the backend's domain does, and then only after nobody has them mapped.
//!
//! That is all of it that is a guest's own to decide. `feature-persistent`, by which
//! a *backend* keeps pages mapped, is of block devices (`io/blkif.h`); for networks
//! `io/netif.h` has "static grants" instead: a control ring (`feature-ctrl-ring`)
//! whose `XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING` asks for it. Linux' netback has the
//! ring and answers that message with `NOT_SUPPORTED` (`process_ctrl_request`: it
//! knows those about hashes alone), and copies what it gives us in any case
//! (`GNTCOPY_dest_gref`), so a frontend that asked would gain nothing but a ring.

use core::sync::atomic::Ordering;

use super::{Domain, PAGE_BYTES, Page, abi::grant};

/// Bytes of an entry: `flags`, `domid`, `frame` (version 1).
const ENTRY_BYTES: usize = 8;

/// A grant's number, as backends are told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant(pub u32);

/// The other domain still has the page mapped: it cannot be taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InUse;

/// The table, and which entries of it were handed out.
#[derive(Debug)]
pub struct GrantTable {
    pages: &'static [Page],
    next: u32,
}

impl GrantTable {
    /// The table on the pages where Xen keeps it. The first entries belong to
    /// the tool stack and are left alone.
    pub fn new(pages: &'static [Page]) -> Self {
        Self {
            pages,
            next: grant::RESERVED,
        }
    }

    /// An entry that was not handed out before, and permits nothing yet.
    /// `None` when the table is full.
    pub fn claim(&mut self) -> Option<Grant> {
        let entries = self.pages.len() * (PAGE_BYTES / ENTRY_BYTES);
        if self.next as usize >= entries {
            return None;
        }
        let grant = Grant(self.next);
        self.next += 1;
        Some(grant)
    }

    /// Where an entry lies.
    fn entry(&self, grant: Grant) -> Option<(&'static Page, usize)> {
        let at = grant.0 as usize * ENTRY_BYTES;
        Some((self.pages.get(at / PAGE_BYTES)?, at % PAGE_BYTES))
    }

    /// Permits `domain` to use a page; what the entry permitted before ends
    /// first. The same again is nothing to do, also while it is in use.
    pub fn permit(
        &self,
        grant: Grant,
        domain: Domain,
        frame: u32,
        readonly: bool,
    ) -> Result<(), InUse> {
        let (page, at) = self.entry(grant).ok_or(InUse)?;
        let mut flags = grant::PERMIT_ACCESS;
        if readonly {
            flags |= grant::READONLY;
        }
        let now = page.load16(at);
        if now & !grant::IN_USE == flags
            && page.load16(at + 2) == domain
            && page.load32(at + 4) == frame
        {
            return Ok(());
        }
        self.end(grant)?;
        page.store16(at + 2, domain);
        page.store32(at + 4, frame);
        // The flags last: from then on the entry is valid.
        page.atomic16(at).store(flags, Ordering::Release);
        Ok(())
    }

    /// Takes a permission back; fails while the page is mapped.
    pub fn end(&self, grant: Grant) -> Result<(), InUse> {
        let (page, at) = self.entry(grant).ok_or(InUse)?;
        let flags = page.atomic16(at);
        let now = flags.load(Ordering::Relaxed);
        if now & grant::IN_USE != 0 {
            return Err(InUse);
        }
        // In one step: it may get mapped between the look and the change.
        flags
            .compare_exchange(now, 0, Ordering::SeqCst, Ordering::Relaxed)
            .map(drop)
            .map_err(|_| InUse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;

    fn table() -> (GrantTable, &'static [Page]) {
        let pages: &'static [Page] = Box::leak(Box::new([const { Page::new() }; 2]));
        (GrantTable::new(pages), pages)
    }

    #[test]
    fn claims_end_with_the_table_and_leave_the_reserved_alone() {
        let (mut table, _) = table();
        assert_eq!(table.claim(), Some(Grant(8)));
        assert_eq!(core::iter::from_fn(|| table.claim()).count(), 1024 - 9);
        assert_eq!(table.claim(), None);
    }

    #[test]
    fn an_entry_is_as_the_header_says() {
        let (mut table, pages) = table();
        let grant = table.claim().unwrap();
        table.permit(grant, 3, 0x1234, true).unwrap();
        let mut bytes = [0; 8];
        pages[0].read(64, &mut bytes);
        assert_eq!(bytes, [5, 0, 3, 0, 0x34, 0x12, 0, 0]);
        table.end(grant).unwrap();
        assert_eq!(pages[0].load16(64), 0);
    }

    #[test]
    fn what_is_mapped_is_not_taken_back() {
        let (mut table, pages) = table();
        let grant = table.claim().unwrap();
        table.permit(grant, 3, 7, false).unwrap();
        pages[0].store16(64, 1 | 8);
        assert_eq!(table.end(grant), Err(InUse));
        assert_eq!(table.permit(grant, 4, 7, false), Err(InUse));
        assert_eq!(table.permit(grant, 3, 7, false), Ok(()));
        pages[0].store16(64, 1);
        assert_eq!(table.permit(grant, 4, 7, false), Ok(()));
        assert_eq!(pages[0].load16(66), 4);
    }

    #[test]
    fn a_number_beyond_the_table_is_refused() {
        let (table, _) = table();
        assert_eq!(table.permit(Grant(u32::MAX), 0, 0, false), Err(InUse));
        assert_eq!(table.end(Grant(1024)), Err(InUse));
    }
}
