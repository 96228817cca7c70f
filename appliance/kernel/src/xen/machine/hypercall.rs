//! Calling the hypervisor.
//!
//! The instruction is made here and not called in Xen's hypercall page: since
//! XSA-466 guests are told not to use the page, whose bare returns speculation
//! can abuse, and a page that must be executable is 4 kB more. Which of the two
//! instructions it is, the processor's maker decides.

use core::{
    arch::asm,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    x86_64::cpu::cpuid,
    xen::{
        Domain, Page, Port, Refused,
        abi::{self, event_channel, hvm, hypercall, memory, sched},
    },
};

/// `vmmcall`, as AMD's processors have it; `vmcall` otherwise.
static AMD: AtomicBool = AtomicBool::new(false);

/// Whether this is a Xen, and then its version as (major, minor). To be called
/// before anything else here.
pub fn find() -> Option<(u16, u16)> {
    const HYPERVISOR: u32 = 1 << 31;
    if cpuid(1).ecx & HYPERVISOR == 0 {
        return None;
    }
    let leaf = (abi::cpuid::FIRST..abi::cpuid::LAST)
        .step_by(abi::cpuid::STEP as usize)
        .find(|leaf| {
            let answer = cpuid(*leaf);
            [answer.ebx, answer.ecx, answer.edx] == abi::cpuid::SIGNATURE
        })?;
    // `AuthenticAMD` and `HygonGenuine`, by their first letters.
    let maker = cpuid(0).ebx;
    let amd = maker == u32::from_le_bytes(*b"Auth") || maker == u32::from_le_bytes(*b"Hygo");
    AMD.store(amd, Ordering::Relaxed);
    let version = cpuid(leaf + 1).eax;
    Some(((version >> 16) as u16, version as u16))
}

/// # Safety
///
/// Whatever the hypercall reads or writes has to be good for that, and nothing
/// that Rust relies on may change by it.
unsafe fn call(number: u32, one: u64, two: u64) -> Result<u64, Refused> {
    let result: i64;
    // SAFETY: the caller answers for what the call does. Xen may change the
    // registers of the arguments, and no others. The stack is not used, but
    // memory is.
    unsafe {
        if AMD.load(Ordering::Relaxed) {
            asm!("vmmcall", inlateout("rax") u64::from(number) => result,
                inlateout("rdi") one => _, inlateout("rsi") two => _, options(nostack));
        } else {
            asm!("vmcall", inlateout("rax") u64::from(number) => result,
                inlateout("rdi") one => _, inlateout("rsi") two => _, options(nostack));
        }
    }
    match u64::try_from(result) {
        Ok(value) => Ok(value),
        Err(_) => Err(Refused(-result)),
    }
}

/// One that takes the address of a structure, which it may write to.
///
/// # Safety
///
/// As for [`call`], of everything that the structure speaks of.
unsafe fn call_with<T>(number: u32, operation: u64, argument: &mut T) -> Result<u64, Refused> {
    // SAFETY: the structure is Xen's for the call; memory is mapped one to one.
    unsafe {
        call(
            number,
            operation,
            (&raw mut *argument).expose_provenance() as u64,
        )
    }
}

/// Puts one of Xen's frames in the place of a page.
///
/// # Safety
///
/// The page's content is gone; nothing may refer into it.
pub unsafe fn place(page: &Page, space: u32, index: u64) -> Result<(), Refused> {
    let mut argument = memory::AddToPhysmap {
        domain: memory::DOMID_SELF,
        size: 0,
        space,
        index,
        frame: (page.address() / crate::xen::PAGE_BYTES) as u64,
    };
    // SAFETY: one page changes, which is the caller's.
    unsafe { call_with(hypercall::MEMORY_OP, memory::ADD_TO_PHYSMAP, &mut argument).map(drop) }
}

/// A parameter of the domain.
pub fn parameter(index: u32) -> Result<u64, Refused> {
    let mut argument = hvm::Param {
        domain: memory::DOMID_SELF,
        pad: 0,
        index,
        value: 0,
    };
    // SAFETY: only the structure is written.
    unsafe { call_with(hypercall::HVM_OP, hvm::GET_PARAM, &mut argument)? };
    Ok(argument.value)
}

/// A channel that another domain may bind to.
pub fn allocate_port(remote: Domain) -> Result<Port, Refused> {
    let mut argument = event_channel::AllocUnbound {
        domain: memory::DOMID_SELF,
        remote,
        port: 0,
    };
    // SAFETY: only the structure is written.
    unsafe {
        call_with(
            hypercall::EVENT_CHANNEL_OP,
            event_channel::ALLOC_UNBOUND,
            &mut argument,
        )?;
    }
    Ok(Port(argument.port))
}

/// Sends an event, or closes a channel: `event_channel::SEND`, `CLOSE`.
pub fn channel(operation: u64, mut port: Port) {
    // A channel whose other end is gone is no error to stop for.
    // SAFETY: Xen reads the port's number, and no memory of ours changes.
    let _ = unsafe { call_with(hypercall::EVENT_CHANNEL_OP, operation, &mut port.0) };
}

/// The channel of one of Xen's own events, for the first processor.
pub fn bind_virq(virq: u32) -> Result<Port, Refused> {
    let mut argument = event_channel::BindVirq {
        virq,
        vcpu: 0,
        port: 0,
    };
    // SAFETY: only the structure is written.
    unsafe {
        call_with(
            hypercall::EVENT_CHANNEL_OP,
            event_channel::BIND_VIRQ,
            &mut argument,
        )?;
    }
    Ok(Port(argument.port))
}

/// Makes events interrupt the processor by a vector.
///
/// # Safety
///
/// The vector's gate has to be in force, and its handler has to be one that
/// tells no controller of the interrupt's end.
pub unsafe fn interrupt_by(vector: u8) -> Result<(), Refused> {
    let mut argument = hvm::Param {
        domain: memory::DOMID_SELF,
        pad: 0,
        index: hvm::CALLBACK_IRQ,
        value: hvm::CALLBACK_VECTOR | u64::from(vector),
    };
    // SAFETY: the caller answers for the vector; no memory changes.
    unsafe { call_with(hypercall::HVM_OP, hvm::SET_PARAM, &mut argument).map(drop) }
}

/// Lets the timer's event come when Xen's clock says `nanos`, at once if it
/// does already; it comes once, in place of what was set before.
pub fn set_timer(nanos: u64) {
    // SAFETY: an event comes later, and no memory of ours changes.
    let _ = unsafe { call(hypercall::SET_TIMER_OP, nanos, 0) };
}

/// Ends the domain: `sched::POWEROFF`, `REBOOT` or `CRASH`, which the tool stack
/// acts on.
pub fn shutdown(mut reason: u32) {
    // SAFETY: nobody is left to mind.
    let _ = unsafe { call_with(hypercall::SCHED_OP, sched::SHUTDOWN, &mut reason) };
}
