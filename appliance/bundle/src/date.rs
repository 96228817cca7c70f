//! Dates as HTTP writes them (IMF-fixdate, RFC 9110 §5.6.7).
//!
//! Here because the writer needs them for `Last-Modified`, and `applgen-http`
//! for `Date`.

/// The bytes of an IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub type ImfFixdate = [u8; 29];

/// The last second that four digits of a year can say: the end of 9999.
pub const LAST_SECOND: u64 = 253_402_300_799;

/// `unix_seconds` as an IMF-fixdate; later than the year 9999 is its last second.
pub fn imf_fixdate(unix_seconds: u64) -> ImfFixdate {
    let seconds = unix_seconds.min(LAST_SECOND);
    let days = seconds / 86_400;
    let (year, month, day) = civil_from_days(days);
    let mut date = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    // The first of January 1970 was a Thursday.
    let weekday = name(b"SunMonTueWedThuFriSat", (days + 4) % 7);
    put(&mut date, 0, weekday);
    put(&mut date, 5, two_digits(day));
    put(
        &mut date,
        8,
        name(b"JanFebMarAprMayJunJulAugSepOctNovDec", month - 1),
    );
    put(&mut date, 12, two_digits(year / 100));
    put(&mut date, 14, two_digits(year % 100));
    put(&mut date, 17, two_digits(seconds / 3600 % 24));
    put(&mut date, 20, two_digits(seconds / 60 % 60));
    put(&mut date, 23, two_digits(seconds % 60));
    date
}

fn put<const N: usize>(date: &mut ImfFixdate, offset: usize, text: [u8; N]) {
    if let Some(place) = date.get_mut(offset..offset + N) {
        place.copy_from_slice(&text);
    }
}

fn two_digits(number: u64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

fn name(names: &[u8], index: u64) -> [u8; 3] {
    let names = names.get(index as usize * 3..).unwrap_or_default();
    names.first_chunk().copied().unwrap_or(*b"???")
}

/// Year, month (1–12) and day (1–31) of a day counted from 1970, in the
/// proleptic Gregorian calendar. The year is taken to begin in March, so that
/// the leap day is its last.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    // From 0000-03-01.
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            // The example of RFC 9110.
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_164_800, "Thu, 29 Feb 2024 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (LAST_SECOND, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let date = imf_fixdate(seconds);
            assert_eq!(core::str::from_utf8(&date).unwrap(), text);
        }
    }
}
