//! Going back: a new commit with the files of an old one.

use crate::{
    failure::Failure,
    report::{self, Diagnostic},
};

use super::{
    history::{self, Deploy, History},
    package,
    place::Place,
    repository::{Change, Outcome, Repository},
    sign::Signer,
    statement::{self, Statement},
    trailers,
};

fn refuse(message: String, hint: &str) -> Failure {
    Failure::environment(Diagnostic::error(message).hint(hint))
}

/// What a rollback is asked to do.
#[derive(Debug)]
pub struct Order<'a> {
    /// The deploy or revision to go back to.
    pub revision: Option<&'a str>,
    /// The site.
    pub site: Option<&'a str>,
    /// The target.
    pub target: Option<&'a str>,
    /// The key.
    pub signer: Option<&'a Signer>,
}

/// Goes back, and names the deploys that this made with those they go back to.
pub fn rollback(
    repository: &Repository,
    order: &Order<'_>,
) -> Result<(Outcome, Vec<(String, String)>), Failure> {
    let mut done = Vec::new();
    let mut seen: Option<String> = None;
    let outcome = repository.commit(|repository, base, _| {
        done.clear();
        let Some(base) = base else {
            return Err(refuse(
                format!("nothing was deployed to `{}` yet", repository.shown()),
                "the first deploy: `applgen deploy SITE --to REPO`",
            ));
        };
        // Going back is a judgement about what is live: not to be repeated blindly.
        if seen.replace(base.to_owned()).is_some_and(|seen| seen != base) {
            return Err(refuse(
                "somebody else deployed in the meantime, and nothing was changed".to_owned(),
                "look at `applgen log`, and run it again if it is still wanted",
            ));
        }
        let folder = repository.git().folder().to_string_lossy().into_owned();
        let history = History::of(&folder, base)?;
        let places = history.places(order.site, order.target)?;
        let goals = goals(&history, &places, order.revision)?;
        let mut change = Change::default();
        let mut statements: Vec<(Place, Statement)> = Vec::new();
        for goal in goals {
            let place = goal.place();
            let Some(live) = live(&history, &place)? else { continue };
            let old = goal.statement(&history.git)?;
            if live.files == old.files {
                report::say(&format!("`{}` is what `{}` has live already", goal.name, place));
                continue;
            }
            for (zone, from, to) in package::lower_serials(&live, &old) {
                report::tell(
                    &Diagnostic::warning(format!(
                        "zone `{zone}` goes from serial {from} back to {to}, which secondary servers do not follow"
                    ))
                    .hint("deploy the old records under a higher serial instead, or make every secondary transfer the zone anew"),
                );
            }
            let signed = package::signature_of(&history.git, base, &place, statement::FILE_NAME, &[])
                != package::Signature::None;
            if signed && order.signer.is_none() {
                return Err(unsigned(&place));
            }
            let mut files = Vec::new();
            for name in old.files.keys() {
                let path = place.path(name);
                let object = format!("{}:{path}", goal.commit);
                let bytes = history.git.bytes(["cat-file", "blob", &object])?;
                let mode = history.git.text(["ls-tree", &goal.commit, "--", &path])?;
                files.push((name.clone(), bytes, mode.starts_with("100755")));
            }
            let number = history::next_number(&history.git, Some(base), &place)?;
            let statement = Statement {
                name: place.deploy_name(number),
                number,
                rollback: Some(old.rollback.unwrap_or(old.number)),
                ..old
            };
            package::put(
                &mut change,
                &history.git,
                Some(base),
                &place,
                &statement,
                &files,
                order.signer,
            )?;
            change.tags.push((statement.name.clone(), format!("rollback to {}", goal.name)));
            done.push((statement.name.clone(), goal.name.clone()));
            statements.push((place, statement));
        }
        if statements.is_empty() {
            return Ok(None);
        }
        let names: Vec<&str> = done.iter().map(|(_, goal)| goal.as_str()).collect();
        let pairs: Vec<(&Place, &Statement)> = statements.iter().map(|(p, s)| (p, s)).collect();
        change.message = trailers::message(&format!("roll back to {}", names.join(", ")), None, &pairs);
        Ok(Some(change))
    })?;
    Ok((outcome, done))
}

/// Refuses to take the signature away from a place that has one.
pub fn unsigned(place: &Place) -> Failure {
    refuse(
        format!("what `{place}` has live is signed, and hosts that check that would refuse this"),
        "sign it too: `--sign KEY`",
    )
}

/// The statement of what a place has live.
pub fn live(history: &History, place: &Place) -> Result<Option<Statement>, Failure> {
    match history::statement_at(&history.git, &history.head, place) {
        None => Ok(None),
        Some(Ok(statement)) => Ok(Some(statement)),
        Some(Err(why)) => Err(history::edited(place, &history.head, &why)),
    }
}

/// The deploys to go back to.
fn goals<'h>(
    history: &'h History,
    places: &[Place],
    revision: Option<&str>,
) -> Result<Vec<&'h Deploy>, Failure> {
    if let Some(revision) = revision {
        return history.find(places, revision);
    }
    // What the last commit deployed is what is to be undone: one site, perhaps
    // on several targets.
    let last = history
        .deploys
        .iter()
        .find(|deploy| deploy.live && places.iter().any(|place| deploy.is_at(place)))
        .map(|deploy| deploy.commit.clone());
    let mut goals = Vec::new();
    // What has nothing to go back to; the rest is not held up by it.
    let mut first = Vec::new();
    for place in places {
        let undone = history.deploys.iter().any(|deploy| {
            deploy.live && deploy.is_at(place) && Some(&deploy.commit) == last.as_ref()
        });
        let Some(live) = live(history, place)?.filter(|_| undone) else {
            continue;
        };
        let origin = live.rollback.unwrap_or(live.number);
        let before = history.deploys.iter().find(|deploy| {
            deploy.is_at(place) && deploy.number < origin && deploy.rollback.is_none()
        });
        match before {
            Some(deploy) => goals.push(deploy),
            None => first.push((place, place.deploy_name(origin))),
        }
    }
    let hint = if history.shallow {
        "the clone is shallow: `git fetch --unshallow` brings older ones"
    } else {
        "say which one: `applgen log` shows all"
    };
    for (place, name) in first {
        if goals.is_empty() {
            return Err(refuse(
                format!("there is no deploy of `{place}` before `{name}`"),
                hint,
            ));
        }
        report::tell(
            &Diagnostic::warning(format!(
                "`{place}` stays as it is: there is no deploy of it before `{name}`"
            ))
            .hint(hint),
        );
    }
    Ok(goals)
}
