//! The appliance as a command: a bundle and boot words in, an exit code out.
//!
//! This is what an image's `main` does once it has found its bundle, and what
//! `applgen run` does with a bundle in memory: the same words, the same lines,
//! the same codes.

use crate::server::{Options, Server};
use crate::stop::Stop;
use applgen_bundle::boot::{Fault, Keys, Log, WordError, Words};
use applgen_bundle::http::Site;
use applgen_bundle::{Bundle, TAG_BOOT, TAG_HTTP};
use std::fmt::Display;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::process::ExitCode;

/// Where a process listens when nobody said otherwise: for this machine alone.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT);

const DEFAULT_PORT: u16 = 8080;

/// The exit code of wrong usage and of an environment that does not do.
const USAGE: u8 = 2;

const HELP: &str = "\
Serves the site that is in this file.

  http=[ADDR:]PORT   where to listen (default 127.0.0.1:8080; port 0: any)
  log=off|common     access log on stderr (default off)
  threads=N          event loops (default: one for each core)
  --help             this text

SIGTERM, SIGINT and SIGHUP finish the answers in flight, then end it.
";

/// Serves `bundle` as the words in it and the `arguments` say, until a signal.
pub fn run(bundle: &[u8], arguments: &[String]) -> ExitCode {
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        return match std::io::stdout().lock().write_all(HELP.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(1),
        };
    }
    match serve(bundle, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

/// The process's arguments, where all are text.
pub fn arguments() -> Result<Vec<String>, ExitCode> {
    let mut arguments = Vec::new();
    for argument in std::env::args_os().skip(1) {
        match argument.into_string() {
            Ok(argument) => arguments.push(argument),
            Err(argument) => {
                let shown = argument.to_string_lossy().into_owned();
                return Err(fail(&format!("`{shown}`: no such boot word")));
            }
        }
    }
    Ok(arguments)
}

/// Says what is wrong, and gives the code for it.
pub fn fail(message: &dyn Display) -> ExitCode {
    // With nobody to tell it to, the code alone has to do.
    let _ = writeln!(std::io::stderr().lock(), "error: {message}");
    ExitCode::from(USAGE)
}

fn serve(bundle: &[u8], arguments: &[String]) -> Result<(), String> {
    let bundle = Bundle::parse(bundle).map_err(|error| error.to_string())?;
    let section = bundle
        .section(TAG_HTTP)
        .ok_or("the bundle has nothing to serve over HTTP")?;
    let site = Site::parse(section).map_err(|error| error.to_string())?;
    let defaults = bundle.section(TAG_BOOT).map_or(&[][..], |boot| boot.bytes);
    let defaults = str::from_utf8(defaults)
        .map_err(|_| "the boot words in the bundle are no text".to_string())?;
    let defaults = Words::parse(defaults, Keys::PROCESS)
        .map_err(|error| format!("in the bundle: {}", explain(&error)))?;
    let mut given = Words::default();
    for argument in arguments {
        let taken = given.take(argument, Keys::PROCESS);
        taken.map_err(|error| explain(&error))?;
    }
    let options = options(&given.or(defaults));

    let stop = Stop::new();
    stop.on_signals()
        .map_err(|error| format!("cannot wait for signals: {error}"))?;
    let server = Server::bind(site, options).map_err(|error| error.to_string())?;
    server
        .run(&stop, |address| {
            let mut stdout = std::io::stdout().lock();
            // Whoever does not read it does without.
            let _ = writeln!(stdout, "listening http://{address}/");
            let _ = stdout.flush();
        })
        .map_err(|error| format!("cannot go on: {error}"))
}

fn options(words: &Words<'_>) -> Options {
    let mut address = DEFAULT_ADDRESS;
    if let Some(listen) = words.http {
        address = SocketAddr::new(listen.address.unwrap_or(address.ip()), listen.port);
    }
    let mut options = Options::new(address);
    options.log = words.log == Some(Log::Common);
    if let Some(threads) = words
        .threads
        .and_then(|threads| NonZeroUsize::new(threads.into()))
    {
        options.threads = threads;
    }
    options
}

fn explain(error: &WordError<'_>) -> String {
    let hint = match error.fault {
        Fault::Unknown => "the words are `http=`, `log=` and `threads=`; `--help` explains them",
        Fault::NotHere => "a process has the addresses of its host; it takes `http=ADDR:PORT`",
        Fault::Malformed(_) => return error.to_string(),
    };
    format!("{error}\n\nhint: {hint}")
}
