//! Who has this address: ARP (RFC 826) and neighbor discovery (RFC 4861).
//!
//! Questions are answered, and a new address is announced. Nothing is asked and
//! nothing is learnt: every frame that this server sends answers one that came,
//! and goes to where that one came from. So there is no cache to be poisoned or
//! filled up, and no answer waits for a lookup.

use crate::link::Link;
use crate::wire::{ETHERNET_BYTES, Out};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, Ipv4Address,
};
#[cfg(feature = "ipv6")]
use {
    crate::frame::Solicitation,
    smoltcp::phy::ChecksumCapabilities,
    smoltcp::wire::{
        Icmpv6Packet, Icmpv6Repr, IpProtocol, Ipv6Address, Ipv6Packet, Ipv6Repr,
        NdiscNeighborFlags, NdiscRepr,
    },
};

/// Answers an ARP request for the own address.
pub fn arp(packet: &[u8], link: &Link, out: &mut Out) {
    let Some(ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr,
        source_protocol_addr,
        target_protocol_addr,
        ..
    }) = ArpPacket::new_checked(packet)
        .and_then(|packet| ArpRepr::parse(&packet))
        .ok()
    else {
        return;
    };
    // A probe has no source yet, and is to learn that the address is taken
    // (RFC 5227 §2.4).
    let has_source = source_protocol_addr.is_unspecified()
        || !(source_protocol_addr.is_broadcast() || source_protocol_addr.is_multicast());
    if !link.has_ipv4(target_protocol_addr) || !source_hardware_addr.is_unicast() || !has_source {
        return;
    }
    emit_arp(
        ArpOperation::Reply,
        target_protocol_addr,
        (source_hardware_addr, source_protocol_addr),
        source_hardware_addr,
        link,
        out,
    );
}

/// Tells everyone of the own IPv4 address (RFC 5227 §2.3).
pub fn announce_ipv4(link: &Link, out: &mut Out) {
    if let Some(own) = link.ipv4 {
        let nobody = EthernetAddress([0; 6]);
        emit_arp(
            ArpOperation::Request,
            own.address(),
            (nobody, own.address()),
            EthernetAddress::BROADCAST,
            link,
            out,
        );
    }
}

fn emit_arp(
    operation: ArpOperation,
    own: Ipv4Address,
    (target_hardware_addr, target_protocol_addr): (EthernetAddress, Ipv4Address),
    to: EthernetAddress,
    link: &Link,
    out: &mut Out,
) {
    let arp = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: link.mac,
        source_protocol_addr: own,
        target_hardware_addr,
        target_protocol_addr,
    };
    let Some(bytes) = out.frame(ETHERNET_BYTES + arp.buffer_len()) else {
        return;
    };
    let mut frame = EthernetFrame::new_unchecked(bytes);
    frame.set_dst_addr(to);
    frame.set_src_addr(link.mac);
    frame.set_ethertype(EthernetProtocol::Arp);
    arp.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
}

/// Answers a neighbor solicitation for an own address; to whom.
#[cfg(feature = "ipv6")]
pub fn solicited(solicitation: &Solicitation, sender: EthernetAddress, link: &Link, out: &mut Out) {
    let target = solicitation.target;
    if !link.has(target.into()) {
        return;
    }
    // Who checks for duplicates has no address yet: all are told (§7.2.4).
    if solicitation.source.is_unspecified() {
        advertise(target, link, out);
    } else if !solicitation.source.is_multicast() {
        let flags = NdiscNeighborFlags::SOLICITED | NdiscNeighborFlags::OVERRIDE;
        emit_advertisement(target, solicitation.source, sender, flags, link, out);
    }
}

/// Tells everyone of an own IPv6 address (RFC 4861 §7.2.6).
#[cfg(feature = "ipv6")]
pub fn advertise(own: Ipv6Address, link: &Link, out: &mut Out) {
    const ALL_NODES: Ipv6Address = Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    const ALL_NODES_ETHERNET: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);
    let flags = NdiscNeighborFlags::OVERRIDE;
    emit_advertisement(own, ALL_NODES, ALL_NODES_ETHERNET, flags, link, out);
}

#[cfg(feature = "ipv6")]
fn emit_advertisement(
    own: Ipv6Address,
    to: Ipv6Address,
    to_ethernet: EthernetAddress,
    flags: NdiscNeighborFlags,
    link: &Link,
    out: &mut Out,
) {
    let advertisement = Icmpv6Repr::Ndisc(NdiscRepr::NeighborAdvert {
        flags,
        target_addr: own,
        lladdr: Some(link.mac.into()),
    });
    let ip = Ipv6Repr {
        src_addr: own,
        dst_addr: to,
        next_header: IpProtocol::Icmpv6,
        payload_len: advertisement.buffer_len(),
        hop_limit: 255,
    };
    let Some(bytes) = out.frame(ETHERNET_BYTES + ip.buffer_len() + ip.payload_len) else {
        return;
    };
    let mut frame = EthernetFrame::new_unchecked(bytes);
    frame.set_dst_addr(to_ethernet);
    frame.set_src_addr(link.mac);
    frame.set_ethertype(EthernetProtocol::Ipv6);
    let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
    ip.emit(&mut packet);
    advertisement.emit(
        &own,
        &to,
        &mut Icmpv6Packet::new_unchecked(packet.payload_mut()),
        &ChecksumCapabilities::default(),
    );
}
