//! A server: an address, a site, and threads that share nothing.

use crate::limits::{Limits, OTHER_FILES};
use crate::listen::{ListenError, defer, listen};
use crate::stop::Stop;
use crate::worker::{Room, Worker};
use applgen_bundle::http::Site;
use applgen_http::log::Format;
use mio::net::TcpListener;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::SockRef;
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
    /// What the access log on stderr looks like, if there is one.
    pub log: Option<Format>,
    /// Whether another process may be listening on the address, which is about
    /// to be stopped.
    pub handover: bool,
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
            log: None,
            handover: false,
            limits: Limits::default(),
        }
    }
}

/// A server that listens and does not answer yet: clients wait.
#[derive(Debug)]
pub struct Server<'b> {
    site: Site<'b>,
    /// The listening sockets of each thread.
    listeners: Vec<Vec<TcpListener>>,
    addresses: Vec<SocketAddr>,
    options: Options,
}

impl<'b> Server<'b> {
    /// Listens.
    pub fn bind(site: Site<'b>, options: Options) -> Result<Self, ListenError> {
        let listeners = listen(
            "http",
            options.address,
            options.threads.get(),
            options.handover,
        )?;
        listeners.iter().for_each(defer);
        let address = listeners
            .first()
            .and_then(|listener| listener.local_addr().ok())
            .unwrap_or(options.address);
        Ok(Self {
            site,
            listeners: listeners
                .into_iter()
                .map(|listener| vec![listener])
                .collect(),
            addresses: vec![address],
            options,
        })
    }

    /// Takes sockets that listen already and do not block, whatever address
    /// the options name. All threads share them.
    pub fn adopt(
        site: Site<'b>,
        options: Options,
        sockets: &[std::net::TcpListener],
    ) -> io::Result<Self> {
        let addresses: io::Result<_> = sockets.iter().map(|socket| socket.local_addr()).collect();
        let each = || {
            let clones = sockets.iter().map(|socket| {
                let clone = socket.try_clone()?;
                // As `listen` has it; whoever opened the socket may not have.
                SockRef::from(&clone).set_tcp_nodelay(true)?;
                Ok(TcpListener::from_std(clone))
            });
            clones.collect::<io::Result<Vec<_>>>()
        };
        let listeners: io::Result<_> = (0..options.threads.get()).map(|_| each()).collect();
        Ok(Self {
            site,
            listeners: listeners?,
            addresses: addresses?,
            options,
        })
    }

    /// Where it listens; the port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.addresses
            .first()
            .copied()
            .unwrap_or(self.options.address)
    }

    /// Opens everything that serving takes.
    pub fn open(self, stop: &Stop) -> io::Result<OpenServer<'b>> {
        let threads = self.listeners.len();
        let limits = self.options.limits;
        let connections = connections(limits.connections);
        let room = Room {
            connections: connections.div_ceil(threads),
            per_address: limits.per_address.div_ceil(threads),
        };
        let mut workers = Vec::with_capacity(threads);
        for listeners in self.listeners {
            let log = self.options.log;
            let worker = Worker::new(self.site, listeners, &limits, room, log, stop)?;
            workers.push(worker);
        }
        Ok(OpenServer {
            workers,
            addresses: self.addresses,
        })
    }
}

/// A server that has opened everything and has not started a thread: the moment
/// to enter a sandbox.
pub struct OpenServer<'b> {
    workers: Vec<Worker<'b>>,
    addresses: Vec<SocketAddr>,
}

impl OpenServer<'_> {
    /// Where it listens; the ports are the real ones.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Serves until `stop`, in this thread and as many more as were asked for.
    pub fn serve(self, stop: &Stop) -> io::Result<()> {
        crate::threads::run_all("http", self.workers, Worker::run, stop)
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
