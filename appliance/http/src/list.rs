//! Lists in field values: `a, b;q=0.5, c` (RFC 9110 §5.6.1).

use crate::limits::LIST_ELEMENTS;

/// The elements of a list without quoted strings, trimmed, empty ones left
/// out; no more than [`LIST_ELEMENTS`].
pub fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
        .take(LIST_ELEMENTS)
}

/// An element's weight in thousandths: 1000 where none is given, `None` where
/// it is malformed (RFC 9110 §12.4.2).
pub fn weight(parameters: &[u8]) -> Option<u16> {
    let Some(value) = parameters
        .split(|&byte| byte == b';')
        .map(<[u8]>::trim_ascii)
        .find_map(|parameter| {
            let (name, value) = parameter.split_first_chunk::<2>()?;
            name.eq_ignore_ascii_case(b"q=").then_some(value)
        })
    else {
        return Some(1000);
    };
    let (whole, digits) = match value {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', digits @ ..] if digits.len() <= 3 => (whole, digits),
        _ => return None,
    };
    let mut weight = u16::from(whole - b'0');
    for place in 0..3 {
        let digit = digits.get(place).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        weight = weight * 10 + u16::from(digit - b'0');
    }
    Some(weight).filter(|&weight| weight <= 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn empty_elements_do_not_count() {
        let all: Vec<_> = elements(b" a ,, b,\t,c").collect();
        assert_eq!(all, [b"a", b"b", b"c"]);
        assert_eq!(elements(b"").count(), 0);
        assert_eq!(elements(&b"a,".repeat(1000)).count(), LIST_ELEMENTS);
    }

    #[test]
    fn weights_have_three_places() {
        for (text, expected) in [
            ("", Some(1000)),
            ("q=1", Some(1000)),
            ("Q=0.5", Some(500)),
            ("q=0", Some(0)),
            ("q=0.", Some(0)),
            ("q=0.123", Some(123)),
            ("a=b; q=0.001", Some(1)),
            ("q=1.000", Some(1000)),
            ("q=1.001", None),
            ("q=0.1234", None),
            ("q=2", None),
            ("q=-1", None),
            ("q=", None),
            ("q=0.x", None),
            ("q=.5", None),
        ] {
            assert_eq!(weight(text.as_bytes()), expected, "{text}");
        }
    }
}
