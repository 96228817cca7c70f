//! The clock: nanoseconds from the time stamp counter.
//!
//! How fast that counts is known in one of these ways, the first that is there:
//! KVM tells in a page that it keeps up to date (pvclock); the processor or the
//! monitor tell the frequency; or it is measured against a timer of known
//! frequency, ACPI's or the PIT. An eighth of a millisecond is measured at the
//! start, which is right to two percent; the clock then mends itself, after a
//! longer while each time, until it is right to a millionth.

use super::cpu::{cpuid, in8, in32, out8, tsc, write_msr};
use super::rtc;
use crate::scale::Scale;
use core::cell::UnsafeCell;
use core::sync::atomic::{Ordering, compiler_fence};

/// How long is measured at the start: this part of a second.
const FIRST_PART: u64 = 8000;

/// When the clock is mended, nanoseconds after the start: each time after 16
/// times as long, until half an hour.
const FIRST_MENDING: u64 = 30_000_000;
const MENDING_GROWTH: u64 = 16;
const LAST_MENDING: u64 = 1_800_000_000_000;

/// What KVM writes (`struct pvclock_vcpu_time_info`).
#[repr(C, align(64))]
struct PvClock {
    version: u32,
    padding: u32,
    tsc: u64,
    nanoseconds: u64,
    multiplier: u32,
    shift: i8,
    flags: u8,
    padding_too: [u8; 2],
    /// `struct pvclock_wall_clock`, which is written once.
    wall_version: u32,
    wall_seconds: u32,
    wall_nanoseconds: u32,
}

struct Shared(UnsafeCell<PvClock>);

// SAFETY: read with volatile loads only, and written by the monitor alone.
unsafe impl Sync for Shared {}

// SAFETY: a section of zeros, for whole lines of 64 bytes.
#[unsafe(link_section = ".bss.lines")]
static SHARED: Shared = Shared(UnsafeCell::new(PvClock {
    version: 0,
    padding: 0,
    tsc: 0,
    nanoseconds: 0,
    multiplier: 0,
    shift: 0,
    flags: 0,
    padding_too: [0; 2],
    wall_version: 0,
    wall_seconds: 0,
    wall_nanoseconds: 0,
}));

/// A timer of known frequency.
#[derive(Debug, Clone, Copy)]
enum Timer {
    /// ACPI's, at this port: 24 bits.
    Acpi(u16),
    /// Channel 0 of the PIT, counting down through 16 bits.
    Pit,
}

impl Timer {
    fn hertz(self) -> u64 {
        match self {
            Self::Acpi(_) => 3_579_545,
            Self::Pit => 1_193_182,
        }
    }

    /// After how many ticks it begins anew.
    fn period(self) -> u64 {
        match self {
            Self::Acpi(_) => 1 << 24,
            Self::Pit => 1 << 16,
        }
    }

    /// Ticks so far, but for whole periods.
    fn count(self) -> u64 {
        match self {
            // SAFETY: the machine says that the timer is there; reading is harmless.
            Self::Acpi(port) => u64::from(unsafe { in32(port) }) & 0xff_ffff,
            Self::Pit => {
                // SAFETY: the counter is latched, then read; its interrupt is masked.
                let count = unsafe {
                    out8(0x43, 0);
                    u16::from_le_bytes([in8(0x40), in8(0x40)])
                };
                count.wrapping_neg().into()
            }
        }
    }

    /// The time stamp counter and the timer's count at one moment: of a few
    /// attempts the one that took least.
    fn sample(self) -> Sample {
        let mut best = Sample { tsc: 0, count: 0 };
        let mut least = u64::MAX;
        for _ in 0..4 {
            let before = tsc();
            let count = self.count();
            let took = tsc().wrapping_sub(before);
            if took < least {
                least = took;
                best = Sample {
                    tsc: before.wrapping_add(took / 2),
                    count,
                };
            }
        }
        best
    }

    /// Ticks from one count to a later one, at most a period after.
    fn between(self, earlier: u64, later: u64) -> u64 {
        later.wrapping_sub(earlier) & (self.period() - 1)
    }
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    tsc: u64,
    count: u64,
}

/// A clock that was measured, and is measured again.
#[derive(Debug)]
struct Measured {
    timer: Timer,
    start: Sample,
    /// When it is mended next, in nanoseconds after the start.
    next: u64,
}

/// The clock.
#[derive(Debug)]
pub struct Clock {
    scale: Scale,
    /// A moment, in ticks and in nanoseconds.
    ticks: u64,
    nanoseconds: u64,
    measured: Option<Measured>,
    is_pvclock: bool,
    /// Seconds since 1970 at a moment, in nanoseconds.
    wall: Option<(u64, u64)>,
}

impl Clock {
    /// The machine's clock, which starts at 0; `acpi_timer` is its port.
    pub fn find(acpi_timer: Option<u16>) -> Option<Self> {
        let mut clock = Self {
            scale: Scale::of_frequency(1_000_000_000),
            ticks: tsc(),
            nanoseconds: 0,
            measured: None,
            is_pvclock: false,
            wall: None,
        };
        if pvclock() {
            clock.is_pvclock = true;
            clock.follow();
            clock.wall = wall().map(|wall| (wall, 0));
        } else if let Some(hertz) = told_frequency() {
            clock.scale = Scale::of_frequency(hertz);
        } else {
            let timers = [acpi_timer.map(Timer::Acpi), Some(Timer::Pit)];
            clock.measure(timers.into_iter().flatten())?;
        }
        if clock.wall.is_none() {
            clock.set_by_rtc();
        }
        Some(clock)
    }

    /// Measures against the first timer that runs.
    fn measure(&mut self, timers: impl Iterator<Item = Timer>) -> Option<()> {
        for timer in timers {
            if matches!(timer, Timer::Pit) {
                // SAFETY: channel 0 counts down from 65536 again and again; its
                // interrupt is masked.
                unsafe {
                    out8(0x43, 0x34);
                    out8(0x40, 0);
                    out8(0x40, 0);
                }
            }
            let start = timer.sample();
            let wanted = timer.hertz() / FIRST_PART;
            // A timer that is not there stands still. The bound is by far more
            // than it takes.
            let mut patience = 1_000_000;
            while timer.between(start.count, timer.count()) < wanted {
                patience -= 1;
                if patience == 0 {
                    break;
                }
            }
            if patience == 0 {
                continue;
            }
            let end = timer.sample();
            let ticks = timer.between(start.count, end.count);
            let hertz = end.tsc.wrapping_sub(start.tsc) * timer.hertz() / ticks.max(1);
            self.scale = Scale::of_frequency(hertz);
            self.ticks = start.tsc;
            self.measured = Some(Measured {
                timer,
                start,
                next: FIRST_MENDING,
            });
            return Some(());
        }
        None
    }

    /// Nanoseconds since the start.
    pub fn now(&mut self) -> u64 {
        if self.is_pvclock {
            self.follow();
        }
        let now = self.at(tsc());
        if let Some(measured) = &self.measured
            && now >= measured.next
        {
            self.mend(now);
        }
        now
    }

    /// When [`Self::now`] has to be asked at the latest: mended late, the clock
    /// could not tell any more how often its timer began anew. `u64::MAX`: never.
    pub fn next_mending(&self) -> u64 {
        self.measured
            .as_ref()
            .map_or(u64::MAX, |measured| measured.next)
    }

    fn at(&self, ticks: u64) -> u64 {
        // What the counter lacks to the moment is nothing, not ages.
        let ticks = ticks.saturating_sub(self.ticks);
        self.nanoseconds
            .saturating_add(self.scale.nanoseconds(ticks))
    }

    /// Takes over what KVM says now.
    fn follow(&mut self) {
        let page = SHARED.0.get();
        // Bounded, so that a monitor that is at it for ever cannot hang us.
        for _ in 0..1000 {
            // SAFETY: the page is there; every field is read with one load, and
            // an odd or changed version tells that they do not belong together.
            unsafe {
                let version = (&raw const (*page).version).read_volatile();
                compiler_fence(Ordering::Acquire);
                let ticks = (&raw const (*page).tsc).read_volatile();
                let nanoseconds = (&raw const (*page).nanoseconds).read_volatile();
                let multiplier = (&raw const (*page).multiplier).read_volatile();
                let shift = (&raw const (*page).shift).read_volatile();
                compiler_fence(Ordering::Acquire);
                if version & 1 == 0 && version == (&raw const (*page).version).read_volatile() {
                    self.ticks = ticks;
                    self.nanoseconds = nanoseconds;
                    self.scale = Scale { multiplier, shift };
                    return;
                }
            }
        }
    }

    /// Compares all the time since the start with the timer's.
    fn mend(&mut self, now: u64) {
        let Some(measured) = &mut self.measured else {
            return;
        };
        let timer = measured.timer;
        let sample = timer.sample();
        let ticks = sample.tsc.wrapping_sub(measured.start.tsc);
        // The timer began anew a number of times, which the clock is good
        // enough to tell: it is off by less than half a period.
        let expected = (u128::from(self.scale.nanoseconds(ticks)) * u128::from(timer.hertz())
            / 1_000_000_000) as u64;
        let seen = timer.between(measured.start.count, sample.count);
        let periods = (expected + timer.period() / 2).saturating_sub(seen) / timer.period();
        let count = seen + periods * timer.period();
        let next = measured.next.saturating_mul(MENDING_GROWTH);
        measured.next = if next > LAST_MENDING { u64::MAX } else { next };
        let hertz = u128::from(ticks) * u128::from(timer.hertz()) / u128::from(count.max(1));
        // From here on; what has passed stays.
        self.nanoseconds = now;
        self.ticks = tsc();
        self.scale = Scale::of_frequency(hertz as u64);
    }

    /// Ticks of the time stamp counter in so many nanoseconds.
    pub fn ticks(&self, nanoseconds: u32) -> u64 {
        self.scale.ticks(nanoseconds)
    }

    /// Seconds since 1970 at a moment that [`Self::now`] gave.
    pub fn unix_seconds(&mut self, now: u64) -> Option<u64> {
        let (wall, since) = self.wall?;
        Some(wall + now.saturating_sub(since) / 1_000_000_000)
    }

    fn set_by_rtc(&mut self) {
        let now = self.at(tsc());
        self.wall = rtc::read().map(|wall| (wall, now));
    }
}

/// Makes KVM write its clock to our page, if this is KVM.
fn pvclock() -> bool {
    const WALL_CLOCK: u32 = 0x4b56_4d00;
    const SYSTEM_TIME: u32 = 0x4b56_4d01;
    const CLOCK_SOURCE_2: u32 = 1 << 3;
    const HYPERVISOR: u32 = 1 << 31;
    if cpuid(1).ecx & HYPERVISOR == 0 {
        return false;
    }
    // It moves up when it also shows itself as another hypervisor.
    let found = (0x4000_0000..0x4001_0000).step_by(0x100).find(|&leaf| {
        let id = cpuid(leaf);
        let name = [id.ebx, id.ecx, id.edx];
        name == [0x4b4d_564b, 0x564b_4d56, 0x0000_004d]
    });
    let Some(leaf) = found else {
        return false;
    };
    if cpuid(leaf + 1).eax & CLOCK_SOURCE_2 == 0 {
        return false;
    }
    let page = SHARED.0.get();
    // SAFETY: both structures are in memory that is only read with volatile
    // loads, aligned, and mapped to themselves. Bit 0 of the time's address
    // switches it on.
    unsafe {
        write_msr(WALL_CLOCK, (&raw const (*page).wall_version).addr() as u64);
        write_msr(SYSTEM_TIME, page.addr() as u64 | 1);
        (&raw const (*page).multiplier).read_volatile() != 0
    }
}

/// Seconds since 1970 when KVM's clock was at 0.
fn wall() -> Option<u64> {
    let page = SHARED.0.get();
    // SAFETY: as for the time. It was written before the instruction that
    // asked for it ended, and is not written again.
    unsafe {
        let seconds = (&raw const (*page).wall_seconds).read_volatile();
        let nanoseconds = (&raw const (*page).wall_nanoseconds).read_volatile();
        let rounded = u64::from(seconds) + u64::from(nanoseconds >= 500_000_000);
        (seconds != 0).then_some(rounded)
    }
}

/// The counter's frequency in hertz, where somebody says it: the processor by
/// its crystal (leaf 0x15), the monitor in kHz (leaf 0x40000010).
fn told_frequency() -> Option<u64> {
    const HYPERVISOR: u32 = 1 << 31;
    if cpuid(1).ecx & HYPERVISOR != 0 && cpuid(0x4000_0000).eax >= 0x4000_0010 {
        let kilohertz = cpuid(0x4000_0010).eax;
        if kilohertz != 0 {
            return Some(u64::from(kilohertz) * 1000);
        }
    }
    if cpuid(0).eax >= 0x15 {
        let ratio = cpuid(0x15);
        let hertz = u64::from(ratio.ecx) * u64::from(ratio.ebx);
        if let Some(hertz) = hertz.checked_div(ratio.eax.into())
            && hertz != 0
        {
            return Some(hertz);
        }
    }
    None
}
