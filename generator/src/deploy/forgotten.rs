//! What `deploy prune` forgot in a clone and its remote still has, until that is
//! told: `git push` alone would leave every old tag there.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{failure::Failure, report::Diagnostic};

use super::{git::Git, prune, repository::Repository};

/// In the repository's own folder, what was forgotten on each branch, as JSON.
const FILE_NAME: &str = "applgen.pruned";

/// How many tags one push removes at most: they are arguments of a command.
const TAGS_AT_ONCE: usize = 500;

fn refuse(message: String, hint: &str) -> Failure {
    Failure::environment(Diagnostic::error(message).hint(hint))
}

/// What was forgotten on one branch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// The head before it was rewritten, which the remote has.
    pub old_head: String,
    /// Tags of deploys, with the new object where they were kept.
    pub tags: BTreeMap<String, Option<String>>,
}

type All = BTreeMap<String, Forgotten>;

fn path(git: &Git) -> Result<PathBuf, Failure> {
    Ok(PathBuf::from(git.text(["rev-parse", "--absolute-git-dir"])?).join(FILE_NAME))
}

fn all(git: &Git) -> Result<All, Failure> {
    // A file that cannot be read is none: what it would say is that tags are old,
    // and without it they are as any other clone's.
    let text = fs::read(path(git)?).unwrap_or_default();
    Ok(serde_json::from_slice(&text).unwrap_or_default())
}

fn write(git: &Git, all: &All) -> Result<(), Failure> {
    let path = path(git)?;
    let written = if all.is_empty() {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    } else {
        fs::write(&path, format!("{:#}\n", serde_json::json!(all)))
    };
    written.map_err(|error| {
        refuse(
            format!("`{}` cannot be written: {error}", path.display()),
            "check its permissions, or free some space",
        )
    })
}

impl Forgotten {
    /// What was forgotten on a branch.
    pub fn of(git: &Git, branch: &str) -> Result<Option<Self>, Failure> {
        Ok(all(git)?.remove(branch))
    }

    /// Keeps it; what was forgotten before and is not pushed yet stays known.
    pub fn keep(self, git: &Git, branch: &str) -> Result<(), Failure> {
        let mut all = all(git)?;
        match all.get_mut(branch) {
            Some(before) => before.tags.extend(self.tags),
            None => drop(all.insert(branch.to_owned(), self)),
        }
        write(git, &all)
    }

    /// The remote has it, or the clone was put back.
    pub fn done(git: &Git, branch: &str) -> Result<(), Failure> {
        let mut all = all(git)?;
        match all.remove(branch) {
            Some(_) => write(git, &all),
            None => Ok(()),
        }
    }

    /// Replaces the branch and the tags of the remote, unless somebody deployed
    /// since. The new head.
    pub fn push(repository: &Repository) -> Result<String, Failure> {
        let git = repository.git();
        let branch = repository.branch();
        let shown = repository.shown();
        let (Some(forgotten), Some((remote, there))) =
            (Self::of(git, branch)?, repository.upstream())
        else {
            return Err(refuse(
                format!("nothing was forgotten in `{shown}` that a remote of it still has"),
                "`applgen deploy prune --keep N --rewrite` forgets",
            ));
        };
        let head = git.text(["rev-parse", &format!("refs/heads/{branch}")])?;
        let tip = repository.remote_tip(remote, there)?;
        if ![Some(&head), Some(&forgotten.old_head)].contains(&tip.as_ref()) {
            return Err(refuse(
                format!(
                    "somebody deployed to the remote of `{shown}` after the history was rewritten here"
                ),
                "`git fetch --tags --force && git reset --hard @{u}` takes the rewriting back; then prune again",
            ));
        }
        let lease = |name: &str, expected: &str| format!("--force-with-lease={name}:{expected}");
        let at_remote = repository.remote_tags(remote)?;
        let (mut leases, mut refspecs) = (Vec::new(), Vec::new());
        if tip.as_ref() != Some(&head) {
            let name = format!("refs/heads/{there}");
            leases.push(lease(&name, &forgotten.old_head));
            refspecs.push(format!("{head}:{name}"));
        }
        let mut gone = Vec::new();
        for (tag, new) in &forgotten.tags {
            let name = format!("refs/tags/{tag}");
            let old = at_remote.get(&name);
            match new {
                Some(new) if old != Some(new) => {
                    leases.push(lease(&name, old.map_or("", String::as_str)));
                    refspecs.push(format!("{new}:{name}"));
                }
                Some(_) => {}
                None => gone.extend(old.map(|old| (lease(&name, old), format!(":{name}")))),
            }
        }
        // The branch goes first, with the tags that moved: whatever stops it then
        // leaves tags that are too many, and the next push removes them.
        let mut gone = gone.chunks(TAGS_AT_ONCE);
        loop {
            let removed = gone.next();
            for (lease, refspec) in removed.unwrap_or_default() {
                leases.push(lease.clone());
                refspecs.push(refspec.clone());
            }
            if refspecs.is_empty() {
                break;
            }
            let mut arguments = vec!["push", "--quiet", "--atomic"];
            arguments.extend(leases.iter().map(String::as_str));
            arguments.push(remote);
            arguments.extend(refspecs.iter().map(String::as_str));
            git.text(arguments).map_err(|error| {
                error.failure(&format!(
                    "the remote of `{shown}` did not take the new history"
                ))
            })?;
            leases.clear();
            refspecs.clear();
        }
        // A fetch by hand may have brought back what was forgotten.
        let mut transaction = String::from("start\n");
        for (tag, new) in &forgotten.tags {
            match new {
                Some(new) => transaction.push_str(&format!("update refs/tags/{tag} {new}\n")),
                None => transaction.push_str(&format!("delete refs/tags/{tag}\n")),
            }
        }
        transaction.push_str("prepare\ncommit\n");
        git.text_of(["update-ref", "--stdin"], transaction.as_bytes())?;
        Self::done(git, branch)?;
        prune::throw_away(git)?;
        Ok(head)
    }
}
