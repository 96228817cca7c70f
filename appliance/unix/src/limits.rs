//! Limits of the process, beside those of `applgen_http::limits`: connections
//! and time.

use applgen_bundle::http::Limits as SiteLimits;
use std::time::Duration;

/// What a server holds and how long it waits: what the site says, and what no
/// site has a say in ([`Limits::default`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections of all threads together, as far as the system lets a
    /// process have so many files. When there is no room, the connection that
    /// has been idle for longest makes way.
    pub connections: usize,
    /// Connections of one address (of one /64 in IPv6). Beyond them its own
    /// connection that has been idle for longest makes way, or else the new one
    /// is told 503.
    pub per_address: usize,
    /// How long a connection may stay without a request.
    pub idle: Duration,
    /// How long a request may take from its first byte to its last; then 408.
    pub request: Duration,
    /// How long a client may take no byte of its answer.
    pub send: Duration,
    /// How long what a client still sends is read and dropped after the last
    /// answer.
    pub linger: Duration,
    /// How long answers in flight may take once the server is to stop.
    pub stop: Duration,
    /// How long a server that is to stop goes on for clients of a moment ago: a
    /// request on a connection that was just used may be on its way, and so may
    /// the first one on a connection that the system has not handed over yet. Who
    /// is answered meanwhile is told that the connection closes.
    pub grace: Duration,
}

impl From<SiteLimits> for Limits {
    fn from(site: SiteLimits) -> Self {
        Self {
            connections: site.connections as usize,
            per_address: site.per_address as usize,
            idle: Duration::from_secs(site.idle_seconds.into()),
            request: Duration::from_secs(site.request_seconds.into()),
            send: Duration::from_secs(site.send_seconds.into()),
            linger: Duration::from_secs(2),
            stop: Duration::from_secs(10),
            grace: Duration::from_millis(300),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        SiteLimits::DEFAULT.into()
    }
}

/// Files that a process has open beside its connections: generous.
pub const OTHER_FILES: u64 = 64;

/// Connections that are accepted before those that exist get their turn again.
pub const ACCEPT_BATCH: usize = 64;

/// One more connection is accepted for each so many others that had their turn.
pub const ACCEPT_SHARE: usize = 8;

/// Times that one connection's input is read before others get their turn.
pub const READ_BATCH: usize = 4;

/// Bytes that are given to the system in one call, so that one fast client
/// with a large body does not keep a thread to itself.
pub const WRITE_BYTES: usize = 1 << 20;

/// Answers that go out together when a client asks for several at once.
pub const ANSWER_BATCH: usize = 64;

/// How long to wait before accepting again when the system has no file left.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Idle connections that are looked through for one of a given address.
pub const EVICT_SCAN: usize = 1024;

/// How long a thread looks for events before it sleeps, when waits are short.
pub const SPIN: Duration = Duration::from_micros(20);

/// Short waits after which looking is tried again at the latest.
pub const SPIN_PENALTY: u32 = 1024;
