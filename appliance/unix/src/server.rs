//! A server: an address, a site, and threads that share nothing.

use crate::limits::{Limits, OTHER_FILES};
use crate::listen::{ListenError, listen};
use crate::stop::Stop;
use crate::worker::Worker;
use applgen_bundle::http::Site;
use mio::net::TcpListener;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;

/// What a server is told beside its site.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 is any that is free.
    pub address: SocketAddr,
    /// How many event loops.
    pub threads: NonZeroUsize,
    /// Whether to write an access log to stderr.
    pub log: bool,
    /// Limits.
    pub limits: Limits,
}

impl Options {
    /// The defaults, on this address: a thread for each core that the process
    /// may use, no log.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            log: false,
            limits: Limits::default(),
        }
    }
}

/// A server that listens and does not answer yet: clients wait.
#[derive(Debug)]
pub struct Server<'b> {
    site: Site<'b>,
    listeners: Vec<TcpListener>,
    address: SocketAddr,
    options: Options,
}

impl<'b> Server<'b> {
    /// Listens.
    pub fn bind(site: Site<'b>, options: Options) -> Result<Self, ListenError> {
        let listeners = listen("http", options.address, options.threads.get())?;
        let address = listeners
            .first()
            .and_then(|listener| listener.local_addr().ok())
            .unwrap_or(options.address);
        Ok(Self {
            site,
            listeners,
            address,
            options,
        })
    }

    /// Where it listens; the port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, in this thread and as many more as were asked for.
    /// Threads have event loops of their own before `ready` is called, which is
    /// the moment to say so.
    pub fn run(self, stop: &Stop, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
        let threads = self.listeners.len();
        let room = connections(self.options.limits.connections).div_ceil(threads);
        let mut workers = Vec::with_capacity(threads);
        for listener in self.listeners {
            let limits = &self.options.limits;
            let log = self.options.log;
            let worker = Worker::new(self.site, listener, limits, room, log, stop)?;
            workers.push(worker);
        }
        ready(self.address);
        std::thread::scope(|scope| {
            let first = workers.pop();
            let mut others = Vec::with_capacity(workers.len());
            for (number, worker) in workers.into_iter().enumerate() {
                let handle = std::thread::Builder::new()
                    .name(format!("http-{}", number + 1))
                    .stack_size(256 * 1024)
                    .spawn_scoped(scope, || worker.run())?;
                others.push(handle);
            }
            let mut result = first.map_or(Ok(()), Worker::run);
            // Where one thread failed, the others have no reason to go on.
            if result.is_err() {
                stop.stop();
            }
            for other in others {
                let joined = other.join();
                let joined = joined.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
                result = result.and(joined);
            }
            result
        })
    }
}

/// How many connections the system lets this process have, at most `wanted`.
/// The soft limit of files is raised as far as it may be.
fn connections(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted_files = wanted as u64 + OTHER_FILES;
    let current = limit.current.unwrap_or(u64::MAX);
    let raised = wanted_files.min(limit.maximum.unwrap_or(u64::MAX));
    let files = if current < raised {
        let new = Rlimit {
            current: Some(raised),
            maximum: limit.maximum,
        };
        match setrlimit(Resource::Nofile, new) {
            Ok(()) => raised,
            Err(_) => current,
        }
    } else {
        current.min(wanted_files)
    };
    // However few files there are, one connection is served.
    files.saturating_sub(OTHER_FILES).max(1) as usize
}
