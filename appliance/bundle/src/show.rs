//! Text for people, in parts.
//!
//! What a kernel says is put together of strings, numbers and addresses. The
//! formatting of `core::fmt` costs a kernel 5 kB for that; this is enough. Types
//! that are [`Show`] are `Display` by [`display`].

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Shows itself, part by part.
pub trait Show {
    /// Gives its text to `out`, in as many parts as it likes.
    fn show(&self, out: &mut dyn FnMut(&str));
}

/// A number in hexadecimal, as `0x1f`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hex(pub u64);

/// Bytes that are most likely text; what is not printable ASCII is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes<'a>(pub &'a [u8]);

/// A number in digits of that base, at most 16.
fn number(mut number: u64, base: u64, out: &mut dyn FnMut(&str)) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    for place in digits.iter_mut().rev() {
        let digit = (number % base) as u8;
        *place = match digit {
            0..10 => b'0' + digit,
            _ => b'a' - 10 + digit,
        };
        number /= base;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    ascii(digits.get(start..).unwrap_or_default(), out);
}

/// Bytes that are known to be ASCII.
fn ascii(bytes: &[u8], out: &mut dyn FnMut(&str)) {
    out(str::from_utf8(bytes).unwrap_or_default());
}

impl Show for &str {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        out(self);
    }
}

impl Show for u64 {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        number(*self, 10, out);
    }
}

impl Show for i64 {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        if *self < 0 {
            out("-");
        }
        number(self.unsigned_abs(), 10, out);
    }
}

impl Show for Hex {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        out("0x");
        number(self.0, 16, out);
    }
}

impl Show for Bytes<'_> {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        for byte in self.0 {
            match byte {
                b' '..=b'~' => ascii(&[*byte], out),
                _ => {
                    out("\\x");
                    number((byte >> 4).into(), 16, out);
                    number((byte & 0xf).into(), 16, out);
                }
            }
        }
    }
}

impl Show for Ipv4Addr {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        let mut dot = "";
        for octet in self.octets() {
            out(dot);
            number(octet.into(), 10, out);
            dot = ".";
        }
    }
}

impl Show for Ipv6Addr {
    /// As RFC 5952 has it: the longest run of zeros is left out.
    fn show(&self, out: &mut dyn FnMut(&str)) {
        let groups = self.segments();
        let (mut longest, mut from) = (1, usize::MAX);
        for start in 0..groups.len() {
            let zeros = groups.iter().skip(start).take_while(|group| **group == 0);
            let zeros = zeros.count();
            if zeros > longest {
                (longest, from) = (zeros, start);
            }
        }
        let mut at = 0;
        let mut colon = "";
        while let Some(group) = groups.get(at) {
            if at == from {
                out("::");
                at += longest;
                colon = "";
                continue;
            }
            out(colon);
            number((*group).into(), 16, out);
            colon = ":";
            at += 1;
        }
    }
}

impl Show for IpAddr {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        match self {
            Self::V4(address) => address.show(out),
            Self::V6(address) => address.show(out),
        }
    }
}

/// Parts one after another.
impl Show for &[&dyn Show] {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        for part in *self {
            part.show(out);
        }
    }
}

/// What `Display` is for what shows itself.
pub fn display(what: &dyn Show, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut result = Ok(());
    what.show(&mut |part| {
        if result.is_ok() {
            result = f.write_str(part);
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};

    fn shown(what: &dyn Show) -> String {
        let mut text = String::new();
        what.show(&mut |part| text.push_str(part));
        text
    }

    #[test]
    fn numbers_are_those_of_the_library() {
        for number in [0, 1, 9, 10, 99, 100, 65_535, u64::MAX] {
            assert_eq!(shown(&number), number.to_string());
            assert_eq!(shown(&Hex(number)), std::format!("{number:#x}"));
        }
        for number in [0, -1, 12, i64::MIN, i64::MAX] {
            assert_eq!(shown(&number), number.to_string());
        }
        assert_eq!(shown(&Bytes(b"http")), "http");
        assert_eq!(shown(&Bytes(b"a\0\xff~")), "a\\x00\\xff~");
        let parts: &[&dyn Show] = &[&"a ", &1_u64, &" b"];
        assert_eq!(shown(&parts), "a 1 b");
    }

    #[test]
    fn addresses_are_those_of_the_library() {
        for bits in [0_u32, 0xc000_0202, u32::MAX] {
            let address = Ipv4Addr::from_bits(bits);
            assert_eq!(shown(&address), address.to_string());
        }
        let mut state = 1_u64;
        for _ in 0..2000 {
            let groups = [(); 8].map(|()| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let bits = (state >> 33) as u16;
                // Zeros often, and alone, at both ends and in runs.
                if state >> 62 == 0 {
                    bits
                } else {
                    bits & 1 & (bits >> 7)
                }
            });
            let address = Ipv6Addr::from(groups);
            // The library writes mapped addresses in another way.
            if address.to_ipv4().is_none() {
                assert_eq!(shown(&address), address.to_string(), "{groups:?}");
            }
        }
        assert_eq!(shown(&Ipv6Addr::UNSPECIFIED), "::");
        assert_eq!(shown(&Ipv6Addr::LOCALHOST), "::1");
        assert_eq!(shown(&IpAddr::from(Ipv4Addr::LOCALHOST)), "127.0.0.1");
    }
}
