//! Records into a buffer, with compression of names (RFC 1035 §4.1.4).
//!
//! Names of the section are compared by their numbers, never by their bytes: a
//! name is walked up until one is met that lies in the message already, and a
//! pointer to it ends the name. Pointers lead backwards, to where a name was
//! written, and therefore in no circle.

use crate::MAX_ALIASES;
use crate::server::Own;
use applgen_bundle::dns::{Name, Ready, Record, RrSet};

/// Names that are remembered for compression; later ones are written in full.
const REMEMBERED: usize = 64;

/// What a pointer can lead to.
const POINTER_LIMIT: usize = 0x4000;

const CLASS_IN: [u8; 2] = [0, 1];

/// Whose records a set is.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'b> {
    /// That of the name at an offset of the message.
    At(usize),
    /// That of a name of the section.
    Name(Name<'b>),
}

/// The sections of a message behind the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The answer.
    Answer,
    /// The authority.
    Authority,
    /// The additional.
    Additional,
}

/// An answer in the making.
#[derive(Debug)]
pub struct Message<'m, 'b> {
    /// No record ends behind it.
    buffer: &'m mut [u8],
    at: usize,
    names: [u32; REMEMBERED],
    offsets: [u16; REMEMBERED],
    remembered: usize,
    last_name: usize,
    /// A name of the section that lies at an offset; it is remembered with
    /// those above it once a name is to be compressed.
    seed: Option<(Name<'b>, usize)>,
    /// Records in each section.
    pub counts: [u16; 3],
    /// Whether something did not fit.
    pub truncated: bool,
    /// Whether RRSIGs go along.
    dnssec: bool,
    /// Nodes whose DNAME or NSEC records are there already.
    once: [u32; MAX_ALIASES],
    own: &'m Option<Own>,
}

impl<'m, 'b> Message<'m, 'b> {
    /// A message that goes on at `at` and ends before `limit`.
    pub fn new(
        buffer: &'m mut [u8],
        at: usize,
        limit: usize,
        dnssec: bool,
        own: &'m Option<Own>,
    ) -> Self {
        let limit = limit.min(buffer.len());
        Self {
            buffer: buffer.get_mut(..limit).unwrap_or_default(),
            at,
            names: [0; REMEMBERED],
            offsets: [0; REMEMBERED],
            remembered: 0,
            last_name: at,
            seed: None,
            counts: [0; 3],
            truncated: false,
            dnssec,
            once: [0; MAX_ALIASES],
            own,
        }
    }

    /// Whether a node's DNAME or NSEC record is not there yet; from now on it
    /// is. No node has both: what lies below a DNAME has no proof of its own.
    pub fn is_new(&mut self, node: u32) -> bool {
        if self.once.contains(&node) {
            return false;
        }
        if let Some(free) = self.once.iter_mut().find(|once| **once == 0) {
            *free = node;
        }
        true
    }

    /// Whether a set has records: not one of addresses that the server lacks.
    pub fn has(&self, set: &RrSet<'_>) -> bool {
        if !set.own() {
            return true;
        }
        match self.own {
            Some(own) => own.address(set.kind()).is_some(),
            // Zeros, behind a length of two bytes, are no address.
            None => set.records().any(|record| match record {
                Record::Plain(data) => data.iter().skip(2).any(|&byte| byte != 0),
                Record::Named { .. } => false,
            }),
        }
    }

    /// Where the next byte goes.
    pub fn end(&self) -> usize {
        self.at
    }

    /// Whether RRSIGs go along.
    pub fn dnssec(&self) -> bool {
        cfg!(feature = "dnssec") && self.dnssec
    }

    /// Bytes of the message so far.
    pub fn bytes(&self, at: usize, length: usize) -> Option<&[u8]> {
        self.buffer.get(at..at.checked_add(length)?)
    }

    /// Tells that a name of the section lies, in full, at an offset.
    pub fn lies_at(&mut self, name: Name<'b>, offset: usize) {
        self.plant();
        self.seed = Some((name, offset));
    }

    /// Where a name of the section lies, if it was remembered.
    pub fn place_of(&self, name: Name<'_>) -> Option<usize> {
        let names = self.names.get(..self.remembered)?;
        let index = names.iter().position(|&id| id == name.id())?;
        self.offsets.get(index).map(|&offset| offset.into())
    }

    /// Where the name begins that was written last.
    pub fn last_name(&self) -> usize {
        self.last_name
    }

    /// Adds a set with its signatures to a section; on an answer or authority
    /// that does not fit the message is truncated, and nothing more goes in.
    pub fn set(&mut self, section: Section, owner: Owner<'b>, set: &RrSet<'b>, ttl: u32) -> bool {
        if self.truncated {
            return false;
        }
        let mark = (self.at, self.remembered);
        let written = self.records(owner, set, ttl).and_then(|count| {
            let signatures = match self.dnssec().then(|| set.signatures()).flatten() {
                Some(signatures) => self.records(owner, &signatures, ttl.min(signatures.ttl()))?,
                None => 0,
            };
            count.checked_add(signatures)
        });
        let number = self.counts.get_mut(section as usize);
        match (written, number) {
            (Some(count), Some(number)) => {
                *number = number.saturating_add(count);
                true
            }
            _ => {
                (self.at, self.remembered) = mark;
                self.truncated |= section != Section::Additional;
                false
            }
        }
    }

    /// Makes ready records all that there is behind the question, whose name begins at
    /// an offset and has so many bytes; whether that is the answer.
    pub fn ready(&mut self, ready: Option<Ready<'b>>, name: usize, length: usize) -> bool {
        let written = ready.filter(|_| self.counts == [0; 3] && !self.dnssec());
        let written = written.and_then(|ready| {
            let owner = name + length.checked_sub(ready.owner_length())?;
            self.at = ready.write(self.buffer, self.at, owner)?;
            self.counts = ready.counts();
            Some(())
        });
        written.is_some()
    }

    /// Adds the signatures of a set alone.
    pub fn signatures(&mut self, owner: Owner<'b>, set: &RrSet<'b>) -> bool {
        let mark = (self.at, self.remembered);
        match self.records(owner, set, set.ttl()) {
            Some(count) => {
                self.counts[0] = self.counts[0].saturating_add(count);
                true
            }
            None => {
                (self.at, self.remembered) = mark;
                self.truncated = true;
                false
            }
        }
    }

    /// Adds a CNAME that a DNAME makes (RFC 6672 §3.1): of the name at `owner`,
    /// to `labels` below a name. Says where that lies.
    pub fn synthesized(
        &mut self,
        owner: usize,
        ttl: u32,
        labels: &[u8],
        target: Name<'b>,
    ) -> Option<usize> {
        if self.truncated {
            return None;
        }
        let mark = (self.at, self.remembered);
        let place = self.cname(owner, ttl, labels, target);
        match place {
            Some(_) => self.counts[0] = self.counts[0].saturating_add(1),
            None => {
                (self.at, self.remembered) = mark;
                self.truncated = true;
            }
        }
        place
    }

    fn cname(&mut self, owner: usize, ttl: u32, labels: &[u8], target: Name<'b>) -> Option<usize> {
        self.pointer(owner)?;
        self.head(5, ttl)?;
        let length = self.at;
        self.put(&[0; 2])?;
        self.put(labels)?;
        self.name(target)?;
        self.set_length(length)?;
        Some(length + 2)
    }

    /// Writes how many bytes there are behind the length at an offset.
    fn set_length(&mut self, at: usize) -> Option<()> {
        let bytes = u16::try_from(self.at - at - 2).ok()?;
        let place = self.buffer.get_mut(at..at + 2)?;
        place.copy_from_slice(&bytes.to_be_bytes());
        Some(())
    }

    /// Writes bytes where the message goes on.
    pub fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at.checked_add(bytes.len())?;
        self.buffer.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }

    fn pointer(&mut self, offset: usize) -> Option<()> {
        let offset = u16::try_from(offset).ok().filter(|&at| at < 0x4000)?;
        self.put(&(0xc000 | offset).to_be_bytes())
    }

    fn head(&mut self, kind: u16, ttl: u32) -> Option<()> {
        let [k0, k1] = kind.to_be_bytes();
        let [t0, t1, t2, t3] = ttl.to_be_bytes();
        self.put(&[k0, k1, CLASS_IN[0], CLASS_IN[1], t0, t1, t2, t3])
    }

    /// The records of a set; how many.
    fn records(&mut self, owner: Owner<'b>, set: &RrSet<'b>, ttl: u32) -> Option<u16> {
        for record in set.records() {
            match owner {
                Owner::At(offset) => self.pointer(offset)?,
                Owner::Name(name) => self.name(name)?,
            }
            self.head(set.kind(), ttl)?;
            match record {
                Record::Plain(data) => {
                    let own = self.own.as_ref().filter(|_| set.own());
                    match own.and_then(|own| own.address(set.kind())) {
                        Some(address) => {
                            self.put(&[0, address.len() as u8])?;
                            self.put(address)?;
                        }
                        None => self.put(data)?,
                    }
                }
                Record::Named {
                    before,
                    names,
                    after,
                } => {
                    let length = self.at;
                    self.put(&[0; 2])?;
                    self.put(before)?;
                    for name in names.into_iter().flatten() {
                        match set.in_full() {
                            true => self.put(name.wire())?,
                            false => self.name(name)?,
                        }
                    }
                    self.put(after)?;
                    self.set_length(length)?;
                }
            }
        }
        Some(set.count())
    }

    /// A name, as short as what lies before it allows.
    fn name(&mut self, name: Name<'b>) -> Option<()> {
        self.plant();
        let mut known = name;
        let mut place = None;
        while !known.is_root() {
            place = self.place_of(known);
            if place.is_some() {
                break;
            }
            known = known.parent()?;
        }
        let start = self.at;
        self.last_name = start;
        let own = name.wire().len().checked_sub(known.wire().len())?;
        self.put(name.wire().get(..own)?)?;
        match place {
            Some(offset) => self.pointer(offset)?,
            None => self.put(&[0])?,
        }
        self.remember(name, start, known.labels());
        Some(())
    }

    /// Remembers the name at an offset, and those above it with more than so
    /// many labels.
    fn remember(&mut self, name: Name<'b>, start: usize, labels: usize) {
        let mut at = name;
        while at.labels() > labels {
            let Some(before) = name.wire().len().checked_sub(at.wire().len()) else {
                return;
            };
            let offset = start + before;
            let free = self
                .names
                .get_mut(self.remembered)
                .zip(self.offsets.get_mut(self.remembered));
            let (Some((id, place)), true) = (free, offset < POINTER_LIMIT) else {
                return;
            };
            (*id, *place) = (at.id(), offset as u16);
            self.remembered += 1;
            match at.parent() {
                Some(parent) => at = parent,
                None => return,
            }
        }
    }

    fn plant(&mut self) {
        if let Some((name, offset)) = self.seed.take() {
            self.remember(name, offset, 0);
        }
    }
}
