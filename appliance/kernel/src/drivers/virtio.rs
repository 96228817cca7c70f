//! What all virtio devices have in common: the transport's trait, the
//! handshake, and names for the bits (virtio 1.2 §2, §3, §6).

use super::virtqueue::{Addresses, Virtqueue};
use super::{Platform, Registers, StartError};
use crate::drivers::virtio_mmio::VirtioMmio;
use crate::drivers::virtio_pci::VirtioPci;

/// Device types (§5).
pub mod device {
    /// A network card.
    pub const NETWORK: u16 = 1;
    /// A source of entropy.
    pub const ENTROPY: u16 = 4;
}

/// Bits of the status (§2.1).
pub mod status {
    /// The driver has seen the device.
    pub const ACKNOWLEDGE: u8 = 1;
    /// The driver knows what to do with it.
    pub const DRIVER: u8 = 2;
    /// The driver is ready.
    pub const DRIVER_OK: u8 = 4;
    /// The features are agreed on.
    pub const FEATURES_OK: u8 = 8;
    /// The device is broken, and says so.
    pub const NEEDS_RESET: u8 = 64;
    /// The driver has given up.
    pub const FAILED: u8 = 128;
}

/// Features of any device (§6).
pub mod feature {
    /// Legacy devices: the header need not be a descriptor of its own.
    pub const ANY_LAYOUT: u64 = 1 << 27;
    /// Notifications and interrupts by index.
    pub const EVENT_INDEX: u64 = 1 << 29;
    /// Virtio 1.0 or later.
    pub const VERSION_1: u64 = 1 << 32;
    /// The device is behind an IOMMU, or wants its addresses as the platform
    /// has them.
    pub const ACCESS_PLATFORM: u64 = 1 << 33;
}

/// How a device is reached.
pub trait Transport {
    /// Whether it speaks the protocol from before virtio 1.0.
    fn legacy(&self) -> bool;
    /// The status bits.
    fn status(&mut self) -> u8;
    /// Sets the status bits; 0 resets.
    fn set_status(&mut self, status: u8);
    /// The features that the device offers.
    fn offered(&mut self) -> u64;
    /// Tells the device which of them are taken.
    fn accept(&mut self, features: u64);
    /// The most descriptors that a queue can have; 0 if there is no such queue.
    fn queue_size(&mut self, queue: u16) -> u16;
    /// Gives a queue to the device.
    ///
    /// # Errors
    ///
    /// [`StartError::Queue`] if the device does not take it.
    fn set_queue(&mut self, queue: u16, addresses: &Addresses) -> Result<(), StartError>;
    /// Tells the device that a queue has something new.
    fn notify(&mut self, queue: u16);
    /// Reads the device's own configuration, all of it from one moment if the
    /// device lets that happen.
    fn configuration(&mut self, offset: usize, out: &mut [u8]);
    /// Takes note of an interrupt, so that the device can send the next one.
    /// Whether it said that the configuration or the status has changed.
    fn acknowledge(&mut self) -> bool;
}

/// Resets a device, says hello, and returns the features that it offers.
///
/// # Errors
///
/// [`StartError::NoReset`] if it stays in some other state.
pub fn greet(transport: &mut impl Transport) -> Result<u64, StartError> {
    transport.set_status(0);
    // Devices that we know are reset at once; §4.1.4.3.2 has us wait. An access
    // takes about a microsecond, so that this ends within a tenth of a second.
    let mut looks = 0_u32;
    while transport.status() != 0 {
        looks += 1;
        if looks == 100_000 {
            return Err(StartError::NoReset);
        }
    }
    transport.set_status(status::ACKNOWLEDGE);
    transport.set_status(status::ACKNOWLEDGE | status::DRIVER);
    Ok(transport.offered())
}

/// Agrees on features: those of `wanted` that are offered, and what the
/// transport asks for. Returns what was agreed on.
///
/// # Errors
///
/// [`StartError::Feature`] if a device on a modern transport is not of virtio 1.0,
/// or one on a legacy transport wants its headers apart (none since 2014 does);
/// [`StartError::Refused`] if the device does not want what it had offered.
pub fn agree(transport: &mut impl Transport, offered: u64, wanted: u64) -> Result<u64, StartError> {
    let needed = if transport.legacy() {
        if offered & feature::ANY_LAYOUT == 0 {
            return Err(StartError::Feature("VIRTIO_F_ANY_LAYOUT"));
        }
        feature::ANY_LAYOUT
    } else {
        if offered & feature::VERSION_1 == 0 {
            return Err(StartError::Feature("VIRTIO_F_VERSION_1"));
        }
        // Our addresses are the platform's in any case.
        feature::VERSION_1 | feature::ACCESS_PLATFORM
    };
    let agreed = offered & (wanted | needed);
    transport.accept(agreed);
    if !transport.legacy() {
        let status = status::ACKNOWLEDGE | status::DRIVER | status::FEATURES_OK;
        transport.set_status(status);
        if transport.status() & status::FEATURES_OK == 0 {
            return Err(StartError::Refused);
        }
    }
    Ok(agreed)
}

/// Makes a queue of at most `most` descriptors and gives it to the device.
///
/// # Errors
///
/// [`StartError::Queue`] and [`StartError::Memory`].
pub fn queue(
    transport: &mut impl Transport,
    platform: &mut impl Platform,
    number: u16,
    most: u16,
    features: u64,
) -> Result<Virtqueue, StartError> {
    let size = transport.queue_size(number).min(most);
    let queue = Virtqueue::new(platform, size, features & feature::EVENT_INDEX != 0)?;
    transport.set_queue(number, queue.addresses())?;
    Ok(queue)
}

/// Says that the driver is ready: from now on the device works.
pub fn ready(transport: &mut impl Transport) {
    let status = transport.status() | status::DRIVER_OK;
    transport.set_status(status);
}

/// Says that the driver has given up.
pub fn give_up(transport: &mut impl Transport) {
    let status = transport.status() | status::FAILED;
    transport.set_status(status);
}

/// Reads a configuration of several bytes so that all are from one moment:
/// again, as long as the device's generation changes under the hand (§2.5.1),
/// but not for ever.
pub(super) fn settled<T: ?Sized>(
    of: &mut T,
    generation: impl Fn(&mut T) -> u32,
    mut read: impl FnMut(&mut T),
) {
    for _ in 0..8 {
        let before = generation(of);
        read(of);
        if generation(of) == before {
            return;
        }
    }
}

/// One of the transports, for a kernel that finds out at boot which.
#[derive(Debug)]
pub enum AnyTransport<R> {
    /// Registers at a fixed address.
    Mmio(VirtioMmio<R>),
    /// A PCI function.
    Pci(VirtioPci<R>),
}

/// Calls a method of whichever it is.
macro_rules! either {
    ($any:expr, $transport:ident => $call:expr) => {
        match $any {
            AnyTransport::Mmio($transport) => $call,
            AnyTransport::Pci($transport) => $call,
        }
    };
}

impl<R: Registers> Transport for AnyTransport<R> {
    fn legacy(&self) -> bool {
        either!(self, it => it.legacy())
    }
    fn status(&mut self) -> u8 {
        either!(self, it => it.status())
    }
    fn set_status(&mut self, status: u8) {
        either!(self, it => it.set_status(status));
    }
    fn offered(&mut self) -> u64 {
        either!(self, it => it.offered())
    }
    fn accept(&mut self, features: u64) {
        either!(self, it => it.accept(features));
    }
    fn queue_size(&mut self, queue: u16) -> u16 {
        either!(self, it => it.queue_size(queue))
    }
    fn set_queue(&mut self, queue: u16, addresses: &Addresses) -> Result<(), StartError> {
        either!(self, it => it.set_queue(queue, addresses))
    }
    fn notify(&mut self, queue: u16) {
        either!(self, it => it.notify(queue));
    }
    fn configuration(&mut self, offset: usize, out: &mut [u8]) {
        either!(self, it => it.configuration(offset, out));
    }
    fn acknowledge(&mut self) -> bool {
        either!(self, it => it.acknowledge())
    }
}
