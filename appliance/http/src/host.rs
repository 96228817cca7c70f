//! `Host` and the authority of a target (RFC 9110 §7.2, RFC 9112 §3.2).
//!
//! A request of HTTP/1.1 has exactly one `Host`, which is a host and maybe a
//! port; anything else is 400, since two servers that read it differently
//! would mean different sites. An empty one is allowed and means the default.

/// Whether a value is `host [":" port]`, or empty.
pub fn is_valid(value: &[u8]) -> bool {
    let (name, port) = split_port(value);
    let name_is_fine = match name {
        [b'[', inner @ .., b']'] => is_address(inner),
        _ => is_name(name),
    };
    // A port without a name is none.
    is_port(port) && name_is_fine && (!name.is_empty() || value.is_empty())
}

fn is_port(text: &[u8]) -> bool {
    let mut digits = text.iter().map(|&byte| char::from(byte).to_digit(10));
    let number = digits.try_fold(0_u32, |number, digit| {
        number.checked_mul(10)?.checked_add(digit?)
    });
    number.is_some_and(|number| number <= u32::from(u16::MAX))
}

/// A reg-name (RFC 3986 §3.2.2), but that no label in it is empty and it is not
/// the root alone: as nginx has it, since a name is compared without its last dot.
fn is_name(text: &[u8]) -> bool {
    let mut before = 0;
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = match (byte, after) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            (b'.', _) if before == b'.' => return false,
            _ if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte) => after,
            _ => return false,
        };
        before = *byte;
    }
    text != b"."
}

/// What may stand in brackets: an IPv6 address, without a zone.
fn is_address(text: &[u8]) -> bool {
    let (mut groups, mut gaps, mut length) = (0, 0, 0);
    let mut segments = text.split(|&byte| byte == b':').peekable();
    while let Some(segment) = segments.next() {
        let is_end = length == 0 || segments.peek().is_none();
        length += 1;
        match segment {
            // One gap is an empty segment, and one more at an end.
            b"" => gaps += if is_end { 1 } else { 10 },
            _ if segment.len() <= 4 && segment.iter().all(u8::is_ascii_hexdigit) => groups += 1,
            _ if segments.peek().is_none() && is_ipv4(segment) => groups += 2,
            _ => return false,
        }
    }
    let begins = text.starts_with(b"::");
    let ends = text.ends_with(b"::");
    match gaps {
        0 => groups == 8,
        // In the middle; at one end; nothing but the gap.
        10 => groups < 8,
        11 => groups < 8 && begins != ends,
        12 => text == b"::",
        _ => false,
    }
}

fn is_ipv4(text: &[u8]) -> bool {
    let mut parts = 0;
    let are_fine = text.split(|&byte| byte == b'.').all(|part| {
        parts += 1;
        matches!(part.len(), 1..=3) && part.iter().all(u8::is_ascii_digit)
    });
    are_fine && parts == 4
}

/// The name without its port.
#[cfg(any(test, feature = "rules"))]
pub fn name(value: &[u8]) -> &[u8] {
    split_port(value).0
}

fn split_port(value: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = value.iter().rposition(|&byte| byte == b':') else {
        return (value, &[]);
    };
    let name = value.get(..colon).unwrap_or_default();
    if value.last() == Some(&b']') {
        return (value, &[]);
    }
    (name, value.get(colon + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports() {
        for value in [
            "",
            "example.org",
            "example.org:80",
            "example.org:",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:8080",
            "[::]",
            "[1::]",
            "[1::8]:65535",
            "[1:2:3:4:5:6:7:8]",
            "[1:2:3:4:5:6:7::]",
            "[abcd::ef98:0:7654:321]",
            "[::ffff:192.0.2.1]:80",
            "[1:2:3:4:5:6:192.0.2.1]",
            "example.org.",
            "example.org.:80",
            "a%2Db.example",
            "localhost",
            "a_b.example",
            "xn--bcher-kva.example",
        ] {
            assert!(is_valid(value.as_bytes()), "{value}");
        }
        for value in [
            ":80",
            "a b",
            "a/b",
            "user@example.org",
            "example.org:80:80",
            "example.org:http",
            "[::1",
            "[:::]",
            "[:::1]",
            "[:1]",
            "[1:]",
            "[:1::]",
            "[1::2::3]",
            "[::1::]",
            "[1:2:3:4:5:6:7]",
            "[1:2:3:4:5:6:7:8:9]",
            "[1:2:3:4:5:6:7:8::]",
            "[12345::]",
            "[192.0.2.1]",
            "[::192.0.2]",
            "[192.0.2.1::]",
            "[fe80::1%25eth0]",
            "[::1].",
            "x[::1]",
            ".",
            ".:80",
            "example..org",
            "example.org..",
            "a%zz",
            "a%2",
            "example.org:65536",
            "example.org:4294967376",
            "::1",
            "[]",
            "[::1]x",
            "a\tb",
            "exämple",
            "example.org:123456",
            "a#b",
            "a?b",
            "a\\b",
        ] {
            assert!(!is_valid(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn the_name_is_what_is_left_of_the_port() {
        assert_eq!(name(b"example.org:80"), b"example.org");
        assert_eq!(name(b"[::1]:80"), b"[::1]");
        assert_eq!(name(b"[::1]"), b"[::1]");
    }
}
