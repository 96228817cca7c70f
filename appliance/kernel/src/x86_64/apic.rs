//! Interrupt controllers: the local APIC with its timer, and I/O APICs. The old
//! pair of PICs is silenced, since their vectors are those of exceptions.

use super::cpu::{cpuid, out8, read_msr, write_msr};
use super::interrupts::vector;
use core::ptr;

const APIC_BASE: u32 = 0x1b;
const TSC_DEADLINE: u32 = 0x6e0;

/// Registers of the local APIC (Intel SDM volume 3, table 11-1).
mod local {
    pub const ID: u64 = 0x20;
    pub const TASK_PRIORITY: u64 = 0x80;
    pub const END_OF_INTERRUPT: u64 = 0xb0;
    pub const SPURIOUS: u64 = 0xf0;
    pub const LVT_TIMER: u64 = 0x320;
    pub const LVT_LINT0: u64 = 0x350;
    pub const INITIAL_COUNT: u64 = 0x380;
    pub const CURRENT_COUNT: u64 = 0x390;
    pub const DIVIDE: u64 = 0x3e0;
    /// Divide by one.
    pub const BY_ONE: u32 = 0b1011;
    pub const MASKED: u32 = 1 << 16;
    pub const ENABLED: u32 = 1 << 8;
    pub const MODE_DEADLINE: u32 = 2 << 17;
}

/// The processor's own interrupt controller.
#[derive(Debug)]
pub struct LocalApic {
    base: u64,
    /// Whether the timer takes a time stamp instead of a count.
    has_deadline: bool,
}

impl LocalApic {
    /// Switches it on, with the timer not running.
    pub fn init() -> Self {
        // Both PICs: every line masked.
        // SAFETY: masking silences devices that nobody listens to.
        unsafe {
            out8(0x21, 0xff);
            out8(0xa1, 0xff);
        }
        // SAFETY: every 64-bit processor has the register. It leaves x2APIC
        // mode only by being switched off.
        let base = unsafe {
            const ON: u64 = 1 << 11;
            const X2APIC: u64 = 1 << 10;
            let value = read_msr(APIC_BASE);
            if value & X2APIC != 0 {
                write_msr(APIC_BASE, value & !(ON | X2APIC));
            }
            write_msr(APIC_BASE, value & !X2APIC | ON);
            value & 0xffff_f000
        };
        let has_deadline = cpuid(1).ecx & 1 << 24 != 0;
        let apic = Self { base, has_deadline };
        apic.write(local::TASK_PRIORITY, 0);
        apic.write(local::LVT_LINT0, local::MASKED);
        apic.write(local::DIVIDE, local::BY_ONE);
        let mode = if has_deadline {
            local::MODE_DEADLINE
        } else {
            0
        };
        apic.write(local::LVT_TIMER, u32::from(vector::TIMER) | mode);
        apic.write(
            local::SPURIOUS,
            local::ENABLED | u32::from(vector::SPURIOUS),
        );
        apic
    }

    /// Its number, which interrupts are sent to.
    pub fn id(&self) -> u8 {
        (self.read(local::ID) >> 24) as u8
    }

    /// Says that the interrupt that ended [`super::cpu::wait`] was handled.
    pub fn end_of_interrupt(&self) {
        self.write(local::END_OF_INTERRUPT, 0);
    }

    /// Whether the timer takes a time stamp ([`Self::wake_at`]) and not a count.
    pub fn has_deadline(&self) -> bool {
        self.has_deadline
    }

    /// Interrupts when the time stamp counter gets there; 0: not at all.
    pub fn wake_at(&self, tsc: u64) {
        // SAFETY: the processor has the register, `has_deadline` says.
        unsafe { write_msr(TSC_DEADLINE, tsc) };
    }

    /// Interrupts after so many ticks of the timer; 0: not at all.
    pub fn wake_after(&self, ticks: u32) {
        self.write(local::INITIAL_COUNT, ticks);
    }

    /// Ticks that are left.
    pub fn ticks_left(&self) -> u32 {
        self.read(local::CURRENT_COUNT)
    }

    fn read(&self, register: u64) -> u32 {
        let register = ptr::with_exposed_provenance::<u32>((self.base + register) as usize);
        // SAFETY: the registers are mapped, and reading these changes nothing.
        unsafe { register.read_volatile() }
    }

    fn write(&self, register: u64, value: u32) {
        let register = ptr::with_exposed_provenance_mut::<u32>((self.base + register) as usize);
        // SAFETY: the registers are mapped; what is written only concerns
        // interrupts, which are off but while they are waited for.
        unsafe { register.write_volatile(value) };
    }
}

/// Leads an I/O APIC's input to the processor with this local APIC.
///
/// Edge-triggered, as monitors for virtio raise them: a device's line has to
/// fall before it can rise, so it is acknowledged before its queues are looked at.
///
/// # Safety
///
/// An I/O APIC has to be at `base`.
pub unsafe fn route(base: u64, input: u8, vector: u8, apic_id: u8) {
    let index = 0x10 + u32::from(input) * 2;
    let select = ptr::with_exposed_provenance_mut::<u32>(base as usize);
    let window = select.wrapping_byte_add(0x10);
    // SAFETY: the caller knows that the registers are there.
    unsafe {
        select.write_volatile(index + 1);
        window.write_volatile(u32::from(apic_id) << 24);
        select.write_volatile(index);
        window.write_volatile(vector.into());
    }
}

/// How many inputs the I/O APIC at `base` has.
///
/// # Safety
///
/// As for [`route`].
pub unsafe fn inputs(base: u64) -> u32 {
    let select = ptr::with_exposed_provenance_mut::<u32>(base as usize);
    // SAFETY: the caller knows that the registers are there.
    unsafe {
        select.write_volatile(1);
        (select.wrapping_byte_add(0x10).read_volatile() >> 16 & 0xff) + 1
    }
}

/// Where a message-signalled interrupt is written to, and what, to reach the
/// processor with this local APIC.
pub fn message(vector: u8, apic_id: u8) -> (u64, u32) {
    (0xfee0_0000 | u64::from(apic_id) << 12, vector.into())
}
