//! Which records answer a question: RFC 1034 §4.3.2, with wildcards as RFC 4592
//! and DNAME as RFC 6672 have them.

use crate::MAX_ALIASES;
use crate::message::{Message, Owner, Section};
use crate::proof;
use crate::question::QueryName;
use crate::server::Class;
use applgen_bundle::dns::{Name, Node, Ready, Record, RrSet, Zone, Zones, flag, name_hash};

/// Codes of answers (RFC 1035 §4.1.1, RFC 6672 §2.2, RFC 6891 §9).
pub mod rcode {
    pub const NOERROR: u8 = 0;
    pub const FORMERR: u8 = 1;
    pub const NXDOMAIN: u8 = 3;
    pub const NOTIMP: u8 = 4;
    pub const REFUSED: u8 = 5;
    pub const YXDOMAIN: u8 = 6;
    pub const NOTAUTH: u8 = 9;
    /// In its place the header has 0, and OPT the 1.
    pub const BADVERS: u8 = 16;
}

/// Types that questions are answered about.
pub mod kind {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const DNAME: u16 = 39;
    pub const DS: u16 = 43;
    pub const RRSIG: u16 = 46;
    pub const NSEC: u16 = 47;
    #[cfg(feature = "dnssec")]
    pub const NSEC3: u16 = 50;
    pub const IXFR: u16 = 251;
    pub const AXFR: u16 = 252;
    pub const ANY: u16 = 255;
}

/// What was found.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// The code of the answer.
    pub rcode: u8,
    /// Whether it comes from a zone of ours.
    pub authoritative: bool,
    /// What kind of answer it is.
    pub class: Class,
    /// What tells this answer from others of its class.
    pub key: u64,
}

/// A search in progress.
pub struct Search<'s, 'm, 'b> {
    /// The zones.
    pub zones: &'s Zones<'b>,
    /// The name that is looked for now.
    pub name: &'s mut QueryName,
    /// The type that is asked for.
    pub kind: u16,
    /// The answer.
    pub message: &'s mut Message<'m, 'b>,
    /// Where in the message the name lies.
    pub place: usize,
    /// Nodes that prove what wildcards on the way answered for: their records
    /// follow the last record of the answer.
    pub later: [u32; MAX_ALIASES],
    /// Hashes of the names that led here.
    pub seen: [u64; MAX_ALIASES + 1],
}

/// What to do after a node.
enum Next {
    /// The answer is complete.
    Done(u8, Class),
    /// The name stands for another, which is looked for now.
    Again,
}

impl<'b> Search<'_, '_, 'b> {
    /// Answers.
    pub fn run(mut self) -> Found {
        let mut found = Found {
            rcode: rcode::REFUSED,
            authoritative: false,
            class: Class::Error,
            key: 0,
        };
        for step in 0..=MAX_ALIASES {
            let first = step == 0;
            let Some((node, below)) = self
                .zones
                .find(self.name.wire(), self.name.starts())
                .map(|found| (found.node, found.labels_below))
            else {
                break;
            };
            let Some(zone) = node.zone() else { break };
            if let Some(name) = node.name() {
                let above = self.name.wire().len().saturating_sub(name.wire().len());
                if first || self.message.place_of(name).is_none() {
                    self.known(name, above, first);
                }
            }
            let (node, zone) = self.side(node, zone, below);
            if first {
                found.rcode = rcode::NOERROR;
                found.authoritative = true;
                found.key = u64::from(zone.id());
            }
            match self.at(node, zone, below) {
                Some(Next::Done(rcode, class)) => {
                    found.rcode = rcode;
                    found.class = class;
                    if first && class == Class::Referral {
                        found.authoritative = false;
                    }
                    if class == Class::Positive {
                        found.key = u64::from(node.id());
                    }
                    break;
                }
                Some(Next::Again) => {
                    found.class = Class::Positive;
                    // A chain that comes back to a name has said all that it says.
                    let hash = name_hash(self.name.wire());
                    if self.seen.contains(&hash) {
                        break;
                    }
                }
                None => break,
            }
        }
        self.prove();
        found
    }

    /// Remembers to prove that the current name does not exist.
    fn prove_later(&mut self, zone: Zone<'b>, encloser: Node<'b>) {
        let node = proof::behind_wildcard(self.message, zone, encloser, self.name);
        let free = self.later.iter_mut().find(|later| **later == 0);
        if let (Some(node), Some(free)) = (node, free) {
            *free = node.id();
        }
    }

    /// The answer is whole: adds what is to be proved beside it.
    fn prove(&mut self) {
        if cfg!(not(feature = "dnssec")) {
            return;
        }
        for id in &mut self.later {
            if *id == 0 {
                return;
            }
            if let Some(node) = self.zones.node(core::mem::take(id)) {
                proof::denial(self.message, node);
            }
        }
    }

    /// Tells the message where a name above the current one lies.
    fn known(&mut self, name: Name<'b>, above: usize, first: bool) {
        // Behind the question a name may end with a pointer: then what it
        // leads to has been told before.
        let message = &self.message;
        let lies_there = || {
            message
                .bytes(self.place + above, name.wire().len())
                .is_some_and(|bytes| bytes.eq_ignore_ascii_case(name.wire()))
        };
        if first || lies_there() {
            self.message.lies_at(name, self.place + above);
        }
    }

    /// DS records are the parent's (RFC 4035 §3.1.4.1).
    fn side(&self, node: Node<'b>, zone: Zone<'b>, below: usize) -> (Node<'b>, Zone<'b>) {
        if self.kind == kind::DS
            && below == 0
            && node.is(flag::APEX)
            && let Some(node) = zone.parent_side()
            && let Some(zone) = node.zone()
        {
            return (node, zone);
        }
        (node, zone)
    }

    fn at(&mut self, node: Node<'b>, zone: Zone<'b>, below: usize) -> Option<Next> {
        let asks_cut = self.kind == kind::DS && below == 0 && node.is(flag::CUT);
        if node.is(flag::CUT | flag::BELOW_CUT) && !asks_cut {
            return self.refer(node.cover()?);
        }
        if node.is(flag::BELOW_DNAME) {
            return self.rename(node.cover()?);
        }
        if below == 0 {
            return self.node(node, zone, None);
        }
        if node.is(flag::DNAME) {
            return self.rename(node);
        }
        match node.wildcard() {
            Some(wildcard) => self.node(wildcard, zone, Some(node)),
            None => {
                self.negative(zone);
                proof::no_name(self.message, zone, node, self.name);
                Some(Next::Done(rcode::NXDOMAIN, Class::NxDomain))
            }
        }
    }

    /// The answer of a node, under the current name; `encloser` is the node
    /// below which a wildcard stands for it.
    fn node(&mut self, node: Node<'b>, zone: Zone<'b>, encloser: Option<Node<'b>>) -> Option<Next> {
        let owner = Owner::At(self.place);
        let set = match self.kind {
            kind::ANY => any(node, self.message),
            kind::RRSIG => return self.signatures(node, zone, encloser),
            kind => node.set(kind).filter(|set| self.message.has(set)),
        };
        let class = match encloser {
            Some(_) => Class::Wildcard,
            None => Class::Positive,
        };
        if let Some(set) = set {
            self.message.set(Section::Answer, owner, &set, set.ttl());
            if let Some(encloser) = encloser {
                self.prove_later(zone, encloser);
            }
            self.additional(&set);
            return Some(Next::Done(rcode::NOERROR, class));
        }
        // NSEC stands beside a CNAME, and is asked of its owner (RFC 4035 §2.5).
        if node.is(flag::CNAME)
            && self.kind != kind::NSEC
            && let Some(set) = node.set(kind::CNAME)
        {
            self.message.set(Section::Answer, owner, &set, set.ttl());
            if let Some(encloser) = encloser {
                self.prove_later(zone, encloser);
            }
            return self.follow(&set);
        }
        self.negative(zone);
        proof::no_type(self.message, zone, node, encloser, self.name);
        Some(Next::Done(rcode::NOERROR, Class::NoData))
    }

    fn signatures(
        &mut self,
        node: Node<'b>,
        zone: Zone<'b>,
        encloser: Option<Node<'b>>,
    ) -> Option<Next> {
        let mut some = false;
        let sets = node.sets().filter(|_| cfg!(feature = "dnssec"));
        for signatures in sets.filter_map(|set| set.signatures()) {
            some = true;
            if !self.message.signatures(Owner::At(self.place), &signatures) {
                break;
            }
        }
        if !some {
            self.negative(zone);
            proof::no_type(self.message, zone, node, encloser, self.name);
            return Some(Next::Done(rcode::NOERROR, Class::NoData));
        }
        if let Some(encloser) = encloser {
            self.prove_later(zone, encloser);
        }
        Some(Next::Done(rcode::NOERROR, Class::Positive))
    }

    /// Remembers the name that is about to be left for another.
    fn leave(&mut self) {
        let hash = name_hash(self.name.wire());
        if let Some(free) = self.seen.iter_mut().find(|seen| **seen == 0) {
            *free = hash;
        }
    }

    /// Takes the target of a CNAME as the name to look for.
    fn follow(&mut self, set: &RrSet<'b>) -> Option<Next> {
        let target = first_name(set)?;
        self.place = self
            .message
            .place_of(target)
            .unwrap_or(self.message.last_name());
        self.leave();
        self.name.set(target.wire())?;
        Some(Next::Again)
    }

    /// A DNAME, and the CNAME that it makes of the current name.
    fn rename(&mut self, node: Node<'b>) -> Option<Next> {
        let set = node.set(kind::DNAME)?;
        let name = node.name()?;
        // A chain may come through one DNAME again; the record is there once.
        if self.message.is_new(node.id()) {
            self.message
                .set(Section::Answer, Owner::Name(name), &set, set.ttl());
        }
        let target = first_name(&set)?;
        let own = self.name.wire().len().checked_sub(name.wire().len())?;
        let old = self.place;
        // The labels in the question's own case, which this keeps.
        let mut labels = [0; 255];
        let labels = labels.get_mut(..own)?;
        match self.message.bytes(old, own) {
            Some(bytes) if bytes.eq_ignore_ascii_case(self.name.wire().get(..own)?) => {
                labels.copy_from_slice(bytes);
            }
            _ => labels.copy_from_slice(self.name.wire().get(..own)?),
        }
        self.leave();
        if self.name.replace_tail(own, target.wire()).is_none() {
            return Some(Next::Done(rcode::YXDOMAIN, Class::Positive));
        }
        self.place = self.message.synthesized(old, set.ttl(), labels, target)?;
        // Who asks for a CNAME has it.
        if self.kind == kind::CNAME {
            return Some(Next::Done(rcode::NOERROR, Class::Positive));
        }
        // Into itself it would lead until the name is too long.
        let above = name.wire();
        let below = target.wire().len().checked_sub(above.len());
        let tail = below.and_then(|below| target.wire().get(below..));
        if tail.is_some_and(|tail| tail.eq_ignore_ascii_case(above)) {
            return Some(Next::Done(rcode::NOERROR, Class::Positive));
        }
        Some(Next::Again)
    }

    /// Whether ready records are the answer.
    fn ready(&mut self, ready: Option<Ready<'b>>) -> bool {
        let length = self.name.wire().len();
        self.message.ready(ready, self.place, length)
    }

    fn refer(&mut self, cut: Node<'b>) -> Option<Next> {
        if self.ready(cut.referral()) {
            return Some(Next::Done(rcode::NOERROR, Class::Referral));
        }
        self.prove();
        let owner = Owner::Name(cut.name()?);
        let set = cut.set(kind::NS)?;
        self.message.set(Section::Authority, owner, &set, set.ttl());
        if self.message.dnssec()
            && let Some(zone) = cut.zone()
        {
            proof::delegation(self.message, zone, cut);
        }
        self.additional(&set);
        Some(Next::Done(rcode::NOERROR, Class::Referral))
    }

    /// The SOA of an answer that there is nothing (RFC 2308 §3).
    fn negative(&mut self, zone: Zone<'b>) {
        if self.ready(zone.denial()) {
            return;
        }
        self.prove();
        let apex = zone.apex().and_then(|apex| apex.name());
        if let Some((name, soa)) = apex.zip(zone.soa()) {
            let owner = Owner::Name(name);
            self.message
                .set(Section::Authority, owner, &soa, zone.negative_ttl());
        }
    }

    fn additional(&mut self, set: &RrSet<'b>) {
        self.prove();
        for row in set.additional() {
            if !self.message.has(&row.set) {
                continue;
            }
            let owner = match self.message.place_of(row.name) {
                Some(offset) => Owner::At(offset),
                None => Owner::Name(row.name),
            };
            let ttl = row.set.ttl();
            if !self.message.set(Section::Additional, owner, &row.set, ttl) {
                // RFC 9471 §3: without its glue a referral leads nowhere.
                self.message.truncated |= row.required;
                break;
            }
        }
    }
}

/// The name that the first record of a set begins with.
fn first_name<'b>(set: &RrSet<'b>) -> Option<Name<'b>> {
    match set.records().next()? {
        Record::Named {
            names: [name, _], ..
        } => name,
        Record::Plain(_) => None,
    }
}

/// The one set that answers ANY (RFC 8482 §4.1).
fn any<'b>(node: Node<'b>, message: &Message<'_, 'b>) -> Option<RrSet<'b>> {
    let has = |set: &RrSet<'_>| set.count() > 0 && message.has(set);
    let sets = || node.sets().filter(has);
    let first = sets().find(|set| set.kind() != kind::NSEC);
    first.or_else(|| sets().next())
}
