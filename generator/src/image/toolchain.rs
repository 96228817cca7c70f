//! The compiler and the C library that kernels are made with: finding them, and
//! knowing which they are without asking them each time.
//!
//! An image's bytes depend on the compiler, on `libc.a` and on what else the
//! linker puts beside it, so all of that is part of the key that kernels are
//! cached by. Asking costs a tenth of a second and hashing as much again, too
//! much for a build that only writes a file; so the answer is remembered
//! together with size and time stamp of every file it came from, and asked for
//! anew when one of them differs.

use crate::image::{
    digest::{Digest, sha256},
    environment::Environment,
    target::TRIPLE,
};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};
use thiserror::Error;

/// The compiler release that this command's kernels are meant for.
pub const PINNED: &str = env!("APPLGEN_PINNED_TOOLCHAIN");

/// What the linker takes from the C toolchain into a static executable.
/// Only `libc.a` has to be there; the rest differs between toolchains.
const C_FILES: &[&str] = &[
    "libc.a",
    "libgcc.a",
    "libgcc_eh.a",
    "crt1.o",
    "crti.o",
    "crtn.o",
    "crtbeginT.o",
    "crtend.o",
];

/// A compiler and a C library, as found on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toolchain {
    /// The compiler's one-line version.
    pub version: String,
    /// All that the compiler says of itself (`rustc -vV`).
    pub identity: String,
    /// The commit that the compiler was built from, where it says so.
    pub commit: Option<String>,
    /// The compiler itself, past any proxy.
    pub rustc: PathBuf,
    /// The cargo that belongs to it.
    pub cargo: PathBuf,
    /// Where the compiler's own libraries lie.
    pub sysroot: PathBuf,
    /// The C compiler, which is asked to link.
    pub linker: PathBuf,
    /// A hash over the linker's version and the C files it links.
    pub c_library: String,
}

/// Why there is no toolchain to compile kernels with.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ToolchainError {
    /// A program is not on `PATH`.
    #[error("`{0}` is not installed, and the kernel for this image has yet to be compiled")]
    Missing(&'static str),
    /// The compiler has no standard library for the target.
    #[error("the Rust compiler has no standard library for `{TRIPLE}`")]
    NoStandardLibrary,
    /// There is a C compiler, but no static C library.
    #[error("the static C library (`libc.a`) is not installed")]
    NoStaticLibc,
    /// A program did not say what it is.
    #[error("`{command}` failed: {message}")]
    Failed {
        /// The program with its arguments.
        command: String,
        /// What it said.
        message: String,
    },
    /// A file of the toolchain cannot be read.
    #[error("`{path}` cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why not.
        error: io::Error,
    },
}

impl ToolchainError {
    /// How to get what is missing.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Missing("cc") => "on Debian: apt-get install gcc libc6-dev".to_owned(),
            Self::Missing(_) => format!("install Rust {PINNED} from https://rustup.rs"),
            Self::NoStandardLibrary => format!("rustup target add {TRIPLE}"),
            Self::NoStaticLibc => "on Debian: apt-get install libc6-dev".to_owned(),
            Self::Failed { message, .. } if message.contains("is not installed") => {
                format!("rustup toolchain install {PINNED} --profile minimal")
            }
            Self::Failed { .. } | Self::Unreadable { .. } => return None,
        })
    }
}

/// A toolchain together with what would tell that it is another one by now.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    asked_with: String,
    stamps: Vec<Stamp>,
    toolchain: Toolchain,
}

/// What a file looked like.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    bytes: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            path: path.to_owned(),
            bytes: metadata.size(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
        })
    }
}

/// The programs as `PATH` leads to them, proxies included.
struct Programs {
    cargo: PathBuf,
    rustc: PathBuf,
    linker: PathBuf,
}

impl Programs {
    fn find(environment: &Environment) -> Result<Self, ToolchainError> {
        let find = |name| environment.find(name).ok_or(ToolchainError::Missing(name));
        Ok(Self {
            cargo: find("cargo")?,
            rustc: find("rustc")?,
            linker: find("cc")?,
        })
    }

    /// What decides, beside the files' own contents, which toolchain answers.
    fn asked_with(&self, environment: &Environment) -> String {
        let rustup = environment.get("RUSTUP_HOME").unwrap_or_default();
        let home = environment.get("HOME").unwrap_or_default();
        let mut digest = Digest::new();
        digest.field(PINNED.as_bytes());
        for part in [
            self.cargo.as_os_str(),
            self.rustc.as_os_str(),
            self.linker.as_os_str(),
            rustup,
            home,
        ] {
            digest.field(part.as_encoded_bytes());
        }
        digest.finish()
    }
}

/// The toolchain of this machine. `memory` is the file that remembers it.
pub fn find(environment: &Environment, memory: &Path) -> Result<Toolchain, ToolchainError> {
    let programs = Programs::find(environment)?;
    let asked_with = programs.asked_with(environment);
    if let Some(toolchain) = recall(memory, &asked_with) {
        return Ok(toolchain);
    }
    let (toolchain, files) = ask(environment, &programs)?;
    let stamps: Option<Vec<_>> = files.iter().map(|path| Stamp::of(path)).collect();
    if let Some(stamps) = stamps {
        // A memory that cannot be written only costs time.
        let _ = remember(
            memory,
            &Memory {
                asked_with,
                stamps,
                toolchain: toolchain.clone(),
            },
        );
    }
    Ok(toolchain)
}

fn recall(memory: &Path, asked_with: &str) -> Option<Toolchain> {
    let memory: Memory = serde_json::from_slice(&fs::read(memory).ok()?).ok()?;
    let same = memory.asked_with == asked_with
        && memory
            .stamps
            .iter()
            .all(|stamp| Stamp::of(&stamp.path).as_ref() == Some(stamp));
    same.then_some(memory.toolchain)
}

/// Written aside and renamed: another build may be reading it.
fn remember(path: &Path, memory: &Memory) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, memory)?;
    file.persist(path)?;
    Ok(())
}

/// Asks the programs, and names every file that the answer depends on.
fn ask(
    environment: &Environment,
    programs: &Programs,
) -> Result<(Toolchain, Vec<PathBuf>), ToolchainError> {
    let sysroot = run(environment, &programs.rustc, &["--print", "sysroot"])?;
    let sysroot = PathBuf::from(sysroot.trim_end());
    // A proxy on `PATH` would choose by folder and variables; these are the
    // programs it chose. A distribution's compiler is no proxy, and its cargo
    // need not lie in the sysroot.
    let past_proxy = |name: &str, found: &Path| {
        let inner = sysroot.join("bin").join(name);
        if inner.is_file() {
            inner
        } else {
            found.to_owned()
        }
    };
    let rustc = past_proxy("rustc", &programs.rustc);
    let cargo = past_proxy("cargo", &programs.cargo);
    let identity = run(environment, &rustc, &["-vV"])?;
    if !sysroot.join("lib/rustlib").join(TRIPLE).is_dir() {
        return Err(ToolchainError::NoStandardLibrary);
    }

    let mut c_library = Digest::new();
    let linker_version = run(environment, &programs.linker, &["--version"])?;
    c_library.field(linker_version.as_bytes());
    let mut files = vec![
        programs.cargo.clone(),
        programs.rustc.clone(),
        programs.linker.clone(),
        rustc.clone(),
        cargo.clone(),
    ];
    for name in C_FILES {
        let option = format!("-print-file-name={name}");
        let path = run(environment, &programs.linker, &[&option])?;
        let path = PathBuf::from(path.trim_end());
        // A C compiler answers with the bare name when it knows no such file.
        if path.is_absolute() && path.is_file() {
            let bytes = fs::read(&path).map_err(|error| ToolchainError::Unreadable {
                path: path.display().to_string(),
                error,
            })?;
            c_library.field(name.as_bytes());
            c_library.field(sha256(&bytes).as_bytes());
            files.push(path);
        } else if *name == "libc.a" {
            return Err(ToolchainError::NoStaticLibc);
        }
    }

    let line = |key: &str| {
        identity
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .map(|value| value.trim().to_owned())
    };
    let toolchain = Toolchain {
        version: identity.lines().next().unwrap_or_default().to_owned(),
        commit: line("commit-hash:").filter(|commit| commit != "unknown"),
        identity,
        rustc,
        cargo,
        sysroot,
        linker: programs.linker.clone(),
        c_library: c_library.finish(),
    };
    Ok((toolchain, files))
}

/// What a program of the toolchain prints; the pinned compiler answers where a
/// proxy chooses.
pub(super) fn run(
    environment: &Environment,
    program: &Path,
    arguments: &[&str],
) -> Result<String, ToolchainError> {
    let failed = |message: String| ToolchainError::Failed {
        command: format!("{} {}", program.display(), arguments.join(" ")),
        message,
    };
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment.for_compilers())
        .env("RUSTUP_TOOLCHAIN", PINNED)
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    String::from_utf8(output.stdout).map_err(|error| failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory_in(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("cache/toolchain.json")
    }

    #[test]
    fn the_toolchain_is_asked_once_and_then_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = memory_in(&folder);
        let environment = Environment::current();
        let asked = find(&environment, &memory).expect("a toolchain");
        assert!(asked.version.starts_with("rustc "), "{}", asked.version);
        assert!(asked.rustc.is_file() && asked.cargo.is_file());

        // What is remembered is believed: a changed memory changes the answer …
        let text = fs::read_to_string(&memory).expect("written");
        let changed = text.replace(&asked.c_library, "0123");
        fs::write(&memory, &changed).expect("writes");
        let recalled = find(&environment, &memory).expect("a toolchain");
        assert_eq!(recalled.c_library, "0123");

        // … until a file of the toolchain looks different.
        let mut memorized: Memory = serde_json::from_str(&changed).expect("reads");
        memorized.stamps[0].modified_s -= 1;
        remember(&memory, &memorized).expect("writes");
        assert_eq!(find(&environment, &memory).expect("a toolchain"), asked);
    }

    #[test]
    fn a_damaged_memory_is_no_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        let memory = folder.path().join("toolchain.json");
        fs::write(&memory, "{\"asked_with\": 1}").expect("writes");
        assert!(find(&Environment::current(), &memory).is_ok());
    }

    #[test]
    fn what_is_missing_is_named_with_the_way_to_get_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let bare = Environment::default().with("PATH", folder.path());
        let error = find(&bare, &memory_in(&folder)).expect_err("no programs");
        assert!(matches!(error, ToolchainError::Missing("cargo")));
        assert!(error.hint().expect("a hint").contains(PINNED));
    }
}
