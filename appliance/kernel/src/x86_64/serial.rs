//! The console: the first serial port (16550).
//!
//! Where there is none, what is written goes nowhere; where nobody takes it, a
//! byte waits a bounded time and is lost.

use super::cpu::{in8, out8};

const PORT: u16 = 0x3f8;
const LINE_STATUS: u16 = PORT + 5;
const TRANSMITTER_EMPTY: u8 = 1 << 5;

/// How often the transmitter is asked before a byte is given up.
const PATIENCE: u32 = 100_000;

/// 115200 baud, 8 bits, no parity, FIFOs on, no interrupts.
pub fn init() {
    const SETTINGS: [(u16, u8); 7] = [
        (1, 0x00),
        (3, 0x80),
        (0, 0x01),
        (1, 0x00),
        (3, 0x03),
        (2, 0x07),
        (4, 0x03),
    ];
    for (register, value) in SETTINGS {
        // SAFETY: a serial port touches no memory.
        unsafe { out8(PORT + register, value) };
    }
}

/// Writes a byte.
fn put(byte: u8) {
    for _ in 0..PATIENCE {
        // SAFETY: reading the line status takes nothing away but error flags.
        if unsafe { in8(LINE_STATUS) } & TRANSMITTER_EMPTY != 0 {
            break;
        }
    }
    // SAFETY: a serial port touches no memory.
    unsafe { out8(PORT, byte) };
}

/// Writes text; lines end as terminals want it.
pub fn write(text: &str) {
    for byte in text.bytes() {
        if byte == b'\n' {
            put(b'\r');
        }
        put(byte);
    }
}
