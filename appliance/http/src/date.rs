//! Dates in requests (RFC 9110 §5.6.7): all three forms are read, and what is
//! none of them is as if the field were not there.
//!
//! Writing a date is [`imf_fixdate`], which the bundle's writer shares.

pub use applgen_bundle::date::{ImfFixdate, imf_fixdate};

/// Seconds since 1970 of an HTTP date; before 1970 is 0.
pub fn parse(text: &[u8]) -> Option<u64> {
    let comma = text.iter().position(|&byte| byte == b',');
    match comma {
        // Sun, 06 Nov 1994 08:49:37 GMT
        Some(3) => match *text.get(4..)?.first_chunk::<25>()? {
            [
                b' ',
                d1,
                d2,
                b' ',
                m1,
                m2,
                m3,
                b' ',
                y1,
                y2,
                y3,
                y4,
                b' ',
                ref rest @ ..,
            ] => {
                let year = number(&[y1, y2, y3, y4])?;
                let exact = text.len() == 29 && rest.ends_with(b" GMT");
                let time = time(rest.get(..8)?)?;
                exact.then_some(())?;
                seconds(year, month(&[m1, m2, m3])?, number(&[d1, d2])?, time)
            }
            _ => None,
        },
        // Sunday, 06-Nov-94 08:49:37 GMT
        Some(6..=9) => match *text.get(comma? + 1..)? {
            [
                b' ',
                d1,
                d2,
                b'-',
                m1,
                m2,
                m3,
                b'-',
                y1,
                y2,
                b' ',
                ref rest @ ..,
            ] => {
                // Two digits of a year: no such date is older than HTTP.
                let year = number(&[y1, y2])?;
                let year = if year < 70 { year + 2000 } else { year + 1900 };
                let time = time(rest.get(..8)?)?;
                (rest.get(8..)? == b" GMT").then_some(())?;
                seconds(year, month(&[m1, m2, m3])?, number(&[d1, d2])?, time)
            }
            _ => None,
        },
        // Sun Nov  6 08:49:37 1994
        None => match *text.get(3..)? {
            [b' ', m1, m2, m3, b' ', d1, d2, b' ', ref rest @ ..] => {
                let d1 = if d1 == b' ' { b'0' } else { d1 };
                let time = time(rest.get(..8)?)?;
                let [b' ', year @ ..] = rest.get(8..)? else {
                    return None;
                };
                (year.len() == 4).then_some(())?;
                seconds(
                    number(year)?,
                    month(&[m1, m2, m3])?,
                    number(&[d1, d2])?,
                    time,
                )
            }
            _ => None,
        },
        Some(_) => None,
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, &byte| {
        Some(number * 10 + u64::from(char::from(byte).to_digit(10)?))
    })
}

fn month(name: &[u8]) -> Option<u64> {
    let names = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let index = names.chunks(3).position(|known| known == name)?;
    Some(index as u64 + 1)
}

/// Seconds of `08:49:37`; a leap second is the one before it.
fn time(text: &[u8]) -> Option<u64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *text else {
        return None;
    };
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    (hour < 24 && minute < 60 && second <= 60).then(|| hour * 3600 + minute * 60 + second.min(59))
}

/// Seconds since 1970 of a day and a time of it.
fn seconds(year: u64, month: u64, day: u64, time: u64) -> Option<u64> {
    if !(1..=31).contains(&day) {
        return None;
    }
    // The year is taken to begin in March; see `applgen_bundle::date`.
    let march_year = year.saturating_sub(u64::from(month <= 2));
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let days = march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400;
    Some(((days + day_of_year).saturating_sub(719_468)) * 86_400)
        .filter(|_| year >= 1970)
        .map_or(Some(0), |midnight| Some(midnight + time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_the_rfc() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(parse(text.as_bytes()), Some(784_111_777), "{text}");
        }
        assert_eq!(parse(b"Fri, 31 Dec 1965 23:59:59 GMT"), Some(0));
    }

    #[test]
    fn other_text_is_no_date() {
        for text in [
            "",
            "now",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nev 1994 08:49:37 GMT",
            "Sun, 06 Nov 19x4 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sun Nov  6 08:49:37 19940",
            "784111777",
            ",,,,,,,,,",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_truncation_is_survived() {
        let text = b"Sunday, 06-Nov-94 08:49:37 GMT";
        for end in 0..text.len() {
            assert_eq!(parse(&text[..end]), None);
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for days in (0..80_000).step_by(7) {
            let seconds = days * 86_400 + days % 86_400;
            assert_eq!(parse(&imf_fixdate(seconds)), Some(seconds));
        }
    }
}
