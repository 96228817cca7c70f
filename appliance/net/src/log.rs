//! Lines for people: what listens, and the access log, whose formats are
//! `applgen_http::log`'s.

use crate::console::{Console, LINE_BYTES, Line};
#[cfg(feature = "http")]
use crate::service::Surroundings;
#[cfg(feature = "http")]
use applgen_http::{Reply, log::Format};
use core::fmt::{self, Write};
use smoltcp::wire::IpAddress;

/// A line that is being written: ASCII, cut where it is full.
struct Text {
    bytes: [u8; LINE_BYTES],
    length: usize,
}

impl Text {
    fn new() -> Self {
        Self {
            bytes: [0; LINE_BYTES],
            length: 0,
        }
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
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

/// Writes the line of an answer; `input` is what its request line is a range of.
#[cfg(feature = "http")]
pub fn access(format: Format, with: &mut Surroundings<'_>, input: &[u8], reply: &Reply<'_>) {
    let mut client = Text::new();
    // An address is never longer than a line.
    let _ = write!(client, "{}", with.client);
    let line = applgen_http::log::Line {
        client: client.as_str().as_bytes(),
        date: with.clock.any_date(),
        input,
        reply,
    };
    let console = &mut *with.console;
    // What a client sent is escaped: it is all text.
    line.write(format, &mut |part| {
        console.access(str::from_utf8(part).unwrap_or_default());
    });
}

/// Says that a service listens from now on.
pub fn listening(
    console: &mut dyn Console,
    scheme: &str,
    address: IpAddress,
    port: u16,
    path: &str,
) {
    let mut line = Text::new();
    let _ = match address {
        IpAddress::Ipv4(address) => write!(line, "listening {scheme}://{address}:{port}{path}"),
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(address) => write!(line, "listening {scheme}://[{address}]:{port}{path}"),
    };
    console.line(Line::Listening, line.as_str());
}
