//! A site in a repository, a deployment repository with a clone, the real
//! binary, and the user's own git with a configuration of the test's.

use std::{
    ffi::OsStr,
    fs,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

pub use crate::ran::Ran;

/// No command takes longer, but for the first that compiles a kernel.
const LONGEST: Duration = Duration::from_secs(300);

/// `talk`, a site in its own repository; `hub.git`, the deployment repository;
/// `ops`, a clone of that.
pub struct Lab {
    folder: tempfile::TempDir,
}

impl Lab {
    pub fn new() -> Self {
        let lab = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::write(
            lab.path("gitconfig"),
            "[user]\nname = Tester\nemail = t@example.org\n[init]\ndefaultBranch = main\n[gc]\nauto = 0\n",
        )
        .unwrap();
        lab.edit("talk/index.html", "<h1>One</h1>");
        lab.edit("talk/other.html", &"<p>Something else.\n".repeat(40));
        lab.git("talk", ["init", "-q"]);
        lab.commit("the first page");
        lab.git(".", ["init", "-q", "--bare", "hub.git"]);
        lab.git(".", ["clone", "-q", "hub.git", "ops"]);
        lab
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, whatever was there.
    pub fn edit(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Commits everything in the site.
    pub fn commit(&self, message: &str) {
        self.git("talk", ["add", "."]);
        self.git("talk", ["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// An edit of the first page, committed.
    pub fn edit_page(&self, content: &str) {
        self.edit("talk/index.html", content);
        self.commit(content);
    }

    /// Git in a folder; what it prints.
    #[track_caller]
    pub fn git<I: AsRef<OsStr>>(
        &self,
        folder: &str,
        arguments: impl IntoIterator<Item = I>,
    ) -> String {
        let mut command = Command::new("git");
        command.args(arguments).current_dir(self.path(folder));
        let ran = self.ran(&mut command);
        assert_eq!(ran.code, Some(0), "{command:?}: {ran:#?}");
        ran.stdout.trim_end().to_owned()
    }

    /// The real binary, in a folder.
    pub fn command(&self, folder: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_applgen"));
        command.current_dir(self.path(folder));
        command
    }

    /// Runs it.
    pub fn run<I: AsRef<OsStr>>(
        &self,
        folder: &str,
        arguments: impl IntoIterator<Item = I>,
    ) -> Ran {
        self.ran(self.command(folder).args(arguments))
    }

    /// Runs a command with the lab's surroundings, and fails if it does not come
    /// to its end. Its output goes through files: what it left running, and must
    /// not have, would hold a pipe open for ever.
    #[track_caller]
    pub fn ran(&self, command: &mut Command) -> Ran {
        self.surround(command);
        let [mut out, mut err] = [0, 1].map(|_| tempfile::tempfile().unwrap());
        let mut child = command
            .stdout(out.try_clone().unwrap())
            .stderr(err.try_clone().unwrap())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if started.elapsed() > LONGEST {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            thread::sleep(Duration::from_millis(2));
        };
        let [stdout, stderr] = [&mut out, &mut err].map(|file| {
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(0)).unwrap();
            file.read_to_end(&mut bytes).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let Some(status) = status else {
            panic!("{command:?} does not end: {stdout}{stderr}");
        };
        Ran {
            code: status.code(),
            stdout,
            stderr,
        }
    }

    /// Kernels are cached for all tests together; clones of addresses are not.
    pub fn surround(&self, command: &mut Command) {
        command
            .env("APPLGEN_CACHE", cache())
            .env("GIT_CONFIG_GLOBAL", self.path("gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("NO_COLOR", "1")
            // What a killed command leaves behind goes with the lab.
            .env("TMPDIR", self.root())
            .stdin(Stdio::null());
    }

    /// `applgen deploy talk --to WHERE`.
    pub fn deploy(&self, to: &str) -> Ran {
        self.run(".", ["deploy", "talk", "--to", to])
    }

    /// The commit of a revision.
    pub fn head(&self, folder: &str) -> String {
        self.git(folder, ["rev-parse", "HEAD"])
    }

    /// How many deploys a repository has.
    pub fn deploys(&self, folder: &str) -> usize {
        let log = self.git(
            folder,
            ["log", "--format=%(trailers:key=Deploy,valueonly)", "HEAD"],
        );
        log.lines().filter(|line| !line.trim().is_empty()).count()
    }

    /// Fails unless the repository is whole.
    #[track_caller]
    pub fn is_whole(&self, folder: &str) {
        self.git(folder, ["fsck", "--full", "--strict"]);
    }
}

/// The cache of the golden tests too: kernels are compiled once.
pub fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache")
}

/// Makes a script that may be run.
pub fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
