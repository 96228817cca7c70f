//! Connections: a thread each, requests one after another, answered by
//! `applgen-http` from the generation that is there when they come.
//!
//! A browser opens a few connections, not thousands, so this is the plain way;
//! the event loop of images is for those. Limits are stated all the same, since
//! the loopback has other users too.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use applgen_http::{
    Connection, Reply, Step,
    date::{ImfFixdate, imf_fixdate},
    limits::{HEAD_MAX, REQUEST_BYTES},
    log::{Format, Line},
    overloaded, timed_out,
};

use super::{
    generation::Generation,
    live::{self, Found},
    state::Shared,
};

/// Connections at one time; one more is told 503.
pub const CONNECTIONS: usize = 256;
/// How long one may stay without a request.
pub const IDLE: Duration = Duration::from_secs(60);
/// How long a request may take from its first byte to its last.
pub const REQUEST: Duration = Duration::from_secs(20);
/// How long a client may take no byte of its answer.
pub const SEND: Duration = Duration::from_secs(30);
/// How long what still comes is dropped after the last answer.
const LINGER: Duration = Duration::from_secs(2);
/// What a thread of a connection needs: the input, a head, and frames.
const STACK_BYTES: usize = 256 * 1024;

/// Answers whoever comes, until the process ends.
pub fn serve(listener: &TcpListener, shared: &Arc<Shared>, log: bool) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, address) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // No file left, most likely: somebody will close one.
            Err(_) => {
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        let guard = Guard::new(&open);
        if guard.number > CONNECTIONS {
            refuse(stream);
            continue;
        }
        let shared = Arc::clone(shared);
        let started = thread::Builder::new()
            .name("http".into())
            .stack_size(STACK_BYTES)
            .spawn(move || {
                let _guard = guard;
                // The client is gone, and nobody is left to tell.
                let _ = converse(stream, address, &shared, log);
            });
        if started.is_err() {
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Counts a connection for as long as it lives.
struct Guard {
    open: Arc<AtomicUsize>,
    number: usize,
}

impl Guard {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        Self {
            number: open.fetch_add(1, Ordering::Relaxed) + 1,
            open: Arc::clone(open),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn refuse(mut stream: TcpStream) {
    let mut head = [0; HEAD_MAX];
    let reply = overloaded(Some(&now()), &mut head);
    let _ = stream.set_write_timeout(Some(LINGER));
    let _ = send(&mut stream, &head, &reply);
}

fn now() -> ImfFixdate {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    imf_fixdate(since.unwrap_or(Duration::ZERO).as_secs())
}

/// One connection, to its end.
fn converse(
    mut stream: TcpStream,
    address: SocketAddr,
    shared: &Arc<Shared>,
    log: bool,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(SEND))?;
    let mut connection = Connection::new();
    let mut input: Vec<u8> = Vec::new();
    let mut head = [0; HEAD_MAX];
    // An answer in several parts comes from one generation.
    let mut pinned: Option<Arc<Generation>> = None;
    let mut begun: Option<Instant> = None;
    loop {
        while !input.is_empty() {
            if connection.is_idle() {
                match live::find(&input) {
                    Found::No => {}
                    Found::Incomplete => break,
                    Found::Yes(request) => return live::answer(&mut stream, &request, shared),
                }
            }
            let generation = pinned.take().or_else(|| shared.generation());
            let Some(generation) = generation else {
                return live::no_site(&mut stream, shared);
            };
            let Some(site) = generation.site() else {
                return Ok(());
            };
            let date = now();
            match connection.step(&site, &input, Some(&date), &mut head) {
                Step::Need { consumed } => {
                    input.drain(..consumed.min(input.len()));
                    break;
                }
                Step::Reply { consumed, reply } => {
                    if log && !reply.unfinished {
                        tell(address, &date, &input, &reply);
                    }
                    send(&mut stream, &head, &reply)?;
                    begun = None;
                    if reply.close {
                        return finish(stream, reply.linger);
                    }
                    let more = reply.unfinished;
                    input.drain(..consumed.min(input.len()));
                    if more {
                        pinned = Some(Arc::clone(&generation));
                    }
                }
            }
        }
        let is_idle = connection.is_idle() && input.is_empty();
        let patience = match (is_idle, begun) {
            (true, _) => IDLE,
            (false, begun_at) => {
                let since = *begun.get_or_insert(begun_at.unwrap_or_else(Instant::now));
                REQUEST.saturating_sub(since.elapsed())
            }
        };
        match receive(&mut stream, &mut input, patience)? {
            Received::Some => {}
            Received::End => return Ok(()),
            Received::Late if is_idle => return Ok(()),
            Received::Late => {
                let reply = timed_out(Some(&now()), &mut head);
                send(&mut stream, &head, &reply)?;
                return finish(stream, true);
            }
        }
    }
}

enum Received {
    Some,
    End,
    Late,
}

fn receive(
    stream: &mut TcpStream,
    input: &mut Vec<u8>,
    patience: Duration,
) -> io::Result<Received> {
    if patience.is_zero() || input.len() >= REQUEST_BYTES {
        return Ok(Received::Late);
    }
    stream.set_read_timeout(Some(patience))?;
    let mut buffer = [0; REQUEST_BYTES];
    let room = REQUEST_BYTES - input.len();
    loop {
        return match stream.read(&mut buffer[..room]) {
            Ok(0) => Ok(Received::End),
            Ok(bytes) => {
                input.extend_from_slice(&buffer[..bytes]);
                Ok(Received::Some)
            }
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted => continue,
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Ok(Received::Late),
                _ => Err(error),
            },
        };
    }
}

fn send(stream: &mut TcpStream, head: &[u8], reply: &Reply<'_>) -> io::Result<()> {
    // Small answers leave in one segment.
    let head = head.get(..reply.head_len).unwrap_or_default();
    let first = [head, reply.slices[0]].concat();
    stream.write_all(&first)?;
    stream.write_all(reply.slices[1])
}

/// Ends a connection after its last answer; what still comes is dropped for a
/// moment, so that the answer is not lost to a reset.
fn finish(mut stream: TcpStream, linger: bool) -> io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    if linger {
        let until = Instant::now() + LINGER;
        let mut buffer = [0; 4096];
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            if stream.read(&mut buffer)? == 0 {
                break;
            }
        }
    }
    Ok(())
}

fn tell(address: SocketAddr, date: &ImfFixdate, input: &[u8], reply: &Reply<'_>) {
    let client = address.ip().to_canonical().to_string();
    let line = Line {
        client: client.as_bytes(),
        date,
        input,
        reply,
    };
    let mut text = Vec::new();
    line.write(Format::Common, &mut |piece| text.extend_from_slice(piece));
    let _ = io::stderr().lock().write_all(&text);
}
