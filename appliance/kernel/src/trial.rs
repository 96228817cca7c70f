//! Errors made on purpose, so that tests see how a kernel ends on them.
//!
//! `applgen.test=panic`, `applgen.test=stack`, `applgen.test=write@ADDRESS`,
//! `applgen.test=run@ADDRESS`: a panic; a stack that overruns; a byte written
//! to an address, a jump to one. Whoever gives the command line owns the guest
//! anyway. Words with a dot are passed over by the boot words.

use core::{arch::asm, hint::black_box, ptr};

/// What comes before the words.
const PREFIX: &str = "applgen.test=";

/// Whether the command line asks for the number of ticks, on most machines
/// instructions or nanoseconds, from the first instruction to `listening`:
/// `applgen.test=ticks`.
pub fn wants_ticks(command_line: &str) -> bool {
    wanted(command_line).any(|word| word == "ticks")
}

/// Makes the error that the command line asks for, if it does.
pub fn run(command_line: &str) {
    for word in wanted(command_line) {
        let address = address(word);
        match word.as_bytes().first() {
            Some(b'p') => panic!(),
            Some(b's') => _ = overrun(0),
            // SAFETY: none; that is what is tried.
            Some(b'w') => unsafe {
                let place = ptr::with_exposed_provenance_mut::<u8>(address);
                place.write_volatile(place.read_volatile());
            },
            // SAFETY: as above.
            Some(b'r') => unsafe { asm!("call {}", in(reg) address, clobber_abi("C")) },
            _ => {}
        }
    }
}

fn wanted(command_line: &str) -> impl Iterator<Item = &str> {
    let words = command_line.split_ascii_whitespace();
    words.filter_map(|word| word.strip_prefix(PREFIX))
}

/// The hexadecimal number behind the `x`.
fn address(word: &str) -> usize {
    let digits = word.bytes().skip_while(|&byte| byte != b'x').skip(1);
    digits.fold(0, |address, byte| {
        let digit = char::from(byte).to_digit(16).unwrap_or(0);
        address << 4 | digit as usize
    })
}

/// Calls itself for ever.
fn overrun(depth: u64) -> u64 {
    let used = black_box([depth; 64]);
    if used[0] == u64::MAX {
        return 0;
    }
    overrun(depth + 1) + used[1]
}
