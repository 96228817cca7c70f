//! `applgen doctor`: what is installed, what is missing, and how to get it.

use std::fmt::Write;

use crate::{
    failure::Failure,
    image::doctor::{self as checks, State},
    report::Diagnostic,
};

/// Prints what the machine has; fails when what a build needs is missing.
pub fn doctor() -> Result<(), Failure> {
    let mut text = String::new();
    let mut missing = 0;
    for check in checks::doctor() {
        let (sign, found) = match &check.state {
            State::Good(found) => ("ok     ", found.as_str()),
            State::Differs(how) => ("differs", how.as_str()),
            State::Absent => ("absent ", "not needed unless wanted"),
            State::Missing => ("MISSING", "needed"),
        };
        missing += usize::from(check.is_bad());
        let _ = writeln!(text, "{sign} {:<20} {found}", check.name);
        let _ = writeln!(text, "        {:<20} {}", "", check.purpose);
        if let Some(hint) = &check.hint {
            let _ = writeln!(text, "        {:<20} hint: {hint}", "");
        }
    }
    super::print(text.as_bytes())?;
    if missing > 0 {
        return Err(Failure::environment(Diagnostic::error(format!(
            "{} that a build needs {} missing",
            super::count(missing, "thing"),
            if missing == 1 { "is" } else { "are" }
        ))));
    }
    Ok(())
}
