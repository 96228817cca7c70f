//! ICMP, as far as it answers: echo requests (RFC 792, RFC 4443 §4), and
//! packets of protocols that nobody speaks here.

use crate::frame::Frame;
use crate::link::Link;
use crate::wire::{ETHERNET_BYTES, HOPS, ICMP, Out, Packet, fold, ip_bytes, sum};
use smoltcp::wire::{EthernetAddress, IpAddress};

/// Bytes of every message's head.
const HEAD_BYTES: usize = 8;
/// How much of a refused packet goes back: all fits into the smallest packet
/// that every host takes (RFC 1812 §4.3.2.3), in bytes.
const QUOTED_BYTES: usize = 512;

/// Types, by protocol version.
struct Types {
    protocol: u8,
    request: u8,
    reply: u8,
    refusal: u8,
}

fn types(address: IpAddress) -> Types {
    match address {
        IpAddress::Ipv4(_) => Types {
            protocol: ICMP,
            request: 8,
            reply: 0,
            refusal: 3,
        },
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(_) => Types {
            protocol: crate::wire::ICMPV6,
            request: 128,
            reply: 129,
            refusal: 4,
        },
    }
}

/// What is wrong with a packet (RFC 792; RFC 4443 §3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The code of the message.
    pub code: u8,
    /// Where in the packet it is, in bytes; 0 for IPv4, which does not say.
    pub pointer: u16,
}

/// Whether a message is an echo request.
pub fn is_request(message: &[u8], source: IpAddress) -> bool {
    message.len() >= HEAD_BYTES && message.first() == Some(&types(source).request)
}

/// Whether the checksum of a message is right.
pub fn is_right(message: &[u8], source: IpAddress, destination: IpAddress) -> bool {
    sum_of(message, source, destination) == 0
}

fn sum_of(message: &[u8], source: IpAddress, destination: IpAddress) -> u16 {
    let _ = destination;
    match source {
        IpAddress::Ipv4(_) => !fold(sum(message)),
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(_) => {
            crate::wire::checksum(source, destination, crate::wire::ICMPV6, message)
        }
    }
}

/// Answers an echo request.
pub fn echo(
    message: &[u8],
    (source, destination): (IpAddress, IpAddress),
    sender: EthernetAddress,
    link: &Link,
    out: &mut Out,
) {
    if !is_right(message, source, destination) {
        return;
    }
    let mut head = [0; HEAD_BYTES];
    let (Some(first), Some(data)) = (
        message.first_chunk::<HEAD_BYTES>(),
        message.get(HEAD_BYTES..),
    ) else {
        return;
    };
    head.copy_from_slice(first);
    head[0] = types(source).reply;
    emit(head, data, (destination, source), sender, link, out);
}

/// Says what is wrong with a packet.
pub fn refuse(
    frame: &Frame<'_>,
    refusal: Refusal,
    (source, destination): (IpAddress, IpAddress),
    link: &Link,
    out: &mut Out,
) {
    let quoted = frame.packet.get(..QUOTED_BYTES).unwrap_or(frame.packet);
    let [high, low] = refusal.pointer.to_be_bytes();
    let kind = types(source).refusal;
    let head = [kind, refusal.code, 0, 0, 0, 0, high, low];
    emit(head, quoted, (destination, source), frame.sender, link, out);
}

fn emit(
    mut head: [u8; HEAD_BYTES],
    data: &[u8],
    (source, destination): (IpAddress, IpAddress),
    to: EthernetAddress,
    link: &Link,
    out: &mut Out,
) {
    let packet = Packet {
        from: link.mac,
        to,
        source,
        destination,
        protocol: types(source).protocol,
        hops: HOPS,
    };
    let Some(message) = out
        .packet(&packet, HEAD_BYTES + data.len())
        .and_then(|frame| frame.get_mut(ETHERNET_BYTES + ip_bytes(source)..))
    else {
        return;
    };
    head[2] = 0;
    head[3] = 0;
    if let Some((place, rest)) = message.split_first_chunk_mut() {
        *place = head;
        rest.copy_from_slice(data);
    }
    let sum = sum_of(message, source, destination);
    if let Some(place) = message.get_mut(2..4) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
}
