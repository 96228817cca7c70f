//! Which commit a site was built from.
//!
//! Asked of git itself, which knows work trees, submodules and its own history
//! of formats. A site outside git has no commit, and neither has one on a
//! machine without git: nothing is guessed.

use serde::{Deserialize, Serialize};
use std::{ffi::OsStr, path::Path, process::Command};

/// The state of a site in its repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The commit that is checked out, as 40 or 64 hexadecimal digits.
    pub commit: String,
    /// Whether the site differs from it: changed, added or removed files.
    pub dirty: bool,
}

/// The revision of a site, a directory or a single file.
pub fn of(site: &Path) -> Option<Revision> {
    let (folder, name) = if site.is_dir() {
        (site, OsStr::new("."))
    } else {
        let folder = site.parent().filter(|p| !p.as_os_str().is_empty());
        (folder.unwrap_or(Path::new(".")), site.file_name()?)
    };
    let commit = git(folder, &["rev-parse", "--verify", "HEAD"].map(OsStr::new))?;
    let commit = commit.trim_end();
    let is_hash = matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hash {
        return None;
    }
    let status = ["status", "--porcelain", "--untracked-files=normal", "--"].map(OsStr::new);
    let status = git(folder, &[&status[..], &[name]].concat())?;
    Some(Revision {
        commit: commit.to_owned(),
        dirty: !status.is_empty(),
    })
}

/// What git answers. Nothing that a repository's own settings name is started,
/// no lock is taken, and variables that point to another repository are unset.
fn git(folder: &Path, arguments: &[&OsStr]) -> Option<String> {
    let output = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "--literal-pathspecs"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C")
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn run(folder: &Path, arguments: &[&str]) {
        let done = Command::new("git")
            .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
            .args(arguments)
            .current_dir(folder)
            .output()
            .expect("git runs");
        assert!(done.status.success(), "git {arguments:?}");
    }

    #[test]
    fn the_sites_own_files_decide_whether_it_is_dirty() {
        let folder = tempfile::tempdir().expect("a folder");
        let site = folder.path().join("site");
        fs::create_dir(&site).expect("creates");
        assert_eq!(of(&site), None);
        run(folder.path(), &["init", "-q"]);
        assert_eq!(of(&site), None);
        fs::write(site.join("talk.md"), "# One").expect("writes");
        run(folder.path(), &["add", "."]);
        run(folder.path(), &["commit", "-qm", "one"]);

        let clean = of(&site).expect("a revision");
        assert_eq!(clean.commit.len(), 40);
        assert!(!clean.dirty);
        fs::write(folder.path().join("elsewhere"), "").expect("writes");
        assert_eq!(of(&site), Some(clean.clone()));
        assert_eq!(of(&site.join("talk.md")), Some(clean.clone()));

        fs::write(site.join("new.png"), "").expect("writes");
        assert!(of(&site).expect("a revision").dirty);
        assert_eq!(of(&site.join("talk.md")), Some(clean));
        fs::write(site.join("talk.md"), "# Two").expect("writes");
        assert!(of(&site.join("talk.md")).expect("a revision").dirty);
    }
}
