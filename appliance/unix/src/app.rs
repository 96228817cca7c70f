//! The appliance as a command: a bundle and boot words in, an exit code out.
//!
//! This is what an image's `main` does once it has found its bundle, and what
//! `applgen run` does with a bundle in memory: the same words, the same lines,
//! the same codes.

#[cfg(feature = "dns")]
use crate::dns::{DnsOptions, DnsServer};
#[cfg(feature = "http")]
use crate::server::{Options, Server};
use crate::stop::Stop;
#[cfg(feature = "http")]
use applgen_bundle::boot::Log;
use applgen_bundle::boot::{Fault, Keys, Listen, WordError, Words};
#[cfg(feature = "dns")]
use applgen_bundle::dns::Zones;
#[cfg(feature = "http")]
use applgen_bundle::http::Site;
use applgen_bundle::{Bundle, TAG_BOOT, TAG_DNS, TAG_HTTP};
use std::fmt::Display;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
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
  log=off|common     access log of HTTP on stderr (default off)
  cookie-secret=HEX  32 digits, the same for all servers of a zone (default: random)
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
        return match io::stdout().lock().write_all(HELP.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::from(1),
        };
    }
    match serve(bundle, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

/// Says what is wrong, and gives the code for it.
pub fn fail(message: &dyn Display) -> ExitCode {
    // With nobody to tell it to, the code alone has to do.
    let _ = writeln!(io::stderr().lock(), "error: {message}");
    ExitCode::from(USAGE)
}

fn serve(bundle: &[u8], arguments: &[String]) -> Result<(), String> {
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

    let stop = Stop::new();
    let services = Services::bind(&bundle, &given, &words)?;
    stop.on_signals()
        .map_err(|error| format!("cannot wait for signals: {error}"))?;
    services
        .run(&stop)
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
    fn bind(bundle: &Bundle<'b>, given: &Words<'_>, words: &Words<'_>) -> Result<Self, String> {
        #[cfg(feature = "http")]
        let http = match bundle.section(TAG_HTTP) {
            Some(section) => {
                let site = Site::parse(section).map_err(|error| error.to_string())?;
                let server = Server::bind(site, http_options(words));
                Some(server.map_err(|error| error.to_string())?)
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
            ("http", given.http.is_some(), TAG_HTTP, cfg!(feature = "http")),
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

    /// Serves until `stop`; where one service fails, the other ends too.
    fn run(self, stop: &Stop) -> io::Result<()> {
        #[cfg(feature = "dns")]
        let dns = move || match self.dns {
            Some(dns) => dns.run(stop, |address| announce(&format!("dns://{address}"))),
            None => Ok(()),
        };
        #[cfg(feature = "http")]
        let http = move || match self.http {
            Some(http) => http.run(stop, |address| announce(&format!("http://{address}/"))),
            None => Ok(()),
        };
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

/// Says that a service answers.
fn announce(url: &str) {
    let mut stdout = io::stdout().lock();
    // Whoever does not read it does without.
    let _ = writeln!(stdout, "listening {url}");
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
    options.log = words.log == Some(Log::Common);
    options.threads = threads(words).unwrap_or(options.threads);
    options
}

#[cfg(feature = "dns")]
fn dns_options(words: &Words<'_>) -> DnsOptions {
    let mut options = DnsOptions::new(address(words.dns, DEFAULT_DNS_PORT));
    options.threads = threads(words).unwrap_or(options.threads);
    options.cookie_secret = words.cookie_secret;
    options
}

fn explain(error: &WordError<'_>) -> String {
    let hint = match error.fault {
        Fault::Unknown => "the words are `http=`, `dns=`, `log=`, `threads=` and `cookie-secret=`; `--help` explains them",
        Fault::NotHere => "a process has the addresses of its host; it takes `http=ADDR:PORT`",
        Fault::Malformed(_) => return error.to_string(),
    };
    format!("{error}\n\nhint: {hint}")
}
