//! The user's own git, which does all the work on repositories: credentials,
//! signing, hooks and formats are its business.
//!
//! Nothing here interprets what git says to people; decisions are made from
//! exit codes and from the state of repositories.

use std::{
    ffi::{OsStr, OsString},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use crate::{failure::Failure, report::Diagnostic};

/// Variables that tie git to one repository: what calls applgen may be a hook
/// of another. The list of `git rev-parse --local-env-vars`, without the
/// configuration that a user passes in the environment.
const LOCAL_VARIABLES: [&str; 12] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Git in one folder.
#[derive(Debug, Clone)]
pub struct Git {
    folder: PathBuf,
    settings: Vec<(OsString, OsString)>,
}

/// A git command that did not succeed.
#[derive(Debug)]
pub struct GitError {
    /// The command, as one would type it.
    pub command: String,
    /// What it said, or why it could not be started.
    pub said: String,
}

impl GitError {
    /// The failure of a command that was to do `what`.
    pub fn failure(self, what: &str) -> Failure {
        let diagnostic = Diagnostic::error(format!("{what}: `{}` failed", self.command));
        let said = self.said.trim_end();
        Failure::environment(if said.is_empty() {
            diagnostic
        } else {
            diagnostic.hint(format!("git says:\n{said}"))
        })
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        error.failure("the repository cannot be worked with")
    }
}

impl Git {
    /// In this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            settings: Vec::new(),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The same with a variable in the environment.
    pub fn with(&self, name: &str, value: impl Into<OsString>) -> Self {
        let mut git = self.clone();
        git.settings.push((name.into(), value.into()));
        git
    }

    /// What it prints, whatever that is.
    pub fn bytes<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Result<Vec<u8>, GitError> {
        self.run(arguments, &[])
    }

    /// The same with something on its standard input.
    pub fn bytes_of<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
        input: &[u8],
    ) -> Result<Vec<u8>, GitError> {
        self.run(arguments, input)
    }

    /// What it prints, as text without the last line feed.
    pub fn text<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
    ) -> Result<String, GitError> {
        self.text_of(arguments, &[])
    }

    /// The same with something on its standard input.
    pub fn text_of<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
        input: &[u8],
    ) -> Result<String, GitError> {
        let mut text = String::from_utf8_lossy(&self.run(arguments, input)?).into_owned();
        text.truncate(text.trim_end_matches('\n').len());
        Ok(text)
    }

    /// What it prints if it succeeds, for questions whose answer may be no.
    pub fn ask<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Option<String> {
        self.text(arguments).ok()
    }

    /// Whether a command succeeds.
    pub fn holds<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> bool {
        self.bytes(arguments).is_ok()
    }

    /// The commit that a revision means.
    pub fn commit(&self, revision: &str) -> Option<String> {
        let revision = format!("{revision}^{{commit}}");
        self.ask([
            "rev-parse",
            "--quiet",
            "--verify",
            "--end-of-options",
            &revision,
        ])
    }

    /// A file as it is in a commit.
    pub fn file(&self, commit: &str, path: &str) -> Option<Vec<u8>> {
        self.bytes(["cat-file", "blob", &format!("{commit}:{path}")])
            .ok()
    }

    fn run<I: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = I>,
        input: &[u8],
    ) -> Result<Vec<u8>, GitError> {
        let mut command = Command::new("git");
        command.current_dir(&self.folder).args(arguments);
        for name in LOCAL_VARIABLES {
            command.env_remove(name);
        }
        command
            .env("LC_ALL", "C")
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(if input.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let shown = shown(&command);
        let failed = |said: String| GitError {
            command: shown.clone(),
            said,
        };
        let output = feed(&mut command, input).map_err(|error| {
            failed(match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "git is not installed, or the folder is gone".to_owned()
                }
                _ => error.to_string(),
            })
        })?;
        if output.status.success() {
            Ok(output.stdout)
        } else {
            Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }
}

/// Runs a command with `input`, which is written while its output is read.
fn feed(command: &mut Command, input: &[u8]) -> std::io::Result<Output> {
    let mut child = command.spawn()?;
    let pipe = child.stdin.take();
    std::thread::scope(|threads| {
        threads.spawn(move || {
            if let Some(mut pipe) = pipe {
                // Whoever closes its input early says why by its exit code.
                let _ = pipe.write_all(input);
            }
        });
        child.wait_with_output()
    })
}

/// The command for people: what is longer than can be read is cut.
fn shown(command: &Command) -> String {
    let mut text = "git".to_owned();
    for argument in command.get_args() {
        text.push(' ');
        let argument = without_password(&argument.to_string_lossy());
        if argument.contains(char::is_whitespace) || argument.is_empty() {
            text.push_str(&format!("'{}'", argument.trim_end()));
        } else {
            text.push_str(&argument);
        }
    }
    text
}

/// An address without the user and password that it may hold.
pub fn without_password(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match authority.rsplit_once('@') {
                // The user of an SSH address is part of the address.
                Some((user, host)) if scheme.contains("ssh") && !user.contains(':') => {
                    format!("{scheme}://{user}@{host}{path}")
                }
                Some((_, host)) => format!("{scheme}://{host}{path}"),
                None => url.to_owned(),
            }
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_ever_shown() {
        for (url, shown) in [
            ("https://u:p@example.org/a.git", "https://example.org/a.git"),
            ("https://token@example.org/a@b", "https://example.org/a@b"),
            ("ssh://git@example.org/a", "ssh://git@example.org/a"),
            ("ssh://git:secret@example.org/a", "ssh://example.org/a"),
            ("git@example.org:a.git", "git@example.org:a.git"),
            ("/srv/a b", "/srv/a b"),
        ] {
            assert_eq!(without_password(url), shown);
        }
        let error = Git::at("/")
            .text(["ls-remote", "https://u:hunter2@localhost:1/x"])
            .unwrap_err();
        assert!(!error.command.contains("hunter2"), "{}", error.command);
    }

    #[test]
    fn a_repository_in_the_environment_is_not_the_one_meant() {
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path());
        git.text(["init", "--quiet", "."]).unwrap();
        assert_eq!(git.commit("HEAD"), None);
        // The hash of the blob `x`, as every git has it.
        assert_eq!(
            git.text_of(["hash-object", "--stdin"], b"x").unwrap(),
            "c1b0730e0133447badcfd47fd144e254807b06e1"
        );
    }
}
