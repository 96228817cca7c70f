//! The appliance as a command: a bundle and boot words in, an exit code out.
//!
//! This is what an image's `main` does once it has found its bundle, and what
//! `applgen run` does with a bundle in memory: the same words, the same lines,
//! the same codes.

#[cfg(feature = "dns")]
use crate::dns::{DnsOptions, DnsServer};
use crate::sandbox::{Calls, Identity, Sandbox};
#[cfg(feature = "http")]
use crate::server::{Options, Server};
use crate::stop::Stop;
#[cfg(feature = "http")]
use applgen_bundle::boot::Log;
use applgen_bundle::boot::{Fault, Keys, Listen, User, WordError, Words};
#[cfg(feature = "dns")]
use applgen_bundle::dns::Zones;
#[cfg(feature = "http")]
use applgen_bundle::http::Site;
use applgen_bundle::{Bundle, TAG_BOOT, TAG_DNS, TAG_HTTP};
#[cfg(feature = "http")]
use applgen_http::log::Format;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::process::ExitCode;

/// Where a process listens when nobody said otherwise: for this machine alone.
pub const DEFAULT_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Where a process listens for HTTP.
pub const DEFAULT_HTTP_PORT: u16 = 8080;

/// Where a process listens for DNS.
pub const DEFAULT_DNS_PORT: u16 = 5353;

/// The exit code of wrong usage and of an environment that does not do.
const USAGE: u8 = 2;

const HELP: &str = "\
Serves the site that is in this file.

  http=[ADDR:]PORT   where to listen for HTTP (default 127.0.0.1:8080; port 0: any)
  dns=[ADDR:]PORT    where to listen for DNS (default 127.0.0.1:5353)
  log=off|common|json  access log of HTTP on stderr (default off)
  threads=N          event loops (default: one for each core)
  user=UID[:GID]     whom to become when started by root (default 65534:65534)
  sandbox=on|off     whether to give up what is not needed (default on)
  handover=on|off    whether another image may be listening there, which is
                     about to be stopped (default off)
  cookie-secret=HEX  what DNS cookies are made with, 32 digits, the same for all
                     servers of one address (default: random)
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
    let sandbox = words.sandbox.unwrap_or(true).then_some(Sandbox {
        calls: Calls::Sockets,
        identity: words.user.map(|User { uid, gid }| Identity { uid, gid }),
    });

    let stop = Stop::new();
    let signals = stop
        .signals()
        .map_err(|error| format!("cannot wait for signals: {error}"))?;
    let services = Services::bind(&bundle, &given, &words, sockets)?;
    let ready = move || {
        if let Some(sandbox) = sandbox {
            sandbox.enter().map_err(io::Error::other)?;
        }
        signals.watch()
    };
    services
        .run(&stop, ready)
        .map_err(|error| format!("cannot go on: {error}"))
}

/// What a bundle has to be served, listening.
struct Services<'b> {
    #[cfg(feature = "http")]
    http: Option<Server<'b>>,
    #[cfg(feature = "dns")]
    dns: Option<DnsServer<'b>>,
}

impl<'b> Services<'b> {
    /// Listens, for HTTP on `sockets` if there are any.
    fn bind(
        bundle: &Bundle<'b>,
        given: &Words<'_>,
        words: &Words<'_>,
        sockets: Vec<TcpListener>,
    ) -> Result<Self, String> {
        // A word for what is not there would be a wish that nobody hears.
        let services = [
            ("http", given.http, TAG_HTTP, cfg!(feature = "http")),
            ("dns", given.dns, TAG_DNS, cfg!(feature = "dns")),
        ];
        for (word, given, tag, has_code) in services {
            match bundle.section(tag) {
                Some(_) if !has_code => {
                    return Err(format!(
                        "the bundle has a section `{word}`, and this kernel cannot serve it"
                    ));
                }
                None if given.is_some() => {
                    return Err(format!("`{word}=`: this image has nothing to serve there"));
                }
                _ => {}
            }
        }
        if services
            .iter()
            .all(|&(_, _, tag, _)| bundle.section(tag).is_none())
        {
            return Err("the bundle has nothing to serve".to_string());
        }
        #[cfg(feature = "http")]
        let http = match bundle.section(TAG_HTTP) {
            Some(section) => {
                let site = Site::parse(section).map_err(|error| error.to_string())?;
                let options = http_options(words);
                Some(match sockets.is_empty() {
                    true => Server::bind(site, options).map_err(|error| error.to_string())?,
                    false => Server::adopt(site, options, &sockets).map_err(|error| {
                        format!("cannot use the sockets in `LISTEN_FDS`: {error}")
                    })?,
                })
            }
            None => None,
        };
        drop(sockets);
        #[cfg(feature = "dns")]
        let dns = match bundle.section(TAG_DNS) {
            Some(section) => {
                let zones = Zones::parse(section).map_err(|error| error.to_string())?;
                let server = DnsServer::bind(zones, dns_options(words));
                Some(server.map_err(|error| error.to_string())?)
            }
            None => None,
        };
        Ok(Self {
            #[cfg(feature = "http")]
            http,
            #[cfg(feature = "dns")]
            dns,
        })
    }

    /// Serves until `stop`; where one service fails, the other ends too. `ready`
    /// is called when everything is open and no thread has started.
    fn run(self, stop: &Stop, ready: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        #[cfg(feature = "dns")]
        let dns = match self.dns {
            Some(dns) => {
                let address = dns.address();
                Some((address, dns.prepare(stop)?))
            }
            None => None,
        };
        #[cfg(feature = "http")]
        if let Some(http) = self.http {
            return std::thread::scope(|scope| {
                let result = http.run(stop, |addresses| {
                    ready()?;
                    let urls: Vec<String> = addresses
                        .iter()
                        .map(|address| format!("http://{address}/"))
                        .collect();
                    #[cfg(not(feature = "dns"))]
                    let _ = scope;
                    announce(&urls);
                    #[cfg(feature = "dns")]
                    if let Some((address, dns)) = dns {
                        std::thread::Builder::new()
                            .name("dns-0".into())
                            .stack_size(256 * 1024)
                            .spawn_scoped(scope, move || {
                                let result = dns.run();
                                if let Err(error) = &result {
                                    fail(&format!("DNS cannot go on: {error}"));
                                }
                                stop.stop();
                                result
                            })?;
                        announce(&[format!("dns://{address}")]);
                    }
                    Ok(())
                });
                // The scope waits for the other one.
                if result.is_err() {
                    stop.stop();
                }
                result
            });
        }
        #[cfg(feature = "dns")]
        if let Some((address, dns)) = dns {
            ready()?;
            announce(&[format!("dns://{address}")]);
            return dns.run();
        }
        Ok(())
    }
}

/// Says what answers now.
fn announce(urls: &[String]) {
    let mut stdout = io::stdout().lock();
    for url in urls {
        // Whoever does not read it does without.
        let _ = writeln!(stdout, "listening {url}");
    }
    let _ = stdout.flush();
}

/// Where to listen: what was said of it, and this machine alone for the rest.
fn address(listen: Option<Listen>, port: u16) -> SocketAddr {
    let address = listen.and_then(|listen| listen.address);
    let port = listen.map_or(port, |listen| listen.port);
    SocketAddr::new(address.unwrap_or(DEFAULT_ADDRESS), port)
}

fn threads(words: &Words<'_>) -> Option<NonZeroUsize> {
    words
        .threads
        .and_then(|threads| NonZeroUsize::new(threads.into()))
}

#[cfg(feature = "http")]
fn http_options(words: &Words<'_>) -> Options {
    let mut options = Options::new(address(words.http, DEFAULT_HTTP_PORT));
    options.log = match words.log {
        None | Some(Log::Off) => None,
        Some(Log::Common) => Some(Format::Common),
        Some(Log::Json) => Some(Format::Json),
    };
    options.handover = words.handover == Some(true);
    options.threads = threads(words).unwrap_or(options.threads);
    options
}

#[cfg(feature = "dns")]
fn dns_options(words: &Words<'_>) -> DnsOptions {
    let mut options = DnsOptions::new(address(words.dns, DEFAULT_DNS_PORT));
    options.threads = threads(words).unwrap_or(options.threads);
    options.handover = words.handover == Some(true);
    options.cookie_secret = words.cookie_secret;
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
