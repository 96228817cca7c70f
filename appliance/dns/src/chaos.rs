//! Questions about the server itself, in the class CHAOS (RFC 4892).

use crate::message::Message;
use crate::respond::{kind, rcode};
use applgen_bundle::dns::Zones;

/// The class.
pub const CLASS: u16 = 3;
const TXT: u16 = 16;

/// Answers with what the site says of its server, or refuses.
pub fn answer(zones: &Zones<'_>, name: &[u8], asked: u16, message: &mut Message<'_, '_>) -> u8 {
    // A `match` of byte strings would be a comparison for each byte.
    let is_one = |known: [&[u8]; 2]| known.contains(&name);
    let text = if is_one([b"\x07version\x04bind\0", b"\x07version\x06server\0"]) {
        zones.version()
    } else if is_one([b"\x08hostname\x04bind\0", b"\x02id\x06server\0"]) {
        zones.identity()
    } else {
        None
    };
    let Some(text) = text.filter(|_| matches!(asked, TXT | kind::ANY)) else {
        return rcode::REFUSED;
    };
    let length = text.len().min(255) as u8;
    let parts: [&[u8]; 4] = [
        // The owner is the question; TTL 0.
        b"\xc0\x0c\0\x10\0\x03\0\0\0\0",
        &(u16::from(length) + 1).to_be_bytes(),
        &[length],
        text,
    ];
    match parts.into_iter().try_for_each(|part| message.put(part)) {
        Some(()) => message.counts[0] = 1,
        None => message.truncated = true,
    }
    rcode::NOERROR
}
