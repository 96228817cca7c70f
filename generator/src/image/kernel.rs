//! Which kernel an image gets: from a release, from the cache, or compiled now.
//!
//! A kernel holds no content, so it is compiled once for each target, set of
//! features and state of the appliance's sources, and then kept under a key
//! made of those, the compiler and the C library. With a warm cache no compiler
//! runs and no network is needed.
//!
//! The order: a prebuilt kernel that came with this command (its users need no
//! Rust, and all get the same bytes); the cached kernel of this machine's
//! toolchain; a cached kernel of another toolchain when this machine has none;
//! a compilation. What is cached is believed only with the hash that it was
//! stored with; what does not match is compiled anew.

use crate::{
    image::{
        Progress,
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
use std::{io, path::PathBuf};
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

/// The kernel for a target and a set of features.
pub fn kernel(
    target: Target,
    features: &Features,
    progress: &dyn Progress,
) -> Result<Kernel, KernelError> {
    Wanted {
        environment: &Environment::current(),
        sources: &Sources::embedded(),
        target,
        features: &features.cargo_features(target),
    }
    .get(progress)
}

/// One kernel that is wanted, and where.
pub(super) struct Wanted<'a> {
    pub environment: &'a Environment,
    pub sources: &'a Sources,
    pub target: Target,
    pub features: &'a [&'static str],
}

impl Wanted<'_> {
    pub fn get(&self, progress: &dyn Progress) -> Result<Kernel, KernelError> {
        let sources = self.sources.sha256();
        let find = |store: &Store| store.find(self.target, self.features, &sources, PINNED);
        let prebuilt = self.environment.prebuilt_dir();
        if let Some(kernel) = prebuilt.and_then(|dir| find(&Store::in_folder(&dir))) {
            return Ok(kernel);
        }

        let cache = self.environment.cache_dir().ok_or(KernelError::NoCache)?;
        let store = Store::in_folder(&cache);
        let toolchain = match toolchain::find(self.environment, &cache.join("toolchain.json")) {
            Ok(toolchain) => toolchain,
            Err(error) => return find(&store).ok_or(error.into()),
        };
        let key = self.key(&sources, &toolchain);
        if let Lookup::Found(kernel) = store.load(&key) {
            return Ok(kernel);
        }

        let unusable = |error| KernelError::Cache {
            path: store.path().to_owned(),
            error,
        };
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
        let folder = scratch.path().join("applgen");
        self.sources.extract(&folder).map_err(unusable)?;
        let elf = Compilation {
            environment: self.environment,
            toolchain: &toolchain,
            folder: &folder,
            target: self.target,
            features: self.features,
        }
        .run(progress)?;
        let kernel = Kernel {
            record: Record {
                target: self.target.suffix().to_owned(),
                features: self.features.iter().map(ToString::to_string).collect(),
                sources,
                compiler: toolchain.version,
                c_library: toolchain.c_library,
                sha256: sha256(&elf),
            },
            elf,
            key,
        };
        store.insert(&kernel, scratch.path()).map_err(unusable)?;
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

#[cfg(test)]
mod tests;
