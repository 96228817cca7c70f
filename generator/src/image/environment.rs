//! What surrounds the command: variables, programs, folders. Read once and
//! handed down, so that tests can stand in another machine.

use crate::image::release::Release;
use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Variables that cargo, rustc and the linker need to find their things or to
/// reach a registry. Whatever else there is, `RUSTFLAGS` and `CARGO_PROFILE_…`
/// first of all, stays out of kernel builds: the same sources and the same
/// compiler make the same bytes.
const PASSED_ON: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_AUTO_INSTALL",
    "RUSTUP_DIST_SERVER",
    "RUSTUP_UPDATE_ROOT",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// Families of such variables: how cargo reaches its registries.
const PASSED_ON_PREFIXES: &[&str] = &[
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
    "CARGO_SOURCE_",
];

/// The surroundings of one run.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    executable: Option<PathBuf>,
}

impl Environment {
    /// Those of this process.
    pub fn current() -> Self {
        Self {
            variables: env::vars_os().collect(),
            executable: env::current_exe().ok(),
        }
    }

    /// The same with a variable set.
    pub fn with(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Those of a command at that path, with no variables at all.
    #[cfg(test)]
    pub fn installed_at(executable: PathBuf) -> Self {
        Self {
            variables: BTreeMap::new(),
            executable: Some(executable),
        }
    }

    /// A variable's value; one that is empty counts as not set.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// A program's path: the first executable of that name on `PATH`.
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        env::split_paths(self.get("PATH")?)
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join(program))
            .find(|path| is_executable(path))
    }

    /// Where kernels and compressed files are kept between runs.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        let from = |name| {
            self.get(name)
                .map(PathBuf::from)
                .filter(|p| p.is_absolute())
        };
        self.get("APPLGEN_CACHE")
            .map(PathBuf::from)
            .or_else(|| from("XDG_CACHE_HOME").map(|p| p.join("applgen")))
            .or_else(|| from("HOME").map(|p| p.join(".cache/applgen")))
            .and_then(|path| std::path::absolute(path).ok())
    }

    /// Where cargo keeps what it downloads.
    pub fn cargo_home(&self) -> Option<PathBuf> {
        self.get("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| self.get("HOME").map(|home| Path::new(home).join(".cargo")))
            .and_then(|path| std::path::absolute(path).ok())
    }

    /// What this command carries, if it is a release; `APPLGEN_KERNELS=compile`
    /// passes it over.
    pub fn release(&self) -> Option<Release> {
        if self
            .get("APPLGEN_KERNELS")
            .is_some_and(|it| it == "compile")
        {
            return None;
        }
        Release::of(self.executable.as_deref()?)
    }

    /// What compilers are started with; their language is set to English.
    pub fn for_compilers(&self) -> impl Iterator<Item = (OsString, OsString)> {
        self.variables
            .iter()
            .filter(|(name, _)| {
                name.to_str().is_some_and(|name| {
                    PASSED_ON.contains(&name)
                        || PASSED_ON_PREFIXES.iter().any(|p| name.starts_with(p))
                })
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .chain([("LC_ALL".into(), "C".into())])
    }
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_code_does_not_reach_compilers() {
        let environment = Environment::default()
            .with("PATH", "/usr/bin")
            .with("RUSTFLAGS", "-Ctarget-cpu=native")
            .with("CARGO_ENCODED_RUSTFLAGS", "-Copt-level=0")
            .with("CARGO_BUILD_RUSTFLAGS", "-Copt-level=0")
            .with("CARGO_PROFILE_APPLIANCE_OPT_LEVEL", "0")
            .with("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", "ld")
            .with("CARGO_INCREMENTAL", "1")
            .with("RUSTC_WRAPPER", "sccache")
            .with("RUSTC_BOOTSTRAP", "1")
            .with("RUSTUP_TOOLCHAIN", "nightly")
            .with("CFLAGS", "-O0")
            .with("LIBRARY_PATH", "/tmp")
            .with("CARGO_NET_OFFLINE", "true");
        let names: Vec<_> = environment.for_compilers().map(|(name, _)| name).collect();
        assert_eq!(names, ["CARGO_NET_OFFLINE", "PATH", "LC_ALL"]);
    }

    #[test]
    fn the_cache_lies_where_the_nearest_variable_says() {
        let home = Environment::default().with("HOME", "/me");
        let dir = |e: &Environment| e.cache_dir().expect("a folder");
        assert_eq!(dir(&home), Path::new("/me/.cache/applgen"));
        let xdg = home.with("XDG_CACHE_HOME", "/var/cache");
        assert_eq!(dir(&xdg), Path::new("/var/cache/applgen"));
        let own = xdg.with("APPLGEN_CACHE", "/kernels");
        assert_eq!(dir(&own), Path::new("/kernels"));
        assert_eq!(Environment::default().cache_dir(), None);
    }

    #[test]
    fn programs_are_found_in_the_order_of_the_path() {
        let (first, second) = (tempfile::tempdir(), tempfile::tempdir());
        let (first, second) = (first.expect("a folder"), second.expect("a folder"));
        std::fs::write(first.path().join("cc"), "not executable").expect("writes");
        std::fs::write(second.path().join("cc"), "").expect("writes");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(second.path().join("cc"), mode).expect("sets");
        let path = env::join_paths([first.path(), second.path()]).expect("joins");
        let environment = Environment::default().with("PATH", path);
        assert_eq!(environment.find("cc"), Some(second.path().join("cc")));
        assert_eq!(environment.find("ld"), None);
    }
}
