//! Compiling a kernel with cargo: the same bytes on every machine that has the
//! same compiler and the same C library.
//!
//! What could differ is taken out: the environment is a short list, every flag
//! is stated, the compiler is the one behind any proxy, wrappers and a user's
//! own linker are switched off. Paths are remapped: the source tree, cargo's
//! home, the standard library's sources (else the result depends on whether
//! `rust-src` is installed), and each dependency's own folder, whose name holds
//! the registry that it came from.

use crate::image::{
    Progress, environment::Environment, interrupt, target::TRIPLE, target::Target,
    toolchain::Toolchain,
};
use serde::Deserialize;
use std::{
    ffi::OsString,
    fs,
    io::{self, BufRead, BufReader, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};
use thiserror::Error;

/// The separator of `CARGO_ENCODED_RUSTFLAGS`, which lets paths hold spaces.
const FLAG_SEPARATOR: &str = "\u{1f}";

/// Why a kernel was not compiled.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// Crates are missing, and fetching them failed.
    #[error("the crates that the kernel is made of could not be fetched")]
    Fetch {
        /// What cargo said.
        output: String,
    },
    /// The compiler or the linker refused.
    #[error("the kernel did not compile")]
    Compile {
        /// What cargo said.
        output: String,
    },
    /// The sources could not be laid out, or cargo not be run.
    #[error("the kernel could not be compiled: {0}")]
    Io(#[from] io::Error),
}

/// One compilation: which sources, where, by what.
pub struct Compilation<'a> {
    /// The surroundings.
    pub environment: &'a Environment,
    /// The compiler and the C library.
    pub toolchain: &'a Toolchain,
    /// A folder with the sources; what is compiled goes into it too.
    pub folder: &'a Path,
    /// What the kernel runs on.
    pub target: Target,
    /// The cargo features of the kernel's crate.
    pub features: &'a [&'static str],
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
    source: Option<String>,
}

impl Compilation<'_> {
    /// The finished kernel.
    pub fn run(&self, progress: &dyn Progress) -> Result<Vec<u8>, CompileError> {
        let packages = self.packages(progress)?;
        let mut cargo = self.cargo("build");
        cargo
            .args(["--locked", "--offline", "--profile", self.target.profile()])
            .args(["--target", TRIPLE, "--package", self.target.package()])
            .args(["--bin", self.target.binary(), "--no-default-features"])
            .arg(format!("--features={}", self.features.join(",")))
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags(&packages));
        let output = run(cargo, |line| {
            // `   Compiling mio v1.0.4`: the last word may be a path.
            let mut words = line.split_whitespace();
            if words.next() == Some("Compiling")
                && let Some(package) = words.next()
            {
                progress.step(&format!("compiling the kernel: {package}"));
            }
        })?;
        if !output.success {
            return Err(CompileError::Compile {
                output: output.stderr,
            });
        }
        let built = self
            .folder
            .join("target")
            .join(TRIPLE)
            .join(self.target.profile());
        Ok(fs::read(built.join(self.target.binary()))?)
    }

    /// What the kernel is made of; fetched from the registry only when some of
    /// it is not on this machine yet.
    fn packages(&self, progress: &dyn Progress) -> Result<Vec<Package>, CompileError> {
        let list = || {
            let mut cargo = self.cargo("metadata");
            cargo
                .args(["--format-version=1", "--locked", "--offline"])
                .args(["--filter-platform", TRIPLE]);
            run(cargo, |_| {})
        };
        let mut listed = list()?;
        if !listed.success {
            progress.step("fetching the crates that the kernel is made of");
            let mut cargo = self.cargo("fetch");
            cargo.args(["--locked", "--target", TRIPLE]);
            let fetched = run(cargo, |_| {})?;
            if !fetched.success {
                return Err(CompileError::Fetch {
                    output: fetched.stderr,
                });
            }
            listed = list()?;
        }
        if !listed.success {
            return Err(CompileError::Compile {
                output: listed.stderr,
            });
        }
        let metadata: Metadata = serde_json::from_slice(&listed.stdout).map_err(io::Error::from)?;
        Ok(metadata.packages)
    }

    /// All flags, in the encoding that cargo wants. Of several remappings that
    /// fit a path the compiler takes the last.
    fn flags(&self, packages: &[Package]) -> OsString {
        let mut remapped = vec![(self.folder.to_owned(), "/applgen".to_owned())];
        if let Some(home) = self.environment.cargo_home() {
            remapped.push((home, "/cargo".to_owned()));
        }
        if let Some(commit) = &self.toolchain.commit {
            let library = self.toolchain.sysroot.join("lib/rustlib/src/rust");
            remapped.push((library, format!("/rustc/{commit}")));
        }
        for package in packages.iter().filter(|package| package.source.is_some()) {
            if let Some(folder) = package.manifest_path.parent() {
                let name = format!("/cargo/{}-{}", package.name, package.version);
                remapped.push((folder.to_owned(), name));
            }
        }
        let mut flags = OsString::from(self.target.flags().join(FLAG_SEPARATOR));
        for (from, to) in remapped {
            flags.push(FLAG_SEPARATOR);
            flags.push("--remap-path-prefix=");
            flags.push(from);
            flags.push("=");
            flags.push(to);
        }
        flags
    }

    /// Cargo, in the sources' folder and with nothing of the user's settings
    /// that would change code. What is set in a configuration file is
    /// overridden on the command line, or by a variable that goes first.
    fn cargo(&self, command: &str) -> Command {
        let mut linker = OsString::from(format!("target.{TRIPLE}.linker="));
        linker.push(toml_string(&self.toolchain.linker));
        let mut cargo = Command::new(&self.toolchain.cargo);
        cargo
            .arg(command)
            .arg("--config")
            .arg(linker)
            .current_dir(self.folder)
            .env_clear()
            .envs(self.environment.for_compilers())
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "never")
            .env("CARGO_INCREMENTAL", "0")
            .env(
                "CARGO_ENCODED_RUSTFLAGS",
                self.target.flags().join(FLAG_SEPARATOR),
            )
            .env("RUSTC", &self.toolchain.rustc)
            .env("RUSTC_WRAPPER", "")
            .env("RUSTC_WORKSPACE_WRAPPER", "");
        cargo
    }
}

/// A path as a TOML string. One that is not text cannot be said in TOML; then
/// cargo reports the odd name.
fn toml_string(path: &Path) -> String {
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

struct Output {
    success: bool,
    stdout: Vec<u8>,
    stderr: String,
}

/// Runs a program in a process group of its own, so that a signal to us ends it
/// with all that it started, and shows each line of its standard error to `line`.
fn run(mut command: Command, line: impl Fn(&str)) -> io::Result<Output> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let guard = interrupt::end_on_signal(&child)?;
    let mut stdout_pipe = child.stdout.take();
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = &mut stdout_pipe {
            pipe.read_to_end(&mut bytes)?;
        }
        io::Result::Ok(bytes)
    });
    let mut stderr = String::new();
    if let Some(pipe) = child.stderr.take() {
        for text in BufReader::new(pipe).split(b'\n') {
            let text = String::from_utf8_lossy(&text?).into_owned();
            line(&text);
            stderr.push_str(&text);
            stderr.push('\n');
        }
    }
    let stdout = reader
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the reader of standard output failed")))?;
    let status = child.wait()?;
    drop(guard);
    Ok(Output {
        success: status.success(),
        stdout,
        stderr: stderr.trim_end().to_owned(),
    })
}
