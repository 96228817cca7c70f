//! `applgen kernels`: the kernels that a release carries. For `ci/release`, and
//! hidden from help.

use crate::{
    cli::Kernels,
    failure::Failure,
    image::{self, Features, Quiet, Target, store::Store},
    report::{self, Diagnostic},
};

/// Compiles every kernel, or takes it from the cache, into a release's folder.
pub fn kernels(arguments: &Kernels) -> Result<(), Failure> {
    let store = Store::in_folder(&arguments.directory);
    let cannot = |error: std::io::Error| {
        Failure::environment(
            Diagnostic::error(format!(
                "`{}` cannot be written: {error}",
                store.path().display()
            ))
            .hint("choose a directory that you may write to"),
        )
    };
    let targets = match arguments.targets.as_slice() {
        [] => Target::ALL.to_vec(),
        some => some.to_vec(),
    };
    for target in targets {
        for features in Features::all_for(target) {
            let kernel = image::kernel(target, &features, &Quiet)
                .map_err(|error| Failure::environment(error.diagnostic()))?;
            let lock = store.lock(|| {}).map_err(cannot)?;
            let scratch = store.scratch(&lock).map_err(cannot)?;
            store.insert(&kernel, scratch.path()).map_err(cannot)?;
            report::say(&format!(
                "{} {}: {} bytes",
                target.suffix(),
                kernel.record.features.join(","),
                kernel.elf.len()
            ));
        }
    }
    let _ = std::fs::remove_file(store.path().join(".lock"));
    Ok(())
}
