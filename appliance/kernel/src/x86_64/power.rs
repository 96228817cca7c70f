//! Stopping: the machine's own door, and a word about why.

use super::cpu::{halt, out8, out16, out32};
use crate::acpi::{Memory, PowerOff, Register};
use crate::exit::Exit;
use core::cell::Cell;
use core::ptr;

/// QEMU's `isa-debug-exit`, where our command lines put it.
const DEBUG_EXIT: u16 = 0xf4;

struct Door(Cell<Option<PowerOff>>);

// SAFETY: one processor, and no interrupt uses it.
unsafe impl Sync for Door {}

static DOOR: Door = Door(Cell::new(None));

/// Remembers how this machine is powered off.
pub fn set(door: Option<PowerOff>) {
    DOOR.0.set(door);
}

/// Ends the machine and says why, where something listens for that.
pub fn fail(why: Exit) -> ! {
    // SAFETY: where no such device is, nothing is; where one is, all ends.
    unsafe { out32(DEBUG_EXIT, why as u32) };
    off()
}

/// Powers the machine off.
pub fn off() -> ! {
    // SAFETY: the machine ends, which nobody survives to complain of.
    unsafe {
        match DOOR.0.get() {
            Some(PowerOff::Sleep(Register::Memory(address), value)) => {
                ptr::with_exposed_provenance_mut::<u8>(address as usize).write_volatile(value);
            }
            Some(PowerOff::Sleep(Register::Port(port), value)) => out8(port, value),
            Some(PowerOff::Control(port, value)) => out16(port, value),
            None => {}
        }
        // Machines without ACPI, such as Firecracker's, take the keyboard
        // controller's reset for the end.
        out8(0x64, 0xfe);
    }
    halt()
}

/// Physical memory, as ACPI's tables want it read.
#[derive(Debug, Clone, Copy)]
pub struct Physical;

impl Memory<'static> for Physical {
    fn read(&self, address: u64, bytes: usize) -> Option<&'static [u8]> {
        // Nothing is mapped from 4 GiB on. Loaders use page 0, too.
        let end = address.checked_add(bytes as u64)?;
        if address == 0 || end > 1 << 32 {
            return None;
        }
        let start = ptr::with_exposed_provenance::<u8>(address as usize);
        // SAFETY: mapped (page 0 only until the protection is in force, which
        // is made after), and what firmware and loaders left is not written
        // while it is read: the heap, which would be, is made after, too.
        Some(unsafe { core::slice::from_raw_parts(start, bytes) })
    }
}
