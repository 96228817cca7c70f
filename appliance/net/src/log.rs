//! Lines for people: the access log in the Common Log Format, and addresses.
//!
//! ```text
//! 192.0.2.7 - - [24/Nov/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 1234
//! ```
//!
//! The request line is what a client sent: bytes that could fool a terminal or
//! a parser are written as `\xHH`, and a line that gets too long is cut within
//! the quotes. Where nothing was sent, it is `-`.

use crate::console::{LINE_BYTES, Line};
#[cfg(feature = "http")]
use crate::service::Surroundings;
#[cfg(feature = "http")]
use applgen_http::Reply;
use core::fmt::{self, Write};

/// A line that is being written: ASCII, cut where it is full.
pub struct Text {
    bytes: [u8; LINE_BYTES],
    length: usize,
}

impl Text {
    /// An empty line.
    pub fn new() -> Self {
        Self {
            bytes: [0; LINE_BYTES],
            length: 0,
        }
    }

    /// What was written.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }

    #[cfg(feature = "http")]
    fn room(&self) -> usize {
        LINE_BYTES - self.length
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes().filter(u8::is_ascii) {
            let place = self.bytes.get_mut(self.length).ok_or(fmt::Error)?;
            *place = byte;
            self.length += 1;
        }
        Ok(())
    }
}

/// Bytes that come behind a request line at most: `" 200 `, a length.
#[cfg(feature = "http")]
const TAIL_BYTES: usize = 40;

/// Writes the line of an answer; `input` is what its request line is a range of.
#[cfg(feature = "http")]
pub fn access(with: &mut Surroundings<'_>, input: &[u8], reply: &Reply<'_>) {
    let mut line = Text::new();
    // A line that is full is shown as far as it goes.
    let _ = write_access(&mut line, with, input, reply);
    with.console.line(Line::Access, line.as_str());
}

#[cfg(feature = "http")]
fn write_access(
    line: &mut Text,
    with: &Surroundings<'_>,
    input: &[u8],
    reply: &Reply<'_>,
) -> fmt::Result {
    write!(line, "{} - - [", with.client)?;
    // From `Sun, 06 Nov 1994 08:49:37 GMT`.
    let date = str::from_utf8(with.clock.any_date()).unwrap_or_default();
    let part = |range| date.get(range).unwrap_or_default();
    for text in [part(5..7), "/", part(8..11), "/", part(12..16), ":"] {
        line.write_str(text)?;
    }
    line.write_str(part(17..25))?;
    line.write_str(" +0000] \"")?;
    let request_line = input.get(reply.request_line.clone()).unwrap_or_default();
    if request_line.is_empty() {
        line.write_str("-")?;
    }
    for &byte in request_line {
        if line.room() < TAIL_BYTES {
            break;
        }
        match byte {
            b'"' | b'\\' | 0..=31 | 127.. => write!(line, "\\x{byte:02X}")?,
            _ => line.write_char(char::from(byte))?,
        }
    }
    write!(line, "\" {} {}", reply.status, reply.body_len)
}

/// Says that a service listens from now on.
pub fn listening(
    console: &mut dyn crate::Console,
    scheme: &str,
    address: smoltcp::wire::IpAddress,
    port: u16,
    path: &str,
) {
    use smoltcp::wire::IpAddress;
    let mut line = Text::new();
    let _ = match address {
        IpAddress::Ipv4(address) => write!(line, "listening {scheme}://{address}:{port}{path}"),
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(address) => write!(line, "listening {scheme}://[{address}]:{port}{path}"),
    };
    console.line(Line::Listening, line.as_str());
}
