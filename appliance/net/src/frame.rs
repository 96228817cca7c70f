//! What a received frame is: whose it is, and which part of the server it is
//! for. Checks lengths once; everything here is hostile.
//!
//! Fragments are not reassembled: TCP does not make them, and a datagram that
//! needs them is larger than anything that is asked of this server.

#[cfg(feature = "ipv6")]
use crate::extensions::Upper;
use crate::icmp::{self, Refusal};
use crate::tcp::segment::Segment;
use crate::wire::{ETHERNET_BYTES, ICMP, IPV4_BYTES, TCP, UDP, checksum, fold, sum};
#[cfg(feature = "ipv6")]
use crate::wire::{ICMPV6, IPV6_BYTES};
use core::hash::Hasher;
use core::net::Ipv4Addr;
#[cfg(feature = "ipv6")]
use core::net::Ipv6Addr;
use siphasher::sip::SipHasher13;
use smoltcp::wire::{EthernetAddress, IpAddress};

/// A frame that is for this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'f> {
    /// Who sent it over the link, and gets the answer.
    pub sender: EthernetAddress,
    /// Whether it was sent to the own address, not to a group or to all.
    pub is_unicast: bool,
    /// The IP packet; for ARP the ARP packet.
    pub packet: &'f [u8],
    /// What it is.
    pub kind: Kind<'f>,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'f> {
    /// ARP.
    Arp,
    /// A TCP segment with a right checksum.
    Tcp(Segment<'f>),
    /// A UDP datagram, its checksum not looked at.
    Udp(Datagram<'f>),
    /// A neighbor solicitation, and whose address is wanted.
    #[cfg(feature = "ipv6")]
    Solicitation(Solicitation),
    /// A router asks who is in which group.
    #[cfg(feature = "ipv6")]
    GroupQuery,
    /// A router's word that a packet of this connection was too large for it.
    TooBig {
        /// Whose it was.
        flow: Flow,
        /// With which sequence number it began.
        seq: u32,
        /// How many bytes the router takes, or 0 if it does not say.
        mtu: u16,
    },
    /// An echo request, or a packet of a protocol that nobody speaks here.
    Other {
        /// Where the packet comes from.
        source: IpAddress,
        /// Where it goes.
        destination: IpAddress,
        /// What it is answered with.
        asks: Asks<'f>,
    },
}

/// What ICMP answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks<'f> {
    /// An echo request, its checksum not looked at.
    Echo(&'f [u8]),
    /// A packet that cannot be taken.
    Refusal(Refusal),
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The client's address.
    pub remote: IpAddress,
    /// The own address.
    pub local: IpAddress,
    /// The client's port.
    pub remote_port: u16,
    /// The own port.
    pub local_port: u16,
}

/// A UDP datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'f> {
    /// Whose it is.
    pub flow: Flow,
    /// From its header on.
    pub bytes: &'f [u8],
}

/// A neighbor solicitation (RFC 4861 §4.3).
#[cfg(feature = "ipv6")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Solicitation {
    /// Who asks; unspecified for duplicate address detection.
    pub source: Ipv6Addr,
    /// Whose address is asked for.
    pub target: Ipv6Addr,
}

impl<'f> Frame<'f> {
    /// Reads a frame. `checked` is the interface's word on checksums; `None` is
    /// what is not for this machine, or not well-formed.
    #[inline(never)]
    pub fn parse(bytes: &'f [u8], own: EthernetAddress, checked: bool) -> Option<Self> {
        let (header, packet) = bytes.split_first_chunk::<ETHERNET_BYTES>()?;
        let &[d1, d2, d3, d4, d5, d6, s1, s2, s3, s4, s5, s6, e1, e2] = header;
        let destination = EthernetAddress([d1, d2, d3, d4, d5, d6]);
        let sender = EthernetAddress([s1, s2, s3, s4, s5, s6]);
        let is_unicast = destination == own;
        // Nobody is to be answered at a group's address.
        if !(is_unicast || destination.is_multicast()) || !sender.is_unicast() {
            return None;
        }
        let kind = match u16::from_be_bytes([e1, e2]) {
            0x0806 => Kind::Arp,
            0x0800 => ipv4(packet, checked)?,
            #[cfg(feature = "ipv6")]
            0x86dd => ipv6(packet, checked)?,
            _ => return None,
        };
        Some(Self {
            sender,
            is_unicast,
            packet,
            kind,
        })
    }
}

/// The addresses of an IPv4 header: the sender's first.
fn addresses(header: &[u8]) -> Option<(IpAddress, IpAddress)> {
    let source: [u8; 4] = *header.get(12..)?.first_chunk()?;
    let destination: [u8; 4] = *header.get(16..)?.first_chunk()?;
    Some((
        Ipv4Addr::from(source).into(),
        Ipv4Addr::from(destination).into(),
    ))
}

fn ipv4(bytes: &[u8], checked: bool) -> Option<Kind<'_>> {
    let &[first, _, l1, l2, _, _, f1, f2, _, protocol, ..] = bytes.first_chunk::<IPV4_BYTES>()?;
    let header = usize::from(first & 0xf) * 4;
    let length = usize::from(u16::from_be_bytes([l1, l2]));
    // No part of a packet, and none to come.
    let is_whole = u16::from_be_bytes([f1, f2]) & 0x3fff == 0;
    if first >> 4 != 4 || header < IPV4_BYTES || !is_whole {
        return None;
    }
    // An interface's word is for the transport's checksum, and not for this one.
    if fold(sum(bytes.get(..header)?)) != 0xffff {
        return None;
    }
    let payload = bytes.get(header..length)?;
    let (source, destination) = addresses(bytes)?;
    match protocol {
        TCP => tcp(payload, source, destination, checked),
        UDP => udp(payload, source, destination),
        ICMP => {
            // Fragmentation needed (RFC 792).
            if let [3, 4, _, _, _, _, m1, m2, original @ ..] = payload {
                let header = usize::from(original.first()? & 0xf) * 4;
                let segment = original.get(header.max(IPV4_BYTES)..)?;
                let is_tcp = original.get(9) == Some(&TCP);
                if !is_tcp || !icmp::is_right(payload, source, destination) {
                    return None;
                }
                let mtu = u16::from_be_bytes([*m1, *m2]);
                return too_big(addresses(original)?, segment, mtu);
            }
            echo(payload, source, destination)
        }
        _ => Some(Kind::Other {
            source,
            destination,
            asks: Asks::Refusal(Refusal {
                code: 2,
                pointer: 0,
            }),
        }),
    }
}

fn echo(message: &[u8], source: IpAddress, destination: IpAddress) -> Option<Kind<'_>> {
    icmp::is_request(message, source).then_some(Kind::Other {
        source,
        destination,
        asks: Asks::Echo(message),
    })
}

/// The addresses of an IPv6 header: the sender's first.
#[cfg(feature = "ipv6")]
fn addresses_6(header: &[u8]) -> Option<(Ipv6Addr, Ipv6Addr)> {
    let source: [u8; 16] = *header.get(8..)?.first_chunk()?;
    let destination: [u8; 16] = *header.get(24..)?.first_chunk()?;
    Some((source.into(), destination.into()))
}

#[cfg(feature = "ipv6")]
fn ipv6(bytes: &[u8], checked: bool) -> Option<Kind<'_>> {
    let (header, rest) = bytes.split_first_chunk::<IPV6_BYTES>()?;
    let &[first, _, _, _, l1, l2, next, hops, ..] = header;
    if first >> 4 != 6 {
        return None;
    }
    let (from, to) = addresses_6(header)?;
    let (source, destination) = (IpAddress::Ipv6(from), IpAddress::Ipv6(to));
    let payload = rest.get(..usize::from(u16::from_be_bytes([l1, l2])))?;
    let Upper {
        protocol,
        payload,
        refusal,
        is_fragment,
    } = Upper::find(next, payload)?;
    if let Some(refusal) = refusal {
        return Some(Kind::Other {
            source,
            destination,
            asks: Asks::Refusal(refusal),
        });
    }
    match protocol {
        TCP => tcp(payload, source, destination, checked),
        UDP => udp(payload, source, destination),
        ICMPV6 => {
            let is_right = || icmp::is_right(payload, source, destination);
            match payload {
                // A neighbor solicitation: nobody from beyond the link may send
                // one (RFC 4861 §7.1.1), and none comes in fragments (RFC 6980 §5).
                [135, 0, _, _, _, _, _, _, rest @ ..] => {
                    let target: [u8; 16] = *rest.first_chunk()?;
                    let options = rest.get(target.len()..)?;
                    let is_near = hops == 255 && !is_fragment && are_options(options);
                    (is_near && is_right()).then_some(Kind::Solicitation(Solicitation {
                        source: from,
                        target: target.into(),
                    }))
                }
                // A query of groups, from the link itself (RFC 3810 §5.1.14).
                [130, _, _, _, _, _, _, _, ..] => {
                    let is_near = hops == 1 && from.is_unicast_link_local();
                    (is_near && is_right()).then_some(Kind::GroupQuery)
                }
                // Packet too big.
                [2, _, _, _, m1, m2, m3, m4, original @ ..] => {
                    let segment = original.get(IPV6_BYTES..)?;
                    if original.get(6) != Some(&TCP) || !is_right() {
                        return None;
                    }
                    let (from, to) = addresses_6(original)?;
                    let mtu = u32::from_be_bytes([*m1, *m2, *m3, *m4]);
                    let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
                    too_big((from.into(), to.into()), segment, mtu)
                }
                _ => echo(payload, source, destination),
            }
        }
        // Nothing follows (RFC 8200 §4.7); what else there is was refused.
        _ => None,
    }
}

/// Whether options of neighbor discovery have lengths, which are in units of 8
/// bytes (RFC 4861 §4.6).
#[cfg(feature = "ipv6")]
fn are_options(mut options: &[u8]) -> bool {
    while let [_, length, ..] = options {
        match options.get(8 * usize::from(*length)..) {
            Some(rest) if *length > 0 => options = rest,
            _ => return false,
        }
    }
    true
}

/// What a router says of a segment that this side sent, and that begins so.
fn too_big<'f>(
    (source, destination): (IpAddress, IpAddress),
    segment: &[u8],
    mtu: u16,
) -> Option<Kind<'f>> {
    let &[s1, s2, d1, d2, q1, q2, q3, q4] = segment.first_chunk()?;
    Some(Kind::TooBig {
        flow: Flow {
            remote: destination,
            local: source,
            remote_port: u16::from_be_bytes([d1, d2]),
            local_port: u16::from_be_bytes([s1, s2]),
        },
        seq: u32::from_be_bytes([q1, q2, q3, q4]),
        mtu,
    })
}

fn tcp(bytes: &[u8], source: IpAddress, destination: IpAddress, checked: bool) -> Option<Kind<'_>> {
    if !checked && checksum(source, destination, TCP, bytes) != 0 {
        return None;
    }
    Segment::parse(bytes, source, destination).map(Kind::Tcp)
}

fn udp(bytes: &[u8], source: IpAddress, destination: IpAddress) -> Option<Kind<'_>> {
    let &[s1, s2, d1, d2, l1, l2, _, _] = bytes.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([l1, l2]));
    Some(Kind::Udp(Datagram {
        flow: Flow {
            remote: source,
            local: destination,
            remote_port: u16::from_be_bytes([s1, s2]),
            local_port: u16::from_be_bytes([d1, d2]),
        },
        bytes: bytes.get(..length).filter(|bytes| bytes.len() >= 8)?,
    }))
}

#[cfg(any(feature = "udp", feature = "dhcp"))]
impl Datagram<'_> {
    /// Whether its checksum is right. IPv4 has datagrams without one, IPv6 has
    /// not (RFC 8200 §8.1).
    pub fn is_right(&self) -> bool {
        let Flow { remote, local, .. } = self.flow;
        match self.bytes {
            [_, _, _, _, _, _, 0, 0, ..] => matches!(remote, IpAddress::Ipv4(_)),
            bytes => checksum(remote, local, UDP, bytes) == 0,
        }
    }
}

impl Flow {
    /// A keyed hash of it, and of a number of 32 bits.
    pub fn hash(&self, key: (u64, u64), number: u32) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(key.0, key.1);
        match (self.remote, self.local) {
            (IpAddress::Ipv4(remote), IpAddress::Ipv4(local)) => {
                hasher.write_u64(u64::from(remote.to_bits()) << 32 | u64::from(local.to_bits()));
            }
            #[cfg(feature = "ipv6")]
            (remote, local) => {
                for address in [remote, local] {
                    if let IpAddress::Ipv6(address) = address {
                        hasher.write_u64((address.to_bits() >> 64) as u64);
                        hasher.write_u64(address.to_bits() as u64);
                    }
                }
            }
        }
        let ports = u32::from(self.remote_port) << 16 | u32::from(self.local_port);
        hasher.write_u64(u64::from(ports) << 32 | u64::from(number));
        hasher.finish()
    }
}
