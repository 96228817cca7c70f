//! The records of an image's zones, as lines of a zone file, for comparing.

use std::{
    collections::BTreeSet,
    fmt::Write,
    net::{Ipv4Addr, Ipv6Addr},
};

use applgen_bundle::dns::{Name, Node, Record, RrSet, Zones};

use crate::zones::{name, types};

/// Every record, once: `owner TTL TYPE data`.
pub fn records(zones: &Zones<'_>) -> BTreeSet<(String, String)> {
    let mut lines = BTreeSet::new();
    let sides = zones.zones().filter_map(|zone| zone.parent_side());
    for node in zones.nodes().chain(sides) {
        of_node(&node, &mut lines);
    }
    lines
}

fn of_node(node: &Node<'_>, lines: &mut BTreeSet<(String, String)>) {
    let Some(owner) = node.name() else { return };
    let owner = name::show(owner.wire());
    for set in node.sets() {
        for set in [Some(set), set.signatures()].into_iter().flatten() {
            let kind = types::show(set.kind());
            for record in set.records() {
                let data = data(&set, &record);
                lines.insert((format!("{owner} {kind}"), format!("{} {data}", set.ttl())));
            }
        }
    }
}

/// The data of a record: addresses, names and texts as people write them, the
/// rest as RFC 3597 §5 has it.
fn data(set: &RrSet<'_>, record: &Record<'_>) -> String {
    match record {
        Record::Plain(bytes) => plain(set.kind(), bytes.get(2..).unwrap_or_default()),
        Record::Named {
            before,
            names,
            after,
        } => {
            let mut text = String::new();
            // A preference before the name; numbers of 32 bits after it, in a SOA.
            numbers::<2>(before, &mut text);
            for one in (*names).flatten() {
                let _ = write!(text, "{} ", shown(&one));
            }
            numbers::<4>(after, &mut text);
            text.trim_end().to_owned()
        }
    }
}

fn shown(one: &Name<'_>) -> String {
    name::show(one.wire())
}

fn numbers<const N: usize>(bytes: &[u8], text: &mut String) {
    for number in bytes.chunks(N) {
        let number = number
            .iter()
            .fold(0_u64, |sum, &byte| (sum << 8) | u64::from(byte));
        let _ = write!(text, "{number} ");
    }
}

fn plain(kind: u16, bytes: &[u8]) -> String {
    const A: u16 = 1;
    const TXT: u16 = 16;
    const AAAA: u16 = 28;
    let address = match kind {
        A => <[u8; 4]>::try_from(bytes)
            .ok()
            .map(|four| Ipv4Addr::from(four).to_string()),
        AAAA => <[u8; 16]>::try_from(bytes)
            .ok()
            .map(|all| Ipv6Addr::from(all).to_string()),
        TXT => Some(texts(bytes)),
        _ => None,
    };
    address.unwrap_or_else(|| {
        let mut text = format!("\\# {} ", bytes.len());
        for byte in bytes {
            let _ = write!(text, "{byte:02x}");
        }
        text
    })
}

fn texts(mut bytes: &[u8]) -> String {
    let mut all = Vec::new();
    while let Some((&length, rest)) = bytes.split_first() {
        let (text, after) = rest.split_at(usize::from(length).min(rest.len()));
        all.push(format!("\"{}\"", text.escape_ascii()));
        bytes = after;
    }
    all.join(" ")
}
