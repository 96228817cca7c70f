//! NSEC records: names in their canonical order (RFC 4034 §6.1).

use applgen_bundle::dns::{Node, Zone};
use core::cmp::Ordering;

/// The owner of the NSEC record that covers a name: the last at or before it.
pub fn covering<'b>(zone: Zone<'b>, name: &[u8]) -> Option<Node<'b>> {
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
