//! The command line, in one place: help, completions and the man page are made
//! from these definitions.

use std::{net::SocketAddr, path::PathBuf};

use crate::{deploy::cli as deploy, image::Target};
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

/// A directory of content goes in, one small image comes out, and the image is the whole server.
#[derive(Debug, Parser)]
#[command(
    name = "applgen",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(after_help = "Exit codes: 0 done, 1 the site is at fault, 2 the call or the machine is.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Turn a site into one image that serves it
    ///
    /// The image is written to `dist/NAME.TARGET` in the current directory, with a manifest
    /// beside it; NAME is the site directory's own name. A broken reference is a warning here
    /// and an error in `applgen check`.
    Build(Build),
    /// Build a site, or take an image, and serve it until interrupted
    ///
    /// Prints `listening http://ADDRESS:PORT/` on standard output once it answers, and
    /// `listening dns://ADDRESS:PORT` for zones.
    Run(Run),
    /// Serve a site while you write it: what changes on the disk changes in the browser
    ///
    /// Pages reload where they were; errors are shown over them, and on the terminal. Addresses
    /// in pages are the local ones, nothing is compressed, and zones are read but not answered:
    /// `run` does that. Prints `listening http://ADDRESS:PORT/` on standard output.
    Serve(Serve),
    /// Find broken links, references and zones, without network
    ///
    /// Exits with 1 when there is anything to mend. What is legal in a zone but suspicious is
    /// told, and fails the check with `--strict` alone.
    Check(Check),
    /// Show what is in an image: paths, sizes, decks, zones, features and why
    Inspect(Inspect),
    /// Build a site, and commit its image to a deployment repository
    ///
    /// Says nothing new where the image is live already. Prints the name and the commit of
    /// each deploy.
    Deploy(deploy::Deploy),
    /// Show what was deployed, when, and from which source
    Log(deploy::Log),
    /// Show what changed between two deploys or images: paths, headers, zone records
    Diff(deploy::Diff),
    /// Go back to an earlier deploy, by a new commit
    Rollback(deploy::Rollback),
    /// Find the deploy that broke something, by running a test on candidates
    Bisect(deploy::Bisect),
    /// Check hashes and signatures of what is deployed
    ///
    /// Exits with 1 when it is not to be run.
    Verify(deploy::Verify),
    /// Make a first site
    New(New),
    /// Show what is installed, what is missing, and how to get it
    Doctor,
    /// Compile the kernels that a release carries
    #[command(hide = true)]
    Kernels(Kernels),
    /// Print a completion script for a shell
    Completions(Completions),
    /// Print the manual page, or write those of all commands into a directory
    Man(Man),
}

/// The target: one flag, or none for the default.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
pub struct TargetFlags {
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

impl TargetFlags {
    /// The target that was named.
    pub fn named(self) -> Option<Target> {
        [
            (self.unix, Target::Unix),
            (self.tap, Target::Tap),
            (self.kvm, Target::Kvm),
            (self.xen, Target::Xen),
        ]
        .into_iter()
        .find_map(|(given, target)| given.then_some(target))
    }
}

/// Arguments of `build`.
#[derive(Debug, Args)]
pub struct Build {
    /// A site directory, or a single Markdown or zone file
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub site: PathBuf,
    /// What the image runs on.
    #[command(flatten)]
    pub target: TargetFlags,
    /// Write the image to FILE, and its manifest to FILE.json
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Build a website's drafts too
    #[arg(long)]
    pub drafts: bool,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// A site directory, a single Markdown or zone file, or an image
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub site: PathBuf,
    /// What the site runs on; an image knows it itself.
    #[command(flatten)]
    pub target: TargetFlags,
    /// Serve HTTP on PORT of 127.0.0.1, or on ADDRESS:PORT; port 0 takes a free one
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = socket)]
    pub http: Option<String>,
    /// Serve DNS on PORT of 127.0.0.1, or on ADDRESS:PORT; port 0 takes a free one
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = socket)]
    pub dns: Option<String>,
    /// Give a virtual machine so much memory
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(8..=65536))]
    pub memory: Option<u32>,
    /// Log each HTTP request to standard error, in the Common Log Format
    #[arg(long)]
    pub log: bool,
    /// Build a website's drafts too
    #[arg(long)]
    pub drafts: bool,
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// A site directory, or a single Markdown file
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub site: PathBuf,
    /// Serve on PORT of 127.0.0.1 (default 8080), or on ADDRESS:PORT; port 0 takes a free one
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = socket)]
    pub http: Option<String>,
    /// Open the site in a browser
    #[arg(long)]
    pub open: bool,
    /// Show a website's drafts too
    #[arg(long)]
    pub drafts: bool,
    /// Log each HTTP request to standard error, in the Common Log Format
    #[arg(long)]
    pub log: bool,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// A site directory, or a single Markdown or zone file
    #[arg(default_value = ".", value_hint = ValueHint::AnyPath)]
    pub site: PathBuf,
    /// Fail on what is suspicious in DNS zones too
    #[arg(long)]
    pub strict: bool,
    /// Check a website's drafts too
    #[arg(long)]
    pub drafts: bool,
}

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// An image that `applgen build` wrote
    #[arg(value_hint = ValueHint::FilePath)]
    pub image: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `new`.
#[derive(Debug, Args)]
pub struct New {
    /// What to make
    pub kind: Kind,
    /// Where: a directory that does not exist yet, or is empty
    #[arg(value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
    /// Add a GitHub workflow that builds, checks, signs and deploys the site
    #[arg(long)]
    pub ci: bool,
    /// The repository whose releases of applgen the workflow takes; a release
    /// knows its own
    #[arg(long, value_name = "OWNER/NAME", requires = "ci", value_parser = repository)]
    pub releases: Option<String>,
}

/// Arguments of `kernels`.
#[derive(Debug, Args)]
pub struct Kernels {
    /// Write what a release carries to FILE
    #[arg(value_hint = ValueHint::FilePath, value_name = "FILE")]
    pub output: PathBuf,
    /// These targets alone
    #[arg(long = "target", value_name = "TARGET", value_parser = deploy::target_parser())]
    pub targets: Vec<Target>,
    /// The repository that has the release, as OWNER/NAME
    #[arg(long, value_name = "OWNER/NAME", value_parser = repository)]
    pub repository: Option<String>,
    /// The commit that the release is made from
    #[arg(long, value_name = "COMMIT")]
    pub commit: Option<String>,
}

/// What `new` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A deck of slides in Markdown
    Slides,
    /// A website: pages in Markdown, templates, feeds
    Website,
    /// A site of plain files
    Files,
    /// A DNS zone
    Dns,
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Write `applgen.1`, `applgen-build.1` and the others here
    #[arg(value_hint = ValueHint::DirPath)]
    pub directory: Option<PathBuf>,
}

/// A repository of GitHub's, `OWNER/NAME`: it will stand in a workflow.
fn repository(text: &str) -> Result<String, String> {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match text.split_once('/') {
        Some((owner, name)) if is_name(owner) && is_name(name) => Ok(text.to_owned()),
        _ => Err("not of the form OWNER/NAME".to_owned()),
    }
}

/// A port, or an address with a port, as a boot word's value.
fn socket(text: &str) -> Result<String, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(format!("127.0.0.1:{port}"));
    }
    text.parse::<SocketAddr>()
        .map(|address| address.to_string())
        .map_err(|_| {
            "neither a port nor an ADDRESS:PORT such as `0.0.0.0:8080` or `[::1]:8080`".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn repositories_have_an_owner_and_a_name() {
        assert_eq!(repository("a-b/c.d").unwrap(), "a-b/c.d");
        for text in ["a", "a/", "/b", "a/b/c", "a/b c", "a/${{x}}", "../b"] {
            assert!(repository(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sockets_are_ports_or_addresses() {
        assert_eq!(socket("8080").unwrap(), "127.0.0.1:8080");
        assert_eq!(socket("[::]:80").unwrap(), "[::]:80");
        assert!(socket("80800").is_err() && socket("localhost:80").is_err());
    }
}
