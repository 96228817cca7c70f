//! The operator's console over a deployment repository: `log`, `rollback`,
//! `bisect`, `verify`, and `deploy prune`.

use std::{collections::BTreeSet, fmt::Write};

use serde_json::json;

use crate::{
    deploy::{
        bisect as search,
        cli::{Bisect, Log, Prune, Rollback, Selection, Verify},
        forgotten::Forgotten,
        git::Git,
        history::{Deploy, History},
        place::Place,
        prune as pruning,
        repository::{Outcome, Repository},
        rollback as going_back,
        sign::{Signer, Verifier},
        verify::{self as checking, Verdict},
    },
    failure::Failure,
    report::{self, Diagnostic},
};

use super::{bytes, count};

fn refuse(message: String, hint: &str) -> Failure {
    Failure::environment(Diagnostic::error(message).hint(hint))
}

/// Prints what was deployed, the newest first; what is live has a star.
pub fn log(arguments: &Log) -> Result<(), Failure> {
    let selection = &arguments.selection;
    let history = History::of(&selection.repo, &arguments.revision)?;
    tell_shallow(&history);
    let mut deploys = chosen(&history, selection)?;
    deploys.truncate(arguments.max_count.unwrap_or(usize::MAX));
    if arguments.json {
        return super::print(format!("{:#}\n", json!(deploys)).as_bytes());
    }
    let width = deploys
        .iter()
        .map(|d| d.name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for deploy in deploys {
        let short = |hash: &str| hash.chars().take(10).collect::<String>();
        let _ = write!(
            text,
            "{} {:<width$}  {}  {}  ",
            if deploy.live { '*' } else { ' ' },
            deploy.name,
            date(deploy.time),
            short(&deploy.commit),
        );
        let source = deploy.source.as_deref().unwrap_or("unknown");
        let dirty = if deploy.source_dirty { " dirty" } else { "" };
        let _ = write!(text, "from {}{dirty}", short(source));
        if let Some(hash) = &deploy.sha256 {
            let _ = write!(text, "  sha256 {}", short(hash));
        }
        for serial in &deploy.serials {
            let _ = write!(text, "  {serial}");
        }
        if let Some(goal) = &deploy.rollback {
            let _ = write!(text, "  back to {goal}");
        }
        let _ = writeln!(text, "  {}", deploy.subject);
    }
    super::print(text.as_bytes())
}

/// The deploys that options choose, the newest first; those of a place that is
/// not live any more, too.
fn chosen<'h>(history: &'h History, selection: &Selection) -> Result<Vec<&'h Deploy>, Failure> {
    let fits =
        |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
    let deploys: Vec<&Deploy> = history
        .deploys
        .iter()
        .filter(|deploy| {
            fits(&selection.site, &deploy.site) && fits(&selection.target, &deploy.target)
        })
        .collect();
    let all: BTreeSet<Place> = history.deploys.iter().map(Deploy::place).collect();
    if deploys.is_empty() && !all.is_empty() {
        let names: Vec<String> = all.iter().map(|place| format!("`{place}`")).collect();
        return Err(refuse(
            "nothing that was asked for was deployed here".to_owned(),
            &format!("there is {}", names.join(", ")),
        ));
    }
    Ok(deploys)
}

fn tell_shallow(history: &History) {
    if history.shallow {
        report::say(
            "the clone is shallow, so older deploys are not shown; `git fetch --unshallow` brings them",
        );
    }
}

/// A time as `2026-11-28 00:40 UTC`.
fn date(seconds: u64) -> String {
    // `Sat, 28 Nov 2026 00:40:00 GMT`, of which the parts are taken.
    let fixdate = applgen_bundle::date::imf_fixdate(seconds);
    let fixdate = String::from_utf8_lossy(&fixdate).into_owned();
    let part = |from, to| fixdate.get(from..to).unwrap_or_default();
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months
        .iter()
        .position(|m| *m == part(8, 11))
        .map_or(0, |index| index + 1);
    format!(
        "{}-{month:02}-{} {} UTC",
        part(12, 16),
        part(5, 7),
        part(17, 22)
    )
}

/// Goes back; one line for each deploy goes to standard output.
pub fn rollback(arguments: &Rollback) -> Result<(), Failure> {
    let signer = arguments
        .sign
        .as_deref()
        .map(Signer::from_file)
        .transpose()?;
    let selection = &arguments.selection;
    let repository = Repository::open(&selection.repo, None)?;
    let order = going_back::Order {
        revision: arguments.revision.as_deref(),
        site: selection.site.as_deref(),
        target: selection.target.as_deref(),
        signer: signer.as_ref(),
    };
    let (outcome, done) = going_back::rollback(&repository, &order)?;
    let Outcome::Committed(commit) = outcome else {
        return Ok(());
    };
    let mut lines = String::new();
    for (name, goal) in &done {
        report::say(&format!("`{name}` is `{goal}` again"));
        let _ = writeln!(lines, "{name} {commit}");
    }
    super::print(lines.as_bytes())
}

/// Finds the deploy that broke something; its name and commit go to standard output.
pub fn bisect(arguments: &Bisect) -> Result<(), Failure> {
    let selection = &arguments.selection;
    let history = History::of(&selection.repo, "HEAD")?;
    tell_shallow(&history);
    let places = history.places(selection.site.as_deref(), selection.target.as_deref())?;
    let [place] = places.as_slice() else {
        let names: Vec<String> = places.iter().map(ToString::to_string).collect();
        return Err(refuse(
            format!(
                "there is more than one thing to search: {}",
                names.join(", ")
            ),
            "choose one: `--site` and `--target`",
        ));
    };
    let end = |word: &Option<String>| -> Result<Option<u64>, Failure> {
        let Some(word) = word else { return Ok(None) };
        let found = history.find(std::slice::from_ref(place), word)?;
        Ok(found.first().map(|deploy| deploy.number))
    };
    let (good, bad) = (end(&arguments.good)?, end(&arguments.bad)?);
    let deploys: Vec<&Deploy> = history
        .deploys
        .iter()
        .rev()
        .filter(|deploy| deploy.is_at(place))
        .filter(|deploy| good.is_none_or(|good| deploy.number >= good))
        .filter(|deploy| bad.is_none_or(|bad| deploy.number <= bad))
        .collect();
    let (Some(first), Some(last)) = (deploys.first(), deploys.last()) else {
        return Err(refuse(
            "there is no deploy between the good one and the bad one".to_owned(),
            "`applgen log` shows all deploys, the newest first",
        ));
    };
    let try_one = |deploy: &Deploy| {
        let verdict = search::test(&history.git, deploy, &arguments.run)?;
        let word = match verdict {
            search::Verdict::Good => "good",
            search::Verdict::Bad => "bad",
            search::Verdict::Skip => "skipped",
        };
        report::say(&format!("{}: {word}", deploy.name));
        Ok::<_, Failure>(verdict)
    };
    if try_one(last)? != search::Verdict::Bad {
        return Err(refuse(
            format!("`{}` is not bad, so there is nothing to find", last.name),
            "is the test the right one? `--bad REV` names a deploy on which it fails",
        ));
    }
    if deploys.len() == 1 || try_one(first)? != search::Verdict::Good {
        return Err(refuse(
            format!(
                "`{}` is not good, so the fault is older than all that is searched",
                first.name
            ),
            "`--good REV` names a deploy on which the test succeeds",
        ));
    }
    let at = |index: usize| deploys.get(index).copied();
    let found = search::search(deploys.len(), |index| match at(index) {
        Some(deploy) => try_one(deploy),
        None => Ok(search::Verdict::Skip),
    })?;
    let broken: Vec<&Deploy> = match found {
        search::Found::First(index) => at(index).into_iter().collect(),
        search::Found::Among(range) => {
            report::say("it is one of these, which could not be told apart:");
            range.filter_map(at).collect()
        }
    };
    let mut lines = String::new();
    for deploy in &broken {
        report::say(&format!(
            "`{}` broke it: {} (from {}{})",
            deploy.name,
            deploy.subject,
            deploy.source.as_deref().unwrap_or("no known commit"),
            if deploy.source_dirty { " dirty" } else { "" }
        ));
        let _ = writeln!(lines, "{} {}", deploy.name, deploy.commit);
    }
    super::print(lines.as_bytes())
}

/// Verifies; what is good goes to standard output, what is wrong is an error.
pub fn verify(arguments: &Verify) -> Result<(), Failure> {
    let keys: Vec<Verifier> = arguments
        .key
        .iter()
        .map(|key| Verifier::from_file(key))
        .collect::<Result<_, _>>()?;
    let selection = &arguments.selection;
    let history = History::of(&selection.repo, &arguments.revision)?;
    let git = &history.git;
    let mut wrong = Vec::new();
    let mut unchecked = false;
    let mut lines = String::new();
    // What is live has its line already when the whole history follows.
    let mut named = BTreeSet::new();
    let top = work_tree(git, &history.head);
    for place in history.places(selection.site.as_deref(), selection.target.as_deref())? {
        let mut verdict = checking::place(git, &history.head, &place, &keys);
        if let (Some(top), Some(statement)) = (&top, &verdict.statement) {
            verdict.wrong.extend(checking::on_disk(
                std::path::Path::new(top),
                &place,
                statement,
            ));
        }
        unchecked |= verdict.unchecked;
        let line = good_line(&verdict, &place, &keys);
        named.extend(line.as_ref().and(verdict.statement.map(|found| found.name)));
        lines.extend(line);
        wrong.extend(
            verdict
                .wrong
                .into_iter()
                .map(|why| format!("{place}: {why}")),
        );
    }
    if arguments.all {
        for deploy in chosen(&history, selection)? {
            let verdict = checking::place(git, &deploy.commit, &deploy.place(), &keys);
            unchecked |= verdict.unchecked;
            if !named.contains(&deploy.name) {
                lines.extend(good_line(&verdict, &deploy.place(), &keys));
            }
            wrong.extend(
                verdict
                    .wrong
                    .into_iter()
                    .map(|why| format!("{}: {why}", deploy.name)),
            );
        }
    }
    let since = match (&arguments.since, arguments.remember) {
        (Some(since), _) => Some(git.commit(since).ok_or_else(|| {
            refuse(
                format!("there is no revision `{since}` in `{}`", selection.repo),
                "name the commit that was good last",
            )
        })?),
        (None, true) => git.commit(checking::REMEMBERED),
        (None, false) => None,
    };
    if let Some(since) = since {
        wrong.extend(checking::downgrades(git, &since, &history.head, &keys)?);
    }
    if !wrong.is_empty() {
        wrong.dedup();
        return Err(Failure::site(
            Diagnostic::error(format!("this is not to be run:\n{}", wrong.join("\n"))).hint(
                "`applgen log` shows older deploys; `applgen verify REV` says whether one is good",
            ),
        ));
    }
    if arguments.remember {
        git.text(["update-ref", checking::REMEMBERED, &history.head])?;
    }
    if unchecked {
        report::say(
            "there are signatures, which were not checked: give the public key, `--key KEY`",
        );
    }
    super::print(lines.as_bytes())
}

/// The line of what is good, with the image's hash.
fn good_line(verdict: &Verdict, place: &Place, keys: &[Verifier]) -> Option<String> {
    let statement = verdict.statement.as_ref()?;
    if !verdict.wrong.is_empty() {
        return None;
    }
    let signed = if keys.is_empty() { "" } else { ", signed" };
    let hash = statement.files.get(&place.image_name());
    Some(format!(
        "{}: sha256 {}{signed}\n",
        statement.name,
        hash.map_or("", String::as_str)
    ))
}

/// The top of the work tree, when it has this commit checked out.
fn work_tree(git: &Git, head: &str) -> Option<String> {
    let top = git.ask(["rev-parse", "--show-toplevel"])?;
    (git.commit("HEAD").as_deref() == Some(head)).then_some(top)
}

/// Says what forgetting would save, and does it when told.
pub fn prune(arguments: &Prune) -> Result<(), Failure> {
    // Whoever only asks changes nothing, and waits for nobody.
    let history = History::of(&arguments.repo, "HEAD")?;
    let rewritten = match arguments.keep {
        Some(keep) => rewrite(arguments, &history, keep)?,
        None => None,
    };
    let head = if arguments.push {
        let repository = Repository::open(&arguments.repo, None)?;
        let head = Forgotten::push(&repository)?;
        report::say(&format!(
            "the history was replaced at the remote; hosts take it for a downgrade until each is told: `git fetch --prune --prune-tags --force && git reset --hard @{{u}} && git update-ref -d {}`",
            checking::REMEMBERED
        ));
        Some(head)
    } else {
        rewritten
    };
    match head {
        Some(head) => super::print(format!("{head}\n").as_bytes()),
        None => Ok(()),
    }
}

/// Says what keeping so many would save, and rewrites when told: the new head.
fn rewrite(arguments: &Prune, history: &History, keep: u32) -> Result<Option<String>, Failure> {
    let plan = pruning::plan(&history.git, keep)?;
    let commits = |number| count(number, "commit");
    if plan.kept == plan.commits {
        report::say(&match plan.commits {
            1 => "there is 1 commit, and it would stay".to_owned(),
            several => format!("there are {}, and all would stay", commits(several)),
        });
        return Ok(None);
    }
    report::say(&format!(
        "keeping {} of {} saves {}: {} instead of {}",
        plan.kept,
        commits(plan.commits),
        bytes(plan.bytes.saturating_sub(plan.kept_bytes)),
        bytes(plan.kept_bytes),
        bytes(plan.bytes)
    ));
    if !arguments.rewrite {
        report::say("nothing was changed; `--rewrite` does it in this clone, and pushes nothing");
        return Ok(None);
    }
    let repository = Repository::open(&arguments.repo, None)?;
    let head = pruning::rewrite(&repository, keep)?;
    if repository.upstream().is_some() && !arguments.push {
        report::say(
            "the history was rewritten here; `applgen deploy prune --push` replaces that of the remote, its old tags too",
        );
    }
    Ok(Some(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_sort() {
        assert_eq!(date(1_000_000_000), "2001-09-09 01:46 UTC");
    }
}
