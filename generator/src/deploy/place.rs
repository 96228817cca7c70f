//! A place in a deployment repository: one site on one target, a folder of its
//! own, `SITE/TARGET/`.

use std::fmt;

use crate::{failure::Failure, image::Target, report::Diagnostic};

use super::git::Git;

/// One site on one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The site's name.
    pub site: String,
    /// The target's suffix: a repository may hold targets that this version
    /// does not know.
    pub target: String,
}

impl Place {
    /// Of a site with this name; refused where the name cannot be a folder in
    /// every descriptor and shell that it will stand in.
    pub fn new(site: &str, target: Target) -> Result<Self, Failure> {
        if is_name(site) {
            Ok(Self {
                site: site.to_owned(),
                target: target.suffix().to_owned(),
            })
        } else {
            Err(Failure::environment(
                Diagnostic::error(format!(
                    "a site cannot be deployed under the name `{}`",
                    site.escape_debug()
                ))
                .hint("give it another: `--name NAME`, without quotes, slashes, `$` or control characters, and not beginning with `.` or `-`"),
            ))
        }
    }

    /// The folder in the repository.
    pub fn folder(&self) -> String {
        format!("{}/{}", self.site, self.target)
    }

    /// The path of a file in it.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{}/{name}", self.site, self.target)
    }

    /// The name of the image.
    pub fn image_name(&self) -> String {
        format!("{}.{}", self.site, self.target)
    }

    /// The name of one of its deploys, which is also its tag: what a reference
    /// cannot hold is percent-encoded (git-check-ref-format(1)).
    pub fn deploy_name(&self, number: u64) -> String {
        let mut name = String::new();
        for character in self.site.chars() {
            let refused = character.is_whitespace() || "~^:?*[\\%@{".contains(character);
            // Two dots in a row, a dot at the end, `.lock` at the end.
            if refused || character == '.' {
                let mut buffer = [0; 4];
                for byte in character.encode_utf8(&mut buffer).bytes() {
                    name.push_str(&format!("%{byte:02X}"));
                }
            } else {
                name.push(character);
            }
        }
        // Names are better read with their dots, where they may have them.
        let dotted = name.replace("%2E", ".");
        let allowed = !dotted.contains("..")
            && !dotted.ends_with('.')
            && !dotted.to_ascii_lowercase().ends_with(".lock");
        let name = if allowed { dotted } else { name };
        format!("{name}/{}/{number}", self.target)
    }

    /// All places that a commit has, by name: wherever there is a statement.
    pub fn all_in(git: &Git, commit: &str) -> Result<Vec<Self>, Failure> {
        let names = git.bytes(["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit])?;
        let mut places: Vec<Self> = names
            .split(|&byte| byte == 0)
            .filter_map(|name| std::str::from_utf8(name).ok())
            .filter_map(|name| {
                let mut parts = name.split('/');
                let (site, target) = (parts.next()?, parts.next()?);
                let last = parts.next()? == super::statement::FILE_NAME && parts.next().is_none();
                (last && is_name(site) && is_name(target)).then(|| Self {
                    site: site.to_owned(),
                    target: target.to_owned(),
                })
            })
            .collect();
        places.sort();
        Ok(places)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.folder())
    }
}

/// What a folder of a site or a target may be called.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.starts_with(['.', '-'])
        && !name
            .chars()
            .any(|c| c.is_control() || matches!(c, '/' | '\\' | '"' | '\'' | '`' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_mean_something_else_are_refused() {
        for name in ["talk", "my talk", "example.org", "vortrag-ä"] {
            assert!(Place::new(name, Target::Unix).is_ok(), "{name}");
        }
        for name in ["", ".git", "..", "-x", "a/b", "a\nb", "a\"b", "$x"] {
            assert!(Place::new(name, Target::Unix).is_err(), "{name}");
        }
    }

    #[test]
    fn tags_are_references_and_different_for_different_sites() {
        let tag = |site: &str| {
            let place = Place::new(site, Target::Unix).unwrap();
            place.deploy_name(7)
        };
        assert_eq!(tag("example.org"), "example.org/unix/7");
        assert_eq!(tag("my talk"), "my%20talk/unix/7");
        assert_ne!(tag("my talk"), tag("my%20talk"));
        let folder = tempfile::tempdir().unwrap();
        let git = Git::at(folder.path());
        for site in ["my talk", "a..b", "a.lock", "a.", "a@{b", "a~^:?*[b", "ä"] {
            let name = format!("refs/tags/{}", tag(site));
            assert!(git.holds(["check-ref-format", &name]), "{name}");
        }
    }
}
