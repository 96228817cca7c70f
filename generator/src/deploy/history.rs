//! The deploys of a repository, read from its first-parent history.

use serde::Serialize;

use crate::{failure::Failure, report::Diagnostic};

use super::{
    git::Git,
    place::Place,
    statement::{self, Statement},
    trailers,
};

/// One deploy: one place, at one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deploy {
    /// Its name, `SITE/TARGET/NUMBER`.
    pub name: String,
    /// Its site.
    pub site: String,
    /// Its target.
    pub target: String,
    /// Its number at its place.
    pub number: u64,
    /// The commit.
    pub commit: String,
    /// When it was committed, in seconds since 1970.
    pub time: u64,
    /// Who committed it.
    pub by: String,
    /// The commit's subject.
    pub subject: String,
    /// The commit of the site.
    pub source: Option<String>,
    /// Whether the site had changes that are in no commit.
    pub source_dirty: bool,
    /// Where that commit can be fetched.
    pub source_repository: Option<String>,
    /// The image's hash.
    pub sha256: Option<String>,
    /// The serials of zones.
    pub serials: Vec<String>,
    /// The name of the deploy that it goes back to.
    pub rollback: Option<String>,
    /// Whether it is what the branch has now.
    pub live: bool,
}

/// A repository that is only read, as of one commit.
#[derive(Debug)]
pub struct History {
    /// Git in it.
    pub git: Git,
    /// The commit that was asked about.
    pub head: String,
    /// All deploys up to it, the newest first.
    pub deploys: Vec<Deploy>,
    /// Whether the clone lacks older history.
    pub shallow: bool,
}

fn refuse(message: String, hint: &str) -> Failure {
    Failure::environment(Diagnostic::error(message).hint(hint))
}

impl History {
    /// Of the repository in a folder, up to a revision.
    pub fn of(folder: &str, revision: &str) -> Result<Self, Failure> {
        let git = Git::at(folder);
        if !std::path::Path::new(folder).is_dir() {
            return Err(refuse(
                format!("there is no folder `{folder}`"),
                "name a clone of the deployment repository: `--repo DIR`",
            ));
        }
        if let Err(error) = git.text(["rev-parse", "--git-dir"]) {
            return Err(if error.said.contains("not a git repository") {
                refuse(
                    format!("`{folder}` is no git repository"),
                    "go to a clone of the deployment repository, or name one: `--repo DIR`",
                )
            } else {
                error.failure(&format!("`{folder}` cannot be opened"))
            });
        }
        let Some(head) = git.commit(revision) else {
            return Err(refuse(
                format!("there is no revision `{revision}` in `{folder}`"),
                "`applgen log` shows what there is; an empty repository has nothing yet",
            ));
        };
        let shallow = git.ask(["rev-parse", "--is-shallow-repository"]).as_deref() == Some("true");
        let mut history = Self {
            deploys: deploys(&git, &head)?,
            git,
            head,
            shallow,
        };
        history.mark_live()?;
        Ok(history)
    }

    fn mark_live(&mut self) -> Result<(), Failure> {
        for place in Place::all_in(&self.git, &self.head)? {
            // What is live, the statement says: plain git may have gone back.
            let Some(Ok(live)) = statement_at(&self.git, &self.head, &place) else {
                continue;
            };
            let named = self
                .deploys
                .iter_mut()
                .find(|deploy| deploy.name == live.name);
            if let Some(deploy) = named {
                deploy.live = true;
            }
        }
        Ok(())
    }

    /// The places that options choose, and all of them when they choose none.
    pub fn places(&self, site: Option<&str>, target: Option<&str>) -> Result<Vec<Place>, Failure> {
        let all = Place::all_in(&self.git, &self.head)?;
        let chosen: Vec<Place> = all
            .iter()
            .filter(|place| site.is_none_or(|site| place.site == site))
            .filter(|place| target.is_none_or(|target| place.target == target))
            .cloned()
            .collect();
        if chosen.is_empty() {
            let names: Vec<String> = all.iter().map(|place| format!("`{place}`")).collect();
            return Err(refuse(
                "nothing that was asked for is deployed here".to_owned(),
                &if names.is_empty() {
                    "the first deploy: `applgen deploy SITE --to REPO`".to_owned()
                } else {
                    format!("there is {}", names.join(", "))
                },
            ));
        }
        Ok(chosen)
    }

    /// The deploy that a word means: its name, a number where that is
    /// unambiguous, or a commit. For a commit, whatever was live there.
    pub fn find(&self, places: &[Place], word: &str) -> Result<Vec<&Deploy>, Failure> {
        let named: Vec<&Deploy> = self
            .deploys
            .iter()
            .filter(|deploy| places.iter().any(|place| deploy.is_at(place)))
            .filter(|deploy| deploy.is_called(word) || deploy.number.to_string() == word)
            .collect();
        if let Some(own) = named.iter().find(|deploy| deploy.name == word) {
            return Ok(vec![*own]);
        }
        match named.as_slice() {
            [_] => return Ok(named),
            [] => {}
            _ => {
                return Err(refuse(
                    format!("`{word}` is a deploy of several sites or targets"),
                    "say which: `SITE/TARGET/NUMBER`, or `--site` and `--target`",
                ));
            }
        }
        let none = || {
            refuse(
                format!("`{word}` is neither a deploy nor a revision here"),
                "`applgen log` shows all deploys",
            )
        };
        let commit = self.git.commit(word).ok_or_else(none)?;
        let mut found = Vec::new();
        for place in places {
            let Some(statement) = statement_at(&self.git, &commit, place) else {
                continue;
            };
            let statement = statement.map_err(|why| edited(place, &commit, &why))?;
            found.extend(
                self.deploys
                    .iter()
                    .find(|deploy| deploy.is_at(place) && deploy.number == statement.number),
            );
        }
        if found.is_empty() {
            return Err(refuse(
                format!("nothing of what was asked for was deployed at `{word}`"),
                "`applgen log` shows all deploys",
            ));
        }
        Ok(found)
    }
}

/// A statement that somebody changed.
pub fn edited(place: &Place, commit: &str, why: &str) -> Failure {
    refuse(
        format!(
            "`{}` was edited by hand in {}: {why}",
            place.path(statement::FILE_NAME),
            commit.get(..12).unwrap_or(commit)
        ),
        &format!(
            "put the folder back: `git checkout REV -- '{place}'` with a revision that `applgen verify REV` accepts, and commit that"
        ),
    )
}

/// The statement of a place in a commit; `None` where there is none.
pub fn statement_at(git: &Git, commit: &str, place: &Place) -> Option<Result<Statement, String>> {
    let text = git.file(commit, &place.path(statement::FILE_NAME))?;
    Some(Statement::parse(place, &text))
}

impl Deploy {
    /// Whether it is one of this place.
    pub fn is_at(&self, place: &Place) -> bool {
        self.site == place.site && self.target == place.target
    }

    /// Whether a word is its name: as its tag is called, or with the site's own
    /// name, which a tag cannot always hold.
    pub fn is_called(&self, word: &str) -> bool {
        self.name == word || format!("{}/{}", self.place(), self.number) == word
    }

    /// Where it was deployed.
    pub fn place(&self) -> Place {
        Place {
            site: self.site.clone(),
            target: self.target.clone(),
        }
    }

    /// Its statement, as its commit has it.
    pub fn statement(&self, git: &Git) -> Result<Statement, Failure> {
        let place = self.place();
        match statement_at(git, &self.commit, &place) {
            Some(Ok(statement)) => Ok(statement),
            Some(Err(why)) => Err(edited(&place, &self.commit, &why)),
            None => Err(edited(&place, &self.commit, "there is none")),
        }
    }

    /// Its image.
    pub fn image(&self, git: &Git) -> Result<Vec<u8>, Failure> {
        let place = self.place();
        let path = place.path(&place.image_name());
        git.bytes(["cat-file", "blob", &format!("{}:{path}", self.commit)])
            .map_err(|error| error.failure(&format!("there is no image in `{}`", self.name)))
    }
}

/// The number of a place's next deploy: above all that there ever was, in the
/// history or among the tags: history may be cut off, and another branch may have
/// deploys of the same place.
pub fn next_number(git: &Git, base: Option<&str>, place: &Place) -> Result<u64, Failure> {
    let prefix = place.deploy_name(0);
    let prefix = prefix.strip_suffix('0').unwrap_or(&prefix);
    let tags = git.text(["for-each-ref", "--format=%(refname:lstrip=2)", "refs/tags/"])?;
    let tagged = tags
        .lines()
        .filter_map(|name| name.strip_prefix(prefix)?.parse().ok());
    let stated = base
        .and_then(|base| statement_at(git, base, place))
        .and_then(Result::ok);
    let before = base.map(|base| deploys(git, base)).transpose()?;
    let last = before
        .unwrap_or_default()
        .into_iter()
        .filter(|deploy| deploy.is_at(place))
        .map(|deploy| deploy.number)
        .chain(tagged)
        .chain(stated.map(|statement| statement.number))
        .max();
    Ok(last.unwrap_or_default().saturating_add(1))
}

/// Reads the log: a field ends with a zero byte, a commit with a line feed after it.
fn deploys(git: &Git, head: &str) -> Result<Vec<Deploy>, Failure> {
    let format = "--format=%H%x00%ct%x00%cn%x00%s%x00%(trailers:only,unfold)%x00";
    let log = git.bytes([
        "log",
        "--first-parent",
        "--no-show-signature",
        format,
        head,
        "--",
    ])?;
    let log = String::from_utf8_lossy(&log);
    let fields: Vec<&str> = log.split('\0').collect();
    let mut deploys = Vec::new();
    for commit in fields.chunks_exact(5) {
        let [hash, time, by, subject, trailers] = commit else {
            continue;
        };
        let one = |key| trailers::values(trailers, key).next().map(str::to_owned);
        for name in trailers::values(trailers, "Deploy") {
            let mut parts = name.rsplitn(3, '/');
            let (Some(number), Some(target), Some(_)) = (parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            let Ok(number) = number.parse() else { continue };
            // The folder is in the path of the image, which nothing encodes.
            let image = trailers::values(trailers, "Image-SHA256")
                .filter_map(|value| value.split_once(' '))
                .find(|(_, path)| {
                    let mut parts = path.splitn(3, '/');
                    let site = parts.next().unwrap_or_default().to_owned();
                    let place = Place {
                        site,
                        target: target.to_owned(),
                    };
                    parts.next() == Some(target) && place.deploy_name(number) == name
                });
            let Some((sha256, path)) = image else {
                continue;
            };
            let site = path.split('/').next().unwrap_or_default();
            let stated = trailers::values(trailers, "Source-Commit").next();
            let source = stated.map(|stated| stated.strip_suffix(" dirty").unwrap_or(stated));
            let source_dirty = source != stated;
            let start = format!(
                "{}/",
                name.rsplit_once('/').map_or(name, |(start, _)| start)
            );
            deploys.push(Deploy {
                name: name.to_owned(),
                site: site.to_owned(),
                target: target.to_owned(),
                number,
                commit: hash.trim_start().to_owned(),
                time: time.parse().unwrap_or_default(),
                by: (*by).to_owned(),
                subject: (*subject).to_owned(),
                source: source.map(str::to_owned),
                source_dirty,
                source_repository: one("Source-Repository"),
                sha256: Some(sha256.to_owned()),
                serials: trailers::values(trailers, "Zone-Serial")
                    .map(str::to_owned)
                    .collect(),
                rollback: trailers::values(trailers, "Rollback")
                    .find(|name| name.starts_with(&start))
                    .map(str::to_owned),
                live: false,
            });
        }
    }
    Ok(deploys)
}
