//! Sleeping until an event comes: the halted processor and the upcall that wakes it.
//!
//! Xen interrupts by a vector of the processor's, past any controller, for as long
//! as the shared page says that an event is pending (`evtchn_upcall_pending`), and
//! having done so looks whether to do it again. So the handler takes that word back
//! itself, before anything else, and interrupts stay off after it: no event strikes
//! twice. Which channels have something to say stays in the page for whoever waited.
//!
//! Looking and halting are one step: an event that comes after the look strikes
//! between here and the halt, and what strikes anywhere in [`wait`] goes on at its
//! end. (`sti` holds interrupts off until the halt has begun, but QEMU's SVM forgets
//! that when it was left in between; and Xen powers off what halts with interrupts
//! off.)
//!
//! The handler does not go back by the frame that the processor pushed, since that
//! may be gone. QEMU's SVM injects an interrupt and forgets to forget it: if it is
//! told to leave its loop before the guest's next exit, it raises the same vector
//! again as an exception. On the handler's first instruction the second frame lies
//! upon the first (the stack is the interrupts' own, IST), and to return by it is to
//! arrive at the handler again, for ever: a guest that runs and does nothing. So
//! where it struck in `wait` or in the handler, it goes on at the end of `wait`, on
//! the stack that `wait` noted; elsewhere, with interrupts off, only that error can
//! have raised it, and it goes back to where it was. (In the
//! lab, with the emulator stopped and continued a hundred times a second through its
//! monitor, guests whose handler returned by its frame ran for ever within seconds,
//! four of five; of these none did.)

use core::{arch::global_asm, sync::atomic::AtomicU64};

use super::SHARED_INFO;
use crate::xen::abi::shared_info::{PENDING_SEL, UPCALL_PENDING};

/// The stack pointer of [`wait`], for the handler.
static STACK: AtomicU64 = AtomicU64::new(0);

global_asm!(
    r#"
    .section .text.interrupts, "ax", @progbits
    .globl interrupt_stub, wait_for_event
wait_for_event:
    mov [rip + {stack}], rsp
    cmp qword ptr [rip + {info} + {selector}], 0
    jne 2f
    sti
    hlt
2:  cli
    ret
interrupt_stub:
    mov byte ptr [rip + {info} + {pending}], 0
    cmp qword ptr [rsp], offset wait_for_event
    jb upcall_elsewhere
    cmp qword ptr [rsp], offset upcall_elsewhere
    jae upcall_elsewhere
    mov rsp, [rip + {stack}]
    ret
upcall_elsewhere:
    iretq
    "#,
    stack = sym STACK,
    info = sym SHARED_INFO,
    selector = const PENDING_SEL,
    pending = const UPCALL_PENDING,
);

unsafe extern "C" {
    fn wait_for_event();
}

/// Halts until an event is there, at once if one is; also for none, now and then.
/// Interrupts are off before and after.
pub fn wait() {
    // SAFETY: what handles the upcall changes a byte of the shared page, and where
    // this goes on. It needs the registers of no caller, and the interrupts' own
    // stack holds nothing meanwhile.
    unsafe { wait_for_event() };
}
