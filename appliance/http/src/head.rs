//! Finding the end of a request's head, however it arrives.
//!
//! Lines end with CRLF. RFC 9112 §2.2 would let a server take a lone LF too;
//! this one does not, since what two servers read differently is how requests
//! are smuggled. A lone CR is refused for the same reason, and a blank line
//! before the request line is passed over (§2.2).
//!
//! A head that comes byte by byte is searched once: the search goes on where
//! it stopped. Its verdict depends on the bytes alone, never on how they were
//! cut into pieces, since faults are found in the order in which they lie.

use crate::limits::LINE_BYTES;
use crate::method::is_token;

/// How far a search has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Where the current line begins.
    line: u32,
    /// Up to where it has been searched for its end.
    searched: u32,
}

impl Progress {
    /// Nothing searched yet.
    pub const START: Self = Self {
        line: 0,
        searched: 0,
    };
}

/// What a search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The head goes on.
    Incomplete,
    /// The head has this many bytes, blank line included.
    Complete(usize),
    /// The head is refused with this status.
    Refused(u16),
}

/// How many bytes of blank lines to pass over before a request.
pub fn blank_lines(input: &[u8]) -> usize {
    input
        .chunks_exact(2)
        .take_while(|pair| pair == b"\r\n")
        .count()
        * 2
}

/// Searches on for the end of the head; `limit` is how long it may be.
pub fn search(input: &[u8], progress: &mut Progress, limit: usize) -> Found {
    // May yet become a blank line, so nothing has begun.
    if input == b"\r" {
        return Found::Incomplete;
    }
    if progress.line == 0 && !begins_like_a_method(input) {
        return Found::Refused(400);
    }
    let mut line = progress.line as usize;
    let mut from = progress.searched as usize;
    loop {
        // The first line has a limit of its own.
        let (end_by, refusal) = match line {
            0 if LINE_BYTES < limit => (LINE_BYTES, 414),
            0 => (limit, 414),
            _ => (limit, 431),
        };
        let window = input.get(from..input.len().min(end_by)).unwrap_or_default();
        let found = find_line_end(window);
        let end = from + found.unwrap_or(window.len());
        match (found, window.get(end - from..end - from + 2)) {
            (Some(_), Some(b"\r\n")) => {}
            // A lone LF needs no byte after it to be one.
            (Some(_), Some(_)) => return Found::Refused(400),
            (Some(_), None) if window.last() == Some(&b'\n') => return Found::Refused(400),
            _ => {
                if input.len() >= end_by {
                    return Found::Refused(refusal);
                }
                progress.line = line as u32;
                // A CR may be half of an end, and is looked at again.
                progress.searched = end as u32;
                return Found::Incomplete;
            }
        }
        if end == line {
            return Found::Complete(end + 2);
        }
        line = end + 2;
        from = line;
    }
}

/// Where the first CR or LF is.
#[cfg(feature = "std")]
pub fn find_line_end(text: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\r', b'\n', text)
}

/// Where the first CR or LF is.
#[cfg(not(feature = "std"))]
pub fn find_line_end(text: &[u8]) -> Option<usize> {
    text.iter().position(|&byte| byte == b'\r' || byte == b'\n')
}

/// Whether what is there may become a method and a space: tells a TLS client,
/// or noise, at once instead of after a time-out.
fn begins_like_a_method(input: &[u8]) -> bool {
    let start = input.get(..24).unwrap_or(input);
    match start.iter().position(|&byte| !is_token(byte)) {
        Some(at) => at > 0 && start.get(at) == Some(&b' '),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    const LIMIT: usize = 16_384;

    fn whole(input: &[u8]) -> Found {
        search(input, &mut Progress::START.clone(), LIMIT)
    }

    #[test]
    fn the_end_is_the_first_blank_line() {
        assert_eq!(whole(b"GET / HTTP/1.1\r\n\r\nGET"), Found::Complete(18));
        assert_eq!(
            whole(b"GET / HTTP/1.1\r\nA: b\r\n\r\n"),
            Found::Complete(24)
        );
        assert_eq!(whole(b"GET / HTTP/1.1\r\n\r"), Found::Incomplete);
        assert_eq!(whole(b""), Found::Incomplete);
        assert_eq!(whole(b"\r"), Found::Incomplete);
    }

    #[test]
    fn odd_line_ends_are_refused() {
        for input in [
            &b"GET / HTTP/1.1\n"[..],
            b"GET / HTTP/1.1\r\nA: b\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\r\n\n",
            b"GET / HTTP/1.1\r\r\n",
            b"GET / HTTP/1.1\r\nA: \rb\r\n",
            b"GET / HTTP/1.1\rH",
            b"GET / HTTP/1.1\r\r",
            b"GET / HTTP/1.1\r\nA: b\r\r",
        ] {
            assert_eq!(
                whole(input),
                Found::Refused(400),
                "{}",
                input.escape_ascii()
            );
        }
    }

    #[test]
    fn noise_is_told_at_once() {
        for input in [
            &b"\x16\x03\x01"[..],
            b" GET",
            b"GET\t",
            b"G\0",
            b"\r\r",
            b"{",
        ] {
            assert_eq!(whole(input), Found::Refused(400));
        }
        assert_eq!(whole(b"M-SEARCH"), Found::Incomplete);
    }

    #[test]
    fn limits_are_those_of_the_first_byte_beyond() {
        let line = [b"GET /".to_vec(), vec![b'a'; LINE_BYTES]].concat();
        assert_eq!(whole(&line[..LINE_BYTES - 1]), Found::Incomplete);
        assert_eq!(whole(&line[..LINE_BYTES]), Found::Refused(414));
        let head = [b"GET / HTTP/1.1\r\nA: ".to_vec(), vec![b'a'; LIMIT]].concat();
        assert_eq!(whole(&head[..LIMIT - 1]), Found::Incomplete);
        assert_eq!(whole(&head[..LIMIT]), Found::Refused(431));
    }

    #[test]
    fn blank_lines_are_counted_in_bytes() {
        assert_eq!(blank_lines(b"\r\n\r\nGET"), 4);
        assert_eq!(blank_lines(b"GET"), 0);
        assert_eq!(blank_lines(b"\r"), 0);
        assert_eq!(blank_lines(b"\n\r\n"), 0);
    }
}
