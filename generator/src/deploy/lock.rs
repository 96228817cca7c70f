//! The lock that a deployment repository is worked on under.

use std::{
    fs::{self, File},
    path::Path,
};

use crate::{
    failure::Failure,
    report::{self, Diagnostic},
};

fn refuse(message: String, hint: &str) -> Failure {
    Failure::environment(Diagnostic::error(message).hint(hint))
}

/// One command at a time in one repository; the lock ends with the process.
pub fn lock(path: &Path) -> Result<File, Failure> {
    let cannot = |error: std::io::Error| {
        refuse(
            format!("`{}` cannot be locked: {error}", path.display()),
            "check its permissions",
        )
    };
    let file = File::create(path).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            report::say("waiting for another deploy to this repository");
            file.lock().map_err(cannot)?;
        }
        Err(fs::TryLockError::Error(error)) => return Err(cannot(error)),
    }
    Ok(file)
}
