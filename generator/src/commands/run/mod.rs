//! `applgen run`: a site, or an image, served until it is interrupted.
//!
//! An image of a process runs in place of this one: signals, exit code and
//! process id are the server's own. One of a machine runs in QEMU ([`guest`]),
//! one for Xen by its tool stack ([`xen`]).

use std::{
    fs::File,
    io,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    cli::Run,
    failure::Failure,
    image::{Manifest, Target, attach, digest, environment::Environment, manifest},
    progress::Progress,
    report::Diagnostic,
    site,
};

use super::{build, pipeline};

mod guest;
mod xen;

/// Serves a site or an image. Returns only when that fails.
pub fn run(arguments: &Run) -> Result<(), Failure> {
    if arguments.drafts {
        site::config::want_drafts();
    }
    // Other executables are not ours to start.
    let image = if attach::is_image_at(&arguments.site) {
        arguments.site.clone()
    } else {
        let target = arguments.target.named().unwrap_or_default();
        let path = place_for(&arguments.site, target)?;
        let progress = Progress::on_terminal();
        let outputs = pipeline::default_outputs();
        let bundled = pipeline::bundle(&arguments.site, &outputs, target, &progress)?;
        build::write(&bundled, &arguments.site, target, &path, &progress)?;
        build::tell_content(&bundled);
        path
    };
    let file = || File::open(&image).map_err(|error| cannot_start(&image, &error));
    if attach::is_guest(&mut file()?).map_err(|error| cannot_start(&image, &error))? {
        return if is_for_xen(&image, arguments) {
            xen::run(&image, arguments)
        } else {
            guest::run(&image, arguments)
        };
    }
    if arguments.memory.is_some() {
        return Err(Failure::environment(
            Diagnostic::error("`--memory` is for virtual machines, and this is a process")
                .hint("build the site with `--kvm` or `--xen`"),
        ));
    }
    let mut words = Vec::new();
    words.extend(arguments.http.iter().map(|socket| format!("http={socket}")));
    words.extend(arguments.dns.iter().map(|socket| format!("dns={socket}")));
    words.extend(arguments.log.then(|| "log=common".to_owned()));
    // A bare name would be looked for on PATH.
    let program = std::path::absolute(&image).unwrap_or_else(|_| image.clone());
    let error = Command::new(program).args(words).exec();
    Err(cannot_start(&image, &error))
}

fn cannot_start(image: &Path, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("make it executable: `chmod +x {}`", image.display())
        }
        _ => "is it an image that `applgen build` wrote, for this machine?".to_owned(),
    };
    Failure::environment(
        Diagnostic::error(format!("`{}` cannot be started: {error}", image.display())).hint(hint),
    )
}

/// Whether a guest's image is for Xen: by the flag, by the manifest beside it, or
/// by its name. The images themselves differ in their devices alone.
fn is_for_xen(image: &Path, arguments: &Run) -> bool {
    let xen = Target::Xen.suffix();
    match arguments.target.named() {
        Some(target) => target == Target::Xen,
        None => {
            let manifest = std::fs::read(manifest::path_for(image)).unwrap_or_default();
            match serde_json::from_slice::<Manifest>(&manifest) {
                Ok(manifest) => manifest.target == xen,
                Err(_) => image.extension().is_some_and(|extension| extension == xen),
            }
        }
    }
}

/// Where the image of a site that is only run goes: one place for each site,
/// so that running does not fill the disk.
fn place_for(named: &Path, target: Target) -> Result<PathBuf, Failure> {
    let directory = match Environment::current().cache_dir() {
        Some(cache) => cache.join("run"),
        None => tempfile::Builder::new()
            .prefix("applgen-")
            .tempdir()
            .map_err(|error| {
                Failure::environment(
                    Diagnostic::error(format!("no temporary directory can be made: {error}"))
                        .hint("set `APPLGEN_CACHE` to a directory that you may write to"),
                )
            })?
            .keep(),
    };
    let canonical = std::fs::canonicalize(named).unwrap_or_else(|_| named.to_path_buf());
    let hash = digest::sha256(canonical.as_os_str().as_encoded_bytes());
    let short = hash.get(..12).unwrap_or(&hash);
    Ok(directory.join(format!(
        "{}-{short}.{}",
        site::name_of(named),
        target.suffix()
    )))
}
