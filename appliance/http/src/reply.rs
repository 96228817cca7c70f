//! What goes out: a small head, and up to two slices of the bundle.
//!
//! The head holds what only the server can know: the status line, the date,
//! and whether the connection stays. Everything else lies finished in the
//! bundle, header lines and body in one run.

use crate::date::ImfFixdate;
use crate::method::ALLOW;
use crate::status::reason;
use core::ops::Range;

/// An answer: on the wire it is `head[..head_len]` of the scratch that was
/// lent, then the slices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply<'b> {
    /// Bytes of the scratch.
    pub head_len: usize,
    /// What follows them, in this order.
    pub slices: [&'b [u8]; 2],
    /// Whether the connection closes after it.
    pub close: bool,
    /// Whether the client may still be sending when it does: then what comes
    /// in is to be read and dropped for a moment, so that the answer is not
    /// lost to a reset (RFC 9112 §9.6).
    pub linger: bool,
    /// Its status. 100 is an interim answer: the same request is answered
    /// again, in full, by a later step.
    pub status: u16,
    /// Bytes of its body, for the log.
    pub body_len: u64,
    /// Where in the input the request line is, for the log: hostile bytes,
    /// empty where there was none.
    pub request_line: Range<usize>,
    /// Whether more comes for the same request: the next step gives it,
    /// whether or not further input has come. An interim answer (100) is such a
    /// one, and every part but the last of an answer in several parts. The
    /// access log wants the last alone, whose `body_len` counts all parts.
    pub unfinished: bool,
}

impl Reply<'_> {
    /// Nothing to send.
    pub const EMPTY: Self = Self {
        head_len: 0,
        slices: [&[]; 2],
        close: false,
        linger: false,
        status: 0,
        body_len: 0,
        request_line: 0..0,
        unfinished: false,
    };

    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.head_len + self.slices[0].len() + self.slices[1].len()
    }

    /// Whether there is nothing to send; there always is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What an answer says of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// It closes: `Connection: close`.
    Close,
    /// It stays, as HTTP/1.1 has it.
    Stay,
    /// It stays, which HTTP/1.0 has to be told: `Connection: keep-alive`.
    StayExplicit,
}

/// The head of an answer, being written.
pub struct Head<'h> {
    buffer: &'h mut [u8],
    length: usize,
    overflow: bool,
    status: u16,
    persistence: Persistence,
}

impl<'h> Head<'h> {
    /// Status line, date, and `Connection` where it is needed.
    pub fn new(
        buffer: &'h mut [u8],
        status: u16,
        date: Option<&ImfFixdate>,
        persistence: Persistence,
    ) -> Self {
        let mut head = Self::bare(buffer, status, persistence);
        head.put(b"HTTP/1.1 ");
        head.put(reason(status));
        if let Some(date) = date {
            head.put(b"\r\nDate: ");
            head.put(date);
        }
        head.put(match persistence {
            Persistence::Close => b"\r\nConnection: close\r\n",
            Persistence::Stay => b"\r\n",
            Persistence::StayExplicit => b"\r\nConnection: keep-alive\r\n",
        });
        head
    }

    /// Nothing yet: for what follows a head that was sent.
    pub fn bare(buffer: &'h mut [u8], status: u16, persistence: Persistence) -> Self {
        Self {
            buffer,
            length: 0,
            overflow: false,
            status,
            persistence,
        }
    }

    /// Puts bytes at the end.
    pub fn put(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.buffer.get_mut(self.length..end) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.length = end;
            }
            None => self.overflow = true,
        }
    }

    /// Puts a number, in decimal digits.
    pub fn put_number(&mut self, number: u64) {
        self.put(decimal(number, &mut [0; 20]));
    }

    /// Puts a byte as `%HH`.
    pub fn put_escaped(&mut self, byte: u8) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
        self.put(&[b'%', digit(byte >> 4), digit(byte & 15)]);
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Puts a query or a path as it came; what a client may send unencoded, and
    /// a URI does not hold (RFC 3986), is encoded.
    pub fn put_reference(&mut self, text: &[u8]) {
        let is_plain = |byte: &u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(byte);
        if text.iter().all(is_plain) {
            return self.put(text);
        }
        for byte in text {
            match is_plain(byte) {
                true => self.put(&[*byte]),
                false => self.put_escaped(*byte),
            }
        }
    }

    /// Puts a query behind the location that begins at `start`, and before its
    /// fragment.
    pub fn put_query(&mut self, start: usize, query: &[u8]) {
        let end = self.length;
        let location = self.buffer.get(start..end).unwrap_or_default();
        let fragment = location.iter().position(|&byte| byte == b'#');
        self.put_reference(query);
        if let Some(fragment) = fragment
            && let Some(moved) = self.buffer.get_mut(start + fragment..self.length)
        {
            moved.rotate_right(self.length - end);
        }
    }

    /// Whether everything fitted, and [`Head::with_reason`] will.
    pub fn has_room_for_reason(&self) -> bool {
        !self.overflow && self.buffer.len() - self.length >= REASON_BYTES
    }

    /// The answer: this head, which the first slice completes.
    pub fn with<'b>(self, slices: [&'b [u8]; 2], body_len: u64) -> Reply<'b> {
        // A scratch that is smaller than HEAD_MAX gets nothing half-said.
        let (head_len, slices) = match self.overflow {
            false => (self.length, slices),
            true => (0, [&[][..]; 2]),
        };
        Reply {
            head_len,
            slices,
            close: self.overflow || self.persistence == Persistence::Close,
            status: self.status,
            body_len,
            ..Reply::EMPTY
        }
    }

    /// The answer whose body is its own reason phrase, for what has no page;
    /// `with_body` is whether the body is sent too.
    pub fn with_reason<'b>(mut self, with_body: bool) -> Reply<'b> {
        let text = reason(self.status);
        let length = text.len() as u64 + 1;
        if self.status == 405 {
            self.put(b"Allow: ");
            self.put(ALLOW);
            self.put(b"\r\n");
        }
        // Caches would make up a lifetime of their own for 404, 405, 410, 414 and
        // 501 (RFC 9110 §15.1); of redirects the bundle's lines say how long.
        if self.status >= 400 {
            self.put(b"Cache-Control: no-store\r\n");
        }
        self.put(b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: ");
        self.put_number(length);
        self.put(b"\r\n\r\n");
        if with_body {
            self.with([text, b"\n"], length)
        } else {
            self.with([&[], &[]], 0)
        }
    }
}

/// The most that [`Head::with_reason`] adds.
const REASON_BYTES: usize = 160;

/// A number in decimal digits.
pub fn decimal(number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    let mut rest = number;
    for place in digits.iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}

/// An answer to no request: a time-out (408), or too many connections (503).
/// It closes the connection.
pub fn refusal<'b>(status: u16, date: Option<&ImfFixdate>, head: &mut [u8]) -> Reply<'b> {
    let mut reply = Head::new(head, status, date, Persistence::Close).with_reason(true);
    reply.linger = true;
    reply
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::HEAD_MAX;
    use std::vec::Vec;

    #[test]
    fn a_refusal_is_a_whole_message() {
        let mut scratch = [0; HEAD_MAX];
        let reply = refusal(408, Some(b"Sun, 06 Nov 1994 08:49:37 GMT"), &mut scratch);
        let mut bytes = scratch[..reply.head_len].to_vec();
        bytes.extend(reply.slices.concat());
        assert_eq!(
            str::from_utf8(&bytes).unwrap(),
            "HTTP/1.1 408 Request Timeout\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             Connection: close\r\nCache-Control: no-store\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Length: 20\r\n\r\n408 Request Timeout\n"
        );
        assert_eq!((reply.close, reply.len()), (true, bytes.len()));
    }

    #[test]
    fn numbers() {
        for number in [0, 9, 10, 12_345, u64::MAX] {
            let mut scratch = [0; 64];
            let mut head = Head::new(&mut scratch, 200, None, Persistence::Stay);
            let start = head.length;
            head.put_number(number);
            let end = head.length;
            let text: Vec<u8> = scratch[start..end].to_vec();
            assert_eq!(std::format!("{number}").into_bytes(), text);
        }
    }

    #[test]
    fn a_scratch_that_is_too_small_sends_nothing() {
        for size in 0..100 {
            let mut scratch = [0; 100];
            let reply = refusal(400, None, &mut scratch[..size]);
            assert_eq!((reply.len(), reply.close), (0, true));
        }
    }
}
