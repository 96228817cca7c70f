//! Compares a zone file as we read it with what BIND makes of it.
//!
//! `zone_compare FILE.zone RAW`, where RAW is from `named-compilezone -F raw=0`.
//! Prints what only one of them has; exits with 1 when there is anything.
//! `zone_compare FILE.zone` prints the records as we read them, to be compared
//! with what others say, or what is wrong with the zone, and exits with 1.

use applgen::{report::Diagnostics, site, zones};
use std::{collections::BTreeSet, fmt::Write, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (file, raw) = match arguments.as_slice() {
        [file] => (file, None),
        [file, raw] => (file, Some(raw)),
        _ => {
            eprintln!("usage: zone_compare FILE.zone [RAW]");
            return ExitCode::from(2);
        }
    };
    let mut diagnostics = Diagnostics::new();
    let site = site::load(Path::new(file), &[], &mut diagnostics).expect("it can be loaded");
    let Ok(ours) = zones::load(&site, &mut diagnostics) else {
        for diagnostic in diagnostics.iter() {
            println!("{:?}: {}", diagnostic.level, diagnostic.message);
        }
        return ExitCode::FAILURE;
    };
    let ours: BTreeSet<String> = ours[0]
        .records
        .iter()
        .map(|record| line(&record.owner, record.kind, record.ttl, &record.data))
        .collect();
    let Some(raw) = raw else {
        for line in &ours {
            println!("{line}");
        }
        return ExitCode::SUCCESS;
    };
    let theirs = raw_records(&std::fs::read(raw).expect("a file")).expect("the raw format");
    for line in ours.difference(&theirs) {
        println!("ours only: {line}");
    }
    for line in theirs.difference(&ours) {
        println!("BIND only: {line}");
    }
    println!("{} records, {} in BIND", ours.len(), theirs.len());
    ExitCode::from(u8::from(ours != theirs))
}

fn line(owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> String {
    let mut line = format!(
        "{} {ttl} TYPE{kind} ",
        zones::name::show(&owner.to_ascii_lowercase())
    );
    for byte in data {
        let _ = write!(line, "{byte:02x}");
    }
    line
}

/// Takes so many bytes off the front.
fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (front, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(front)
}

fn number(bytes: &mut &[u8], count: usize) -> Option<u32> {
    Some(
        take(bytes, count)?
            .iter()
            .fold(0, |number, &byte| number << 8 | u32::from(byte)),
    )
}

/// BIND's raw format, version 0: a header of 12 bytes, then record sets.
fn raw_records(mut bytes: &[u8]) -> Option<BTreeSet<String>> {
    take(&mut bytes, 12)?;
    let mut records = BTreeSet::new();
    while !bytes.is_empty() {
        number(&mut bytes, 4)?;
        number(&mut bytes, 2)?;
        let kind = number(&mut bytes, 2)? as u16;
        number(&mut bytes, 2)?;
        let ttl = number(&mut bytes, 4)?;
        let count = number(&mut bytes, 4)?;
        let length = number(&mut bytes, 2)? as usize;
        let owner = take(&mut bytes, length)?;
        for _ in 0..count {
            let length = number(&mut bytes, 2)? as usize;
            let data = take(&mut bytes, length)?;
            records.insert(line(owner, kind, ttl, data));
        }
    }
    Some(records)
}
