//! Chunked bodies (RFC 9112 §7.1): finding where one ends, and nothing else.
//!
//! A static server has no use for a body, but has to know where the next
//! request begins, exactly as any proxy before it does. So the grammar is kept
//! to the letter: a size is hex digits, then extensions after a `;` or the end
//! of the line; data ends with CRLF; trailer lines are fields. Anything else is
//! 400, and the connection closes.

use crate::limits::CHUNK_LINE_BYTES;
use crate::method::is_token;

/// How far a body has been followed: kept between calls, so that a body that
/// comes byte by byte is looked at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Where the next line begins, from the request's first byte.
    line: u32,
    /// Whether the last chunk is behind.
    trailer: bool,
}

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Not in this input.
    Incomplete,
    /// At this offset.
    At(usize),
    /// Beyond the limit.
    TooFar,
    /// Nowhere: it is malformed.
    Malformed,
}

impl Progress {
    /// At the beginning of a body.
    pub const fn at(offset: usize) -> Self {
        Self {
            line: offset as u32,
            trailer: false,
        }
    }

    /// Follows the body as far as `input` goes; `limit` is how far that may be.
    pub fn follow(&mut self, input: &[u8], limit: usize) -> End {
        loop {
            let start = self.line as usize;
            let rest = input.get(start..).unwrap_or_default();
            let window = rest.get(..CHUNK_LINE_BYTES).unwrap_or(rest);
            let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
                return match () {
                    () if window.len() == CHUNK_LINE_BYTES => End::Malformed,
                    () if input.len() >= limit => End::TooFar,
                    () => End::Incomplete,
                };
            };
            let Some(line) = rest.get(..end).and_then(|line| line.strip_suffix(b"\r")) else {
                return End::Malformed;
            };
            let after = start + end + 1;
            if self.trailer {
                if line.is_empty() {
                    return if after > limit {
                        End::TooFar
                    } else {
                        End::At(after)
                    };
                }
                if !is_field(line) {
                    return End::Malformed;
                }
                self.line = after as u32;
                continue;
            }
            let Some(size) = chunk_size(line) else {
                return End::Malformed;
            };
            if size == 0 {
                self.trailer = true;
                self.line = after as u32;
                continue;
            }
            let data_end = usize::try_from(size)
                .ok()
                .and_then(|size| after.checked_add(size))
                .filter(|&end| end < limit);
            let Some(data_end) = data_end else {
                return End::TooFar;
            };
            match input.get(data_end..).unwrap_or_default() {
                [b'\r', b'\n', ..] => self.line = data_end as u32 + 2,
                [] | [b'\r'] if input.len() >= limit => return End::TooFar,
                [] | [b'\r'] => return End::Incomplete,
                _ => return End::Malformed,
            }
        }
    }
}

/// `1*HEXDIG *( BWS ";" extension )`. The extension is not taken apart, but no
/// control character may hide in it.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let (digits, extension) = line.split_at_checked(digits)?;
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    let starts_well = extension.is_empty() || extension.trim_ascii_start().first() == Some(&b';');
    let is_text = |&byte: &u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    if !starts_well || !extension.iter().all(is_text) {
        return None;
    }
    digits.iter().try_fold(0_u64, |size, &byte| {
        Some(size << 4 | u64::from(char::from(byte).to_digit(16)?))
    })
}

/// A field line: a token, a colon, text.
fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|&byte| byte == b':') else {
        return false;
    };
    let (name, value) = line.split_at_checked(colon).unwrap_or_default();
    let is_text = |&byte: &u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    !name.is_empty() && name.iter().copied().all(is_token) && value.iter().all(is_text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;
    use std::string::String;

    fn whole(input: &str) -> End {
        Progress::at(0).follow(input.as_bytes(), 16_384)
    }

    #[test]
    fn bodies_end_after_their_trailer() {
        for input in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "A\r\n0123456789\r\n00\r\n\r\n",
            "5;a=b\r\nhello\r\n0 ; c=\"d\"\r\n\r\n",
            "0\r\nExpires: never\r\nX:\r\n\r\n",
        ] {
            assert_eq!(whole(input), End::At(input.len()), "{input:?}");
            assert_eq!(whole(&format!("{input}GET /")), End::At(input.len()));
            for cut in 0..input.len() {
                assert_eq!(whole(&input[..cut]), End::Incomplete, "{input:?} {cut}");
            }
        }
    }

    #[test]
    fn malformed_bodies_are_told() {
        for input in [
            "\r\n",
            " 5\r\nhello\r\n",
            "5 \r\nhello\r\n",
            "0x5\r\nhello\r\n",
            "+5\r\nhello\r\n",
            "-1\r\n",
            "5\nhello\r\n",
            "5\r\nhello!\r\n",
            "5\r\nhello\n",
            "5\r\nhello\r5",
            "g\r\n",
            "00000000000000005\r\n",
            "0\r\n\n",
            "0\r\nno colon\r\n",
            "0\r\n: x\r\n",
            "0\r\nA: b\r\n folded\r\n",
            "5;\0\r\n",
            "5\r;\r\n",
            "5,\r\n",
            ";\r\n",
        ] {
            assert_eq!(whole(input), End::Malformed, "{input:?}");
        }
        let long = String::from_utf8([b'0'; 600].to_vec()).unwrap();
        assert_eq!(whole(&long), End::Malformed);
        assert_eq!(whole(&format!("5;{long}")), End::Malformed);
    }

    #[test]
    fn what_leads_beyond_the_limit_is_too_far() {
        for input in [
            "ffffffffffffffff\r\n",
            "4000\r\n",
            "7fffffffffffffff\r\nabc",
        ] {
            assert_eq!(whole(input), End::TooFar, "{input}");
        }
        let chunks = "1\r\nx\r\n".repeat(3000);
        assert_eq!(whole(&chunks), End::TooFar);
    }

    #[test]
    fn progress_is_the_same_for_any_cut() {
        let input = "5\r\nhello\r\n0\r\nA: b\r\n\r\n";
        let mut progress = Progress::at(0);
        for end in 0..input.len() {
            assert_eq!(
                progress.follow(&input.as_bytes()[..end], 99),
                End::Incomplete
            );
        }
        assert_eq!(progress.follow(input.as_bytes(), 99), End::At(input.len()));
    }
}
