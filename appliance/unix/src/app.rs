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
use crate::stop::{Stop, StopSignals};
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
  dns=[ADDR:]PORT    where to listen for DNS, UDP and TCP (default 127.0.0.1:5353)
  log=off|common|json  access log of HTTP on stderr (default off)
  cookie-secret=HEX  32 digits, the same for all servers of a zone (default: random)
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
    services
        .run(&stop, signals, sandbox)
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
    fn bind(
        bundle: &Bundle<'b>,
        given: &Words<'_>,
        words: &Words<'_>,
        sockets: Vec<TcpListener>,
    ) -> Result<Self, String> {
        if !sockets.is_empty() && bundle.section(TAG_HTTP).is_none() {
            return Err(
                "`LISTEN_FDS` hands over sockets for HTTP, and this image serves none".into(),
            );
        }
        #[cfg(feature = "http")]
        let http = match bundle.section(TAG_HTTP) {
            Some(section) => {
                let site = Site::parse(section).map_err(|error| error.to_string())?;
                let mut options = http_options(words);
                options.limits = site.limits().into();
                Some(match sockets.is_empty() {
                    true => Server::bind(site, options).map_err(|error| error.to_string())?,
                    false => Server::adopt(site, options, &sockets).map_err(|error| {
                        format!("cannot use the sockets in `LISTEN_FDS`: {error}")
                    })?,
                })
            }
            None => None,
        };
        #[cfg(feature = "dns")]
        let dns = match bundle.section(TAG_DNS) {
            Some(section) => {
                let zones = Zones::parse(section).map_err(|error| error.to_string())?;
                let server = DnsServer::bind(zones, dns_options(words));
                Some(server.map_err(|error| error.to_string())?)
            }
            None => None,
        };
        // A word for what is not there would be a wish that nobody hears.
        let is_there = [
            (
                "http",
                given.http.is_some(),
                TAG_HTTP,
                cfg!(feature = "http"),
            ),
            ("dns", given.dns.is_some(), TAG_DNS, cfg!(feature = "dns")),
        ];
        for (word, is_given, tag, has_code) in is_there {
            let has_section = bundle.section(tag).is_some();
            if has_section && !has_code {
                return Err(format!(
                    "the bundle has a section `{word}`, and this kernel cannot serve it"
                ));
            }
            if is_given && !has_section {
                return Err(format!("`{word}=`: this image has nothing to serve there"));
            }
        }
        let services = Self {
            #[cfg(feature = "http")]
            http,
            #[cfg(feature = "dns")]
            dns,
        };
        if is_there
            .iter()
            .all(|&(_, _, tag, _)| bundle.section(tag).is_none())
        {
            return Err("the bundle has nothing to serve".to_string());
        }
        Ok(services)
    }

    /// Serves until `stop`; where one service fails, the other ends too. All is
    /// open before the sandbox is entered, and no further thread has started.
    fn run(self, stop: &Stop, signals: StopSignals, sandbox: Option<Sandbox>) -> io::Result<()> {
        let mut urls: Vec<String> = Vec::new();
        #[cfg(feature = "http")]
        let http = match self.http {
            Some(http) => {
                let http = http.open(stop)?;
                urls.extend(http.addresses().iter().map(|at| format!("http://{at}/")));
                Some(http)
            }
            None => None,
        };
        #[cfg(feature = "dns")]
        let dns = match self.dns {
            Some(dns) => {
                urls.push(format!("dns://{}", dns.address()));
                Some(dns.open(stop)?)
            }
            None => None,
        };
        if let Some(sandbox) = sandbox {
            sandbox.enter().map_err(io::Error::other)?;
        }
        signals.watch()?;
        announce(&urls);
        #[cfg(feature = "http")]
        let http = move || http.map_or(Ok(()), |http| http.serve(stop));
        #[cfg(feature = "dns")]
        let dns = move || dns.map_or(Ok(()), |dns| dns.serve(stop));
        #[cfg(all(feature = "http", feature = "dns"))]
        return std::thread::scope(|scope| {
            let ending = |result: io::Result<()>| {
                if result.is_err() {
                    stop.stop();
                }
                result
            };
            let other = std::thread::Builder::new()
                .name("dns-0".into())
                .stack_size(256 * 1024)
                .spawn_scoped(scope, move || ending(dns()))?;
            let result = ending(http());
            let other = other.join();
            result.and(other.unwrap_or_else(|_| Err(io::Error::other("a thread panicked"))))
        });
        #[cfg(all(feature = "http", not(feature = "dns")))]
        return http();
        #[cfg(all(feature = "dns", not(feature = "http")))]
        return dns();
    }
}

/// Says what answers.
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
    options.cookie_secret = words.cookie_secret;
    options.handover = words.handover == Some(true);
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
