//! Proofs that there is nothing, from NSEC records that a zone came with
//! (RFC 4035 §3.1.3). Only for queries with DO, and only from signed zones.

use crate::message::{Message, Owner, Section};
use crate::question::QueryName;
use crate::respond::kind;
use applgen_bundle::dns::{Node, Zone};
use core::cmp::Ordering;

/// Of a delegation: its DS records, or that there are none (RFC 4035 §3.1.4).
pub fn delegation<'b>(message: &mut Message<'_, 'b>, cut: Node<'b>) {
    let Some(name) = cut.name() else { return };
    let proof = cut.set(kind::DS).or_else(|| cut.set(kind::NSEC));
    // Without a signature it proves nothing.
    if let Some(set) = proof.filter(|set| set.signatures().is_some()) {
        message.set(Section::Authority, Owner::Name(name), &set, set.ttl());
    }
}

/// That a name has no records of the type.
pub fn no_type<'b>(
    message: &mut Message<'_, 'b>,
    zone: Zone<'b>,
    node: Node<'b>,
    encloser: Option<Node<'b>>,
    name: &QueryName,
) {
    if !wanted(message, zone) {
        return;
    }
    if node.set(kind::NSEC).is_some() {
        put(message, Some(node));
    } else if encloser.is_none() {
        // An empty non-terminal.
        put(message, covering(zone, name.wire()));
    }
    if encloser.is_some() {
        put(message, covering(zone, name.wire()));
    }
}

/// That a name does not exist, and no wildcard stands for it.
pub fn no_name<'b>(
    message: &mut Message<'_, 'b>,
    zone: Zone<'b>,
    encloser: Node<'b>,
    name: &QueryName,
) {
    if !wanted(message, zone) {
        return;
    }
    put(message, covering(zone, name.wire()));
    let Some(above) = encloser.name() else { return };
    let mut wildcard = [0; 257];
    let length = above.wire().len() + 2;
    let bytes = b"\x01*".iter().chain(above.wire());
    for (to, from) in wildcard.iter_mut().zip(bytes) {
        *to = *from;
    }
    if let Some(wildcard) = wildcard.get(..length) {
        put(message, covering(zone, wildcard));
    }
}

/// That a name which a wildcard answered for does not exist itself.
pub fn wildcard<'b>(
    message: &mut Message<'_, 'b>,
    zone: Zone<'b>,
    _encloser: Node<'b>,
    name: &QueryName,
) {
    if wanted(message, zone) {
        put(message, covering(zone, name.wire()));
    }
}

fn wanted(message: &Message<'_, '_>, zone: Zone<'_>) -> bool {
    message.dnssec() && zone.nsec_count() > 0
}

/// Adds a node's NSEC record, once.
fn put<'b>(message: &mut Message<'_, 'b>, node: Option<Node<'b>>) {
    let set = node.and_then(|node| node.set(kind::NSEC));
    let name = node.and_then(|node| node.name());
    if let (Some(node), Some(set), Some(name)) = (node, set, name)
        && message.is_new(node.id())
    {
        message.set(Section::Authority, Owner::Name(name), &set, set.ttl());
    }
}

/// The owner of the NSEC record that covers a name: the last at or before it.
fn covering<'b>(zone: Zone<'b>, name: &[u8]) -> Option<Node<'b>> {
    let (mut low, mut high) = (0, zone.nsec_count());
    while low < high {
        let middle = low.midpoint(high);
        let owner = zone.nsec_owner(middle)?.name()?;
        match canonical_order(owner.wire(), name) {
            Ordering::Greater => high = middle,
            _ => low = middle + 1,
        }
    }
    zone.nsec_owner(low.checked_sub(1)?)
}

/// The canonical order of names in wire form (RFC 4034 §6.1).
fn canonical_order(one: &[u8], other: &[u8]) -> Ordering {
    let (one_starts, one_count) = starts(one);
    let (other_starts, other_count) = starts(other);
    let label = |wire: &'_ [u8], start: Option<&u8>| -> Option<(usize, usize)> {
        let start = usize::from(*start?);
        let length = usize::from(*wire.get(start)?);
        Some((start + 1, length))
    };
    for back in 1..=one_count.min(other_count) {
        let a = label(one, one_starts.get(one_count - back));
        let b = label(other, other_starts.get(other_count - back));
        let a = a.and_then(|(start, length)| one.get(start..start + length));
        let b = b.and_then(|(start, length)| other.get(start..start + length));
        let fold = |label: Option<&'_ [u8]>, index: usize| {
            label
                .and_then(|label| label.get(index))
                .map(u8::to_ascii_lowercase)
        };
        for index in 0..64 {
            // A label that ends sorts before one that goes on.
            match fold(a, index).cmp(&fold(b, index)) {
                Ordering::Equal if fold(a, index).is_none() => break,
                Ordering::Equal => {}
                order => return order,
            }
        }
    }
    one_count.cmp(&other_count)
}

/// Where the labels of a name begin, the root's left out.
fn starts(wire: &[u8]) -> ([u8; 128], usize) {
    let mut starts = [0; 128];
    let mut count = 0;
    let mut at = 0_usize;
    while let Some(&length) = wire.get(at) {
        let Some(start) = starts.get_mut(count) else {
            break;
        };
        if length == 0 {
            break;
        }
        *start = at as u8;
        count += 1;
        at += 1 + usize::from(length);
    }
    (starts, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_rfc_4034() {
        let names: [&[u8]; 9] = [
            b"\x07example\0",
            b"\x01a\x07example\0",
            b"\x08yljkjljk\x01a\x07example\0",
            b"\x01Z\x01a\x07example\0",
            b"\x04zABC\x01a\x07EXAMPLE\0",
            b"\x01z\x07example\0",
            b"\x01\x01\x01z\x07example\0",
            b"\x01*\x01z\x07example\0",
            b"\x01\xc8\x01z\x07example\0",
        ];
        for (index, one) in names.iter().enumerate() {
            for (other_index, other) in names.iter().enumerate() {
                assert_eq!(canonical_order(one, other), index.cmp(&other_index));
            }
        }
    }
}
