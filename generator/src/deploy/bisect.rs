//! Finding the deploy that broke something: a binary search over the deploys of
//! one place, with the exit codes of `git bisect run` (git-bisect(1)).

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    failure::Failure,
    image::write::IMAGE_MODE,
    report::{self, Diagnostic},
};

use super::{git::Git, history::Deploy, probe};

fn refuse(message: String, hint: &str) -> Failure {
    Failure::environment(Diagnostic::error(message).hint(hint))
}

/// What a test says of a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Good,
    /// It does not.
    Bad,
    /// It cannot be said.
    Skip,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The first bad one, by its place in the list.
    First(usize),
    /// One of these: those between could not be judged.
    Among(std::ops::RangeInclusive<usize>),
}

/// Searches `count` deploys, the oldest first, of which the first is good and
/// the last is bad.
pub fn search<E>(
    count: usize,
    mut test: impl FnMut(usize) -> Result<Verdict, E>,
) -> Result<Found, E> {
    let (mut good, mut bad) = (0, count.saturating_sub(1));
    let mut skipped = Vec::new();
    loop {
        // The candidate nearest to the middle that can be judged.
        let middle = good + (bad - good) / 2;
        let next = (good + 1..bad)
            .filter(|index| !skipped.contains(index))
            .min_by_key(|index| index.abs_diff(middle));
        let Some(next) = next else {
            return Ok(if good + 1 >= bad {
                Found::First(bad)
            } else {
                Found::Among(good + 1..=bad)
            });
        };
        match test(next)? {
            Verdict::Good => good = next,
            Verdict::Bad => bad = next,
            Verdict::Skip => skipped.push(next),
        }
    }
}

/// Runs the test on one deploy, whose image runs meanwhile if it can here.
pub fn test(git: &Git, deploy: &Deploy, command: &str) -> Result<Verdict, Failure> {
    let place = deploy.place();
    let scratch = tempfile::tempdir().map_err(|error| {
        refuse(
            format!("no temporary folder can be made: {error}"),
            "set `TMPDIR` to a folder that you may write to",
        )
    })?;
    // Everything of the deploy, so that descriptors find the image beside them.
    let statement = deploy.statement(git)?;
    for name in statement.files.keys() {
        let object = format!("{}:{}", deploy.commit, place.path(name));
        let bytes = git.bytes(["cat-file", "blob", &object])?;
        let path = scratch.path().join(name);
        let mode = if *name == place.image_name() || bytes.starts_with(b"#!") {
            IMAGE_MODE
        } else {
            0o644
        };
        fs::write(&path, bytes)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
            .map_err(|error| {
                refuse(
                    format!("`{}` cannot be written: {error}", path.display()),
                    "free some space",
                )
            })?;
    }
    let image = scratch.path().join(place.image_name());
    let features = features(&scratch.path().join(format!("{}.json", place.image_name())));
    let running = if probe::runs_here(&deploy.target) {
        match probe::Running::start(&image, &features) {
            Ok(running) => Some(running),
            Err(why) => {
                report::say(&format!("{}: {why}", deploy.name));
                None
            }
        }
    } else {
        None
    };
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .env("APPLGEN_IMAGE", &image)
        .env("APPLGEN_DEPLOY", &deploy.name)
        .env("APPLGEN_COMMIT", &deploy.commit)
        .stdin(Stdio::null());
    if let Some(running) = &running {
        for (variable, service) in [("APPLGEN_URL", "http"), ("APPLGEN_DNS", "dns")] {
            if let Some(address) = running.address(service) {
                // A test writes its path after it: `$APPLGEN_URL/feed.xml`.
                shell.env(variable, address.trim_end_matches('/'));
            }
        }
    }
    // Data goes to standard output, and a test's words are none.
    let status = shell.stdout(std::io::stderr()).status().map_err(|error| {
        refuse(
            format!("the test cannot be started: {error}"),
            "is `sh` there?",
        )
    })?;
    match status.code() {
        Some(0) => Ok(Verdict::Good),
        Some(125) => Ok(Verdict::Skip),
        Some(1..=127) => Ok(Verdict::Bad),
        _ => Err(refuse(
            format!("the test ended with {status} on `{}`", deploy.name),
            "its exit code is to be 0 when a deploy is good, 125 when it cannot be said, another below 128 when it is bad",
        )),
    }
}

fn features(manifest: &Path) -> Vec<String> {
    let manifest: serde_json::Value = fs::read(manifest)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let list = manifest
        .get("features")
        .and_then(serde_json::Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|feature| feature.get("name")?.as_str().map(str::to_owned))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_in_few_steps() {
        for count in 2..70 {
            for fault in 1..count {
                let mut steps = 0;
                let found = search(count, |index| {
                    steps += 1;
                    assert!((1..count - 1).contains(&index));
                    Ok::<_, ()>(if index < fault {
                        Verdict::Good
                    } else {
                        Verdict::Bad
                    })
                });
                assert_eq!(found, Ok(Found::First(fault)));
                assert!(steps <= count.ilog2() + 1, "{steps} of {count}");
            }
        }
    }

    #[test]
    fn what_cannot_be_judged_is_worked_around() {
        let skip = |skipped: std::ops::RangeInclusive<usize>| {
            search(20, move |index| {
                Ok::<_, ()>(match index {
                    index if skipped.contains(&index) => Verdict::Skip,
                    index if index < 12 => Verdict::Good,
                    _ => Verdict::Bad,
                })
            })
        };
        assert_eq!(skip(3..=10), Ok(Found::First(12)));
        assert_eq!(skip(10..=13), Ok(Found::Among(10..=14)));
        assert_eq!(skip(1..=18), Ok(Found::Among(1..=19)));
    }
}
