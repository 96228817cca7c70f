//! `applgen deploy`: an image is built and checked, and committed to a
//! deployment repository.

use std::{fs, path::Path};

use crate::{
    deploy::{
        cli::{Deploy, DeployCommand},
        descriptor::DEFAULT_HOST_DIR,
        git::{Git, without_password},
        history,
        package::{self, Package},
        place::Place,
        repository::{Change, Outcome, Repository, is_url},
        rollback,
        sign::Signer,
        statement::{self, Statement},
        trailers, verify,
    },
    failure::Failure,
    image::Target,
    progress::Progress,
    report::{self, Diagnostic},
    site::{self, DeployConfig},
};

use super::{
    build, bytes, count, operate,
    pipeline::{self, Bundled},
};

fn refuse(message: String, hint: &str) -> Failure {
    Failure::environment(Diagnostic::error(message).hint(hint))
}

/// Deploys; one line for each deploy goes to standard output, with its name and
/// its commit.
pub fn deploy(arguments: &Deploy) -> Result<(), Failure> {
    if let Some(DeployCommand::Prune(arguments)) = &arguments.command {
        return operate::prune(arguments);
    }
    let wanted = Wanted::of(arguments)?;
    let signer = arguments
        .sign
        .as_deref()
        .map(Signer::from_file)
        .transpose()?;
    let repository = Repository::open(&wanted.to, wanted.branch.as_deref())?;
    let source = Source::of(arguments);
    source.refuse_same_repository(&repository)?;
    let packages = packages(arguments, &wanted)?;
    for package in &packages {
        refuse_dirty(package, arguments.allow_dirty)?;
    }
    if packages
        .iter()
        .all(|package| package.manifest.source.is_none())
    {
        report::say("the site is in no repository, so the deploy names no source commit");
    }

    let job = Job {
        packages: &packages,
        signer: signer.as_ref(),
        source: &source,
    };
    let (mut done, mut found) = (Vec::new(), Vec::new());
    let outcome = repository.commit(|repository, base, attempt| {
        job.change(repository, base, attempt, &mut done, &mut found)
    })?;
    if !arguments.no_source_tag {
        // Those of a command that was killed before it came so far, too.
        for (name, commit) in &found {
            source.tag(
                name,
                &repository.address(),
                commit,
                arguments.push_source_tag,
            );
        }
    }
    let Outcome::Committed(commit) = outcome else {
        return Ok(());
    };
    let short = commit.get(..12).unwrap_or(&commit);
    let mut lines = String::new();
    for (name, image_bytes) in &done {
        report::say(&format!(
            "deployed `{name}` to {}: {short}, an image of {}",
            repository.address(),
            bytes(*image_bytes)
        ));
        lines.push_str(&format!("{name} {commit}\n"));
    }
    if !arguments.no_source_tag {
        for (name, _) in &done {
            source.tag(
                name,
                &repository.address(),
                &commit,
                arguments.push_source_tag,
            );
        }
    }
    super::print(lines.as_bytes())
}

/// Where to, as what and for what: the command line's word, else that of the
/// site's `[deploy]`, else the default.
struct Wanted {
    to: String,
    name: Option<String>,
    targets: Vec<Target>,
    branch: Option<String>,
    host_dir: String,
}

impl Wanted {
    fn of(arguments: &Deploy) -> Result<Self, Failure> {
        // An image that was built is no site, and its folder's configuration may
        // be anybody's.
        let config = match arguments.image.is_empty() {
            true => site::config_of(&arguments.site)?.deploy,
            false => DeployConfig::default(),
        };
        let from_site = config.to.map(|to| match is_url(&to) {
            true => to,
            false => site::folder_of(&arguments.site)
                .join(to)
                .to_string_lossy()
                .into_owned(),
        });
        let Some(to) = arguments.to.clone().or(from_site) else {
            return Err(refuse(
                "no deployment repository is named".to_owned(),
                "`--to REPO`; or, once for all, `to = \"REPO\"` below `[deploy]` in the site's `applgen.toml`",
            ));
        };
        let mut targets = arguments.targets.clone();
        targets.extend(arguments.flags.named());
        if targets.is_empty() {
            targets = config.targets;
        }
        if targets.is_empty() {
            targets.push(Target::default());
        }
        targets.sort();
        targets.dedup();
        let host_dir = arguments.host_dir.clone().or(config.host_dir);
        Ok(Self {
            to,
            name: arguments.name.clone().or(config.name),
            targets,
            branch: arguments.branch.clone().or(config.branch),
            host_dir: host_dir.unwrap_or_else(|| DEFAULT_HOST_DIR.to_owned()),
        })
    }
}

/// A package for each target, or for each image given.
fn packages(arguments: &Deploy, wanted: &Wanted) -> Result<Vec<Package>, Failure> {
    if !arguments.image.is_empty() {
        return arguments
            .image
            .iter()
            .map(|image| {
                let place = place_of_image(image, wanted.name.as_deref())?;
                Package::of_image(place, image, &wanted.host_dir)
            })
            .collect();
    }
    let scratch = tempfile::tempdir().map_err(|error| {
        refuse(
            format!("no temporary folder can be made: {error}"),
            "set `TMPDIR` to a folder that you may write to",
        )
    })?;
    let progress = Progress::on_terminal();
    let mut packages = Vec::new();
    for &target in &wanted.targets {
        let name = wanted
            .name
            .clone()
            .unwrap_or_else(|| site::name_of(&arguments.site));
        let place = Place::new(&name, target)?;
        let path = scratch.path().join(place.image_name());
        let outputs = pipeline::outputs(&path);
        let bundled = pipeline::bundle(&arguments.site, &outputs, target, &progress)?;
        refuse_warnings(&bundled, arguments)?;
        build::write(&bundled, &arguments.site, target, &path, &progress)?;
        if packages.is_empty() {
            build::tell_content(&bundled);
        }
        packages.push(Package::of_image(place, &path, &wanted.host_dir)?);
    }
    Ok(packages)
}

/// `NAME.TARGET` says where an image belongs.
fn place_of_image(image: &Path, name: Option<&str>) -> Result<Place, Failure> {
    let file = image.file_name().unwrap_or_default().to_string_lossy();
    let parts = file.rsplit_once('.');
    let target = parts.and_then(|(_, suffix)| Target::from_suffix(suffix));
    let (Some((stem, _)), Some(target)) = (parts, target) else {
        return Err(refuse(
            format!(
                "`{}` is not called NAME.TARGET, so it cannot be told what it is for",
                image.display()
            ),
            "name it as `applgen build` does",
        ));
    };
    Place::new(name.unwrap_or(stem), target)
}

/// What `check` would not pass is deployed all the same, unless told.
fn refuse_warnings(bundled: &Bundled, arguments: &Deploy) -> Result<(), Failure> {
    if bundled.warnings == 0 || !arguments.strict {
        return Ok(());
    }
    Err(Failure::site(
        Diagnostic::error(format!(
            "{} to mend in `{}`, so it is not deployed",
            count(bundled.warnings, "thing"),
            arguments.site.display()
        ))
        .hint("without `--strict`, a site with warnings is deployed"),
    ))
}

fn refuse_dirty(package: &Package, allowed: bool) -> Result<(), Failure> {
    if allowed
        || !package
            .manifest
            .source
            .as_ref()
            .is_some_and(|source| source.dirty)
    {
        return Ok(());
    }
    Err(Failure::site(
        Diagnostic::error("the site has changes that are not committed").hint(
            "commit them, so that the deploy has a source; or `--allow-dirty`, which marks it",
        ),
    ))
}

/// What is to be committed, whatever it is committed upon.
struct Job<'a> {
    packages: &'a [Package],
    signer: Option<&'a Signer>,
    source: &'a Source,
}

impl Job<'_> {
    /// The change upon `base`; none when everything is live already.
    fn change(
        &self,
        repository: &Repository,
        base: Option<&str>,
        attempt: u32,
        done: &mut Vec<(String, u64)>,
        found: &mut Vec<(String, String)>,
    ) -> Result<Option<Change>, Failure> {
        done.clear();
        found.clear();
        let git = repository.git();
        let mut change = Change::default();
        let mut statements: Vec<(&Place, Statement)> = Vec::new();
        for package in self.packages {
            let live = match base {
                Some(base) => live(git, base, &package.place)?,
                None => None,
            };
            if let (Some(base), Some(live)) = (base, &live) {
                if package.is_live(git, base, live, self.signer) {
                    report::say(&format!(
                        "nothing new to deploy: `{}` has this image",
                        live.name
                    ));
                    let commit = finish_tag(repository, base, &package.place, live)?;
                    if package.statement(live.number).source == live.source {
                        found.push((live.name.clone(), commit));
                    }
                    continue;
                }
                if attempt > 0 && self.source.is_superseded(package, live) {
                    report::say(&format!(
                        "nothing was deployed: `{}` came in between, from a later commit of the site",
                        live.name
                    ));
                    continue;
                }
                self.refuse_step_back(git, base, package, live)?;
            }
            let number = history::next_number(git, base, &package.place)?;
            let statement = package.statement(number);
            package.add_to(&mut change, git, base, &statement, self.signer)?;
            change
                .tags
                .push((statement.name.clone(), tag_message(&statement)));
            done.push((statement.name.clone(), package.manifest.bytes));
            statements.push((&package.place, statement));
        }
        let Some((first, _)) = statements.first() else {
            return Ok(None);
        };
        let subject = match self.source.subject() {
            Some(subject) => format!("deploy {}: {subject}", first.site),
            None => format!("deploy {}", first.site),
        };
        let pairs: Vec<(&Place, &Statement)> = statements.iter().map(|(p, s)| (*p, s)).collect();
        change.message = trailers::message(&subject, self.source.address().as_deref(), &pairs);
        Ok(Some(change))
    }

    fn refuse_step_back(
        &self,
        git: &Git,
        base: &str,
        package: &Package,
        live: &Statement,
    ) -> Result<(), Failure> {
        let signature = package::signature_of(git, base, &package.place, statement::FILE_NAME, &[]);
        if signature != package::Signature::None && self.signer.is_none() {
            return Err(rollback::unsigned(&package.place));
        }
        let new = package.statement(0);
        if let Some((zone, old, new)) = package::lower_serials(live, &new).first() {
            return Err(Failure::site(
                Diagnostic::error(format!(
                    "zone `{zone}` has serial {new}, which is lower than the {old} that is live"
                ))
                .hint("raise the serial in its SOA record; to go back, `applgen rollback`"),
            ));
        }
        Ok(())
    }
}

/// What a place has live, as long as nobody touched it.
fn live(git: &Git, base: &str, place: &Place) -> Result<Option<Statement>, Failure> {
    if history::statement_at(git, base, place).is_none() {
        return Ok(None);
    }
    let verdict = verify::place(git, base, place, &[]);
    match (verdict.statement, verdict.wrong.first()) {
        (Some(statement), None) => Ok(Some(statement)),
        (_, why) => Err(history::edited(
            place,
            base,
            why.map_or("it cannot be read", String::as_str),
        )),
    }
}

/// The tag of a deploy that was committed by a command that did not come to its
/// end. The commit.
fn finish_tag(
    repository: &Repository,
    base: &str,
    place: &Place,
    live: &Statement,
) -> Result<String, Failure> {
    let path = place.path(statement::FILE_NAME);
    let commit = repository
        .git()
        .text(["log", "-1", "--format=%H", base, "--", &path])?;
    repository.tag(&commit, &[(live.name.clone(), tag_message(live))])?;
    Ok(commit)
}

fn tag_message(statement: &Statement) -> String {
    match &statement.source {
        Some((commit, true)) => format!("source {commit}, with changes"),
        Some((commit, false)) => format!("source {commit}"),
        None => "source unknown".to_owned(),
    }
}

/// The site's own repository, where it is in one.
struct Source {
    git: Option<Git>,
    commit: Option<String>,
}

impl Source {
    fn of(arguments: &Deploy) -> Self {
        let path = arguments.image.first().unwrap_or(&arguments.site);
        let git = Git::at(site::folder_of(path));
        let commit = git.commit("HEAD");
        Self {
            git: commit.is_some().then_some(git),
            commit,
        }
    }

    fn refuse_same_repository(&self, repository: &Repository) -> Result<(), Failure> {
        let common = |git: &Git| {
            let folder = git.ask(["rev-parse", "--git-common-dir"])?;
            fs::canonicalize(git.folder().join(folder)).ok()
        };
        let Some(own) = self.git.as_ref().and_then(common) else {
            return Ok(());
        };
        if common(repository.git()) != Some(own) {
            return Ok(());
        }
        Err(refuse(
            format!(
                "`{}` is the repository of the site itself",
                repository.shown()
            ),
            "deploy to one of its own: images do not belong beside their source",
        ))
    }

    /// Where the source can be fetched.
    fn address(&self) -> Option<String> {
        let url = self
            .git
            .as_ref()?
            .ask(["config", "--get", "remote.origin.url"])?;
        Some(without_password(&url))
    }

    fn subject(&self) -> Option<String> {
        self.git
            .as_ref()?
            .ask(["log", "-1", "--no-show-signature", "--format=%s", "HEAD"])
    }

    /// Whether what is live comes from a later commit than the package.
    fn is_superseded(&self, package: &Package, live: &Statement) -> bool {
        let (Some(git), Some(ours), Some((theirs, _))) =
            (&self.git, &package.manifest.source, &live.source)
        else {
            return false;
        };
        ours.commit != *theirs && git.holds(["merge-base", "--is-ancestor", &ours.commit, theirs])
    }

    /// The link the other way: which deploy a commit of the site went into. What
    /// stops it is told, and stops nothing: the deploy is done.
    fn tag(&self, deploy: &str, address: &str, commit: &str, push: bool) {
        let (Some(git), Some(source)) = (&self.git, &self.commit) else {
            return;
        };
        if git
            .ask(["status", "--porcelain", "--", "."])
            .is_none_or(|s| !s.is_empty())
        {
            return;
        }
        let name = format!("deployed/{deploy}");
        if git.holds([
            "show-ref",
            "--verify",
            "--quiet",
            &format!("refs/tags/{name}"),
        ]) {
            return;
        }
        let message = format!("deployed as {commit} in {address}");
        let tagged = git
            .text(["tag", "--annotate", "-m", &message, &name, source])
            .and_then(|_| match push {
                true => git.text(["push", "--quiet", "origin", &format!("refs/tags/{name}")]),
                false => Ok(String::new()),
            });
        if let Err(error) = tagged {
            report::tell(
                &Diagnostic::warning(format!(
                    "the site's repository has no tag for `{deploy}`: `{}` failed",
                    error.command
                ))
                .hint(format!("git says:\n{}", error.said.trim_end())),
            );
        }
    }
}
