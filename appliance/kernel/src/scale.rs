//! From ticks of a counter to nanoseconds and back, without a division.

/// How a counter's ticks are made nanoseconds: shifted by `shift` bits, then
/// multiplied by `multiplier`, of which the upper part is the result. KVM's
/// paravirtual clock gives exactly these two
/// (<https://docs.kernel.org/virt/kvm/x86/msr.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Nanoseconds in a shifted tick, in units of 2⁻³² .
    pub multiplier: u32,
    /// To the left; negative ones to the right.
    pub shift: i8,
}

impl Scale {
    /// Of a counter of so many ticks a second; 0 counts as 1.
    pub fn of_frequency(hertz: u64) -> Self {
        // Halve or double the frequency until the multiplier fills 32 bits:
        // between 1 and 2 GHz it is between 2³¹ and 2³².
        let mut hertz = hertz.max(1);
        let mut shift = 0;
        while hertz > 2_000_000_000 {
            hertz >>= 1;
            shift -= 1;
        }
        while hertz <= 1_000_000_000 {
            hertz <<= 1;
            shift += 1;
        }
        let multiplier = ((1_000_000_000 << 32) / hertz) as u32;
        Self { multiplier, shift }
    }

    /// Nanoseconds that so many ticks take.
    pub fn nanoseconds(self, ticks: u64) -> u64 {
        let shifted = match self.shift {
            0.. => ticks.wrapping_shl(self.shift as u32),
            _ => ticks.wrapping_shr(u32::from(self.shift.unsigned_abs())),
        };
        ((u128::from(shifted) * u128::from(self.multiplier)) >> 32) as u64
    }

    /// Ticks in so many nanoseconds, 2³² of them at most.
    pub fn ticks(self, nanoseconds: u32) -> u64 {
        let shifted = (u64::from(nanoseconds) << 32) / u64::from(self.multiplier.max(1));
        match self.shift {
            0.. => shifted.wrapping_shr(self.shift as u32),
            _ => shifted.wrapping_shl(u32::from(self.shift.unsigned_abs())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_from_slow_to_fast() {
        for hertz in [
            1_193_182,
            3_579_545,
            24_000_000,
            1_000_000_000,
            1_000_000_001,
            2_000_000_000,
            2_899_999_999,
            6_000_000_000,
        ] {
            let scale = Scale::of_frequency(hertz);
            let day = scale.nanoseconds(hertz * 86_400);
            let off = day.abs_diff(86_400_000_000_000);
            // A millisecond a day is 12 billionths.
            assert!(off < 1_000_000, "{hertz}: {off} ns");
            let ticks = scale.ticks(1_000_000_000);
            assert!(ticks.abs_diff(hertz) <= hertz / 10_000_000 + 1, "{hertz}");
        }
    }

    #[test]
    fn odd_numbers_do_not_panic() {
        Scale::of_frequency(0).nanoseconds(u64::MAX);
        Scale::of_frequency(u64::MAX).ticks(u32::MAX);
        for shift in [i8::MIN, -33, 33, i8::MAX] {
            let scale = Scale {
                multiplier: 0,
                shift,
            };
            scale.nanoseconds(u64::MAX);
            scale.ticks(u32::MAX);
        }
    }
}
