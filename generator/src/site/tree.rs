//! The walk through a site directory: every file that may be served, nothing
//! that may not, and nothing from outside.
//!
//! CI builds strangers' pull requests, so a symbolic link that leads out of the
//! site is an error and not a file, cycles are found, and the walk is bounded.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use super::never::{self, Never};
use crate::{
    failure::Failure,
    image::{descriptors, manifest},
    report::{Diagnostic, Diagnostics, Place},
};

/// More entries than this are refused: a walk ends, whatever links lead where.
pub const MAX_FILES: usize = 1_000_000;

/// One file of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path below the site directory.
    pub relative: PathBuf,
    /// Its path for opening: below the site's canonical path, links followed.
    pub absolute: PathBuf,
    /// Its length when it was found.
    pub bytes: u64,
    /// Its path as people know it: the site as it was named, and the rest.
    pub shown: String,
}

impl SourceFile {
    /// The file's whole content; over `limit_bytes` is an error, and so is a
    /// file that cannot be read.
    pub fn read(&self, limit_bytes: u64) -> Result<Vec<u8>, Failure> {
        use io::Read;
        let mut content =
            Vec::with_capacity(usize::try_from(self.bytes.min(limit_bytes)).unwrap_or(0));
        fs::File::open(&self.absolute)
            .and_then(|file| file.take(limit_bytes + 1).read_to_end(&mut content))
            .map_err(|error| unreadable(&self.shown, &error))?;
        if content.len() as u64 > limit_bytes {
            return Err(Failure::site(
                Diagnostic::error(format!(
                    "`{}` grew past the limit while it was read",
                    self.shown
                ))
                .hint("let nothing write to the site while it is built"),
            ));
        }
        Ok(content)
    }

    /// A place for diagnostics that mean the file as a whole.
    pub fn place(&self) -> Place {
        Place::file(self.shown.as_str())
    }
}

/// What a walk needs to know.
#[derive(Debug)]
pub struct Walk<'a> {
    /// The site directory, canonical.
    pub root: &'a Path,
    /// The site directory as the user named it, for messages.
    pub named: &'a Path,
    /// Paths that are output and so no input, canonical where they exist.
    pub outputs: &'a [PathBuf],
    /// The sum of all lengths may not pass this.
    pub limit_bytes: u64,
}

impl Walk<'_> {
    /// Every file that may be served, in the order of their paths' bytes.
    pub fn files(&self, diagnostics: &mut Diagnostics) -> Result<Vec<SourceFile>, Failure> {
        let mut found = BTreeMap::new();
        let mut images = Vec::new();
        let mut total_bytes = 0_u64;
        // Directories still to read: relative path, canonical path, and the
        // canonical paths on the way there, in which a cycle would show.
        let mut open = vec![(
            PathBuf::new(),
            self.root.to_path_buf(),
            Vec::<PathBuf>::new(),
        )];
        let mut entries_seen = 0_usize;
        while let Some((relative, absolute, above)) = open.pop() {
            let shown = self.shown(&relative);
            let entries = fs::read_dir(&absolute).map_err(|error| unreadable(&shown, &error))?;
            for entry in entries {
                let entry = entry.map_err(|error| unreadable(&shown, &error))?;
                entries_seen += 1;
                if entries_seen > MAX_FILES {
                    return Err(Failure::site(
                        Diagnostic::error(format!(
                            "the site has more than {MAX_FILES} files and directories"
                        ))
                        .hint("does a symbolic link repeat a large directory?"),
                    ));
                }
                let name = entry.file_name();
                let relative = relative.join(&name);
                if let Some(why) = never::by_name(&name) {
                    self.tell_left_out(why, &relative, diagnostics);
                    continue;
                }
                let Some((absolute, metadata)) = self.resolve(&entry.path(), &relative)? else {
                    continue;
                };
                if self.outputs.contains(&absolute) {
                    continue;
                }
                if metadata.is_dir() {
                    if absolute == self.root || above.contains(&absolute) {
                        return Err(Failure::site(
                            Diagnostic::error(format!(
                                "the symbolic link `{}` leads back to a directory that it is in",
                                self.shown(&relative)
                            ))
                            .hint("remove the link"),
                        ));
                    }
                    let mut above = above.clone();
                    above.push(absolute.clone());
                    open.push((relative, absolute, above));
                } else if metadata.is_file() {
                    let file = fs::File::open(&absolute)
                        .map_err(|error| unreadable(&self.shown(&relative), &error))?;
                    if let Some(why) = never::by_content(&absolute, file, metadata.len()) {
                        self.tell_left_out(why, &relative, diagnostics);
                        if why == Never::Image {
                            images.push(relative);
                        }
                        continue;
                    }
                    total_bytes = total_bytes.saturating_add(metadata.len());
                    if total_bytes > self.limit_bytes {
                        return Err(self.too_large(&relative, metadata.len()));
                    }
                    found.insert(
                        relative.as_os_str().as_bytes().to_vec(),
                        SourceFile {
                            shown: self.shown(&relative),
                            relative,
                            absolute,
                            bytes: metadata.len(),
                        },
                    );
                } else {
                    diagnostics.push(
                        Diagnostic::warning(format!(
                            "`{}` is neither a file nor a directory, and is left out",
                            self.shown(&relative)
                        ))
                        .at(Place::file(self.shown(&relative))),
                    );
                }
            }
        }
        // What was written with an image is as little a part of the site.
        for image in images {
            for path in descriptors::paths(&image).chain([manifest::path_for(&image)]) {
                found.remove(path.as_os_str().as_bytes());
            }
        }
        Ok(found.into_values().collect())
    }

    /// A relative path as people know it.
    pub fn shown(&self, relative: &Path) -> String {
        let path = if self.named == Path::new(".") {
            relative.to_path_buf()
        } else {
            self.named.join(relative)
        };
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &path
        };
        path.to_string_lossy().into_owned()
    }

    /// Follows a link, and refuses one that leads out or to what is never served.
    fn resolve(
        &self,
        path: &Path,
        relative: &Path,
    ) -> Result<Option<(PathBuf, fs::Metadata)>, Failure> {
        let shown = self.shown(relative);
        let metadata = fs::symlink_metadata(path).map_err(|error| unreadable(&shown, &error))?;
        if !metadata.is_symlink() {
            return Ok(Some((path.to_path_buf(), metadata)));
        }
        let target = fs::canonicalize(path).map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::NotFound => "leads to nothing".to_owned(),
                _ => format!("cannot be followed: {error}"),
            };
            Failure::site(
                Diagnostic::error(format!("the symbolic link `{shown}` {why}"))
                    .hint("remove it, or put there what it should lead to"),
            )
        })?;
        let Ok(inside) = target.strip_prefix(self.root) else {
            return Err(Failure::site(
                Diagnostic::error(format!(
                    "the symbolic link `{shown}` leads out of the site, and nothing outside it is read"
                ))
                .hint("copy what it leads to into the site"),
            ));
        };
        if inside
            .components()
            .any(|part| never::by_name(part.as_os_str()).is_some())
        {
            return Err(Failure::site(
                Diagnostic::error(format!(
                    "the symbolic link `{shown}` leads to `{}`, which is never served",
                    inside.display()
                ))
                .hint("remove the link"),
            ));
        }
        let metadata = fs::metadata(&target).map_err(|error| unreadable(&shown, &error))?;
        Ok(Some((target, metadata)))
    }

    fn tell_left_out(&self, why: Never, relative: &Path, diagnostics: &mut Diagnostics) {
        let shown = self.shown(relative);
        match why {
            Never::Hidden => {}
            Never::Ours => {
                let folder = relative.parent().unwrap_or(Path::new(""));
                let is_read = folder == Path::new("") || folder == Path::new("static");
                if !is_read && !relative.ends_with("applgen.toml") {
                    diagnostics.push(
                        Diagnostic::warning(format!("`{shown}` has no effect there"))
                            .hint("rules are read from the top of the site, and from `static/`"),
                    );
                }
            }
            Never::Key => diagnostics.push(
                Diagnostic::warning(format!(
                    "`{shown}` looks like a private key, and is left out"
                ))
                .hint("keep keys out of the site directory"),
            ),
            // Where they go when nothing else is said, they are no surprise.
            Never::Image if relative.parent().is_some_and(|p| p.ends_with("dist")) => {}
            Never::Image => diagnostics.push(
                Diagnostic::note(format!(
                    "`{shown}` is an image that applgen built, and is left out"
                ))
                .hint("build into a directory beside the site, or offer images for download from elsewhere"),
            ),
        }
    }

    fn too_large(&self, relative: &Path, bytes: u64) -> Failure {
        Failure::site(
            Diagnostic::error(format!(
                "the site is larger than {} bytes, the limit of an image: `{}` ({bytes} bytes) passes it",
                self.limit_bytes,
                self.shown(relative),
            ))
            .hint("serve large files from elsewhere, or raise `[image] max-bytes` where it is set lower than an image can hold"),
        )
    }
}

fn unreadable(shown: &str, error: &io::Error) -> Failure {
    Failure::site(
        Diagnostic::error(format!("`{shown}` cannot be read: {error}"))
            .hint("every file of a site must be readable by who builds it"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A temporary directory, kept while the second field is used.
    struct Dir(#[expect(dead_code)] tempfile::TempDir, PathBuf);

    impl Dir {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let root = dir.path().canonicalize().unwrap();
            Self(dir, root)
        }

        fn file(&self, path: &str, content: &str) -> &Self {
            let path = self.1.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
            self
        }

        fn walk(&self, limit_bytes: u64) -> (Result<Vec<String>, String>, Vec<String>) {
            let mut diagnostics = Diagnostics::new();
            let walk = Walk {
                root: &self.1,
                named: Path::new("site"),
                outputs: &[self.1.join("dist")],
                limit_bytes,
            };
            let files = walk
                .files(&mut diagnostics)
                .map(|files| {
                    files
                        .iter()
                        .map(|f| f.relative.display().to_string())
                        .collect()
                })
                .map_err(|failure| failure.diagnostic.unwrap().message);
            let told = diagnostics.iter().map(|d| d.message.clone()).collect();
            (files, told)
        }
    }

    #[test]
    fn hidden_entries_output_and_keys_stay_out() {
        let dir = Dir::new();
        dir.file("b.txt", "b")
            .file("a/c.txt", "c")
            .file(".git/config", "x")
            .file(".well-known/security.txt", "x")
            .file("dist/site.unix", "x")
            .file("applgen.toml", "")
            .file("id_rsa", "x");
        let (files, told) = dir.walk(1000);
        assert_eq!(
            files.unwrap(),
            [".well-known/security.txt", "a/c.txt", "b.txt"]
        );
        assert_eq!(
            told,
            ["`site/id_rsa` looks like a private key, and is left out"]
        );
    }

    #[test]
    fn links_lead_nowhere_but_inside() {
        let outside = tempfile::tempdir().unwrap();
        for (target, says) in [
            (outside.path().to_path_buf(), "leads out of the site"),
            (PathBuf::from("/etc/hostname"), "leads out of the site"),
            (PathBuf::from("nothing"), "leads to nothing"),
            (PathBuf::from(".git"), "never served"),
            (PathBuf::from("."), "leads back"),
        ] {
            let dir = Dir::new();
            dir.file("a.txt", "a").file(".git/config", "x");
            symlink(&target, dir.1.join("link")).unwrap();
            let error = dir.walk(1000).0.unwrap_err();
            assert!(error.contains(says), "{}: {error}", target.display());
        }
        let dir = Dir::new();
        dir.file("a/x.txt", "a");
        symlink("a", dir.1.join("b")).unwrap();
        assert_eq!(dir.walk(1000).0.unwrap(), ["a/x.txt", "b/x.txt"]);
    }

    #[test]
    fn cycles_through_two_links_are_found() {
        let dir = Dir::new();
        dir.file("a/x", "").file("b/x", "");
        symlink("../b", dir.1.join("a/b")).unwrap();
        symlink("../a", dir.1.join("b/a")).unwrap();
        assert!(dir.walk(1000).0.unwrap_err().contains("leads back"));
    }

    #[test]
    fn the_limit_is_told_with_its_figure_and_the_file() {
        let dir = Dir::new();
        dir.file("small", "1").file("zz-large", &"x".repeat(100));
        let error = dir.walk(100).0.unwrap_err();
        assert!(error.contains("100 bytes"), "{error}");
        let sparse = fs::File::create(dir.1.join("huge")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        assert!(
            dir.walk(1_900_000_000)
                .0
                .unwrap_err()
                .contains("1900000000 bytes")
        );
    }

    #[test]
    fn what_is_no_file_is_left_out_aloud() {
        let dir = Dir::new();
        dir.file("a", "");
        let _socket = std::os::unix::net::UnixListener::bind(dir.1.join("s")).unwrap();
        let (files, told) = dir.walk(1000);
        assert_eq!(files.unwrap(), ["a"]);
        assert!(
            told[0].contains("neither a file nor a directory"),
            "{told:?}"
        );
    }
}
