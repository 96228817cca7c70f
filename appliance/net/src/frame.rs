//! What a received frame is: whose it is, and which part of the server it is
//! for. Checks lengths once; everything here is hostile.
//!
//! Fragments are not reassembled: TCP does not make them, and a datagram that
//! needs them is larger than anything that is asked of this server.

use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv4Message, Icmpv4Packet, IpAddress,
    IpProtocol, Ipv4Packet, TcpPacket, UdpPacket,
};
#[cfg(feature = "ipv6")]
use smoltcp::wire::{Icmpv6Message, Icmpv6Packet, Ipv6Packet};

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
    Tcp(Segment),
    /// A UDP datagram, its checksum not looked at.
    Udp(Datagram<'f>),
    /// A neighbor solicitation, and whose address is wanted.
    #[cfg(feature = "ipv6")]
    Solicitation(Solicitation),
    /// A router asks who is in which group.
    #[cfg(feature = "ipv6")]
    GroupQuery,
    /// A router's word that packets of this connection are too large for it:
    /// the segment that was, as far as its ports.
    TooBig(Flow),
    /// Anything else, such as an echo request.
    Other {
        /// Where the packet comes from.
        source: IpAddress,
        /// Where it goes.
        destination: IpAddress,
    },
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// What is to be known of a TCP segment before smoltcp reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Whose it is.
    pub flow: Flow,
    /// Whether it opens a connection: SYN, and none of ACK, RST and FIN.
    pub opens: bool,
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
    pub source: core::net::Ipv6Addr,
    /// Whose address is asked for.
    pub target: core::net::Ipv6Addr,
}

impl<'f> Frame<'f> {
    /// Reads a frame. `checked` is the interface's word on checksums; `None` is
    /// what is not for this machine, or not well-formed.
    pub fn parse(bytes: &'f [u8], own: EthernetAddress, checked: bool) -> Option<Self> {
        let frame = EthernetFrame::new_checked(bytes).ok()?;
        let destination = frame.dst_addr();
        let is_unicast = destination == own;
        let sender = frame.src_addr();
        // Nobody is to be answered at a group's address.
        if !(is_unicast || destination.is_multicast()) || !sender.is_unicast() {
            return None;
        }
        let packet = frame.payload();
        let kind = match frame.ethertype() {
            EthernetProtocol::Arp => Kind::Arp,
            EthernetProtocol::Ipv4 => ipv4(packet, checked)?,
            #[cfg(feature = "ipv6")]
            EthernetProtocol::Ipv6 => ipv6(packet, checked)?,
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

fn ipv4(bytes: &[u8], checked: bool) -> Option<Kind<'_>> {
    let packet = Ipv4Packet::new_checked(bytes).ok()?;
    // An interface's word is for the transport's checksum, and not for this one.
    let is_whole = !packet.more_frags() && packet.frag_offset() == 0;
    if packet.version() != 4 || !is_whole || !packet.verify_checksum() {
        return None;
    }
    let source = IpAddress::Ipv4(packet.src_addr());
    let destination = IpAddress::Ipv4(packet.dst_addr());
    let payload = packet.payload();
    match packet.next_header() {
        IpProtocol::Tcp => tcp(payload, source, destination, checked),
        IpProtocol::Udp => udp(payload, source, destination),
        IpProtocol::Icmp => {
            let icmp = Icmpv4Packet::new_checked(payload).ok()?;
            // Fragmentation needed (RFC 792).
            if icmp.msg_type() == Icmpv4Message::DstUnreachable && icmp.msg_code() == 4 {
                let original = Ipv4Packet::new_unchecked(icmp.data());
                let header = usize::from(icmp.data().first()? & 0xf) * 4;
                let ports = icmp.data().get(header.max(20)..)?;
                if original.next_header() != IpProtocol::Tcp || !icmp.verify_checksum() {
                    return None;
                }
                let flow = Flow::of_own(
                    IpAddress::Ipv4(original.src_addr()),
                    IpAddress::Ipv4(original.dst_addr()),
                    ports,
                )?;
                return Some(Kind::TooBig(flow));
            }
            Some(Kind::Other {
                source,
                destination,
            })
        }
        _ => Some(Kind::Other {
            source,
            destination,
        }),
    }
}

#[cfg(feature = "ipv6")]
fn ipv6(bytes: &[u8], checked: bool) -> Option<Kind<'_>> {
    let packet = Ipv6Packet::new_checked(bytes).ok()?;
    if packet.version() != 6 {
        return None;
    }
    let source = IpAddress::Ipv6(packet.src_addr());
    let destination = IpAddress::Ipv6(packet.dst_addr());
    let mut protocol = packet.next_header();
    let mut payload = packet.payload();
    // The one extension header that smoltcp goes past.
    if protocol == IpProtocol::HopByHop {
        let &[next, length] = payload.first_chunk()?;
        protocol = IpProtocol::from(next);
        payload = payload.get(8 * (usize::from(length) + 1)..)?;
    }
    match protocol {
        IpProtocol::Tcp => tcp(payload, source, destination, checked),
        IpProtocol::Udp => udp(payload, source, destination),
        IpProtocol::Icmpv6 => {
            let icmp = Icmpv6Packet::new_checked(payload).ok()?;
            let other = Kind::Other {
                source,
                destination,
            };
            let is_right = || icmp.verify_checksum(&packet.src_addr(), &packet.dst_addr());
            match icmp.msg_type() {
                Icmpv6Message::NeighborSolicit => {
                    // Nobody from beyond the link (RFC 4861 §7.1.1).
                    if packet.hop_limit() != 255 || icmp.msg_code() != 0 || !is_right() {
                        return None;
                    }
                    Some(Kind::Solicitation(Solicitation {
                        source: packet.src_addr(),
                        target: icmp.target_addr(),
                    }))
                }
                Icmpv6Message::MldQuery => {
                    // From the link itself (RFC 3810 §5.1.14).
                    let is_near =
                        packet.hop_limit() == 1 && packet.src_addr().is_unicast_link_local();
                    (is_near && is_right()).then_some(Kind::GroupQuery)
                }
                Icmpv6Message::PktTooBig => {
                    let original = payload.get(8..)?;
                    let ports = original.get(40..)?;
                    let original = Ipv6Packet::new_unchecked(original);
                    if original.next_header() != IpProtocol::Tcp || !is_right() {
                        return None;
                    }
                    let flow = Flow::of_own(
                        IpAddress::Ipv6(original.src_addr()),
                        IpAddress::Ipv6(original.dst_addr()),
                        ports,
                    )?;
                    Some(Kind::TooBig(flow))
                }
                _ => Some(other),
            }
        }
        _ => Some(Kind::Other {
            source,
            destination,
        }),
    }
}

fn tcp(bytes: &[u8], source: IpAddress, destination: IpAddress, checked: bool) -> Option<Kind<'_>> {
    let packet = TcpPacket::new_checked(bytes).ok()?;
    if !checked && !packet.verify_checksum(&source, &destination) {
        return None;
    }
    // Nobody can be answered at port 0.
    if packet.src_port() == 0 || packet.dst_port() == 0 {
        return None;
    }
    Some(Kind::Tcp(Segment {
        flow: Flow {
            remote: source,
            local: destination,
            remote_port: packet.src_port(),
            local_port: packet.dst_port(),
        },
        opens: packet.syn() && !packet.ack() && !packet.rst() && !packet.fin(),
    }))
}

fn udp(bytes: &[u8], source: IpAddress, destination: IpAddress) -> Option<Kind<'_>> {
    let packet = UdpPacket::new_checked(bytes).ok()?;
    Some(Kind::Udp(Datagram {
        flow: Flow {
            remote: source,
            local: destination,
            remote_port: packet.src_port(),
            local_port: packet.dst_port(),
        },
        bytes: bytes.get(..usize::from(packet.len()))?,
    }))
}

impl Flow {
    /// The flow of a segment that this side sent; `ports` is its beginning.
    fn of_own(source: IpAddress, destination: IpAddress, ports: &[u8]) -> Option<Self> {
        let &[s1, s2, d1, d2] = ports.first_chunk()?;
        Some(Self {
            remote: destination,
            local: source,
            remote_port: u16::from_be_bytes([d1, d2]),
            local_port: u16::from_be_bytes([s1, s2]),
        })
    }
}
