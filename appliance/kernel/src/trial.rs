//! Errors made on purpose, so that tests see how a kernel ends on them.
//!
//! `applgen.test=panic`, `applgen.test=stack`, `applgen.test=write@ADDRESS`,
//! `applgen.test=run@ADDRESS`: a panic; a stack that overruns; a byte written
//! to an address, a jump to one. Whoever gives the command line owns the guest
//! anyway. Words with a dot are passed over by the boot words.

use core::{arch::asm, hint::black_box, ptr};

/// Makes the error that the command line asks for, if it does.
pub fn run(command_line: &str) {
    for word in command_line.split_ascii_whitespace() {
        let Some(wanted) = word.strip_prefix("applgen.test=") else {
            continue;
        };
        let (what, address) = wanted.split_once("@0x").unwrap_or((wanted, ""));
        let address = usize::from_str_radix(address, 16).unwrap_or(0);
        match what {
            "panic" => panic!("asked for"),
            "stack" => _ = overrun(0),
            // SAFETY: none; that is what is tried.
            "write" => unsafe {
                let place = ptr::with_exposed_provenance_mut::<u8>(address);
                place.write_volatile(place.read_volatile());
            },
            // SAFETY: as above.
            "run" => unsafe { asm!("call {}", in(reg) address, clobber_abi("C")) },
            _ => {}
        }
    }
}

/// Calls itself for ever.
fn overrun(depth: u64) -> u64 {
    let used = black_box([depth; 64]);
    if used[0] == u64::MAX {
        return 0;
    }
    overrun(depth + 1) + used[1]
}
