//! What is wrong with a zone as a whole, and what is legal but suspicious.
//!
//! An error is what both NSD and Knot refuse to load. The rest is a warning, as
//! `named-checkzone` and `kzonecheck` have them.

use super::{
    name,
    reader::Located,
    source::Sources,
    types::{self, number},
};
use crate::report::{Diagnostic, Diagnostics};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Warnings about one zone that are told in full.
pub(super) const TOLD_AT_MOST: usize = 100;

/// The most iterations of NSEC3 hashes that any zone may have, whatever its keys
/// (RFC 5155 §10.3). NSD and Knot load more; resolvers take no proof with more than
/// 150, and later ones none with more than 50.
const MAX_ITERATIONS: u16 = 2500;

/// A zone's records by owner (in lower case) and type.
#[derive(Default)]
struct Index<'z> {
    owners: HashMap<Vec<u8>, BTreeMap<u16, Vec<&'z Located>>>,
    /// Names that others lie below.
    above: HashSet<Vec<u8>>,
}

impl<'z> Index<'z> {
    fn of(apex: &[u8], records: &'z [Located]) -> Self {
        let mut index = Self::default();
        for record in records {
            let owner = record.owner.to_ascii_lowercase();
            let mut at = owner.as_slice();
            // Hashed owners are no names of the zone (RFC 5155 §7.1).
            let hashed = record.kind == number::NSEC3
                || record.kind == number::RRSIG && covers(record) == Some(number::NSEC3);
            while !hashed
                && !at.eq_ignore_ascii_case(apex)
                && let Some(parent) = name::parent(at)
                && index.above.insert(parent.to_vec())
            {
                at = parent;
            }
            let sets = index.owners.entry(owner).or_default();
            sets.entry(record.kind).or_default().push(record);
        }
        index
    }

    fn get(&self, owner: &[u8]) -> Option<&BTreeMap<u16, Vec<&'z Located>>> {
        self.owners.get(owner)
    }
}

/// The type that a signature covers.
fn covers(record: &Located) -> Option<u16> {
    record
        .data
        .first_chunk()
        .map(|kind| u16::from_be_bytes(*kind))
}

/// A zone being checked.
pub struct Checks<'z> {
    /// The owner of its SOA.
    pub apex: &'z [u8],
    /// Its records.
    pub records: &'z [Located],
    /// What it was read from.
    pub sources: &'z Sources,
    /// Where it is told.
    pub diagnostics: &'z mut Diagnostics,
    /// How many warnings there were.
    pub suspicions: usize,
    /// Whether anything stops the build.
    pub failed: bool,
}

impl Checks<'_> {
    /// Checks all there is to check.
    pub fn run(&mut self) {
        let records = self.records;
        let index = Index::of(self.apex, records);
        for record in records {
            let sets = &index.owners[&record.owner.to_ascii_lowercase()];
            // Each set is looked at once, at its first record.
            if !std::ptr::eq(sets[&record.kind][0], record) {
                continue;
            }
            self.set(&index, sets, &sets[&record.kind]);
        }
        if !index
            .get(&self.apex.to_ascii_lowercase())
            .is_some_and(|sets| sets.contains_key(&number::NS))
            && let Some(soa) = records.iter().find(|record| record.kind == number::SOA)
        {
            self.warn(
                soa,
                "the zone has no NS records at its apex",
                "add `@ NS …` for each of its name servers",
            );
        }
        if self.suspicions > TOLD_AT_MOST {
            let all = self.suspicions;
            let message = format!("{all} warnings in all; the first {TOLD_AT_MOST} are told");
            self.diagnostics.push(Diagnostic::warning(message));
        }
    }

    fn error(&mut self, record: &Located, message: impl Into<String>, hint: &str) {
        self.failed = true;
        let place = self.sources.place(&record.place);
        self.diagnostics
            .push(Diagnostic::error(message).at(place).hint(hint));
    }

    fn warn(&mut self, record: &Located, message: impl Into<String>, hint: &str) {
        self.suspicions += 1;
        if self.suspicions > TOLD_AT_MOST {
            return;
        }
        let place = self.sources.place(&record.place);
        self.diagnostics
            .push(Diagnostic::warning(message).at(place).hint(hint));
    }

    fn set(&mut self, index: &Index<'_>, sets: &BTreeMap<u16, Vec<&Located>>, set: &[&Located]) {
        let Some(&first) = set.first() else { return };
        let shown = name::show(&first.owner);
        let kind = types::show(first.kind);
        let is_apex = first.owner.eq_ignore_ascii_case(self.apex);
        if let Some(other) = set.iter().find(|other| other.ttl != first.ttl)
            && first.kind != number::RRSIG
        {
            self.warn(
                other,
                format!("the {kind} records of `{shown}` have different TTLs: the lowest is taken"),
                "give all records of one name and type the same TTL (RFC 2181 §5.2)",
            );
        }
        match first.kind {
            number::CNAME => {
                let beside = sets
                    .keys()
                    .find(|kind| !matches!(**kind, number::CNAME | number::RRSIG | number::NSEC));
                if let Some(&beside) = beside {
                    self.error(
                        first,
                        format!(
                            "`{shown}` has a CNAME and {} records beside it",
                            types::show(beside)
                        ),
                        "a CNAME stands alone (RFC 1034 §3.6.2): remove it, or the others",
                    );
                }
                self.one(set, &shown);
                self.target(index, first, &first.data, "CNAME");
            }
            number::DNAME => {
                self.one(set, &shown);
                if index.above.contains(&first.owner.to_ascii_lowercase()) {
                    self.error(
                        first,
                        format!("there are records below `{shown}`, which owns a DNAME"),
                        "remove them, or the DNAME (RFC 6672 §2.4)",
                    );
                }
            }
            number::SOA if is_apex => {
                self.one(set, &shown);
                if let Some(again) = set.get(1)
                    && again.data.eq_ignore_ascii_case(&first.data)
                {
                    self.warn(
                        again,
                        "the zone's SOA record is there again",
                        "remove it: transfers end with it, and NSD loads no such file",
                    );
                }
            }
            number::SOA => self.error(
                first,
                format!("there is a second SOA record, at `{shown}`"),
                "a zone has one; put each zone into a file of its own",
            ),
            number::NS => {
                if first.owner.starts_with(b"\x01*") {
                    self.warn(
                        first,
                        format!("`{shown}` has NS records, and a wildcard cannot delegate"),
                        "delegate each name by itself (RFC 4592 §4.2)",
                    );
                }
                for record in set {
                    self.host(index, record, &record.data, !is_apex);
                }
            }
            number::MX => {
                for record in set {
                    self.host(
                        index,
                        record,
                        record.data.get(2..).unwrap_or_default(),
                        false,
                    );
                }
            }
            number::SRV => {
                for record in set {
                    self.host(
                        index,
                        record,
                        record.data.get(6..).unwrap_or_default(),
                        false,
                    );
                }
            }
            number::NSEC3PARAM => {
                for record in set {
                    self.iterations(record);
                }
            }
            number::DS if is_apex => self.warn(
                first,
                "DS records at the apex are never asked for: they belong to the parent zone",
                "move them to the zone above",
            ),
            _ => {}
        }
        if !is_apex {
            self.below_a_cut(index, first, &shown);
        }
    }

    /// How often a zone's names are hashed: each query for a proof pays for it.
    fn iterations(&mut self, record: &Located) {
        let iterations = record.data.get(2..).and_then(|rest| rest.first_chunk());
        let iterations = iterations.map_or(0, |two| u16::from_be_bytes(*two));
        let hint = "sign the zone with 0 iterations and without a salt";
        if iterations > MAX_ITERATIONS {
            self.error(
                record,
                format!(
                    "the zone hashes names {iterations} times more than once, \
                     and {MAX_ITERATIONS} are the most that there may be"
                ),
                hint,
            );
        } else if iterations > 0 {
            self.warn(
                record,
                format!(
                    "the zone hashes names {iterations} times more than once, \
                     which helps nobody but attackers (RFC 9276 §3.1)"
                ),
                hint,
            );
        }
    }

    /// A set that has at most one record.
    fn one(&mut self, set: &[&Located], shown: &str) {
        let [first, rest @ ..] = set else { return };
        let differs = |other: &&&Located| !other.data.eq_ignore_ascii_case(&first.data);
        if let Some(other) = rest.iter().find(differs) {
            self.error(
                other,
                format!("`{shown}` has a second {} record", types::show(other.kind)),
                "a name has one of them at most",
            );
        }
    }

    /// A host that a record names: it has addresses, and is no alias.
    fn host(&mut self, index: &Index<'_>, record: &Located, host: &[u8], is_cut: bool) {
        let kind = types::show(record.kind);
        if host == [0] || !name::is_at_or_below(host, self.apex) {
            return;
        }
        let shown = name::show(host);
        let host = host.to_ascii_lowercase();
        let Some(sets) = index.get(&host) else {
            if self.is_covered(index, &host) || self.cut_above(index, &host).is_some() && !is_cut {
                return;
            }
            // Glue is needed below the cut itself; elsewhere it helps.
            let needed = is_cut && name::is_at_or_below(&host, &record.owner);
            let what = if needed {
                "has no glue"
            } else {
                "has no address"
            };
            if self.cut_above(index, &host).is_none() || needed {
                self.warn(
                    record,
                    format!("the {kind} record names `{shown}`, which {what} in this zone"),
                    "add its A and AAAA records",
                );
            }
            return;
        };
        if sets.contains_key(&number::CNAME) {
            self.warn(
                record,
                format!("the {kind} record names `{shown}`, which is an alias"),
                "name the host itself (RFC 2181 §10.3)",
            );
        } else if !sets.contains_key(&number::A) && !sets.contains_key(&number::AAAA) {
            self.warn(
                record,
                format!("the {kind} record names `{shown}`, which has no address in this zone"),
                "add its A and AAAA records",
            );
        }
    }

    /// The target of an alias exists, if it is ours, and leads somewhere.
    fn target(&mut self, index: &Index<'_>, record: &Located, target: &[u8], kind: &str) {
        let mut at = target.to_ascii_lowercase();
        let own = record.owner.to_ascii_lowercase();
        for _ in 0..64 {
            if at == own {
                self.warn(
                    record,
                    format!(
                        "the {kind} of `{}` leads back to itself",
                        name::show(&record.owner)
                    ),
                    "let it name something that has addresses",
                );
                return;
            }
            match index.get(&at).and_then(|sets| sets.get(&number::CNAME)) {
                Some(next) => at = next[0].data.to_ascii_lowercase(),
                None => break,
            }
        }
        let ours = name::is_at_or_below(target, self.apex);
        let target = target.to_ascii_lowercase();
        if ours
            && !Self::exists(index, &target)
            && !self.is_covered(index, &target)
            && self.cut_above(index, &target).is_none()
        {
            self.warn(
                record,
                format!("the {kind} names `{}`, which does not exist", name::show(&target)),
                "correct it, or add the name; one without a dot at its end is completed by `$ORIGIN`",
            );
        }
    }

    fn exists(index: &Index<'_>, wire: &[u8]) -> bool {
        index.owners.contains_key(wire) || index.above.contains(wire)
    }

    /// Whether a wildcard or a DNAME answers for a name.
    fn is_covered(&self, index: &Index<'_>, wire: &[u8]) -> bool {
        let mut above = name::parent(wire);
        while let Some(at) = above {
            let star = [b"\x01*", at].concat();
            let dname = index
                .get(at)
                .is_some_and(|sets| sets.contains_key(&number::DNAME));
            if dname || index.owners.contains_key(&star) {
                return true;
            }
            above = name::parent(at);
        }
        false
    }

    /// The cut at or above a name, if there is one.
    fn cut_above<'w>(&self, index: &Index<'_>, wire: &'w [u8]) -> Option<&'w [u8]> {
        let mut cut = None;
        let mut at = Some(wire);
        while let Some(name) = at {
            if name.eq_ignore_ascii_case(self.apex) {
                break;
            }
            let sets = index.get(name);
            if sets.is_some_and(|sets| sets.contains_key(&number::NS)) {
                cut = Some(name);
            }
            at = name::parent(name);
        }
        cut
    }

    /// Records that a delegation hides.
    fn below_a_cut(&mut self, index: &Index<'_>, record: &Located, shown: &str) {
        let owner = record.owner.to_ascii_lowercase();
        let Some(cut) = self.cut_above(index, &owner) else {
            return;
        };
        let kind = record.kind;
        let at_cut = cut == owner.as_slice();
        let allowed = match kind {
            number::A | number::AAAA => true,
            number::RRSIG | number::NSEC | number::NSEC3 => true,
            number::NS | number::DS => at_cut,
            _ => false,
        };
        if !allowed {
            let cut = name::show(cut);
            self.warn(
                record,
                format!(
                    "the {} record of `{shown}` is hidden by the delegation of `{cut}`",
                    types::show(kind)
                ),
                "move it to the zone that is delegated to, or remove the NS records",
            );
        }
    }
}
