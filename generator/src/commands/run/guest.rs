//! `applgen run` of a guest: QEMU, with user networking.
//!
//! The guest's console goes to standard error. Once the guest answers, a line for
//! each of its protocols on standard output says where. A signal presses the power button, and the
//! guest finishes its answers; a second signal, or a guest that takes too long,
//! ends QEMU.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::unix::{net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use applgen_bundle::{Bundle, TAG_DNS, TAG_HTTP};

use crate::{
    cli::Run,
    failure::Failure,
    image::{
        descriptors::Serves,
        environment::Environment,
        find_bundle, interrupt,
        qemu::{self, GUEST_DNS_PORT, GUEST_PORT, Machine, USER_NETWORK},
    },
    report::{self, Diagnostic},
};

/// Where the guest is reached when nothing is said.
pub(super) const DEFAULT_HTTP_PORT: u16 = 8080;
pub(super) const DEFAULT_DNS_PORT: u16 = 5353;

/// How long a guest may take to power off: a bit longer than it gives answers
/// in flight.
const POWER_OFF_LIMIT: Duration = Duration::from_secs(12);

/// How often QEMU is asked whether it still runs.
const TICK: Duration = Duration::from_millis(50);

/// A protocol that a guest serves.
#[derive(Debug, Clone, Copy)]
enum Protocol {
    Http,
    Dns,
}

impl Protocol {
    /// Where it is reached, as the guests and we say it.
    fn shown(self, address: SocketAddr) -> String {
        match self {
            Self::Http => format!("http://{address}/"),
            Self::Dns => format!("dns://{address}"),
        }
    }
}

/// What happens while a guest runs.
enum Event {
    /// It says that it listens.
    Listening(Protocol),
    /// It answered a request.
    Answered(Protocol),
}

/// Runs an image until it stops or is told to.
pub fn run(image: &Path, arguments: &Run) -> Result<(), Failure> {
    let bytes = fs::metadata(image).map(|file| file.len()).unwrap_or(0);
    let serves = serves(image).map_err(|error| failed("the image", &error))?;
    let mut http = None;
    let mut dns = None;
    if serves.http {
        http = Some(free_address(
            "--http",
            arguments.http.as_deref(),
            DEFAULT_HTTP_PORT,
        )?);
    }
    if serves.dns {
        dns = Some(free_address(
            "--dns",
            arguments.dns.as_deref(),
            DEFAULT_DNS_PORT,
        )?);
    }
    let machine = Machine {
        image,
        memory_mb: arguments
            .memory
            .map_or_else(|| qemu::memory_mb(bytes), u64::from),
        http,
        dns,
    };
    let mut words = USER_NETWORK.to_owned();
    if serves.http {
        words.push_str(&format!(" http={GUEST_PORT}"));
    }
    if serves.dns {
        words.push_str(&format!(" dns={GUEST_DNS_PORT}"));
    }
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
    guest.attend(&machine, &signals, &events, &sender)
}

/// What the image's bundle is served by.
pub(super) fn serves(image: &Path) -> io::Result<Serves> {
    let bytes = fs::read(image)?;
    let bundle = find_bundle(&bytes).and_then(|range| bytes.get(range));
    let bundle = bundle.and_then(|blob| Bundle::parse(blob).ok());
    let has = |tag| bundle.is_some_and(|bundle| bundle.section(tag).is_some());
    Ok(Serves {
        http: has(TAG_HTTP),
        dns: has(TAG_DNS),
    })
}

impl Machine<'_> {
    fn address(&self, protocol: Protocol) -> Option<SocketAddr> {
        match protocol {
            Protocol::Http => self.http,
            Protocol::Dns => self.dns,
        }
    }
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
        machine: &Machine<'_>,
        signals: &Receiver<i32>,
        events: &Receiver<Event>,
        sender: &Sender<Event>,
    ) -> Result<(), Failure> {
        let mut stopping: Option<Instant> = None;
        loop {
            match events.recv_timeout(TICK) {
                Ok(Event::Listening(protocol)) => {
                    if let Some(address) = machine.address(protocol) {
                        let sender = sender.clone();
                        thread::spawn(move || probe(protocol, address, &sender));
                    }
                }
                Ok(Event::Answered(protocol)) => {
                    if let Some(address) = machine.address(protocol) {
                        let line = format!("listening {}\n", protocol.shown(address));
                        super::super::print(line.as_bytes())?;
                    }
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
        for (start, protocol) in [
            (&b"listening http://"[..], Protocol::Http),
            (b"listening dns://", Protocol::Dns),
        ] {
            if line.starts_with(start) {
                // The other end is there for as long as the guest runs.
                let _ = events.send(Event::Listening(protocol));
            }
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
fn probe(protocol: Protocol, address: SocketAddr, events: &Sender<Event>) {
    let mut reached = address;
    // Always of IPv4: see `free_address`.
    if address.ip().is_unspecified() {
        reached.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    for _ in 0..200 {
        let answers = match protocol {
            Protocol::Http => answers_http(reached),
            Protocol::Dns => answers_dns(reached),
        };
        if answers.is_ok_and(|answers| answers) {
            let _ = events.send(Event::Answered(protocol));
            return;
        }
        thread::sleep(TICK);
    }
    report::tell(&Diagnostic::warning(format!(
        "the guest listens, and does not answer at {}",
        protocol.shown(address)
    )));
}

/// Asks for the root's SOA, which is answered by all servers, if only with a
/// refusal.
fn answers_dns(reached: SocketAddr) -> io::Result<bool> {
    const QUERY: &[u8; 17] = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0\0\0\x06\0\x01";
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    socket.connect(reached)?;
    socket.send(QUERY)?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer)?;
    // The same number, and the bit of responses.
    Ok(matches!(answer.get(..length), Some([0x12, 0x34, flags, ..]) if flags & 0x80 != 0))
}

fn answers_http(reached: SocketAddr) -> io::Result<bool> {
    let limit = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&reached, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(b"HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut start = [0; 7];
    stream.read_exact(&mut start)?;
    Ok(start == *b"HTTP/1.")
}

/// The address to listen on, once it is known that nobody else does.
pub(super) fn free_address(
    flag: &str,
    given: Option<&str>,
    port: u16,
) -> Result<SocketAddr, Failure> {
    let wanted = given.map_or(Ok((Ipv4Addr::LOCALHOST, port).into()), |it| {
        it.parse().map_err(|_| io::ErrorKind::InvalidInput)
    });
    let wanted: SocketAddr = wanted.map_err(|error| failed(flag, &error.into()))?;
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
                    .hint(format!("choose another port with `{flag} PORT`")),
            )
        })
}

pub(super) fn failed(what: &str, error: &io::Error) -> Failure {
    Failure::environment(Diagnostic::error(format!("{what}: {error}")))
}
