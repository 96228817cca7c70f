//! Which groups this machine is in: the listener's side of MLDv2 (RFC 3810).
//!
//! Neighbor solicitations go to groups, and switches that look at MLD pass on
//! only what somebody has asked for. So the solicited-node groups of the own
//! addresses are reported when the addresses are new, and when a router asks.

use crate::link::Link;
use crate::neighbor::put;
use crate::wire::{ETHERNET_BYTES, ICMPV6, IPV6_BYTES, Out, Packet, checksum};
use core::net::Ipv6Addr;
use smoltcp::wire::EthernetAddress;

/// Where reports go: all routers that speak MLDv2.
const ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
const ROUTERS_ETHERNET: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 0x16]);

/// A hop-by-hop header.
const HOP_BY_HOP: u8 = 0;
/// The header: ICMPv6 follows, 8 bytes; router alert for MLD (RFC 2711), and two
/// bytes of padding.
const ROUTER_ALERT: [u8; 8] = [58, 0, 5, 2, 0, 0, 1, 0];
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
    let packet = Packet {
        from: link.mac,
        to: ROUTERS_ETHERNET,
        source: link_local.into(),
        destination: ROUTERS.into(),
        protocol: HOP_BY_HOP,
        hops: 1,
    };
    let length = ROUTER_ALERT.len() + REPORT_BYTES + groups.len() * RECORD_BYTES;
    let Some((header, icmp)) = out
        .packet(&packet, length)
        .and_then(|frame| frame.get_mut(ETHERNET_BYTES + IPV6_BYTES..))
        .and_then(|payload| payload.split_at_mut_checked(ROUTER_ALERT.len()))
    else {
        return;
    };
    put(header, &[&ROUTER_ALERT]);
    let Some((head, records)) = icmp.split_at_mut_checked(REPORT_BYTES) else {
        return;
    };
    put(head, &[&[REPORT, 0, 0, 0, 0, 0, 0, groups.len() as u8]]);
    for (record, group) in records.chunks_exact_mut(RECORD_BYTES).zip(groups) {
        put(record, &[&[reason as u8, 0, 0, 0], &group.octets()]);
    }
    let sum = checksum(packet.source, packet.destination, ICMPV6, icmp);
    put(icmp.get_mut(2..).unwrap_or_default(), &[&sum.to_be_bytes()]);
}

/// The group that an address's solicitations go to (RFC 4291 §2.7.1).
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    let low = u16::from_be_bytes([b, c]);
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), low)
}
