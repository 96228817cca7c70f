//! Who has this address: ARP (RFC 826) and neighbor discovery (RFC 4861).
//!
//! Questions are answered, and a new address is announced. Nothing is asked and
//! nothing is learnt: every frame that this server sends answers one that came,
//! and goes to where that one came from. So there is no cache to be poisoned or
//! filled up, and no answer waits for a lookup.

#[cfg(feature = "ipv6")]
use crate::frame::Solicitation;
use crate::link::Link;
use crate::wire::{ETHERNET_BYTES, Out, ethernet};
#[cfg(feature = "ipv6")]
use crate::wire::{ICMPV6, IPV6_BYTES, Packet, checksum};
use core::net::Ipv4Addr;
#[cfg(feature = "ipv6")]
use core::net::Ipv6Addr;
use smoltcp::wire::EthernetAddress;

/// Bytes of an ARP packet about Ethernet and IPv4.
const ARP_BYTES: usize = 28;
/// How it begins: kinds and lengths of the addresses, and what is to be done.
const ARP_REQUEST: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 1];
const ARP_REPLY: [u8; 8] = [0, 1, 8, 0, 6, 4, 0, 2];

/// Answers an ARP request for the own address.
pub fn arp(packet: &[u8], link: &Link, out: &mut Out) {
    let Some((head, rest)) = packet.split_first_chunk::<8>() else {
        return;
    };
    let Some(
        &[
            m1,
            m2,
            m3,
            m4,
            m5,
            m6,
            s1,
            s2,
            s3,
            s4,
            _,
            _,
            _,
            _,
            _,
            _,
            t1,
            t2,
            t3,
            t4,
        ],
    ) = rest.first_chunk()
    else {
        return;
    };
    let from = EthernetAddress([m1, m2, m3, m4, m5, m6]);
    let source = Ipv4Addr::new(s1, s2, s3, s4);
    let target = Ipv4Addr::new(t1, t2, t3, t4);
    // A probe has no source yet, and is to learn that the address is taken
    // (RFC 5227 §2.4).
    let has_source = !(source.is_broadcast() || source.is_multicast());
    if *head == ARP_REQUEST && link.has_ipv4(target) && from.is_unicast() && has_source {
        emit_arp(&ARP_REPLY, target, (from, source), from, link, out);
    }
}

/// Tells everyone of the own IPv4 address (RFC 5227 §2.3).
pub fn announce_ipv4(link: &Link, out: &mut Out) {
    if let Some(own) = link.ipv4 {
        let nobody = EthernetAddress([0; 6]);
        emit_arp(
            &ARP_REQUEST,
            own.address(),
            (nobody, own.address()),
            EthernetAddress::BROADCAST,
            link,
            out,
        );
    }
}

fn emit_arp(
    head: &[u8; 8],
    own: Ipv4Addr,
    (target_ethernet, target): (EthernetAddress, Ipv4Addr),
    to: EthernetAddress,
    link: &Link,
    out: &mut Out,
) {
    let Some(frame) = out.frame(ETHERNET_BYTES + ARP_BYTES) else {
        return;
    };
    ethernet(frame, link.mac, to, 0x0806);
    let parts: [&[u8]; 5] = [
        head,
        &link.mac.0,
        &own.octets(),
        &target_ethernet.0,
        &target.octets(),
    ];
    put(frame.get_mut(ETHERNET_BYTES..).unwrap_or_default(), &parts);
}

/// Writes parts one after another, as far as there is room.
pub fn put(mut place: &mut [u8], parts: &[&[u8]]) {
    for part in parts {
        let Some((here, rest)) = place.split_at_mut_checked(part.len()) else {
            return;
        };
        here.copy_from_slice(part);
        place = rest;
    }
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
        emit_advertisement(
            target,
            solicitation.source,
            sender,
            SOLICITED | OVERRIDE,
            link,
            out,
        );
    }
}

/// Tells everyone of an own IPv6 address (RFC 4861 §7.2.6).
#[cfg(feature = "ipv6")]
pub fn advertise(own: Ipv6Addr, link: &Link, out: &mut Out) {
    const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    const ALL_NODES_ETHERNET: EthernetAddress = EthernetAddress([0x33, 0x33, 0, 0, 0, 1]);
    emit_advertisement(own, ALL_NODES, ALL_NODES_ETHERNET, OVERRIDE, link, out);
}

/// Flags of an advertisement (RFC 4861 §4.4): it answers a solicitation; it is
/// to replace what was known.
#[cfg(feature = "ipv6")]
const SOLICITED: u8 = 1 << 6;
#[cfg(feature = "ipv6")]
const OVERRIDE: u8 = 1 << 5;

#[cfg(feature = "ipv6")]
fn emit_advertisement(
    own: Ipv6Addr,
    destination: Ipv6Addr,
    to: EthernetAddress,
    flags: u8,
    link: &Link,
    out: &mut Out,
) {
    // Type 136, and the one option, the own Ethernet address.
    let parts: [&[u8]; 4] = [
        &[136, 0, 0, 0, flags, 0, 0, 0],
        &own.octets(),
        &[2, 1],
        &link.mac.0,
    ];
    icmpv6(own, destination, to, 255, &parts, link, out);
}

/// Writes an `ICMPv6` message, its checksum left 0 in the parts; `hops` as its
/// kind wants it.
#[cfg(feature = "ipv6")]
pub fn icmpv6(
    own: Ipv6Addr,
    destination: Ipv6Addr,
    to: EthernetAddress,
    hops: u8,
    parts: &[&[u8]],
    link: &Link,
    out: &mut Out,
) {
    let packet = Packet {
        from: link.mac,
        to,
        source: own.into(),
        destination: destination.into(),
        protocol: ICMPV6,
        hops,
    };
    let length = parts.iter().map(|part| part.len()).sum();
    let Some(message) = out
        .packet(&packet, length)
        .and_then(|frame| frame.get_mut(ETHERNET_BYTES + IPV6_BYTES..))
    else {
        return;
    };
    put(message, parts);
    let sum = checksum(packet.source, packet.destination, ICMPV6, message);
    put(
        message.get_mut(2..).unwrap_or_default(),
        &[&sum.to_be_bytes()],
    );
}
