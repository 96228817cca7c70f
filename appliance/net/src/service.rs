//! What is served over TCP: the seam above the transport.
//!
//! A [`Conversation`] is the state of one connection, as its protocol keeps it.
//! It is given the bytes that have come and says what to send: a small head,
//! which it writes into a scratch buffer, and slices of the bundle. It knows
//! neither sockets nor segments; the transport knows no protocol.
//!
//! **A further protocol** is a module beside `http`, a variant of
//! [`Conversation`], a field of [`Services`], and an arm in each `match` below.

use crate::clock::Clock;
use crate::console::Console;
#[cfg(feature = "dns")]
use crate::dns::{Dialog, Dns};
use crate::frame::Flow;
#[cfg(feature = "http")]
use crate::http::Http;
use crate::limits::Limits;
#[cfg(all(feature = "dns", feature = "dhcp"))]
use crate::link::Link;
use crate::log;
use smoltcp::wire::IpAddress;

/// Bytes of the scratch for a head: a conversation is asked for an answer only
/// when as much is free in the transmit ring.
#[cfg(feature = "http")]
pub const HEAD_BYTES: usize = applgen_http::limits::HEAD_MAX;
/// Bytes of the scratch for a head.
#[cfg(not(feature = "http"))]
pub const HEAD_BYTES: usize = 4096;

/// What happens to a connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It stays.
    Stay,
    /// It closes.
    Close,
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'b> {
    /// Bytes of the scratch.
    pub head_len: usize,
    /// What follows them.
    pub slices: [&'b [u8]; 2],
    /// What happens then.
    pub after: After,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'b> {
    /// More input is needed; so many bytes of it can be dropped.
    Need(usize),
    /// An answer; so many bytes of input can be dropped.
    Answer(usize, Answer<'b>),
}

/// The state of a connection, by protocol.
#[derive(Debug)]
pub enum Conversation {
    /// None: the place is free.
    None,
    /// HTTP.
    #[cfg(feature = "http")]
    Http(applgen_http::Connection),
    /// DNS.
    #[cfg(feature = "dns")]
    Dns(Dialog),
}

/// What a step may use of its surroundings.
pub struct Surroundings<'s> {
    /// The time.
    pub clock: &'s Clock,
    /// Where logs go.
    #[cfg_attr(
        not(all(feature = "http", feature = "log")),
        expect(dead_code, reason = "nobody keeps a log")
    )]
    pub console: &'s mut dyn Console,
    /// The client.
    #[cfg_attr(
        not(any(feature = "dns", feature = "log")),
        expect(dead_code, reason = "nobody asks who it is")
    )]
    pub client: IpAddress,
    /// Where the head of an answer is written.
    pub head: &'s mut [u8],
}

/// All that is served.
#[derive(Debug)]
pub struct Services<'b> {
    /// HTTP.
    #[cfg(feature = "http")]
    pub http: Option<Http<'b>>,
    /// DNS.
    #[cfg(feature = "dns")]
    pub dns: Option<Dns<'b>>,
}

impl<'b> Services<'b> {
    /// Whether nothing is served.
    pub fn is_empty(&self) -> bool {
        #[cfg(feature = "http")]
        if self.http.is_some() {
            return false;
        }
        #[cfg(feature = "dns")]
        if self.dns.is_some() {
            return false;
        }
        true
    }

    /// What the site chose; with HTTP alone there is a choice.
    pub fn limits(&self) -> Limits {
        #[cfg(feature = "http")]
        if let Some(http) = &self.http {
            return http.site.limits().into();
        }
        Limits::DEFAULT
    }

    /// The conversation of a new connection, if somebody listens there.
    pub fn open(&self, flow: &Flow) -> Option<Conversation> {
        #[cfg(feature = "http")]
        if let Some(http) = &self.http
            && http.at.listens(flow)
        {
            return Some(Conversation::Http(applgen_http::Connection::new()));
        }
        #[cfg(feature = "dns")]
        if let Some(dns) = &self.dns
            && dns.at.listens(flow)
        {
            return Some(Conversation::Dns(Dialog::default()));
        }
        let _ = flow;
        None
    }

    /// Tells the zones which addresses this machine has now.
    #[cfg(all(feature = "dns", feature = "dhcp"))]
    pub fn addresses(&mut self, link: &Link) {
        if let Some(dns) = &mut self.dns {
            dns.addresses(link);
        }
    }

    /// Says what listens on an address that there is from now on.
    pub fn listening(&self, address: IpAddress, console: &mut dyn Console) {
        #[cfg(feature = "http")]
        if let Some(http) = &self.http
            && http.at.address.is_none_or(|at| at == address)
        {
            log::listening(console, "http", address, http.at.port, "/");
        }
        #[cfg(feature = "dns")]
        if let Some(dns) = &self.dns
            && dns.at.address.is_none_or(|at| at == address)
        {
            log::listening(console, "dns", address, dns.at.port, "");
        }
        let _ = (address, console);
    }

    /// One step: the first request of the input, answered if it is all there.
    pub fn step(
        &self,
        conversation: &mut Conversation,
        input: &[u8],
        with: &mut Surroundings<'_>,
    ) -> Step<'b> {
        match conversation {
            Conversation::None => Step::Need(input.len()),
            #[cfg(feature = "http")]
            Conversation::Http(connection) => match &self.http {
                Some(http) => http.step(connection, input, with),
                None => Step::Need(input.len()),
            },
            #[cfg(feature = "dns")]
            Conversation::Dns(dialog) => match &self.dns {
                Some(dns) => dns.step(dialog, input, with),
                None => Step::Need(input.len()),
            },
        }
    }

    /// Answers a datagram in place: `buffer` begins with a question of `length`
    /// bytes, and the answer takes its place. `None`: there is none, or nobody
    /// listens there.
    #[cfg(feature = "udp")]
    pub fn datagram(
        &self,
        flow: &Flow,
        clock: &Clock,
        buffer: &mut [u8],
        length: usize,
    ) -> Option<usize> {
        #[cfg(feature = "dns")]
        if let Some(dns) = &self.dns
            && dns.at.listens(flow)
        {
            return dns.datagram(flow, clock, buffer, length);
        }
        let _ = (flow, clock, buffer, length);
        None
    }

    /// What a client is told that did not finish its request in time.
    pub fn timed_out(
        &self,
        conversation: &Conversation,
        with: &mut Surroundings<'_>,
    ) -> Option<Answer<'b>> {
        #[cfg(not(feature = "http"))]
        let _ = with;
        match conversation {
            Conversation::None => None,
            #[cfg(feature = "http")]
            Conversation::Http(_) => self.http.as_ref().map(|http| http.timed_out(with)),
            #[cfg(feature = "dns")]
            Conversation::Dns(_) => None,
        }
    }
}

impl Conversation {
    /// Whether it is between two requests, as far as it knows.
    pub fn is_idle(&self) -> bool {
        match self {
            Self::None => true,
            #[cfg(feature = "http")]
            Self::Http(connection) => connection.is_idle(),
            #[cfg(feature = "dns")]
            Self::Dns(dialog) => dialog.is_idle(),
        }
    }

    /// Makes the next answer the last.
    pub fn close_after_next(&mut self) {
        match self {
            Self::None => {}
            #[cfg(feature = "http")]
            Self::Http(connection) => connection.close_after_next(),
            #[cfg(feature = "dns")]
            Self::Dns(dialog) => dialog.close_after_next(),
        }
    }
}

/// Where a service listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// On this address alone, or on all.
    pub address: Option<IpAddress>,
    /// The port.
    pub port: u16,
}

impl At {
    /// Whether a segment of this flow is for it.
    pub fn listens(&self, flow: &Flow) -> bool {
        flow.local_port == self.port && self.address.is_none_or(|address| address == flow.local)
    }
}
