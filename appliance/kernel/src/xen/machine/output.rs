//! The console: the hypervisor's own (port 0xE9) until the paravirtual one is
//! up, then that; errors go to both, since whoever looks may look at either.

use core::cell::Cell;

use super::{MACHINE, hypercall};
use crate::{
    exit::Exit,
    x86_64::cpu::{halt, out8, out32},
    xen::{Console, abi::sched},
};

/// Where Xen takes bytes for its own console.
const HYPERVISOR: u16 = 0xe9;

/// QEMU's `isa-debug-exit`: an image for Xen may be started by mistake there.
const DEBUG_EXIT: u16 = 0xf4;

pub(super) struct Ring(pub Cell<Option<Console>>);

// SAFETY: one processor, and no interrupt uses it.
unsafe impl Sync for Ring {}

pub(super) static RING: Ring = Ring(Cell::new(None));

/// Nothing is to be done before the first line.
pub fn init() {}

/// Writes text to the console.
pub fn write(text: &str) {
    let Some(ring) = RING.0.get() else {
        return write_to_hypervisor(text);
    };
    let mut rest = text.as_bytes();
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        let (line, behind) = rest.split_at(end);
        ring.write(&MACHINE, line);
        // Terminals want both; the ring goes to one.
        ring.write(&MACHINE, b"\r\n");
        rest = behind.get(1..).unwrap_or_default();
    }
    ring.write(&MACHINE, rest);
}

/// Writes text to the hypervisor's console, whatever else is up.
pub fn write_to_hypervisor(text: &str) {
    for byte in text.bytes() {
        // SAFETY: Xen takes the byte; elsewhere nobody does.
        unsafe { out8(HYPERVISOR, byte) };
    }
}

/// Ends the domain as crashed, so that `on_crash` says what comes of it.
pub fn fail(why: Exit) -> ! {
    end(sched::CRASH, why as u32)
}

/// Powers the domain off.
pub fn off() -> ! {
    end(sched::POWEROFF, 0)
}

/// Asks the tool stack to start the domain again.
pub fn reboot() -> ! {
    end(sched::REBOOT, 0)
}

fn end(reason: u32, code: u32) -> ! {
    if hypercall::find().is_some() {
        hypercall::shutdown(reason);
    } else {
        // SAFETY: where no such device is, nothing is; where one is, all ends.
        unsafe { out32(DEBUG_EXIT, code) };
    }
    halt()
}
