//! The one frame that is sent next, and what all packets have in common:
//! Ethernet and IP headers, and checksums.

use crate::nic::Checksum;
use alloc::vec;
use alloc::vec::Vec;
use smoltcp::wire::{EthernetAddress, IpAddress};

/// Bytes of an Ethernet header.
pub const ETHERNET_BYTES: usize = 14;
/// Bytes of an IPv4 header without options.
pub const IPV4_BYTES: usize = 20;
/// Bytes of an IPv6 header.
#[cfg(feature = "ipv6")]
pub const IPV6_BYTES: usize = 40;

/// Numbers of protocols on IP.
pub const ICMP: u8 = 1;
/// TCP.
pub const TCP: u8 = 6;
/// UDP.
pub const UDP: u8 = 17;
/// ICMP of IPv6.
#[cfg(feature = "ipv6")]
pub const ICMPV6: u8 = 58;

/// How many hops a packet may take, unless its protocol says otherwise.
pub const HOPS: u8 = 64;

/// The buffer of the one frame that a step sends.
#[derive(Debug)]
pub struct Out {
    buffer: Vec<u8>,
    length: usize,
    checksum: Checksum,
}

/// What a packet's headers say.
#[derive(Debug, Clone, Copy)]
pub struct Packet {
    /// The own Ethernet address.
    pub from: EthernetAddress,
    /// Whose Ethernet address it goes to.
    pub to: EthernetAddress,
    /// The own address.
    pub source: IpAddress,
    /// Whose address it goes to, of the same version.
    pub destination: IpAddress,
    /// What follows.
    pub protocol: u8,
    /// How many hops it may take.
    pub hops: u8,
}

impl Out {
    /// A buffer for frames with so long a payload.
    pub fn new(mtu: usize) -> Self {
        Self {
            buffer: vec![0; ETHERNET_BYTES + mtu],
            length: 0,
            checksum: Checksum::Done,
        }
    }

    /// The frame that was written, if one was, and what is to be done about its
    /// checksum; then there is none.
    pub fn take(&mut self) -> Option<(&mut [u8], Checksum)> {
        let length = core::mem::take(&mut self.length);
        if length == 0 {
            return None;
        }
        let checksum = core::mem::replace(&mut self.checksum, Checksum::Done);
        Some((self.buffer.get_mut(..length)?, checksum))
    }

    /// Leaves a checksum to the interface.
    pub fn complete(&mut self, checksum: Checksum) {
        self.checksum = checksum;
    }

    /// A frame of so many bytes, to be written by the caller; what is in it is
    /// of frames before.
    pub fn frame(&mut self, length: usize) -> Option<&mut [u8]> {
        let frame = self.buffer.get_mut(..length)?;
        self.length = length;
        self.checksum = Checksum::Done;
        Some(frame)
    }

    /// A frame with so much behind its headers, which are written. The caller
    /// writes what `payload` is.
    pub fn packet(&mut self, packet: &Packet, length: usize) -> Option<&mut [u8]> {
        let start = ETHERNET_BYTES + ip_bytes(packet.source);
        let frame = self.frame(start + length)?;
        headers(frame, packet);
        Some(frame)
    }
}

/// Bytes of the IP header of packets from this address.
pub fn ip_bytes(source: IpAddress) -> usize {
    match source {
        IpAddress::Ipv4(_) => IPV4_BYTES,
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(_) => IPV6_BYTES,
    }
}

/// Writes an Ethernet header.
pub fn ethernet(frame: &mut [u8], from: EthernetAddress, to: EthernetAddress, ethertype: u16) {
    if let Some((destination, rest)) = frame.split_first_chunk_mut()
        && let Some((source, rest)) = rest.split_first_chunk_mut()
        && let Some(kind) = rest.first_chunk_mut()
    {
        *destination = to.0;
        *source = from.0;
        *kind = ethertype.to_be_bytes();
    }
}

/// Writes the headers of a frame; the rest of it is their payload.
pub fn headers(frame: &mut [u8], packet: &Packet) {
    let Packet { protocol, hops, .. } = *packet;
    let length = frame.len().saturating_sub(ETHERNET_BYTES) as u16;
    let ethertype = match (packet.source, packet.destination) {
        (IpAddress::Ipv4(source), IpAddress::Ipv4(destination)) => {
            let Some(header) = frame
                .get_mut(ETHERNET_BYTES..)
                .and_then(|rest| rest.first_chunk_mut::<IPV4_BYTES>())
            else {
                return;
            };
            header[..2].copy_from_slice(&[0x45, 0]);
            header[2..4].copy_from_slice(&length.to_be_bytes());
            // Not to be fragmented, so that it needs no number (RFC 6864).
            header[4..8].copy_from_slice(&[0, 0, 0x40, 0]);
            header[8..12].copy_from_slice(&[hops, protocol, 0, 0]);
            header[12..16].copy_from_slice(&source.octets());
            header[16..].copy_from_slice(&destination.octets());
            let sum = !fold(sum(header));
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            0x0800
        }
        #[cfg(feature = "ipv6")]
        (IpAddress::Ipv6(source), IpAddress::Ipv6(destination)) => {
            let Some((fixed, addresses)) = frame
                .get_mut(ETHERNET_BYTES..)
                .and_then(|rest| rest.first_chunk_mut::<IPV6_BYTES>())
                .and_then(|header| header.split_first_chunk_mut::<8>())
            else {
                return;
            };
            let [l1, l2] = length.saturating_sub(IPV6_BYTES as u16).to_be_bytes();
            *fixed = [0x60, 0, 0, 0, l1, l2, protocol, hops];
            if let Some((to, from)) = addresses
                .split_at_mut_checked(16)
                .map(|(source, destination)| (destination, source))
            {
                from.copy_from_slice(&source.octets());
                to.copy_from_slice(&destination.octets());
            }
            0x86dd
        }
        #[cfg(feature = "ipv6")]
        _ => return,
    };
    ethernet(frame, packet.from, packet.to, ethertype);
}

/// The sum of 16-bit words, the last one filled up, not folded yet (RFC 1071).
pub fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    // In the machine's order of bytes, which the sum does not depend on.
    let mut sum: u64 = words
        .iter()
        .map(|word| u64::from(u32::from_ne_bytes(*word)))
        .sum();
    let mut last = [0; 4];
    for (place, byte) in last.iter_mut().zip(rest) {
        *place = *byte;
    }
    sum += u64::from(u32::from_ne_bytes(last));
    sum
}

/// Folds a sum to 16 bits.
pub fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    u16::from_be_bytes((sum as u16).to_ne_bytes())
}

/// The sum of a pseudo-header, not folded yet (RFC 9293 §3.1, RFC 8200 §8.1).
fn pseudo_sum(source: IpAddress, destination: IpAddress, protocol: u8, length: usize) -> u64 {
    let mut all = u64::from((length as u32).to_be()) + sum(&[0, protocol]);
    for address in [source, destination] {
        match address {
            IpAddress::Ipv4(address) => all += sum(&address.octets()),
            #[cfg(feature = "ipv6")]
            IpAddress::Ipv6(address) => all += sum(&address.octets()),
        }
    }
    all
}

/// The sum of a pseudo-header, folded and not complemented.
pub fn pseudo_header(
    source: IpAddress,
    destination: IpAddress,
    protocol: u8,
    length: usize,
) -> u16 {
    fold(pseudo_sum(source, destination, protocol, length))
}

/// The checksum of a transport's packet with its pseudo-header, where its
/// checksum is 0; 0 for one whose checksum is right.
pub fn checksum(source: IpAddress, destination: IpAddress, protocol: u8, bytes: &[u8]) -> u16 {
    !fold(pseudo_sum(source, destination, protocol, bytes.len()) + sum(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::wire::{IpProtocol, TcpPacket};

    #[test]
    fn checksums_are_those_of_another() {
        let addresses = [
            (
                IpAddress::v4(192, 0, 2, 2),
                IpAddress::v4(198, 51, 100, 255),
            ),
            #[cfg(feature = "ipv6")]
            (
                IpAddress::v6(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
                IpAddress::v6(0x2001, 0xdb8, 0xffff, 0, 0, 0xff, 0, 9),
            ),
        ];
        let mut bytes = [0; 99];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = (at * 89 + 7) as u8;
        }
        for (source, destination) in addresses {
            for length in 20..bytes.len() {
                let bytes = &mut bytes[..length];
                bytes[16..18].fill(0);
                let own = checksum(source, destination, TCP, bytes);
                let mut packet = TcpPacket::new_unchecked(&mut *bytes);
                packet.fill_checksum(&source, &destination);
                assert_eq!(own, packet.checksum());
                assert_eq!(checksum(source, destination, TCP, bytes), 0);
                let _ = IpProtocol::Tcp;
            }
        }
    }
}
