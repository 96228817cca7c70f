//! What a release of applgen carries in its own executable: kernels, so that
//! its users need no Rust, and where it comes from.
//!
//! It is one more section of the executable, put there when the release is
//! packed. The section holds an index as JSON, then one Brotli stream for each
//! target with that target's kernels one after the other: kernels differ in
//! little, so together they are a fraction of what they are apart, and a build
//! unpacks those of its own target alone.
//!
//! ```text
//! APPLGEN1 | length of the index, u64 little-endian | index | stream | stream …
//! ```
//!
//! The kernels are those of [`Features::carried_for`]. An image whose set is not
//! among them gets the smallest kernel that has all it needs; its manifest says
//! what is over. What does not match its hash is not used.

use crate::image::{
    digest::sha256,
    kernel::Kernel,
    store::Record,
    target::{Features, Target},
};
use object::read::{ReadCache, elf::ElfFile64};
use object::{Endianness, Object, ObjectSection};
use serde::{Deserialize, Serialize};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::Path,
};

/// The section of the executable.
pub const SECTION: &str = ".applgen.release";

const MAGIC: &[u8; 8] = b"APPLGEN1";
/// Before the index.
const HEAD_BYTES: u64 = 16;
/// No index of ours is longer.
const MAX_INDEX_BYTES: u64 = 1 << 20;
/// Nor all kernels of one target together.
const MAX_TARGET_BYTES: u64 = 1 << 28;

/// Where a release comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The repository that has its releases and its action, `OWNER/NAME`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The commit that it was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Index {
    origin: Origin,
    streams: Vec<Stream>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stream {
    target: String,
    bytes: u64,
    kernels: Vec<Entry>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    key: String,
    bytes: u64,
    record: Record,
}

/// The content of the section.
pub fn pack(origin: &Origin, kernels: &[Kernel]) -> io::Result<Vec<u8>> {
    let mut index = Index {
        origin: origin.clone(),
        streams: Vec::new(),
    };
    let mut streams = Vec::new();
    for target in Target::ALL {
        let of_target = || {
            kernels
                .iter()
                .filter(|kernel| kernel.record.target == target.suffix())
        };
        if of_target().next().is_none() {
            continue;
        }
        let mut stream = Vec::new();
        let mut writer = brotli::CompressorWriter::new(&mut stream, 1 << 16, 11, 24);
        for kernel in of_target() {
            writer.write_all(&kernel.elf)?;
        }
        writer.flush()?;
        drop(writer);
        index.streams.push(Stream {
            target: target.suffix().to_owned(),
            bytes: stream.len() as u64,
            kernels: of_target()
                .map(|kernel| Entry {
                    key: kernel.key.clone(),
                    bytes: kernel.elf.len() as u64,
                    record: kernel.record.clone(),
                })
                .collect(),
        });
        streams.extend(stream);
    }
    let index = serde_json::to_vec(&index)?;
    let mut section = MAGIC.to_vec();
    section.extend((index.len() as u64).to_le_bytes());
    section.extend(index);
    section.extend(streams);
    Ok(section)
}

/// The section of an executable, with its index read.
#[derive(Debug)]
pub struct Release {
    file: File,
    /// Where the first stream lies in the file.
    streams_at: u64,
    index: Index,
}

impl Release {
    /// That of an executable; `None` where it is no release.
    pub fn of(executable: &Path) -> Option<Self> {
        let file = File::open(executable).ok()?;
        let cache = ReadCache::new(&file);
        let elf = ElfFile64::<Endianness, _>::parse(&cache).ok()?;
        let (offset, length) = elf.section_by_name(SECTION)?.file_range()?;
        let mut head = [0; HEAD_BYTES as usize];
        file.read_exact_at(&mut head, offset).ok()?;
        let (magic, index_bytes) = head.split_first_chunk()?;
        let index_bytes = u64::from_le_bytes(*index_bytes.first_chunk()?);
        let whole = magic == MAGIC && index_bytes <= length.min(MAX_INDEX_BYTES);
        let mut index = vec![0; usize::try_from(index_bytes).ok().filter(|_| whole)?];
        file.read_exact_at(&mut index, offset + HEAD_BYTES).ok()?;
        let index = serde_json::from_slice(&index).ok()?;
        drop(cache);
        Some(Self {
            file,
            streams_at: offset + HEAD_BYTES + index_bytes,
            index,
        })
    }

    /// Where it comes from.
    pub fn origin(&self) -> &Origin {
        &self.index.origin
    }

    /// How many kernels it has for a target, of these sources.
    pub fn count(&self, target: Target, sources: &str) -> usize {
        self.entries(target)
            .filter(|entry| entry.record.sources == sources)
            .count()
    }

    /// The kernel with these cargo features; where there is none, and `exact` is
    /// not asked for, the smallest of those that have them and more.
    pub fn kernel(
        &self,
        target: Target,
        features: &[&str],
        sources: &str,
        exact: bool,
    ) -> Option<Kernel> {
        let has_all = |entry: &&Entry| {
            let own = &entry.record.features;
            features
                .iter()
                .all(|feature| own.iter().any(|f| f == feature))
        };
        let chosen = self
            .entries(target)
            .filter(|entry| entry.record.sources == sources)
            .filter(has_all)
            .filter(|entry| !exact || entry.record.features.len() == features.len())
            // The exact one first, whatever its length.
            .min_by_key(|entry| {
                let over = entry.record.features.len() != features.len();
                (over, entry.bytes, &entry.key)
            })?;
        self.unpack(target, chosen)
    }

    fn entries(&self, target: Target) -> impl Iterator<Item = &Entry> {
        let of_target = move |stream: &&Stream| stream.target == target.suffix();
        let streams = self.index.streams.iter().filter(of_target);
        streams.flat_map(|stream| &stream.kernels)
    }

    fn unpack(&self, target: Target, chosen: &Entry) -> Option<Kernel> {
        let mut at = self.streams_at;
        let mut stream = None;
        for each in &self.index.streams {
            if each.target == target.suffix() {
                stream = Some(each);
                break;
            }
            at = at.checked_add(each.bytes)?;
        }
        let stream = stream?;
        let before = stream
            .kernels
            .iter()
            .take_while(|entry| entry.key != chosen.key)
            .try_fold(0_u64, |sum, entry| sum.checked_add(entry.bytes))?;
        let end = before.checked_add(chosen.bytes)?;
        if end > MAX_TARGET_BYTES {
            return None;
        }
        let packed = At {
            file: &self.file,
            at,
            left: stream.bytes,
        };
        let mut unpacked = brotli::Decompressor::new(packed, 1 << 16);
        io::copy(&mut unpacked.by_ref().take(before), &mut io::sink()).ok()?;
        let mut elf = Vec::new();
        unpacked.take(chosen.bytes).read_to_end(&mut elf).ok()?;
        (sha256(&elf) == chosen.record.sha256).then(|| Kernel {
            elf,
            key: chosen.key.clone(),
            record: chosen.record.clone(),
        })
    }
}

/// A part of a file, read from its beginning to its end.
struct At<'a> {
    file: &'a File,
    at: u64,
    left: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let length = buffer.len().min(most);
        let read = match buffer.get_mut(..length) {
            Some(part) => self.file.read_at(part, self.at)?,
            None => 0,
        };
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

/// What a kernel can do beyond what an image needs, by the names of features.
pub fn unused(kernel: &Kernel, target: Target, features: &Features) -> Vec<String> {
    let needed = features.cargo_features(target);
    let own = kernel.record.features.iter();
    own.filter(|feature| !needed.contains(&feature.as_str()))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};

    fn kernel(target: Target, features: &[&str], elf: &[u8]) -> Kernel {
        Kernel {
            key: format!("{}-{}", target.suffix(), features.join("+")),
            record: Record {
                target: target.suffix().into(),
                features: features.iter().map(ToString::to_string).collect(),
                sources: "5".into(),
                compiler: "rustc 1".into(),
                c_library: "6".into(),
                sha256: sha256(elf),
            },
            elf: elf.to_vec(),
        }
    }

    /// An executable with the section, made as `ci/release` makes it.
    fn executable(section: &[u8]) -> (tempfile::TempDir, Release) {
        let folder = tempfile::tempdir().expect("a folder");
        let (plain, released) = (folder.path().join("section"), folder.path().join("applgen"));
        fs::write(&plain, section).expect("writes");
        let added = Command::new("objcopy")
            .arg(format!("--add-section={SECTION}={}", plain.display()))
            .arg("/bin/sh")
            .arg(&released)
            .status();
        assert!(added.expect("objcopy runs").success());
        let release = Release::of(&released).expect("a release");
        (folder, release)
    }

    /// Bytes that no compression makes fewer.
    fn noise() -> Vec<u8> {
        (0_u32..20_000)
            .map(|n| (n.wrapping_mul(n).wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect()
    }

    fn several() -> Vec<Kernel> {
        vec![
            kernel(Target::Unix, &["http"], &[1; 900]),
            kernel(Target::Unix, &["http", "dns", "x"], &[2; 5000]),
            kernel(Target::Unix, &["http", "dns", "y"], &[3; 4000]),
            kernel(Target::Xen, &["http"], &noise()),
        ]
    }

    #[test]
    fn every_kernel_comes_back_and_none_that_is_not_there() {
        let origin = Origin {
            repository: Some("somebody/applgen".into()),
            commit: None,
        };
        let section = pack(&origin, &several()).expect("packs");
        let (_folder, release) = executable(&section);
        assert_eq!(*release.origin(), origin);
        for wanted in several() {
            let target = Target::from_suffix(&wanted.record.target).expect("a target");
            let features: Vec<&str> = wanted.record.features.iter().map(String::as_str).collect();
            let found = release.kernel(target, &features, "5", true);
            assert_eq!(found, Some(wanted));
        }
        assert_eq!(release.kernel(Target::Kvm, &[], "5", false), None);
        assert_eq!(release.kernel(Target::Unix, &["http"], "6", false), None);
        assert_eq!(
            (
                release.count(Target::Unix, "5"),
                release.count(Target::Unix, "6")
            ),
            (3, 0)
        );
        assert!(Release::of(Path::new("/bin/sh")).is_none());
    }

    #[test]
    fn the_smallest_kernel_that_has_all_stands_in_for_one_that_is_not_there() {
        let section = pack(&Origin::default(), &several()).expect("packs");
        let (_folder, release) = executable(&section);
        let dns = |exact| release.kernel(Target::Unix, &["dns"], "5", exact);
        let mut features = Features::new();
        features.need(crate::image::Feature::Dns, "a zone");
        let found = dns(false).expect("a kernel that has it");
        assert_eq!(found.record.features, ["http", "dns", "y"]);
        assert_eq!(unused(&found, Target::Unix, &features), ["http", "y"]);
        assert_eq!(dns(true), None);
        assert_eq!(release.kernel(Target::Unix, &["tap"], "5", false), None);
    }

    #[test]
    fn what_is_damaged_is_not_used() {
        let section = pack(&Origin::default(), &several()).expect("packs");
        let find = |section: &[u8]| {
            let (_folder, release) = executable(section);
            release.kernel(Target::Xen, &["http"], "5", true)
        };
        assert!(find(&section).is_some());
        let mut other = section.clone();
        let middle = section.len() - 9000;
        *other.get_mut(middle).expect("a byte") ^= 0x55;
        assert_eq!(find(&other), None);
        let mut short = section.clone();
        short.truncate(middle);
        assert_eq!(find(&short), None);
    }
}
