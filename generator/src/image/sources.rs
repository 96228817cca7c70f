//! The appliance's sources, which kernels are compiled from: they travel inside
//! the command, staged by the build script.

use crate::image::digest::Digest;
use include_dir::{Dir, DirEntry, include_dir};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

static STAGED: Dir<'_> = include_dir!("$OUT_DIR/appliance");

/// A source tree that stands on its own: manifests, lockfile, crates.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: BTreeMap<PathBuf, Cow<'static, [u8]>>,
}

impl Sources {
    /// The appliance's.
    pub fn embedded() -> Self {
        let mut sources = Self::default();
        let mut folders = vec![&STAGED];
        while let Some(folder) = folders.pop() {
            for entry in folder.entries() {
                match entry {
                    DirEntry::Dir(inner) => folders.push(inner),
                    DirEntry::File(file) => {
                        let path = file.path().to_owned();
                        sources.files.insert(path, file.contents().into());
                    }
                }
            }
        }
        sources
    }

    /// One file's text.
    pub fn text(&self, path: &str) -> Option<String> {
        let bytes = self.files.get(Path::new(path))?;
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    /// One file's bytes.
    #[cfg(test)]
    pub fn get(&self, path: &str) -> Option<Vec<u8>> {
        Some(self.files.get(Path::new(path))?.to_vec())
    }

    /// The same with one more file.
    #[cfg(test)]
    pub fn with(mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), Cow::Owned(bytes.into()));
        self
    }

    /// A hash of every path and every byte.
    pub fn sha256(&self) -> String {
        let mut digest = Digest::new();
        for (path, bytes) in &self.files {
            digest.field(path.as_os_str().as_encoded_bytes());
            digest.field(bytes);
        }
        digest.finish()
    }

    /// Writes the tree into an existing folder.
    pub fn extract(&self, to: &Path) -> io::Result<()> {
        for (path, bytes) in &self.files {
            let path = to.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::target::Target;

    #[test]
    fn the_command_carries_every_kernel_and_one_lockfile() {
        let sources = Sources::embedded();
        let text = |path: &str| String::from_utf8(sources.get(path).expect(path)).expect("text");
        let lock = text("Cargo.lock");
        for target in Target::ALL {
            assert!(lock.contains(&format!("name = \"{}\"", target.package())));
        }
        // The lockfile is the appliance's alone, and nothing of its tests came along.
        assert!(!lock.contains("name = \"applgen\""));
        for path in sources.files.keys() {
            let path = path.to_str().expect("text");
            assert!(
                !path.contains("/tests/") && !path.contains("/benches/"),
                "{path}"
            );
            if path.ends_with("Cargo.toml") {
                assert!(!text(path).contains("dev-dependencies"), "{path}");
            }
        }
    }

    #[test]
    fn the_hash_tells_names_and_contents_apart() {
        let hash = |path: &str, bytes: &str| Sources::default().with(path, bytes).sha256();
        assert_eq!(hash("a", "b"), hash("a", "b"));
        assert_ne!(hash("a", "b"), hash("a", "c"));
        assert_ne!(hash("a", "b"), hash("ab", ""));
    }
}
