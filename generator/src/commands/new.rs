//! `applgen new`: a first site, from the scaffolds in `templates/new`.

use std::{fs, io, path::Path};

use include_dir::Dir;

use crate::{
    cli::{Kind, New},
    failure::Failure,
    image::environment::Environment,
    report::{self, Diagnostic},
    templates,
};

/// Writes a scaffold into a new or empty directory.
pub fn new(arguments: &New) -> Result<(), Failure> {
    let name = match arguments.kind {
        Kind::Slides => "slides",
        Kind::Website => "website",
        Kind::Files => "files",
        Kind::Dns => "dns",
    };
    let scaffold = templates::directory(&format!("new/{name}"));
    let target = &arguments.directory;
    refuse_unless_empty(target)?;
    let source = arguments.ci.then(|| Source::of(arguments)).transpose()?;
    let cannot = |error: io::Error| {
        Failure::environment(
            Diagnostic::error(format!("`{}` cannot be written: {error}", target.display()))
                .hint("choose a directory that you may write to"),
        )
    };
    fs::create_dir_all(target).map_err(cannot)?;
    write(scaffold, scaffold.path(), target).map_err(cannot)?;
    if let Some(source) = source {
        write_workflow(target, &source).map_err(cannot)?;
    }
    let shown = target.display();
    report::say(&format!(
        "made `{shown}`; look at it with `applgen run {shown}`"
    ));
    Ok(())
}

/// Where the workflow takes applgen from.
struct Source {
    repository: String,
    /// The commit of its action, or else a tag.
    reference: String,
}

impl Source {
    /// What was asked for, or what a release knows of itself.
    fn of(arguments: &New) -> Result<Self, Failure> {
        let own = Environment::current().release();
        let own = own.map(|it| it.origin().clone()).unwrap_or_default();
        let version = || concat!("v", env!("CARGO_PKG_VERSION")).to_owned();
        let Some(repository) = arguments.releases.clone().or(own.repository.clone()) else {
            return Err(Failure::environment(
                Diagnostic::error("a workflow needs a repository that has releases of applgen, and this applgen is no release of one")
                    .hint("name it: `--ci --releases OWNER/NAME`"),
            ));
        };
        let commit = own
            .commit
            .filter(|_| own.repository.as_ref() == Some(&repository));
        Ok(Self {
            reference: commit.unwrap_or_else(version),
            repository,
        })
    }
}

/// The workflow that deploys the site. It is filled in by hand and not by the
/// template engine, whose braces are GitHub's too.
fn write_workflow(target: &Path, source: &Source) -> io::Result<()> {
    let folder = target.join(".github/workflows");
    fs::create_dir_all(&folder)?;
    let template = templates::directory("ci").get_file("ci/deploy.yml");
    let text = template
        .and_then(|file| file.contents_utf8())
        .unwrap_or_default();
    let text = text
        .replace("{{ repository }}", &source.repository)
        .replace("{{ commit }}", &source.reference);
    fs::write(folder.join("deploy.yml"), text)?;
    report::say("made `.github/workflows/deploy.yml`; its first lines say how to set it up");
    if source.reference.starts_with('v') {
        report::say(&format!(
            "it names the action of `{0}` by the tag `{1}`: put the commit of that tag in its place, so that nobody can move it",
            source.repository, source.reference
        ));
    }
    Ok(())
}

fn refuse_unless_empty(target: &Path) -> Result<(), Failure> {
    let taken = match fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    };
    if taken {
        return Err(Failure::environment(
            Diagnostic::error(format!(
                "`{}` exists and is no empty directory",
                target.display()
            ))
            .hint("name a directory that does not exist yet"),
        ));
    }
    Ok(())
}

fn write(directory: &Dir<'_>, root: &Path, target: &Path) -> io::Result<()> {
    for entry in directory.entries() {
        let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
        match entry {
            include_dir::DirEntry::Dir(inner) => {
                fs::create_dir_all(target.join(below))?;
                write(inner, root, target)?;
            }
            include_dir::DirEntry::File(file) => fs::write(target.join(below), file.contents())?,
        }
    }
    Ok(())
}
