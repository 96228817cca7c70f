//! Every limit of the network code, with its figure: what it holds, and how
//! long it waits. Those of HTTP itself are in `applgen_http::limits`.

/// Bytes of a connection's receive ring: most requests fit. A longer one moves
/// to one of the buffers for long requests.
pub const RECEIVE_BYTES: usize = 4096;

/// Bytes of a connection's transmit ring: it is how much may be on its way to a
/// client, and so the speed of a download. This where there is memory for it...
pub const WIDE_BYTES: usize = 64 * 1024;

/// ...and this where there is not.
pub const NARROW_BYTES: usize = 8 * 1024;

/// Connections that memory is kept for before transmit rings are wide.
pub const COMFORTABLE_CONNECTIONS: usize = 288;

/// The fewest connections that make a server.
pub const FEWEST_CONNECTIONS: usize = 16;

/// The most connections, whatever memory there is.
pub const MOST_CONNECTIONS: usize = 2048;

/// Requests that are too long for the receive ring, at the same time.
pub const LONG_REQUESTS: usize = 16;

/// The port of DNS, where no word says another.
#[cfg(feature = "dns")]
pub const DNS_PORT: u16 = 53;

/// The port of HTTP, where no word says another.
pub const HTTP_PORT: u16 = 80;

/// Frames that are taken in one turn.
pub const FRAMES_PER_TURN: usize = 64;

/// Segments that a connection sends before the others get their turn.
pub const SEGMENTS_PER_TURN: usize = 32;

/// Answers that a connection gets before the others get their turn.
pub const ANSWERS_PER_TURN: usize = 32;

const SECOND: u64 = 1_000_000;

/// How long a handshake may take, in microseconds.
pub const HANDSHAKE_MICROS: u64 = 15 * SECOND;

/// Limits that a site may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections, where there is memory for as many.
    pub connections: usize,
    /// Connections of one address.
    pub per_address: usize,
    /// How long a connection may stay without a request.
    pub idle_micros: u64,
    /// How long a request may take from its first byte to its last.
    pub request_micros: u64,
    /// How long a client may acknowledge no byte of its answer.
    pub send_micros: u64,
}

impl Limits {
    /// What a site has that chooses nothing.
    pub const DEFAULT: Self = Self {
        connections: MOST_CONNECTIONS,
        per_address: MOST_CONNECTIONS,
        idle_micros: 60 * SECOND,
        request_micros: 20 * SECOND,
        send_micros: 30 * SECOND,
    };
}

#[cfg(feature = "http")]
impl From<applgen_bundle::http::Limits> for Limits {
    fn from(site: applgen_bundle::http::Limits) -> Self {
        let micros = |seconds: u16| u64::from(seconds) * SECOND;
        Self {
            connections: site.connections as usize,
            per_address: site.per_address as usize,
            idle_micros: micros(site.idle_seconds),
            request_micros: micros(site.request_seconds),
            send_micros: micros(site.send_seconds),
        }
    }
}

/// How long a client that acknowledges nothing is left alone when there is no
/// room for a new one.
pub const STALLED_MICROS: u64 = 5 * SECOND;

/// How long the end of a connection is waited for after the last answer; what
/// a client still sends is dropped.
pub const LINGER_MICROS: u64 = 2 * SECOND;

/// How long a connection that this side closed is remembered, if its place is
/// not wanted before.
pub const TIME_WAIT_MICROS: u64 = 10 * SECOND;

/// How long answers in flight may take once the server is to stop.
pub const STOP_MICROS: u64 = 10 * SECOND;

/// When to try again after the interface had no room.
pub const FULL_MICROS: u64 = 1000;
