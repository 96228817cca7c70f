//! The packed kernels that are kept: packing takes half a second, and builds after
//! the first have none to spend.
//!
//! A file each in the folder `packed` of the cache, named by the hash of the kernel
//! and of what packs: the hash of the rest as text, a line break, the packed kernel.
//! What does not match its hash is packed anew. Nothing depends on the folder but
//! time, so what goes wrong in it is passed over.

use super::{
    attach::AttachError,
    digest::{Digest, sha256},
    environment::Environment,
    kernel::Kernel,
    pack::{PACKER, pack},
    target::Target,
};
use std::{fs, io::Write, path::Path};

/// Hexadecimal digits of a hash.
const HASH_BYTES: usize = 64;

/// A kernel as it stands in images of a target.
pub fn as_in_images(target: Target, kernel: &Kernel) -> Result<Vec<u8>, AttachError> {
    if !target.is_guest() {
        return Ok(kernel.elf.clone());
    }
    let folder = Environment::current()
        .cache_dir()
        .map(|cache| cache.join("packed"));
    kept_in(folder.as_deref(), &kernel.elf)
}

/// The packed kernel, from the folder if it is there, else made and put there.
fn kept_in(folder: Option<&Path>, elf: &[u8]) -> Result<Vec<u8>, AttachError> {
    let mut key = Digest::new();
    key.field(PACKER.as_bytes());
    key.field(elf);
    let path = folder.map(|folder| folder.join(key.finish()));
    if let Some(kept) = path.as_deref().and_then(read) {
        return Ok(kept);
    }
    let packed = pack(elf)?;
    if let Some(path) = &path {
        let _ = write(path, &packed);
    }
    Ok(packed)
}

fn read(path: &Path) -> Option<Vec<u8>> {
    let mut file = fs::read(path).ok()?;
    if file.len() <= HASH_BYTES {
        return None;
    }
    let packed = file.split_off(HASH_BYTES + 1);
    let hash = file.strip_suffix(b"\n")?;
    (hash == sha256(&packed).as_bytes()).then_some(packed)
}

fn write(path: &Path, packed: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(sha256(packed).as_bytes())?;
    file.write_all(b"\n")?;
    file.write_all(packed)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel without an unpacker: it stays as it is, whoever packs it.
    fn process() -> Vec<u8> {
        crate::image::pack::tests::kernel(false)
    }

    #[test]
    fn what_is_kept_is_used_and_what_is_damaged_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("packed");
        let elf = crate::image::pack::tests::kernel(true);
        let packed = kept_in(Some(&inside), &elf).expect("packs");
        let names: Vec<_> = fs::read_dir(&inside).expect("a folder").collect();
        let [Ok(file)] = names.as_slice() else {
            panic!("one file is kept");
        };
        // Another content under its hash shows that it is this which is read.
        let other = process();
        write(&file.path(), &other).expect("writes");
        assert_eq!(kept_in(Some(&inside), &elf).as_ref(), Ok(&other));
        for damage in ["", "short", &"0".repeat(100)] {
            fs::write(file.path(), damage).expect("writes");
            assert_eq!(kept_in(Some(&inside), &elf).as_ref(), Ok(&packed));
            assert_eq!(read(&file.path()).as_ref(), Some(&packed));
        }
    }

    #[test]
    fn without_a_folder_it_is_packed_all_the_same() {
        let elf = crate::image::pack::tests::kernel(true);
        let nowhere = Path::new("/dev/null/packed");
        assert_eq!(kept_in(Some(nowhere), &elf), pack(&elf));
        assert_eq!(kept_in(None, &elf), pack(&elf));
    }

    #[test]
    fn the_packer_is_the_one_that_is_linked() {
        let lock = include_str!("../../../Cargo.lock");
        let (name, version) = PACKER.split_once(' ').expect("two words");
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        assert!(lock.contains(&entry), "another version of {name}");
    }
}
