//! The appliance as a command: a bundle and boot words in, an exit code out.
//!
//! This is what an image's `main` does once it has found its bundle, and what
//! `applgen run` does with a bundle in memory: the same words, the same lines,
//! the same codes.

use crate::sandbox::{Calls, Identity, Sandbox};
use crate::server::{Options, Server};
use crate::stop::Stop;
use applgen_bundle::boot::{Fault, Keys, Log, User, WordError, Words};
use applgen_bundle::http::Site;
use applgen_bundle::{Bundle, TAG_BOOT, TAG_HTTP};
use applgen_http::log::Format;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
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
  log=off|common|json  access log on stderr (default off)
  threads=N          event loops (default: one for each core)
  user=UID[:GID]     whom to become when started by root (default 65534:65534)
  sandbox=on|off     whether to give up what is not needed (default on)
  handover=on|off    whether another image may be listening there, which is
                     about to be stopped (default off)
  --help             this text

SIGTERM, SIGINT and SIGHUP finish the answers in flight, then end it.
Sockets that a service manager hands over (LISTEN_FDS) are used instead of http=.
";

/// Serves `bundle` as the words in it and the `arguments` say, until a signal;
/// on `sockets` that listen already, if there are any.
pub fn run(bundle: &[u8], arguments: &[String], sockets: Vec<TcpListener>) -> ExitCode {
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        return match io::stdout().lock().write_all(HELP.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(1),
        };
    }
    match serve(bundle, arguments, sockets) {
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
    let _ = writeln!(io::stderr().lock(), "error: {message}");
    ExitCode::from(USAGE)
}

fn serve(bundle: &[u8], arguments: &[String], sockets: Vec<TcpListener>) -> Result<(), String> {
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
    let words = given.or(defaults);
    let options = options(&words);
    let sandbox = words.sandbox.unwrap_or(true).then_some(Sandbox {
        calls: Calls::Sockets,
        identity: words.user.map(|User { uid, gid }| Identity { uid, gid }),
    });

    let stop = Stop::new();
    let signals = stop
        .signals()
        .map_err(|error| format!("cannot wait for signals: {error}"))?;
    let server = match sockets.is_empty() {
        true => Server::bind(site, options).map_err(|error| error.to_string())?,
        false => Server::adopt(site, options, &sockets)
            .map_err(|error| format!("cannot use the sockets in `LISTEN_FDS`: {error}"))?,
    };
    drop(sockets);
    server
        .run(&stop, |addresses| {
            if let Some(sandbox) = sandbox {
                sandbox.enter().map_err(io::Error::other)?;
            }
            signals.watch()?;
            let mut stdout = io::stdout().lock();
            for address in addresses {
                // Whoever does not read it does without.
                let _ = writeln!(stdout, "listening http://{address}/");
            }
            let _ = stdout.flush();
            Ok(())
        })
        .map_err(|error| format!("cannot go on: {error}"))
}

fn options(words: &Words<'_>) -> Options {
    let mut address = DEFAULT_ADDRESS;
    if let Some(listen) = words.http {
        address = SocketAddr::new(listen.address.unwrap_or(address.ip()), listen.port);
    }
    let mut options = Options::new(address);
    options.log = match words.log {
        None | Some(Log::Off) => None,
        Some(Log::Common) => Some(Format::Common),
        Some(Log::Json) => Some(Format::Json),
    };
    options.handover = words.handover == Some(true);
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
        Fault::Unknown => "`--help` lists the words",
        Fault::NotHere => "a process has the addresses of its host; it takes `http=ADDR:PORT`",
        Fault::Malformed(_) => return error.to_string(),
    };
    format!("{error}\n\nhint: {hint}")
}
