//! Reading the battery clock.

use super::cpu::{in8, out8};
use crate::rtc::Registers;

/// Seconds since 1970, where there is such a clock.
pub fn read() -> Option<u64> {
    const UPDATING: u8 = 1 << 7;
    // An update takes two milliseconds, once a second. Two readings that agree
    // had none in between. Where no clock is, all bits are set.
    let mut earlier = None;
    for _ in 0..20_000 {
        match register(10) {
            0xff => return None,
            status if status & UPDATING != 0 => continue,
            _ => {}
        }
        let read = Registers {
            seconds: register(0),
            minutes: register(2),
            hours: register(4),
            day: register(7),
            month: register(8),
            year: register(9),
            century: register(0x32),
            status: register(11),
        };
        if earlier == Some(read) {
            return read.unix_seconds();
        }
        earlier = Some(read);
    }
    None
}

fn register(index: u8) -> u8 {
    // SAFETY: the registers are chosen and read; reading these changes nothing.
    // NMIs stay masked, as the top bit says.
    unsafe {
        out8(0x70, 0x80 | index);
        in8(0x71)
    }
}
