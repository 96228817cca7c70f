//! The access log of a process: lines go to stderr.
//!
//! The formats are [`applgen_http::log`]'s. Lines are collected and written
//! once for each turn of the event loop.

use applgen_http::Reply;
use applgen_http::date::ImfFixdate;
use applgen_http::log::{Format, Line};
use std::io::{self, Write};
use std::net::IpAddr;

/// Lines that have not been written yet.
#[derive(Debug)]
pub struct Log {
    format: Format,
    lines: Vec<u8>,
}

/// From here on lines are written before the turn is over.
const FLUSH_BYTES: usize = 32 * 1024;

impl Log {
    /// An empty one.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            lines: Vec::new(),
        }
    }

    /// Adds the line of an answer. `input` is what the reply's request line is
    /// a range of.
    pub fn line(&mut self, client: IpAddr, date: &ImfFixdate, input: &[u8], reply: &Reply<'_>) {
        let lines = &mut self.lines;
        let client = client.to_canonical().to_string();
        let line = Line {
            client: client.as_bytes(),
            date,
            input,
            reply,
        };
        line.write(self.format, &mut |piece| lines.extend_from_slice(piece));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_people_know_them() {
        let mut log = Log::new(Format::Common);
        let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
        let mapped: IpAddr = "::ffff:192.0.2.7".parse().unwrap();
        log.line(mapped, date, b"", &Reply::EMPTY);
        assert!(log.lines.starts_with(b"192.0.2.7 - - ["));
    }
}
