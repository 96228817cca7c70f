//! Forgetting old deploys: what that would save, and doing it in one clone.
//!
//! Nothing is pushed ([`super::forgotten`] does that when told), and nothing that
//! is kept changes but the ids of commits: the oldest that stays loses its parents,
//! so those after it get new ids. A host that follows refuses such a head as a
//! downgrade, until it is told.

use std::{collections::HashSet, io};

use crate::{failure::Failure, report::Diagnostic};

use super::{forgotten::Forgotten, git::Git, repository::Repository, trailers};

/// What a repository would come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The commits on the branch now.
    pub commits: usize,
    /// Those that stay.
    pub kept: usize,
    /// What a pack of everything takes, in bytes.
    pub bytes: u64,
    /// What a pack of what stays takes, in bytes.
    pub kept_bytes: u64,
}

/// Looks at the branch that is checked out.
pub fn plan(git: &Git, keep: u32) -> Result<Plan, Failure> {
    let commits = git.text(["rev-list", "--first-parent", "--count", "HEAD"])?;
    let commits: usize = commits.trim().parse().unwrap_or_default();
    let all = git.text(["rev-list", "--objects", "--no-object-names", "HEAD"])?;
    let kept_range = format!("--max-count={keep}");
    let kept = git.text([
        "rev-list",
        "--first-parent",
        "--objects",
        "--no-object-names",
        &kept_range,
        "HEAD",
    ])?;
    Ok(Plan {
        commits,
        kept: commits.min(keep as usize),
        bytes: packed(git, &all)?,
        kept_bytes: packed(git, &kept)?,
    })
}

/// How long a pack of these objects is.
fn packed(git: &Git, objects: &str) -> Result<u64, Failure> {
    let arguments = ["pack-objects", "--stdout", "--delta-base-offset", "--quiet"];
    let pack = git.bytes_of(arguments, format!("{objects}\n").as_bytes())?;
    Ok(pack.len() as u64)
}

/// Rewrites the branch so that `keep` commits are left, and throws away the rest:
/// at once where there is no remote, else when that has the new history too.
/// The id of the new head.
pub fn rewrite(repository: &Repository, keep: u32) -> Result<String, Failure> {
    let git = repository.git();
    let branch = git.text(["symbolic-ref", "HEAD"])?;
    let old_head = git.text(["rev-parse", "HEAD"])?;
    let kept = git.text([
        "rev-list",
        "--first-parent",
        "--reverse",
        &format!("--max-count={keep}"),
        "HEAD",
    ])?;
    let before = git.text(["rev-list", "HEAD"])?;
    let before: HashSet<&str> = before.lines().collect();
    let mut parent: Option<String> = None;
    // Old and new ids of what stays.
    let mut moved = Vec::new();
    for commit in kept.lines() {
        let object = git.bytes(["cat-file", "commit", commit])?;
        let new = git.text_of(
            ["hash-object", "-t", "commit", "-w", "--stdin"],
            &with_parent(&object, parent.as_deref()).map_err(|error| {
                Failure::environment(Diagnostic::error(format!("commit {commit}: {error}")))
            })?,
        )?;
        moved.push((commit.to_owned(), new.clone()));
        parent = Some(new);
    }
    let new_head = parent.unwrap_or_else(|| old_head.clone());
    let mut forgotten = Forgotten {
        old_head: old_head.clone(),
        ..Forgotten::default()
    };
    let mut transaction = format!("start\nupdate {branch} {new_head} {old_head}\n");
    let tags = git.text([
        "for-each-ref",
        "--format=%(refname) %(objectname) %(*objectname) %(contents:subject)",
        "refs/tags/",
    ])?;
    for line in tags.lines() {
        let mut words = line.splitn(4, ' ');
        let (Some(name), Some(object), Some(commit)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let message = words.next().unwrap_or_default();
        let short = name.trim_start_matches("refs/tags/");
        // Another branch's deploys are not this one's to forget.
        if !before.contains(commit) || !is_deploy(git, commit, short) {
            continue;
        }
        let kept = match moved.iter().find(|(old, _)| old == commit) {
            Some((_, new)) => {
                let tag = repository.tag_object(new, short, message)?;
                transaction.push_str(&format!("update {name} {tag} {object}\n"));
                Some(tag)
            }
            None => {
                transaction.push_str(&format!("delete {name} {object}\n"));
                None
            }
        };
        forgotten.tags.insert(short.to_owned(), kept);
    }
    transaction.push_str("prepare\ncommit\n");
    if repository.upstream().is_some() {
        // What was forgotten earlier counts no more where the clone was put back.
        let put_back = |old: &str| git.holds(["merge-base", "--is-ancestor", old, &old_head]);
        if Forgotten::of(git, repository.branch())?.is_some_and(|known| put_back(&known.old_head)) {
            Forgotten::done(git, repository.branch())?;
        }
        // Before it is forgotten: a command that is killed here changed nothing, and
        // what it wrote is not asked for as long as the remote has the same history.
        forgotten.keep(git, repository.branch())?;
    }
    git.text_of(["update-ref", "--stdin"], transaction.as_bytes())?;
    throw_away(git)?;
    Ok(new_head)
}

/// Throws away what nothing refers to any more.
pub fn throw_away(git: &Git) -> Result<(), Failure> {
    for name in ["refs/applgen/upstream", super::verify::REMEMBERED] {
        // What was seen of the old history would keep all of it.
        let _ = git.text(["update-ref", "-d", name]);
    }
    git.text([
        "reflog",
        "expire",
        "--expire=now",
        "--expire-unreachable=now",
        "--all",
    ])?;
    git.text(["gc", "--quiet", "--prune=now"])?;
    Ok(())
}

/// Whether a tag is one that a deploy made.
fn is_deploy(git: &Git, commit: &str, tag: &str) -> bool {
    let message = git.text([
        "log",
        "-1",
        "--format=%(trailers:only,unfold)",
        commit,
        "--",
    ]);
    message.is_ok_and(|message| trailers::values(&message, "Deploy").any(|name| name == tag))
}

/// A commit object with another parent, or none. A signature on it would no
/// longer be true, and goes.
fn with_parent(object: &[u8], parent: Option<&str>) -> io::Result<Vec<u8>> {
    let text = String::from_utf8_lossy(object);
    let (head, message) = text
        .split_once("\n\n")
        .ok_or_else(|| io::Error::other("it has no message"))?;
    let mut lines = Vec::new();
    let mut skipped = false;
    for line in head.lines() {
        // Lines that begin with a space go on with the field before.
        skipped = if line.starts_with(' ') {
            skipped
        } else {
            line.starts_with("parent ") || line.starts_with("gpgsig")
        };
        if !skipped {
            lines.push(line.to_owned());
        }
        if line.starts_with("tree ")
            && let Some(parent) = parent
        {
            lines.push(format!("parent {parent}"));
        }
    }
    Ok(format!("{}\n\n{message}", lines.join("\n")).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_changes_its_parent_and_loses_its_signature() {
        let object = b"tree 1\nparent 2\nauthor A\ngpgsig -----BEGIN\n x\n -----END\nencoding u\n\nm\n\nparent 2\n";
        assert_eq!(
            with_parent(object, Some("3")).unwrap(),
            b"tree 1\nparent 3\nauthor A\nencoding u\n\nm\n\nparent 2\n"
        );
        assert_eq!(
            with_parent(object, None).unwrap(),
            b"tree 1\nauthor A\nencoding u\n\nm\n\nparent 2\n"
        );
    }
}
