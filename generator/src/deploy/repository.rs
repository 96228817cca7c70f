//! A deployment repository that is written to: a clone on this machine, or one
//! that is elsewhere and reached through a bare clone in the cache.
//!
//! A change is made of git objects first, which nobody sees. Then one step
//! makes it visible: `git push --atomic` of the commit and its tags, or, for a
//! repository that pushes nowhere, `git merge --ff-only`. A push is never
//! forced: where somebody else was faster, the change is made again upon what
//! is there now. The clone's own branch and work tree follow last, so that a
//! command that is killed anywhere leaves a repository that is whole, with the
//! change or without it, and the next run brings up what is behind.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use crate::{
    failure::Failure,
    image::{digest::sha256, environment::Environment},
    report::Diagnostic,
};

use super::{
    branch::{default_branch, refuse_branch},
    forgotten::Forgotten,
    git::{Git, GitError, without_password},
    lock::lock,
};

/// How often a change is made again because somebody else was faster.
const ATTEMPTS: u32 = 40;

/// And of these, how often while the branch did not move: another push holds it
/// for a moment, a lock that a dead one left stays.
const ATTEMPTS_HELD: u32 = 8;

/// The branch at the remote as it was seen last.
const SEEN: &str = "refs/applgen/upstream";

/// A file of a change.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Where in the repository.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Whether it may be run.
    pub executable: bool,
}

/// A change that is to become one commit.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Files that are there afterwards.
    pub files: Vec<NewFile>,
    /// Paths that are not.
    pub removed: Vec<String>,
    /// The commit message.
    pub message: String,
    /// Tags on the commit, with their messages.
    pub tags: Vec<(String, String)>,
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This commit has it, and it is where it is to be.
    Committed(String),
    /// There was nothing to change.
    Nothing,
}

/// A deployment repository, held by a lock.
#[derive(Debug)]
pub struct Repository {
    git: Git,
    /// What people call it.
    shown: String,
    branch: String,
    /// The remote that commits are pushed to, and its branch.
    upstream: Option<(String, String)>,
    /// The top of the work tree that follows.
    worktree: Option<PathBuf>,
    _lock: File,
}

fn refuse(message: String, hint: &str) -> Failure {
    Failure::environment(Diagnostic::error(message).hint(hint))
}

/// Whether this names a repository elsewhere (gitrevisions aside: git-clone(1)).
pub fn is_url(to: &str) -> bool {
    to.contains("://")
        || to
            .split_once(':')
            .is_some_and(|(host, _)| !host.is_empty() && !host.contains('/'))
}

impl Repository {
    /// Opens a repository to deploy to. `branch` is that at the remote, where
    /// the repository does not say it itself.
    pub fn open(to: &str, branch: Option<&str>) -> Result<Self, Failure> {
        if let Some(branch) = branch {
            refuse_branch(branch)?;
        }
        let path = Path::new(to);
        if path.is_dir() {
            let git = Git::at(path);
            let Some(git_dir) = git.ask(["rev-parse", "--absolute-git-dir"]) else {
                return Err(refuse_no_repository(&git, to));
            };
            if git.ask(["rev-parse", "--is-bare-repository"]).as_deref() == Some("true") {
                let address = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
                return Self::elsewhere(&address.to_string_lossy(), to, branch);
            }
            return Self::clone_here(&git, Path::new(&git_dir), to, branch);
        }
        if is_url(to) {
            return Self::elsewhere(to, &without_password(to), branch);
        }
        Err(if path.exists() {
            refuse(
                format!("`{to}` is a file, and no repository"),
                "name a clone of the deployment repository, or its address",
            )
        } else {
            refuse(
                format!("there is no repository `{to}`"),
                "make one with `git init DIR`, or name its address",
            )
        })
    }

    fn clone_here(
        git: &Git,
        git_dir: &Path,
        to: &str,
        wanted: Option<&str>,
    ) -> Result<Self, Failure> {
        let top = PathBuf::from(git.text(["rev-parse", "--show-toplevel"])?);
        if fs::canonicalize(to).ok() != fs::canonicalize(&top).ok() {
            return Err(refuse(
                format!("`{to}` is a folder in the repository `{}`", top.display()),
                "name the top of a repository that is for deployment alone",
            ));
        }
        let git = Git::at(&top);
        let Some(branch) = git.ask(["symbolic-ref", "--quiet", "--short", "HEAD"]) else {
            return Err(refuse(
                format!("`{to}` has a detached head, so there is no branch to commit to"),
                "`git switch BRANCH` goes back to one; `git bisect reset` ends a bisection",
            ));
        };
        if let Some(wanted) = wanted.filter(|wanted| *wanted != branch) {
            return Err(refuse(
                format!("`{to}` has the branch `{branch}` checked out, and not `{wanted}`"),
                "`git switch` to it, or leave `--branch` away",
            ));
        }
        let setting = |name: &str| git.ask(["config", "--get", &format!("branch.{branch}.{name}")]);
        let upstream = match (setting("remote"), setting("merge")) {
            (Some(remote), Some(merge)) if remote != "." => {
                let there = merge
                    .strip_prefix("refs/heads/")
                    .unwrap_or(&merge)
                    .to_owned();
                Some((remote, there))
            }
            _ => git
                .holds(["config", "--get", "remote.origin.url"])
                .then(|| ("origin".to_owned(), branch.clone())),
        };
        let lock = lock(&git_dir.join("applgen.lock"))?;
        let repository = Self {
            git,
            shown: to.to_owned(),
            branch,
            upstream,
            worktree: Some(top),
            _lock: lock,
        };
        repository.refuse_edited()?;
        Ok(repository)
    }

    /// A repository at an address, through a bare clone in the cache.
    fn elsewhere(address: &str, shown: &str, branch: Option<&str>) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            refuse(
                format!("no clone of `{shown}` can be kept: {error}"),
                "set `APPLGEN_CACHE` to a folder that you may write to",
            )
        };
        let cache = Environment::current()
            .cache_dir()
            .ok_or_else(|| cannot(std::io::Error::other("`HOME` is not set")))?;
        let name = sha256(address.as_bytes());
        let folder = cache.join("deploy").join(name.get(..24).unwrap_or(&name));
        fs::create_dir_all(&folder).map_err(cannot)?;
        let lock = lock(&folder.join("applgen.lock"))?;
        let git = Git::at(&folder);
        let git_dir = folder.join("git");
        if !Git::at(&git_dir).holds(["rev-parse", "--git-dir"]) {
            git.text(["init", "--quiet", "--bare", "git"])?;
        }
        let git = Git::at(git_dir);
        let branch = match branch {
            Some(branch) => branch.to_owned(),
            None => default_branch(&git, address, shown)?,
        };
        Ok(Self {
            git,
            shown: shown.to_owned(),
            upstream: Some((address.to_owned(), branch.clone())),
            branch,
            worktree: None,
            _lock: lock,
        })
    }

    /// Git in it.
    pub fn git(&self) -> &Git {
        &self.git
    }

    /// The branch that it works on.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The remote that it pushes to, and the branch there.
    pub fn upstream(&self) -> Option<(&str, &str)> {
        let (remote, branch) = self.upstream.as_ref()?;
        Some((remote, branch))
    }

    /// What people call it; it holds no password.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The address that it can be found at: where its commits are pushed to.
    pub fn address(&self) -> String {
        let url = self.upstream.as_ref().and_then(|(remote, _)| {
            self.git
                .ask(["config", "--get", &format!("remote.{remote}.url")])
                .or_else(|| Some(remote.clone()))
        });
        match url {
            Some(url) => without_password(&url),
            None => self.shown.clone(),
        }
    }

    /// Makes a change, again and again until nobody else was faster. `make` is
    /// given the commit that the change is to follow, if there is one.
    pub fn commit(
        &self,
        mut make: impl FnMut(&Self, Option<&str>, u32) -> Result<Option<Change>, Failure>,
    ) -> Result<Outcome, Failure> {
        let mut held = 0;
        for attempt in 0..ATTEMPTS {
            let base = self.base()?;
            let Some(change) = make(self, base.as_deref(), attempt)? else {
                self.follow(base.as_deref())?;
                return Ok(Outcome::Nothing);
            };
            let commit = self.prepare(base.as_deref(), &change)?;
            match self.publish(&commit, &change.tags) {
                Ok(()) => {
                    self.follow(Some(&commit))?;
                    let _ = self.hook("post-commit", &[], &self.git);
                    return Ok(Outcome::Committed(commit));
                }
                Err(error) => {
                    let moved = self.has_moved(base.as_deref())? || self.is_taken(&change.tags)?;
                    held = if moved { 0 } else { held + 1 };
                    if !moved && (!is_held(&error) || held >= ATTEMPTS_HELD) {
                        let what = match &self.upstream {
                            Some(_) => format!("`{}` did not take the deploy", self.shown),
                            None => format!("`{}` could not be brought forward", self.shown),
                        };
                        return Err(error.failure(&what));
                    }
                    let pause = 10 + u64::from(std::process::id() % 64) + 20 * u64::from(attempt);
                    thread::sleep(Duration::from_millis(pause.min(500)));
                }
            }
        }
        Err(refuse(
            format!(
                "somebody else was faster {ATTEMPTS} times in a row in `{}`",
                self.shown
            ),
            "run it again when fewer deploys are under way",
        ))
    }

    /// The commit to build upon: fetched, where there is a remote.
    fn base(&self) -> Result<Option<String>, Failure> {
        let here = self.git.commit(&format!("refs/heads/{}", self.branch));
        let Some((remote, branch)) = &self.upstream else {
            return Ok(here);
        };
        let fetch = |refspec: &str| {
            self.git
                .text(["fetch", "--quiet", "--no-tags", remote, refspec])
                .map_err(|error| error.failure(&format!("`{}` cannot be reached", self.shown)))
        };
        let there = self.remote_tip(remote, branch)?;
        if let Some(tip) = &there {
            fetch(&format!("+refs/heads/{branch}:{SEEN}"))?;
            // Somebody may have pushed between the two questions.
            let fetched = self.git.commit(SEEN).unwrap_or_else(|| tip.clone());
            self.refuse_unpushed(here.as_deref(), &fetched)?;
            // Tags come last: those of a history that was rewritten here stay.
            fetch("+refs/tags/*:refs/tags/*")?;
            return Ok(Some(fetched));
        }
        if self.worktree.is_some() && here.is_some() {
            return Err(refuse(
                format!(
                    "`{}` has commits, and its remote has no branch `{branch}`",
                    self.shown
                ),
                "`git push` first",
            ));
        }
        // The numbers of deploys go on over all branches: so do their tags.
        fetch("+refs/tags/*:refs/tags/*")?;
        Ok(None)
    }

    /// The commit of a branch of a remote.
    pub fn remote_tip(&self, remote: &str, branch: &str) -> Result<Option<String>, Failure> {
        let name = format!("refs/heads/{branch}");
        let listed = self
            .git
            .text(["ls-remote", "--quiet", remote, &name])
            .map_err(|error| error.failure(&format!("`{}` cannot be reached", self.shown)))?;
        Ok(listed
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(_, found)| *found == name)
            .map(|(hash, _)| hash.to_owned()))
    }

    /// The tags of a remote, by their whole names, with their objects.
    pub fn remote_tags(&self, remote: &str) -> Result<BTreeMap<String, String>, Failure> {
        let listed = self
            .git
            .text(["ls-remote", "--quiet", "--refs", "--tags", remote])
            .map_err(|error| error.failure(&format!("`{}` cannot be reached", self.shown)))?;
        let tags = listed.lines().filter_map(|line| line.split_once('\t'));
        Ok(tags
            .map(|(hash, name)| (name.to_owned(), hash.to_owned()))
            .collect())
    }

    /// Commits of a clone that its remote does not have were made by hand.
    fn refuse_unpushed(&self, here: Option<&str>, there: &str) -> Result<(), Failure> {
        let Some(here) = here.filter(|_| self.worktree.is_some()) else {
            return Ok(());
        };
        if self.git.holds(["merge-base", "--is-ancestor", here, there]) {
            return Forgotten::done(&self.git, &self.branch);
        }
        if Forgotten::of(&self.git, &self.branch)?.is_some() {
            return Err(refuse(
                format!(
                    "the history of `{}` was rewritten by `deploy prune`, and its remote has the old one",
                    self.shown
                ),
                "`applgen deploy prune --push` replaces that of the remote; `git fetch --tags --force && git reset --hard @{u}` takes the pruning back",
            ));
        }
        Err(refuse(
            format!("`{}` has commits that its remote does not have", self.shown),
            "look at them with `git log @{u}..`, then `git push`, or drop them with `git reset --hard @{u}`",
        ))
    }

    fn refuse_edited(&self) -> Result<(), Failure> {
        let status = ["status", "--porcelain", "--untracked-files=no", "-z"];
        let status = self.git.bytes(status)?;
        let Some(first) = status
            .split(|&byte| byte == 0)
            .find_map(|entry| entry.get(3..))
        else {
            return Ok(());
        };
        Err(refuse(
            format!(
                "`{}` was edited by hand: `{}` differs from what is committed",
                self.shown,
                String::from_utf8_lossy(first)
            ),
            "`git stash` puts edits aside, `git reset --hard` drops them",
        ))
    }

    /// Makes the commit of a change, which nothing refers to yet.
    fn prepare(&self, base: Option<&str>, change: &Change) -> Result<String, Failure> {
        let scratch = tempfile::Builder::new()
            .prefix("applgen-deploy-")
            .tempdir()
            .map_err(|error| {
                refuse(
                    format!("no temporary folder can be made: {error}"),
                    "set `TMPDIR` to a folder that you may write to",
                )
            })?;
        let index = scratch.path().join("index");
        let git = self.git.with("GIT_INDEX_FILE", &index);
        if let Some(base) = base {
            git.text(["read-tree", base])?;
        }
        let mut lines = Vec::new();
        for path in &change.removed {
            // A null hash is as long as any other of the repository.
            let null = "0".repeat(base.map_or(40, str::len));
            lines.extend(format!("0 {null}\t{path}\0").bytes());
        }
        for file in &change.files {
            let hash = git.text_of(
                ["hash-object", "-w", "--no-filters", "--stdin"],
                &file.bytes,
            )?;
            let mode = if file.executable { "100755" } else { "100644" };
            lines.extend(format!("{mode} {hash}\t{}\0", file.path).bytes());
        }
        git.text_of(["update-index", "-z", "--index-info"], &lines)?;
        self.hook("pre-commit", &[], &git)?;
        let message = scratch.path().join("COMMIT_EDITMSG");
        let unwritable = |error: std::io::Error| {
            refuse(
                format!("`{}`: {error}", message.display()),
                "free some space",
            )
        };
        fs::write(&message, &change.message).map_err(unwritable)?;
        let shown = message.to_string_lossy();
        self.hook("prepare-commit-msg", &[&shown, "message"], &git)?;
        self.hook("commit-msg", &[&shown], &git)?;
        let tree = git.text(["write-tree"])?;
        let mut arguments = vec!["commit-tree", "-F", &shown];
        let signed = git.ask(["config", "--type=bool", "--get", "commit.gpgSign"]);
        if signed.as_deref() == Some("true") {
            arguments.push("-S");
        }
        if let Some(base) = base {
            arguments.extend(["-p", base]);
        }
        arguments.push(&tree);
        git.text(arguments)
            .map_err(|error| error.failure("the deploy cannot be committed"))
    }

    /// Runs one of the user's hooks, if there is one; what it prints is its own
    /// affair unless it refuses.
    fn hook(&self, name: &str, arguments: &[&str], git: &Git) -> Result<(), Failure> {
        let Some(path) = self
            .git
            .ask(["rev-parse", "--git-path", &format!("hooks/{name}")])
        else {
            return Ok(());
        };
        let there = self.git.folder().join(path);
        use std::os::unix::fs::PermissionsExt;
        let runs = fs::metadata(&there)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
        if !runs {
            return Ok(());
        }
        let mut all = vec!["hook", "run", name];
        if !arguments.is_empty() {
            all.push("--");
            all.extend(arguments);
        }
        git.text(all)
            .map(drop)
            .map_err(|error| error.failure(&format!("the hook `{name}` refuses the deploy")))
    }

    /// The one step that makes a commit visible.
    fn publish(&self, commit: &str, tags: &[(String, String)]) -> Result<(), GitError> {
        let Some((remote, branch)) = &self.upstream else {
            self.git.text(["merge", "--quiet", "--ff-only", commit])?;
            return self.tag(commit, tags);
        };
        let mut refspecs = vec![format!("{commit}:refs/heads/{branch}")];
        for (name, message) in tags {
            let object = self.tag_object(commit, name, message)?;
            refspecs.push(format!("{object}:refs/tags/{name}"));
        }
        let mut arguments = vec!["push", "--quiet", "--atomic", remote];
        arguments.extend(refspecs.iter().map(String::as_str));
        self.git.text(arguments)?;
        self.tag(commit, tags)
    }

    /// Sets tags that are not there yet; a tag that is there stays.
    pub fn tag(&self, commit: &str, tags: &[(String, String)]) -> Result<(), GitError> {
        for (name, message) in tags {
            let name_of = format!("refs/tags/{name}");
            if self
                .git
                .holds(["show-ref", "--verify", "--quiet", &name_of])
            {
                continue;
            }
            let object = self.tag_object(commit, name, message)?;
            self.git.text(["update-ref", &name_of, &object])?;
        }
        Ok(())
    }

    /// A tag, as an object that no reference leads to yet. Its date is the
    /// commit's, so that made twice it is the same.
    pub fn tag_object(&self, commit: &str, name: &str, message: &str) -> Result<String, GitError> {
        let tagger =
            self.git
                .text(["log", "-1", "--format=%cn <%ce> %cd", "--date=raw", commit])?;
        let text =
            format!("object {commit}\ntype commit\ntag {name}\ntagger {tagger}\n\n{message}\n");
        self.git.text_of(["mktag"], text.as_bytes())
    }

    /// Whether the branch is not where it was any more.
    fn has_moved(&self, base: Option<&str>) -> Result<bool, Failure> {
        let now = match &self.upstream {
            Some((remote, branch)) => self.remote_tip(remote, branch)?,
            None => self.git.commit(&format!("refs/heads/{}", self.branch)),
        };
        Ok(now.as_deref() != base)
    }

    /// Whether one of these tags is at the remote: a deploy on another branch was
    /// faster, since numbers are counted over all of them.
    fn is_taken(&self, tags: &[(String, String)]) -> Result<bool, Failure> {
        let Some((remote, _)) = &self.upstream else {
            return Ok(false);
        };
        let there = self.remote_tags(remote)?;
        Ok(tags
            .iter()
            .any(|(name, _)| there.contains_key(&format!("refs/tags/{name}"))))
    }

    /// Brings the clone's own branch and work tree up to a commit.
    fn follow(&self, commit: Option<&str>) -> Result<(), Failure> {
        let (Some(commit), Some(_), Some(_)) = (commit, &self.worktree, &self.upstream) else {
            return Ok(());
        };
        if self.git.commit("HEAD").as_deref() == Some(commit) {
            return Ok(());
        }
        self.git
            .text(["merge", "--quiet", "--ff-only", commit])
            .map(drop)
            .map_err(|error| {
                error.failure(&format!(
                    "the deploy is where it is to be, but the work tree of `{}` could not follow",
                    self.shown
                ))
            })
    }
}

/// Whether a push failed because somebody holds the lock of a reference: the
/// branch of another push has not moved yet.
fn is_held(error: &GitError) -> bool {
    ["cannot lock ref", "failed to update ref", "failed to lock"]
        .iter()
        .any(|words| error.said.contains(words))
}

fn refuse_no_repository(git: &Git, to: &str) -> Failure {
    match git.text(["rev-parse", "--git-dir"]) {
        Err(error) if !error.said.contains("not a git repository") => {
            error.failure(&format!("`{to}` cannot be opened"))
        }
        _ => refuse(
            format!("`{to}` is no git repository"),
            "make it one with `git init`, or name a clone of the deployment repository",
        ),
    }
}
