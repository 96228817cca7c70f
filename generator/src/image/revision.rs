//! Which commit a site was built from.
//!
//! Asked of git itself, which knows work trees, submodules and its own history
//! of formats. A site outside git has no commit, and neither has one on a
//! machine without git: nothing is guessed.

use crate::git;
use serde::{Deserialize, Serialize};
use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// The state of a site in its repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The commit that is checked out, as 40 or 64 hexadecimal digits.
    pub commit: String,
    /// Whether the site differs from it: changed, added or removed files.
    pub dirty: bool,
}

/// The revision of a site, a directory or a single file. What applgen itself
/// wrote to `outputs` does not make it dirty.
pub fn of(site: &Path, outputs: &[PathBuf]) -> Option<Revision> {
    let (folder, name) = if site.is_dir() {
        (site, OsStr::new("."))
    } else {
        let folder = site.parent().filter(|p| !p.as_os_str().is_empty());
        (folder.unwrap_or(Path::new(".")), site.file_name()?)
    };
    let commit = git::ask(folder, ["rev-parse", "--verify", "HEAD"])?;
    let commit = String::from_utf8(commit).ok()?;
    let commit = commit.trim_end();
    let is_hash = matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_hash {
        return None;
    }
    let status = [
        "status",
        "--porcelain",
        "--no-renames",
        "-z",
        "--untracked-files=normal",
        "--",
    ];
    let status = git::ask(folder, status.map(OsStr::new).iter().chain([&name]))?;
    let top = git::ask(folder, ["rev-parse", "--show-toplevel"])?;
    let top = Path::new(OsStr::from_bytes(top.strip_suffix(b"\n").unwrap_or(&top)));
    let outputs: Vec<PathBuf> = outputs
        .iter()
        .filter_map(|path| fs::canonicalize(path).ok())
        .collect();
    // Each entry is two letters, a space and a path below the top.
    let dirty = status
        .split(|&b| b == 0)
        .filter_map(|entry| entry.get(3..))
        .map(|path| top.join(OsStr::from_bytes(path)))
        .any(|path| !outputs.iter().any(|output| path.starts_with(output)));
    Some(Revision {
        commit: commit.to_owned(),
        dirty,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

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
        assert_eq!(of(&site, &[]), None);
        run(folder.path(), &["init", "-q"]);
        assert_eq!(of(&site, &[]), None);
        fs::write(site.join("talk.md"), "# One").expect("writes");
        run(folder.path(), &["add", "."]);
        run(folder.path(), &["commit", "-qm", "one"]);

        let clean = of(&site, &[]).expect("a revision");
        assert_eq!(clean.commit.len(), 40);
        assert!(!clean.dirty);
        fs::write(folder.path().join("elsewhere"), "").expect("writes");
        assert_eq!(of(&site, &[]), Some(clean.clone()));
        assert_eq!(of(&site.join("talk.md"), &[]), Some(clean.clone()));

        fs::create_dir(site.join("dist")).expect("creates");
        fs::write(site.join("dist/site.unix"), "").expect("writes");
        assert!(of(&site, &[]).expect("a revision").dirty);
        assert_eq!(of(&site, &[site.join("dist")]), Some(clean.clone()));

        fs::write(site.join("new.png"), "").expect("writes");
        assert!(of(&site, &[site.join("dist")]).expect("a revision").dirty);
        assert_eq!(of(&site.join("talk.md"), &[]), Some(clean));
        fs::write(site.join("talk.md"), "# Two").expect("writes");
        assert!(of(&site.join("talk.md"), &[]).expect("a revision").dirty);
    }
}
