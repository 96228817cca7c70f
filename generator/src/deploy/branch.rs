//! The branch that is deployed to: what it may be called, and what it is called
//! where nobody says it.

use std::path::Path;

use crate::{failure::Failure, report::Diagnostic};

use super::git::Git;

/// Refuses what git would not take for a branch, before anything is built.
pub fn refuse_branch(name: &str) -> Result<(), Failure> {
    // In no repository, a shorthand as `@{-1}` means nothing.
    let git = Git::at(".");
    let reference = format!("refs/heads/{name}");
    if !name.starts_with('-') && git.holds(["check-ref-format", &reference]) {
        return Ok(());
    }
    Err(Failure::environment(
        Diagnostic::error(format!(
            "`{}` cannot be the name of a branch",
            name.escape_debug()
        ))
        .hint("`git help check-ref-format` says which names can: no spaces, no `..`, no `~^:?*[\\`, and not beginning with `-`"),
    ))
}

/// The branch that a repository elsewhere calls its own; of an empty one, what
/// new repositories here are given.
pub fn default_branch(git: &Git, address: &str, shown: &str) -> Result<String, Failure> {
    let listed = git
        .text(["ls-remote", "--symref", address, "HEAD"])
        .map_err(|error| error.failure(&format!("`{shown}` cannot be reached")))?;
    let named = listed.lines().find_map(|line| {
        line.strip_prefix("ref: refs/heads/")?
            .strip_suffix("\tHEAD")
    });
    if let Some(branch) = named {
        return Ok(branch.to_owned());
    }
    let local = Git::at(address).ask(["symbolic-ref", "--short", "HEAD"]);
    Ok(local
        .filter(|_| Path::new(address).is_dir())
        .or_else(|| git.ask(["config", "--get", "init.defaultBranch"]))
        .unwrap_or_else(|| "main".to_owned()))
}
