//! The console: the hypervisor's own (port 0xE9) until the paravirtual one is
//! up, then that; errors go to both, since whoever looks may look at either.

use core::{cell::Cell, fmt};

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

/// The console as a place for text.
#[derive(Debug, Clone, Copy)]
pub struct Serial;

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match RING.0.get() {
            // Terminals want both; the ring goes to one.
            Some(ring) => {
                for line in text.split_inclusive('\n') {
                    match line.strip_suffix('\n') {
                        Some(line) => {
                            ring.write(&MACHINE, line.as_bytes());
                            ring.write(&MACHINE, b"\r\n");
                        }
                        None => ring.write(&MACHINE, line.as_bytes()),
                    }
                }
            }
            None => say_to_hypervisor(text),
        }
        Ok(())
    }
}

fn say_to_hypervisor(text: &str) {
    for byte in text.bytes() {
        // SAFETY: Xen takes the byte; elsewhere nobody does.
        unsafe { out8(HYPERVISOR, byte) };
    }
}

/// Text for the hypervisor's console, whatever else is up.
#[derive(Debug, Clone, Copy)]
pub struct Hypervisor;

impl fmt::Write for Hypervisor {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        say_to_hypervisor(text);
        Ok(())
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
