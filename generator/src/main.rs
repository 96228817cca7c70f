//! The `applgen` command: maps what happened to an exit code.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use applgen::{cli::Cli, commands, report};
use clap::Parser;

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
