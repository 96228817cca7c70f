//! DNS on host sockets: for each thread a socket for datagrams, a listener, and
//! an event loop over both.
//!
//! - `batch`: datagrams in and out, many for one system call.
//! - `connections`: DNS over TCP (RFC 7766).
//! - `worker`: the event loop.

pub mod batch;
mod connections;
mod worker;

use crate::listen::{ListenError, datagrams, listen};
use crate::stop::Stop;
use applgen_bundle::dns::Zones;
use applgen_dns::Server;
use mio::net::TcpListener;
use rustix::rand::{GetRandomFlags, getrandom};
use socket2::Socket;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;
use worker::Worker;

/// What a name server holds, and how long it waits. [`DnsLimits::default`] is
/// what images have; the fields are here so that tests need not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DnsLimits {
    /// TCP connections of each thread. When there is no room, the one that has
    /// been idle for longest makes way.
    pub connections: usize,
    /// TCP connections of one client (an IPv4 address, an IPv6 /64) in each
    /// thread: one alone cannot have them all.
    pub connections_of_client: usize,
    /// How long a connection may go without a whole query, or without taking
    /// any of its answers (RFC 7766 §6.2.3).
    pub idle: Duration,
}

impl Default for DnsLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            connections_of_client: 64,
            idle: Duration::from_secs(10),
        }
    }
}

/// What a name server is told beside its zones.
#[derive(Debug, Clone)]
pub struct DnsOptions {
    /// Where to listen; port 0 is any that is free.
    pub address: SocketAddr,
    /// How many event loops.
    pub threads: NonZeroUsize,
    /// What cookies are made with (RFC 9018 §4.4); random if there is none.
    pub cookie_secret: Option<[u8; 16]>,
    /// Whether another process of this user may be listening there, which is
    /// about to be stopped.
    pub handover: bool,
    /// Limits.
    pub limits: DnsLimits,
}

impl DnsOptions {
    /// The defaults, on this address: a thread for each core that the process
    /// may use.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            cookie_secret: None,
            handover: false,
            limits: DnsLimits::default(),
        }
    }
}

/// A name server that listens and does not answer yet: queries wait.
#[derive(Debug)]
pub struct DnsServer<'b> {
    server: Server<'b>,
    sockets: Vec<(Socket, TcpListener)>,
    address: SocketAddr,
    options: DnsOptions,
}

impl<'b> DnsServer<'b> {
    /// Listens, over UDP and TCP on one port.
    pub fn bind(zones: Zones<'b>, options: DnsOptions) -> Result<Self, ListenError> {
        let threads = options.threads.get();
        let failed = |error| ListenError {
            word: "dns",
            address: options.address,
            error,
        };
        let secret = match options.cookie_secret {
            Some(secret) => secret,
            None => random().map_err(failed)?,
        };
        let mut left = FREE_PORT_TRIES;
        let (listeners, datagrams, address) = loop {
            let listeners = listen("dns", options.address, threads, options.handover)?;
            let address = listeners
                .first()
                .and_then(|listener| listener.local_addr().ok())
                .unwrap_or(options.address);
            match datagrams("dns", address, threads, options.handover) {
                Ok(datagrams) => break (listeners, datagrams, address),
                // A port that is free for TCP need not be for UDP.
                Err(_) if options.address.port() == 0 && left > 0 => left -= 1,
                Err(error) => return Err(error),
            }
        };
        for socket in &datagrams {
            batch::prepare(socket, address).map_err(failed)?;
        }
        Ok(Self {
            server: Server::new(zones, secret),
            sockets: datagrams.into_iter().zip(listeners).collect(),
            address,
            options,
        })
    }

    /// Where it listens; the port is the real one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Opens everything that serving takes.
    pub fn open(self, stop: &Stop) -> io::Result<OpenDnsServer<'b>> {
        let mut workers = Vec::with_capacity(self.sockets.len());
        for (datagrams, listener) in self.sockets {
            let limits = self.options.limits;
            workers.push(Worker::new(self.server, datagrams, listener, limits, stop)?);
        }
        Ok(OpenDnsServer { workers })
    }
}

/// A name server that has opened everything and has not started a thread: the
/// moment to enter a sandbox.
pub struct OpenDnsServer<'b> {
    workers: Vec<Worker<'b>>,
}

impl OpenDnsServer<'_> {
    /// Serves until `stop`, in this thread and as many more as were asked for.
    pub fn serve(self, stop: &Stop) -> io::Result<()> {
        crate::threads::run_all("dns", self.workers, Worker::run, stop)
    }
}

/// How often another port is tried, when any will do.
const FREE_PORT_TRIES: usize = 16;

/// A secret that nobody knows.
fn random() -> io::Result<[u8; 16]> {
    let mut secret = [0; 16];
    let filled = getrandom(&mut secret, GetRandomFlags::empty())?;
    if filled < secret.len() {
        return Err(io::Error::other("the system gave no random bytes"));
    }
    Ok(secret)
}
