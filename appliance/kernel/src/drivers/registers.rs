//! A device's registers.

use core::ptr::NonNull;

/// Registers of a device, by their offset in bytes. Wider than a byte they are
/// little-endian, and are reached by one access of just their width.
///
/// An offset that is not inside reads as all ones, as on a bus where nothing
/// answers, and a write there is lost.
pub trait Registers {
    /// Reads a byte.
    fn read8(&mut self, offset: usize) -> u8;
    /// Reads two bytes.
    fn read16(&mut self, offset: usize) -> u16;
    /// Reads four bytes.
    fn read32(&mut self, offset: usize) -> u32;
    /// Writes a byte.
    fn write8(&mut self, offset: usize, value: u8);
    /// Writes two bytes.
    fn write16(&mut self, offset: usize, value: u16);
    /// Writes four bytes.
    fn write32(&mut self, offset: usize, value: u32);

    /// Writes eight bytes as two halves, the lower first, as virtio's registers
    /// of that width want it (virtio 1.2 §4.1.3.1).
    fn write64(&mut self, offset: usize, value: u64) {
        self.write32(offset, value as u32);
        self.write32(offset + 4, (value >> 32) as u32);
    }
}

/// Registers that are mapped into memory.
#[derive(Debug)]
pub struct Mmio {
    start: NonNull<u8>,
    bytes: usize,
}

impl Mmio {
    /// Takes a window of registers.
    ///
    /// # Safety
    ///
    /// `bytes` bytes from `start` are mapped, uncached or emulated, for the rest
    /// of the program, and are a device's registers: an access changes no memory
    /// of the program's own.
    #[must_use]
    pub unsafe fn new(start: NonNull<u8>, bytes: usize) -> Self {
        Self { start, bytes }
    }

    /// The place of a register, if it is inside and aligned.
    fn place<T>(&self, offset: usize) -> Option<*mut T> {
        let end = offset.checked_add(size_of::<T>())?;
        let place = self.start.as_ptr().wrapping_add(offset);
        (end <= self.bytes && place.addr().is_multiple_of(align_of::<T>()))
            .then(|| place.cast::<T>())
    }

    fn read<T: Copy>(&self, offset: usize, absent: T) -> T {
        match self.place::<T>(offset) {
            // SAFETY: inside the window and aligned (`place`), mapped registers
            // (`Mmio::new`); `T` is one of `u8`, `u16` and `u32`.
            Some(place) => unsafe { place.read_volatile() },
            None => absent,
        }
    }

    fn write<T: Copy>(&mut self, offset: usize, value: T) {
        if let Some(place) = self.place::<T>(offset) {
            // SAFETY: as in `read`.
            unsafe { place.write_volatile(value) }
        }
    }
}

impl Registers for Mmio {
    fn read8(&mut self, offset: usize) -> u8 {
        self.read(offset, u8::MAX)
    }
    fn read16(&mut self, offset: usize) -> u16 {
        u16::from_le(self.read(offset, u16::MAX))
    }
    fn read32(&mut self, offset: usize) -> u32 {
        u32::from_le(self.read(offset, u32::MAX))
    }
    fn write8(&mut self, offset: usize, value: u8) {
        self.write(offset, value);
    }
    fn write16(&mut self, offset: usize, value: u16) {
        self.write(offset, value.to_le());
    }
    fn write32(&mut self, offset: usize, value: u32) {
        self.write(offset, value.to_le());
    }
}
