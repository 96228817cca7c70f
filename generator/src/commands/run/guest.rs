//! `applgen run` of a guest: QEMU, with user networking.
//!
//! The guest's console goes to standard error. Once the guest answers, one line
//! on standard output says where. A signal presses the power button, and the
//! guest finishes its answers; a second signal, or a guest that takes too long,
//! ends QEMU.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::{net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use crate::{
    cli::Run,
    failure::Failure,
    image::{
        environment::Environment,
        interrupt,
        qemu::{self, GUEST_PORT, Machine, USER_NETWORK},
    },
    report::{self, Diagnostic},
};

/// Where the guest is reached when nothing is said.
const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// How long a guest may take to power off: a bit longer than it gives answers
/// in flight.
const POWER_OFF_LIMIT: Duration = Duration::from_secs(12);

/// How often QEMU is asked whether it still runs.
const TICK: Duration = Duration::from_millis(50);

/// What happens while a guest runs.
enum Event {
    /// It says that it listens.
    Listening,
    /// It answered a request.
    Answered,
}

/// Runs an image until it stops or is told to.
pub fn run(image: &Path, arguments: &Run) -> Result<(), Failure> {
    let address = free_address(arguments)?;
    let bytes = fs::metadata(image).map(|file| file.len()).unwrap_or(0);
    let machine = Machine {
        image,
        memory_mb: arguments
            .memory
            .map_or_else(|| qemu::memory_mb(bytes), u64::from),
        http: address,
    };
    let mut words = format!("{USER_NETWORK} http={GUEST_PORT}");
    if arguments.log {
        words.push_str(" log=common");
    }

    let folder = tempfile::Builder::new()
        .prefix("applgen-")
        .tempdir()
        .map_err(|error| failed("a temporary folder", &error))?;
    let control = folder.path().join("qmp");
    let signals = interrupt::take_over().map_err(|error| failed("signals", &error))?;
    let mut guest = Guest::start(&machine, &words, control)?;
    let (sender, events) = channel();
    if let Some(console) = guest.child.stdout.take() {
        let sender = sender.clone();
        thread::spawn(move || show(console, &sender));
    }
    guest.attend(address, &signals, &events, &sender)
}

/// A machine that runs.
struct Guest {
    child: Child,
    /// QEMU's control socket.
    control: PathBuf,
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Whatever happened here: no machine is left behind. It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Guest {
    fn start(machine: &Machine<'_>, words: &str, control: PathBuf) -> Result<Self, Failure> {
        let program = Environment::current().find(qemu::PROGRAM).ok_or_else(|| {
            Failure::environment(
                Diagnostic::error(format!("`{}` is not installed", qemu::PROGRAM))
                    .hint("on Debian: apt-get install qemu-system-x86"),
            )
        })?;
        let mut socket = std::ffi::OsString::from("unix:");
        socket.push(&control);
        socket.push(",server=on,wait=off");
        let child = Command::new(program)
            .args(["-accel", qemu::accelerator()])
            .args(machine.arguments().concat())
            .args(["-append", words])
            .arg("-qmp")
            .arg(socket)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // ^C on the terminal is for us: the guest is powered off first.
            .process_group(0)
            .spawn()
            .map_err(|error| failed(qemu::PROGRAM, &error))?;
        Ok(Self { child, control })
    }

    /// Waits for what happens, until QEMU has ended.
    fn attend(
        &mut self,
        address: SocketAddr,
        signals: &Receiver<i32>,
        events: &Receiver<Event>,
        sender: &Sender<Event>,
    ) -> Result<(), Failure> {
        let mut stopping: Option<Instant> = None;
        loop {
            match events.recv_timeout(TICK) {
                Ok(Event::Listening) => {
                    let sender = sender.clone();
                    thread::spawn(move || probe(address, &sender));
                }
                Ok(Event::Answered) => {
                    super::super::print(format!("listening http://{address}/\n").as_bytes())?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                // The console has ended, and soon QEMU.
                Err(RecvTimeoutError::Disconnected) => thread::sleep(TICK),
            }
            if signals.try_recv().is_ok() {
                let is_first = stopping.is_none();
                if !is_first || self.power_button().is_err() {
                    return Ok(());
                }
                stopping = Some(Instant::now());
            }
            if stopping.is_some_and(|since| since.elapsed() > POWER_OFF_LIMIT) {
                report::tell(&Diagnostic::warning(
                    "the guest did not power off in time, so QEMU was ended",
                ));
                return Ok(());
            }
            if let Some(status) = self
                .child
                .try_wait()
                .map_err(|error| failed(qemu::PROGRAM, &error))?
            {
                return match status.code() {
                    Some(0) => Ok(()),
                    Some(1) | None => Err(Failure::environment(Diagnostic::error(format!(
                        "QEMU ended with {status}"
                    )))),
                    Some(code) => Err(Failure::environment(Diagnostic::error(format!(
                        "the guest stopped with an error, which its console tells (status {code})"
                    )))),
                };
            }
        }
    }

    /// Presses the power button, by QEMU's machine protocol.
    fn power_button(&self) -> io::Result<()> {
        let mut control = UnixStream::connect(&self.control)?;
        control.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut answers = BufReader::new(control.try_clone()?);
        let mut line = String::new();
        answers.read_line(&mut line)?;
        for command in ["qmp_capabilities", "system_powerdown"] {
            writeln!(control, "{{\"execute\":\"{command}\"}}")?;
            line.clear();
            answers.read_line(&mut line)?;
        }
        Ok(())
    }
}

/// Hands the console on to standard error, and tells when the guest listens.
fn show(console: ChildStdout, events: &Sender<Event>) {
    for line in BufReader::new(console).split(b'\n') {
        let Ok(line) = line else { return };
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if line.starts_with(b"listening http://") {
            // The other end is there for as long as the guest runs.
            let _ = events.send(Event::Listening);
        }
        let mut stderr = io::stderr().lock();
        let shown = stderr
            .write_all(line)
            .and_then(|()| stderr.write_all(b"\n"));
        if shown.is_err() {
            return;
        }
    }
}

/// Asks until there is an answer: the way through QEMU's network takes a moment.
fn probe(address: SocketAddr, events: &Sender<Event>) {
    for _ in 0..200 {
        if answers(address).is_ok_and(|answers| answers) {
            let _ = events.send(Event::Answered);
            return;
        }
        thread::sleep(TICK);
    }
    report::tell(&Diagnostic::warning(format!(
        "the guest listens, and does not answer at http://{address}/"
    )));
}

fn answers(address: SocketAddr) -> io::Result<bool> {
    let mut reached = address;
    if address.ip().is_unspecified() {
        reached.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&reached, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut start = [0; 7];
    stream.read_exact(&mut start)?;
    Ok(start == *b"HTTP/1.")
}

/// The address to listen on, once it is known that nobody else does.
fn free_address(arguments: &Run) -> Result<SocketAddr, Failure> {
    let wanted = arguments.http.as_deref().map_or(Ok(DEFAULT_ADDRESS), |it| {
        it.parse().map_err(|_| io::ErrorKind::InvalidInput)
    });
    let wanted: SocketAddr = wanted.map_err(|error| failed("--http", &error.into()))?;
    if wanted.is_ipv6() {
        return Err(Failure::environment(
            Diagnostic::error(format!(
                "QEMU's user network does not forward from `{wanted}`, an IPv6 address"
            ))
            .hint("name an IPv4 address, or boot the image on a tap device"),
        ));
    }
    TcpListener::bind(wanted)
        .and_then(|listener| listener.local_addr())
        .map_err(|error| {
            let why = match error.kind() {
                io::ErrorKind::AddrInUse => "something else listens there".to_owned(),
                _ => error.to_string(),
            };
            Failure::environment(
                Diagnostic::error(format!("`{wanted}` cannot be listened on: {why}"))
                    .hint("choose another port with `--http PORT`"),
            )
        })
}

fn failed(what: &str, error: &io::Error) -> Failure {
    Failure::environment(Diagnostic::error(format!("{what}: {error}")))
}
