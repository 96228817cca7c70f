//! One connection: requests in, in any pieces; answers out, in order.

use crate::chunked;
use crate::date::ImfFixdate;
use crate::head::{self, Found};
use crate::limits::{HEAD_MAX, REQUEST_BYTES, REQUESTS_PER_CONNECTION};
use crate::method::Method;
use crate::reply::{Head, Persistence, Reply, refusal};
use crate::request::{BodyLength, FEW_FIELDS, NO_FIELDS, Request};
use crate::respond::Context;
use applgen_bundle::http::Site;

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'b> {
    /// Nothing to answer yet: drop `consumed` bytes from the front of the
    /// input, keep the rest, and come again with more.
    Need {
        /// Bytes to drop.
        consumed: usize,
    },
    /// Send `reply`, drop `consumed` bytes, and come again: there may be a
    /// further request in the input.
    Reply {
        /// Bytes to drop. [`Reply::request_line`] is a place in the input
        /// before they are dropped.
        consumed: usize,
        /// What to send.
        reply: Reply<'b>,
    },
}

/// Where a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// In the head of a request.
    Head(head::Progress),
    /// In the body of a request whose head was fine: all of it is `total` bytes.
    Sized { total: u32 },
    /// The same, where chunks say how long it is.
    Chunked(chunked::Progress),
    /// In an answer of several parts: `part` is the next one, and the request,
    /// which stays in the input until the last, has `length` bytes
    /// (`u32::MAX`: its body is not read).
    #[cfg(feature = "ranges")]
    Parts { part: u8, length: u32 },
    /// Closed; what comes is dropped.
    Closed,
}

/// The state of one connection: a few bytes, and no buffer.
///
/// The input is the caller's: it hands in what it has kept and what came new,
/// from the first byte that no step has consumed. It never has to keep more
/// than [`REQUEST_BYTES`].
#[derive(Debug, Clone)]
pub struct Connection {
    phase: Phase,
    served: u32,
    /// `100 Continue` has been sent for the request under way.
    continued: bool,
}

impl Default for Connection {
    fn default() -> Self {
        Self::new()
    }
}

impl Connection {
    /// A connection on which nothing has come yet.
    pub const fn new() -> Self {
        Self {
            phase: Phase::Head(head::Progress::START),
            served: 0,
            continued: false,
        }
    }

    /// Whether the connection is between two requests, as far as it knows: an
    /// idle one, to be closed without a word when its time is over, where one
    /// in the middle of a request is told [`timed_out`].
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Head(head::Progress::START)
    }

    /// Makes the next answer the last: for a server that is about to stop.
    pub fn close_after_next(&mut self) {
        self.served = REQUESTS_PER_CONNECTION;
    }

    /// One step: the first request of the input, answered if it is all there.
    ///
    /// `date` is absent where no clock is known. `head` is scratch for the
    /// answer's head, [`HEAD_MAX`] bytes; more is not used.
    pub fn step<'b>(
        &mut self,
        site: &Site<'b>,
        input: &[u8],
        date: Option<&ImfFixdate>,
        head: &mut [u8],
    ) -> Step<'b> {
        let skipped = match self.is_idle() {
            true => head::blank_lines(input),
            false => 0,
        };
        let request = input.get(skipped..).unwrap_or_default();
        // What fits does not depend on what else a caller has room for.
        let room = head.len().min(HEAD_MAX);
        let head = head.get_mut(..room).unwrap_or_default();
        let (consumed, mut reply) = match self.advance(site, request, date, head) {
            Outcome::Need if self.phase == Phase::Closed => {
                let consumed = input.len();
                return Step::Need { consumed };
            }
            Outcome::Need => return Step::Need { consumed: skipped },
            Outcome::Reply(consumed, reply) => (consumed, reply),
        };
        reply.request_line.start += skipped;
        reply.request_line.end += skipped;
        if !reply.unfinished {
            self.continued = false;
            self.served = self.served.saturating_add(1);
            self.phase = match reply.close {
                true => Phase::Closed,
                false => Phase::Head(head::Progress::START),
            };
        }
        let consumed = match reply.close {
            true => input.len(),
            false => skipped + consumed,
        };
        Step::Reply { consumed, reply }
    }

    fn advance<'b>(
        &mut self,
        site: &Site<'b>,
        input: &[u8],
        date: Option<&ImfFixdate>,
        scratch: &mut [u8],
    ) -> Outcome<'b> {
        let refused = |status, scratch: &mut [u8]| {
            let mut reply = refusal(status, date, scratch);
            reply.request_line = first_line(input);
            Outcome::Reply(input.len(), reply)
        };
        // Bodies are followed first: a head is parsed when its request is
        // complete, and not for every piece that comes.
        let request_length = match &mut self.phase {
            Phase::Closed => return Outcome::Need,
            #[cfg(feature = "ranges")]
            Phase::Parts { length, .. } => Some(match *length {
                u32::MAX => usize::MAX,
                length => length as usize,
            }),
            Phase::Head(progress) => match head::search(input, progress, REQUEST_BYTES) {
                Found::Incomplete => return Outcome::Need,
                Found::Refused(status) => return refused(status, scratch),
                Found::Complete(_) => None,
            },
            Phase::Sized { total } => match input.len() < *total as usize {
                true => return Outcome::Need,
                false => Some(*total as usize),
            },
            Phase::Chunked(progress) => match progress.follow(input, REQUEST_BYTES) {
                chunked::End::Incomplete => return Outcome::Need,
                chunked::End::Malformed => return refused(400, scratch),
                chunked::End::TooFar => Some(usize::MAX),
                chunked::End::At(end) => Some(end),
            },
        };
        let (mut few, mut many) = (FEW_FIELDS, None);
        let parsed = match Request::parse(input, &mut few) {
            Err(431) => Request::parse(input, many.insert(NO_FIELDS)),
            parsed => parsed,
        };
        let request = match parsed {
            Ok(request) => request,
            Err(status) => return refused(status, scratch),
        };
        let Some(length) = request_length else {
            return match self.begin(&request) {
                Begun::Complete(length) => self.answer(site, &request, length, date, scratch),
                Begun::Body => {
                    if request.expects_continue && !self.continued {
                        self.continued = true;
                        return Outcome::Reply(0, go_on(scratch));
                    }
                    self.advance(site, input, date, scratch)
                }
            };
        };
        self.answer(site, &request, length, date, scratch)
    }

    /// What is to be done about the body of a request whose head just became
    /// complete. A length of `usize::MAX` is a body that is not read: the
    /// connection closes instead.
    fn begin(&mut self, request: &Request<'_, '_>) -> Begun {
        let head = request.length;
        let unread = Begun::Complete(usize::MAX);
        // What is refused anyway is refused before the client sends the body.
        if request.expects_continue && request.line.method.refusal().is_some() {
            return unread;
        }
        match request.body {
            BodyLength::Sized(0) => Begun::Complete(head),
            BodyLength::Sized(length) => {
                let total = length.saturating_add(head as u64);
                if total > REQUEST_BYTES as u64 {
                    return unread;
                }
                let total = total as u32;
                self.phase = Phase::Sized { total };
                Begun::Body
            }
            BodyLength::Chunked => {
                self.phase = Phase::Chunked(chunked::Progress::at(head));
                Begun::Body
            }
        }
    }

    fn answer<'b>(
        &mut self,
        site: &Site<'b>,
        request: &Request<'_, '_>,
        length: usize,
        date: Option<&ImfFixdate>,
        scratch: &mut [u8],
    ) -> Outcome<'b> {
        let is_last = self.served.saturating_add(1) >= REQUESTS_PER_CONNECTION;
        let unread = length == usize::MAX;
        // What follows a CONNECT is not HTTP.
        let connect = request.line.method == Method::Connect;
        let persistence = match (request.keep_alive, request.line.http_1_1) {
            _ if is_last || unread || connect => Persistence::Close,
            (false, _) => Persistence::Close,
            (true, true) => Persistence::Stay,
            (true, false) => Persistence::StayExplicit,
        };
        #[cfg(feature = "ranges")]
        let part = match self.phase {
            Phase::Parts { part, .. } => part,
            _ => 0,
        };
        let context = Context {
            site,
            date,
            persistence,
            #[cfg(feature = "ranges")]
            part,
        };
        let mut reply = context.answer(request, scratch);
        reply.request_line = request.line_range.clone();
        #[cfg(feature = "ranges")]
        if reply.unfinished {
            self.phase = Phase::Parts {
                part: part.saturating_add(1),
                length: u32::try_from(length).unwrap_or(u32::MAX),
            };
            return Outcome::Reply(0, reply);
        }
        reply.linger |= unread || connect;
        Outcome::Reply(length, reply)
    }
}

enum Outcome<'b> {
    Need,
    /// How much was used of the input, and the answer.
    Reply(usize, Reply<'b>),
}

enum Begun {
    /// The request has this many bytes, all there.
    Complete(usize),
    /// Its body is to be followed.
    Body,
}

/// `100 Continue` (RFC 9110 §15.2.1).
fn go_on<'b>(scratch: &mut [u8]) -> Reply<'b> {
    let mut head = Head::new(scratch, 100, None, Persistence::Stay);
    head.put(b"\r\n");
    let mut reply = head.with([&[], &[]], 0);
    reply.unfinished = !reply.close;
    reply
}

/// What a client is told that did not finish its request in time; the
/// connection closes.
pub fn timed_out<'b>(date: Option<&ImfFixdate>, head: &mut [u8]) -> Reply<'b> {
    refusal(408, date, head)
}

/// What a client is told for whom there is no room; the connection closes.
pub fn overloaded<'b>(date: Option<&ImfFixdate>, head: &mut [u8]) -> Reply<'b> {
    refusal(503, date, head)
}

/// The first line of what may not be a request, for the log.
fn first_line(input: &[u8]) -> core::ops::Range<usize> {
    let end = input
        .iter()
        .take(crate::limits::LINE_BYTES)
        .position(|&byte| byte == b'\r' || byte == b'\n');
    0..end.unwrap_or(input.len().min(crate::limits::LINE_BYTES))
}
