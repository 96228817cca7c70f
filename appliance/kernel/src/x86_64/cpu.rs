//! The instructions that have no name in Rust: ports, model-specific registers,
//! identification, randomness.

use core::arch::asm;
use core::arch::x86_64::{__cpuid, _rdtsc, CpuidResult};

/// Reads a byte from an I/O port.
///
/// # Safety
///
/// The read has to be harmless to whatever device is there.
pub unsafe fn in8(port: u16) -> u8 {
    let value;
    // SAFETY: no memory is touched; the caller answers for the device.
    unsafe {
        asm!("in al, dx", in("dx") port, out("al") value, options(nostack, preserves_flags));
    }
    value
}

/// Writes a byte to an I/O port.
///
/// # Safety
///
/// The device there must not touch memory that Rust owns because of it.
pub unsafe fn out8(port: u16, value: u8) {
    // SAFETY: the caller answers for the device.
    unsafe {
        asm!("out dx, al", in("dx") port, in("al") value, options(nostack, preserves_flags));
    }
}

/// Writes 16 bits to an I/O port.
///
/// # Safety
///
/// As for [`out8`].
pub unsafe fn out16(port: u16, value: u16) {
    // SAFETY: the caller answers for the device.
    unsafe {
        asm!("out dx, ax", in("dx") port, in("ax") value, options(nostack, preserves_flags));
    }
}

/// Reads 16 bits from an I/O port.
///
/// # Safety
///
/// As for [`in8`].
pub unsafe fn in16(port: u16) -> u16 {
    let value;
    // SAFETY: no memory is touched; the caller answers for the device.
    unsafe {
        asm!("in ax, dx", in("dx") port, out("ax") value, options(nostack, preserves_flags));
    }
    value
}

/// Reads 32 bits from an I/O port.
///
/// # Safety
///
/// As for [`in8`].
pub unsafe fn in32(port: u16) -> u32 {
    let value;
    // SAFETY: no memory is touched; the caller answers for the device.
    unsafe {
        asm!("in eax, dx", in("dx") port, out("eax") value, options(nostack, preserves_flags));
    }
    value
}

/// Writes 32 bits to an I/O port.
///
/// # Safety
///
/// As for [`out8`].
pub unsafe fn out32(port: u16, value: u32) {
    // SAFETY: the caller answers for the device.
    unsafe {
        asm!("out dx, eax", in("dx") port, in("eax") value, options(nostack, preserves_flags));
    }
}

/// Reads a model-specific register.
///
/// # Safety
///
/// The processor has to have it.
pub unsafe fn read_msr(register: u32) -> u64 {
    let (low, high): (u32, u32);
    // SAFETY: the caller knows that the register is there; reading changes nothing.
    unsafe {
        asm!("rdmsr", in("ecx") register, out("eax") low, out("edx") high,
            options(nostack, preserves_flags));
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Writes a model-specific register.
///
/// # Safety
///
/// The processor has to have it, and the value must not break what Rust
/// relies on.
pub unsafe fn write_msr(register: u32, value: u64) {
    // SAFETY: the caller answers for register and value.
    unsafe {
        asm!("wrmsr", in("ecx") register, in("eax") value as u32, in("edx") (value >> 32) as u32,
            options(nostack, preserves_flags));
    }
}

/// One leaf of the processor's identification.
pub fn cpuid(leaf: u32) -> CpuidResult {
    __cpuid(leaf)
}

/// The time stamp counter.
pub fn tsc() -> u64 {
    // SAFETY: every x86-64 processor has it, and nothing forbids it here.
    unsafe { _rdtsc() }
}

/// A number from the processor's generator, where it has one that works.
pub fn random() -> Option<u64> {
    const RDRAND: u32 = 1 << 30;
    if cpuid(1).ecx & RDRAND == 0 {
        return None;
    }
    // It may run dry for a moment: Intel advises ten attempts.
    for _ in 0..10 {
        let (number, good): (u64, u8);
        // SAFETY: the processor has the instruction, which touches registers alone.
        unsafe {
            asm!("rdrand {}", "setc {}", out(reg) number, out(reg_byte) good, options(nomem, nostack));
        }
        // Broken generators exist that give all ones and call it good.
        if good == 1 && number != u64::MAX {
            return Some(number);
        }
    }
    None
}

/// Stops for good.
pub fn halt() -> ! {
    loop {
        // SAFETY: with interrupts off only an NMI ends this, and then it is done again.
        unsafe { asm!("cli", "hlt", options(nomem, nostack)) };
    }
}

/// Waits for an interrupt, which is taken; interrupts are off before and after.
#[cfg(feature = "virtio")]
pub fn wait() {
    // SAFETY: what handles the interrupt changes nothing but where this goes on,
    // and whether interrupts are on there.
    unsafe { super::interrupts::wait_for_interrupt() };
}
