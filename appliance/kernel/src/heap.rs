//! The heap: memory is given out from the bottom up and never taken back.
//!
//! The server takes all that it will ever need when it starts; nothing is
//! allocated after that, so nothing has to be freed.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use core::ops::Range;
use core::ptr;

/// Memory from one address to another, part of it given out.
#[derive(Debug)]
pub struct Heap {
    next: Cell<usize>,
    end: Cell<usize>,
}

// SAFETY: kernels run on one processor, and no interrupt allocates.
unsafe impl Sync for Heap {}

impl Heap {
    /// One without any memory.
    pub const fn empty() -> Self {
        Self {
            next: Cell::new(0),
            end: Cell::new(0),
        }
    }

    /// Gives it memory, in place of what it had.
    ///
    /// # Safety
    ///
    /// The memory has to be writable, and nobody else's from now on.
    pub unsafe fn init(&self, memory: Range<usize>) {
        self.next.set(memory.start);
        self.end.set(memory.end);
    }

    /// Bytes that are left.
    pub fn left(&self) -> usize {
        self.end.get().saturating_sub(self.next.get())
    }
}

// SAFETY: every range is given out once, inside of the memory of `init`.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.next.get().checked_next_multiple_of(layout.align());
        let Some((start, end)) = start.and_then(|s| Some((s, s.checked_add(layout.size())?)))
        else {
            return ptr::null_mut();
        };
        if end > self.end.get() {
            return ptr::null_mut();
        }
        self.next.set(end);
        ptr::with_exposed_provenance_mut(start)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // The last one can be taken back.
        if memory.addr() + layout.size() == self.next.get() {
            self.next.set(memory.addr());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn ranges_are_aligned_apart_and_inside() {
        let mut memory: Vec<u8> = std::vec![0; 4096];
        let range = memory.as_mut_ptr().expose_provenance();
        let heap = Heap::empty();
        let layout = |size, align| Layout::from_size_align(size, align).unwrap();
        // SAFETY: the layouts are not empty; without memory there is none.
        assert!(unsafe { heap.alloc(layout(1, 1)) }.is_null());
        // SAFETY: the vector's memory, which is not used otherwise.
        unsafe { heap.init(range..range + 4096) };
        let mut end = range;
        for (size, align) in [(1, 1), (8, 8), (3, 1), (64, 64), (1, 2)] {
            // SAFETY: the layout is not empty.
            let start = unsafe { heap.alloc(layout(size, align)) }.addr();
            assert!(start >= end && start.is_multiple_of(align));
            end = start + size;
        }
        let left = heap.left();
        assert_eq!(left, range + 4096 - end);
        // SAFETY: as above.
        unsafe {
            assert!(heap.alloc(layout(left + 1, 1)).is_null());
            assert!(heap.alloc(layout(usize::MAX / 2, 1)).is_null());
            let last = heap.alloc(layout(left, 1));
            assert!(!last.is_null());
            assert!(heap.alloc(layout(1, 1)).is_null());
            heap.dealloc(last, layout(left, 1));
        }
        assert_eq!(heap.left(), left);
    }
}
