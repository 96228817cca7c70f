//! Memory that a driver and a played device share.

use std::cell::RefCell;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64};
use std::vec::Vec;

use crate::drivers::Dma;

/// Bytes before and after each piece that nobody may touch.
const GUARD: usize = 4096;
const GUARD_BYTE: u8 = 0xa5;

/// A piece that was allocated.
struct Region {
    whole: *mut u8,
    whole_bytes: usize,
    bytes: usize,
}

/// Memory at a multiple of 4096 that lies below 2⁴⁴, where legacy devices can
/// be told of it: they take the number of a page, in 32 bits.
#[cfg(not(miri))]
mod pages {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
    use std::ptr;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    pub fn allocate(bytes: usize) -> *mut u8 {
        static NEXT: AtomicUsize = AtomicUsize::new(1 << 33);
        let place = NEXT.fetch_add(bytes.next_multiple_of(1 << 16), Relaxed) % (1 << 43);
        let hint = ptr::without_provenance_mut(place.max(1 << 33));
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, where there is room; it replaces none.
        let start = unsafe { mmap_anonymous(hint, bytes, access, MapFlags::PRIVATE) };
        let start = start.expect("memory");
        assert!(start.addr() < 1 << 44, "no room at a low address");
        start.cast()
    }

    /// # Safety
    ///
    /// What `allocate` gave, and nobody uses any more.
    pub unsafe fn free(start: *mut u8, bytes: usize) {
        // SAFETY: as the caller says.
        unsafe { munmap(start.cast(), bytes) }.expect("it was mapped");
    }
}

/// The same under Miri, whose addresses are low.
#[cfg(miri)]
mod pages {
    use std::alloc::{Layout, alloc_zeroed, dealloc};

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(bytes, 4096).unwrap()
    }

    pub fn allocate(bytes: usize) -> *mut u8 {
        // SAFETY: it is not empty.
        let start = unsafe { alloc_zeroed(layout(bytes)) };
        assert!(!start.is_null() && start.addr() < 1 << 44);
        start
    }

    /// # Safety
    ///
    /// What `allocate` gave, and nobody uses any more.
    pub unsafe fn free(start: *mut u8, bytes: usize) {
        // SAFETY: as the caller says.
        unsafe { dealloc(start, layout(bytes)) }
    }
}

/// All pieces that were allocated from it. They go with its last copy, which
/// therefore is to be dropped after the drivers.
#[derive(Clone, Default)]
pub struct Memory(Rc<Regions>);

#[derive(Default)]
struct Regions(RefCell<Vec<Region>>);

impl Memory {
    /// A piece with old bytes in it.
    pub fn allocate(&self, bytes: usize, align: usize) -> Dma {
        assert!(align <= GUARD);
        let whole_bytes = bytes + 2 * GUARD;
        let whole = pages::allocate(whole_bytes);
        // SAFETY: the guards and the piece lie one behind the other in what was
        // just allocated.
        let start = unsafe {
            ptr::write_bytes(whole, GUARD_BYTE, whole_bytes);
            whole.add(GUARD)
        };
        let _ = start.expose_provenance();
        self.0.0.borrow_mut().push(Region {
            whole,
            whole_bytes,
            bytes,
        });
        // SAFETY: initialised and ours alone. It is not kept for ever, but for
        // longer than the drivers that the tests make (see `Memory`).
        unsafe { Dma::new(NonNull::new(start).unwrap(), bytes) }
    }

    /// The place of bytes that are wholly inside one piece.
    fn place(&self, address: u64, bytes: usize) -> Option<*mut u8> {
        let address = usize::try_from(address).ok()?;
        let regions = self.0.0.borrow();
        regions.iter().find_map(|region| {
            let start = region.whole.wrapping_add(GUARD);
            let offset = address.checked_sub(start.addr())?;
            (offset.checked_add(bytes)? <= region.bytes).then(|| start.wrapping_add(offset))
        })
    }

    /// Whether a device may reach these bytes.
    pub fn holds(&self, address: u64, bytes: usize) -> bool {
        self.place(address, bytes).is_some()
    }

    /// What a device writes, to memory that was allocated for devices.
    pub fn write(&self, address: u64, bytes: &[u8]) {
        let place = self.place(address, bytes.len()).expect("a device's memory");
        // SAFETY: inside a piece; tests are of one thread, and no slice of a
        // driver's lives while the device is at work.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) }
    }

    /// What a device reads: from memory for devices, or from a bundle that lies
    /// elsewhere.
    pub fn read(&self, address: u64, bytes: usize) -> Vec<u8> {
        let place = match self.place(address, bytes) {
            Some(place) => place.cast_const(),
            None => ptr::with_exposed_provenance(usize::try_from(address).unwrap()),
        };
        let mut copy = std::vec![0; bytes];
        // SAFETY: inside a piece, or of a slice that a test lent to a driver for
        // as long as it lives; the driver's tests send no others.
        unsafe { ptr::copy_nonoverlapping(place, copy.as_mut_ptr(), bytes) };
        copy
    }

    /// A cell of a ring.
    pub fn u16(&self, address: u64) -> &AtomicU16 {
        let place = self.place(address, 2).expect("a ring");
        // SAFETY: inside a piece that lives as long as `self`; the driver looks
        // at it through atomics only. Rings are aligned.
        unsafe { AtomicU16::from_ptr(place.cast()) }
    }

    /// A cell of a ring.
    pub fn u32(&self, address: u64) -> &AtomicU32 {
        let place = self.place(address, 4).expect("a ring");
        // SAFETY: as in `u16`.
        unsafe { AtomicU32::from_ptr(place.cast()) }
    }

    /// A cell of a descriptor.
    pub fn u64(&self, address: u64) -> &AtomicU64 {
        let place = self.place(address, 8).expect("a table");
        // SAFETY: as in `u16`.
        unsafe { AtomicU64::from_ptr(place.cast()) }
    }

    /// Fails if somebody wrote before or after a piece.
    pub fn check_guards(&self) {
        // Miri sees every such access itself, and would take a second for these.
        if cfg!(miri) {
            return;
        }
        for region in self.0.0.borrow().iter() {
            for offset in [0, GUARD + region.bytes] {
                // SAFETY: a guard lies there, in what was allocated.
                let guard = unsafe { std::slice::from_raw_parts(region.whole.add(offset), GUARD) };
                assert!(guard.iter().all(|&byte| byte == GUARD_BYTE), "overrun");
            }
        }
    }
}

impl Drop for Regions {
    fn drop(&mut self) {
        for region in self.0.borrow().iter() {
            // SAFETY: allocated with this length, and freed once.
            unsafe { pages::free(region.whole, region.whole_bytes) }
        }
    }
}
