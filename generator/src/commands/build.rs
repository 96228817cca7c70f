//! `applgen build`: a site becomes an image and a manifest.

use std::{path::Path, time::Instant};

use crate::{
    cli::Build,
    failure::{Failure, Fault},
    image::{self, Manifest, Order, Target, revision},
    progress::Progress,
    report, site,
};

use super::{
    bytes, count,
    pipeline::{self, Bundled},
};

/// Builds an image; its path goes to standard output.
pub fn build(arguments: &Build) -> Result<(), Failure> {
    if arguments.drafts {
        site::config::want_drafts();
    }
    let started = Instant::now();
    let target = arguments.target.named().unwrap_or_default();
    let path = pipeline::image_path(arguments.output.as_deref(), &arguments.site, target);
    let outputs = pipeline::outputs(&path);
    let progress = Progress::on_terminal();
    let bundled = pipeline::bundle(&arguments.site, &outputs, target, &progress)?;
    let manifest = write(&bundled, &arguments.site, target, &path, &progress)?;
    tell_content(&bundled);
    let mut content = Vec::new();
    if bundled.totals.resources > 0 || bundled.zones.is_empty() {
        content.push(format!(
            "{} in {}",
            bytes(bundled.totals.raw_bytes),
            count(bundled.totals.resources, "resource")
        ));
    }
    if !bundled.zones.is_empty() {
        let records = bundled.zones.iter().map(|zone| zone.records).sum();
        content.push(format!(
            "{} in {}",
            count(records, "record"),
            count(bundled.zones.len(), "zone")
        ));
    }
    report::say(&format!(
        "{}: {} ({} of kernel, {} of bundle for {}), {} ms",
        path.display(),
        bytes(manifest.bytes),
        bytes(manifest.kernel.bytes),
        bytes(manifest.bundle.bytes),
        content.join(" and "),
        started.elapsed().as_millis(),
    ));
    super::print(format!("{}\n", path.display()).as_bytes())
}

/// Puts a bundle onto a kernel, and both onto the disk.
pub fn write(
    bundled: &Bundled,
    named: &Path,
    target: Target,
    path: &Path,
    progress: &Progress,
) -> Result<Manifest, Failure> {
    let order = Order {
        target,
        features: &bundled.features,
        bundle: &bundled.bundle,
        zones: &bundled.zones,
        source: revision::of(named, &pipeline::outputs(path)),
        path,
    };
    let steps = progress.spinner("image");
    let built = image::build(&order, &steps);
    steps.finish();
    built.map_err(|error| Failure {
        fault: if error.is_of_the_site() {
            Fault::Site
        } else {
            Fault::Environment
        },
        diagnostic: Some(Box::new(error.diagnostic())),
    })
}

/// Says what became of the decks and zones.
pub fn tell_content(bundled: &Bundled) {
    for deck in &bundled.decks {
        report::say(&match (deck.counts, &deck.separators) {
            (Some((columns, slides)), Some(separators)) => format!(
                "deck `{}` at {}: {} in {}, separators {separators}",
                deck.title,
                deck.path,
                count(slides, "slide"),
                count(columns, "column"),
            ),
            _ => format!("deck `{}` at {}: finished HTML", deck.title, deck.path),
        });
    }
    for zone in &bundled.zones {
        report::say(&format!(
            "zone `{}`: serial {}, {}",
            zone.name,
            zone.serial,
            count(zone.records, "record"),
        ));
    }
}
