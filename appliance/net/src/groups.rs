//! Which groups this machine is in: the listener's side of MLDv2 (RFC 3810).
//!
//! Neighbor solicitations go to groups, and switches that look at MLD pass on
//! only what somebody has asked for. So the solicited-node groups of the own
//! addresses are reported when the addresses are new, and when a router asks.

use crate::link::Link;
use crate::wire::{ETHERNET_BYTES, Out};
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv6Packet, IpProtocol, Ipv6Address,
    Ipv6Packet, Ipv6Repr,
};

/// Where reports go: all routers that speak MLDv2.
const ROUTERS: Ipv6Address = Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
const ROUTERS_ETHERNET: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 0x16]);

/// A hop-by-hop header: ICMPv6 follows, 8 bytes; router alert for MLD
/// (RFC 2711), and two bytes of padding.
const HOP_BY_HOP: [u8; 8] = [58, 0, 5, 2, 0, 0, 1, 0];
/// A report: its type, no code, the checksum to come, nothing, how many records.
const REPORT: u8 = 143;
const REPORT_BYTES: usize = 8;
/// A record: its type, no auxiliary data, no sources, the group.
const RECORD_BYTES: usize = 20;

/// Why a report is sent: the type of its records (RFC 3810 §5.2.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// A router has asked: `MODE_IS_EXCLUDE`.
    Asked = 2,
    /// The groups are new: `CHANGE_TO_EXCLUDE_MODE`.
    New = 4,
}

/// Reports the groups of the own addresses.
pub fn report(reason: Reason, link: &Link, out: &mut Out) {
    let (Some(own), Some(link_local)) = (link.ipv6, link.link_local()) else {
        return;
    };
    let first = solicited_node(own.address());
    let second = solicited_node(link_local);
    let groups = match first == second {
        true => &[first][..],
        false => &[first, second],
    };
    let icmp_bytes = REPORT_BYTES + groups.len() * RECORD_BYTES;
    let ip = Ipv6Repr {
        src_addr: link_local,
        dst_addr: ROUTERS,
        next_header: IpProtocol::HopByHop,
        payload_len: HOP_BY_HOP.len() + icmp_bytes,
        hop_limit: 1,
    };
    let Some(bytes) = out.frame(ETHERNET_BYTES + ip.buffer_len() + ip.payload_len) else {
        return;
    };
    let mut frame = EthernetFrame::new_unchecked(bytes);
    frame.set_dst_addr(ROUTERS_ETHERNET);
    frame.set_src_addr(link.mac);
    frame.set_ethertype(EthernetProtocol::Ipv6);
    let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
    ip.emit(&mut packet);
    let Some((header, icmp)) = packet.payload_mut().split_at_mut_checked(HOP_BY_HOP.len()) else {
        return;
    };
    header.copy_from_slice(&HOP_BY_HOP);
    icmp.fill(0);
    if let Some(head) = icmp.first_chunk_mut::<REPORT_BYTES>() {
        *head = [REPORT, 0, 0, 0, 0, 0, 0, groups.len() as u8];
    }
    let records = icmp.get_mut(REPORT_BYTES..).unwrap_or_default();
    for (record, group) in records.chunks_exact_mut(RECORD_BYTES).zip(groups) {
        if let Some((head, address)) = record.split_at_mut_checked(4) {
            head.copy_from_slice(&[reason as u8, 0, 0, 0]);
            address.copy_from_slice(&group.octets());
        }
    }
    Icmpv6Packet::new_unchecked(icmp).fill_checksum(&link_local, &ROUTERS);
}

/// The group that an address's solicitations go to (RFC 4291 §2.7.1).
fn solicited_node(address: Ipv6Address) -> Ipv6Address {
    let [.., a, b, c] = address.octets();
    let low = u16::from_be_bytes([b, c]);
    Ipv6Address::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), low)
}
