//! `Host` and the authority of a target (RFC 9110 §7.2, RFC 9112 §3.2).
//!
//! A request of HTTP/1.1 has exactly one `Host`, which is a host and maybe a
//! port; anything else is 400, since two servers that read it differently
//! would mean different sites. An empty one is allowed and means the default.

/// Whether a value is `host [":" port]`, or empty.
pub fn is_valid(value: &[u8]) -> bool {
    let (name, port) = split_port(value);
    let port_is_fine = port.iter().all(u8::is_ascii_digit) && port.len() <= 5;
    let name_is_fine = match name {
        [b'[', inner @ .., b']'] => {
            !inner.is_empty()
                && inner
                    .iter()
                    .all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte))
        }
        // reg-name of RFC 3986 §3.2.2, but that no DNS name needs most of it.
        _ => name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte)),
    };
    // A port without a name is none.
    port_is_fine && name_is_fine && (!name.is_empty() || value.is_empty())
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
