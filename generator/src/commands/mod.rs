//! The commands: each maps its arguments to the pipeline and tells the result.

mod build;
mod check;
mod deploy;
mod diff;
mod doctor;
mod inspect;
mod kernels;
mod new;
mod operate;
mod pipeline;
mod run;
mod serve;
#[cfg(test)]
mod serve_edits;
mod sites;

use std::io::Write;

use clap::CommandFactory;

use crate::{
    cli::{Cli, Command, Man},
    failure::Failure,
    report::Diagnostic,
};

/// Runs a command.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Build(arguments) => build::build(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Serve(arguments) => serve::serve(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Inspect(arguments) => inspect::inspect(&arguments),
        Command::Deploy(arguments) => deploy::deploy(&arguments),
        Command::Log(arguments) => operate::log(&arguments),
        Command::Diff(arguments) => diff::diff(&arguments),
        Command::Rollback(arguments) => operate::rollback(&arguments),
        Command::Bisect(arguments) => operate::bisect(&arguments),
        Command::Verify(arguments) => operate::verify(&arguments),
        Command::New(arguments) => new::new(&arguments),
        Command::Doctor => doctor::doctor(),
        Command::Kernels(arguments) => kernels::kernels(&arguments),
        Command::Completions(arguments) => {
            let mut script = Vec::new();
            clap_complete::generate(arguments.shell, &mut Cli::command(), "applgen", &mut script);
            print(&script)
        }
        Command::Man(arguments) => man(&arguments),
    }
}

/// The manual: the command's own page to standard output, or the pages of all
/// commands into a directory.
fn man(arguments: &Man) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| {
        Failure::environment(
            Diagnostic::error(format!("the manual cannot be written: {error}"))
                .hint("name a directory that exists and may be written to"),
        )
    };
    if let Some(directory) = &arguments.directory {
        return clap_mangen::generate_to(Cli::command(), directory).map_err(cannot);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut page)
        .map_err(cannot)?;
    print(&page)
}

/// Data goes to standard output. A reader that has gone away is no error.
fn print(data: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(data).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::environment(
            Diagnostic::error(format!("standard output cannot be written: {error}")),
        )),
        _ => Ok(()),
    }
}

/// A number of bytes for people: kB is 1000 bytes.
fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{}.{} kB", count / 1_000, count % 1_000 / 100),
        _ => format!("{}.{} MB", count / 1_000_000, count % 1_000_000 / 100_000),
    }
}

/// `1 slide`, `2 slides`.
fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal() {
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(12_345), "12.3 kB");
        assert_eq!(bytes(2_000_000), "2.0 MB");
    }
}
