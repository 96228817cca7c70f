//! Compares the answers of three name servers over random zones: ours, NSD, Knot.
//!
//! ```text
//! dns_compare zones SEED COUNT DIRECTORY          writes zones and configurations
//! dns_compare ask SEED COUNT QUERIES OURS NSD KNOT   asks and compares (ports)
//! dns_compare signed …                            the same with DO, of zones signed since
//! ```
//!
//! Where NSD and Knot agree, ours agrees with them; where they do not, ours is
//! as one of them, or [`compare`] says why not. Every answer of ours is decoded
//! by hickory-proto too.

mod ask;
mod compare;
mod random;
mod wire;
mod zones;

use std::{collections::BTreeMap, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match words.as_slice() {
        ["zones", seed, count, directory] => {
            zones::write(number(seed), number(count), directory.as_ref());
            ExitCode::SUCCESS
        }
        [
            ask @ ("ask" | "signed"),
            seed,
            count,
            queries,
            ours,
            nsd,
            knot,
        ] => {
            let ports = [ours, nsd, knot].map(|port| number(port) as u16);
            let signed = *ask == "signed";
            run(number(seed), number(count), number(queries), ports, signed)
        }
        _ => {
            eprintln!("usage: dns_compare zones SEED COUNT DIRECTORY");
            eprintln!("       dns_compare ask SEED COUNT QUERIES OURS NSD KNOT");
            ExitCode::from(2)
        }
    }
}

fn run(seed: u64, count: u64, queries: u64, ports: [u16; 3], signed: bool) -> ExitCode {
    let zones: Vec<zones::Zone> = (0..count)
        .map(|number| zones::Zone::new(seed, number))
        .collect();
    let mut random = random::Random::new(seed ^ 0xa5a5);
    let servers = ports.map(ask::Server::new);
    let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    let mut faults = 0;
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for number in 0..queries {
        let zone = &zones[random.below(zones.len() as u64) as usize];
        let query = ask::Query::near(zone, &zones, &mut random, number as u16, signed);
        let [ours, nsd, knot] = [0, 1, 2].map(|server| servers[server].ask(&query));
        let result = compare::compare(&query, &zones, &ours, &nsd, &knot);
        *classes
            .entry(compare::class(&query, zone, &ours))
            .or_default() += 1;
        match result {
            Ok(found) => {
                if let Ok(wanted) = std::env::var("SHOW")
                    && found.contains(&wanted.as_str())
                {
                    println!("{query}\n  ours {ours}\n  nsd  {nsd}\n  knot {knot}");
                }
                for reason in found {
                    *reasons.entry(reason).or_default() += 1;
                }
            }
            Err(what) => {
                faults += 1;
                let count = kinds.entry(what.clone()).or_default();
                *count += 1;
                if *count <= 4 {
                    println!("{query}\n  {what}\n  ours {ours}\n  nsd  {nsd}\n  knot {knot}");
                }
            }
        }
    }
    println!("seed {seed}, {count} zones, {queries} queries");
    for (class, count) in &classes {
        println!("{count:>8}  {class}");
    }
    println!("where NSD and Knot differ:");
    for (reason, count) in &reasons {
        println!("{count:>8}  {reason}");
    }
    let thin: Vec<&&str> = compare::CLASSES
        .iter()
        .filter(|class| classes.get(**class).copied().unwrap_or(0) < 100)
        .collect();
    if !thin.is_empty() && !signed {
        println!("fewer than 100 cases of: {thin:?}");
    }
    println!("{faults} differences that nothing explains {kinds:?}");
    if faults == 0 && (thin.is_empty() || signed) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
