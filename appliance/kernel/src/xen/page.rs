//! A page that somebody else may write at any moment.
//!
//! No reference into it is ever given out: every access copies, at an offset
//! that is brought into the page first. What was read once is not read again.

use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicU16, AtomicU64},
};

/// Bytes of a page.
pub const PAGE_BYTES: usize = 4096;

/// Memory shared with another domain or with the hypervisor.
#[repr(C, align(4096))]
pub struct Page(UnsafeCell<[u8; PAGE_BYTES]>);

// SAFETY: the bytes are only read and written through raw pointers, by volatile
// or atomic accesses and by copies from and to memory that is not shared; torn
// values are expected, and every reader checks what it got.
unsafe impl Sync for Page {}

/// `at`, brought into a page and down to a multiple of `bytes`.
const fn inside(at: usize, bytes: usize) -> usize {
    at % PAGE_BYTES / bytes * bytes
}

macro_rules! access {
    ($load:ident, $store:ident, $type:ty, $what:literal) => {
        #[doc = concat!("Reads ", $what, " at a multiple of its size in the page.")]
        pub fn $load(&self, at: usize) -> $type {
            let at = inside(at, size_of::<$type>());
            // SAFETY: aligned and inside the page; any bytes are a number.
            unsafe { self.bytes().add(at).cast::<$type>().read_volatile() }
        }

        #[doc = concat!("Writes ", $what, " at a multiple of its size in the page.")]
        pub fn $store(&self, at: usize, value: $type) {
            let at = inside(at, size_of::<$type>());
            // SAFETY: aligned and inside the page.
            unsafe { self.bytes().add(at).cast::<$type>().write_volatile(value) }
        }
    };
}

impl Page {
    /// A page of zeros.
    pub const fn new() -> Self {
        Self(UnsafeCell::new([0; PAGE_BYTES]))
    }

    /// Where it is. Guests here run with memory mapped one to one, so that this
    /// is the physical address too.
    pub fn address(&self) -> usize {
        self.0.get() as usize
    }

    fn bytes(&self) -> *mut u8 {
        self.0.get().cast()
    }

    access!(load8, store8, u8, "a byte");
    access!(load16, store16, u16, "16 bits");
    access!(load32, store32, u32, "32 bits");
    access!(load64, store64, u64, "64 bits");

    /// 16 bits that the other side changes too.
    pub fn atomic16(&self, at: usize) -> &AtomicU16 {
        let at = inside(at, 2);
        // SAFETY: aligned, inside the page, and alive as long as it.
        unsafe { AtomicU16::from_ptr(self.bytes().add(at).cast()) }
    }

    /// 64 bits that the other side changes too.
    pub fn atomic64(&self, at: usize) -> &AtomicU64 {
        let at = inside(at, 8);
        // SAFETY: aligned, inside the page, and alive as long as it.
        unsafe { AtomicU64::from_ptr(self.bytes().add(at).cast()) }
    }

    /// Copies bytes out, from `at` on; how many there were up to the page's end.
    pub fn read(&self, at: usize, into: &mut [u8]) -> usize {
        let at = at.min(PAGE_BYTES);
        let length = into.len().min(PAGE_BYTES - at);
        // SAFETY: `at + length` is inside the page, and `into` is not in it: no
        // reference into a page exists.
        unsafe {
            core::ptr::copy_nonoverlapping(self.bytes().add(at), into.as_mut_ptr(), length);
        }
        length
    }

    /// Copies bytes in, from `at` on; how many fitted up to the page's end.
    pub fn write(&self, at: usize, from: &[u8]) -> usize {
        let at = at.min(PAGE_BYTES);
        let length = from.len().min(PAGE_BYTES - at);
        // SAFETY: as for `read`.
        unsafe {
            core::ptr::copy_nonoverlapping(from.as_ptr(), self.bytes().add(at), length);
        }
        length
    }

    /// Zeroes it.
    pub fn clear(&self) {
        // SAFETY: the whole page and no more.
        unsafe { self.bytes().write_bytes(0, PAGE_BYTES) }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for Page {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Page")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accesses_stay_inside() {
        let page = Page::new();
        page.store32(4092, 7);
        page.store64(usize::MAX, 9);
        assert_eq!(page.load64(4088), 9);
        assert_eq!(page.load32(4094), page.load32(4092));
        assert_eq!(page.write(4090, &[1; 10]), 6);
        assert_eq!(page.write(5000, &[1; 10]), 0);
        let mut out = [0; 10];
        assert_eq!(page.read(4091, &mut out), 5);
        assert_eq!(out, [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(page.read(usize::MAX, &mut out), 0);
    }
}
