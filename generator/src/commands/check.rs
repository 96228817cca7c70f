//! `applgen check`: everything that is wrong with a site, and exit code 1 when
//! anything is.

use crate::{
    cli::Check,
    failure::Failure,
    render,
    report::{self, Diagnostic, Diagnostics, Level},
    site,
};

use super::{count, pipeline};

/// Checks a site: what would stop its build, and what leads to nothing.
pub fn check(arguments: &Check) -> Result<(), Failure> {
    let mut diagnostics = Diagnostics::new();
    let outputs = pipeline::default_outputs();
    let rendered = site::load(&arguments.site, &outputs, &mut diagnostics)
        .and_then(|site| render::render(&site, &mut diagnostics));
    report::tell_all(&diagnostics, true);
    let rendered = rendered?;
    let wrong = diagnostics.count(Level::Error) + diagnostics.count(Level::Warning);
    if wrong > 0 {
        report::tell(&Diagnostic::error(format!(
            "{} to mend in `{}`",
            count(wrong, "thing"),
            arguments.site.display()
        )));
        return Err(Failure::told());
    }
    report::say(&format!(
        "checked {}: nothing to mend",
        count(rendered.output.resources.len(), "resource")
    ));
    Ok(())
}
