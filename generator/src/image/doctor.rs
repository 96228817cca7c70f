//! What this machine has and lacks for making images, and how to get it.
//!
//! With a cached or prebuilt kernel nothing here is needed; a check that fails
//! says what it would be for.

use crate::image::{
    environment::Environment,
    sources::Sources,
    store::{Lookup, Store},
    target::{TRIPLE, Target},
    toolchain::{self, PINNED},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is called.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// How it stands.
    pub state: State,
    /// What to do about it, when it is not as it should be.
    pub hint: Option<String>,
}

/// How a thing stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// There and as it should be; the text says which version, or where.
    Good(String),
    /// There, but not as it should be; the text says how it differs.
    Differs(String),
    /// Not there, and needed.
    Missing,
    /// Not there, and needed only for what its purpose says.
    Absent,
}

impl Check {
    /// Whether something is to be done before images can be made.
    pub fn is_bad(&self) -> bool {
        matches!(self.state, State::Missing)
    }

    fn good(name: &'static str, purpose: &'static str, detail: String) -> Self {
        Self {
            name,
            purpose,
            state: State::Good(detail),
            hint: None,
        }
    }

    fn other(name: &'static str, purpose: &'static str, state: State, hint: String) -> Self {
        Self {
            name,
            purpose,
            state,
            hint: Some(hint),
        }
    }
}

/// Looks at this machine.
pub fn doctor() -> Vec<Check> {
    examine(&Environment::current())
}

fn examine(environment: &Environment) -> Vec<Check> {
    let mut checks = vec![
        compiler(environment, "cargo", "compiles a kernel that is not cached"),
        compiler(environment, "rustc", "compiles a kernel that is not cached"),
        standard_library(environment),
        program(environment, "cc", "links kernels", "gcc libc6-dev", true),
        static_libc(environment),
        program(
            environment,
            "git",
            "tells a site's commit and the dates of its files",
            "git",
            false,
        ),
    ];
    let sources = Sources::embedded().sha256();
    let carries_all = environment.release().is_some_and(|release| {
        let has = |target: &Target| release.count(*target, &sources) > 0;
        Target::ALL.iter().all(has)
    });
    if carries_all {
        // A release compiles nothing, unless it is told to.
        for check in &mut checks {
            if check.state == State::Missing {
                check.state = State::Absent;
            }
        }
    }
    checks.extend(caches(environment));
    checks.extend([
        program(
            environment,
            "qemu-system-x86_64",
            "boots `--kvm` images in `applgen run`",
            "qemu-system-x86",
            false,
        ),
        program(
            environment,
            "xl",
            "starts `--xen` images on a Xen host",
            "xen-utils",
            false,
        ),
    ]);
    checks
}

/// A part of the Rust toolchain, held to the release that kernels are meant for.
fn compiler(environment: &Environment, name: &'static str, purpose: &'static str) -> Check {
    let hint = format!("rustup toolchain install {PINNED} --profile minimal (https://rustup.rs)");
    let Some(path) = environment.find(name) else {
        return Check::other(name, purpose, State::Missing, hint);
    };
    match toolchain::run(environment, &path, &["-V"]) {
        Err(error) => Check::other(name, purpose, State::Differs(error.to_string()), hint),
        Ok(version) => {
            let version = version.trim_end().to_owned();
            if version.split(' ').nth(1) == Some(PINNED) {
                Check::good(name, purpose, version)
            } else {
                let state =
                    State::Differs(format!("{version}, and kernels are meant for {PINNED}"));
                Check::other(name, purpose, state, hint)
            }
        }
    }
}

fn standard_library(environment: &Environment) -> Check {
    const NAME: &str = "rust-std";
    const PURPOSE: &str = "the standard library that kernels are linked with";
    let sysroot = environment
        .find("rustc")
        .and_then(|rustc| toolchain::run(environment, &rustc, &["--print", "sysroot"]).ok());
    let library = sysroot.map(|s| Path::new(s.trim_end()).join("lib/rustlib").join(TRIPLE));
    match library.filter(|path| path.is_dir()) {
        Some(_) => Check::good(NAME, PURPOSE, TRIPLE.to_owned()),
        None => Check::other(
            NAME,
            PURPOSE,
            State::Missing,
            format!("rustup target add {TRIPLE} --toolchain {PINNED}"),
        ),
    }
}

fn static_libc(environment: &Environment) -> Check {
    const PURPOSE: &str = "is linked into kernels, which need no other file";
    let found = environment
        .find("cc")
        .and_then(|cc| toolchain::run(environment, &cc, &["-print-file-name=libc.a"]).ok())
        .map(|path| PathBuf::from(path.trim_end()))
        .filter(|path| path.is_absolute() && path.is_file());
    match found {
        Some(path) => {
            let path = fs::canonicalize(&path).unwrap_or(path);
            Check::good("libc.a", PURPOSE, path.display().to_string())
        }
        None => Check::other("libc.a", PURPOSE, State::Missing, debian("libc6-dev")),
    }
}

fn program(
    environment: &Environment,
    name: &'static str,
    purpose: &'static str,
    package: &str,
    needed: bool,
) -> Check {
    let state = match environment.find(name) {
        Some(path) => return Check::good(name, purpose, path.display().to_string()),
        None if needed => State::Missing,
        None => State::Absent,
    };
    Check::other(name, purpose, state, debian(package))
}

fn debian(package: &str) -> String {
    format!("on Debian: apt-get install {package}")
}

/// The folder that kernels are kept in, and whether it has this version's.
fn caches(environment: &Environment) -> Vec<Check> {
    const PURPOSE: &str = "keeps compiled kernels, so that builds need no compiler";
    let Some(folder) = environment.cache_dir() else {
        let hint = "set `APPLGEN_CACHE` to a folder".to_owned();
        return vec![Check::other("cache", PURPOSE, State::Missing, hint)];
    };
    let store = Store::in_folder(&folder);
    let sources = Sources::embedded().sha256();
    let release = environment.release();
    let mut checks = Vec::new();
    for target in Target::ALL {
        let mut kernels = store.of_target(*target, &sources).into_iter();
        let carried = release
            .as_ref()
            .map_or(0, |release| release.count(*target, &sources));
        let name = match target {
            Target::Unix => "kernel unix",
            Target::Tap => "kernel tap",
            Target::Kvm => "kernel kvm",
            Target::Xen => "kernel xen",
        };
        const PURPOSE: &str = "what images of this target start with";
        if carried > 0 {
            let detail = format!("{carried} in this release");
            checks.push(Check::good(name, PURPOSE, detail));
            continue;
        }
        checks.push(match kernels.next() {
            Some(kernel) => Check::good(
                name,
                PURPOSE,
                format!(
                    "{} bytes, compiled by {}",
                    kernel.elf.len(),
                    kernel.record.compiler
                ),
            ),
            None => Check::other(
                name,
                PURPOSE,
                State::Absent,
                "the next build compiles it".to_owned(),
            ),
        });
    }

    let keys = store.keys();
    let damaged = keys
        .iter()
        .filter(|key| matches!(store.load(key), Lookup::Damaged))
        .count();
    let size = bytes_in(&folder);
    let what = format!(
        "{}: {} kernels, {}.{} MB",
        folder.display(),
        keys.len(),
        size / 1_000_000,
        size / 100_000 % 10
    );
    checks.push(if damaged == 0 {
        Check::good("cache", PURPOSE, what)
    } else {
        Check::other(
            "cache",
            PURPOSE,
            State::Differs(format!("{what}, {damaged} damaged")),
            "damaged kernels are compiled anew when they are needed".to_owned(),
        )
    });
    checks
}

/// The size of all files under a folder; links are not followed.
fn bytes_in(folder: &Path) -> u64 {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => bytes += metadata.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_can_make_images() {
        let folder = tempfile::tempdir().expect("a folder");
        let environment = Environment::current().with("APPLGEN_CACHE", folder.path());
        for check in examine(&environment) {
            assert!(!check.is_bad(), "{check:?}");
        }
    }

    #[test]
    fn a_bare_machine_is_told_how_to_get_each_thing() {
        let folder = tempfile::tempdir().expect("a folder");
        let bare = Environment::default()
            .with("PATH", folder.path())
            .with("HOME", folder.path());
        let checks = examine(&bare);
        let bad: Vec<_> = checks
            .iter()
            .filter(|c| c.is_bad())
            .map(|c| c.name)
            .collect();
        assert_eq!(bad, ["cargo", "rustc", "rust-std", "cc", "libc.a"]);
        for check in checks {
            let good = matches!(check.state, State::Good(_));
            assert_eq!(check.hint.is_none(), good, "{check:?}");
        }
    }
}
