//! `[deploy]` of `applgen.toml`: what `applgen deploy SITE` takes when the
//! command line does not say it.
//!
//! ```toml
//! [deploy]
//! to = "git@example.org:deploy.git"    # or a folder, from the site's own
//! name = "talk"
//! targets = ["unix", "xen"]
//! branch = "main"
//! host-dir = "/srv/deploy"
//! ```
//!
//! Keys to sign with are a person's or a machine's, and have no place here.

use toml_edit::{Item, TableLike};

use super::{Reader, in_backticks};
use crate::{image::Target, report::did_you_mean};

/// Keys of `[deploy]`.
pub(super) const DEPLOY_KEYS: [&str; 5] = ["to", "name", "targets", "branch", "host-dir"];

/// What `[deploy]` says; the command line is stronger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployConfig {
    /// `to`: the deployment repository, an address or a folder; a relative one
    /// counts from the folder that the file is in.
    pub to: Option<String>,
    /// `name`: what the site is deployed as.
    pub name: Option<String>,
    /// `targets`: what images are made for.
    pub targets: Vec<Target>,
    /// `branch`: where the repository does not say it itself.
    pub branch: Option<String>,
    /// `host-dir`: where hosts keep their clone.
    pub host_dir: Option<String>,
}

impl Reader<'_> {
    pub(super) fn deploy(&mut self, table: &dyn TableLike) -> DeployConfig {
        self.known(table, "deploy.", &DEPLOY_KEYS);
        DeployConfig {
            to: self.nonempty(table, "to"),
            name: self.nonempty(table, "name"),
            targets: self.targets(table),
            branch: self.nonempty(table, "branch"),
            host_dir: self.nonempty(table, "host-dir"),
        }
    }

    fn nonempty(&mut self, table: &dyn TableLike, key: &str) -> Option<String> {
        let (text, span) = self.string(table, key)?;
        // Git would take it for an option.
        if text.is_empty() || text.starts_with('-') {
            let what = if text.is_empty() {
                "is empty"
            } else {
                "begins with `-`"
            };
            self.error(
                span,
                &format!("`deploy.{key}` {what}"),
                "write what you mean, or remove the key",
            );
            return None;
        }
        Some(text)
    }

    fn targets(&mut self, table: &dyn TableLike) -> Vec<Target> {
        let Some(item) = table.get("targets") else {
            return Vec::new();
        };
        let Some(list) = item.as_array() else {
            self.error(
                item.span(),
                &format!(
                    "`deploy.targets` must be a list, and this is {}",
                    Item::type_name(item)
                ),
                "write `targets = [\"unix\", \"xen\"]`",
            );
            return Vec::new();
        };
        let names: Vec<&str> = Target::ALL.iter().map(|target| target.suffix()).collect();
        let mut targets = Vec::new();
        for value in list {
            let name = value.as_str().unwrap_or_default();
            match Target::from_suffix(name) {
                Some(target) => targets.push(target),
                None => {
                    let hint = match did_you_mean(name, names.iter().copied()) {
                        Some(close) => format!("did you mean `{close}`?"),
                        None => format!("one of {}", in_backticks(&names)),
                    };
                    let shown = value.to_string();
                    self.error(
                        value.span(),
                        &format!("`{}` is no target", shown.trim().trim_matches('"')),
                        &hint,
                    );
                }
            }
        }
        targets
    }
}
