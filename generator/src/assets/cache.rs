//! The cache of compressed bodies, by content: Brotli at its best takes seconds
//! for a large page, and most pages are the same from build to build.
//!
//! An entry is one file: a line with the lengths and the hash of what follows,
//! then the bodies. One that does not hold what its first line says is made
//! anew, so a damaged cache costs time and nothing else.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{Encoded, encode};

/// Entries made by other levels or limits than this version's are not used.
const VERSION: &str = "applgen-encoded-3";

/// A directory of compressed bodies; without one, everything is made anew.
#[derive(Debug, Clone)]
pub struct Cache {
    directory: Option<PathBuf>,
}

impl Cache {
    /// The cache below applgen's cache directory.
    pub fn below(directory: &Path) -> Self {
        Self {
            directory: Some(directory.join("encoded")),
        }
    }

    /// No cache.
    pub fn none() -> Self {
        Self { directory: None }
    }

    /// The compressed forms of a content with this SHA-256, from the cache or made.
    pub fn encoded(&self, hash: &[u8; 32], media_type: &str, content: &[u8]) -> Encoded {
        let Some(path) = self.path(hash, media_type) else {
            return encode(media_type, content);
        };
        if let Some(encoded) = fs::read(&path).ok().and_then(|entry| parse(&entry)) {
            return encoded;
        }
        let encoded = encode(media_type, content);
        // A cache that cannot be written is slow, not wrong.
        let _ = store(&path, &encoded);
        encoded
    }

    /// What was found out about the content with this SHA-256, from the cache or
    /// by `find`. `version` names what is found out, and how.
    pub fn found<T: Serialize + DeserializeOwned>(
        &self,
        version: &str,
        hash: &[u8; 32],
        find: impl FnOnce() -> T,
    ) -> T {
        let Some(path) = self.path_of(version, hash, "") else {
            return find();
        };
        let known = fs::read(&path).ok();
        if let Some(known) = known.and_then(|known| serde_json::from_slice(&known).ok()) {
            return known;
        }
        let found = find();
        if let Ok(text) = serde_json::to_vec(&found) {
            // As for bodies.
            let _ = write(&path, &[&text]);
        }
        found
    }

    fn path(&self, hash: &[u8; 32], media_type: &str) -> Option<PathBuf> {
        self.path_of(VERSION, hash, media_type)
    }

    fn path_of(&self, version: &str, hash: &[u8; 32], media_type: &str) -> Option<PathBuf> {
        let mut key = Sha256::new();
        key.update(version);
        key.update(media_type);
        key.update([0]);
        key.update(hash);
        let name = hex(&key.finalize());
        let (shard, rest) = name.split_at(2);
        Some(self.directory.as_ref()?.join(shard).join(rest))
    }
}

fn parse(entry: &[u8]) -> Option<Encoded> {
    let end = entry.iter().take(200).position(|&b| b == b'\n')?;
    let line = std::str::from_utf8(&entry[..end]).ok()?;
    let bodies = &entry[end + 1..];
    let mut words = line.split(' ');
    let mut length = || words.next()?.parse::<usize>().ok();
    let (gzip, brotli) = (length()?, length()?);
    let hash = words.next()?;
    if gzip.checked_add(brotli)? != bodies.len() || hash != hex(&Sha256::digest(bodies)) {
        return None;
    }
    let (gzip, brotli) = bodies.split_at(gzip);
    let some = |body: &[u8]| (!body.is_empty()).then(|| body.to_vec());
    Some(Encoded {
        gzip: some(gzip),
        brotli: some(brotli),
    })
}

fn store(path: &Path, encoded: &Encoded) -> std::io::Result<()> {
    let gzip = encoded.gzip.as_deref().unwrap_or_default();
    let brotli = encoded.brotli.as_deref().unwrap_or_default();
    let mut hasher = Sha256::new();
    hasher.update(gzip);
    hasher.update(brotli);
    let line = format!(
        "{} {} {}\n",
        gzip.len(),
        brotli.len(),
        hex(&hasher.finalize())
    );
    write(path, &[line.as_bytes(), gzip, brotli])
}

fn write(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.persist(path)?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::below(dir.path());
        let content = "text ".repeat(500).into_bytes();
        let hash: [u8; 32] = Sha256::digest(&content).into();
        let made = cache.encoded(&hash, "text/plain", &content);
        let path = cache.path(&hash, "text/plain").unwrap();
        assert_eq!(parse(&fs::read(&path).unwrap()), Some(made.clone()));

        let mut entry = fs::read(&path).unwrap();
        let last = entry.len() - 1;
        entry[last] ^= 1;
        fs::write(&path, &entry).unwrap();
        assert_eq!(cache.encoded(&hash, "text/plain", &content), made);
        assert_eq!(parse(&fs::read(&path).unwrap()), Some(made.clone()));
        for cut in 0..entry.len() {
            assert_eq!(parse(&entry[..cut]), None);
        }
    }
}
