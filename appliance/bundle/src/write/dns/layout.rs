//! The bytes of the section; the layout is in [`crate::dns`].

use super::super::error::WriteError;
use super::key::{Key, labels};
use super::ready::ReadyRecords;
use super::zone::{Zone, names_of, shape};
use super::{DnsOptions, kind};
use crate::dns::{field, flag};
use crate::hash::name_hash;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::string::ToString;
use std::vec::Vec;

/// The section of these zones, which are sorted by apex.
pub(super) fn section(options: &DnsOptions, zones: &[Zone]) -> Result<Vec<u8>, WriteError> {
    let mut layout = Layout {
        bytes: std::vec![0; field::HEADER],
        names: HashMap::new(),
        sets: HashMap::new(),
        nodes: HashMap::new(),
        zones: Vec::new(),
        own: options
            .own
            .iter()
            .filter_map(|name| Key::of(name))
            .collect(),
    };
    layout.put(field::RATE_LIMIT, options.rate_limit);
    layout.put(field::SLIP, options.slip);
    layout.text(field::NSID, options.nsid.as_deref());
    layout.text(field::SERVER_VERSION, options.version.as_deref());
    layout.text(field::IDENTITY, options.identity.as_deref());
    layout.names(zones);
    for (number, zone) in zones.iter().enumerate() {
        layout.zone(number, zone);
        layout.check_length()?;
    }
    layout.parents(zones);
    layout.slots(zones);
    layout.check_length()?;
    Ok(layout.bytes)
}

pub(super) struct Layout<'z> {
    bytes: Vec<u8>,
    /// Offsets of names.
    names: HashMap<Key, u32>,
    /// Offsets of record sets, by zone, owner, type.
    sets: HashMap<(usize, &'z Key, u16), u32>,
    /// Offsets of nodes, by zone and name.
    nodes: HashMap<(usize, &'z Key), u32>,
    /// Offsets of zones.
    zones: Vec<u32>,
    /// Names whose addresses are the server's.
    own: BTreeSet<Key>,
}

impl<'z> Layout<'z> {
    /// Where the next byte goes. Lengths are checked after each zone, and no
    /// offset is used before that.
    fn here(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn push(&mut self, number: u32) {
        self.bytes.extend(number.to_le_bytes());
    }

    fn put(&mut self, at: usize, number: u32) {
        self.bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, field: usize, text: Option<&[u8]>) {
        let Some(text) = text else { return };
        // Character strings have at most 255 bytes.
        let text = &text[..text.len().min(255)];
        self.put(field, self.here());
        self.bytes.extend((text.len() as u16).to_le_bytes());
        self.bytes.extend(text);
    }

    fn check_length(&self) -> Result<(), WriteError> {
        let bytes = self.bytes.len() as u64;
        let limit = crate::MAX_BUNDLE_BYTES;
        if bytes > limit {
            return Err(WriteError::TooLarge {
                what: "the section of zones".to_string(),
                bytes,
                limit,
            });
        }
        Ok(())
    }

    /// Every name that is an owner or may be compressed, and those above.
    fn names(&mut self, zones: &[Zone]) {
        let mut all: BTreeMap<Key, &[u8]> = BTreeMap::new();
        for zone in zones {
            for (key, node) in &zone.nodes {
                with_parents(&mut all, key, &node.wire);
            }
        }
        for zone in zones {
            for node in zone.nodes.values() {
                for (&kind, set) in &node.sets {
                    for data in &set.data {
                        for name in names_of(kind, data).unwrap_or_default() {
                            if let Some(key) = Key::of(name) {
                                with_parents(&mut all, &key, name);
                            }
                        }
                    }
                }
            }
            // Owners of additional records may exist by a wildcard alone.
            for (key, node) in &zone.nodes {
                for &kind in node.sets.keys() {
                    for (_, target, _, _) in zone.additional(key, node, kind) {
                        if !all.contains_key(&target) {
                            let wire = target.to_wire();
                            self.late(&mut all, target, wire);
                        }
                    }
                }
            }
        }
        for (key, wire) in &all {
            self.name(key, wire);
        }
    }

    /// A name that stands in no zone text as such is written at once: what is
    /// above it comes first.
    fn late(&mut self, all: &mut BTreeMap<Key, &[u8]>, key: Key, wire: Vec<u8>) {
        let mut chain = std::vec![(key.clone(), wire)];
        while let Some((above, wire)) = chain
            .last()
            .and_then(|(key, wire)| Some((key.parent()?, above(wire)?.to_vec())))
        {
            chain.push((above, wire));
        }
        for (key, wire) in chain.into_iter().rev() {
            if !self.names.contains_key(&key) {
                all.remove(&key);
                self.name(&key, &wire);
            }
        }
    }

    fn name(&mut self, key: &Key, wire: &[u8]) {
        if self.names.contains_key(key) {
            return;
        }
        let parent = key.parent().map_or(0, |parent| self.names[&parent]);
        let here = self.here();
        self.push(parent);
        let count = labels(wire).map_or(0, |labels| labels.len());
        self.bytes.extend([wire.len() as u8, count as u8]);
        self.bytes.extend(wire);
        self.names.insert(key.clone(), here);
    }

    fn zone(&mut self, number: usize, zone: &'z Zone) {
        for (key, node) in &zone.nodes {
            for (&kind, set) in &node.sets {
                let signatures = match &set.signatures {
                    Some((ttl, data)) => self.set(kind::RRSIG, *ttl, data, 0),
                    None => 0,
                };
                let at = self.set(kind, set.ttl, &set.data, signatures);
                if matches!(kind, kind::A | kind::AAAA) && self.own.contains(key) {
                    self.bytes[at as usize + field::SET - 1] |= field::SET_IS_OWN;
                }
                self.sets.insert((number, key, kind), at);
            }
        }
        for (key, node) in &zone.nodes {
            for &kind in node.sets.keys() {
                self.additional(number, zone, key, kind);
            }
        }
        let here = self.here();
        self.zones.push(here);
        let soa = self.sets.get(&(number, &zone.apex, kind::SOA));
        let soa = soa.copied().unwrap_or(0);
        let (serial, minimum) = serial_and_minimum(zone).unwrap_or_default();
        let apex = zone.nodes.get(&zone.apex);
        let ttl = apex.and_then(|node| Some(node.sets.get(&kind::SOA)?.ttl));
        for number in [
            0,
            0,
            soa,
            ttl.unwrap_or(0).min(minimum),
            serial,
            zone.record_count as u32,
            0,
            0,
            0,
            0,
        ] {
            self.push(number);
        }
        self.nodes_of(number, zone, here);
        let apex = self.nodes[&(number, &zone.apex)];
        self.put(here as usize, apex);
        self.nsec(number, zone, here);
        self.ready(number, zone, here);
    }

    /// Offset of a new record set.
    fn set(&mut self, kind: u16, ttl: u32, list: &[Vec<u8>], signatures: u32) -> u32 {
        let here = self.here();
        self.bytes.extend(kind.to_le_bytes());
        self.bytes.extend((list.len() as u16).to_le_bytes());
        self.push(ttl);
        self.push(signatures);
        self.push(0);
        let Some(shape) = shape(kind) else {
            self.push(0);
            for data in list {
                self.bytes.extend((data.len() as u16).to_be_bytes());
                self.bytes.extend(data);
            }
            return here;
        };
        let flags = [shape.before, shape.names, shape.after, shape.in_full.into()];
        self.bytes.extend(flags);
        for data in list {
            self.bytes.extend(&data[..shape.before.into()]);
            for name in names_of(kind, data).unwrap_or_default() {
                let key = Key::of(name).expect("names in data were checked");
                self.push(self.names[&key]);
            }
            self.bytes
                .extend(&data[data.len() - usize::from(shape.after)..]);
        }
        here
    }

    fn additional(&mut self, number: usize, zone: &'z Zone, owner: &'z Key, kind: u16) {
        let Some(node) = zone.nodes.get(owner) else {
            return;
        };
        let list = zone.additional(owner, node, kind);
        if list.is_empty() {
            return;
        }
        let here = self.here();
        self.push(list.len() as u32);
        for (source, target, kind, required) in list {
            let set = self.sets.get(&(number, &source, kind));
            self.push(set.copied().unwrap_or(0));
            self.push(self.names[&target]);
            self.push(required.into());
        }
        let set = self.sets[&(number, owner, kind)] as usize;
        self.put(set + 12, here);
    }

    fn nodes_of(&mut self, number: usize, zone: &'z Zone, at: u32) {
        for (key, node) in &zone.nodes {
            // Below a cut nothing answers: the cut is found in its place. But
            // DS records of a child that is here too are asked of its parent.
            if !node.answers && !node.is_hash() && !zone.children.contains(key) {
                continue;
            }
            let here = self.here();
            self.nodes.insert((number, key), here);
            self.push(self.names[key]);
            self.push(at);
            self.push(0);
            self.push(0);
            self.bytes.extend(node.flags.to_le_bytes());
            let sets: Vec<(u16, u32)> = node
                .sets
                .keys()
                .map(|&kind| (kind, self.sets[&(number, key, kind)]))
                .collect();
            self.bytes.extend((sets.len() as u16).to_le_bytes());
            for (kind, set) in sets {
                self.bytes.extend(kind.to_le_bytes());
                self.bytes.extend([0; 2]);
                self.push(set);
            }
        }
        for (key, node) in &zone.nodes {
            let Some(&here) = self.nodes.get(&(number, key)) else {
                continue;
            };
            let cover = node.cover.as_ref();
            let cover = cover.and_then(|cover| self.nodes.get(&(number, cover)));
            self.put(here as usize + 8, cover.copied().unwrap_or(0));
            let wildcard = key.wildcard();
            let wildcard = self.nodes.get(&(number, &wildcard));
            self.put(here as usize + 12, wildcard.copied().unwrap_or(0));
        }
    }

    /// The owners of NSEC records in canonical order; of NSEC3 records where
    /// the zone has those: all of them right below the apex, and so by hash.
    fn nsec(&mut self, number: usize, zone: &'z Zone, at: u32) {
        let hashing = zone.hashing();
        if let Some((iterations, salt)) = hashing {
            self.put(at as usize + 32, self.here());
            self.bytes.extend(iterations.to_le_bytes());
            self.bytes.push(salt.len() as u8);
            self.bytes.extend(salt);
        }
        let here = self.here();
        let mut count = 0;
        for (key, node) in &zone.nodes {
            let is_link = match hashing {
                Some(hashing) => {
                    node.is_in_chain(hashing) && key.parent().as_ref() == Some(&zone.apex)
                }
                None => {
                    let has = node.sets.get(&kind::NSEC);
                    has.is_some_and(|set| !set.data.is_empty())
                }
            };
            if is_link && let Some(&node) = self.nodes.get(&(number, key)) {
                self.push(node);
                count += 1;
            }
        }
        if count > 0 {
            self.put(at as usize + 24, here);
            self.put(at as usize + 28, count);
        }
    }

    /// The SOA of negative answers, and the referral of every cut.
    fn ready(&mut self, number: usize, zone: &'z Zone, at: u32) {
        let node = &zone.nodes[&zone.apex];
        if let Some(soa) = node.sets.get(&kind::SOA)
            && let Some((_, minimum)) = serial_and_minimum(zone)
        {
            let mut ready = ReadyRecords::new(&zone.apex);
            ready.set(self, &zone.apex, kind::SOA, soa.ttl.min(minimum), &soa.data);
            self.put_ready(ready, at as usize + 36);
        }
        for (key, node) in &zone.nodes {
            let (Some(&here), Some(set)) = (
                self.nodes.get(&(number, key)),
                node.sets
                    .get(&kind::NS)
                    .filter(|_| node.flags & flag::CUT != 0),
            ) else {
                continue;
            };
            let mut ready = ReadyRecords::new(key);
            ready.set(self, key, kind::NS, set.ttl, &set.data);
            ready.turn();
            for (source, target, kind, _) in zone.additional(key, node, kind::NS) {
                let set = &zone.nodes[&source].sets[&kind];
                if self.own.contains(&source) {
                    ready.fail();
                }
                ready.set(self, &target, kind, set.ttl, &set.data);
            }
            self.put_ready(ready, here as usize + 12);
        }
    }

    fn put_ready(&mut self, ready: ReadyRecords, at: usize) {
        if let Some(bytes) = ready.finish() {
            self.put(at, self.here());
            self.bytes.extend(bytes);
        } else {
            self.put(at, 0);
        }
    }

    /// A name's wire form, as all zones have it.
    pub(super) fn wire(&self, key: &Key) -> &[u8] {
        let at = self.names[key] as usize + field::NAME;
        let length = self.bytes[at - 2];
        &self.bytes[at..at + usize::from(length)]
    }

    /// Each apex as its parent zone sees it.
    fn parents(&mut self, zones: &'z [Zone]) {
        for (number, zone) in zones.iter().enumerate() {
            // Sorted by apex: the last one above is the nearest.
            let parent = zones[..number]
                .iter()
                .rposition(|other| zone.apex.is_at_or_below(&other.apex));
            let node = parent.and_then(|parent| self.nodes.get(&(parent, &zone.apex)));
            if let Some(&node) = node {
                self.put(self.zones[number] as usize + 4, node);
            }
        }
    }

    fn slots(&mut self, zones: &'z [Zone]) {
        self.put(field::ZONES, zones.len() as u32);
        let here = self.here();
        self.put(field::ZONE_TABLE, here);
        for at in self.zones.clone() {
            self.push(at);
        }
        let mut rows = Vec::new();
        let mut most = 0;
        for (number, zone) in zones.iter().enumerate() {
            for (key, node) in zone.nodes.iter().filter(|(_, node)| node.answers) {
                let wire = key.to_wire();
                most = most.max(labels(&wire).map_or(0, |labels| labels.len()));
                rows.push((name_hash(&wire), self.nodes[&(number, key)]));
                debug_assert_eq!(wire.len(), node.wire.len());
            }
        }
        // At most half of the slots are taken, so that a look-up is short.
        let log2 = (rows.len().max(1) * 2).next_power_of_two().trailing_zeros();
        let mask = (1_usize << log2) - 1;
        let mut slots = std::vec![(0_u32, 0_u32); mask + 1];
        for (hash, node) in rows {
            let mut index = (hash >> (64 - log2)) as usize;
            while slots[index].1 != 0 {
                index = (index + 1) & mask;
            }
            slots[index] = (hash as u32, node);
        }
        while !self.bytes.len().is_multiple_of(8) {
            self.bytes.push(0);
        }
        self.put(field::SLOTS_LOG2, log2);
        let here = self.here();
        self.put(field::SLOTS, here);
        self.put(field::MAX_LABELS, most as u32);
        for (tag, node) in slots {
            self.push(tag);
            self.push(node);
        }
    }
}

fn with_parents<'w>(all: &mut BTreeMap<Key, &'w [u8]>, key: &Key, wire: &'w [u8]) {
    let (mut key, mut wire) = (key.clone(), wire);
    while !all.contains_key(&key) {
        all.insert(key.clone(), wire);
        let (Some(parent), Some(name)) = (key.parent(), above(wire)) else {
            return;
        };
        (key, wire) = (parent, name);
    }
}

/// The name above, in wire form.
fn above(wire: &[u8]) -> Option<&[u8]> {
    let (&length, rest) = wire.split_first()?;
    (length != 0).then(|| rest.get(length.into()..)).flatten()
}

fn serial_and_minimum(zone: &Zone) -> Option<(u32, u32)> {
    let soa = zone.nodes.get(&zone.apex)?.sets.get(&kind::SOA)?;
    let numbers = soa.data.first()?.last_chunk::<20>()?;
    let serial = numbers.first_chunk::<4>().copied()?;
    let minimum = numbers.last_chunk::<4>().copied()?;
    Some((u32::from_be_bytes(serial), u32::from_be_bytes(minimum)))
}
