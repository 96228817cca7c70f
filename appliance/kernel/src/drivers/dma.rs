//! Memory that is shared with a device.
//!
//! Rings are looked at as slices of atomics: a device may write at any moment,
//! and to an atomic that is a race like any other, not undefined behaviour.
//! Relaxed accesses are ordinary instructions on every machine that we run on;
//! the order that the protocol asks for is said by the ring's own code, with
//! acquire, release and fences.
//!
//! Buffers are looked at as plain bytes, while the driver holds them and the
//! device has been told to leave them alone.

use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::{AtomicU16, AtomicU32, AtomicU64};

/// The address by which a device reaches a place in our memory.
///
/// Guests map their memory one to one, so that it is the pointer itself. It is
/// the only such translation: an IOMMU or another mapping would go here.
#[must_use]
pub fn device_address(start: *const u8) -> u64 {
    start.expose_provenance() as u64
}

/// A piece of memory that a device may reach, for as long as the machine runs.
#[derive(Debug)]
pub struct Dma {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a piece is owned like a `Box` of bytes: nothing else of the program
// refers to its memory, and nothing in it belongs to a thread.
unsafe impl Send for Dma {}

/// An atomic integer of the kind that rings are made of.
pub trait Cell: sealed::Sealed + Sync + 'static {}

mod sealed {
    //! Keeps [`super::Cell`] to types that may be laid over any bytes.

    /// Every bit pattern is a value, and all access is atomic.
    pub trait Sealed {}
}

impl sealed::Sealed for AtomicU16 {}
impl sealed::Sealed for AtomicU32 {}
impl sealed::Sealed for AtomicU64 {}
impl Cell for AtomicU16 {}
impl Cell for AtomicU32 {}
impl Cell for AtomicU64 {}

impl Dma {
    /// Takes a piece of memory.
    ///
    /// # Safety
    ///
    /// `bytes` bytes from `start` are initialised, mapped readable and writable,
    /// physically contiguous at [`device_address`]`(start)`, referred to by
    /// nothing else, and stay so for the rest of the program.
    #[must_use]
    pub unsafe fn new(start: NonNull<u8>, bytes: usize) -> Self {
        Self { start, bytes }
    }

    /// How long it is, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where a device finds the byte at an offset. An offset that is not inside
    /// leads to the start.
    #[must_use]
    pub fn address(&self, offset: usize) -> u64 {
        let offset = if offset < self.bytes { offset } else { 0 };
        device_address(self.start.as_ptr().wrapping_add(offset))
    }

    /// Where the processor finds its first byte, for memory whose layout an
    /// interface other than this module knows.
    #[must_use]
    pub fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Splits it in two, the first `bytes` long. Nothing if it is shorter.
    #[must_use]
    pub fn split(self, bytes: usize) -> Option<(Self, Self)> {
        let rest = self.bytes.checked_sub(bytes)?;
        // SAFETY: `bytes` is at most the length of the piece, so the pointer
        // stays inside it or one past its end.
        let middle = unsafe { self.start.add(bytes) };
        Some((
            Self { bytes, ..self },
            Self {
                start: middle,
                bytes: rest,
            },
        ))
    }

    /// Makes cells of all of it, for good: the memory never goes away. Bytes at
    /// the end that make no whole cell are left out. Nothing if it is not
    /// aligned for them.
    #[must_use]
    pub fn cells<T: Cell>(self) -> Option<&'static [T]> {
        let start = self.start.as_ptr();
        if !start.addr().is_multiple_of(align_of::<T>()) {
            return None;
        }
        let count = self.bytes / size_of::<T>();
        // SAFETY: the cells are inside the piece (rounded down), aligned
        // (checked), initialised and valid for ever, and the piece, which owns
        // them, is spent (`Dma::new`). `T` is an atomic integer (`Cell` is
        // sealed), so that whatever bytes the device writes are a value, and its
        // writing while this reference lives is allowed.
        Some(unsafe { slice::from_raw_parts(start.cast::<T>(), count) })
    }

    /// `length` bytes from an offset on, to read and write while the device has
    /// been told to leave them alone. Nothing if they are not inside.
    #[must_use]
    pub fn buffer(&mut self, offset: usize, length: usize) -> Option<&mut [u8]> {
        if length.checked_add(offset)? > self.bytes {
            return None;
        }
        let start = self.start.as_ptr().wrapping_add(offset);
        // SAFETY: the bytes are inside the piece (checked), initialised and
        // valid (`Dma::new`), and the piece, which owns them, is borrowed for
        // as long as the slice lives. The device does not hold the buffer now; if it writes there all the same,
        // it does what no program can keep a device from doing (see the module
        // documentation of `drivers`), and any byte is a valid `u8`.
        Some(unsafe { slice::from_raw_parts_mut(start, length) })
    }
}
