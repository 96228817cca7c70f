//! Segments, exceptions, interrupts.
//!
//! Interrupts are off but for the moment of waiting ([`super::cpu::wait`]), so
//! that one needs to do nothing: it wakes, and whoever waited looks at every
//! device. Its handler leaves interrupts off for the code that it returns to,
//! since a level-triggered source would strike again before that could.
//!
//! Everything is handled on a stack of its own (IST): code for this target uses
//! a red zone below its stack pointer, and an overrun stack cannot be used.

use core::arch::{asm, global_asm};
use core::cell::UnsafeCell;
#[cfg(feature = "virtio")]
use core::sync::atomic::{AtomicBool, Ordering};

/// Exceptions have the first 32 vectors; these are the interrupts'.
pub mod vector {
    /// The timer of the local APIC.
    pub const TIMER: u8 = 32;
    /// A network device.
    pub const NETWORK: u8 = 33;
    /// The power button.
    pub const POWER: u8 = 34;
    /// An event of Xen's.
    pub const UPCALL: u8 = 35;
    /// What the local APIC says when it has nothing to say; a multiple of 16
    /// less one, as old ones want it.
    pub const SPURIOUS: u8 = 47;
}

const VECTORS: usize = 48;
const EXCEPTIONS: usize = 32;
#[cfg(feature = "virtio")]
const POWER: usize = vector::POWER as usize;

/// Where the stub for each exception lies from the first one's, in bytes.
const STUB_BYTES: usize = 16;

/// What the processor pushed, below it the vector.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Frame {
    /// Which exception.
    pub vector: u64,
    /// Its error code, or 0.
    pub error: u64,
    /// The instruction.
    pub instruction: u64,
    code_segment: u64,
    flags: u64,
    /// The stack pointer.
    pub stack: u64,
}

global_asm!(
    r#"
    .section .bss.ist, "aw", @nobits
    .balign 16
    .skip 8192
ist_top:

    .section .text.interrupts, "ax", @progbits
    .balign 16
    .globl exception_stubs
exception_stubs:
    .set vector, 0
    .rept 32
    .balign 16
    .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    push 0
    .endif
    push vector
    jmp 2f
    .set vector, vector + 1
    .endr
    .balign 16
2:  cld
    mov rdi, rsp
    and rsp, -16
    call {exception}
    ud2
    "#,
    exception = sym exception,
);

#[cfg(feature = "virtio")]
global_asm!(
    r#"
    .section .text.interrupts, "ax", @progbits
    .globl interrupt_stub, power_stub
power_stub:
    mov byte ptr [{power_event}], 1
interrupt_stub:
    # Before the processor halted: it is not to, it would not wake. `sti` holds
    # interrupts off for one instruction, but emulators that were left in between
    # (SVM's in QEMU, under a hypervisor) forget that.
    cmp qword ptr [rsp], offset halt
    jne 3f
    inc qword ptr [rsp]
3:  and dword ptr [rsp + 16], ~0x200
    iretq

    .globl wait_for_interrupt
wait_for_interrupt:
    sti
halt:
    hlt
    cli
    ret
    "#,
    power_event = sym POWER_EVENT,
);

/// Whether an interrupt about the power button has come. The only interrupt
/// that leaves a trace, so that the events' registers need not be asked each time.
#[cfg(feature = "virtio")]
static POWER_EVENT: AtomicBool = AtomicBool::new(false);

/// Whether there was an interrupt about the power button since the last time.
#[cfg(feature = "virtio")]
pub fn take_power_event() -> bool {
    POWER_EVENT.swap(false, Ordering::Relaxed)
}

unsafe extern "C" {
    /// Interrupts on, until one was taken; off afterwards.
    #[cfg(feature = "virtio")]
    pub(super) fn wait_for_interrupt();
    static exception_stubs: u8;
    /// With feature `xen` its upcall's.
    static interrupt_stub: u8;
    #[cfg(feature = "virtio")]
    static power_stub: u8;
    static ist_top: u8;
}

extern "C" fn exception(frame: &Frame) -> ! {
    let fault_address: u64;
    // SAFETY: reading CR2 touches nothing.
    unsafe { asm!("mov {}, cr2", out(reg) fault_address, options(nomem, nostack)) };
    crate::start::exception(frame, fault_address)
}

/// A value that is made once and then read by the processor.
#[repr(C, align(16))]
struct Made<T>(UnsafeCell<T>);

// SAFETY: written by one processor before the other reader, its own hardware,
// is told of it.
unsafe impl<T> Sync for Made<T> {}

/// The task state segment, for its stack pointers (Intel SDM volume 3, §8.7).
#[repr(C, packed(4))]
struct TaskState {
    reserved: u32,
    stacks: [u64; 3],
    reserved_too: u64,
    interrupt_stacks: [u64; 7],
    reserved_also: [u16; 5],
    io_map: u16,
}

static TASK_STATE: Made<TaskState> = Made(UnsafeCell::new(TaskState {
    reserved: 0,
    stacks: [0; 3],
    reserved_too: 0,
    interrupt_stacks: [0; 7],
    reserved_also: [0; 5],
    io_map: size_of::<TaskState>() as u16,
}));

/// Nothing, code, data, and the task state's two halves.
static GDT: Made<[u64; 5]> = Made(UnsafeCell::new([
    0,
    0x00af_9b00_0000_ffff,
    0x00cf_9300_0000_ffff,
    0,
    0,
]));
const CODE: u64 = 8;
const TASK: u16 = 24;

static IDT: Made<[[u64; 2]; VECTORS]> = Made(UnsafeCell::new([[0; 2]; VECTORS]));

/// What `lgdt` and `lidt` take.
#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

/// Puts the tables into force. Interrupts stay off.
pub fn init() {
    let stubs = (&raw const exception_stubs).addr();
    let wake = (&raw const interrupt_stub).addr();
    #[cfg(feature = "virtio")]
    let power = (&raw const power_stub).addr();
    let task_state = TASK_STATE.0.get();
    let task_address = task_state.addr() as u64;
    let limit = size_of::<TaskState>() as u64 - 1;
    // SAFETY: nothing else refers to the tables yet, neither Rust nor the
    // processor; the segments are those that the boot code runs in.
    unsafe {
        (*task_state).interrupt_stacks[0] = (&raw const ist_top).addr() as u64;
        let gdt = GDT.0.get();
        // An available 64-bit task state, its base in four pieces.
        (*gdt)[3] = limit
            | (task_address & 0xff_ffff) << 16
            | 0x89 << 40
            | (task_address >> 24 & 0xff) << 56;
        (*gdt)[4] = task_address >> 32;
        let idt = IDT.0.get();
        for (index, gate) in (*idt).iter_mut().enumerate() {
            let handler = match index {
                0..EXCEPTIONS => stubs + index * STUB_BYTES,
                #[cfg(feature = "virtio")]
                POWER => power,
                _ => wake,
            };
            *gate = self::gate(handler);
        }
        let gdt = Pointer {
            limit: (size_of::<[u64; 5]>() - 1) as u16,
            base: gdt.addr() as u64,
        };
        let idt = Pointer {
            limit: (size_of::<[[u64; 2]; VECTORS]>() - 1) as u16,
            base: idt.addr() as u64,
        };
        asm!("lgdt [{}]", "lidt [{}]", "ltr {:x}",
            in(reg) &raw const gdt, in(reg) &raw const idt, in(reg) TASK, options(nostack));
    }
}

/// An interrupt gate on the first interrupt stack (Intel SDM volume 3, §6.14).
fn gate(handler: usize) -> [u64; 2] {
    let handler = handler as u64;
    let low = handler & 0xffff | CODE << 16 | 1 << 32 | 0x8e << 40 | (handler >> 16 & 0xffff) << 48;
    [low, handler >> 32]
}
