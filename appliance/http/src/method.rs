//! Methods (RFC 9110 §9): what is answered, what is refused and how.
//!
//! `GET`, `HEAD` and `OPTIONS` are answered. The other methods that the RFCs
//! define are known and not allowed on anything here: 405, with `Allow`. Any
//! other token is 501. Methods are case-sensitive: `get` is unknown.

/// The value of `Allow`.
pub const ALLOW: &[u8] = b"GET, HEAD, OPTIONS";

/// A request's method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// A representation.
    Get,
    /// The same without its body.
    Head,
    /// What may be asked.
    Options,
    /// `CONNECT`: refused, and whatever follows it is no HTTP.
    Connect,
    /// Defined elsewhere, allowed on nothing here.
    NotAllowed,
    /// No method that this server has heard of.
    Unknown,
}

impl Method {
    /// The method with this name.
    pub fn parse(name: &[u8]) -> Self {
        // A `match` of byte strings would be a comparison for each byte.
        const METHODS: [(&[u8], Method); 8] = [
            (b"HEAD", Method::Head),
            (b"OPTIONS", Method::Options),
            (b"CONNECT", Method::Connect),
            (b"POST", Method::NotAllowed),
            (b"PUT", Method::NotAllowed),
            (b"DELETE", Method::NotAllowed),
            (b"PATCH", Method::NotAllowed),
            (b"TRACE", Method::NotAllowed),
        ];
        if name == b"GET" {
            return Self::Get;
        }
        let mut methods = METHODS.iter();
        let known = methods.find(|(known, _)| *known == name);
        known.map_or(Self::Unknown, |(_, method)| *method)
    }

    /// The status that refuses it, if it is refused.
    pub fn refusal(self) -> Option<u16> {
        match self {
            Self::Get | Self::Head | Self::Options => None,
            Self::Connect | Self::NotAllowed => Some(405),
            Self::Unknown => Some(501),
        }
    }
}

/// Whether a byte may be part of a token (RFC 9110 §5.6.2).
pub fn is_token(byte: u8) -> bool {
    // A bit for each of the 128 ASCII characters.
    const TOKEN: u128 = {
        let mut set = 0_u128;
        let marks = b"!#$%&'*+-.^_`|~";
        let mut index = 0;
        while index < marks.len() {
            set |= 1 << marks[index];
            index += 1;
        }
        let mut byte = 0_u8;
        while byte < 128 {
            if byte.is_ascii_alphanumeric() {
                set |= 1 << byte;
            }
            byte += 1;
        }
        set
    };
    byte < 128 && TOKEN >> byte & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!(Method::parse(b"GET"), Method::Get);
        assert_eq!(Method::parse(b"get"), Method::Unknown);
        assert_eq!(Method::parse(b"PROPFIND").refusal(), Some(501));
        assert_eq!(Method::parse(b"POST").refusal(), Some(405));
        assert_eq!(Method::parse(b"TRACE").refusal(), Some(405));
        assert_eq!(Method::parse(b"OPTIONS").refusal(), None);
    }

    #[test]
    fn token_bytes() {
        let tokens = (0..=255_u8).filter(|&byte| is_token(byte)).count();
        assert_eq!(tokens, 26 + 26 + 10 + 15);
        assert!(!is_token(b' ') && !is_token(b':') && !is_token(0) && !is_token(0xe4));
    }
}
