//! Whether what is deployed is what was deployed: hashes, signatures, and that
//! nobody went back behind a host's back.

use std::{collections::BTreeMap, fs};

use crate::{failure::Failure, image::digest::sha256};

use super::{
    git::Git,
    history,
    package::{self, Signature},
    place::Place,
    sign::Verifier,
    statement::{self, Statement},
};

/// Where the revision is kept that was good last.
pub const REMEMBERED: &str = "refs/applgen/verified";

/// What is wrong with one place, in sentences; nothing when it is good.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What is wrong.
    pub wrong: Vec<String>,
    /// Whether there is a signature that no key was given for.
    pub unchecked: bool,
    /// The statement, where it can be read.
    pub statement: Option<Statement>,
}

/// Verifies a place in a commit.
pub fn place(git: &Git, commit: &str, place: &Place, keys: &[Verifier]) -> Verdict {
    let mut verdict = Verdict::default();
    let statement = match history::statement_at(git, commit, place) {
        None => {
            verdict
                .wrong
                .push("there is no statement of what is deployed".to_owned());
            return verdict;
        }
        Some(Err(why)) => {
            verdict
                .wrong
                .push(format!("`{}`: {why}", statement::FILE_NAME));
            return verdict;
        }
        Some(Ok(statement)) => statement,
    };
    for (name, hash) in &statement.files {
        match git.file(commit, &place.path(name)) {
            None => verdict.wrong.push(format!("`{name}` is missing")),
            Some(bytes) if sha256(&bytes) != *hash => {
                verdict.wrong.push(format!(
                    "`{name}` is not what was deployed: its hash is another"
                ));
            }
            Some(_) => {}
        }
    }
    let image = place.image_name();
    let blob = |name: &str| git.file(commit, &place.path(name));
    if let (Some(bytes), Some(text)) = (blob(&image), blob(&format!("{image}.json"))) {
        match package::check(place, &bytes, &text) {
            Err(why) => verdict.wrong.push(format!("`{image}`: {why}")),
            Ok((manifest, facts)) => {
                let source = manifest.source.map(|source| (source.commit, source.dirty));
                if source != statement.source || package::serials(&facts) != statement.serials {
                    verdict.wrong.push(format!(
                        "`{image}.json` and `{}` contradict each other",
                        statement::FILE_NAME
                    ));
                }
            }
        }
    }
    for name in [statement::FILE_NAME, image.as_str()] {
        let signature = package::signature_of(git, commit, place, name, keys);
        match signature {
            Signature::Good => {}
            Signature::None if keys.is_empty() => {}
            Signature::NotOurs if keys.is_empty() => verdict.unchecked = true,
            Signature::None => verdict.wrong.push(format!("`{name}` is not signed")),
            Signature::NotOurs => verdict.wrong.push(format!(
                "`{name}` is signed, but not by a key that was given, or not as it is now"
            )),
        }
    }
    verdict.statement = Some(statement);
    verdict
}

/// What differs on the disk from what a statement names.
pub fn on_disk(top: &std::path::Path, place: &Place, statement: &Statement) -> Vec<String> {
    let folder = top.join(&place.site).join(&place.target);
    let mut wrong = Vec::new();
    for (name, hash) in &statement.files {
        match fs::read(folder.join(name)) {
            Ok(bytes) if sha256(&bytes) == *hash => {}
            Ok(_) => wrong.push(format!("`{name}` on the disk is not what was deployed")),
            Err(error) => wrong.push(format!("`{name}` on the disk cannot be read: {error}")),
        }
    }
    wrong
}

/// Whether `head` goes back behind `seen`: in history, or in a zone's serial.
/// The keys decide whether a rollback counts; without keys every stated one does.
pub fn downgrades(
    git: &Git,
    seen: &str,
    head: &str,
    keys: &[Verifier],
) -> Result<Vec<String>, Failure> {
    let short = |commit: &str| commit.get(..12).unwrap_or(commit).to_owned();
    if !git.holds(["merge-base", "--is-ancestor", seen, head]) {
        return Ok(vec![format!(
            "{} does not descend from {}, which was seen before",
            short(head),
            short(seen)
        )]);
    }
    let mut wrong = Vec::new();
    // The highest serial of each zone of each place, over all that was committed since.
    let mut highest: BTreeMap<(Place, String), u32> = BTreeMap::new();
    let range = format!("{seen}..{head}");
    let commits = git.text(["rev-list", "--first-parent", "--reverse", &range])?;
    for commit in std::iter::once(seen).chain(commits.lines()) {
        for place in Place::all_in(git, commit)? {
            let Some(Ok(statement)) = history::statement_at(git, commit, &place) else {
                continue;
            };
            let excused = statement.rollback.is_some()
                && (keys.is_empty()
                    || package::signature_of(git, commit, &place, statement::FILE_NAME, keys)
                        == Signature::Good);
            for (zone, &serial) in &statement.serials {
                let before = highest.get(&(place.clone(), zone.clone())).copied();
                let lower = before.is_some_and(|old| package::serial_is_lower(serial, old));
                if lower && !excused {
                    let old = before.unwrap_or_default();
                    wrong.push(format!(
                        "`{}` takes zone `{zone}` from serial {old} back to {serial}, and is no signed rollback",
                        statement.name
                    ));
                }
                highest.insert((place.clone(), zone.clone()), serial);
            }
        }
    }
    Ok(wrong)
}
