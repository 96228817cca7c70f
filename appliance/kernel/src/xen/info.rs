//! The page that Xen shares with every guest: event channels and the clock.

use core::sync::atomic::{Ordering, fence};

use super::{
    Page, Port,
    abi::shared_info::{MASK, PENDING, PENDING_SEL, TIME, UPCALL_PENDING, WALL_CLOCK, WORDS},
};

/// How often a clock that is just being written is read again. Xen writes it in
/// nanoseconds; one that never settles is not Xen's.
const TRIES: u32 = 1000;

/// The shared page.
#[derive(Debug, Clone, Copy)]
pub struct SharedInfo(&'static Page);

/// What the clock's fields said at one moment: nanoseconds since the guest's
/// boot are a function of the processor's counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// The counter when the fields were written.
    counter: u64,
    /// Nanoseconds at that time.
    nanos: u64,
    /// Nanoseconds for a tick, as a 32-bit binary fraction...
    multiplier: u32,
    /// ...of the ticks shifted left by this (right if negative).
    shift: i8,
}

impl Clock {
    /// One that was never set.
    pub const STOPPED: Self = Self {
        counter: 0,
        nanos: 0,
        multiplier: 0,
        shift: 0,
    };

    /// The time when the counter stands at `counter`.
    pub fn nanos(&self, counter: u64) -> u64 {
        let ticks = u128::from(counter.saturating_sub(self.counter));
        let shifted = if self.shift < 0 {
            ticks >> self.shift.unsigned_abs().min(127)
        } else {
            // 63 is beyond any processor; more would lose the number.
            ticks << self.shift.unsigned_abs().min(63)
        };
        let passed = shifted.wrapping_mul(u128::from(self.multiplier)) >> 32;
        self.nanos.wrapping_add(passed as u64)
    }
}

impl SharedInfo {
    /// On the page where Xen put it.
    pub const fn new(page: &'static Page) -> Self {
        Self(page)
    }

    /// Lets the events of every channel raise the upcall. What came on a masked
    /// one before did not: look at everything once after this.
    pub fn unmask(&self) {
        for word in 0..WORDS {
            self.0.atomic64(MASK + word * 8).store(0, Ordering::SeqCst);
        }
    }

    /// Takes note of all events, so that the next one raises the upcall again;
    /// whether one was `asked`'s. Which of the others came is not told: whoever
    /// is woken looks at everything, and looking is two loads a device.
    pub fn drain(&self, asked: Port) -> bool {
        let mut found = false;
        // Before the channels: an event that comes meanwhile sets it anew.
        self.0.store8(UPCALL_PENDING, 0);
        let mut words = self.0.atomic64(PENDING_SEL).swap(0, Ordering::SeqCst);
        while words != 0 {
            let word = words.trailing_zeros() as usize;
            words &= words - 1;
            let pending = self.0.atomic64(PENDING + word * 8);
            let pending = pending.swap(0, Ordering::SeqCst);
            found |= asked.0 as usize / 64 == word && pending >> (asked.0 % 64) & 1 != 0;
        }
        found
    }

    /// The clock's fields. `None` if they never hold still.
    pub fn clock(&self) -> Option<Clock> {
        for _ in 0..TRIES {
            let version = self.0.load32(TIME);
            fence(Ordering::Acquire);
            let clock = Clock {
                counter: self.0.load64(TIME + 8),
                nanos: self.0.load64(TIME + 16),
                multiplier: self.0.load32(TIME + 24),
                shift: self.0.load8(TIME + 28).cast_signed(),
            };
            fence(Ordering::Acquire);
            if version & 1 == 0 && self.0.load32(TIME) == version {
                return Some(clock);
            }
        }
        None
    }

    /// When the guest's clock stood at zero: seconds and nanoseconds since 1970.
    pub fn wall_clock(&self) -> Option<(u64, u32)> {
        for _ in 0..TRIES {
            let version = self.0.load32(WALL_CLOCK);
            fence(Ordering::Acquire);
            let low = self.0.load32(WALL_CLOCK + 4);
            let nanos = self.0.load32(WALL_CLOCK + 8);
            let high = self.0.load32(WALL_CLOCK + 12);
            fence(Ordering::Acquire);
            if version & 1 == 0 && self.0.load32(WALL_CLOCK) == version {
                let seconds = u64::from(high) << 32 | u64::from(low);
                return Some((seconds, nanos % 1_000_000_000));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::boxed::Box;

    fn info() -> (SharedInfo, &'static Page) {
        let page: &'static Page = Box::leak(Box::new(Page::new()));
        (SharedInfo::new(page), page)
    }

    #[test]
    fn draining_leaves_no_event_behind() {
        let (info, page) = info();
        page.store8(UPCALL_PENDING, 1);
        page.store64(PENDING_SEL, 1 << 63 | 1 << 1);
        page.store64(PENDING + 8, 1 << 3);
        page.store64(PENDING + 63 * 8, u64::MAX);
        // Not selected: Xen is just about to.
        page.store64(PENDING + 16, 1);
        assert!(info.drain(Port(67)));
        assert!(!info.drain(Port(67)));
        assert_eq!(page.load8(UPCALL_PENDING), 0);
        assert_eq!(page.load64(PENDING_SEL), 0);
        assert_eq!(page.load64(PENDING + 8), 0);
        assert_eq!(page.load64(PENDING + 63 * 8), 0);
        assert_eq!(page.load64(PENDING + 16), 1);
    }

    #[test]
    fn only_the_channel_that_is_asked_for_is_told() {
        let (info, page) = info();
        for (port, bits, told) in [(0, 1, true), (1, 1, false), (63, 1 << 63, true)] {
            page.store64(PENDING_SEL, 1);
            page.store64(PENDING, bits);
            assert_eq!(info.drain(Port(port)), told, "{port}");
        }
        page.store64(PENDING_SEL, 1);
        page.store64(PENDING, u64::MAX);
        assert!(!info.drain(Port(u32::MAX)));
    }

    #[test]
    fn unmasking_opens_every_channel_and_touches_nothing_else() {
        let (info, page) = info();
        for at in (0..4096).step_by(8) {
            page.store64(at, u64::MAX);
        }
        info.unmask();
        for at in (0..4096).step_by(8) {
            let masks = (MASK..WALL_CLOCK).contains(&at);
            assert_eq!(page.load64(at), if masks { 0 } else { u64::MAX }, "{at}");
        }
    }

    #[test]
    fn the_clock_counts_nanoseconds() {
        let (info, page) = info();
        page.store64(TIME + 8, 1000);
        page.store64(TIME + 16, 5_000_000_000);
        // 2 GHz: half a nanosecond a tick.
        page.store32(TIME + 24, 1 << 31);
        let clock = info.clock().unwrap();
        assert_eq!(clock.nanos(1000), 5_000_000_000);
        assert_eq!(clock.nanos(3000), 5_000_001_000);
        assert_eq!(clock.nanos(0), 5_000_000_000);
        // 4 GHz as Xen writes it: shift -1.
        page.store8(TIME + 28, 0xff);
        assert_eq!(info.clock().unwrap().nanos(5000), 5_000_001_000);
        for shift in 0..=255 {
            page.store8(TIME + 28, shift);
            page.store32(TIME + 24, u32::MAX);
            info.clock().unwrap().nanos(u64::MAX);
        }
    }

    #[test]
    fn a_clock_that_is_always_being_written_is_given_up() {
        let (info, page) = info();
        page.store32(TIME, 3);
        page.store32(WALL_CLOCK, 3);
        assert_eq!(info.clock(), None);
        assert_eq!(info.wall_clock(), None);
    }

    #[test]
    fn the_wall_clock_goes_on_after_2106() {
        let (info, page) = info();
        page.store32(WALL_CLOCK + 4, 5);
        page.store32(WALL_CLOCK + 8, 7);
        page.store32(WALL_CLOCK + 12, 1);
        assert_eq!(info.wall_clock(), Some(((1 << 32) + 5, 7)));
    }
}
