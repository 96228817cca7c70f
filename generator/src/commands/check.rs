//! `applgen check`: everything that is wrong with a site, and exit code 1 when
//! anything is. What is legal in a DNS zone but suspicious counts as wrong with
//! `--strict` alone.

use crate::{
    cli::Check,
    failure::Failure,
    report::{self, Diagnostic, Diagnostics, Level},
    site,
};

use super::{count, pipeline};

/// Checks a site: what would stop its build, and what leads to nothing.
pub fn check(arguments: &Check) -> Result<(), Failure> {
    if arguments.drafts {
        site::config::want_drafts();
    }
    let mut diagnostics = Diagnostics::new();
    let outputs = pipeline::default_outputs();
    let loaded = pipeline::load(&arguments.site, &outputs, None, &mut diagnostics);
    report::tell_all(&diagnostics, true);
    let loaded = loaded?;
    let mut wrong = diagnostics.count(Level::Error) + diagnostics.count(Level::Warning);
    let suspicions: usize = loaded.zones.iter().map(|zone| zone.suspicions).sum();
    if !arguments.strict {
        wrong = wrong.saturating_sub(suspicions);
    }
    if wrong > 0 {
        report::tell(&Diagnostic::error(format!(
            "{} to mend in `{}`",
            count(wrong, "thing"),
            arguments.site.display()
        )));
        return Err(Failure::told());
    }
    let mut checked = Vec::new();
    let resources = loaded
        .served
        .iter()
        .map(|site| site.rendered.output.resources.len())
        .sum();
    if resources > 0 {
        checked.push(count(resources, "resource"));
    }
    for zone in &loaded.zones {
        checked.push(format!(
            "zone `{}` (serial {}, {})",
            zone.name(),
            zone.serial,
            count(zone.records.len(), "record")
        ));
    }
    report::say(&format!(
        "checked {}: {}",
        checked.join(", "),
        match suspicions {
            0 => "nothing to mend".to_owned(),
            some => format!("nothing that must be mended, {}", count(some, "warning")),
        }
    ));
    Ok(())
}
