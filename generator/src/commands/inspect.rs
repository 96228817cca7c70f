//! `applgen inspect`: what is in an image, read from the image itself.

use std::{fmt::Write, fs, path::Path};

use applgen_bundle::{
    Bundle, TAG_BOOT, TAG_DNS, TAG_HTTP, TAG_INFO,
    dns::{Zone, Zones},
    http::{Encoding, Entry, Host, Kind, Site},
};
use serde_json::{Value, json};

use crate::{
    cli::Inspect,
    failure::Failure,
    image::{
        Feature, Features, Target, cost, digest::sha256, find_bundle, manifest,
        pack::unpacked_bytes, sources::Sources,
    },
    progress::Progress,
    report::{self, Diagnostic, Level},
    zones::name,
};

use super::{bytes, count};

/// Prints what an image holds.
pub fn inspect(arguments: &Inspect) -> Result<(), Failure> {
    let path = &arguments.image;
    let image = fs::read(path).map_err(|error| {
        Failure::environment(
            Diagnostic::error(format!("`{}` cannot be read: {error}", path.display()))
                .hint("name an image that `applgen build` wrote"),
        )
    })?;
    let mut facts = facts(path, &image)?;
    add_costs(&mut facts);
    let text = if arguments.json {
        format!("{facts:#}\n")
    } else {
        for_people(&facts)
    };
    super::print(text.as_bytes())?;
    refuse_other(path, &image, &facts["manifest"])
}

/// A manifest beside an image speaks of that image: when its hash is another,
/// the image was damaged, or one of the two was replaced.
fn refuse_other(path: &Path, image: &[u8], manifest: &Value) -> Result<(), Failure> {
    let found = sha256(image);
    let stated = manifest["sha256"].as_str().unwrap_or(&found);
    if stated == found {
        return Ok(());
    }
    Err(Failure::site(
        Diagnostic::error(format!(
            "`{}` is not the image of its manifest `{}`: its SHA-256 is {found}, and not {stated}",
            path.display(),
            manifest::path_for(path).display()
        ))
        .hint("build or fetch the image again, with its manifest"),
    ))
}

fn facts(path: &Path, image: &[u8]) -> Result<Value, Failure> {
    let not_ours = |why: String| {
        Failure::environment(
            Diagnostic::error(format!(
                "`{}` is no image of applgen's: {why}",
                path.display()
            ))
            .hint("build one with `applgen build SITE`, then inspect `dist/NAME.unix`"),
        )
    };
    let range = find_bundle(image).ok_or_else(|| not_ours("it holds no bundle".into()))?;
    let kernel_bytes = range.start;
    let bundle_bytes = range.len();
    let blob = image.get(range).unwrap_or_default();
    let bundle = Bundle::parse(blob).map_err(|error| not_ours(error.to_string()))?;
    let text = |tag| {
        let section = bundle.section(tag)?;
        std::str::from_utf8(section.bytes).ok().map(str::to_owned)
    };
    let info: Value = text(TAG_INFO)
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or(Value::Null);
    let mut paths = Vec::new();
    let mut hosts = Vec::new();
    let mut rules = 0;
    if let Some(section) = bundle.section(TAG_HTTP) {
        let site = Site::parse(section).map_err(|error| not_ours(error.to_string()))?;
        let mut entries: Vec<Entry<'_>> = site.entries().collect();
        if entries.len() != site.entry_count() {
            return Err(not_ours("its table of paths is damaged".into()));
        }
        entries.sort_by_key(|entry| (entry.host().number(), entry.path()));
        paths = entries.iter().map(path_facts).collect();
        hosts = site.hosts().iter().map(host_facts).collect();
        rules = site.rules().len();
    }
    let mut zones = Vec::new();
    if let Some(section) = bundle.section(TAG_DNS) {
        let all = Zones::parse(section).map_err(|error| not_ours(error.to_string()))?;
        zones = all.zones().map(|zone| zone_facts(&zone)).collect();
    }
    let sections: serde_json::Map<String, Value> = bundle
        .sections()
        .map(|section| {
            let tag = String::from_utf8_lossy(&section.tag).trim_end().to_owned();
            (tag, json!(section.bytes.len()))
        })
        .collect();
    // The manifest is a convenience beside the image, not part of it.
    let manifest: Value = fs::read(manifest::path_for(path))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or(Value::Null);
    Ok(json!({
        "image": path.file_name().map(|name| name.to_string_lossy()),
        "bytes": image.len(),
        "kernel_bytes": kernel_bytes,
        "kernel_unpacked_bytes": unpacked_bytes(image),
        "bundle_bytes": bundle_bytes,
        "sections": sections,
        "boot": text(TAG_BOOT).unwrap_or_default(),
        "title": info["title"],
        "target": info["target"],
        "decks": info["decks"],
        "features": info["features"],
        "manifest": manifest,
        "hosts": hosts,
        "pattern_rules": rules,
        "zones": zones,
        "paths": paths,
    }))
}

/// A name of a host; `.example.org` stands for all that end in it.
fn host_facts((name, host): (&[u8], Host<'_>)) -> Value {
    let name = String::from_utf8_lossy(name);
    match host {
        Host::Served(host) => json!({ "name": name, "host": host.number() }),
        Host::Redirected { status, prefix } => json!({
            "name": name,
            "status": status,
            "location": String::from_utf8_lossy(prefix),
        }),
    }
}

fn zone_facts(zone: &Zone<'_>) -> Value {
    let apex = zone.apex().and_then(|apex| apex.name());
    json!({
        "name": apex.map_or_else(String::new, |name| name::show(name.wire())),
        "serial": zone.serial(),
        "records": zone.record_count(),
    })
}

/// Adds to each feature what it costs, as far as this version can tell: it has
/// to be the one whose kernel is in the image.
fn add_costs(facts: &mut Value) {
    let target = facts["target"].as_str().and_then(Target::from_suffix);
    let same = facts["manifest"]["kernel"]["sources"] == Sources::embedded().sha256();
    let Some(target) = target.filter(|_| same) else {
        return;
    };
    let Some(listed) = facts["features"].as_array_mut() else {
        return;
    };
    let mut features = Features::new();
    for feature in listed.iter() {
        let name = feature["name"].as_str().unwrap_or_default();
        match Feature::from_name(name) {
            Some(feature) => features.need(feature, ""),
            None => return,
        }
    }
    let steps = Progress::on_terminal().spinner("what features cost");
    let costs = cost::costs(target, &features, &steps);
    steps.finish();
    match costs {
        Ok(costs) => {
            for cost in costs {
                let name = cost.feature.name();
                for feature in listed.iter_mut().filter(|it| it["name"] == name) {
                    feature["bytes"] = cost.bytes.into();
                }
            }
        }
        Err(error) => report::tell(&Diagnostic {
            level: Level::Note,
            ..error.diagnostic()
        }),
    }
}

fn path_facts(entry: &Entry<'_>) -> Value {
    let mut facts = answer_facts(entry);
    facts["host"] = json!(entry.host().number());
    facts
}

fn answer_facts(entry: &Entry<'_>) -> Value {
    let path = String::from_utf8_lossy(entry.path());
    match entry.kind() {
        Kind::Alias => json!({ "path": path, "alias": String::from_utf8_lossy(entry.target()) }),
        Kind::Redirect => json!({
            "path": path,
            "status": entry.status(),
            "location": String::from_utf8_lossy(entry.target()),
        }),
        Kind::Bare => json!({ "path": path, "status": entry.status() }),
        Kind::Resource => {
            let length = |encoding| entry.representation(encoding).map(|r| r.body().len());
            let identity = entry.representation(Encoding::Identity);
            let headers = identity
                .map(|r| String::from_utf8_lossy(r.header_lines()).into_owned())
                .unwrap_or_default();
            let header = |name: &str| {
                headers
                    .split("\r\n")
                    .filter_map(|line| line.split_once(": "))
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.to_owned())
            };
            json!({
                "path": path,
                "status": entry.status(),
                "type": header("content-type"),
                "etag": header("etag"),
                "last_modified": header("last-modified"),
                "bytes": length(Encoding::Identity),
                "gzip_bytes": length(Encoding::Gzip),
                "br_bytes": length(Encoding::Brotli),
            })
        }
    }
}

fn for_people(facts: &Value) -> String {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut out = String::new();
    let unpacked = facts["kernel_unpacked_bytes"].as_u64();
    let _ = writeln!(
        out,
        "{}: {} ({} of kernel{}, {} of bundle)",
        word(&facts["image"]),
        bytes(number(&facts["bytes"])),
        bytes(number(&facts["kernel_bytes"])),
        unpacked.map_or_else(String::new, |count| format!(", {} unpacked", bytes(count))),
        bytes(number(&facts["bundle_bytes"])),
    );
    if let Some(boot) = facts["boot"].as_str().filter(|boot| !boot.is_empty()) {
        let _ = writeln!(out, "boot words: {boot}");
    }
    let source = &facts["manifest"]["source"];
    if let Some(commit) = source["commit"].as_str() {
        let dirty = if source["dirty"] == true {
            ", with changes"
        } else {
            ""
        };
        let _ = writeln!(out, "source commit: {commit}{dirty}");
    }
    for feature in list(&facts["features"]) {
        let cost = feature["bytes"].as_i64().map(|cost| {
            let sign = if cost < 0 { "-" } else { "" };
            format!(" ({sign}{})", bytes(cost.unsigned_abs()))
        });
        let _ = writeln!(
            out,
            "feature {}{}: {}",
            word(&feature["name"]),
            cost.unwrap_or_default(),
            word(&feature["reason"])
        );
    }
    let unused = list(&facts["manifest"]["kernel"]["unused_features"]);
    if !unused.is_empty() {
        let _ = writeln!(
            out,
            "the kernel has {} too: a release carries none without that is smaller; `APPLGEN_KERNELS=compile` makes one",
            unused.iter().map(&word).collect::<Vec<_>>().join(", ")
        );
    }
    for deck in list(&facts["decks"]) {
        let _ = write!(
            out,
            "deck `{}` at {}",
            word(&deck["title"]),
            word(&deck["path"])
        );
        let _ = match deck["slides"].as_u64() {
            Some(slides) => writeln!(
                out,
                ": {} in {}, separators {}",
                count(usize::try_from(slides).unwrap_or(usize::MAX), "slide"),
                count(
                    usize::try_from(number(&deck["columns"])).unwrap_or(usize::MAX),
                    "column"
                ),
                word(&deck["separators"]),
            ),
            None => writeln!(out, ": finished HTML"),
        };
    }
    for host in list(&facts["hosts"]) {
        let _ = match host["host"].as_u64() {
            Some(number) => writeln!(out, "host {number}: {}", word(&host["name"])),
            None => writeln!(
                out,
                "host {} -> {} ({})",
                word(&host["name"]),
                word(&host["location"]),
                number(&host["status"])
            ),
        };
    }
    if number(&facts["pattern_rules"]) > 0 {
        let rules = usize::try_from(number(&facts["pattern_rules"])).unwrap_or(usize::MAX);
        let _ = writeln!(out, "{} with a pattern", count(rules, "rule"));
    }
    let many = list(&facts["paths"])
        .iter()
        .any(|path| number(&path["host"]) > 0);
    for zone in list(&facts["zones"]) {
        let records = usize::try_from(number(&zone["records"])).unwrap_or(usize::MAX);
        let _ = writeln!(
            out,
            "zone `{}`: serial {}, {}",
            word(&zone["name"]),
            number(&zone["serial"]),
            count(records, "record"),
        );
    }
    if list(&facts["paths"]).is_empty() {
        return out;
    }
    let length = |value: &Value| value.as_u64().map_or("-".to_owned(), |n| n.to_string());
    let _ = writeln!(out, "\n{:>11} {:>11} {:>11}  path", "bytes", "gzip", "br");
    for path in list(&facts["paths"]) {
        let mut shown = word(&path["path"]);
        if many {
            shown = format!("{}: {shown}", number(&path["host"]));
        }
        let what = if let Some(to) = path["alias"].as_str() {
            format!("{shown} = {to}")
        } else if let Some(to) = path["location"].as_str() {
            format!("{shown} -> {to} ({})", number(&path["status"]))
        } else if path["type"].is_null() {
            format!("{shown} ({})", number(&path["status"]))
        } else {
            format!("{shown}  {}", word(&path["type"]))
        };
        let _ = writeln!(
            out,
            "{:>11} {:>11} {:>11}  {what}",
            length(&path["bytes"]),
            length(&path["gzip_bytes"]),
            length(&path["br_bytes"]),
        );
    }
    out
}
