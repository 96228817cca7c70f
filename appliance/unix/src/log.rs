//! The access log, in the Common Log Format: one line for each answer.
//!
//! ```text
//! 192.0.2.7 - - [24/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 1234
//! ```
//!
//! Lines are collected and written once for each turn of the event loop. The
//! request line is what a client sent: bytes that could fool a terminal or a
//! parser are written as `\xHH`. Where nothing was sent, it is `-`.

use applgen_http::Reply;
use applgen_http::date::ImfFixdate;
use std::io::{self, Write};
use std::net::IpAddr;

/// Lines that have not been written yet.
#[derive(Debug, Default)]
pub struct Log {
    lines: Vec<u8>,
}

/// From here on lines are written before the turn is over.
const FLUSH_BYTES: usize = 32 * 1024;

impl Log {
    /// Adds the line of an answer. `input` is what the reply's request line is
    /// a range of.
    pub fn line(
        &mut self,
        client: Option<IpAddr>,
        date: &ImfFixdate,
        input: &[u8],
        reply: &Reply<'_>,
    ) {
        let lines = &mut self.lines;
        // Writing to memory does not fail.
        let _ = match client {
            Some(address) => write!(lines, "{address}"),
            None => write!(lines, "-"),
        };
        lines.extend(b" - - [");
        // From `Sun, 06 Nov 1994 08:49:37 GMT`.
        let parts = [&date[5..7], b"/", &date[8..11], b"/", &date[12..16], b":"];
        lines.extend(parts.concat());
        lines.extend(&date[17..25]);
        lines.extend(b" +0000] \"");
        let request_line = input.get(reply.request_line.clone()).unwrap_or_default();
        match request_line {
            b"" => lines.push(b'-'),
            _ => escape(request_line, lines),
        }
        let _ = writeln!(lines, "\" {} {}", reply.status, reply.body_len);
        if lines.len() >= FLUSH_BYTES {
            self.flush();
        }
    }

    /// Writes what there is. A log that nobody takes is no reason to stop.
    pub fn flush(&mut self) {
        if !self.lines.is_empty() {
            let _ = io::stderr().lock().write_all(&self.lines);
            self.lines.clear();
        }
    }
}

fn escape(text: &[u8], lines: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'"' | b'\\' | 0..=31 | 127.. => {
                let _ = write!(lines, "\\x{byte:02X}");
            }
            _ => lines.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line() {
        let input = b"\r\nGET /\"\x1b[31m\xff\\ HTTP/1.1\r\n";
        let reply = Reply {
            head_len: 0,
            slices: [&[], &[]],
            close: false,
            linger: false,
            status: 404,
            body_len: 14,
            request_line: 2..input.len() - 2,
        };
        let mut log = Log::default();
        let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
        log.line(Some(IpAddr::from([192, 0, 2, 7])), date, input, &reply);
        assert_eq!(
            str::from_utf8(&log.lines).unwrap(),
            "192.0.2.7 - - [06/Nov/1994:08:49:37 +0000] \
             \"GET /\\x22\\x1B[31m\\xFF\\x5C HTTP/1.1\" 404 14\n"
        );
        log.lines.clear();
        let silent = Reply {
            request_line: 0..0,
            ..reply
        };
        log.line(None, date, b"", &silent);
        assert!(log.lines.ends_with(b"\"-\" 404 14\n"));
    }
}
