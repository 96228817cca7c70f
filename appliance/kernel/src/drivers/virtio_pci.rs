//! Virtio over PCI (virtio 1.2 §4.1): the modern interface, by capabilities.
//! Transitional devices have it too; legacy ones are not driven.
//!
//! Interrupts are messages (MSI-X), all of a device's on its first vector: what
//! wakes the kernel is followed by a look at every queue anyway.

use super::pci::{self, Configuration, Function};
use super::virtio::{Transport, settled};
use super::virtqueue::Addresses;
use super::{Platform, Registers, StartError};

/// The vendor of all virtio devices (§4.1.2).
pub const VENDOR: u16 = 0x1af4;

/// Capability numbers of PCI.
const VENDOR_CAPABILITY: u8 = 0x09;
const MSIX_CAPABILITY: u8 = 0x11;

/// Kinds of virtio's own capabilities (§4.1.4).
const COMMON: u8 = 1;
const NOTIFY: u8 = 2;
const INTERRUPT: u8 = 3;
const DEVICE: u8 = 4;

/// Offsets of the common configuration (§4.1.4.3).
mod common {
    pub const DEVICE_FEATURES_SELECT: usize = 0x00;
    pub const DEVICE_FEATURES: usize = 0x04;
    pub const DRIVER_FEATURES_SELECT: usize = 0x08;
    pub const DRIVER_FEATURES: usize = 0x0c;
    pub const CONFIGURATION_VECTOR: usize = 0x10;
    pub const STATUS: usize = 0x14;
    pub const GENERATION: usize = 0x15;
    pub const QUEUE_SELECT: usize = 0x16;
    pub const QUEUE_SIZE: usize = 0x18;
    pub const QUEUE_VECTOR: usize = 0x1a;
    pub const QUEUE_ENABLE: usize = 0x1c;
    pub const QUEUE_NOTIFY: usize = 0x1e;
    pub const QUEUE_DESCRIPTORS: usize = 0x20;
    pub const QUEUE_AVAILABLE: usize = 0x28;
    pub const QUEUE_USED: usize = 0x30;
    pub const BYTES: usize = 0x38;
}

/// The vector that everything is sent on.
const VECTOR: u16 = 0;

/// Queues that a device of ours may have.
const QUEUES: usize = 2;

/// An interrupt as a message: what the device writes, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// On x86: 0xfee00000, and the number of the local APIC from bit 12 on.
    pub address: u64,
    /// On x86: the vector, edge-triggered.
    pub data: u32,
}

/// The type of a virtio device (see [`super::virtio::device`]) by its vendor and
/// device numbers (§4.1.2); transitional ones included. Nothing if it is none.
#[must_use]
pub fn device_type(vendor: u16, device: u16) -> Option<u16> {
    match (vendor, device) {
        (VENDOR, 0x1000) => Some(super::virtio::device::NETWORK),
        (VENDOR, 0x1005) => Some(super::virtio::device::ENTROPY),
        (VENDOR, 0x1040..=0x107f) => Some(device - 0x1040),
        _ => None,
    }
}

/// The first virtio device of a type.
pub fn find(configuration: &mut impl Configuration, wanted: u16) -> Option<Function> {
    pci::find(configuration, |_, at, vendor, device| {
        (device_type(vendor, device) == Some(wanted)).then_some(at)
    })
}

/// A device behind PCI capabilities.
#[derive(Debug)]
pub struct VirtioPci<R> {
    common: R,
    notify: R,
    /// Nothing if the device's type has no configuration.
    device: Option<R>,
    /// Where in `notify` each queue's doorbell is.
    doorbells: [usize; QUEUES],
    /// Bytes between the doorbells of queues whose notification offset differs
    /// by one.
    stride: u32,
    /// In the common configuration, `notify` goes so far.
    notify_bytes: usize,
}

/// Where a structure of a device is.
#[derive(Debug, Clone, Copy)]
struct Structure {
    bar: u8,
    offset: u32,
    length: u32,
}

impl<R: Registers> VirtioPci<R> {
    /// The device at an address, whose windows have their addresses (see
    /// [`pci::assign`] if nobody gave them any), and which sends its interrupts
    /// as `message`.
    ///
    /// # Errors
    ///
    /// [`StartError::Layout`] if a capability is missing or leads nowhere,
    /// [`StartError::Memory`] if the registers cannot be mapped.
    pub fn new<P: Platform<Registers = R>>(
        configuration: &mut impl Configuration,
        at: Function,
        platform: &mut P,
        message: Message,
    ) -> Result<Self, StartError> {
        let mut structures = [None; 5];
        let mut stride = 0;
        let mut msix = None;
        pci::capability(configuration, at, |configuration, id, place| {
            if id == MSIX_CAPABILITY {
                msix.get_or_insert(place);
            }
            if id == VENDOR_CAPABILITY {
                let kind = (configuration.read(at, place) >> 24) as u8;
                let structure = Structure {
                    bar: configuration.read(at, place + 4) as u8,
                    offset: configuration.read(at, place + 8),
                    length: configuration.read(at, place + 12),
                };
                // The first of each kind is the one to use (§4.1.4.1), and those
                // in windows of I/O ports are for others.
                if let Some(known @ None) = structures.get_mut(usize::from(kind))
                    && structure.bar < 6
                    && !is_ports(configuration, at, structure.bar)
                {
                    *known = Some(structure);
                    if kind == NOTIFY {
                        stride = configuration.read(at, place + 16);
                    }
                }
            }
            None::<()>
        });
        let mut map = |configuration: &mut _, kind: u8, least: usize| {
            let structure = structures.get(usize::from(kind)).copied().flatten();
            let structure = structure.ok_or(StartError::Layout("a capability is missing"))?;
            let bytes = structure.length as usize;
            if bytes < least {
                return Err(StartError::Layout("a capability is too short"));
            }
            let address = place(configuration, at, structure)?;
            let registers = platform.map(address, bytes).ok_or(StartError::Memory)?;
            Ok((registers, bytes))
        };
        pci::enable(configuration, at);
        let (common, _) = map(configuration, COMMON, common::BYTES)?;
        let (notify, notify_bytes) = map(configuration, NOTIFY, 2)?;
        let device = match structures.get(usize::from(DEVICE)) {
            Some(Some(_)) => Some(map(configuration, DEVICE, 1)?.0),
            _ => None,
        };
        // That it is there is all that is asked of the interrupt's status: with
        // messages, it is not needed.
        if !matches!(structures.get(usize::from(INTERRUPT)), Some(Some(_))) {
            return Err(StartError::Layout("a capability is missing"));
        }
        let msix = msix.ok_or(StartError::Layout("no MSI-X"))?;
        enable_messages(configuration, at, platform, msix, message)?;
        Ok(Self {
            common,
            notify,
            device,
            doorbells: [0; QUEUES],
            stride,
            notify_bytes,
        })
    }
}

/// Whether a base address is one of I/O ports.
fn is_ports(configuration: &mut impl Configuration, at: Function, bar: u8) -> bool {
    configuration.read(at, 0x10 + u16::from(bar) * 4) & 1 != 0
}

/// The physical address of a structure that is wholly inside its window.
fn place(
    configuration: &mut impl Configuration,
    at: Function,
    structure: Structure,
) -> Result<u64, StartError> {
    let window = pci::window(configuration, at, structure.bar)
        .ok_or(StartError::Layout("a capability names no base address"))?;
    if window.address == 0 {
        return Err(StartError::Layout("a base address was never set"));
    }
    let end = u64::from(structure.offset) + u64::from(structure.length);
    if end > window.bytes {
        return Err(StartError::Layout("a capability ends outside its window"));
    }
    Ok(window.address + u64::from(structure.offset))
}

/// Sets the first vector to a message, and switches to messages
/// (PCI 3.0 §6.8.2).
fn enable_messages(
    configuration: &mut impl Configuration,
    at: Function,
    platform: &mut impl Platform,
    capability: u16,
    message: Message,
) -> Result<(), StartError> {
    const ENTRY_BYTES: u32 = 16;
    const ENABLE: u32 = 1 << 31;
    const MASK_ALL: u32 = 1 << 30;

    let table = configuration.read(at, capability + 4);
    let structure = Structure {
        bar: (table & 7) as u8,
        offset: table & !7,
        length: ENTRY_BYTES,
    };
    let address = place(configuration, at, structure)?;
    let mut entry = platform
        .map(address, ENTRY_BYTES as usize)
        .ok_or(StartError::Memory)?;
    let control = configuration.read(at, capability);
    // On, and masked as a whole until the entry stands.
    configuration.write(at, capability, control | ENABLE | MASK_ALL);
    entry.write32(0, message.address as u32);
    entry.write32(4, (message.address >> 32) as u32);
    entry.write32(8, message.data);
    entry.write32(12, 0);
    configuration.write(at, capability, (control | ENABLE) & !MASK_ALL);
    Ok(())
}

impl<R: Registers> Transport for VirtioPci<R> {
    fn legacy(&self) -> bool {
        false
    }

    fn status(&mut self) -> u8 {
        self.common.read8(common::STATUS)
    }

    fn set_status(&mut self, status: u8) {
        self.common.write8(common::STATUS, status);
    }

    fn offered(&mut self) -> u64 {
        let common = &mut self.common;
        let mut half = |select| {
            common.write32(common::DEVICE_FEATURES_SELECT, select);
            u64::from(common.read32(common::DEVICE_FEATURES))
        };
        half(0) | half(1) << 32
    }

    fn accept(&mut self, features: u64) {
        for (select, half) in [(0, features as u32), (1, (features >> 32) as u32)] {
            self.common.write32(common::DRIVER_FEATURES_SELECT, select);
            self.common.write32(common::DRIVER_FEATURES, half);
        }
    }

    fn queue_size(&mut self, queue: u16) -> u16 {
        self.common.write16(common::QUEUE_SELECT, queue);
        if self.common.read16(common::QUEUE_ENABLE) != 0 {
            return 0;
        }
        self.common.read16(common::QUEUE_SIZE)
    }

    fn set_queue(&mut self, queue: u16, addresses: &Addresses) -> Result<(), StartError> {
        let ours = self
            .doorbells
            .get_mut(usize::from(queue))
            .ok_or(StartError::Queue)?;
        let common = &mut self.common;
        common.write16(common::CONFIGURATION_VECTOR, VECTOR);
        let configured = common.read16(common::CONFIGURATION_VECTOR);
        common.write16(common::QUEUE_SELECT, queue);
        common.write16(common::QUEUE_SIZE, addresses.size);
        common.write16(common::QUEUE_VECTOR, VECTOR);
        // A device without the resources says so with another number (§4.1.5.1.2).
        if configured != VECTOR || common.read16(common::QUEUE_VECTOR) != VECTOR {
            return Err(StartError::Queue);
        }
        let doorbell = u64::from(common.read16(common::QUEUE_NOTIFY)) * u64::from(self.stride);
        let doorbell = usize::try_from(doorbell).map_err(|_| StartError::Queue)?;
        if doorbell > self.notify_bytes - 2 {
            return Err(StartError::Layout("a doorbell is outside its window"));
        }
        *ours = doorbell;
        common.write64(common::QUEUE_DESCRIPTORS, addresses.descriptors);
        common.write64(common::QUEUE_AVAILABLE, addresses.available);
        common.write64(common::QUEUE_USED, addresses.used);
        common.write16(common::QUEUE_ENABLE, 1);
        if common.read16(common::QUEUE_ENABLE) == 1 {
            Ok(())
        } else {
            Err(StartError::Queue)
        }
    }

    fn notify(&mut self, queue: u16) {
        if let Some(&doorbell) = self.doorbells.get(usize::from(queue)) {
            self.notify.write16(doorbell, queue);
        }
    }

    fn configuration(&mut self, offset: usize, out: &mut [u8]) {
        out.fill(0);
        if let Some(device) = &mut self.device {
            settled(
                &mut self.common,
                |common| common.read8(common::GENERATION).into(),
                |_| {
                    for (byte, at) in out.iter_mut().zip(offset..) {
                        *byte = device.read8(at);
                    }
                },
            );
        }
    }

    fn acknowledge(&mut self) -> bool {
        // Messages need no thanks, and as all come on one vector, they do not say
        // what has changed.
        false
    }
}

#[cfg(test)]
mod tests;
