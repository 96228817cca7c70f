//! The store of compiled kernels: a folder for each, named by its key.
//!
//! `KEY/kernel.elf` is the kernel and `KEY/kernel.json` says what it is, its
//! hash included: what does not match its hash is never used. A folder appears
//! by one rename, so that it is whole or not there; whoever writes holds the
//! lock, and builds that need the same kernel at once compile it once.

use crate::image::{digest::sha256, kernel::Kernel, target::Target};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

const ELF: &str = "kernel.elf";
const RECORD: &str = "kernel.json";
/// What unfinished folders are called, until they are renamed.
const SCRATCH: &str = ".scratch-";

/// What a kernel was compiled from, and with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The target's suffix.
    pub target: String,
    /// The cargo features.
    pub features: Vec<String>,
    /// The hash of the appliance's sources.
    pub sources: String,
    /// The compiler's one-line version.
    pub compiler: String,
    /// The hash of the C toolchain's files.
    pub c_library: String,
    /// The hash of the kernel.
    pub sha256: String,
}

impl Record {
    /// Whether this is that kernel, whatever compiled it.
    fn is(&self, target: Target, features: &[&str], sources: &str) -> bool {
        self.target == target.suffix() && self.features == features && self.sources == sources
    }
}

/// What a look into the store found.
#[derive(Debug)]
pub enum Lookup {
    /// The kernel, as it was compiled.
    Found(Kernel),
    /// A folder whose contents are not what was compiled.
    Damaged,
    /// Nothing.
    Absent,
}

/// A folder of kernels.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Held while a kernel is compiled and stored; released when dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Store {
    /// The store in a cache, or in a release's data folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            root: folder.join("kernels"),
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The kernel of that key.
    pub fn load(&self, key: &str) -> Lookup {
        let folder = self.root.join(key);
        if !folder.is_dir() {
            return Lookup::Absent;
        }
        let read = || {
            let elf = fs::read(folder.join(ELF)).ok()?;
            let record: Record =
                serde_json::from_slice(&fs::read(folder.join(RECORD)).ok()?).ok()?;
            (record.sha256 == sha256(&elf)).then(|| Kernel {
                elf,
                key: key.to_owned(),
                record,
            })
        };
        read().map_or(Lookup::Damaged, Lookup::Found)
    }

    /// The target's kernels of these sources, whatever their features are.
    pub fn of_target(&self, target: Target, sources: &str) -> Vec<Kernel> {
        self.keys()
            .into_iter()
            .filter_map(|key| match self.load(&key) {
                Lookup::Found(kernel) => Some(kernel),
                Lookup::Damaged | Lookup::Absent => None,
            })
            .filter(|kernel| {
                kernel.record.target == target.suffix() && kernel.record.sources == sources
            })
            .collect()
    }

    /// A kernel by what it is, whatever compiled it: the one compiled with
    /// `compiler` if there is one, else the first by key.
    pub fn find(
        &self,
        target: Target,
        features: &[&str],
        sources: &str,
        compiler: &str,
    ) -> Option<Kernel> {
        let mut found: Vec<Kernel> = self
            .keys()
            .into_iter()
            .filter_map(|key| match self.load(&key) {
                Lookup::Found(kernel) if kernel.record.is(target, features, sources) => {
                    Some(kernel)
                }
                _ => None,
            })
            .collect();
        found.sort_by_key(|kernel| {
            let preferred = kernel.record.compiler.contains(compiler);
            (!preferred, kernel.key.clone())
        });
        found.into_iter().next()
    }

    /// The keys of all kernels in it.
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = fs::read_dir(&self.root)
            .into_iter()
            .flatten()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect();
        keys.sort();
        keys
    }

    /// The lock that whoever compiles holds; `waiting` is called once when
    /// somebody else has it.
    pub fn lock(&self, waiting: impl FnOnce()) -> io::Result<Lock> {
        fs::create_dir_all(&self.root)?;
        let file = File::create(self.root.join(".lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                file.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Lock(file))
    }

    /// A private folder in the store, for compiling and for what is to be
    /// renamed. Nobody else can be at work under the lock, so what lies there
    /// from earlier was left by a build that was killed, and goes.
    pub fn scratch(&self, _lock: &Lock) -> io::Result<tempfile::TempDir> {
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            let name = entry.file_name();
            if name.as_encoded_bytes().starts_with(SCRATCH.as_bytes()) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        tempfile::Builder::new()
            .prefix(SCRATCH)
            .tempdir_in(&self.root)
    }

    /// Stores a kernel under its key, in place of a damaged one if need be.
    /// `scratch` is where it is made ready.
    pub fn insert(&self, kernel: &Kernel, scratch: &Path) -> io::Result<()> {
        let entry = scratch.join("entry");
        fs::create_dir(&entry)?;
        for (name, bytes) in [
            (ELF, kernel.elf.as_slice()),
            (RECORD, &serde_json::to_vec_pretty(&kernel.record)?),
        ] {
            let mut file = File::create(entry.join(name))?;
            file.write_all(bytes)?;
            file.sync_all()?;
        }
        let folder = self.root.join(&kernel.key);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::rename(entry, folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kernel(key: &str, compiler: &str) -> Kernel {
        let elf = format!("kernel by {compiler}").into_bytes();
        Kernel {
            record: Record {
                target: "unix".into(),
                features: vec![],
                sources: "5".into(),
                compiler: compiler.into(),
                c_library: "6".into(),
                sha256: sha256(&elf),
            },
            key: key.into(),
            elf,
        }
    }

    fn store_with(kernels: &[Kernel]) -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::in_folder(folder.path());
        let lock = store.lock(|| panic!("nobody waits")).expect("locks");
        for kernel in kernels {
            let scratch = store.scratch(&lock).expect("a folder");
            store.insert(kernel, scratch.path()).expect("stores");
        }
        (folder, store)
    }

    #[test]
    fn what_is_stored_is_found_and_what_is_damaged_is_not() {
        let kernel = kernel("abc", "rustc 1");
        let (_folder, store) = store_with(std::slice::from_ref(&kernel));
        assert!(matches!(store.load("abc"), Lookup::Found(k) if k == kernel));
        assert!(matches!(store.load("abd"), Lookup::Absent));

        let elf = store.path().join("abc").join(ELF);
        fs::write(&elf, "kernel by nobody").expect("writes");
        assert!(matches!(store.load("abc"), Lookup::Damaged));
        assert!(store.find(Target::Unix, &[], "5", "rustc 1").is_none());

        let lock = store.lock(|| {}).expect("locks");
        let scratch = store.scratch(&lock).expect("a folder");
        store.insert(&kernel, scratch.path()).expect("stores");
        assert!(matches!(store.load("abc"), Lookup::Found(k) if k == kernel));
        fs::remove_file(elf).expect("removes");
        assert!(matches!(store.load("abc"), Lookup::Damaged));
    }

    #[test]
    fn without_a_compiler_the_preferred_ones_kernel_is_taken() {
        let (_folder, store) = store_with(&[
            kernel("a", "rustc 1"),
            kernel("b", "rustc 2"),
            kernel("c", "rustc 2"),
        ]);
        let find = |sources, compiler| {
            store
                .find(Target::Unix, &[], sources, compiler)
                .map(|kernel| kernel.key)
        };
        assert_eq!(find("5", "rustc 2").as_deref(), Some("b"));
        assert_eq!(find("5", "rustc 3").as_deref(), Some("a"));
        assert_eq!(find("4", "rustc 1"), None);
    }

    #[test]
    fn one_builder_at_a_time_and_the_dead_ones_leave_nothing() {
        let (_folder, store) = store_with(&[]);
        let lock = store.lock(|| {}).expect("locks");
        let dead = store.scratch(&lock).expect("a folder").keep();
        assert!(dead.is_dir());
        let scratch = store.scratch(&lock).expect("a folder");
        assert!(!dead.exists() && scratch.path().is_dir());
        assert!(store.keys().is_empty());

        let waited = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|threads| {
            let other = threads
                .spawn(|| store.lock(|| waited.store(true, std::sync::atomic::Ordering::SeqCst)));
            while !waited.load(std::sync::atomic::Ordering::SeqCst) {
                std::thread::yield_now();
            }
            drop(lock);
            other.join().expect("no panic").expect("locks");
        });
    }
}
