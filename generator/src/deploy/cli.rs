//! The command line of everything that has to do with deployment repositories.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint, builder::PossibleValuesParser, builder::TypedValueParser};

use crate::image::Target;

/// Arguments of `deploy`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Deploy {
    /// Work on the deployment repository itself.
    #[command(subcommand)]
    pub command: Option<DeployCommand>,
    /// A site directory, or a single Markdown file or zone
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub site: PathBuf,
    /// The deployment repository: a clone, a bare repository, or an address; else what `applgen.toml` says
    #[arg(long, value_name = "REPO", value_hint = ValueHint::AnyPath)]
    pub to: Option<String>,
    /// What the image runs on.
    #[command(flatten)]
    pub flags: EachTarget,
    /// What the image runs on; several, of this or of the flags, make one commit
    #[arg(long = "target", value_name = "TARGET", value_delimiter = ',', value_parser = target_parser())]
    pub targets: Vec<Target>,
    /// Deploy an image that `applgen build` wrote, with the manifest beside it
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["site", "targets", "unix", "tap", "kvm", "xen"])]
    pub image: Vec<PathBuf>,
    /// Deploy under this name, and not the site directory's own
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The branch, where the repository does not say it itself
    #[arg(long, value_name = "BRANCH")]
    pub branch: Option<String>,
    /// Sign with this key: minisign's, or OpenSSH's
    #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
    pub sign: Option<PathBuf>,
    /// Deploy a site with uncommitted changes, and mark it
    #[arg(long)]
    pub allow_dirty: bool,
    /// Refuse a site with warnings, and not only one with errors
    #[arg(long, conflicts_with = "image")]
    pub strict: bool,
    /// Where hosts keep their clone of the repository, for descriptors [default: /srv/deploy]
    #[arg(long, value_name = "DIR")]
    pub host_dir: Option<String>,
    /// Set no tag in the site's own repository
    #[arg(long)]
    pub no_source_tag: bool,
    /// Push the tag in the site's own repository to where it came from
    #[arg(long, conflicts_with = "no_source_tag")]
    pub push_source_tag: bool,
}

/// The targets, by a flag each: a deploy may have several.
#[derive(Debug, Clone, Copy, Args)]
pub struct EachTarget {
    /// An ordinary static executable for Linux, on host sockets (the default target)
    #[arg(long)]
    unix: bool,
    /// A sandboxed static executable for Linux on a tap device, with addresses of its own
    #[arg(long)]
    tap: bool,
    /// A kernel of its own for virtual machines: QEMU, Firecracker, Cloud Hypervisor
    #[arg(long)]
    kvm: bool,
    /// A kernel of its own for guests of Xen, with a configuration for `xl create`
    #[arg(long)]
    xen: bool,
}

impl EachTarget {
    /// The targets that were named.
    pub fn named(self) -> impl Iterator<Item = Target> {
        [
            (self.unix, Target::Unix),
            (self.tap, Target::Tap),
            (self.kvm, Target::Kvm),
            (self.xen, Target::Xen),
        ]
        .into_iter()
        .filter_map(|(given, target)| given.then_some(target))
    }
}

/// What `deploy` does beside deploying.
#[derive(Debug, Subcommand)]
pub enum DeployCommand {
    /// Say what forgetting old deploys would save, and forget them when told
    Prune(Prune),
}

/// Arguments of `deploy prune`.
#[derive(Debug, Args)]
pub struct Prune {
    /// How many of the newest commits stay
    #[arg(long, value_name = "N", required_unless_present = "push", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// Rewrite the history of the clone; nothing is pushed without `--push`
    #[arg(long, requires = "keep")]
    pub rewrite: bool,
    /// Replace the remote's branch and tags by those that were rewritten here, if nobody deployed in between
    #[arg(long)]
    pub push: bool,
    /// A clone of the deployment repository
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub repo: String,
}

/// Which repository, and what of it.
#[derive(Debug, Args)]
pub struct Selection {
    /// A clone of the deployment repository
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub repo: String,
    /// This site alone
    #[arg(long, value_name = "NAME")]
    pub site: Option<String>,
    /// This target alone
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
}

/// Arguments of `log`.
#[derive(Debug, Args)]
pub struct Log {
    /// Up to this revision
    #[arg(default_value = "HEAD")]
    pub revision: String,
    /// Which deploys.
    #[command(flatten)]
    pub selection: Selection,
    /// So many of the newest
    #[arg(short = 'n', long, value_name = "N")]
    pub max_count: Option<usize>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// A deploy (`SITE/TARGET/NUMBER`), a revision, or an image
    pub a: String,
    /// The same; what is live when nothing is said
    #[arg(default_value = "HEAD")]
    pub b: String,
    /// Which deploys.
    #[command(flatten)]
    pub selection: Selection,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// A deploy (`SITE/TARGET/NUMBER`) or a revision to go back to; the one before what is live when nothing is said
    pub revision: Option<String>,
    /// Which deploys.
    #[command(flatten)]
    pub selection: Selection,
    /// Sign with this key: minisign's, or OpenSSH's
    #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
    pub sign: Option<PathBuf>,
}

/// Arguments of `bisect`.
#[derive(Debug, Args)]
pub struct Bisect {
    /// The test: exit code 0 when a deploy is good, 125 when it cannot be said, another below 128 when it is bad
    ///
    /// A shell command. It finds the image in `APPLGEN_IMAGE`, the deploy's name in
    /// `APPLGEN_DEPLOY`, its commit in `APPLGEN_COMMIT`, and where an image that runs
    /// as a process answers in `APPLGEN_URL`, without a slash at its end, and `APPLGEN_DNS`.
    #[arg(long, value_name = "CMD", required = true)]
    pub run: String,
    /// A deploy that is known to be good; the first when nothing is said
    #[arg(long, value_name = "REV")]
    pub good: Option<String>,
    /// A deploy that is known to be bad; what is live when nothing is said
    #[arg(long, value_name = "REV")]
    pub bad: Option<String>,
    /// Which deploys.
    #[command(flatten)]
    pub selection: Selection,
}

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// What to verify; of the revision that is checked out, the files on the disk too
    #[arg(default_value = "HEAD")]
    pub revision: String,
    /// Which deploys.
    #[command(flatten)]
    pub selection: Selection,
    /// Refuse what none of these public keys signed: minisign's or OpenSSH's
    #[arg(long, value_name = "KEY", value_hint = ValueHint::FilePath)]
    pub key: Vec<PathBuf>,
    /// Refuse a downgrade: what does not descend from REV, or has a lower zone serial without a signed rollback
    #[arg(long, value_name = "REV")]
    pub since: Option<String>,
    /// The same since the revision that was remembered last; remembers this one when it is good
    #[arg(long, conflicts_with = "since")]
    pub remember: bool,
    /// Verify every deploy in the history, and not only what is live
    #[arg(long)]
    pub all: bool,
}

/// Reads a target's name.
pub fn target_parser() -> impl TypedValueParser<Value = Target> {
    PossibleValuesParser::new(Target::ALL.iter().map(|target| target.suffix()))
        .map(|name| Target::from_suffix(&name).unwrap_or_default())
}
