//! The cache of what takes long to make, by content: Brotli at its best takes
//! seconds for a large page, a picture is resized in a tenth of one, and most are
//! the same from build to build.
//!
//! An entry is one file: a line with the lengths and the hash of what follows,
//! then the bodies. One that does not hold what its first line says is made
//! anew, so a damaged cache costs time and nothing else.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::{Encoded, encode};
use crate::image::environment::Environment;

/// Entries made by other levels or limits than this version's are not used.
const VERSION: &str = "applgen-encoded-3";
/// What the entries may take on the disk in all. Beyond it those go that were not
/// used for longest, in each of the folders that the entries are spread over.
const LIMIT_BYTES: u64 = 2 << 30;
const FOLDERS: u64 = 256;
/// An entry that is used counts as new again, if it was made so long ago.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

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

    /// The one below the user's cache directory, where there is such a place.
    pub fn of_user() -> Self {
        match Environment::current().cache_dir() {
            Some(directory) => Self::below(&directory),
            None => Self::none(),
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
        if let Some(encoded) = read(&path).and_then(|entry| parse(&entry)) {
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
        if let Some(known) = read(&path).and_then(|known| serde_json::from_slice(&known).ok()) {
            return known;
        }
        let found = find();
        if let Ok(text) = serde_json::to_vec(&found) {
            // As for bodies.
            let _ = write(&path, &[&text]);
        }
        found
    }

    /// The bytes that something with this SHA-256 becomes, from the cache or by
    /// `make`. `version` names what is made, and how.
    pub fn bytes<E>(
        &self,
        version: &str,
        hash: &[u8; 32],
        make: impl FnOnce() -> Result<Vec<u8>, E>,
    ) -> Result<Vec<u8>, E> {
        let Some(path) = self.path_of(version, hash, "") else {
            return make();
        };
        // The hash of the bytes, then the bytes.
        if let Some(mut entry) = read(&path)
            && let Some((hash, bytes)) = entry.split_first_chunk::<32>()
            && hash[..] == Sha256::digest(bytes)[..]
        {
            entry.drain(..32);
            return Ok(entry);
        }
        let made = make()?;
        // As for bodies.
        let _ = write(&path, &[&Sha256::digest(&made), &made]);
        Ok(made)
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

fn read(path: &Path) -> Option<Vec<u8>> {
    let entry = fs::read(path).ok()?;
    let touch = || -> std::io::Result<()> {
        let now = SystemTime::now();
        let made = fs::metadata(path)?.modified()?;
        if now.duration_since(made).is_ok_and(|age| age > STALE) {
            fs::File::options()
                .append(true)
                .open(path)?
                .set_modified(now)?;
        }
        Ok(())
    };
    // One that cannot be touched goes sooner, no more.
    let _ = touch();
    Some(entry)
}

/// Makes room in a folder for an entry that has just come.
fn make_room(folder: &Path, limit_bytes: u64, newest: &Path) -> std::io::Result<()> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        entries.push((metadata.modified()?, metadata.len(), entry.path()));
    }
    let mut bytes: u64 = entries.iter().map(|(_, bytes, _)| bytes).sum();
    if bytes <= limit_bytes {
        return Ok(());
    }
    entries.sort();
    for (_, length, path) in entries {
        if bytes <= limit_bytes {
            break;
        }
        if path != newest {
            fs::remove_file(&path)?;
            bytes -= length;
        }
    }
    Ok(())
}

fn write(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.persist(path)?;
    make_room(directory, LIMIT_BYTES / FOLDERS, path)
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

    #[test]
    fn bytes_are_made_once_and_damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::below(dir.path());
        let get = |make: &str| cache.bytes("v", &[7; 32], || Ok::<_, ()>(make.as_bytes().to_vec()));
        assert_eq!(get("one"), Ok(b"one".to_vec()));
        assert_eq!(get("two"), Ok(b"one".to_vec()));
        let path = cache.path_of("v", &[7; 32], "").unwrap();
        fs::write(&path, b"damaged").unwrap();
        assert_eq!(get("three"), Ok(b"three".to_vec()));
        assert_eq!(cache.bytes("w", &[7; 32], || Err(())), Err(()));
        assert_eq!(
            Cache::none().bytes("v", &[7; 32], || Ok::<_, ()>(vec![4])),
            Ok(vec![4])
        );
    }

    #[test]
    fn what_was_not_used_for_longest_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, days) in [("old", 3), ("older", 4), ("new", 0)] {
            fs::write(at(name), [0; 10]).unwrap();
            let when = SystemTime::now() - STALE * days;
            let file = fs::File::options().append(true).open(at(name)).unwrap();
            file.set_modified(when).unwrap();
        }
        make_room(dir.path(), 30, &at("new")).unwrap();
        assert!(at("older").exists());
        // What is used is new again.
        assert!(read(&at("older")).is_some());
        make_room(dir.path(), 25, &at("new")).unwrap();
        assert!(!at("old").exists() && at("older").exists() && at("new").exists());
        make_room(dir.path(), 5, &at("new")).unwrap();
        assert!(at("new").exists() && !at("older").exists());
    }
}
