//! Frames made by hand, with smoltcp's wire formats.

use super::SERVER_MAC;
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::*;
use std::net::{Ipv4Addr, Ipv6Addr};

pub const STRANGER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];
pub const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub const SERVER_6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

pub fn ethernet(to: [u8; 6], from: [u8; 6], kind: EthernetProtocol, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 14 + payload.len()];
    let mut ethernet = EthernetFrame::new_unchecked(&mut frame);
    ethernet.set_dst_addr(EthernetAddress(to));
    ethernet.set_src_addr(EthernetAddress(from));
    ethernet.set_ethertype(kind);
    ethernet.payload_mut().copy_from_slice(payload);
    frame
}

/// An IP packet between these, in a frame to the server.
pub fn ip(
    from: IpAddress,
    to: IpAddress,
    protocol: IpProtocol,
    length: usize,
    hop_limit: u8,
    emit: impl FnOnce(&mut [u8]),
) -> Vec<u8> {
    let repr = IpRepr::new(from, to, protocol, length, hop_limit);
    let mut packet = vec![0; repr.buffer_len()];
    repr.emit(&mut packet[..], &ChecksumCapabilities::default());
    emit(&mut packet[repr.header_len()..]);
    let kind = match from {
        IpAddress::Ipv4(_) => EthernetProtocol::Ipv4,
        IpAddress::Ipv6(_) => EthernetProtocol::Ipv6,
    };
    ethernet(SERVER_MAC, STRANGER_MAC, kind, &packet)
}

/// A segment to the server's port 80.
#[derive(Debug, Clone, Copy)]
pub struct Segment<'p> {
    pub from: IpAddress,
    pub port: u16,
    pub to_port: u16,
    pub control: TcpControl,
    pub seq: i32,
    pub ack: Option<i32>,
    pub window: u16,
    pub payload: &'p [u8],
}

impl Segment<'_> {
    pub fn syn(from: impl Into<IpAddress>, port: u16, seq: i32) -> Self {
        Self {
            from: from.into(),
            port,
            to_port: 80,
            control: TcpControl::Syn,
            seq,
            ack: None,
            window: 65_000,
            payload: b"",
        }
    }

    pub fn frame(&self) -> Vec<u8> {
        let to: IpAddress = match self.from {
            IpAddress::Ipv4(_) => SERVER.into(),
            IpAddress::Ipv6(_) => SERVER_6.into(),
        };
        let repr = TcpRepr {
            src_port: self.port,
            dst_port: self.to_port,
            control: self.control,
            seq_number: TcpSeqNumber(self.seq),
            ack_number: self.ack.map(TcpSeqNumber),
            window_len: self.window,
            window_scale: None,
            max_seg_size: (self.control == TcpControl::Syn).then_some(1400),
            sack_permitted: false,
            sack_ranges: [None; 3],
            timestamp: None,
            payload: self.payload,
        };
        ip(
            self.from,
            to,
            IpProtocol::Tcp,
            repr.buffer_len(),
            64,
            |bytes| {
                repr.emit(
                    &mut TcpPacket::new_unchecked(bytes),
                    &self.from,
                    &to,
                    &ChecksumCapabilities::default(),
                );
            },
        )
    }
}

/// A segment that the server has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub to_mac: [u8; 6],
    pub to: IpAddress,
    pub port: u16,
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
    pub seq: i32,
    pub ack: Option<i32>,
    pub mss: Option<u16>,
    pub payload: Vec<u8>,
}

/// Reads a segment; its checksums have to be right.
pub fn seen(frame: &[u8]) -> Option<Seen> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    assert_eq!(ethernet.src_addr().0, SERVER_MAC);
    let (from, to, protocol, payload) = match ethernet.ethertype() {
        EthernetProtocol::Ipv4 => {
            let packet = Ipv4Packet::new_checked(ethernet.payload()).unwrap();
            assert!(packet.verify_checksum());
            let (from, to) = (packet.src_addr(), packet.dst_addr());
            (
                from.into(),
                to.into(),
                packet.next_header(),
                packet.payload(),
            )
        }
        EthernetProtocol::Ipv6 => {
            let packet = Ipv6Packet::new_checked(ethernet.payload()).unwrap();
            let (from, to) = (packet.src_addr(), packet.dst_addr());
            (
                from.into(),
                to.into(),
                packet.next_header(),
                packet.payload(),
            )
        }
        _ => return None,
    };
    if protocol != IpProtocol::Tcp {
        return None;
    }
    let tcp = TcpPacket::new_checked(payload).unwrap();
    let capabilities = ChecksumCapabilities::default();
    let repr = TcpRepr::parse(&tcp, &from, &to, &capabilities).expect("a right checksum");
    Some(Seen {
        to_mac: ethernet.dst_addr().0,
        to,
        port: repr.dst_port,
        syn: repr.control == TcpControl::Syn,
        fin: repr.control == TcpControl::Fin,
        rst: repr.control == TcpControl::Rst,
        seq: repr.seq_number.0,
        ack: repr.ack_number.map(|ack| ack.0),
        mss: repr.max_seg_size,
        payload: repr.payload.to_vec(),
    })
}

/// An echo request.
pub fn ping(from: IpAddress, data: &[u8]) -> Vec<u8> {
    let capabilities = ChecksumCapabilities::default();
    match from {
        IpAddress::Ipv4(_) => {
            let repr = Icmpv4Repr::EchoRequest {
                ident: 7,
                seq_no: 1,
                data,
            };
            ip(
                from,
                SERVER.into(),
                IpProtocol::Icmp,
                repr.buffer_len(),
                64,
                |bytes| {
                    repr.emit(&mut Icmpv4Packet::new_unchecked(bytes), &capabilities);
                },
            )
        }
        IpAddress::Ipv6(source) => {
            let repr = Icmpv6Repr::EchoRequest {
                ident: 7,
                seq_no: 1,
                data,
            };
            ip(
                from,
                SERVER_6.into(),
                IpProtocol::Icmpv6,
                repr.buffer_len(),
                64,
                |bytes| {
                    let mut packet = Icmpv6Packet::new_unchecked(bytes);
                    repr.emit(&source, &SERVER_6, &mut packet, &capabilities);
                },
            )
        }
    }
}

/// A question for the owner of an address.
pub fn who_has(target: Ipv4Addr, from: Ipv4Addr) -> Vec<u8> {
    let repr = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: EthernetAddress(STRANGER_MAC),
        source_protocol_addr: from,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: target,
    };
    let mut packet = vec![0; repr.buffer_len()];
    repr.emit(&mut ArpPacket::new_unchecked(&mut packet));
    ethernet([0xff; 6], STRANGER_MAC, EthernetProtocol::Arp, &packet)
}

/// The same for IPv6.
pub fn solicit(target: Ipv6Addr, from: Ipv6Addr, hop_limit: u8) -> Vec<u8> {
    let repr = Icmpv6Repr::Ndisc(NdiscRepr::NeighborSolicit {
        target_addr: target,
        lladdr: (!from.is_unspecified()).then(|| EthernetAddress(STRANGER_MAC).into()),
    });
    let [.., a, b, c] = target.octets();
    let group = Ipv6Addr::new(
        0xff02,
        0,
        0,
        0,
        0,
        1,
        0xff00 | u16::from(a),
        u16::from_be_bytes([b, c]),
    );
    let mut frame = ip(
        from.into(),
        group.into(),
        IpProtocol::Icmpv6,
        repr.buffer_len(),
        hop_limit,
        |bytes| {
            let mut packet = Icmpv6Packet::new_unchecked(bytes);
            repr.emit(&from, &group, &mut packet, &ChecksumCapabilities::default());
        },
    );
    frame[..6].copy_from_slice(&[0x33, 0x33, 0xff, a, b, c]);
    frame
}
