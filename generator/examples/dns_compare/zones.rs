//! Small random zones: nested wildcards, empty non-terminals, cuts within cuts,
//! sibling glue, DNAMEs, chains and loops of aliases, odd and long labels.
//!
//! Every third zone is the child of the one before it, so that one server has
//! both sides of a cut.

use crate::random::Random;
use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

/// Text of a record: type and data.
type Records = Vec<(&'static str, String)>;

/// A zone as text.
pub struct Zone {
    /// Its apex, with a dot at its end.
    pub apex: String,
    /// Its records by owner; names with a dot at their end.
    pub owners: BTreeMap<String, Records>,
}

const LABELS: [&str; 14] = [
    "a",
    "b",
    "c",
    "D",
    "eE",
    "*",
    "*",
    "ns",
    "w-w",
    "0",
    "_x",
    "*a",
    "a-label-of-the-most-bytes-that-there-can-be-in-one-which-is-63a",
    "xn--bcher-kva",
];

impl Zone {
    /// The zone of that number.
    pub fn new(seed: u64, number: u64) -> Self {
        let apex = apex(number);
        let mut zone = Self {
            owners: BTreeMap::new(),
            apex: apex.clone(),
        };
        let mut random = Random::new(seed.wrapping_mul(1000).wrapping_add(number));
        zone.add(
            &apex,
            "SOA",
            format!(
                "ns.{apex} Host.{apex} {} 3600 600 86400 {}",
                number + 1,
                60 + random.below(7200)
            ),
        );
        zone.add(&apex, "NS", format!("ns.{apex}"));
        zone.add(&apex, "NS", "ns.elsewhere.test.".to_owned());
        if random.chance(80) {
            zone.add(&format!("ns.{apex}"), "A", "192.0.2.53".to_owned());
        }
        let count = 6 + random.below(24);
        for _ in 0..count {
            let owner = zone.name(&mut random, 4);
            zone.records(&owner, &mut random);
        }
        // NSD takes all zones for one tree: no DNAME above another zone.
        if number % 3 == 2 && random.chance(25) {
            let target = zone.target(&mut random);
            zone.owners.retain(|owner, _| *owner == apex);
            zone.add(&apex, "DNAME", target);
        }
        if number % 3 == 1 {
            // Sometimes delegated to, sometimes not.
            zone.add(&apex, "TXT", "\"child\"".to_owned());
        } else if number % 3 == 0 && random.chance(70) {
            let child = self::apex(number + 1);
            zone.owners.remove(&child);
            zone.add(&child, "NS", format!("ns.{child}"));
            zone.add(&format!("ns.{child}"), "A", "192.0.2.54".to_owned());
            if random.chance(90) {
                zone.add(
                    &child,
                    "DS",
                    "1 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
                        .to_owned(),
                );
            }
        }
        zone.tidy();
        zone
    }

    fn add(&mut self, owner: &str, kind: &'static str, data: String) {
        let owner = owner.to_owned();
        let same = |name: &String| name.eq_ignore_ascii_case(&owner);
        let key = self.owners.keys().find(|name| same(name)).cloned();
        let records = self.owners.entry(key.unwrap_or(owner)).or_default();
        if !records.contains(&(kind, data.clone())) {
            records.push((kind, data));
        }
    }

    /// A name in the zone.
    pub fn name(&self, random: &mut Random, depth: u64) -> String {
        let mut name = self.apex.clone();
        // Often below one that is there.
        if !self.owners.is_empty() && random.chance(40) {
            let all: Vec<&String> = self.owners.keys().collect();
            name = (*random.pick(&all)).clone();
        }
        for _ in 0..1 + random.below(depth) {
            let longer = format!("{}.{name}", random.pick(&LABELS[..]));
            if longer.len() > 240 {
                break;
            }
            name = longer;
        }
        name
    }

    /// A name that something points to: often in the zone, sometimes not.
    fn target(&self, random: &mut Random) -> String {
        match random.below(10) {
            0 => "out.elsewhere.test.".to_owned(),
            1 => apex(random.below(12)),
            2 => format!("*.{}", self.apex),
            3..=5 => {
                let all: Vec<&String> = self.owners.keys().collect();
                (*random.pick(&all)).clone()
            }
            _ => self.name(random, 3),
        }
    }

    fn records(&mut self, owner: &str, random: &mut Random) {
        let ip = random.below(250);
        match random.below(20) {
            0..=4 => {
                for _ in 0..1 + random.below(3) {
                    let ip = random.below(250);
                    self.add(owner, "A", format!("192.0.2.{ip}"));
                }
                if random.chance(40) {
                    self.add(owner, "AAAA", format!("2001:db8::{ip}"));
                }
            }
            5 => {
                for number in 0..1 + random.below(30) {
                    self.add(
                        owner,
                        "TXT",
                        format!(
                            "\"text {number} of several {}\"",
                            "x".repeat(ip as usize / 2)
                        ),
                    );
                }
            }
            6 | 7 => {
                for number in 0..1 + random.below(4) {
                    let target = self.target(random);
                    self.add(owner, "MX", format!("{number} {target}"));
                    if random.chance(50) && self.is_ours(&target) {
                        self.add(&target, "A", format!("192.0.2.{ip}"));
                    }
                }
            }
            8 => {
                let target = self.target(random);
                self.add(owner, "SRV", format!("1 2 {ip} {target}"));
            }
            9..=12 => {
                let target = self.target(random);
                self.add(owner, "CNAME", target);
            }
            13 => {
                let target = self.target(random);
                self.add(owner, "DNAME", target);
            }
            14..=16 if !owner.starts_with("*.") => {
                for _ in 0..1 + random.below(3) {
                    // Below the cut, beside it, below another, or elsewhere.
                    let host = match random.below(4) {
                        0 | 1 => format!("ns{}.{owner}", random.below(3)),
                        2 => self.name(random, 2),
                        _ => self.target(random),
                    };
                    if host.len() > 250 {
                        continue;
                    }
                    self.add(owner, "NS", host.clone());
                    if random.chance(70) && self.is_ours(&host) {
                        self.add(&host, "A", format!("192.0.2.{ip}"));
                        if random.chance(50) {
                            self.add(&host, "AAAA", format!("2001:db8::{ip}"));
                        }
                    }
                }
                if random.chance(80) {
                    self.add(
                        owner,
                        "DS",
                        "7 13 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
                            .to_owned(),
                    );
                }
            }
            17 => self.add(owner, "TYPE65280", "\\# 3 abcdef".to_owned()),
            18 => {
                let target = self.target(random);
                self.add(owner, "PTR", target);
            }
            _ => self.add(owner, "A", format!("192.0.2.{ip}")),
        }
    }

    fn is_ours(&self, name: &str) -> bool {
        name.to_ascii_lowercase().ends_with(&self.apex)
    }

    /// Takes out what no server loads.
    fn tidy(&mut self) {
        for (owner, records) in &mut self.owners {
            let is_apex = *owner == self.apex;
            if is_apex {
                records.retain(|(kind, _)| *kind != "CNAME");
            }
            for single in ["CNAME", "DNAME"] {
                let mut seen = false;
                records.retain(|(kind, _)| *kind != single || !std::mem::replace(&mut seen, true));
            }
            let has = |wanted: &str| records.iter().any(|(kind, _)| *kind == wanted);
            if has("CNAME") {
                records.retain(|(kind, _)| *kind == "CNAME");
            } else if has("DNAME") && !is_apex {
                records.retain(|(kind, _)| *kind != "NS");
            }
            let has_ns = records.iter().any(|(kind, _)| *kind == "NS");
            if !has_ns {
                records.retain(|(kind, _)| *kind != "DS");
            }
        }
        // Knot refuses names below a DNAME.
        let dnames: Vec<String> = self
            .owners
            .iter()
            .filter(|(_, records)| records.iter().any(|(kind, _)| *kind == "DNAME"))
            .map(|(owner, _)| format!(".{}", owner.to_ascii_lowercase()))
            .collect();
        self.owners.retain(|owner, _| {
            let owner = owner.to_ascii_lowercase();
            !dnames.iter().any(|dname| owner.ends_with(dname))
        });
    }

    /// Whether a name, in lower case, exists, by itself or by what is below it.
    pub fn exists(&self, name: &str) -> Option<bool> {
        let below = format!(".{name}");
        let mut found = None;
        for owner in self.owners.keys() {
            let owner = owner.to_ascii_lowercase();
            if owner == name {
                return Some(true);
            }
            if owner.ends_with(&below) {
                found = Some(false);
            }
        }
        found
    }

    fn text(&self) -> String {
        let mut text = "$TTL 300\n".to_owned();
        let apex = self.owners.iter().filter(|(owner, _)| **owner == self.apex);
        let rest = self.owners.iter().filter(|(owner, _)| **owner != self.apex);
        for (owner, records) in apex.chain(rest) {
            for (kind, data) in records {
                let _ = writeln!(text, "{owner} {kind} {data}");
            }
        }
        text
    }
}

/// The apex of the zone of that number.
fn apex(number: u64) -> String {
    match number % 3 {
        1 => format!("child.{}", apex(number - 1)),
        _ => format!("z{number}.test."),
    }
}

/// Writes so many zones, and what NSD and Knot need to load them.
pub fn write(seed: u64, count: u64, directory: &Path) {
    let folder = directory.join("zones");
    fs::create_dir_all(&folder).expect("a folder");
    let (mut nsd, mut knot) = (String::new(), String::from("zone:\n"));
    for number in 0..count {
        let zone = Zone::new(seed, number);
        let name = zone.apex.trim_end_matches('.').to_owned();
        let file = folder.join(format!("{name}.zone"));
        fs::write(&file, zone.text()).expect("a file");
        let file = file.display();
        let _ = writeln!(nsd, "zone:\n  name: \"{name}\"\n  zonefile: \"{file}\"");
        let _ = writeln!(
            knot,
            "  - domain: {name}\n    file: {file}\n    journal-content: none\n    zonefile-sync: -1"
        );
    }
    fs::write(directory.join("nsd.zones"), nsd).expect("a file");
    fs::write(directory.join("knot.zones"), knot).expect("a file");
}
