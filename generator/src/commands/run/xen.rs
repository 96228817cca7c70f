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

use crate::{
    cli::Run,
    failure::Failure,
    image::{environment::Environment, interrupt, qemu::USER_NETWORK, xl},
    report::{self, Diagnostic},
};

use super::guest::{DEFAULT_HTTP_PORT, failed, free_address};

/// How long a guest may take to shut down.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(15);

/// How often processes are asked whether they still run.
const TICK: Duration = Duration::from_millis(50);

/// What a started guest's console says is `listening`, as this machine sees it.
type Translate = Box<dyn Fn(&str) -> String + Send>;

/// A guest that runs, by whatever runs it.
struct Running {
    /// The process whose output is the guest's console.
    console: Child,
    /// Asks the guest to stop, and waits for that.
    stop: Box<dyn Fn(&mut Child)>,
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
    let port = arguments
        .http
        .as_deref()
        .and_then(|it| it.rsplit(':').next());
    let port = port.map_or_else(String::new, |port| format!("http={port}"));
    let mut create = Command::new(program);
    create
        .arg("create")
        .arg("-q")
        .arg(file)
        .arg(setting("name", &name))
        .arg(setting("kernel", &image.display().to_string()))
        .arg(setting("cmdline", &words(arguments, &port)));
    if let Some(memory) = arguments.memory {
        create.arg(format!("memory={memory}"));
    }
    let status = create.status().map_err(|error| failed("xl", &error))?;
    if !status.success() {
        return Err(Failure::environment(
            Diagnostic::error(format!("`xl create` ended with {status}"))
                .hint("is there a bridge `xenbr0`, and is this user allowed to?"),
        ));
    }
    let console = Command::new(program)
        .args(["console", "-t", "pv", &name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn();
    let program = program.to_owned();
    let end = move || {
        let stopped = Command::new(&program)
            .args(["shutdown", &name])
            .status()
            .is_ok_and(|status| status.success());
        (stopped, program.clone(), name.clone())
    };
    let console = match console {
        Ok(console) => console,
        Err(error) => {
            end();
            return Err(failed("xl console", &error));
        }
    };
    let stop = Box::new(move |console: &mut Child| {
        let (stopped, program, name) = end();
        let since = Instant::now();
        // The console ends with its guest.
        while stopped && since.elapsed() < SHUTDOWN_LIMIT {
            if !matches!(console.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(TICK);
        }
        report::tell(&Diagnostic::warning(
            "the guest did not shut down in time, so it was destroyed",
        ));
        let _ = Command::new(program).args(["destroy", &name]).status();
    });
    let own = Box::new(|line: &str| line.to_owned());
    Ok((Running { console, stop }, own))
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
    let address = free_address("--http", arguments.http.as_deref(), DEFAULT_HTTP_PORT)?;
    let script = folder.join("script");
    let mut create = format!(
        "set -e\nxl create -q guest.xl 'kernel=\"image\"' 'name=\"guest\"' 'cmdline=\"{} http=80\"'",
        words(arguments, USER_NETWORK)
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
    command
        .args(["run", "--seconds", "864000", "--forward"])
        .arg(address.to_string());
    let files: [OsString; 3] = [script.into(), file.into(), copy.into()];
    command.args(files);
    let console = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|error| failed(&lab.display().to_string(), &error))?;
    report::say("starting the lab, which takes a minute or two");
    let stop = Box::new(|console: &mut Child| {
        // Its script ends the emulator that it started.
        let _ = Command::new("kill").arg(console.id().to_string()).status();
        let since = Instant::now();
        while since.elapsed() < SHUTDOWN_LIMIT && matches!(console.try_wait(), Ok(None)) {
            thread::sleep(TICK);
        }
    });
    let forwarded = Box::new(move |_: &str| format!("listening http://{address}/"));
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
    ended: &Receiver<()>,
) -> Result<(), Failure> {
    loop {
        if signals.try_recv().is_ok() {
            (running.stop)(&mut running.console);
            let _ = running.console.kill();
            let _ = running.console.wait();
            return Ok(());
        }
        if ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
            continue;
        }
        let status = running
            .console
            .wait()
            .map_err(|error| failed("the guest's console", &error))?;
        return if status.success() {
            Ok(())
        } else {
            Err(Failure::environment(
                Diagnostic::error(format!("the guest's console ended with {status}"))
                    .hint("`applgen doctor` says what is missing"),
            ))
        };
    }
}

/// Hands the console on to standard error, and what it listens on to standard
/// output.
fn show(console: impl Read, translate: &Translate, ended: &Sender<()>) {
    for line in BufReader::new(console).split(b'\n') {
        let Ok(line) = line else { break };
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line)).into_owned();
        let shown = if line.starts_with("listening ") {
            super::super::print(format!("{}\n", translate(&line)).as_bytes()).is_ok()
        } else {
            writeln!(io::stderr().lock(), "{line}").is_ok()
        };
        if !shown {
            break;
        }
    }
    let _ = ended.send(());
}
