//! Drivers: one device, one file.
//!
//! Nothing in here names an address, an instruction or an interrupt of a
//! machine: a driver is made of what [`Platform`] gives it, memory that a device
//! may reach ([`Dma`]) and registers ([`Registers`]), and so is tested on any
//! host against devices that are played.
//!
//! # The layers, from the device up
//!
//! - [`dma`]: memory shared with a device. **Rule: what a device can change
//!   while we look is read through atomics, each value once, and is believed
//!   only after a check.** The reading side of all drivers is safe code; the
//!   few unsafe lines are here.
//! - [`registers`]: a device's registers.
//! - `virtqueue`: descriptors out, completions in. **Rule: what is needed to
//!   judge a completion is kept in memory that the device was never told of.**
//! - `virtio`: the transport's trait and the handshake; `virtio_mmio` and
//!   `virtio_pci` (over `pci`) are the two transports.
//! - `virtio_net`, `virtio_rng`: the devices.
//!
//! # Broken devices
//!
//! A device that breaks its protocol (a completion for what it was never given,
//! a length past the buffer, an index that jumps) is not argued with: the driver
//! notes the first fault, tells the device that it has failed, and goes quiet.
//! No frame comes in or goes out any more. The kernel sees the fault and ends
//! the machine, loudly, so that whoever runs it can start another.
//!
//! What is not defended against: a device that rewrites a frame while it is
//! being read. Rust's slices say it cannot happen; a device without an IOMMU
//! in its way could rewrite any other page just as well. Bounds hold in any
//! case, since no length is read from a frame's memory twice by the driver.

use applgen_bundle::show::Show;

pub mod dma;
#[cfg(feature = "virtio")]
pub mod pci;
pub mod registers;
#[cfg(feature = "virtio")]
pub mod virtio;
#[cfg(feature = "virtio")]
pub mod virtio_mmio;
#[cfg(feature = "virtio")]
pub mod virtio_net;
#[cfg(feature = "virtio")]
pub mod virtio_pci;
#[cfg(feature = "virtio")]
pub mod virtio_rng;
#[cfg(feature = "virtio")]
pub mod virtqueue;

#[cfg(all(test, feature = "virtio"))]
mod fake;

pub use dma::Dma;
pub use registers::Registers;

/// What a driver needs of the machine while it starts. Afterwards it needs
/// nothing more: drivers allocate only here.
pub trait Platform {
    /// How registers are reached.
    type Registers: Registers;

    /// Memory for a device: physically contiguous, never taken back, its start a
    /// multiple of `align` bytes (a power of two). What is in it is no matter:
    /// drivers clear what has to be clear. Nothing if there is not that much.
    fn allocate(&mut self, bytes: usize, align: usize) -> Option<Dma>;

    /// The registers at a physical address, mapped if they were not.
    fn map(&mut self, address: u64, bytes: usize) -> Option<Self::Registers>;
}

/// Why a driver could not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartError {
    /// What answers there is no such device.
    NotThere,
    /// The device never came out of its reset.
    NoReset,
    /// It lacks a feature that the driver cannot do without.
    Feature(&'static str),
    /// It did not take the features that it had offered.
    Refused,
    /// A queue is missing, already in use, or too short.
    Queue,
    /// Its capabilities or base addresses make no sense.
    Layout(&'static str),
    /// There is no memory left for its queues and buffers.
    Memory,
}

impl Show for StartError {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        let why = match self {
            Self::NotThere => "no such device answers at its address",
            Self::NoReset => "the device does not come out of its reset",
            Self::Feature(name) => {
                out("the device does not offer `");
                out(name);
                "`"
            }
            Self::Refused => "the device refuses the features that it offered",
            Self::Queue => "a queue of the device is missing or too short",
            Self::Layout(what) => {
                out("the device describes itself badly: ");
                what
            }
            Self::Memory => "there is no memory left for the device's queues",
        };
        out(why);
    }
}

/// How a device broke its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It completed more than it had been given.
    Jumped,
    /// It completed a descriptor that it does not hold.
    NotGiven,
    /// It wrote more than the buffer holds, or less than a header.
    Length,
    /// It says itself that it is broken (`DEVICE_NEEDS_RESET`).
    NeedsReset,
}

impl Show for Fault {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        out(match self {
            Self::Jumped => "the device completed more than it was given",
            Self::NotGiven => "the device completed a descriptor that it was not given",
            Self::Length => "the device wrote past a buffer, or no header",
            Self::NeedsReset => "the device says that it is broken",
        });
    }
}
