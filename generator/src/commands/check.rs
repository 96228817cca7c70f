//! `applgen check`: everything that is wrong with a site, and exit code 1 when
//! anything is.

use crate::{
    cli::Check,
    failure::Failure,
    report::{self, Diagnostic, Diagnostics, Level},
};

use super::{count, pipeline, sites};

/// Checks a site: what would stop its build, and what leads to nothing.
pub fn check(arguments: &Check) -> Result<(), Failure> {
    let mut diagnostics = Diagnostics::new();
    let outputs = pipeline::default_outputs();
    let loaded = sites::load(&arguments.site, &outputs, &mut diagnostics);
    report::tell_all(&diagnostics, true);
    let (_, served) = loaded?;
    let wrong = diagnostics.count(Level::Error) + diagnostics.count(Level::Warning);
    if wrong > 0 {
        report::tell(&Diagnostic::error(format!(
            "{} to mend in `{}`",
            count(wrong, "thing"),
            arguments.site.display()
        )));
        return Err(Failure::told());
    }
    let resources = served
        .iter()
        .map(|site| site.rendered.output.resources.len());
    report::say(&format!(
        "checked {}: nothing to mend",
        count(resources.sum(), "resource")
    ));
    Ok(())
}
