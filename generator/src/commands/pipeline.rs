//! The way of the data, once: site, output and zones, bundle, kernel, image.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use applgen_bundle::{
    boot::{Ip4, Keys, Log, Words},
    write::{BundleWriter, DnsOptions, DnsSection, FinishedBundle, HttpSection},
};
use serde_json::json;

use super::sites::{self, Served};
use crate::{
    assets::{self, Cache, Finish, Totals},
    failure::Failure,
    image::{
        Feature, Features, Target, attach, descriptors,
        manifest::{self, ZonePart},
    },
    progress::Progress,
    render::{DeckSummary, Serving},
    report::{self, Diagnostic, Diagnostics, Level},
    serve::Generation,
    site::{self, Site},
    zones::{self, Zone},
};

/// The directory that images go to when nothing else is said.
pub const OUTPUT_DIRECTORY: &str = "dist";

/// What no site takes as input: the output directory, if it is ours alone. Other
/// tools have a directory of that name too, and what they put there is content.
pub fn default_outputs() -> Vec<PathBuf> {
    let directory = PathBuf::from(OUTPUT_DIRECTORY);
    match is_collection(&directory) {
        true => vec![directory],
        false => Vec::new(),
    }
}

/// Whether nothing but images and what belongs to them lies in a directory.
fn is_collection(directory: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(directory) else {
        // One that is not there yet.
        return true;
    };
    let mut files = BTreeSet::new();
    let mut images = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if attach::is_image_at(&path) {
            images.push(path);
        } else if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            files.insert(path);
        }
    }
    for image in images {
        for path in descriptors::paths(&image).chain([manifest::path_for(&image)]) {
            files.remove(&path);
        }
    }
    files.is_empty()
}

/// Everything of an image but its kernel.
#[derive(Debug)]
pub struct Bundled {
    /// The bundle.
    pub bundle: FinishedBundle,
    /// What the image needs of the appliance, and why.
    pub features: Features,
    /// Its decks.
    pub decks: Vec<DeckSummary>,
    /// Its zones.
    pub zones: Vec<ZonePart>,
    /// Resources and their lengths.
    pub totals: Totals,
    /// How many warnings there were.
    pub warnings: usize,
}

/// Loads, renders and compresses a site. What there is to say is said.
pub fn bundle(
    named: &Path,
    outputs: &[PathBuf],
    target: Target,
    progress: &Progress,
) -> Result<Bundled, Failure> {
    let mut diagnostics = Diagnostics::new();
    let loaded = load(named, outputs, None, &mut diagnostics);
    report::tell_all(&diagnostics, false);
    let Loaded {
        site,
        served,
        zones,
    } = loaded?;
    if diagnostics.has_errors() {
        return Err(Failure::told());
    }
    let warnings = diagnostics.count(Level::Warning);
    if warnings > 0 {
        let suspicions: usize = zones.iter().map(|zone| zone.suspicions).sum();
        let (check, fails_on) = match warnings.saturating_sub(suspicions) {
            0 => ("check --strict", warnings),
            some => ("check", some),
        };
        report::say(&format!(
            "built all the same; `applgen {check}` fails on the {}",
            super::count(fails_on, "warning")
        ));
    }

    let finish = Finish::Compressed {
        cache: Cache::of_user(),
        progress,
    };
    let limit_bytes = site.config.limit_bytes();
    let mut features = Features::new();
    let mut writer = BundleWriter::new();
    let words = boot_words(&site, target)?;
    if target.is_guest() {
        network_features(&words, &mut features)?;
    }
    if !words.is_empty() {
        writer.boot(&words);
    }
    let mut totals = Totals::default();
    let mut decks = Vec::new();
    if !served.is_empty() {
        let mut section = HttpSection::new();
        section.limits(site.config.http.limits);
        for (number, served) in served.into_iter().enumerate() {
            if number > 0 {
                section.begin_host().map_err(assets::too_large)?;
            }
            sites::add_names(&mut section, &served)?;
            let output = served.rendered.output;
            let of_site = assets::fill(&mut section, output, limit_bytes, &finish)?;
            totals.resources += of_site.resources;
            totals.raw_bytes += of_site.raw_bytes;
            decks.extend(served.rendered.decks);
        }
        features.need(Feature::Http, reason(&decks, totals.resources));
        features.need(Feature::Ranges, "clients may ask for parts of files");
        if let Some(reason) = log_reason(&words, target) {
            features.need(Feature::Log, reason);
        }
        if section.has_rules() {
            features.need(Feature::Rules, "the site has names or rules with patterns");
        }
        writer.http(section);
    }
    let parts = zones
        .iter()
        .map(|zone| ZonePart {
            name: zone.name(),
            serial: zone.serial,
            records: zone.records.len(),
        })
        .collect();
    if !zones.is_empty() {
        let what = format!("the site has {}", super::count(zones.len(), "zone"));
        features.need(Feature::Dns, what);
        let signed = zones.iter().filter(|zone| zone.is_signed()).count();
        if signed > 0 {
            let what = format!("the site has {}", super::count(signed, "signed zone"));
            features.need(Feature::Dnssec, what);
        }
    }
    writer.info(&info(&site, target, &decks, &zones, &features));
    if !zones.is_empty() {
        let section = dns_section(&site, zones)?;
        writer.dns(section).map_err(assets::too_large)?;
    }
    let bundle = writer.finish().map_err(assets::too_large)?;
    Ok(Bundled {
        bundle,
        features,
        decks,
        zones: parts,
        totals,
        warnings,
    })
}

/// Loads and renders a site as `serve` shows it: nothing compressed, and pages
/// that hear of changes. Zones are read, so that what is wrong with them is told.
pub fn generation(
    named: &Path,
    outputs: &[PathBuf],
    serving: &Serving,
    diagnostics: &mut Diagnostics,
) -> Result<Generation, Failure> {
    let Loaded {
        site,
        served,
        zones,
    } = load(named, outputs, Some(serving), diagnostics)?;
    if diagnostics.has_errors() {
        return Err(Failure::told());
    }
    if served.is_empty() {
        return Err(Failure::site(
            Diagnostic::error("there is nothing to serve over HTTP")
                .hint("`applgen run` answers for zones over DNS"),
        ));
    }
    if !zones.is_empty() {
        diagnostics.push(
            Diagnostic::note("the zones are read and checked, and not answered for")
                .hint("`applgen run` serves them over DNS"),
        );
    }
    let mut section = HttpSection::new();
    let mut hosts = Vec::new();
    for (number, served) in served.into_iter().enumerate() {
        if number > 0 {
            section.begin_host().map_err(assets::too_large)?;
        }
        sites::add_names(&mut section, &served)?;
        let finish = Finish::live(Cache::of_user());
        let output = served.rendered.output;
        assets::fill(&mut section, output, site.config.limit_bytes(), &finish)?;
        hosts.push(finish.into_prints());
    }
    let mut writer = BundleWriter::new();
    writer.http(section);
    let bundle = writer.finish().map_err(assets::too_large)?;
    Generation::new(bundle.to_vec(), hosts)
}

/// A site, its pages and its zones.
pub struct Loaded {
    /// The site.
    pub site: Site,
    /// What it and its hosts serve over HTTP; nothing where there are zones alone.
    pub served: Vec<Served>,
    /// What it serves over DNS.
    pub zones: Vec<Zone>,
}

/// Loads a site, renders its pages and reads its zones. All that is wrong with
/// any of them is told.
pub fn load(
    named: &Path,
    outputs: &[PathBuf],
    serving: Option<&Serving>,
    diagnostics: &mut Diagnostics,
) -> Result<Loaded, Failure> {
    let (site, served) = sites::load(named, outputs, serving, diagnostics)?;
    let zones = zones::load(&site, diagnostics)?;
    Ok(Loaded {
        site,
        served,
        zones,
    })
}

/// The section of the zones, with what `[dns]` says of the server.
fn dns_section(site: &Site, zones: Vec<Zone>) -> Result<DnsSection, Failure> {
    let dns = &site.config.dns;
    let bytes = |text: &Option<String>| text.as_ref().map(|text| text.as_bytes().to_vec());
    let mut section = DnsSection::new(DnsOptions {
        rate_limit: dns.rate_limit,
        slip: dns.slip,
        nsid: bytes(&dns.nsid),
        version: (!dns.version.is_empty()).then(|| dns.version.as_bytes().to_vec()),
        identity: bytes(&dns.identity).or_else(|| bytes(&dns.nsid)),
        own: dns.own.iter().map(|(name, _)| name.clone()).collect(),
    });
    for zone in zones {
        section
            .zone(&zone.apex, zone.records)
            .map_err(assets::too_large)?;
    }
    Ok(section)
}

fn reason(decks: &[DeckSummary], resources: usize) -> String {
    match decks.len() {
        0 => format!("the site has {}", super::count(resources, "file")),
        decks => format!("the site has {}", super::count(decks, "deck")),
    }
}

/// The words of `[network]` that this target takes; a site is configured once
/// for all of them.
fn boot_words(site: &Site, target: Target) -> Result<String, Failure> {
    let keys = target.boot_keys();
    let taken: Vec<&str> = site
        .config
        .boot_words
        .iter()
        .map(String::as_str)
        .filter(|word| Words::parse(word, keys).is_ok())
        .collect();
    let words = taken.join(" ");
    Words::parse(&words, keys)
        .map_err(|error| Failure::site(Diagnostic::error(format!("`[network]`: {error}"))))?;
    Ok(words)
}

/// What a guest's own network has to be able to do, from the words that its
/// image takes when none are given. What is not said can still be said at boot:
/// where nothing is, everything is there.
fn network_features(words: &str, features: &mut Features) -> Result<(), Failure> {
    let words = Words::parse(words, Keys::GUEST)
        .map_err(|error| Failure::site(Diagnostic::error(format!("`[network]`: {error}"))))?;
    let has_ipv6 = words.ip6.is_some() || words.gw6.is_some();
    match words.ip {
        None if !has_ipv6 => {
            let reason = "the site names no address, so that one can be given at boot";
            features.need(Feature::Dhcp, reason);
            features.need(Feature::Ipv6, reason);
        }
        Some(Ip4::Dhcp) => features.need(Feature::Dhcp, "`[network]` says `ip = \"dhcp\"`"),
        None | Some(Ip4::Static { .. }) => {}
    }
    if has_ipv6 {
        features.need(Feature::Ipv6, "`[network]` names an IPv6 address");
    }
    Ok(())
}

/// Why the image keeps an access log. What is not said can still be said at
/// boot: an image is without one where the site wants none.
fn log_reason(words: &str, target: Target) -> Option<&'static str> {
    let words = Words::parse(words, target.boot_keys()).unwrap_or_default();
    match words.log {
        None => Some("the site does not say `log`, so that it can be given at boot"),
        Some(Log::Common | Log::Json) => Some("`[network]` says `log`"),
        Some(Log::Off) => None,
    }
}

/// The facts that travel in the image, for `applgen inspect`.
fn info(
    site: &Site,
    target: Target,
    decks: &[DeckSummary],
    zones: &[Zone],
    features: &Features,
) -> String {
    let decks: Vec<_> = decks
        .iter()
        .map(|deck| {
            json!({
                "title": deck.title,
                "path": deck.path.encoded(),
                "file": deck.file,
                "columns": deck.counts.map(|(columns, _)| columns),
                "slides": deck.counts.map(|(_, slides)| slides),
                "separators": deck.separators,
            })
        })
        .collect();
    let features: Vec<_> = features
        .iter()
        .map(|(feature, reason)| json!({ "name": feature.name(), "reason": reason }))
        .collect();
    let mut facts = json!({
        "title": site.config.title,
        "target": target.suffix(),
        "decks": decks,
        "features": features,
    });
    if !zones.is_empty() {
        let files: Vec<_> = zones
            .iter()
            .map(|zone| json!({ "name": zone.name(), "file": zone.file }))
            .collect();
        facts["zones"] = json!(files);
    }
    facts.to_string()
}

/// Where an image goes: `-o FILE`, or `dist/NAME.TARGET`.
pub fn image_path(output: Option<&Path>, named: &Path, target: Target) -> PathBuf {
    match output {
        Some(path) => path.to_path_buf(),
        None => Path::new(OUTPUT_DIRECTORY).join(format!(
            "{}.{}",
            site::name_of(named),
            target.suffix()
        )),
    }
}

/// The paths that a build to `image` writes, which are never its input.
pub fn outputs(image: &Path) -> Vec<PathBuf> {
    let mut outputs = default_outputs();
    outputs.push(image.to_path_buf());
    outputs.push(manifest::path_for(image));
    outputs.extend(descriptors::paths(image));
    // A folder that images are collected in holds those of other targets too.
    // One of the site's own content folders stays input all the same.
    if let Some(parent) = image.parent().filter(|p| !p.as_os_str().is_empty()) {
        let content = ["slides", "static", "content", "zones"];
        if is_collection(parent)
            && !parent
                .iter()
                .any(|part| content.iter().any(|name| part == *name))
        {
            outputs.push(parent.to_path_buf());
        }
    }
    outputs
}
