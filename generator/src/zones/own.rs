//! `[dns] self`: names whose addresses are the appliance's own, so that site and
//! zone cannot disagree.

use super::{Zone, name, types::number};
use crate::{
    failure::Failure,
    report::{Diagnostic, Diagnostics},
    site::Site,
};
use applgen_bundle::{
    boot::{Ip4, Keys, Words},
    write::ZoneRecord,
};

/// What an address has for a TTL when the zone says nothing, in seconds.
const TTL: u32 = 3600;

/// Adds the addresses of `[network]` to the names of `[dns] self`.
pub fn add(site: &Site, zones: &mut [Zone], diagnostics: &mut Diagnostics) -> Result<(), Failure> {
    let names = &site.config.dns.own;
    if names.is_empty() {
        return Ok(());
    }
    let text = site.config.boot_words.join(" ");
    let words = Words::parse(&text, Keys::ALL).unwrap_or_default();
    let mut addresses = Vec::new();
    if let Some(Ip4::Static { address, .. }) = words.ip {
        addresses.push((number::A, address.octets().to_vec()));
    }
    if let Some(ip6) = words.ip6 {
        addresses.push((number::AAAA, ip6.address.octets().to_vec()));
    }
    let mut failed = false;
    for (wire, place) in names {
        let mut refuse = |message: String, hint: &str| {
            let mut diagnostic = Diagnostic::error(message).hint(hint);
            if let Some(place) = place {
                diagnostic = diagnostic.at(place.clone());
            }
            diagnostics.push(diagnostic);
            failed = true;
        };
        let shown = name::show(wire);
        if addresses.is_empty() {
            refuse(
                format!("`{shown}` cannot have the appliance's address: none is known"),
                "say `ip` or `ip6` in `[network]`, such as `ip = \"192.0.2.2/24\"`",
            );
            continue;
        }
        // The zone whose apex is nearest.
        let zone = zones
            .iter_mut()
            .filter(|zone| name::is_at_or_below(wire, &zone.apex))
            .max_by_key(|zone| zone.apex.len());
        let Some(zone) = zone else {
            refuse(
                format!("`{shown}` is in none of the zones"),
                "correct `dns.self`, or add the zone",
            );
            continue;
        };
        let own = |record: &&ZoneRecord| record.owner.eq_ignore_ascii_case(wire);
        let mut taken = zone.records.iter().filter(own);
        let clash =
            taken.find(|record| matches!(record.kind, number::A | number::AAAA | number::CNAME));
        if clash.is_some() {
            refuse(
                format!(
                    "`{shown}` has an address or an alias in `{}` already",
                    zone.file
                ),
                "remove it there, or take the name off `dns.self`",
            );
            continue;
        }
        let soa = zone
            .records
            .iter()
            .find(|record| record.kind == number::SOA);
        let ttl = soa.map_or(TTL, |soa| soa.ttl);
        for (kind, data) in &addresses {
            zone.records.push(ZoneRecord {
                owner: wire.clone(),
                kind: *kind,
                ttl,
                data: data.clone(),
            });
        }
    }
    if failed { Err(Failure::told()) } else { Ok(()) }
}
