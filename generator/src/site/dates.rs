//! When each file was touched last: the commit that did, never a file time.
//!
//! File times differ from checkout to checkout, and would leak into the image.
//! Outside git, in a shallow clone, and for files with uncommitted changes the
//! date is absent.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use crate::{
    git,
    report::{Diagnostic, Diagnostics},
};

/// The dates of a site's files, in seconds since 1970-01-01 UTC.
#[derive(Debug, Default)]
pub struct Dates {
    by_path: HashMap<PathBuf, u64>,
    build: Option<i64>,
}

impl Dates {
    /// Asks git about everything below `root`.
    pub fn of(root: &Path, diagnostics: &mut Diagnostics) -> Self {
        Self::ask(root, diagnostics).unwrap_or_default()
    }

    /// No file has a date, but the build has one.
    pub fn of_build(build: Option<i64>) -> Self {
        Self {
            by_path: HashMap::new(),
            build,
        }
    }

    /// The date of the last commit that touched the file at this path below the root.
    pub fn of_file(&self, relative: &Path) -> Option<u64> {
        self.by_path.get(relative).copied()
    }

    /// The date of the build: `SOURCE_DATE_EPOCH`, else the latest commit's.
    pub fn build(&self) -> Option<i64> {
        let epoch = std::env::var("SOURCE_DATE_EPOCH").ok();
        epoch
            .and_then(|text| text.trim().parse().ok())
            .or(self.build)
            .or_else(|| i64::try_from(*self.by_path.values().max()?).ok())
    }

    fn ask(root: &Path, diagnostics: &mut Diagnostics) -> Option<Self> {
        let shallow = git::ask(root, ["rev-parse", "--is-shallow-repository"])?;
        if shallow.starts_with(b"true") {
            diagnostics.push(
                Diagnostic::note("the site is in a shallow clone, so its pages carry no dates")
                    .hint("fetch the whole history: `git fetch --unshallow`"),
            );
            return None;
        }
        let changed = git::ask(
            root,
            [
                "status",
                "--porcelain",
                "--no-renames",
                "-z",
                "--untracked-files=no",
                "--",
                ".",
            ],
        )?;
        let prefix = git::ask(root, ["rev-parse", "--show-prefix"])?;
        let prefix = prefix.strip_suffix(b"\n").unwrap_or(&prefix);
        // Porcelain paths are relative to the top of the repository.
        let changed: HashSet<&[u8]> = changed
            .split(|&b| b == 0)
            .filter_map(|entry| entry.get(3..)?.strip_prefix(prefix))
            .collect();
        let log = git::ask(
            root,
            [
                "log",
                "--format=%x01%ct",
                "--name-only",
                "--no-renames",
                "--relative",
                "-z",
                "--",
                ".",
            ],
        )?;
        let mut by_path = HashMap::new();
        let mut date = None;
        for field in log.split(|&b| b == 0) {
            let field = field.strip_prefix(b"\n").unwrap_or(field);
            if let Some(stamp) = field.strip_prefix(b"\x01") {
                date = std::str::from_utf8(stamp)
                    .ok()
                    .and_then(|s| s.trim().parse().ok());
            } else if let (Some(date), false) = (date, field.is_empty() || changed.contains(field))
            {
                // Newest first, so the first commit that names a path is its last.
                by_path
                    .entry(PathBuf::from(OsStr::from_bytes(field)))
                    .or_insert(date);
            }
        }
        Some(Self {
            by_path,
            build: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn run(dir: &Path, date: &str, arguments: &[&str]) {
        let status = Command::new("git")
            .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
            .args(arguments)
            .current_dir(dir)
            .env("GIT_COMMITTER_DATE", date)
            .env("GIT_AUTHOR_DATE", date)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success());
    }

    #[test]
    fn the_last_commit_counts_and_a_change_has_no_date() {
        let dir = tempfile::tempdir().unwrap();
        let site = dir.path().join("site with spaces");
        std::fs::create_dir(&site).unwrap();
        run(dir.path(), "1000000000 +0000", &["init", "-q"]);
        for name in ["old.txt", "neu é.txt", "dirty.txt"] {
            std::fs::write(site.join(name), "1").unwrap();
        }
        run(dir.path(), "1000000000 +0000", &["add", "."]);
        run(dir.path(), "1000000000 +0000", &["commit", "-qm", "one"]);
        std::fs::write(site.join("neu é.txt"), "2").unwrap();
        run(dir.path(), "1100000000 +0100", &["commit", "-qam", "two"]);
        std::fs::write(site.join("dirty.txt"), "2").unwrap();
        std::fs::write(site.join("untracked.txt"), "2").unwrap();

        let dates = Dates::of(&site, &mut Diagnostics::new());
        assert_eq!(dates.of_file(Path::new("old.txt")), Some(1_000_000_000));
        assert_eq!(dates.of_file(Path::new("neu é.txt")), Some(1_100_000_000));
        assert_eq!(dates.of_file(Path::new("dirty.txt")), None);
        assert_eq!(dates.of_file(Path::new("untracked.txt")), None);
    }

    #[test]
    fn outside_git_there_are_no_dates() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a"), "").unwrap();
        let dates = Dates::of(dir.path(), &mut Diagnostics::new());
        assert_eq!(dates.of_file(Path::new("a")), None);
    }
}
