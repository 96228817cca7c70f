//! What the `dns ` section is made from: zones as records in wire form.
//!
//! [`zone`] sorts the records of a zone into nodes and decides what can be
//! decided before a query comes: where the cuts are, what lies below them, which
//! addresses go along with which answer. [`layout`] writes the result.

mod key;
mod layout;
mod ready;
mod zone;

pub use key::{Key, labels};

use super::error::WriteError;
use std::collections::BTreeMap;
use std::vec::Vec;

/// Types of records that the format knows something about.
pub(crate) mod kind {
    pub const A: u16 = 1;
    pub const NS: u16 = 2;
    pub const CNAME: u16 = 5;
    pub const SOA: u16 = 6;
    pub const MB: u16 = 7;
    pub const MINFO: u16 = 14;
    pub const MX: u16 = 15;
    pub const AFSDB: u16 = 18;
    pub const RT: u16 = 21;
    pub const AAAA: u16 = 28;
    pub const SRV: u16 = 33;
    pub const KX: u16 = 36;
    pub const DNAME: u16 = 39;
    pub const RRSIG: u16 = 46;
    pub const NSEC: u16 = 47;
    pub const NSEC3: u16 = 50;
    pub const NSEC3PARAM: u16 = 51;
    pub const SVCB: u16 = 64;
    pub const HTTPS: u16 = 65;
}

/// A record, finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneRecord {
    /// Its owner, in wire form.
    pub owner: Vec<u8>,
    /// Its type.
    pub kind: u16,
    /// Its TTL in seconds.
    pub ttl: u32,
    /// Its RDATA in wire form, without compression.
    pub data: Vec<u8>,
}

/// What the server says of itself, and how it limits responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DnsOptions {
    /// Responses a second to one client network; 0: no limit.
    pub rate_limit: u32,
    /// Of limited responses, every how many-th is sent truncated; 0: none.
    pub slip: u32,
    /// The NSID (RFC 5001).
    pub nsid: Option<Vec<u8>>,
    /// The answer to `version.bind`.
    pub version: Option<Vec<u8>>,
    /// The answer to `id.server`.
    pub identity: Option<Vec<u8>>,
    /// Names, in wire form, whose A and AAAA records are the addresses of whoever
    /// serves the zones ([`RrSet::own`](crate::dns::RrSet::own)).
    pub own: Vec<Vec<u8>>,
}

/// The `dns ` section, being collected.
#[derive(Debug, Default)]
pub struct DnsSection {
    options: DnsOptions,
    zones: BTreeMap<Key, Vec<ZoneRecord>>,
}

impl DnsSection {
    /// With no zone yet.
    pub fn new(options: DnsOptions) -> Self {
        Self {
            options,
            zones: BTreeMap::new(),
        }
    }

    /// Adds a zone. Its records are of the class IN, all at or below `apex`;
    /// one of them is its SOA.
    pub fn zone(&mut self, apex: &[u8], records: Vec<ZoneRecord>) -> Result<(), WriteError> {
        let fault = |problem| {
            Err(WriteError::Zone {
                apex: apex.to_vec(),
                problem,
            })
        };
        let Some(key) = Key::of(apex) else {
            return fault("the apex is no name in wire form");
        };
        if self.zones.contains_key(&key) {
            return fault("there are two zones of this name");
        }
        for record in &records {
            match Key::of(&record.owner) {
                Some(owner) if owner.is_at_or_below(&key) => {}
                Some(_) => return fault("a record lies outside of the zone"),
                None => return fault("an owner is no name in wire form"),
            }
            if record.data.len() > usize::from(u16::MAX) {
                return fault("a record has more than 65535 bytes of data");
            }
        }
        self.zones.insert(key, records);
        Ok(())
    }

    /// Lays the section out.
    pub(super) fn finish(self) -> Result<Vec<u8>, WriteError> {
        let apexes: Vec<Key> = self.zones.keys().cloned().collect();
        let mut zones = Vec::with_capacity(apexes.len());
        for (apex, records) in self.zones {
            zones.push(zone::Zone::new(apex, records, &apexes)?);
        }
        layout::section(&self.options, &zones)
    }
}
