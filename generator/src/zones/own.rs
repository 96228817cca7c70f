//! `[dns] self`: names whose addresses are the appliance's own, so that site and
//! zone cannot disagree.
//!
//! A machine, or a process with a network of its own, answers with the addresses
//! that it has: from `[network]`, from the words that it is started with, or from
//! DHCP. What goes into the zone here is for a process on its host's sockets, which
//! is told of none: the addresses of `[network]`, or zeros, which are no address.

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
use std::net::{Ipv4Addr, Ipv6Addr};

/// What an address has for a TTL when the zone says nothing, in seconds.
const TTL: u32 = 3600;

/// Adds addresses to the names of `[dns] self`.
pub fn add(site: &Site, zones: &mut [Zone], diagnostics: &mut Diagnostics) -> Result<(), Failure> {
    let names = &site.config.dns.own;
    if names.is_empty() {
        return Ok(());
    }
    let text = site.config.boot_words.join(" ");
    let words = Words::parse(&text, Keys::ALL).unwrap_or_default();
    let ipv4 = match words.ip {
        Some(Ip4::Static { address, .. }) => Some(address),
        _ => None,
    };
    let ipv6 = words.ip6.map(|ip6| ip6.address);
    let addresses = [
        (
            number::A,
            ipv4.unwrap_or(Ipv4Addr::UNSPECIFIED).octets().to_vec(),
        ),
        (
            number::AAAA,
            ipv6.unwrap_or(Ipv6Addr::UNSPECIFIED).octets().to_vec(),
        ),
    ];
    if ipv4.is_none() && ipv6.is_none() && words.ip.is_none() {
        let mut diagnostic = Diagnostic::warning(
            "the names of `dns.self` have an address only where the image is given one",
        )
        .hint(
            "say `ip` or `ip6` in `[network]`, such as `ip = \"192.0.2.2/24\"` or `ip = \"dhcp\"`",
        );
        if let Some((_, Some(place))) = names.first() {
            diagnostic = diagnostic.at(place.clone());
        }
        diagnostics.push(diagnostic);
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
