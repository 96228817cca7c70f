//! `applgen serve`: a site while it is written, built anew at every change.

use std::{
    collections::HashSet,
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use super::{count, pipeline};
use crate::{
    cli::Serve,
    failure::{Failure, Fault},
    render::Serving,
    report::{self, Diagnostic, Diagnostics, Level},
    serve::{Generation, Shared, generation::Changes, http, watch::Watch},
    site,
};

/// Where a process listens when nobody said otherwise.
const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// A failed build is told when nothing changes for so long: what is half written
/// is not worth an error.
const HALF_WRITTEN: Duration = Duration::from_millis(60);

/// Serves a site until it is interrupted.
pub fn serve(arguments: &Serve) -> Result<(), Failure> {
    if arguments.drafts {
        site::config::want_drafts();
    }
    let named = &arguments.site;
    fs::metadata(named).map_err(|error| site::no_such_site(named, &error))?;
    let listener = listen(arguments.http.as_deref())?;
    let address = listener.local_addr().map_err(|error| cannot(&error))?;
    end_on_signals()?;
    let outputs = pipeline::default_outputs();
    let mut watch = Watch::new(named, &outputs)?;
    let mut builder = Builder {
        named,
        outputs,
        serving: Serving::new(format!("http://{}", reachable(address))),
        told: HashSet::new(),
    };
    let shared = Arc::new(Shared::new());
    let mut is_first = true;
    loop {
        watch.look_again()?;
        let started = Instant::now();
        match builder.build() {
            Ok(built) => {
                let resources = built.resources();
                let changes = shared.replace(built);
                let took = started.elapsed().as_millis();
                report::say(&match is_first {
                    true => format!("{} in {took} ms", count(resources, "resource")),
                    false => format!("{} in {took} ms", told(changes)),
                });
            }
            Err(_) if !is_first && watch.goes_on(HALF_WRITTEN) => continue,
            Err(broken) => {
                for text in &broken.shown {
                    report::say(&format!("{text}\n"));
                }
                if is_first && broken.fault == Fault::Environment {
                    return Err(Failure {
                        fault: Fault::Environment,
                        diagnostic: None,
                    });
                }
                report::say("waiting for a change that mends it");
                shared.fail(&broken.plain);
            }
        }
        if is_first {
            is_first = false;
            let url = format!("http://{}/", reachable(address));
            let (listener, shared, log) = (clone(&listener)?, Arc::clone(&shared), arguments.log);
            thread::spawn(move || http::serve(&listener, &shared, log));
            super::print(format!("listening {url}\n").as_bytes())?;
            if arguments.open
                && let Err(error) = open::that_detached(&url)
            {
                report::tell(
                    &Diagnostic::warning(format!("no browser can be started: {error}"))
                        .hint(format!("open {url} yourself")),
                );
            }
        }
        watch.wait();
    }
}

/// What every build of one session shares.
struct Builder<'a> {
    named: &'a Path,
    outputs: Vec<PathBuf>,
    serving: Serving,
    /// Warnings of the last build: those are not told again.
    told: HashSet<String>,
}

/// Why a build came to nothing.
struct Broken {
    fault: Fault,
    /// For a terminal.
    shown: Vec<String>,
    /// For a browser.
    plain: String,
}

impl Builder<'_> {
    fn build(&mut self) -> Result<Generation, Broken> {
        let mut diagnostics = Diagnostics::new();
        let result =
            pipeline::generation(self.named, &self.outputs, &self.serving, &mut diagnostics);
        let (errors, others): (Vec<_>, Vec<_>) = diagnostics
            .into_iter()
            .partition(|diagnostic| diagnostic.level == Level::Error);
        let mut told = HashSet::new();
        for diagnostic in others {
            let text = diagnostic.render(false);
            if !self.told.contains(&text) {
                report::tell(&diagnostic);
            }
            told.insert(text);
        }
        let failure = match result {
            Ok(built) => {
                self.told = told;
                return Ok(built);
            }
            Err(failure) => failure,
        };
        self.told.extend(told);
        let errors: Vec<Diagnostic> = errors
            .into_iter()
            .chain(failure.diagnostic.map(|diagnostic| *diagnostic))
            .collect();
        let plain: Vec<String> = errors.iter().map(|error| error.render(false)).collect();
        Err(Broken {
            fault: failure.fault,
            shown: errors.iter().map(|error| error.render(true)).collect(),
            plain: plain.join("\n\n"),
        })
    }
}

/// `2 pages, 1 style sheet changed`.
fn told(changes: Changes) -> String {
    let parts: Vec<String> = [
        (changes.pages, "page"),
        (changes.styles, "style sheet"),
        (changes.others, "other resource"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, noun)| count(number, noun))
    .collect();
    match parts.is_empty() {
        true => "nothing changed".to_owned(),
        false => format!("{} changed", parts.join(", ")),
    }
}

fn listen(wanted: Option<&str>) -> Result<TcpListener, Failure> {
    let address = wanted
        .and_then(|text| text.parse().ok())
        .unwrap_or(DEFAULT_ADDRESS);
    TcpListener::bind(address).map_err(|error| {
        let (why, hint) = match error.kind() {
            io::ErrorKind::AddrInUse => (
                format!("`{address}` is in use already"),
                "another port is given as `--http PORT`; 0 takes a free one".to_owned(),
            ),
            io::ErrorKind::PermissionDenied => (
                format!("`{address}` is not ours to listen on"),
                "ports below 1024 need a right; another one is given as `--http PORT`".to_owned(),
            ),
            io::ErrorKind::AddrNotAvailable => (
                format!("`{address}` is no address of this machine"),
                format!("`--http 0.0.0.0:{}` listens on all of them", address.port()),
            ),
            _ => (
                format!("cannot listen on `{address}`: {error}"),
                "another address is given as `--http ADDRESS:PORT`".to_owned(),
            ),
        };
        Failure::environment(Diagnostic::error(why).hint(hint))
    })
}

/// An address that a browser on this machine can ask.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn clone(listener: &TcpListener) -> Result<TcpListener, Failure> {
    listener.try_clone().map_err(|error| cannot(&error))
}

/// An interrupt is how this is meant to end, at any time: nothing is written
/// that could be left half done.
fn end_on_signals() -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| cannot(&error))?;
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            std::process::exit(0);
        }
    });
    Ok(())
}

fn cannot(error: &io::Error) -> Failure {
    Failure::environment(Diagnostic::error(format!(
        "the site cannot be served: {error}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_a_browser_can_ask() {
        let of = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(of("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(of("[::]:80"), "[::1]:80");
        assert_eq!(of("192.0.2.1:80"), "192.0.2.1:80");
    }

    #[test]
    fn a_port_in_use_is_told() {
        let first = listen(Some("127.0.0.1:0")).unwrap();
        let address = first.local_addr().unwrap().to_string();
        let failure = listen(Some(&address)).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.diagnostic.unwrap().message.contains("is in use"));
    }
}
