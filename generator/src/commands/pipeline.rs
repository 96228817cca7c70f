//! The way of the data, once: site, output, bundle, kernel, image.

use std::path::{Path, PathBuf};

use applgen_bundle::{
    boot::{Ip4, Keys, Words},
    write::{BundleWriter, FinishedBundle},
};
use serde_json::json;

use crate::{
    assets::{self, Cache, Totals},
    failure::Failure,
    image::{Feature, Features, Target, descriptors, environment::Environment, manifest},
    progress::Progress,
    render::{self, DeckSummary},
    report::{self, Diagnostic, Diagnostics, Level},
    site::{self, Site},
};

/// The directory that images go to when nothing else is said; never site input.
pub const OUTPUT_DIRECTORY: &str = "dist";

/// What no site takes as input.
pub fn default_outputs() -> Vec<PathBuf> {
    vec![PathBuf::from(OUTPUT_DIRECTORY)]
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
    /// Resources and their lengths.
    pub totals: Totals,
}

/// Loads, renders and compresses a site. What there is to say is said.
pub fn bundle(
    named: &Path,
    outputs: &[PathBuf],
    target: Target,
    progress: &Progress,
) -> Result<Bundled, Failure> {
    let mut diagnostics = Diagnostics::new();
    let loaded = site::load(named, outputs, &mut diagnostics).and_then(|site| {
        let rendered = render::render(&site, &mut diagnostics)?;
        Ok((site, rendered))
    });
    report::tell_all(&diagnostics, false);
    let (site, rendered) = loaded?;
    if diagnostics.has_errors() {
        return Err(Failure::told());
    }
    let warnings = diagnostics.count(Level::Warning);
    if warnings > 0 {
        report::say(&format!(
            "built all the same; `applgen check` fails on the {}",
            super::count(warnings, "warning")
        ));
    }

    let cache = match Environment::current().cache_dir() {
        Some(directory) => Cache::below(&directory),
        None => Cache::none(),
    };
    let limit_bytes = site.config.limit_bytes();
    let (section, totals) = assets::http_section(rendered.output, limit_bytes, &cache, progress)?;
    let mut features = Features::new();
    features.need(Feature::Http, reason(&rendered.decks, totals.resources));
    let mut writer = BundleWriter::new();
    let words = boot_words(&site, target)?;
    if target.is_guest() {
        network_features(&words, &mut features)?;
    }
    if !words.is_empty() {
        writer.boot(&words);
    }
    writer.info(&info(&site, &rendered.decks, &features));
    writer.http(section);
    let bundle = writer.finish().map_err(assets::too_large)?;
    Ok(Bundled {
        bundle,
        features,
        decks: rendered.decks,
        totals,
    })
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

/// The facts that travel in the image, for `applgen inspect`.
fn info(site: &Site, decks: &[DeckSummary], features: &Features) -> String {
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
    json!({ "title": site.config.title, "decks": decks, "features": features }).to_string()
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
        if !parent
            .iter()
            .any(|part| content.iter().any(|name| part == *name))
        {
            outputs.push(parent.to_path_buf());
        }
    }
    outputs
}
