//! DNS zones: from master files to the bundle's `dns ` section.
//!
//! [`lexer`] and [`reader`] read the text, [`rdata`] the data of records,
//! [`checks`] looks at the zone as a whole. The apex is the owner of the SOA;
//! the initial `$ORIGIN` is the file's name without `.zone`.

pub mod checks;
pub mod generate;
pub mod lexer;
pub mod name;
mod own;
pub mod rdata;
pub mod reader;
pub mod source;
pub mod types;

use crate::{
    failure::Failure,
    report::{Diagnostic, Diagnostics, Level, Place},
    site::{Site, SourceFile},
};
use applgen_bundle::write::ZoneRecord;
use checks::Checks;
use reader::{Located, Reader};
use std::{fs, path::Path};
use types::number;

/// The largest zone file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 30;

/// A zone, read and checked.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Its apex in wire form.
    pub apex: Vec<u8>,
    /// Its serial number.
    pub serial: u32,
    /// Its records; those outside of it left out.
    pub records: Vec<ZoneRecord>,
    /// Its file below the site directory.
    pub file: String,
    /// What was suspicious about it.
    pub suspicions: usize,
}

impl Zone {
    /// Its name as text, without the dot at its end.
    pub fn name(&self) -> String {
        let shown = name::show(&self.apex);
        match shown.as_str() {
            "." => shown,
            _ => shown.trim_end_matches('.').to_owned(),
        }
    }

    /// Whether it has signatures, or records that prove what is not there.
    pub fn is_signed(&self) -> bool {
        let of_signer = [
            number::RRSIG,
            number::NSEC,
            number::NSEC3,
            number::NSEC3PARAM,
        ];
        self.records
            .iter()
            .any(|record| of_signer.contains(&record.kind))
    }
}

/// Reads and checks the zones of a site. Everything that is wrong with any of
/// them is told.
pub fn load(site: &Site, diagnostics: &mut Diagnostics) -> Result<Vec<Zone>, Failure> {
    let mut zones: Vec<Zone> = Vec::new();
    let mut failed = false;
    for file in &site.layout.zones {
        let Some(zone) = load_file(&site.root, file, diagnostics)? else {
            failed = true;
            continue;
        };
        let twin = zones
            .iter()
            .find(|other| other.apex.eq_ignore_ascii_case(&zone.apex));
        if let Some(twin) = twin {
            failed = true;
            diagnostics.push(
                Diagnostic::error(format!(
                    "`{}` is in `{}` too",
                    name::show(&zone.apex),
                    twin.file
                ))
                .at(Place::file(file.shown.clone()))
                .hint("a zone has one file, which may `$INCLUDE` others"),
            );
            continue;
        }
        zones.push(zone);
    }
    if failed {
        return Err(Failure::told());
    }
    own::add(site, &mut zones, diagnostics)?;
    Ok(zones)
}

/// Reads one zone; `None` when it cannot be served, which has been told.
fn load_file(
    root: &Path,
    file: &SourceFile,
    diagnostics: &mut Diagnostics,
) -> Result<Option<Zone>, Failure> {
    let unreadable = |why: String| {
        Failure::site(
            Diagnostic::error(format!("`{}` cannot be read: {why}", file.shown))
                .hint("check its permissions"),
        )
    };
    if file.bytes > MAX_FILE_BYTES {
        return Err(unreadable(format!(
            "it has {} bytes, and {MAX_FILE_BYTES} are the most",
            file.bytes
        )));
    }
    let bytes = fs::read(&file.absolute).map_err(|error| unreadable(error.to_string()))?;
    let stem = file.relative.file_stem().unwrap_or_default();
    let origin = name::parse(stem.as_encoded_bytes(), &[0]).unwrap_or_else(|_| vec![0]);
    let mut told = Diagnostics::new();
    let mut reader = Reader::new(root, &mut told);
    reader.read(&file.absolute, &file.shown, bytes, &origin);
    let Reader {
        sources,
        records,
        failed,
        ..
    } = reader;
    let before = diagnostics.count(Level::Warning);
    diagnostics.extend(told);
    if failed {
        return Ok(None);
    }
    let Some(soa) = records.iter().find(|record| record.kind == number::SOA) else {
        diagnostics.push(
            Diagnostic::error("the zone has no SOA record")
                .at(Place::file(file.shown.clone()))
                .hint("begin it with `@ SOA ns1 hostmaster 1 1d 2h 4w 1h`"),
        );
        return Ok(None);
    };
    let apex = soa.owner.clone();
    let serial = soa
        .data
        .last_chunk::<20>()
        .and_then(|numbers| numbers.first_chunk())
        .map_or(0, |serial| u32::from_be_bytes(*serial));
    let mut inside: Vec<Located> = Vec::with_capacity(records.len());
    let mut outside = 0;
    for record in records {
        if name::is_at_or_below(&record.owner, &apex) {
            inside.push(record);
            continue;
        }
        outside += 1;
        if outside > checks::TOLD_AT_MOST {
            continue;
        }
        let shown = name::show(&record.owner);
        diagnostics.push(
            Diagnostic::warning(format!(
                "`{shown}` is not in the zone `{}`: the record is left out",
                name::show(&apex)
            ))
            .at(sources.place(&record.place))
            .hint("a name without a dot at its end is completed by `$ORIGIN`"),
        );
    }
    if outside > checks::TOLD_AT_MOST {
        diagnostics.push(
            Diagnostic::warning(format!("{outside} records in all are left out"))
                .at(Place::file(file.shown.clone())),
        );
    }
    let mut checks = Checks {
        apex: &apex,
        records: &inside,
        sources: &sources,
        diagnostics,
        suspicions: 0,
        failed: false,
    };
    checks.run();
    if checks.failed {
        return Ok(None);
    }
    let suspicions = diagnostics.count(Level::Warning) - before;
    Ok(Some(Zone {
        serial,
        suspicions,
        file: file.relative.display().to_string(),
        records: inside
            .into_iter()
            .map(|record| ZoneRecord {
                owner: record.owner,
                kind: record.kind,
                ttl: record.ttl,
                data: record.data,
            })
            .collect(),
        apex,
    }))
}
