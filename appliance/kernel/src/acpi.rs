//! What is read of ACPI's tables: how to power off, where the power button and
//! a timer are, which interrupt controllers there are.
//!
//! Tables are found from the root pointer and checked by their sums. The byte
//! code in the DSDT is not run; two things are looked for in it, as they are
//! written there by every monitor: the value of the name `_S5_`, which some
//! machines want to hear, and devices with the ID `LNRO0005`, which is virtio by
//! memory-mapped registers. Section numbers are those of ACPI 6.5.

use core::ops::ControlFlow;

/// Gives bytes of physical memory; `None` where there is none to read.
pub trait Memory<'m> {
    /// `bytes` of them from `address` on.
    fn read(&self, address: u64, bytes: usize) -> Option<&'m [u8]>;
}

/// The longest table that is believed.
const MAX_TABLE_BYTES: usize = 1 << 20;

/// The bytes before a table's own content (§5.2.6).
const HEADER: usize = 36;

/// Where a register is (§5.2.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Register {
    /// In memory.
    Memory(u64),
    /// An I/O port.
    Port(u16),
}

/// What tells that the power button was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// The PM1a event ports: status at this one, bit 8; what is enabled at the
    /// one after next (§4.8.3.1.1).
    Ports(u16),
    /// QEMU's generic event device: 32 bits that reading clears, bit 1. Other
    /// monitors describe theirs in byte code only.
    Memory(u64),
}

/// What powers a machine off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerOff {
    /// A byte to the sleep control register (hardware-reduced machines, §4.8.3.7).
    Sleep(Register, u8),
    /// 16 bits to the PM1a control port (§4.8.3.2.1).
    Control(u16, u16),
}

/// The fixed hardware that a machine says it has (FADT, §5.2.9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fixed {
    /// How to power it off.
    pub power_off: Option<PowerOff>,
    /// The port of the PM timer, 3.579545 MHz.
    pub timer: Option<u16>,
    /// Where the power button is told.
    pub events: Option<Events>,
    /// What switches ACPI on: a value for a port.
    pub enable: Option<(u16, u8)>,
    /// The interrupt of the events.
    pub interrupt: u16,
}

/// An I/O APIC: its address, and the number of its first input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IoApic {
    /// Where its registers are.
    pub address: u64,
    /// The global number of input 0.
    pub first: u32,
}

/// A device whose registers are in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MmioDevice {
    /// Where they are.
    pub address: u64,
    /// How many bytes of them.
    pub bytes: u64,
    /// Its interrupt, as I/O APICs count them.
    pub interrupt: u32,
}

/// The tables of one machine.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'m, M> {
    memory: M,
    /// The table of tables.
    root: &'m [u8],
}

impl<'m, M: Memory<'m>> Tables<'m, M> {
    /// From the root pointer at `rsdp`; or, when that is 0, from where firmware
    /// leaves it in the last 128 kB below 1 MB (§5.2.5.1).
    pub fn find(memory: M, rsdp: u64) -> Option<Self> {
        let pointer = if rsdp == 0 {
            (0xe_0000_u64..0x10_0000)
                .step_by(16)
                .find_map(|address| root_pointer(&memory, address))
        } else {
            root_pointer(&memory, rsdp)
        }?;
        let root = table(&memory, pointer)?;
        Some(Self { memory, root })
    }

    /// The table with this signature.
    fn table(&self, signature: &[u8; 4]) -> Option<&'m [u8]> {
        let pointers = self.root.get(HEADER..)?;
        let named = |address| {
            table(&self.memory, address).filter(|table: &&[u8]| table.starts_with(signature))
        };
        if self.root.starts_with(b"XSDT") {
            pointers
                .chunks_exact(8)
                .find_map(|chunk| named(u64_at(chunk, 0)?))
        } else {
            pointers
                .chunks_exact(4)
                .find_map(|chunk| named(u32_at(chunk, 0)?.into()))
        }
    }

    /// The fixed hardware.
    pub fn fixed(&self) -> Option<Fixed> {
        const HARDWARE_REDUCED: u32 = 1 << 20;
        /// Sleep type 5, if nothing says otherwise, and "now" (§4.8.3.7).
        const SLEEP_NOW: u8 = 1 << 5;
        /// In QEMU's microvm: how far the sleep control register is behind the
        /// event device's, and the interrupt of these.
        const QEMU_SLEEP_OFFSET: u64 = 0x200;
        const QEMU_EVENT_INTERRUPT: u16 = 9;
        let fadt = self.table(b"FACP")?;
        let port = |offset| {
            let port = u32_at(fadt, offset)?;
            u16::try_from(port).ok().filter(|&port| port != 0)
        };
        let reduced = u32_at(fadt, 112).unwrap_or(0) & HARDWARE_REDUCED != 0;
        let sleep_type = u32_at(fadt, 40)
            .and_then(|address| table(&self.memory, address.into()))
            .and_then(sleep_type);
        let mut fixed = Fixed::default();
        if reduced {
            let register = register(fadt, 244);
            let value = sleep_type.unwrap_or(5) << 2 | SLEEP_NOW;
            fixed.power_off = register.map(|register| PowerOff::Sleep(register, value));
            if fadt.get(10..16) == Some(b"BOCHS ")
                && let Some(Register::Memory(address)) = register
            {
                fixed.events = Some(Events::Memory(address.wrapping_sub(QEMU_SLEEP_OFFSET)));
                fixed.interrupt = QEMU_EVENT_INTERRUPT;
            }
            return Some(fixed);
        }
        let value = u16::from(sleep_type.unwrap_or(0)) << 10 | 1 << 13;
        fixed.power_off = port(64).map(|port| PowerOff::Control(port, value));
        fixed.timer = port(76);
        fixed.events = port(56).map(Events::Ports);
        fixed.enable = port(48).zip(fadt.get(52).copied());
        fixed.interrupt = u16_at(fadt, 46)?;
        Some(fixed)
    }

    /// Calls `each` with every virtio device in memory, as the DSDT has them.
    pub fn virtio_devices(&self, mut each: impl FnMut(MmioDevice)) {
        const ID: &[u8] = b"LNRO0005\0";
        let dsdt = self
            .table(b"FACP")
            .and_then(|fadt| table(&self.memory, u32_at(fadt, 40)?.into()));
        let mut rest = dsdt.unwrap_or_default();
        while let Some(at) = rest.windows(ID.len()).position(|window| window == ID) {
            rest = rest.get(at + ID.len()..).unwrap_or_default();
            // Up to the next one.
            let end = rest.windows(ID.len()).position(|window| window == ID);
            let device = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if let Some(device) = resources(device) {
                each(device);
            }
        }
    }

    /// Calls `each` with every I/O APIC (MADT, §5.2.12.3).
    pub fn io_apics(&self, mut each: impl FnMut(IoApic)) {
        const IO_APIC: u8 = 1;
        let entries = self
            .table(b"APIC")
            .and_then(|madt| madt.get(HEADER + 8..))
            .unwrap_or_default();
        let _ = rows(entries, |row| {
            if row.first() == Some(&IO_APIC)
                && let (Some(address), Some(first)) = (u32_at(row, 4), u32_at(row, 8))
            {
                each(IoApic {
                    address: address.into(),
                    first,
                });
            }
            ControlFlow::Continue(())
        });
    }
}

/// Goes through rows whose second byte is their length.
fn rows(mut bytes: &[u8], mut each: impl FnMut(&[u8]) -> ControlFlow<()>) -> ControlFlow<()> {
    while let Some(&length) = bytes.get(1) {
        let Some((row, rest)) = bytes.split_at_checked(usize::from(length).max(2)) else {
            break;
        };
        each(row)?;
        bytes = rest;
    }
    ControlFlow::Continue(())
}

/// Where the table of tables is, if there is a root pointer (§5.2.5.3).
fn root_pointer<'m>(memory: &impl Memory<'m>, address: u64) -> Option<u64> {
    let pointer = memory.read(address, 20)?;
    if !pointer.starts_with(b"RSD PTR ") || sum(pointer) != 0 {
        return None;
    }
    let has_xsdt = pointer.get(15).is_some_and(|&revision| revision >= 2);
    let xsdt = has_xsdt
        .then(|| u64_at(memory.read(address, 36)?, 24))
        .flatten()
        .filter(|&xsdt| xsdt != 0);
    xsdt.or_else(|| Some(u32_at(pointer, 16)?.into()))
}

/// The table at an address, if it is one.
fn table<'m>(memory: &impl Memory<'m>, address: u64) -> Option<&'m [u8]> {
    let length = u32_at(memory.read(address, HEADER)?, 4)? as usize;
    if !(HEADER..=MAX_TABLE_BYTES).contains(&length) {
        return None;
    }
    memory.read(address, length).filter(|table| sum(table) == 0)
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// The address structure at `offset` (§5.2.3.2).
fn register(table: &[u8], offset: usize) -> Option<Register> {
    let address = u64_at(table, offset + 4).filter(|&address| address != 0)?;
    match table.get(offset)? {
        0 => Some(Register::Memory(address)),
        1 => u16::try_from(address).ok().map(Register::Port),
        _ => None,
    }
}

/// The memory and the interrupt in a device's resources: fixed memory of 32
/// bits (§6.4.3.4), then an extended interrupt (§6.4.3.6).
fn resources(device: &[u8]) -> Option<MmioDevice> {
    const MEMORY: &[u8] = &[0x86, 9, 0];
    const MEMORY_BYTES: usize = 12;
    const INTERRUPT: u8 = 0x89;
    let at = device
        .windows(MEMORY.len())
        .position(|window| window == MEMORY)?;
    let memory = device.get(at..)?;
    let interrupt = memory.get(MEMORY_BYTES..)?;
    if *interrupt.first()? != INTERRUPT {
        return None;
    }
    Some(MmioDevice {
        address: u32_at(memory, 4)?.into(),
        bytes: u32_at(memory, 8)?.into(),
        interrupt: u32_at(interrupt, 5)?,
    })
}

/// The first number in the package `_S5_` of a DSDT (§7.4.2.6, §20.2).
fn sleep_type(dsdt: &[u8]) -> Option<u8> {
    const PACKAGE: u8 = 0x12;
    let at = dsdt.windows(5).position(|window| window == b"_S5_\x12")?;
    let rest = dsdt.get(at + 4..)?;
    debug_assert_eq!(rest.first(), Some(&PACKAGE));
    // The package's length takes 1 byte and as many as its two upper bits say.
    let more = usize::from(rest.get(1)? >> 6);
    // Behind it the number of elements, then the first of them.
    let element = rest.get(3 + more..)?;
    let value = match *element.first()? {
        0x0a => *element.get(1)?,
        value @ (0 | 1) => value,
        _ => return None,
    };
    Some(value & 7)
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

#[cfg(test)]
mod tests;
