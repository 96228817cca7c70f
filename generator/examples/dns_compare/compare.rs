//! What has to be the same, and why it is not where NSD and Knot differ.

use crate::{ask::Query, wire::Message, zones::Zone};

const AA: u16 = 0x0400;
const TC: u16 = 0x0200;

/// Every class of answer that there must be cases of.
pub const CLASSES: [&str; 15] = [
    "ANY",
    "CNAME chain",
    "DNAME",
    "DS",
    "NODATA",
    "NODATA of an empty non-terminal",
    "NODATA of a wildcard",
    "NXDOMAIN",
    "REFUSED",
    "YXDOMAIN",
    "answer",
    "answer of a wildcard",
    "referral",
    "referral over TCP",
    "truncated",
];

/// What kind of answer ours is.
pub fn class(query: &Query, zone: &Zone, ours: &Message) -> &'static str {
    let [answer, authority, _] = &ours.sections;
    let has = |kind| answer.iter().any(|record| record.kind == kind);
    if ours.flags & TC != 0 {
        return "truncated";
    }
    match ours.code() {
        0 => {}
        3 if answer.is_empty() => return "NXDOMAIN",
        5 => return "REFUSED",
        6 => return "YXDOMAIN",
        _ => {}
    }
    if has(39) && query.kind != 39 {
        return "DNAME";
    }
    if has(5) && query.kind != 5 && query.kind != 255 {
        return "CNAME chain";
    }
    if query.kind == 255 && !answer.is_empty() {
        return "ANY";
    }
    let exists = zone.exists(&query.name);
    if answer.is_empty() {
        if authority.iter().any(|record| record.kind == 2) && ours.flags & AA == 0 {
            return if query.tcp {
                "referral over TCP"
            } else {
                "referral"
            };
        }
        return match exists {
            Some(true) => "NODATA",
            Some(false) => "NODATA of an empty non-terminal",
            None => "NODATA of a wildcard",
        };
    }
    match exists {
        _ if query.kind == 43 => "DS",
        Some(_) => "answer",
        None => "answer of a wildcard",
    }
}

/// Compares; what differs for a reason is named, and what for none is an error.
pub fn compare(
    query: &Query,
    zones: &[Zone],
    ours: &Message,
    nsd: &Message,
    knot: &Message,
) -> Result<Vec<&'static str>, String> {
    let mut reasons = Vec::new();
    let head = |message: &Message| (message.flags, message.code());
    let cut = |message: &Message| message.flags & TC != 0;
    if ours.question != query.bytes[12..12 + ours.question.len()] {
        return Err("the question is not sent back as it was".to_owned());
    }
    let doubled = (0..3).any(|index| {
        let opt = usize::from(index == 2 && ours.opt.is_some());
        ours.counts[index] != ours.sections[index].len() + opt
    });
    if doubled {
        return Err("a record is there twice".to_owned());
    }
    // Truncated or not: what is in a truncated answer is nobody's business but
    // that it is no more than room was for.
    if cut(nsd) == cut(knot) && cut(ours) != cut(nsd) {
        let reason = truncation(query, ours, nsd, knot);
        return reason
            .map(|reason| vec![reason])
            .ok_or_else(|| "TC".to_owned());
    }
    if cut(ours) {
        return Ok(vec!["truncated: sections are not compared"]);
    }
    if cut(nsd) || cut(knot) {
        let other = if cut(nsd) { knot } else { nsd };
        let is_alias = |record: &crate::wire::Record| matches!(record.kind, 5 | 39);
        if cut(nsd)
            && nsd.sections[0].is_subset(&ours.sections[0])
            && nsd.sections[0].iter().any(is_alias)
        {
            return Ok(vec!["NSD truncates, and Knot does not follow the alias"]);
        }
        if head(ours) != head(other) || ours.sections[0] != other.sections[0] {
            return Err("differs from the one that is not truncated".to_owned());
        }
        return Ok(vec!["one of them truncates, ours does not"]);
    }
    if head(nsd) == head(knot) && head(ours) != head(nsd) {
        return Err("flags or code: they agree".to_owned());
    }
    if head(ours) != head(nsd) && head(ours) != head(knot) {
        return Err("flags or code: as neither".to_owned());
    }
    for index in 0..3 {
        let [own, first, second] = [ours, nsd, knot].map(|message| &message.sections[index]);
        let name = ["answer", "authority", "additional"][index];
        if first == second {
            // What goes along with answers that differ is each one's own.
            if own != first && (index != 2 || nsd.sections[0] == knot.sections[0]) {
                return Err(format!("{name}: they agree"));
            }
        } else if index == 2 && !query.tcp && own.is_subset(&(first | second)) {
            // Of additional records each has those that fit.
        } else if index == 1
            && nsd.sections[0] == ours.sections[0]
            && ours.sections[0]
                .iter()
                .any(|record| matches!(record.kind, 5 | 39))
            && own.symmetric_difference(first).all(is_proof)
            && first
                .difference(own)
                .all(|record| is_of_apex(record, zones))
            && (second.difference(own).all(|record| !is_proof(record))
                || ours.sections[0].iter().any(is_dname_of_star))
        {
            // Below a DNAME of the name `*` Knot proves a wildcard, which NSD and we
            // do not answer with. Else:
            // Knot proves nothing of another zone, and NSD has the record of that
            // zone's apex in place of the one that covers the name.
            return Ok(vec!["behind an alias ours proves what RFC 4035 asks for"]);
        } else if own != first && own != second {
            return Err(format!("{name}: as neither"));
        }
    }
    if nsd.sections == knot.sections && head(nsd) == head(knot) {
        return Ok(reasons);
    }
    match reason(query, zones, ours, nsd, knot) {
        Some(reason) => reasons.push(reason),
        None => return Err("they differ for no known reason".to_owned()),
    }
    Ok(reasons)
}

/// Whether a record is there to deny: NSEC, NSEC3, and signatures over them.
fn is_proof(record: &crate::wire::Record) -> bool {
    let covers = record.data.get(..4);
    matches!(record.kind, 47 | 50) || record.kind == 46 && matches!(covers, Some("002f" | "0032"))
}

/// Whether a record is a DNAME of the name `*`.
fn is_dname_of_star(record: &crate::wire::Record) -> bool {
    record.kind == 39 && record.owner.starts_with("*.")
}

/// Whether a record is an apex's, or a hashed name's right below it.
fn is_of_apex(record: &crate::wire::Record, zones: &[Zone]) -> bool {
    zones.iter().any(|zone| {
        let apex = zone.apex.to_ascii_lowercase();
        let above = record.owner.split_once('.').map(|(_, above)| above);
        let is_hash = record.kind == 50 || record.kind == 46 && record.data.starts_with("0032");
        record.owner == apex || is_hash && above == Some(apex.as_str())
    })
}

/// Why NSD and Knot differ, and why ours is as the one or the other.
fn reason(
    query: &Query,
    zones: &[Zone],
    ours: &Message,
    nsd: &Message,
    knot: &Message,
) -> Option<&'static str> {
    let aliases = |message: &Message| {
        let answer = message.sections[0].iter();
        answer
            .filter(|record| matches!(record.kind, 5 | 39))
            .cloned()
            .collect::<Vec<_>>()
    };
    if query.kind == 255 {
        // RFC 8482 §4.1 leaves the choice of the set open.
        return Some("ANY is answered with one set, the first by type, as Knot does");
    }
    if matches!(query.kind, 46 | 47) && ours.sections[0] == knot.sections[0] {
        // RRSIG and NSEC records stand beside a CNAME, and are asked of its owner
        // (RFC 4035 §2.5).
        return Some("a question for RRSIG or NSEC follows no alias, as in Knot");
    }
    if query.kind == 46 && ours.sections[0] == nsd.sections[0] {
        return Some("RRSIG is answered with all signatures, as in NSD");
    }
    let less = knot.sections[1].symmetric_difference(&ours.sections[1]);
    if ours.sections[1] == nsd.sections[1]
        && ours.sections[0] == nsd.sections[0]
        && knot.sections[0] == ours.sections[0]
        && knot.sections[1].is_subset(&ours.sections[1])
        && less.clone().next().is_some()
        && less.into_iter().all(is_proof)
    {
        // RFC 5155 §7.2.5: of a wildcard the encloser and the name are proved too.
        return Some("Knot leaves out a proof, ours is as NSD's");
    }
    let more = nsd.sections[1].symmetric_difference(&ours.sections[1]);
    if ours.sections == knot.sections
        && nsd.sections[0] == ours.sections[0]
        && more.clone().next().is_some()
        && more.into_iter().all(is_proof)
    {
        // What RFC 4035 §3.1.3 and RFC 5155 §7.2 ask for, and no more.
        return Some("NSD proves more than is asked for, ours is as Knot's");
    }
    let into_itself = aliases(knot).iter().any(|record| {
        record.kind == 39
            && format!(".{}", record.data.trim()).ends_with(&format!(".{}", record.owner))
    });
    if into_itself {
        // Knot goes on until the name is too long, and says YXDOMAIN to those
        // who never asked for such a name.
        return Some("a DNAME into itself is followed once, as in NSD");
    }
    if ours.code() == 6 && ours.sections[1].is_empty() {
        // RFC 6672 §2.2 asks for the DNAME alone; the name is not negative.
        return Some("YXDOMAIN comes without a SOA, as in NSD");
    }
    if ours.sections[0].iter().any(is_dname_of_star) && ours.sections[0] == nsd.sections[0] {
        // Knot answers with a DNAME of a name that does not own it.
        return Some("below a DNAME of the name `*`, as in NSD");
    }
    let holder = |name: &str| {
        let all = zones
            .iter()
            .filter(|zone| name == zone.apex || name.ends_with(&format!(".{}", zone.apex)));
        all.map(|zone| zone.apex.clone()).max_by_key(String::len)
    };
    let leaves = aliases(ours).iter().any(|record| {
        record.kind == 5
            && holder(record.data.trim()) != holder(&record.owner)
            && holder(record.data.trim()).is_some()
    });
    if leaves && ours.sections[0] == nsd.sections[0] {
        // RFC 1034 §4.3.2 step 3a goes back to step 1, which looks for the zone.
        return Some("an alias into another zone of ours is followed, as in NSD");
    }
    if query.kind == 43 && ours.sections[0] == nsd.sections[0] {
        // RFC 4035 §3.1.4.1, also behind an alias, where Knot asks the child.
        return Some("DS of a child's apex is the parent's, as in NSD");
    }
    let room = usize::from(query.size.unwrap_or(512).clamp(512, 1232));
    if !query.tcp && ours.sections == nsd.sections && nsd.length + 40 > room {
        return Some("an authority that just fits is there, as in NSD");
    }
    if (0..2).all(|index| nsd.sections[index] == knot.sections[index]) {
        if !query.tcp && nsd.length.max(knot.length) + 100 > room {
            return Some("additional records: as many as fit");
        }
        if nsd.sections[2].is_empty() {
            // `minimal-responses: yes`; without it, it sends NS records that
            // nobody asked for along with every answer.
            return Some("additional records: NSD leaves them out, ours are as Knot's");
        }
    }
    // NSD keeps all zones in one tree, so that a name that only the parent has,
    // as glue, hides the child's wildcard from it.
    let below_child = holder(&query.name).is_some_and(|apex| apex.starts_with("child."));
    let chain = aliases(knot);
    let through_child = chain.iter().any(|record| record.data.contains("child."));
    if (below_child || through_child) && ours.sections == knot.sections {
        return Some("glue in the parent is no name in the child, as in Knot");
    }
    None
}

/// Why ours is truncated and theirs are not, or the other way round.
fn truncation(
    query: &Query,
    ours: &Message,
    nsd: &Message,
    knot: &Message,
) -> Option<&'static str> {
    let room = usize::from(query.size.unwrap_or(512).clamp(512, 1232));
    let fits = query.tcp || ours.length <= room;
    if ours.flags & TC == 0 && fits {
        // Names that end in the question's or in each other's are compressed
        // to whatever was written before; theirs sometimes are not.
        return Some("ours is shorter, and fits");
    }
    let glue = |message: &Message| message.sections[2].len();
    let is_referral = ours.sections[0].is_empty() && ours.flags & AA == 0;
    if is_referral && (glue(nsd) < usize::MAX || glue(knot) < usize::MAX) {
        // RFC 9471: a referral without the glue that it needs has TC set. Both
        // are older, and leave glue out without a word.
        return Some("ours says that glue is missing (RFC 9471)");
    }
    None
}
