//! Virtio over memory-mapped registers (virtio 1.2 §4.2), version 2 and the
//! legacy version 1, which QEMU's `microvm` shows unless told otherwise.
//!
//! Where the devices are is said on the kernel's command line, a word each:
//! `virtio_mmio.device=SIZE@ADDRESS:INTERRUPT[:NUMBER]`; [`parse`] reads it.

use super::virtio::{Transport, settled};
use super::virtqueue::{Addresses, LEGACY_ALIGN};
use super::{Registers, StartError};

/// Offsets of the registers (§4.2.2, §4.2.4).
mod register {
    pub const MAGIC: usize = 0x000;
    pub const VERSION: usize = 0x004;
    pub const DEVICE: usize = 0x008;
    pub const DEVICE_FEATURES: usize = 0x010;
    pub const DEVICE_FEATURES_SELECT: usize = 0x014;
    pub const DRIVER_FEATURES: usize = 0x020;
    pub const DRIVER_FEATURES_SELECT: usize = 0x024;
    /// Legacy.
    pub const PAGE_BYTES: usize = 0x028;
    pub const QUEUE_SELECT: usize = 0x030;
    pub const QUEUE_MOST: usize = 0x034;
    pub const QUEUE_SIZE: usize = 0x038;
    /// Legacy.
    pub const QUEUE_ALIGN: usize = 0x03c;
    /// Legacy.
    pub const QUEUE_PAGE: usize = 0x040;
    pub const QUEUE_READY: usize = 0x044;
    pub const NOTIFY: usize = 0x050;
    pub const INTERRUPT: usize = 0x060;
    pub const ACKNOWLEDGE: usize = 0x064;
    pub const STATUS: usize = 0x070;
    pub const QUEUE_DESCRIPTORS: usize = 0x080;
    pub const QUEUE_AVAILABLE: usize = 0x090;
    pub const QUEUE_USED: usize = 0x0a0;
    pub const GENERATION: usize = 0x0fc;
    pub const CONFIGURATION: usize = 0x100;
}

/// `"virt"`.
const MAGIC: u32 = 0x7472_6976;
/// In the interrupt's status: the configuration has changed.
const CONFIGURATION_CHANGED: u32 = 2;

/// The word on the command line that names a device, up to its value.
pub const WORD: &str = "virtio_mmio.device";

/// A device's place, as the command line has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The physical address of its registers.
    pub address: u64,
    /// Their length, in bytes.
    pub bytes: u64,
    /// Its interrupt, a number of the platform's (on x86 the GSI).
    pub interrupt: u32,
}

/// Reads the value of a `virtio_mmio.device` word: `512@0xfeb00e00:12`,
/// `4K@0xd0000000:5`, a number behind that is for Linux's own names. Numbers are
/// decimal, or hexadecimal behind `0x`; the size may end in `K`, `M` or `G`.
#[must_use]
pub fn parse(value: &str) -> Option<Place> {
    let (size, rest) = value.split_once('@')?;
    let (digits, shift) = match size.as_bytes().last()? {
        b'K' | b'k' => (size.get(..size.len() - 1)?, 10),
        b'M' | b'm' => (size.get(..size.len() - 1)?, 20),
        b'G' | b'g' => (size.get(..size.len() - 1)?, 30),
        _ => (size, 0),
    };
    let bytes = number(digits)?.checked_mul(1 << shift)?;
    let mut fields = rest.split(':');
    let address = number(fields.next()?)?;
    let interrupt = u32::try_from(number(fields.next()?)?).ok()?;
    if let Some(id) = fields.next() {
        number(id)?;
    }
    let sane = fields.next().is_none()
        && bytes >= register::CONFIGURATION as u64
        && address.checked_add(bytes).is_some();
    sane.then_some(Place {
        address,
        bytes,
        interrupt,
    })
}

fn number(digits: &str) -> Option<u64> {
    match digits.strip_prefix("0x") {
        // `from_str_radix` would take a sign.
        Some(hex) if !hex.starts_with('+') => u64::from_str_radix(hex, 16).ok(),
        None if !digits.starts_with('+') => digits.parse().ok(),
        _ => None,
    }
}

/// A device behind memory-mapped registers.
#[derive(Debug)]
pub struct VirtioMmio<R> {
    registers: R,
    legacy: bool,
}

impl<R: Registers> VirtioMmio<R> {
    /// The device of a type (see [`super::virtio::device`]) behind registers.
    ///
    /// # Errors
    ///
    /// [`StartError::NotThere`] if there is none of this type, or its version is
    /// unknown.
    pub fn new(mut registers: R, device: u16) -> Result<Self, StartError> {
        if registers.read32(register::MAGIC) != MAGIC
            || registers.read32(register::DEVICE) != u32::from(device)
        {
            return Err(StartError::NotThere);
        }
        let legacy = match registers.read32(register::VERSION) {
            1 => true,
            2 => false,
            _ => return Err(StartError::NotThere),
        };
        Ok(Self { registers, legacy })
    }
}

impl<R: Registers> Transport for VirtioMmio<R> {
    fn legacy(&self) -> bool {
        self.legacy
    }

    fn status(&mut self) -> u8 {
        self.registers.read32(register::STATUS) as u8
    }

    fn set_status(&mut self, status: u8) {
        self.registers.write32(register::STATUS, status.into());
    }

    fn offered(&mut self) -> u64 {
        let registers = &mut self.registers;
        let mut half = |select| {
            registers.write32(register::DEVICE_FEATURES_SELECT, select);
            u64::from(registers.read32(register::DEVICE_FEATURES))
        };
        // Legacy devices have 32 features.
        if self.legacy {
            half(0)
        } else {
            half(0) | half(1) << 32
        }
    }

    fn accept(&mut self, features: u64) {
        let registers = &mut self.registers;
        registers.write32(register::DRIVER_FEATURES_SELECT, 0);
        registers.write32(register::DRIVER_FEATURES, features as u32);
        if !self.legacy {
            registers.write32(register::DRIVER_FEATURES_SELECT, 1);
            registers.write32(register::DRIVER_FEATURES, (features >> 32) as u32);
        }
    }

    fn queue_size(&mut self, queue: u16) -> u16 {
        let registers = &mut self.registers;
        registers.write32(register::QUEUE_SELECT, queue.into());
        let in_use = if self.legacy {
            registers.read32(register::QUEUE_PAGE)
        } else {
            registers.read32(register::QUEUE_READY)
        };
        if in_use != 0 {
            return 0;
        }
        registers.read32(register::QUEUE_MOST).min(u16::MAX.into()) as u16
    }

    fn set_queue(&mut self, queue: u16, addresses: &Addresses) -> Result<(), StartError> {
        let registers = &mut self.registers;
        registers.write32(register::QUEUE_SELECT, queue.into());
        registers.write32(register::QUEUE_SIZE, addresses.size.into());
        if self.legacy {
            let align = LEGACY_ALIGN as u32;
            let page = addresses.descriptors / u64::from(align);
            let page = u32::try_from(page).map_err(|_| StartError::Queue)?;
            registers.write32(register::PAGE_BYTES, align);
            registers.write32(register::QUEUE_ALIGN, align);
            registers.write32(register::QUEUE_PAGE, page);
            return Ok(());
        }
        registers.write64(register::QUEUE_DESCRIPTORS, addresses.descriptors);
        registers.write64(register::QUEUE_AVAILABLE, addresses.available);
        registers.write64(register::QUEUE_USED, addresses.used);
        registers.write32(register::QUEUE_READY, 1);
        if registers.read32(register::QUEUE_READY) == 1 {
            Ok(())
        } else {
            Err(StartError::Queue)
        }
    }

    fn notify(&mut self, queue: u16) {
        self.registers.write32(register::NOTIFY, queue.into());
    }

    fn configuration(&mut self, offset: usize, out: &mut [u8]) {
        let legacy = self.legacy;
        settled(
            &mut self.registers,
            |registers| match legacy {
                true => 0,
                false => registers.read32(register::GENERATION),
            },
            |registers| {
                for (byte, at) in out.iter_mut().zip(register::CONFIGURATION + offset..) {
                    *byte = registers.read8(at);
                }
            },
        );
    }

    fn acknowledge(&mut self) -> bool {
        let why = self.registers.read32(register::INTERRUPT);
        self.registers.write32(register::ACKNOWLEDGE, why);
        why & CONFIGURATION_CHANGED != 0
    }
}

#[cfg(test)]
mod tests;
