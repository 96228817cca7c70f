//! The page tables in memory, changed as [`super::paging`] says.

use super::paging::{LARGE_PAGE, Large, PAGE, Regions, bit};
use alloc::alloc::alloc_zeroed;
use core::{alloc::Layout, arch::asm, cell::UnsafeCell, ptr};

/// The address in an entry.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// Entries of a table.
const ENTRIES: usize = 512;

#[repr(C, align(4096))]
struct Table(UnsafeCell<[u64; ENTRIES]>);

// SAFETY: one processor runs this, and interrupts touch no table.
unsafe impl Sync for Table {}

impl Table {
    const fn new() -> Self {
        Self(UnsafeCell::new([0; ENTRIES]))
    }
}

/// For the 2 MB with the kernel, and the 2 MB in which the bundle ends.
// SAFETY: a section of zeros, for whole pages.
#[unsafe(link_section = ".bss.tables")]
static FINE: [Table; 2] = [Table::new(), Table::new()];

unsafe extern "C" {
    /// From the boot code: entries for each 2 MB of 4 GiB.
    static page_directories: [Table; 4];
    static page_map: Table;
}

/// Puts the protection of `regions` into force.
pub fn protect(regions: &Regions) {
    let mut fine = FINE.iter();
    // SAFETY: the boot code's tables, in memory that is written as data.
    let directories = unsafe { &page_directories };
    let mut address = 0;
    for directory in directories {
        for index in 0..ENTRIES {
            let entry = match regions.large(address) {
                Large::Entry(entry) => entry,
                // The bundle adjoins the kernel, so that no more than two parts
                // are mixed; there is a table for each.
                Large::Table => match fine.next() {
                    Some(table) => fill(table, regions, address),
                    None => 0,
                },
            };
            // SAFETY: nothing else holds a reference into the table, and the
            // processor may see any mixture of the old and the new entries:
            // what runs here is mapped alike in both.
            unsafe { (*directory.0.get())[index] = entry };
            address += LARGE_PAGE;
        }
    }
    flush();
}

/// Fills a table for the 2 MB at `start`; what is returned leads to it.
fn fill(table: &'static Table, regions: &Regions, start: u64) -> u64 {
    for index in 0..ENTRIES {
        let entry = regions.page(start + index as u64 * PAGE);
        // SAFETY: nothing else holds a reference into the table.
        unsafe { (*table.0.get())[index] = entry };
    }
    table.0.get().expose_provenance() as u64 | bit::PRESENT | bit::WRITE
}

/// Makes the processor forget what it knows of the tables.
fn flush() {
    // SAFETY: the same tables; they map everything that is in use.
    unsafe {
        asm!("mov cr3, {}", in(reg) (&raw const page_map).addr(), options(nostack, preserves_flags));
    }
}

/// Maps a device's registers to themselves, unless they are already; whether
/// that could be done. Everything below 4 GiB is mapped.
pub fn map_device(address: u64, bytes: u64) -> bool {
    const MAPPED: u64 = 1 << 32;
    /// What four levels of tables can map, of the half that is ours.
    const MOST: u64 = 1 << 47;
    let Some(end) = address.checked_add(bytes) else {
        return false;
    };
    if end <= MAPPED {
        return true;
    }
    if end > MOST {
        return false;
    }
    let mut page = address & !(LARGE_PAGE - 1);
    while page < end {
        if page >= MAPPED && !map_large(page) {
            return false;
        }
        page += LARGE_PAGE;
    }
    flush();
    true
}

/// Maps 2 MB of a device.
fn map_large(address: u64) -> bool {
    // SAFETY: the boot code's table; nothing else holds a reference into it.
    let mut table = unsafe { page_map.0.get() };
    for shift in [39, 30] {
        // SAFETY: as above, or a table that was made here.
        let entry = unsafe { &mut (*table)[(address >> shift) as usize % ENTRIES] };
        if *entry & bit::PRESENT == 0 {
            // SAFETY: the layout is not empty.
            let made = unsafe { alloc_zeroed(Layout::new::<Table>()) };
            if made.is_null() {
                return false;
            }
            *entry = made.expose_provenance() as u64 | bit::PRESENT | bit::WRITE;
        }
        table = ptr::with_exposed_provenance_mut((*entry & ADDRESS) as usize);
    }
    // SAFETY: as above.
    unsafe {
        (*table)[(address >> 21) as usize % ENTRIES] =
            address | bit::PRESENT | bit::WRITE | bit::DEVICE | bit::LARGE | bit::NO_EXECUTE;
    }
    true
}
