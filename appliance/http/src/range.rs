//! Ranges (RFC 9110 §14): a part of a representation.
//!
//! | `Range` | answer |
//! |---|---|
//! | `bytes=0-99`, `bytes=100-`, `bytes=-100` | 206 with that part, cut to what there is |
//! | beginning after the end, `bytes=-0`, or no range at all (`bytes=x`) | 416 with `bytes */N` |
//! | several ranges | 206 with `multipart/byteranges`, in the order in which they were asked; what of them does not exist is left out, and one that is left alone is sent as if it had been asked alone |
//! | several ranges that come to more than the whole, or more than [`RANGES`] | the whole (§14.2, §17.15) |
//! | one of several that is no range | 416 |
//! | another unit | the whole |
//!
//! Only with `GET` (§14.2), and after the preconditions. The range is of the
//! representation as it is sent: of the compressed bytes where it is
//! compressed, which has an entity tag of its own. Several parts are sent of
//! the uncompressed one alone: around parts of a compressed body a
//! `Content-Encoding` would say that the whole message is coded.

use crate::limits::RANGES;
use crate::list::elements;

/// What a `Range` field asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'r> {
    /// Everything.
    Whole,
    /// From here up to, without, there.
    Part(u64, u64),
    /// Several parts.
    Several(Ranges<'r>),
    /// Nothing that exists.
    Unsatisfiable,
}

/// Ranges of which two or more exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranges<'r> {
    list: &'r [u8],
    length: u64,
}

impl Ranges<'_> {
    /// Where each begins, and where it ends: the first byte after it.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        elements(self.list)
            .filter_map(|range| bounds(range, self.length))
            .filter(|(start, end)| start < end)
    }
}

/// Reads a `Range` field for a body of `length` bytes.
pub fn parse(value: &[u8], length: u64) -> Wanted<'_> {
    let Some(equals) = value.iter().position(|&byte| byte == b'=') else {
        return Wanted::Whole;
    };
    let (unit, rest) = value.split_at_checked(equals).unwrap_or_default();
    if !unit.trim_ascii().eq_ignore_ascii_case(b"bytes") {
        return Wanted::Whole;
    }
    let list = rest.get(1..).unwrap_or_default();
    if elements(list).count() > RANGES {
        return Wanted::Whole;
    }
    if elements(list).any(|range| bounds(range, length).is_none()) {
        return Wanted::Unsatisfiable;
    }
    let ranges = Ranges { list, length };
    let sum = ranges
        .iter()
        .fold(0_u64, |sum, (start, end)| sum.saturating_add(end - start));
    let mut parts = ranges.iter();
    match (parts.next(), parts.next()) {
        (None, _) => Wanted::Unsatisfiable,
        (Some((start, end)), None) => Wanted::Part(start, end),
        (Some(_), Some(_)) if sum > length => Wanted::Whole,
        (Some(_), Some(_)) => Wanted::Several(ranges),
    }
}

fn bounds(range: &[u8], length: u64) -> Option<(u64, u64)> {
    let dash = range.iter().position(|&byte| byte == b'-')?;
    let (first, last) = range.split_at_checked(dash)?;
    let last = last.get(1..)?;
    match (first, last) {
        (b"", suffix) => Some((length.saturating_sub(number(suffix)?), length)),
        (first, b"") => Some((number(first)?, length)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| (first, last.saturating_add(1).min(length)))
        }
    }
}

/// Digits; what does not fit into 64 bits is as large as that allows.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, &byte| {
        let digit = u64::from(char::from(byte).to_digit(10)?);
        Some(number.saturating_mul(10).saturating_add(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_hundred_bytes() {
        use Wanted::{Part, Unsatisfiable, Whole};
        for (value, expected) in [
            ("bytes=0-0", Part(0, 1)),
            ("bytes=0-99", Part(0, 100)),
            ("bytes=90-200", Part(90, 100)),
            ("bytes=90-", Part(90, 100)),
            ("bytes=-10", Part(90, 100)),
            ("bytes=-1000", Part(0, 100)),
            ("bytes = 5-6 ", Part(5, 7)),
            ("BYTES=5-6,", Part(5, 7)),
            ("bytes=0-99999999999999999999999", Part(0, 100)),
            ("bytes=100-", Unsatisfiable),
            ("bytes=100-200", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=2-1", Unsatisfiable),
            ("bytes=alpha", Unsatisfiable),
            ("bytes=", Unsatisfiable),
            ("bytes=-", Unsatisfiable),
            ("bytes=1-x", Unsatisfiable),
            ("bytes=0-1,100-200", Part(0, 2)),
            ("bytes=100-,200-", Unsatisfiable),
            ("bytes=0-1,x", Unsatisfiable),
            ("bytes=0-59,20-79", Whole),
            ("bytes=0-,-1", Whole),
            ("lines=0-1", Whole),
            ("0-1", Whole),
            ("", Whole),
        ] {
            assert_eq!(parse(value.as_bytes(), 100), expected, "{value}");
        }
        let several = |value: &str| match parse(value.as_bytes(), 100) {
            Wanted::Several(ranges) => ranges.iter().collect(),
            _ => std::vec::Vec::new(),
        };
        assert_eq!(several("bytes=0-1,5-6"), [(0, 2), (5, 7)]);
        assert_eq!(several("bytes=-1, ,500-, 0-0"), [(99, 100), (0, 1)]);
        assert_eq!(several("bytes=0-49,50-99").len(), 2);
        assert_eq!(several("bytes=0-9,0-9").len(), 2);
        let many = |count| std::format!("bytes={}", "1-1,".repeat(count));
        assert_eq!(several(&many(RANGES)).len(), RANGES);
        assert_eq!(parse(many(RANGES + 1).as_bytes(), 100), Whole);
        assert_eq!(parse(b"bytes=0-", 0), Unsatisfiable);
        assert_eq!(parse(b"bytes=-5", 0), Unsatisfiable);
    }
}
