//! The appliance on bare metal: boot, memory, time, console, drivers.
//!
//! From the bottom up, each layer with the rule that it keeps:
//!
//! - [`x86_64`]: the machine. The boot code makes page tables, a stack and long
//!   mode; tables for exceptions and interrupts; the clock, the console, the way
//!   out. **Rule: nothing is both writable and executable**, and what overruns
//!   the stack faults. Interrupts do nothing but wake; they are off otherwise.
//! - [`start_info`], [`memory`], [`acpi`], [`rtc`], [`scale`]: what a machine
//!   tells about itself. **Rule: parsed before it is believed**;
//!   none of these touches the machine, so all are tested on any host.
//! - [`heap`]: memory for the server. **Rule: given out at the start, never
//!   freed**, so that a guest that has started does not run out.
//! - [`drivers`]: one device, one file, behind [`applgen_net::nic::Nic`].
//!   **Rule: a device is hostile.**
//! - `xen`: the same for a guest of Xen, whose devices are pages shared with other
//!   domains. **Rule: so is a backend.**
//! - `start`: what a guest does from its first line of Rust to its last, and the
//!   one place that knows all of the above.
//!
//! Feature `machine` compiles what touches the machine, for the binary alone.
#![no_std]

#[cfg(feature = "machine")]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(all(feature = "machine", feature = "virtio", feature = "xen"))]
compile_error!("a kernel has the devices of one kind of machine: `virtio` or `xen`, not both");
#[cfg(all(feature = "machine", not(any(feature = "virtio", feature = "xen"))))]
compile_error!("a kernel without a network device serves nobody: `virtio` or `xen`");

pub mod acpi;
pub mod drivers;
pub mod exit;
pub mod heap;
pub mod memory;
#[cfg(all(feature = "machine", feature = "virtio"))]
mod pc;
pub mod rtc;
pub mod scale;
#[cfg(all(feature = "machine", feature = "virtio"))]
mod serve;
#[cfg(feature = "machine")]
mod start;
pub mod start_info;
#[cfg(feature = "machine")]
mod trial;
pub mod x86_64;
#[cfg(any(feature = "xen", test))]
pub mod xen;
