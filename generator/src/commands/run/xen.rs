//! `applgen run` of a Xen guest: `xl` on a Xen host, else the lab, which brings
//! a Xen of its own in QEMU's emulation (`ci/xen-lab` of a checkout).
//!
//! The guest's console goes to standard error, and its `listening` lines to
//! standard output: with the guest's own address on a Xen host, with the
//! forwarded one of this machine in the lab.

use std::{
    ffi::OsString,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use rustix::process::geteuid;

use crate::{
    cli::Run,
    failure::Failure,
    image::{
        environment::Environment,
        interrupt,
        qemu::{GUEST_DNS_PORT, GUEST_PORT, USER_NETWORK},
        xl,
    },
    report::{self, Diagnostic},
};

use super::guest::{DEFAULT_DNS_PORT, DEFAULT_HTTP_PORT, failed, free_address, serves};

/// How long a guest may take to shut down.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(15);

/// How long `xl console` may take to open the guest's terminal: as long as it waits
/// for one itself.
const CONSOLE_LIMIT: Duration = Duration::from_secs(5);

/// How often the tool stack is asked whether a guest is still there.
const ASK: Duration = Duration::from_millis(200);

/// How often processes are asked whether they still run.
const TICK: Duration = Duration::from_millis(50);

/// What a started guest's console says is `listening`, as this machine sees it, if
/// it does.
type Translate = Box<dyn Fn(&str) -> Option<String> + Send>;

/// Asks a guest to stop, and waits for that; less long after a further signal.
type Stop = Box<dyn Fn(&mut Child, &Receiver<i32>)>;

/// A guest that runs, by whatever runs it.
struct Running {
    /// The process whose output is the guest's console.
    console: Child,
    stop: Stop,
}

/// How a console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// Nothing was wrong, as far as it told.
    Quietly,
    /// It told of an error, which guests stop for.
    WithError,
}

/// Runs an image until it stops or is told to.
pub fn run(image: &Path, arguments: &Run) -> Result<(), Failure> {
    let image = std::path::absolute(image).map_err(|error| failed("the image", &error))?;
    let folder = tempfile::Builder::new()
        .prefix("applgen-")
        .tempdir()
        .map_err(|error| failed("a temporary folder", &error))?;
    let bytes = fs::metadata(&image).map(|file| file.len()).unwrap_or(0);
    let configuration = xl::configuration(&image, bytes)
        .map_err(|error| Failure::environment(Diagnostic::error(error.to_string())))?;
    let file = folder.path().join("guest.xl");
    fs::write(&file, configuration).map_err(|error| failed("a temporary folder", &error))?;
    let signals = interrupt::take_over().map_err(|error| failed("signals", &error))?;
    let (mut running, translate) = match tool_stack() {
        Some(program) => on_xen(&program, &file, &image, arguments)?,
        None => in_lab(&file, &image, folder.path(), arguments)?,
    };
    let (sender, ended) = channel();
    if let Some(console) = running.console.stdout.take() {
        thread::spawn(move || show(console, &translate, &sender));
    }
    attend(&mut running, &signals, &ended)
}

/// `xl`, when this is a host that it can make guests on.
fn tool_stack() -> Option<PathBuf> {
    let capabilities = fs::read_to_string("/proc/xen/capabilities").unwrap_or_default();
    let is_host = capabilities.contains("control_d");
    Environment::current().find("xl").filter(|_| is_host)
}

/// One setting of xl's, as an argument over the configuration file.
fn setting(key: &str, value: &str) -> String {
    format!("{key}=\"{value}\"")
}

fn words(arguments: &Run, first: &str) -> String {
    let mut words = first.to_owned();
    if arguments.log {
        words.push_str(" log=common");
    }
    words
}

/// On a Xen host: on the bridge, by DHCP or the site's own address.
fn on_xen(
    program: &Path,
    file: &Path,
    image: &Path,
    arguments: &Run,
) -> Result<(Running, Translate), Failure> {
    let name = format!("applgen-run-{}", std::process::id());
    // A socket that was named is the guest's own here; its port is what counts.
    let port = |protocol: &str, given: Option<&str>| {
        let port = given.and_then(|it| it.rsplit(':').next());
        port.map_or_else(String::new, |port| format!("{protocol}={port}"))
    };
    let ports = [
        port("http", arguments.http.as_deref()),
        port("dns", arguments.dns.as_deref()),
    ]
    .join(" ");
    let mut create = Command::new(program);
    create
        // Paused, so that nothing is said before somebody listens.
        .args(["create", "-q", "-p"])
        .arg(file)
        .arg(setting("name", &name))
        .arg(setting("kernel", &image.display().to_string()))
        .arg(setting("cmdline", words(arguments, &ports).trim()))
        // ^C on the terminal is for us: what was made is then shut down.
        .process_group(0);
    if let Some(memory) = arguments.memory {
        create.arg(format!("memory={memory}"));
    }
    let status = create.status().map_err(|error| failed("xl", &error))?;
    if !status.success() {
        let hint = match geteuid().is_root() {
            true => "is there a bridge `xenbr0`, and enough memory? `xl dmesg` may tell more",
            false => "`xl` makes guests for root: `sudo applgen run …`",
        };
        return Err(Failure::environment(
            Diagnostic::error(format!("`xl create` ended with {status}")).hint(hint),
        ));
    }
    let console = Command::new(program)
        .args(["console", "-t", "pv", &name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn();
    let guest = Guest {
        program: program.to_owned(),
        name,
    };
    let console = match console {
        Ok(console) => console,
        Err(error) => {
            guest.tell("destroy");
            return Err(failed("xl console", &error));
        }
    };
    wait_until_listening(&console);
    if !guest.tell("unpause") {
        guest.tell("destroy");
        return Err(Failure::environment(Diagnostic::error(
            "`xl` did not let the guest that it made begin",
        )));
    }
    let stop = Box::new(move |_: &mut Child, signals: &Receiver<i32>| guest.stop(signals));
    let own = Box::new(|line: &str| Some(line.to_owned()));
    Ok((Running { console, stop }, own))
}

/// Waits until `xl console` has the guest's terminal open, which it says to nobody.
/// If that cannot be seen the guest's first lines may be missed, and no more.
fn wait_until_listening(console: &Child) {
    let files = PathBuf::from(format!("/proc/{}/fd", console.id()));
    let since = Instant::now();
    while since.elapsed() < CONSOLE_LIMIT {
        let open = fs::read_dir(&files).into_iter().flatten().flatten();
        // The first three are ours, and may be a terminal too.
        let mut others = open.filter(|file| {
            let number = file.file_name().to_string_lossy().parse::<u32>();
            number.is_ok_and(|number| number > 2)
        });
        if others.any(|file| fs::read_link(file.path()).is_ok_and(|it| it.starts_with("/dev/pts")))
        {
            return;
        }
        thread::sleep(TICK);
    }
}

/// A guest on a Xen host.
struct Guest {
    /// `xl`.
    program: PathBuf,
    name: String,
}

impl Guest {
    /// Has the tool stack do something with it; whether it did.
    fn tell(&self, what: &str) -> bool {
        let status = Command::new(&self.program)
            .args([what, &self.name])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .status();
        status.is_ok_and(|status| status.success())
    }

    /// Shuts it down, and waits until it is gone; destroys it if that takes too long.
    fn stop(&self, signals: &Receiver<i32>) {
        // What is not there is not shut down.
        let asked = self.tell("shutdown");
        let since = Instant::now();
        while asked && since.elapsed() < SHUTDOWN_LIMIT && signals.try_recv().is_err() {
            if !self.tell("domid") {
                return;
            }
            thread::sleep(ASK);
        }
        if self.tell("domid") {
            if asked {
                report::tell(&Diagnostic::warning(
                    "the guest did not shut down in time, so it was destroyed",
                ));
            }
            self.tell("destroy");
        }
    }
}

/// In the lab: on QEMU's user network, forwarded to this machine.
fn in_lab(
    file: &Path,
    image: &Path,
    folder: &Path,
    arguments: &Run,
) -> Result<(Running, Translate), Failure> {
    let lab = find_lab().ok_or_else(|| {
        Failure::environment(
            Diagnostic::error("this is no Xen host, and there is no lab here").hint(
                "run this on a Xen host, or below a checkout of applgen, whose `ci/xen-lab` \
                 brings a Xen of its own",
            ),
        )
    })?;
    let serves = serves(image).map_err(|error| failed("the image", &error))?;
    let http = match serves.http {
        true => Some(free_address(
            "--http",
            arguments.http.as_deref(),
            DEFAULT_HTTP_PORT,
        )?),
        false => None,
    };
    let dns = match serves.dns {
        true => Some(free_address(
            "--dns",
            arguments.dns.as_deref(),
            DEFAULT_DNS_PORT,
        )?),
        false => None,
    };
    let script = folder.join("script");
    let mut ports = USER_NETWORK.to_owned();
    if serves.http {
        ports.push_str(&format!(" http={GUEST_PORT}"));
    }
    if serves.dns {
        ports.push_str(&format!(" dns={GUEST_DNS_PORT}"));
    }
    let mut create = format!(
        "set -e\nxl create -q guest.xl 'kernel=\"image\"' 'name=\"guest\"' 'cmdline=\"{}\"'",
        words(arguments, &ports)
    );
    if let Some(memory) = arguments.memory {
        create.push_str(&format!(" memory={memory}"));
    }
    create.push_str(
        "\ntail -n +1 -F /var/log/xen/console/guest-guest.log 2>/dev/null &\n\
         while xl domid guest >/dev/null 2>&1; do sleep 1; done\nsleep 1\n",
    );
    fs::write(&script, create).map_err(|error| failed("a temporary folder", &error))?;
    let copy = folder.join("image");
    if fs::hard_link(image, &copy).is_err() {
        fs::copy(image, &copy).map_err(|error| failed("a temporary folder", &error))?;
    }
    let mut command = Command::new(&lab);
    command.args(["run", "--seconds", "864000"]);
    for (option, address) in [("--forward", http), ("--forward-dns", dns)] {
        if let Some(address) = address {
            command.arg(option).arg(address.to_string());
        }
    }
    let files: [OsString; 3] = [script.into(), file.into(), copy.into()];
    command.args(files);
    let console = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| failed(&lab.display().to_string(), &error))?;
    report::say("starting the lab, which takes a minute or two");
    let stop = Box::new(|console: &mut Child, _: &Receiver<i32>| {
        // Its script ends the emulator that it started.
        let _ = Command::new("kill").arg(console.id().to_string()).status();
        let since = Instant::now();
        while since.elapsed() < SHUTDOWN_LIMIT && matches!(console.try_wait(), Ok(None)) {
            thread::sleep(TICK);
        }
    });
    let forwarded = Box::new(move |line: &str| {
        // What is not forwarded cannot be reached from here.
        match line.strip_prefix("listening ")?.split_once(':')?.0 {
            "http" => http.map(|address| format!("listening http://{address}/")),
            "dns" => dns.map(|address| format!("listening dns://{address}")),
            _ => None,
        }
    });
    Ok((Running { console, stop }, forwarded))
}

/// `ci/xen-lab` of the checkout that this is run in, or that this command was
/// built in.
fn find_lab() -> Option<PathBuf> {
    let here = std::env::current_dir().ok();
    let own = std::env::current_exe().ok();
    let places = [here, own].into_iter().flatten();
    places
        .flat_map(|place| {
            let above: Vec<_> = place.ancestors().map(Path::to_owned).collect();
            above
        })
        .map(|folder| folder.join("ci/xen-lab"))
        .find(|lab| lab.is_file())
}

/// Waits until the guest has ended, or ends it.
fn attend(
    running: &mut Running,
    signals: &Receiver<i32>,
    ended: &Receiver<Ended>,
) -> Result<(), Failure> {
    loop {
        if signals.try_recv().is_ok() {
            (running.stop)(&mut running.console, signals);
            let _ = running.console.kill();
            let _ = running.console.wait();
            return Ok(());
        }
        let how = match ended.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => Ended::Quietly,
            Ok(how) => how,
        };
        let status = running
            .console
            .wait()
            .map_err(|error| failed("the guest's console", &error))?;
        return match (how, status.success()) {
            (Ended::WithError, _) => Err(Failure::environment(Diagnostic::error(
                "the guest stopped with an error, which its console tells",
            ))),
            (Ended::Quietly, true) => Ok(()),
            (Ended::Quietly, false) => Err(Failure::environment(
                Diagnostic::error(format!("the guest's console ended with {status}"))
                    .hint("`applgen doctor` says what is missing"),
            )),
        };
    }
}

/// Hands the console on to standard error, and what it listens on to standard
/// output.
fn show(console: impl Read, translate: &Translate, ended: &Sender<Ended>) {
    let mut how = Ended::Quietly;
    for line in BufReader::new(console).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line)).into_owned();
        if line.starts_with("error: ") {
            how = Ended::WithError;
        }
        let listening = match line.starts_with("listening ") {
            true => translate(&line),
            false => None,
        };
        let shown = match listening {
            Some(line) => super::super::print(format!("{line}\n").as_bytes()).is_ok(),
            None => writeln!(io::stderr().lock(), "{line}").is_ok(),
        };
        if !shown {
            break;
        }
    }
    let _ = ended.send(how);
}
