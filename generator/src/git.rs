//! Questions to git, asked of the user's own: it knows work trees, submodules
//! and its own history of formats.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
};

/// What git prints about the repository that `folder` is in; `None` when there
/// is no git, no repository, or no answer.
///
/// A stranger's repository must not start programs of its choice, no lock is
/// taken, and variables that point to another repository are unset.
pub fn ask<I: AsRef<OsStr>>(
    folder: &Path,
    arguments: impl IntoIterator<Item = I>,
) -> Option<Vec<u8>> {
    let output = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "-c", "core.quotePath=false"])
        .args(["-c", "log.showSignature=false", "--literal-pathspecs"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then_some(output.stdout)
}
