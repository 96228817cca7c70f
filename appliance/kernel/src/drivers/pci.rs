//! PCI: finding functions, their capabilities and their base addresses.
//!
//! Configuration space is reached through [`Configuration`]: by memory
//! ([`Ecam`], where the platform says so) or by two I/O ports ([`Ports`], which
//! every x86 machine with PCI has). Virtio needs nothing past the first 256
//! bytes, so that either will do.

use core::fmt;
use core::ops::Range;

use super::{Registers, StartError};

/// A function's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// Its bus.
    pub bus: u8,
    /// Its device, below 32.
    pub device: u8,
    /// Its number in the device, below 8.
    pub function: u8,
}

impl fmt::Display for Function {
    /// `00:02.0`
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{:02x}:{:02x}.{}",
            self.bus, self.device, self.function
        )
    }
}

/// Offsets in configuration space (PCI 3.0 §6.1).
mod offset {
    pub const IDENTITY: u16 = 0x00;
    pub const COMMAND: u16 = 0x04;
    pub const HEADER_TYPE: u16 = 0x0c;
    pub const BASE_ADDRESSES: u16 = 0x10;
    /// Of a bridge.
    pub const BUSES: u16 = 0x18;
    pub const CAPABILITIES: u16 = 0x34;
}

/// In the command: answer to memory accesses; be bus master; send no interrupt
/// by wire.
const MEMORY: u32 = 1 << 1;
const MASTER: u32 = 1 << 2;
const NO_WIRE: u32 = 1 << 10;
/// In the status: there is a list of capabilities.
const HAS_CAPABILITIES: u32 = 1 << 20;

/// Access to configuration space. Offsets are multiples of 4, below 256.
pub trait Configuration {
    /// Reads four bytes; all ones where there is nothing.
    fn read(&mut self, function: Function, offset: u16) -> u32;
    /// Writes four bytes.
    fn write(&mut self, function: Function, offset: u16, value: u32);
}

/// Configuration space in memory, as the `MCFG` table of ACPI or a device tree
/// has it: 1 MiB a bus.
#[derive(Debug)]
pub struct Ecam<R> {
    /// The window, from the first bus on.
    pub registers: R,
    /// The first bus.
    pub first_bus: u8,
}

impl<R: Registers> Ecam<R> {
    fn place(&self, function: Function, offset: u16) -> Option<usize> {
        let bus = function.bus.checked_sub(self.first_bus)?;
        Some(
            usize::from(bus) << 20
                | usize::from(function.device & 31) << 15
                | usize::from(function.function & 7) << 12
                | usize::from(offset & 0xffc),
        )
    }
}

impl<R: Registers> Configuration for Ecam<R> {
    fn read(&mut self, function: Function, offset: u16) -> u32 {
        match self.place(function, offset) {
            Some(place) => self.registers.read32(place),
            None => u32::MAX,
        }
    }

    fn write(&mut self, function: Function, offset: u16, value: u32) {
        if let Some(place) = self.place(function, offset) {
            self.registers.write32(place, value);
        }
    }
}

/// Two I/O ports: an address at 0xcf8, four bytes of data at 0xcfc.
pub trait Ports {
    /// Writes four bytes to a port.
    fn out32(&mut self, port: u16, value: u32);
    /// Reads four bytes from a port.
    fn in32(&mut self, port: u16) -> u32;
}

/// Configuration space behind [`Ports`].
#[derive(Debug)]
pub struct PortConfiguration<P>(pub P);

impl<P: Ports> PortConfiguration<P> {
    const ADDRESS: u16 = 0xcf8;
    const DATA: u16 = 0xcfc;

    fn select(&mut self, function: Function, offset: u16) {
        let address = 1 << 31
            | u32::from(function.bus) << 16
            | u32::from(function.device & 31) << 11
            | u32::from(function.function & 7) << 8
            | u32::from(offset & 0xfc);
        self.0.out32(Self::ADDRESS, address);
    }
}

impl<P: Ports> Configuration for PortConfiguration<P> {
    fn read(&mut self, function: Function, offset: u16) -> u32 {
        self.select(function, offset);
        self.0.in32(Self::DATA)
    }

    fn write(&mut self, function: Function, offset: u16, value: u32) {
        self.select(function, offset);
        self.0.out32(Self::DATA, value);
    }
}

/// Calls `found` with each function that is there, its vendor and its device
/// number, until it returns something. Follows bridges that firmware has given
/// their buses; each bus is looked at once.
pub fn find<C: Configuration, T>(
    configuration: &mut C,
    mut found: impl FnMut(&mut C, Function, u16, u16) -> Option<T>,
) -> Option<T> {
    // A bit for each bus that is to be looked at.
    let mut buses = [0_u64; 4];
    let mut bus = 0_u8;
    loop {
        for device in 0..32 {
            let mut functions = 1;
            let mut function = 0;
            while function < functions {
                let at = Function {
                    bus,
                    device,
                    function,
                };
                function += 1;
                let identity = configuration.read(at, offset::IDENTITY);
                let vendor = identity as u16;
                if vendor == u16::MAX {
                    continue;
                }
                let kind = configuration.read(at, offset::HEADER_TYPE) >> 16;
                if at.function == 0 && kind & 0x80 != 0 {
                    functions = 8;
                }
                if kind & 0x7f == 1 {
                    let secondary = (configuration.read(at, offset::BUSES) >> 8) as u8;
                    // Those behind a bridge have higher numbers than the one
                    // that it is on.
                    if secondary > bus
                        && let Some(word) = buses.get_mut(usize::from(secondary / 64))
                    {
                        *word |= 1 << (secondary % 64);
                    }
                }
                let answer = found(configuration, at, vendor, (identity >> 16) as u16);
                if answer.is_some() {
                    return answer;
                }
            }
        }
        bus = next_bus(&buses, bus)?;
    }
}

/// The lowest bus above one that is to be looked at.
fn next_bus(buses: &[u64; 4], above: u8) -> Option<u8> {
    (above.checked_add(1)?..=u8::MAX).find(|&bus| {
        buses
            .get(usize::from(bus / 64))
            .is_some_and(|word| word >> (bus % 64) & 1 != 0)
    })
}

/// Calls `found` with the number and the place of each capability, until it
/// returns something. The list may be a loop: it is left after as many as there
/// is room for.
pub fn capability<C: Configuration, T>(
    configuration: &mut C,
    at: Function,
    mut found: impl FnMut(&mut C, u8, u16) -> Option<T>,
) -> Option<T> {
    if configuration.read(at, offset::COMMAND) & HAS_CAPABILITIES == 0 {
        return None;
    }
    let mut place = configuration.read(at, offset::CAPABILITIES) as u8 & 0xfc;
    for _ in 0..48 {
        if place < 0x40 {
            return None;
        }
        let head = configuration.read(at, place.into());
        let answer = found(configuration, head as u8, place.into());
        if answer.is_some() {
            return answer;
        }
        place = (head >> 8) as u8 & 0xfc;
    }
    None
}

/// Lets a function answer to memory accesses, write to memory, and send its
/// interrupts as messages only.
pub fn enable(configuration: &mut impl Configuration, at: Function) {
    // The upper half is the status, whose bits are cleared by writing ones.
    let command = configuration.read(at, offset::COMMAND) & 0xffff;
    configuration.write(at, offset::COMMAND, command | MEMORY | MASTER | NO_WIRE);
}

/// A window of memory that a function answers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its physical address; 0 if nobody has given it one.
    pub address: u64,
    /// Its length, a power of two.
    pub bytes: u64,
    /// Whether it may lie above 4 GiB.
    wide: bool,
}

/// The window of memory behind a base address register; nothing if there is
/// none, or it is one of I/O ports.
///
/// The function does not answer to memory accesses while it is asked how long
/// its window is.
#[must_use]
pub fn window(configuration: &mut impl Configuration, at: Function, index: u8) -> Option<Window> {
    if index >= 6 {
        return None;
    }
    let place = offset::BASE_ADDRESSES + u16::from(index) * 4;
    let low = configuration.read(at, place);
    let wide = low >> 1 & 3 == 2;
    if low & 1 != 0 || (wide && index == 5) {
        return None;
    }
    let command = configuration.read(at, offset::COMMAND) & 0xffff;
    configuration.write(at, offset::COMMAND, command & !MEMORY);
    configuration.write(at, place, u32::MAX);
    let mut mask = u64::from(configuration.read(at, place) & !0xf) | !0 << 32;
    configuration.write(at, place, low);
    let mut address = u64::from(low & !0xf);
    if wide {
        let high = configuration.read(at, place + 4);
        configuration.write(at, place + 4, u32::MAX);
        let high_mask = configuration.read(at, place + 4);
        configuration.write(at, place + 4, high);
        mask = mask & u64::from(u32::MAX) | u64::from(high_mask) << 32;
        address |= u64::from(high) << 32;
    }
    configuration.write(at, offset::COMMAND, command);
    // The lowest bit that can be set is the length. None at all, or no register.
    if mask as u32 & !0xf == 0 && (!wide || mask >> 32 == 0) {
        return None;
    }
    let bytes = mask & mask.wrapping_neg();
    address.checked_add(bytes)?;
    Some(Window {
        address,
        bytes,
        wide,
    })
}

/// Gives a function's windows of memory addresses from a range, as far as nobody
/// has done that. What was used is taken off the range.
///
/// # Errors
///
/// [`StartError::Layout`] if the range is too short.
pub fn assign(
    configuration: &mut impl Configuration,
    at: Function,
    range: &mut Range<u64>,
) -> Result<(), StartError> {
    let mut index = 0;
    while index < 6 {
        let window = window(configuration, at, index);
        let wide = window.is_some_and(|window| window.wide);
        if let Some(Window {
            address: 0, bytes, ..
        }) = window
        {
            let full = StartError::Layout("no room for its base addresses");
            let start = range.start.checked_next_multiple_of(bytes).ok_or(full)?;
            let end = start.checked_add(bytes).ok_or(full)?;
            if end > range.end || (!wide && end > 1 << 32) {
                return Err(full);
            }
            range.start = end;
            let place = offset::BASE_ADDRESSES + u16::from(index) * 4;
            configuration.write(at, place, start as u32);
            if wide {
                configuration.write(at, place + 4, (start >> 32) as u32);
            }
        }
        index += if wide { 2 } else { 1 };
    }
    Ok(())
}

#[cfg(test)]
mod tests;
