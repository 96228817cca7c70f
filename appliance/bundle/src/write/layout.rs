//! Laying the chunks of the `http` section out, and the index that finds them.

use super::Pieces;
use super::error::WriteError;
use super::hosts::Names;
use super::rules::{self, Rule};
use crate::MAX_BUNDLE_BYTES;
use crate::hash::{group_of, path_hash};
use crate::http::{HostId, Limits, field};
use std::string::ToString;
use std::vec::Vec;

/// A finished chunk and what the index needs to know of it.
pub struct Chunk<'p> {
    pub host: HostId,
    pub path: &'p [u8],
    pub volatile: bool,
    pub pieces: Pieces,
}

/// The binary logarithm of how many groups `entries` are shared out to.
fn groups_log2(entries: usize) -> u32 {
    entries
        .div_ceil(field::GROUP_LOAD)
        .next_power_of_two()
        .trailing_zeros()
}

/// The whole section: lasting chunks, volatile chunks, groups, entries, names,
/// rules.
pub fn section(
    chunks: Vec<Chunk<'_>>,
    not_found_depth: usize,
    names: &Names,
    rules: &[(HostId, Rule)],
    limits: &Limits,
) -> Result<Pieces, WriteError> {
    let log2 = groups_log2(chunks.len());
    let mut chunks: Vec<(u64, Chunk<'_>)> = chunks
        .into_iter()
        .map(|chunk| (path_hash(chunk.host.0, chunk.path, b""), chunk))
        .collect();
    // By group and, within it, by the half of the hash that the index holds.
    chunks.sort_by_key(|(hash, chunk)| (group_of(*hash, log2), *hash as u32, chunk.path));

    let total: u64 = chunks.iter().map(|(_, chunk)| chunk.pieces.length).sum();
    let lasting: u64 = chunks
        .iter()
        .filter(|(_, chunk)| !chunk.volatile)
        .map(|(_, chunk)| chunk.pieces.length)
        .sum();
    // The index comes on top, but below this limit every offset has 31 bits.
    if total > MAX_BUNDLE_BYTES {
        return Err(WriteError::TooLarge {
            what: "the bundle".to_string(),
            bytes: total,
            limit: MAX_BUNDLE_BYTES,
        });
    }

    let entry_count = chunks.len() as u32;
    let mut groups = Vec::new();
    let mut entries = Vec::new();
    // Where the next lasting and the next volatile chunk go.
    let mut next = [
        field::HEADER as u32,
        (field::HEADER as u64 + lasting) as u32,
    ];
    let mut areas = [Pieces::default(), Pieces::default()];
    let mut chunks = chunks.into_iter().peekable();
    let mut index = 0_u32;
    for group in 0..1_usize << log2 {
        let base = next;
        for number in [index, base[0], base[1]] {
            groups.extend(number.to_le_bytes());
        }
        while let Some((hash, chunk)) = chunks.next_if(|(hash, _)| group_of(*hash, log2) == group) {
            let area = usize::from(chunk.volatile);
            let flag = if chunk.volatile { field::VOLATILE } else { 0 };
            let offset = (next[area] - base[area]) | flag;
            entries.extend((hash as u32).to_le_bytes());
            entries.extend(offset.to_le_bytes());
            next[area] += chunk.pieces.length as u32;
            areas[area].append(chunk.pieces);
            index += 1;
        }
    }

    let group_table = next[1];
    let entry_table = group_table + groups.len() as u32;
    let name_table = entry_table + entries.len() as u32;
    // Rows have one length each, so that where their text begins is known.
    let (name_rows, _) = names.tables(0);
    let (name_rows, name_text) = names.tables(name_table + name_rows.len() as u32);
    let rule_table = name_table + (name_rows.len() + name_text.len()) as u32;
    let (rule_rows, _) = rules::tables(rules, 0);
    let (rule_rows, rule_bytes) = rules::tables(rules, rule_table + rule_rows.len() as u32);

    let mut pieces = Pieces::default();
    for number in [
        entry_count,
        log2,
        group_table,
        entry_table,
        not_found_depth as u32,
        if names.is_empty() { 0 } else { name_table },
        names.len(),
        if rules.is_empty() { 0 } else { rule_table },
    ] {
        pieces.bytes(&number.to_le_bytes());
    }
    pieces.bytes(&limits.encoded());
    for area in areas {
        pieces.append(area);
    }
    pieces.bytes(&groups);
    pieces.bytes(&entries);
    for part in [name_rows, name_text, rule_rows, rule_bytes] {
        pieces.bytes(&part);
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_hold_16_to_32_entries_on_average() {
        for (entries, log2) in [
            (0, 0),
            (1, 0),
            (32, 0),
            (33, 1),
            (64, 1),
            (65, 2),
            (1024, 5),
        ] {
            assert_eq!(groups_log2(entries), log2, "{entries}");
        }
    }
}
