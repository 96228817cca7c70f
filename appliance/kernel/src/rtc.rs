//! The battery clock's registers as a time (MC146818, as every PC has it).

/// What the registers hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Registers {
    /// Register 0.
    pub seconds: u8,
    /// Register 2.
    pub minutes: u8,
    /// Register 4; the top bit says afternoon in the 12-hour form.
    pub hours: u8,
    /// Register 7.
    pub day: u8,
    /// Register 8.
    pub month: u8,
    /// Register 9: the last two digits.
    pub year: u8,
    /// Register 0x32, where there is one: the first two.
    pub century: u8,
    /// Register 11: bit 2 set for binary numbers, bit 1 for 24 hours.
    pub status: u8,
}

impl Registers {
    /// Seconds since 1970, if this is a time; the clock is taken to run in UTC.
    pub fn unix_seconds(&self) -> Option<u64> {
        const BINARY: u8 = 1 << 2;
        const HOURS_24: u8 = 1 << 1;
        const AFTERNOON: u8 = 1 << 7;
        let number = |byte: u8| {
            if self.status & BINARY != 0 {
                return Some(u64::from(byte));
            }
            (byte & 0xf <= 9 && byte >> 4 <= 9).then(|| u64::from((byte >> 4) * 10 + (byte & 0xf)))
        };
        let below = |byte, limit| number(byte).filter(|&value| value < limit);
        let hours = if self.status & HOURS_24 != 0 {
            below(self.hours, 24)?
        } else {
            let afternoon = u64::from(self.hours & AFTERNOON != 0) * 12;
            below(self.hours & !AFTERNOON, 13)? % 12 + afternoon
        };
        let century = number(self.century).filter(|century| (19..=99).contains(century));
        let year = century.unwrap_or(20) * 100 + below(self.year, 100)?;
        let month = below(self.month, 13).filter(|&month| month > 0)?;
        let day = below(self.day, 32).filter(|&day| day > 0)?;
        let minutes = below(self.minutes, 60)?;
        // A leap second is the last second, once more.
        let seconds = below(self.seconds, 61)?.min(59);
        let days = days(year, month, day)?;
        Some(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
    }
}

/// Days from 1 January 1970, in the Gregorian calendar. Years begin in March
/// here, so that the day that comes and goes is the last.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = year / 4 - year / 100 + year / 400;
    let before = (month * 153 + 2) / 5;
    (year * 365 + leaps + before + day).checked_sub(719_469)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCD: Registers = Registers {
        seconds: 0x56,
        minutes: 0x34,
        hours: 0x12,
        day: 0x29,
        month: 0x02,
        year: 0x24,
        century: 0x20,
        status: 0x02,
    };

    #[test]
    fn the_usual_form() {
        // date -ud '2024-02-29 12:34:56' +%s
        assert_eq!(BCD.unix_seconds(), Some(1_709_210_096));
        let without_century = Registers { century: 0, ..BCD };
        assert_eq!(without_century.unix_seconds(), BCD.unix_seconds());
    }

    #[test]
    fn binary_and_twelve_hours() {
        let binary = Registers {
            seconds: 56,
            minutes: 34,
            hours: 0x80 | 12,
            day: 29,
            month: 2,
            year: 24,
            century: 20,
            status: 0x04,
        };
        assert_eq!(binary.unix_seconds(), Some(1_709_210_096));
        let night = Registers {
            hours: 12,
            ..binary
        };
        assert_eq!(night.unix_seconds(), Some(1_709_210_096 - 12 * 3600));
    }

    #[test]
    fn days_are_counted_as_calendars_do() {
        assert_eq!(days(1970, 1, 1), Some(0));
        assert_eq!(days(2000, 3, 1), Some(11_017));
        assert_eq!(days(2026, 11, 28), Some(20_785));
        assert_eq!(days(2100, 3, 1), Some(47_541));
        assert_eq!(days(1969, 12, 31), None);
    }

    #[test]
    fn what_is_no_time_is_none() {
        let absent = Registers {
            seconds: 0xff,
            minutes: 0xff,
            hours: 0xff,
            day: 0xff,
            month: 0xff,
            year: 0xff,
            century: 0xff,
            status: 0xff,
        };
        assert_eq!(absent.unix_seconds(), None);
        assert_eq!(Registers::default().unix_seconds(), None);
        assert_eq!(Registers { month: 0x13, ..BCD }.unix_seconds(), None);
        assert_eq!(Registers { day: 0x3a, ..BCD }.unix_seconds(), None);
    }
}
