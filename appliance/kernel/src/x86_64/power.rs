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
        // Page 0 is not mapped, and neither is anything from 4 GiB on.
        let end = address.checked_add(bytes as u64)?;
        if address < 4096 || end > 1 << 32 {
            return None;
        }
        let start = ptr::with_exposed_provenance::<u8>(address as usize);
        // SAFETY: mapped, and firmware's tables are not written while they are
        // read: the heap, which would be, is made after.
        Some(unsafe { core::slice::from_raw_parts(start, bytes) })
    }
}
