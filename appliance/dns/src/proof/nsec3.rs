//! NSEC3 records: names by their hashes (RFC 5155 §7.2).
//!
//! Hashes are made as a query comes: only of signed zones, only for clients that
//! ask for proofs, and three of them at most beside those of opted-out parents.

use crate::message::Message;
use crate::respond::kind;
use applgen_bundle::dns::{Hashing, Name, Node, Zone};
use sha1_smol::Sha1;

use super::put;

/// The first label of an NSEC3 owner: a hash in base32hex.
type Label = [u8; 32];

/// The chain of a zone.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'b> {
    zone: Zone<'b>,
    hashing: Hashing<'b>,
}

/// The NSEC3 owners that prove something of an existing name.
struct Encloser<'b> {
    /// The record of the nearest name at or above it that has one.
    node: Option<Node<'b>>,
    /// How many labels that name has.
    labels: usize,
}

impl<'b> Chain<'b> {
    /// The chain of a zone, where it has one.
    pub fn of(zone: Zone<'b>) -> Option<Self> {
        let hashing = zone.hashing()?;
        Some(Self { zone, hashing })
    }

    /// That a name which is there has no records of a type.
    pub fn exact(&self, message: &mut Message<'_, 'b>, name: Name<'b>) {
        let encloser = self.encloser(name);
        put(message, encloser.node, kind::NSEC3);
        // An opted-out name has no record: what covers it is shown.
        if encloser.labels < name.labels() {
            let closer = self.next_closer(name.wire(), encloser.labels);
            put(message, closer, kind::NSEC3);
        }
    }

    /// That a name does not exist, whose nearest existing parent is `above`.
    /// Where that is all there is to prove, `wildcard` is shown not to be
    /// there either.
    pub fn missing(
        &self,
        message: &mut Message<'_, 'b>,
        above: Name<'b>,
        name: &[u8],
        wildcard: bool,
    ) {
        let encloser = self.encloser(above);
        put(message, encloser.node, kind::NSEC3);
        let closer = self.next_closer(name, encloser.labels);
        put(message, closer, kind::NSEC3);
        if wildcard {
            let mut star = [0; 257];
            let bytes = b"\x01*".iter().chain(above.wire());
            for (to, from) in star.iter_mut().zip(bytes) {
                *to = from.to_ascii_lowercase();
            }
            if let Some(star) = star.get(..above.wire().len() + 2) {
                put(message, self.find(star).1, kind::NSEC3);
            }
        }
    }

    /// What covers the name that has one label more than so many.
    pub fn next_closer(&self, name: &[u8], labels: usize) -> Option<Node<'b>> {
        let mut closer = name;
        let mut left = label_count(name);
        while left > labels + 1 {
            (closer, left) = (above(closer)?, left - 1);
        }
        self.find(closer).1
    }

    fn encloser(&self, name: Name<'b>) -> Encloser<'b> {
        let apex = self.zone.apex().and_then(|apex| apex.name());
        let least = apex.map_or(0, |apex| apex.labels());
        let mut at = name;
        loop {
            let node = self.find(at.wire()).0;
            if node.is_some() || at.labels() <= least {
                return Encloser {
                    node,
                    labels: at.labels(),
                };
            }
            match at.parent() {
                Some(parent) => at = parent,
                None => return Encloser { node, labels: 0 },
            }
        }
    }

    /// The owner of the record that matches a name, and of the one that covers
    /// it: the last before it, or in a circle the last of all.
    fn find(&self, name: &[u8]) -> (Option<Node<'b>>, Option<Node<'b>>) {
        let wanted = self.label(name);
        let (mut low, mut high) = (0, self.zone.nsec_count());
        while low < high {
            let middle = low.midpoint(high);
            let owner = self.zone.nsec_owner(middle).and_then(|node| node.name());
            let own = owner
                .and_then(|name| name.wire().get(1..33))
                .unwrap_or_default();
            let own = own.iter().map(u8::to_ascii_lowercase);
            match own.cmp(wanted.iter().copied()) {
                core::cmp::Ordering::Equal => return (self.zone.nsec_owner(middle), None),
                core::cmp::Ordering::Greater => high = middle,
                core::cmp::Ordering::Less => low = middle + 1,
            }
        }
        let before = low.checked_sub(1).or(self.zone.nsec_count().checked_sub(1));
        (None, before.and_then(|index| self.zone.nsec_owner(index)))
    }

    /// The hash of a name (RFC 5155 §5), in base32hex (RFC 4648 §7).
    fn label(&self, name: &[u8]) -> Label {
        let mut lower = [0; 255];
        for (to, from) in lower.iter_mut().zip(name) {
            *to = from.to_ascii_lowercase();
        }
        let mut hash = self.salted(lower.get(..name.len()).unwrap_or_default());
        for _ in 0..self.hashing.iterations {
            hash = self.salted(&hash);
        }
        let mut label = [0; 32];
        for (five, eight) in hash
            .as_chunks::<5>()
            .0
            .iter()
            .zip(label.as_chunks_mut::<8>().0)
        {
            let [a, b, c, d, e] = five.map(u64::from);
            let bits = a << 32 | b << 24 | c << 16 | d << 8 | e;
            for (place, digit) in eight.iter_mut().rev().enumerate() {
                let value = (bits >> (5 * place)) as u8 & 31;
                *digit = if value < 10 {
                    b'0' + value
                } else {
                    b'a' + value - 10
                };
            }
        }
        label
    }

    fn salted(&self, bytes: &[u8]) -> [u8; 20] {
        let mut sha = Sha1::new();
        sha.update(bytes);
        sha.update(self.hashing.salt);
        sha.digest().bytes()
    }
}

/// The name above, in wire form.
fn above(wire: &[u8]) -> Option<&[u8]> {
    let (&length, rest) = wire.split_first()?;
    rest.get(length.into()..)
}

fn label_count(wire: &[u8]) -> usize {
    let mut count = 0;
    let mut at = wire;
    while at.first().is_some_and(|&length| length != 0)
        && let Some(rest) = above(at)
    {
        (at, count) = (rest, count + 1);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use applgen_bundle::write::{BundleWriter, DnsOptions, DnsSection, ZoneRecord};
    use applgen_bundle::{Bundle, TAG_DNS, dns::Zones};
    use std::vec::Vec;

    /// RFC 5155, appendix A: 12 iterations, the salt aabbccdd.
    #[test]
    fn hashes_are_those_of_rfc_5155() {
        let apex = b"\x07example\0";
        let record = |owner: &[u8], kind, data: &[u8]| ZoneRecord {
            owner: [owner, apex].concat(),
            kind,
            ttl: 60,
            data: data.to_vec(),
        };
        let hashing = b"\x01\0\0\x0c\x04\xaa\xbb\xcc\xdd";
        let hash = [&hashing[..], &[20], &[0; 20], &[0, 1, 0x40]].concat();
        let records: Vec<ZoneRecord> = [
            record(b"", 6, &[&b"\0\0"[..], &[0; 20]].concat()),
            record(b"", 51, hashing),
            record(b"\x200p9mhaveqvm6t7vbl5lop2u3t2rp3tom", 50, &hash),
        ]
        .into();
        let mut section = DnsSection::new(DnsOptions::default());
        section.zone(apex, records).unwrap();
        let mut writer = BundleWriter::new();
        writer.dns(section).unwrap();
        let bytes = writer.finish().unwrap().to_vec();
        let section = Bundle::parse(&bytes).unwrap().section(TAG_DNS).unwrap();
        let zone = Zones::parse(section).unwrap().zones().next().unwrap();
        let chain = Chain::of(zone).unwrap();
        for (name, label) in [
            (&b"\x07eXample\0"[..], b"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"),
            (b"\x01a\x07example\0", b"35mthgpgcu1qg68fab165klnsnk3dpvl"),
            (
                b"\x01*\x01w\x07example\0",
                b"r53bq7cc2uvmubfu5ocmm6pers9tk9en",
            ),
        ] {
            assert_eq!(&chain.label(name), label);
        }
        assert!(chain.find(apex).0.is_some());
        assert!(chain.find(b"\x01a\x07example\0").1.is_some());
    }
}
