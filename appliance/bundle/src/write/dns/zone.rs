//! One zone, sorted: its nodes, what covers them, their record sets.

use super::super::error::WriteError;
use super::key::{Key, labels};
use super::{ZoneRecord, kind};
use crate::dns::flag;
use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

/// Records of one owner and type, and the signatures over them.
#[derive(Debug, Default)]
pub(super) struct Set {
    pub ttl: u32,
    pub data: Vec<Vec<u8>>,
    pub signatures: Option<(u32, Vec<Vec<u8>>)>,
}

impl Set {
    fn add(&mut self, ttl: u32, data: Vec<u8>) {
        // One set has one TTL (RFC 2181 §5.2): the lowest, which is what a
        // resolver would make of it.
        self.ttl = if self.data.is_empty() {
            ttl
        } else {
            self.ttl.min(ttl)
        };
        self.data.push(data);
    }

    /// Keeps one of records that are the same (RFC 2181 §5). Names in them are
    /// compared without case in the types that had them first.
    fn without_doubles(&mut self, kind: u16) {
        if self.data.len() > 1 {
            let mut seen = BTreeSet::new();
            self.data.retain(|data| {
                let mut canonical = data.clone();
                if let Some(shape) = shape(kind) {
                    let after = data.len().saturating_sub(shape.after.into());
                    let names = canonical.get_mut(shape.before.into()..after);
                    names.unwrap_or_default().make_ascii_lowercase();
                }
                seen.insert(canonical)
            });
        }
    }
}

/// Where a type has its names: bytes, names, bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub before: u8,
    pub names: u8,
    pub after: u8,
    /// Whether the names must not be compressed.
    pub in_full: bool,
}

/// The types whose names may be compressed: those of RFC 1035 (RFC 3597 §4);
/// and DNAME, whose may not, but which make CNAMEs whose may.
pub(super) fn shape(kind: u16) -> Option<Shape> {
    let (before, names, after) = match kind {
        kind::SOA => (0, 2, 20),
        kind::MINFO => (0, 2, 0),
        kind::MX => (2, 1, 0),
        kind::NS | 3 | 4 | kind::CNAME | kind::MB | 8 | 9 | 12 | kind::DNAME => (0, 1, 0),
        _ => return None,
    };
    Some(Shape {
        before,
        names,
        after,
        in_full: kind == kind::DNAME,
    })
}

/// A node of the zone.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The name, as it was written first.
    pub wire: Vec<u8>,
    pub sets: BTreeMap<u16, Set>,
    pub flags: u16,
    pub cover: Option<Key>,
    /// Whether queries for it are answered from this zone.
    pub answers: bool,
}

impl Node {
    /// Whether it is there for its NSEC3 record alone, and so no name of the
    /// zone (RFC 5155 §7.2.8).
    pub fn is_hash(&self) -> bool {
        self.sets.contains_key(&kind::NSEC3) && self.sets.len() == 1
    }

    /// Whether it owns an NSEC3 record that was hashed so.
    pub fn is_in_chain(&self, (iterations, salt): (u16, &[u8])) -> bool {
        let set = self.sets.get(&kind::NSEC3);
        set.is_some_and(|set| {
            set.data.iter().any(|data| {
                hash_fields(data).is_some_and(|(head, own, own_salt)| {
                    head[0] == 1 && own == iterations && own_salt == salt
                })
            })
        })
    }
}

/// A zone.
#[derive(Debug)]
pub(super) struct Zone {
    pub apex: Key,
    pub nodes: BTreeMap<Key, Node>,
    pub record_count: usize,
    /// The apexes right below, of zones in the same section.
    pub children: Vec<Key>,
}

impl Zone {
    /// Sorts records; `apexes` are those of all zones of the section.
    pub fn new(apex: Key, records: Vec<ZoneRecord>, apexes: &[Key]) -> Result<Self, WriteError> {
        let mut zone = Self {
            nodes: BTreeMap::new(),
            record_count: records.len(),
            children: children(&apex, apexes),
            apex,
        };
        for record in records {
            zone.add(record);
        }
        for node in zone.nodes.values_mut() {
            for (&kind, set) in &mut node.sets {
                set.without_doubles(kind);
            }
        }
        zone.check()?;
        // A child's apex is a name here too, though it may hold nothing: DS
        // records are asked of the parent.
        for child in zone.children.clone() {
            let wire = child.to_wire();
            zone.node(child, &wire);
        }
        zone.cover(apexes);
        Ok(zone)
    }

    fn add(&mut self, record: ZoneRecord) {
        let key = Key::of(&record.owner).expect("owners were checked as they came in");
        let node = self.node(key, &record.owner);
        if record.kind == kind::RRSIG
            && let Some(covered) = record.data.first_chunk().copied()
        {
            let set = node.sets.entry(u16::from_be_bytes(covered)).or_default();
            let mut signatures = Set::default();
            (signatures.ttl, signatures.data) = set.signatures.take().unwrap_or_default();
            signatures.add(record.ttl, record.data);
            set.signatures = Some((signatures.ttl, signatures.data));
            return;
        }
        let set = node.sets.entry(record.kind).or_default();
        set.add(record.ttl, record.data);
    }

    /// The node of a name, and those between it and the apex.
    fn node(&mut self, key: Key, wire: &[u8]) -> &mut Node {
        let mut name = wire;
        let mut at = key.clone();
        while at != self.apex
            && let (Some(above), Some(parent)) = (at.parent(), above(name))
        {
            self.nodes.entry(above.clone()).or_insert_with(|| Node {
                wire: parent.to_vec(),
                ..Node::default()
            });
            (at, name) = (above, parent);
        }
        self.nodes.entry(key).or_insert_with(|| Node {
            wire: wire.to_vec(),
            ..Node::default()
        })
    }

    fn check(&mut self) -> Result<(), WriteError> {
        let apex = self.nodes.get(&self.apex);
        let soa = apex.and_then(|node| node.sets.get(&kind::SOA));
        let problem = match soa {
            None => Some("it has no SOA record"),
            Some(soa) if soa.data.len() != 1 => Some("it has several SOA records"),
            Some(_) => self.nodes.iter().find_map(|(key, node)| {
                node.sets.iter().find_map(|(&kind, set)| {
                    if kind == kind::SOA && *key != self.apex {
                        return Some("a SOA record is not at the apex");
                    }
                    let whole = |data: &Vec<u8>| names_of(kind, data).is_some();
                    let most = usize::from(u16::MAX);
                    let signatures = set.signatures.as_ref().map_or(0, |(_, list)| list.len());
                    if set.data.len() > most || signatures > most {
                        return Some("a set has more than 65535 records");
                    }
                    (!set.data.iter().all(whole)).then_some("a record's data is damaged")
                })
            }),
        };
        match problem {
            None => Ok(()),
            Some(problem) => Err(WriteError::Zone {
                apex: self.apex.to_wire(),
                problem,
            }),
        }
    }

    /// Finds the cuts and DNAMEs, and what lies below them.
    fn cover(&mut self, apexes: &[Key]) {
        let mut cover: Option<(Key, u16)> = None;
        let foreign: Vec<&Key> = apexes
            .iter()
            .filter(|key| **key != self.apex && key.is_at_or_below(&self.apex))
            .collect();
        for (key, node) in &mut self.nodes {
            if let Some((above, flags)) = &cover
                && key.is_at_or_below(above)
                && !node.is_hash()
            {
                node.cover = Some(above.clone());
                node.flags = *flags;
                continue;
            }
            if !node.is_hash() {
                cover = None;
            }
            // Names at and below another zone's apex are that zone's.
            node.answers = !node.is_hash() && !foreign.iter().any(|apex| key.is_at_or_below(apex));
            let own = |kind: u16| {
                let set = node.sets.get(&kind);
                set.is_some_and(|set| !set.data.is_empty())
            };
            let (cname, dname) = (own(kind::CNAME), own(kind::DNAME));
            if *key == self.apex {
                node.flags |= flag::APEX;
            } else if own(kind::NS) {
                node.flags |= flag::CUT;
                node.cover = Some(key.clone());
                cover = Some((key.clone(), flag::BELOW_CUT));
            }
            if cname {
                node.flags |= flag::CNAME;
            }
            if dname {
                node.flags |= flag::DNAME;
                cover.get_or_insert((key.clone(), flag::BELOW_DNAME));
            }
        }
    }

    /// How the NSEC3 records hash names that denials come from: iterations and
    /// salt of the first NSEC3PARAM record that has a chain (RFC 5155 §4).
    pub fn hashing(&self) -> Option<(u16, &[u8])> {
        let parameters = self.nodes.get(&self.apex)?.sets.get(&kind::NSEC3PARAM)?;
        let mut choices = parameters.data.iter().filter_map(|data| {
            let (head, iterations, salt) = hash_fields(data)?;
            // SHA-1, and no chain that is still being made.
            (head == [1, 0]).then_some((iterations, salt))
        });
        choices.find(|&hashing| {
            let mut nodes = self.nodes.values();
            nodes.any(|node| node.is_in_chain(hashing))
        })
    }

    /// The sets that go along with a set, and whether they must: addresses of
    /// the hosts that it names. The name is the key of the owner that they get.
    pub fn additional(&self, owner: &Key, node: &Node, kind: u16) -> Vec<(Key, Key, u16, bool)> {
        let Some(set) = node.sets.get(&kind) else {
            return Vec::new();
        };
        let is_cut = kind == kind::NS && node.flags & flag::CUT != 0;
        let mut list = Vec::new();
        for data in &set.data {
            let Some(host) = host_of(kind, data) else {
                continue;
            };
            // RFC 9460 §2.5.2: the root stands for the owner itself.
            let svcb = matches!(kind, kind::SVCB | kind::HTTPS);
            let target = match Key::of(host) {
                Some(_) if svcb && host == [0] => owner.clone(),
                Some(target) if target.is_at_or_below(&self.apex) => target,
                _ => continue,
            };
            let Some(source) = self.source(&target) else {
                continue;
            };
            let required = is_cut && target.is_at_or_below(owner);
            for address in [kind::A, kind::AAAA] {
                let row = (source.clone(), target.clone(), address, required);
                let sets = self.nodes.get(&source).map(|node| &node.sets);
                let there = sets.and_then(|sets| sets.get(&address));
                if there.is_some_and(|set| !set.data.is_empty()) && !list.contains(&row) {
                    list.push(row);
                }
            }
        }
        // What must be there comes first.
        list.sort_by_key(|(_, _, _, required)| !required);
        list
    }

    /// The node that a host's addresses come from: its own, glue included, or
    /// the wildcard that covers it.
    fn source(&self, target: &Key) -> Option<Key> {
        if let Some(node) = self.nodes.get(target) {
            return (node.flags & flag::BELOW_DNAME == 0).then(|| target.clone());
        }
        let mut encloser = target.parent()?;
        while !self.nodes.contains_key(&encloser) {
            encloser = encloser.parent()?;
        }
        let node = self.nodes.get(&encloser)?;
        // Also below a cut, as NSD and Knot have it.
        let covered = flag::BELOW_DNAME | flag::DNAME;
        let wildcard = encloser.wildcard();
        let there = node.flags & covered == 0 && self.nodes.contains_key(&wildcard);
        there.then_some(wildcard)
    }
}

/// Algorithm and flags, iterations and salt of NSEC3 and NSEC3PARAM records.
fn hash_fields(data: &[u8]) -> Option<([u8; 2], u16, &[u8])> {
    let (&[algorithm, flags, i0, i1, length], rest) = data.split_first_chunk()?;
    let salt = rest.get(..length.into())?;
    Some(([algorithm, flags], u16::from_be_bytes([i0, i1]), salt))
}

/// The apexes below one that no other zone lies between.
fn children(apex: &Key, apexes: &[Key]) -> Vec<Key> {
    let below = |key: &Key, other: &Key| key != other && key.is_at_or_below(other);
    let mine = apexes.iter().filter(|key| below(key, apex));
    mine.clone()
        .filter(|key| !mine.clone().any(|between| below(key, between)))
        .cloned()
        .collect()
}

/// The name above, in wire form.
fn above(wire: &[u8]) -> Option<&[u8]> {
    let (&length, rest) = wire.split_first()?;
    (length != 0).then(|| rest.get(length.into()..)).flatten()
}

/// The length of the name that bytes begin with.
fn name_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            break;
        }
    }
    labels(bytes.get(..at)?).map(|_| at)
}

/// The compressible names in a record's data, if it is whole.
pub(super) fn names_of(kind: u16, data: &[u8]) -> Option<Vec<&[u8]>> {
    let Some(shape) = shape(kind) else {
        return Some(Vec::new());
    };
    let mut rest = data.get(shape.before.into()..)?;
    let mut names = Vec::new();
    for _ in 0..shape.names {
        let (name, behind) = rest.split_at_checked(name_length(rest)?)?;
        names.push(name);
        rest = behind;
    }
    (rest.len() == usize::from(shape.after)).then_some(names)
}

/// The host that a record names, whose addresses help whoever reads it.
fn host_of(kind: u16, data: &[u8]) -> Option<&[u8]> {
    let before = match kind {
        kind::NS | kind::MB => 0,
        kind::MX | kind::KX | kind::RT | kind::AFSDB | kind::SVCB | kind::HTTPS => 2,
        kind::SRV => 6,
        _ => return None,
    };
    let rest = data.get(before..)?;
    rest.get(..name_length(rest)?)
}
