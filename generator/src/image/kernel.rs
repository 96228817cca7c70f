//! Which kernel an image gets: from a release, from the cache, or compiled now.
//!
//! A kernel holds no content, so it is compiled once for each target, set of
//! features and state of the appliance's sources, and then kept under a key
//! made of those, the compiler and the C library. With a warm cache no compiler
//! runs and no network is needed.
//!
//! The order: a kernel that this command carries (a release's users need no
//! Rust, and all get the same bytes), be it one that can do more than is wanted;
//! the cached kernel of this machine's toolchain; a cached kernel of another toolchain when this machine has none;
//! a compilation. What is cached is believed only with the hash that it was
//! stored with; what does not match is compiled anew.

use crate::{
    image::{
        Progress, Quiet,
        compile::{Compilation, CompileError},
        digest::{Digest, sha256},
        environment::Environment,
        interrupt,
        sources::Sources,
        store::{Lookup, Record, Store},
        target::{Features, TRIPLE, Target},
        toolchain::{self, PINNED, Toolchain, ToolchainError},
    },
    report::Diagnostic,
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
};
use thiserror::Error;

/// The appliance compiled for one target and one set of features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The executable, without a bundle.
    pub elf: Vec<u8>,
    /// What it is cached under.
    pub key: String,
    /// What it was compiled from, and with.
    pub record: Record,
}

/// Why there is no kernel.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KernelError {
    /// No folder to keep kernels in is known.
    #[error("there is no folder to keep compiled kernels in: `HOME` is not set")]
    NoCache,
    /// The cache cannot be used.
    #[error("the kernel cache `{}` cannot be used: {error}", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// No compiler, or not a whole one.
    #[error(transparent)]
    Toolchain(#[from] ToolchainError),
    /// Cargo failed.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

impl KernelError {
    /// The error for people, with advice.
    pub fn diagnostic(&self) -> Diagnostic {
        let (detail, hint) = match self {
            Self::NoCache | Self::Cache { .. } => {
                (None, Some("set `APPLGEN_CACHE` to a folder".to_owned()))
            }
            Self::Toolchain(error) => (None, error.hint()),
            Self::Compile(CompileError::Fetch { output }) => (
                Some(output),
                Some("the first build needs the network; later ones do not".to_owned()),
            ),
            Self::Compile(CompileError::Compile { output }) => (
                Some(output),
                Some("`applgen doctor` says what is missing".to_owned()),
            ),
            Self::Compile(CompileError::Io(_)) => (None, None),
        };
        let mut message = self.to_string();
        if let Some(detail) = detail {
            message.push_str("\n\n");
            message.push_str(detail);
        }
        let mut diagnostic = Diagnostic::error(message);
        diagnostic.hint = hint;
        diagnostic
    }
}

/// The kernel for a target and a set of features; that of a release may be able
/// to do more.
pub fn kernel(
    target: Target,
    features: &Features,
    progress: &dyn Progress,
) -> Result<Kernel, KernelError> {
    here(target, features, false, progress)
}

/// The kernel that can do what these features say and nothing else.
pub fn exact_kernel(
    target: Target,
    features: &Features,
    progress: &dyn Progress,
) -> Result<Kernel, KernelError> {
    here(target, features, true, progress)
}

fn here(
    target: Target,
    features: &Features,
    exact: bool,
    progress: &dyn Progress,
) -> Result<Kernel, KernelError> {
    Wanted {
        environment: &Environment::current(),
        sources: &Sources::embedded(),
        target,
        features: &features.cargo_features(target),
        exact,
    }
    .get(progress)
}

/// One kernel that is wanted, and where.
pub(super) struct Wanted<'a> {
    pub environment: &'a Environment,
    pub sources: &'a Sources,
    pub target: Target,
    pub features: &'a [&'static str],
    /// Whether a release's kernel that can do more will not do.
    pub exact: bool,
}

impl Wanted<'_> {
    pub fn get(&self, progress: &dyn Progress) -> Result<Kernel, KernelError> {
        let sources = self.sources.sha256();
        let release = self.environment.release();
        if let Some(kernel) = release
            .and_then(|release| release.kernel(self.target, self.features, &sources, self.exact))
        {
            return Ok(kernel);
        }

        let cache = self.environment.cache_dir().ok_or(KernelError::NoCache)?;
        let store = Store::in_folder(&cache);
        let toolchain = match toolchain::find(self.environment, &cache.join("toolchain.json")) {
            Ok(toolchain) => toolchain,
            Err(error) => {
                let cached = store.find(self.target, self.features, &sources, PINNED);
                return cached.ok_or(error.into());
            }
        };
        let key = self.key(&sources, &toolchain);
        if let Lookup::Found(kernel) = store.load(&key) {
            return Ok(kernel);
        }

        let unusable = unusable(&store);
        let lock = store
            .lock(|| progress.step("waiting for another build that compiles a kernel"))
            .map_err(unusable)?;
        match store.load(&key) {
            Lookup::Found(kernel) => return Ok(kernel),
            Lookup::Damaged => {
                progress.step("the cached kernel is damaged, so it is compiled anew");
            }
            Lookup::Absent => progress.step("compiling the kernel, once for this version"),
        }
        let scratch = store.scratch(&lock).map_err(unusable)?;
        let _guard = interrupt::remove_on_signal(scratch.path()).map_err(unusable)?;
        self.sources
            .extract(&scratch.path().join(TREE))
            .map_err(unusable)?;
        self.compile(&store, &toolchain, scratch.path(), progress)
    }

    /// Compiles it in a folder that has the sources in [`TREE`], and stores it.
    fn compile(
        &self,
        store: &Store,
        toolchain: &Toolchain,
        scratch: &Path,
        progress: &dyn Progress,
    ) -> Result<Kernel, KernelError> {
        let sources = self.sources.sha256();
        let elf = Compilation {
            environment: self.environment,
            toolchain,
            folder: &scratch.join(TREE),
            target: self.target,
            features: self.features,
        }
        .run(progress)?;
        let kernel = Kernel {
            key: self.key(&sources, toolchain),
            record: Record {
                target: self.target.suffix().to_owned(),
                features: self.features.iter().map(ToString::to_string).collect(),
                sources,
                compiler: toolchain.version.clone(),
                c_library: toolchain.c_library.clone(),
                sha256: sha256(&elf),
            },
            elf,
        };
        store.insert(&kernel, scratch).map_err(unusable(store))?;
        Ok(kernel)
    }

    /// What a kernel is cached under: everything that its bytes depend on.
    fn key(&self, sources: &str, toolchain: &Toolchain) -> String {
        let mut digest = Digest::new();
        digest.field(TRIPLE.as_bytes());
        digest.field(self.target.suffix().as_bytes());
        digest.field(self.features.join(",").as_bytes());
        digest.field(self.target.flags().join(" ").as_bytes());
        digest.field(sources.as_bytes());
        digest.field(toolchain.identity.as_bytes());
        digest.field(toolchain.c_library.as_bytes());
        let mut key = digest.finish();
        key.truncate(32);
        key
    }
}

/// Where the sources lie in a scratch folder.
const TREE: &str = "applgen";

fn unusable(store: &Store) -> impl Fn(io::Error) -> KernelError + Copy {
    |error| KernelError::Cache {
        path: store.path().to_owned(),
        error,
    }
}

/// The kernels of a release, in the order of `wanted`: those that are cached,
/// and the others compiled by `workers` at a time, each of which compiles what
/// kernels have in common once. `done` is told of each.
pub fn release_kernels(
    wanted: &[(Target, Features)],
    workers: usize,
    done: &(dyn Fn(&Kernel) + Sync),
) -> Result<Vec<Kernel>, KernelError> {
    let environment = Environment::current();
    let sources = Sources::embedded();
    let hash = sources.sha256();
    let cache = environment.cache_dir().ok_or(KernelError::NoCache)?;
    let store = Store::in_folder(&cache);
    let toolchain = toolchain::find(&environment, &cache.join("toolchain.json"))?;
    let features: Vec<_> = wanted
        .iter()
        .map(|(target, features)| features.cargo_features(*target))
        .collect();
    let lock = store.lock(|| {}).map_err(unusable(&store))?;
    let scratch = store.scratch(&lock).map_err(unusable(&store))?;
    let _guard = interrupt::remove_on_signal(scratch.path()).map_err(unusable(&store))?;

    let queue = Mutex::new(wanted.iter().zip(&features).enumerate());
    let kernels = Mutex::new(vec![None; wanted.len()]);
    let locked = |error| KernelError::Cache {
        path: store.path().to_owned(),
        error,
    };
    let work = |number: usize| -> Result<(), KernelError> {
        let folder = scratch.path().join(number.to_string());
        let mut has_sources = false;
        loop {
            let next = queue.lock().ok().and_then(|mut queue| queue.next());
            let Some((index, ((target, _), features))) = next else {
                return Ok(());
            };
            let wanted = Wanted {
                environment: &environment,
                sources: &sources,
                target: *target,
                features,
                exact: true,
            };
            let kernel = match store.load(&wanted.key(&hash, &toolchain)) {
                Lookup::Found(kernel) => kernel,
                Lookup::Damaged | Lookup::Absent => {
                    if !has_sources {
                        sources.extract(&folder.join(TREE)).map_err(locked)?;
                        has_sources = true;
                    }
                    wanted.compile(&store, &toolchain, &folder, &Quiet)?
                }
            };
            done(&kernel);
            if let Ok(mut kernels) = kernels.lock()
                && let Some(place) = kernels.get_mut(index)
            {
                *place = Some(kernel);
            }
        }
    };
    thread::scope(|threads| {
        let running: Vec<_> = (0..workers.max(1))
            .map(|number| {
                threads.spawn({
                    let work = &work;
                    move || work(number)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(locked(io::Error::other("a worker failed"))))
            })
            .collect::<Result<Vec<()>, _>>()
    })?;
    let kernels = kernels.into_inner().unwrap_or_default();
    Ok(kernels.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
