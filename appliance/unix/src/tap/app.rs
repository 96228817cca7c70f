//! The process as a command: boot words in, an exit code out.

use super::device::Device;
use super::nic::TapNic;
use super::serve;
use crate::app::fail;
use crate::sandbox::{Calls, Identity, Sandbox};
use applgen_bundle::boot::{Fault, Keys, User, WordError, Words};
use applgen_bundle::{Bundle, TAG_BOOT};
use applgen_net::nic::Nic;
use applgen_net::{SEED_BYTES, Server, Setup};
use rustix::rand::{GetRandomFlags, getrandom};
use std::io::Write;
use std::process::ExitCode;

/// Bytes that connections may take: the system gives them when they are first
/// written to.
const MEMORY_BYTES: usize = 64 * 1024 * 1024;

const HELP: &str = "\
Serves the site that is in this file on a tap device, with addresses of its own.

  tap=NAME                  the device, which is there already
  ip=ADDR/PREFIX gw=ADDR    own IPv4 address, and the gateway
  ip=dhcp                   the address comes from a DHCP server (the default)
  ip6=ADDR/PREFIX gw6=ADDR  own IPv6 address, and the gateway
  http=[ADDR:]PORT          where to listen for HTTP (default 80)
  dns=[ADDR:]PORT           where to listen for DNS, UDP and TCP (default 53)
  cookie-secret=HEX         32 digits, the same for all servers of a zone (default: random)
  log=off|common|json       access log on stderr (default off)
  user=UID[:GID]            whom to become when started by root (default 65534:65534)
  sandbox=on|off            whether to give up what is not needed (default on)
  --help                    this text

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
    match start(bundle, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn start(bundle: &[u8], arguments: &[String]) -> Result<(), String> {
    let bundle = Bundle::parse(bundle).map_err(|error| error.to_string())?;
    let words = words(&bundle, arguments)?;
    let name = words
        .tap
        .ok_or("no device\n\nhint: `tap=NAME` names a tap device that is there already")?;
    let device = Device::open(name).map_err(|error| error.to_string())?;
    let mut nic = TapNic::new(device);

    let mut seed = [0; SEED_BYTES];
    getrandom(&mut seed, GetRandomFlags::empty())
        .map_err(|error| format!("the system has no random numbers: {error}"))?;
    let mut server = Server::new(&Setup {
        bundle,
        words,
        capabilities: nic.capabilities(),
        seed,
        memory_bytes: MEMORY_BYTES,
    })
    .map_err(|error| error.to_string())?;

    let signals =
        serve::Signals::new().map_err(|error| format!("cannot wait for signals: {error}"))?;
    if words.sandbox.unwrap_or(true) {
        let sandbox = Sandbox {
            calls: Calls::Frames,
            identity: words.user.map(|User { uid, gid }| Identity { uid, gid }),
        };
        sandbox.enter().map_err(|error| error.to_string())?;
    }
    serve::run(&mut server, &mut nic, &signals).map_err(|error| format!("`tap={name}`: {error}"))
}

/// The words of the bundle and of the command line.
fn words<'a>(bundle: &Bundle<'a>, arguments: &'a [String]) -> Result<Words<'a>, String> {
    let defaults = bundle.section(TAG_BOOT).map_or(&[][..], |boot| boot.bytes);
    let defaults = str::from_utf8(defaults)
        .map_err(|_| "the boot words in the bundle are no text".to_string())?;
    let defaults = Words::parse(defaults, Keys::TAP_PROCESS)
        .map_err(|error| format!("in the bundle: {}", explain(&error)))?;
    let mut given = Words::default();
    for argument in arguments {
        let taken = given.take(argument, Keys::TAP_PROCESS);
        taken.map_err(|error| explain(&error))?;
    }
    Ok(given.or(defaults))
}

fn explain(error: &WordError<'_>) -> String {
    let hint = match error.fault {
        Fault::Unknown => {
            "the words are `tap=`, `ip=`, `gw=`, `ip6=`, `gw6=`, `http=`, `dns=`, \
             `cookie-secret=`, `log=`, `user=` and `sandbox=`; `--help` explains them"
        }
        Fault::NotHere => "`--help` says which words there are",
        Fault::Malformed(_) => return error.to_string(),
    };
    format!("{error}\n\nhint: {hint}")
}
