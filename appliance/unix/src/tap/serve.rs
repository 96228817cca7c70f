//! The loop: waits for frames, for signals and for what the server is due to do.

use super::nic::TapNic;
use applgen_net::{Console, Line, Now, Server};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// SIGTERM, SIGINT and SIGHUP, as bytes in a socket.
#[derive(Debug)]
pub struct Signals(UnixStream);

impl Signals {
    /// From now on signals come here.
    pub fn new() -> io::Result<Self> {
        let (receiver, sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            pipe::register(signal, sender.try_clone()?)?;
        }
        Ok(Self(receiver))
    }

    /// How many have come since the last time.
    fn take(&self) -> usize {
        read(&self.0, &mut [0; 16]).unwrap_or(0)
    }
}

/// Lines go where they do in a process: data to standard output, all else to
/// standard error, the access log once a turn.
#[derive(Debug, Default)]
struct Streams {
    log: Vec<u8>,
}

impl Console for Streams {
    fn line(&mut self, kind: Line, text: &str) {
        // Whoever does not read it does without.
        let _ = match kind {
            Line::Listening => {
                let mut stdout = io::stdout().lock();
                writeln!(stdout, "{text}").and_then(|()| stdout.flush())
            }
            Line::Notice => writeln!(io::stderr().lock(), "note: {text}"),
        };
    }

    fn access(&mut self, part: &str) {
        self.log.extend_from_slice(part.as_bytes());
    }
}

impl Streams {
    fn flush(&mut self) {
        if !self.log.is_empty() {
            let _ = io::stderr().lock().write_all(&self.log);
            self.log.clear();
        }
    }
}

/// Serves until a signal, and until what was in flight then has landed.
pub fn run<'b>(server: &mut Server<'b>, nic: &mut TapNic, signals: &Signals) -> Result<(), Errno> {
    let start = Instant::now();
    let micros = || u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
    let mut console = Streams::default();
    let mut asked = false;
    loop {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = Now {
            micros: micros(),
            unix_seconds: wall.ok().map(|since| since.as_secs()),
        };
        let turn = server.poll(nic, now, &mut console);
        console.flush();
        if turn.stopped {
            return Ok(());
        }
        if let Some(error) = nic.failed() {
            return Err(error);
        }
        let patience = match (turn.frames_left, turn.deadline_micros) {
            (true, _) => Some(0),
            (false, deadline) => deadline.map(|deadline| deadline.saturating_sub(micros())),
        };
        let patience = patience.map(|micros| Timespec {
            tv_sec: (micros / 1_000_000) as i64,
            tv_nsec: (micros % 1_000_000 * 1000) as _,
        });
        let mut files = [
            PollFd::from_borrowed_fd(nic.file(), PollFlags::IN),
            PollFd::new(&signals.0, PollFlags::IN),
        ];
        match poll(&mut files, patience.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let [device, signal] = files.map(|file| file.revents());
        if device.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL) {
            return Err(Errno::NODEV);
        }
        if signal.contains(PollFlags::IN) {
            let signals = signals.take();
            // The second one does not wait for anybody.
            if asked && signals > 0 || signals > 1 {
                return Ok(());
            }
            if signals > 0 {
                asked = true;
                server.stop();
            }
        }
    }
}
