//! Lines for people: what listens, and the access log, whose formats are
//! `applgen_http::log`'s.

use crate::console::{Console, LINE_BYTES, Line};
#[cfg(all(feature = "http", feature = "log"))]
use crate::service::Surroundings;
use applgen_bundle::show::Show;
#[cfg(all(feature = "http", feature = "log"))]
use applgen_http::{Reply, log::Format};
use core::net::IpAddr;
use smoltcp::wire::IpAddress;

/// A line that is being written: ASCII, cut where it is full.
struct Text {
    bytes: [u8; LINE_BYTES],
    length: usize,
}

impl Text {
    fn of(parts: &[&dyn Show]) -> Self {
        let mut text = Self {
            bytes: [0; LINE_BYTES],
            length: 0,
        };
        parts.show(&mut |part| {
            for byte in part.bytes().filter(u8::is_ascii) {
                if let Some(place) = text.bytes.get_mut(text.length) {
                    *place = byte;
                    text.length += 1;
                }
            }
        });
        text
    }

    fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

fn standard(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4(address) => address.into(),
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(address) => address.into(),
    }
}

/// Writes the line of an answer; `input` is what its request line is a range of.
#[cfg(all(feature = "http", feature = "log"))]
pub fn access(format: Format, with: &mut Surroundings<'_>, input: &[u8], reply: &Reply<'_>) {
    // An address is never longer than a line.
    let client = Text::of(&[&standard(with.client)]);
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
    let (open, close) = match address {
        IpAddress::Ipv4(_) => ("", ""),
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(_) => ("[", "]"),
    };
    let address = standard(address);
    let port = u64::from(port);
    let line = Text::of(&[
        &"listening ",
        &scheme,
        &"://",
        &open,
        &address,
        &close,
        &":",
        &port,
        &path,
    ]);
    console.line(Line::Listening, line.as_str());
}
