//! The `applgen` command: maps what happened to an exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use applgen::{cli::Cli, commands, report};
use clap::Parser;

/// Templates see copies of pages, made and dropped by the million: the system's
/// allocator takes a third of a website's build for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(diagnostic) = &failure.diagnostic {
                report::tell(diagnostic);
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
