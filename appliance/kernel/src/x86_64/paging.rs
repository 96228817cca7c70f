//! Which memory may be read, written, executed: never two of the last at once.
//!
//! `boot` has mapped everything in pages of 2 MB. Here the first 2 MB,
//! where the kernel lies, get pages of 4 kB, so that its segments are kept
//! apart; the bundle becomes read-only; page 0 and the page below the stack are
//! taken away; devices lose their caching.

use core::ops::Range;

/// The bits of an entry (Intel SDM volume 3, §4.5).
pub mod bit {
    /// It maps something.
    pub const PRESENT: u64 = 1;
    /// Writes are allowed.
    pub const WRITE: u64 = 1 << 1;
    /// Not cached: write-through and cache-disable.
    pub const DEVICE: u64 = 1 << 3 | 1 << 4;
    /// A page of 2 MB, not a table.
    pub const LARGE: u64 = 1 << 7;
    /// Not executable.
    pub const NO_EXECUTE: u64 = 1 << 63;
}

/// A page of 4 kB.
pub const PAGE: u64 = 4096;

/// A page of 2 MB.
pub const LARGE_PAGE: u64 = 2 << 20;

/// Where everything lies, physical addresses, whole pages; the bundle alone may
/// end in the middle of one, the rest of which is nobody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regions {
    /// Code, executable.
    pub text: Range<u64>,
    /// Constants.
    pub rodata: Range<u64>,
    /// The page that nothing may touch.
    pub guard: u64,
    /// The bundle.
    pub bundle: Range<u64>,
    /// Where memory ends; above are devices.
    pub memory_end: u64,
}

/// What a large page needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Large {
    /// An entry that maps all of it.
    Entry(u64),
    /// A table, since its parts differ.
    Table,
}

impl Regions {
    /// The entry for the page of 4 kB at `address`.
    pub fn page(&self, address: u64) -> u64 {
        use bit::{NO_EXECUTE, PRESENT, WRITE};
        let bundle = self.bundle.start..self.bundle.end.next_multiple_of(PAGE);
        if address == 0 || address == self.guard {
            0
        } else if self.text.contains(&address) {
            address | PRESENT
        } else if self.rodata.contains(&address) || bundle.contains(&address) {
            address | PRESENT | NO_EXECUTE
        } else {
            address | PRESENT | WRITE | NO_EXECUTE
        }
    }

    /// The entry for the 2 MB at `address`.
    pub fn large(&self, address: u64) -> Large {
        use bit::{DEVICE, LARGE, NO_EXECUTE, PRESENT, WRITE};
        let end = address + LARGE_PAGE;
        let mapped = address | PRESENT | LARGE | NO_EXECUTE;
        let bundle = self.bundle.start..self.bundle.end.next_multiple_of(PAGE);
        if address < self.text.end {
            Large::Table
        } else if address >= bundle.start && end <= bundle.end {
            Large::Entry(mapped)
        } else if address < bundle.end && bundle.start < end {
            Large::Table
        } else if address >= self.memory_end {
            Large::Entry(mapped | WRITE | DEVICE)
        } else {
            Large::Entry(mapped | WRITE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bit::*;
    use super::*;

    fn regions(bundle_bytes: u64) -> Regions {
        Regions {
            text: 0x10_0000..0x10_8000,
            rodata: 0x10_8000..0x10_a000,
            guard: 0x10_b000,
            bundle: 0x12_0000..0x12_0000 + bundle_bytes,
            memory_end: 64 << 20,
        }
    }

    #[test]
    fn nothing_is_both_writable_and_executable() {
        for bundle_bytes in [1, 5_000, 0xe_0000, 40 << 20] {
            let regions = regions(bundle_bytes);
            for page in 0..1024 {
                let entry = regions.page(page * PAGE);
                assert!(entry & WRITE == 0 || entry & NO_EXECUTE != 0);
                let executable = entry & PRESENT != 0 && entry & NO_EXECUTE == 0;
                assert_eq!(executable, regions.text.contains(&(page * PAGE)));
            }
            for page in 0..2048 {
                if let Large::Entry(entry) = regions.large(page * LARGE_PAGE) {
                    assert_eq!(entry & NO_EXECUTE, NO_EXECUTE);
                }
            }
        }
    }

    #[test]
    fn the_bundle_is_read_only_to_its_last_page() {
        let regions = regions((6 << 20) + 1);
        assert_eq!(regions.large(0), Large::Table);
        let read_only = |address| Large::Entry(address | PRESENT | LARGE | NO_EXECUTE);
        assert_eq!(regions.large(LARGE_PAGE), read_only(LARGE_PAGE));
        assert_eq!(regions.large(2 * LARGE_PAGE), read_only(2 * LARGE_PAGE));
        assert_eq!(regions.large(3 * LARGE_PAGE), Large::Table);
        let end = regions.bundle.end.next_multiple_of(PAGE);
        assert_eq!(regions.page(end - PAGE) & WRITE, 0);
        assert_eq!(regions.page(end) & WRITE, WRITE);
    }

    #[test]
    fn what_nobody_may_touch_is_not_there() {
        let regions = regions(1);
        assert_eq!(regions.page(0), 0);
        assert_eq!(regions.page(regions.guard), 0);
    }

    #[test]
    fn devices_are_not_cached() {
        let regions = regions(1);
        let Large::Entry(apic) = regions.large(0xfee0_0000) else {
            panic!("the local APIC is in a page of its own");
        };
        assert_eq!(apic & DEVICE, DEVICE);
        let Large::Entry(memory) = regions.large(LARGE_PAGE) else {
            panic!("memory");
        };
        assert_eq!(memory & DEVICE, 0);
    }
}
