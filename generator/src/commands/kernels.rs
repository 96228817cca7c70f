//! `applgen kernels`: what a release carries. For `ci/release`, and hidden from
//! help.

use std::{fs, thread};

use crate::{
    cli::Kernels,
    failure::Failure,
    image::{
        Features, Target,
        kernel::{Kernel, release_kernels},
        release::{self, Origin},
    },
    report::{self, Diagnostic},
};

/// Compiles every kernel of a release, or takes it from the cache, and writes
/// the section that the release's executable gets.
pub fn kernels(arguments: &Kernels) -> Result<(), Failure> {
    let targets = match arguments.targets.as_slice() {
        [] => Target::ALL.to_vec(),
        some => some.to_vec(),
    };
    let wanted: Vec<_> = targets
        .into_iter()
        .flat_map(|target| {
            let sets = Features::carried_for(target);
            sets.into_iter().map(move |features| (target, features))
        })
        .collect();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let done = |kernel: &Kernel| {
        report::say(&format!(
            "{} {}: {} bytes",
            kernel.record.target,
            kernel.record.features.join(","),
            kernel.elf.len()
        ));
    };
    let kernels = release_kernels(&wanted, workers.min(wanted.len()), &done)
        .map_err(|error| Failure::environment(error.diagnostic()))?;
    let origin = Origin {
        repository: arguments.repository.clone(),
        commit: arguments.commit.clone(),
    };
    let cannot = |error: std::io::Error| {
        Failure::environment(
            Diagnostic::error(format!(
                "`{}` cannot be written: {error}",
                arguments.output.display()
            ))
            .hint("choose a folder that you may write to"),
        )
    };
    let section = release::pack(&origin, &kernels).map_err(cannot)?;
    fs::write(&arguments.output, &section).map_err(cannot)?;
    let raw: usize = kernels.iter().map(|kernel| kernel.elf.len()).sum();
    report::say(&format!(
        "{} kernels of {raw} bytes, packed to {} bytes",
        kernels.len(),
        section.len()
    ));
    Ok(())
}
