//! One message: a query in a buffer becomes its answer.

use crate::edns::{Edns, FOREIGN, Reply as Opt};
use crate::message::Message;
use crate::request::{Outcome, Request, header};
use crate::respond::{Search, kind, rcode};
use crate::tsig::Refusal;
use crate::{MAX_ALIASES, MESSAGE_BYTES, PLAIN_UDP_BYTES, UDP_BYTES, chaos, cookie};
use applgen_bundle::dns::{Zones, flag};
use core::net::IpAddr;

const CLASS_IN: u16 = 1;
const CLASS_ANY: u16 = 255;

/// What a message came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// UDP: short answers, to an address that may be a lie.
    Udp,
    /// TCP, without the two bytes of length.
    Tcp,
}

/// Whom a message is from, and when it came.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// The client's address.
    pub address: IpAddr,
    /// What it came over.
    pub transport: Transport,
    /// The time in seconds: since 1970 where it is known, so that servers
    /// with one secret understand each other's cookies; else since the start.
    pub seconds: u32,
}

/// What kind of answer a reply is, for rate limiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Records of the name.
    Positive,
    /// Records of a wildcard.
    Wildcard,
    /// The name exists, with other types.
    NoData,
    /// The name does not exist.
    NxDomain,
    /// Whom to ask instead.
    Referral,
    /// Anything that is no answer.
    Error,
}

/// An answer that lies in the buffer.
#[derive(Debug, Clone, Copy)]
pub struct Reply {
    /// How many bytes it has.
    pub length: usize,
    /// What kind of answer it is.
    pub class: Class,
    /// What tells it from others of its class: the name, or the zone.
    pub key: u64,
    /// Whether the client's address is no lie: it sent a cookie that only the
    /// client there can know, or it came over TCP.
    pub genuine: bool,
    /// Where its question ends.
    question_end: usize,
}

impl Reply {
    /// Cuts the reply down to a truncated one without records, which asks the
    /// client to come back over TCP; its length.
    pub fn truncate(&self, buffer: &mut [u8]) -> usize {
        let Some(head) = buffer.first_chunk_mut::<{ header::BYTES }>() else {
            return 0;
        };
        let [_, _, flags, code, _, _, counts @ ..] = head;
        *flags |= (header::TC >> 8) as u8;
        // NOERROR: a code would be taken for the answer.
        *code &= 0xf0;
        *counts = [0; 6];
        self.question_end
    }
}

/// The addresses that a server has itself. Names whose addresses are the server's
/// (`[dns] self`) are answered with them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Own {
    /// Its IPv4 address.
    pub ipv4: Option<[u8; 4]>,
    /// Its IPv6 address.
    pub ipv6: Option<[u8; 16]>,
}

impl Own {
    /// The address in records of a type, if there is one.
    pub(crate) fn address(&self, kind: u16) -> Option<&[u8]> {
        match kind {
            kind::A => self.ipv4.as_ref().map(|address| address.as_slice()),
            _ => self.ipv6.as_ref().map(|address| address.as_slice()),
        }
    }
}

/// Zones, ready to answer.
#[derive(Debug, Clone, Copy)]
pub struct Server<'b> {
    zones: Zones<'b>,
    secret: [u8; 16],
    /// Absent where the system has the addresses, and we do not know which.
    own: Option<Own>,
}

impl<'b> Server<'b> {
    /// `secret` makes cookies (RFC 9018 §4.4); nobody else may know it.
    pub fn new(zones: Zones<'b>, secret: [u8; 16]) -> Self {
        Self {
            zones,
            secret,
            own: None,
        }
    }

    /// From now on, the server's own addresses are these. Until then they are what
    /// was known of them at build.
    pub fn set_own(&mut self, own: Own) {
        self.own = Some(own);
    }

    /// The zones.
    pub fn zones(&self) -> &Zones<'b> {
        &self.zones
    }

    /// Answers the message in the first `length` bytes of `buffer`, in its
    /// place; `None` when it gets no answer, and the buffer is as it was.
    ///
    /// The answer has at most as many bytes as the buffer, [`UDP_BYTES`] over
    /// UDP, [`MESSAGE_BYTES`] over TCP.
    pub fn answer(&self, buffer: &mut [u8], length: usize, peer: &Peer) -> Option<Reply> {
        let mut request = Request::new();
        let outcome = request.read(buffer.get(..length)?);
        match outcome {
            Outcome::Silence => None,
            Outcome::Refused(code) => finish(buffer, &request, code, Parts::default()),
            Outcome::Cookie => self.reply(buffer, &mut request, peer, false),
            Outcome::Query => match request.signature {
                None => self.reply(buffer, &mut request, peer, true),
                Some(at) => self.refuse_key(buffer, length, &mut request, peer, at),
            },
        }
    }

    /// The reply to a query that is signed, by a key that is not known here.
    #[cold]
    fn refuse_key(
        &self,
        buffer: &mut [u8],
        length: usize,
        request: &mut Request,
        peer: &Peer,
        at: usize,
    ) -> Option<Reply> {
        let Some(refusal) = Refusal::to(buffer.get(..length)?, at) else {
            return finish(buffer, request, rcode::FORMERR, Parts::default());
        };
        let opt = request.edns.map(|edns| self.opt(&edns, peer, &mut false));
        let mut end = request.end;
        if let Some(opt) = &opt {
            end += opt.write(buffer.get_mut(end..)?)?;
        }
        let record = refusal.bytes();
        let to = buffer
            .get_mut(end..)
            .and_then(|rest| rest.get_mut(..record.len()));
        end += record.len();
        // Names as long as that nobody has; the code must do.
        let Some(to) = to.filter(|_| end <= most(peer, &request.edns)) else {
            return finish(buffer, request, rcode::NOTAUTH, Parts::default());
        };
        to.copy_from_slice(record);
        let parts = Parts {
            counts: [0, 0, 1 + u16::from(opt.is_some())],
            end: Some(end),
            ..Parts::default()
        };
        finish(buffer, request, rcode::NOTAUTH, parts)
    }

    /// A reply to what could be read, a query or a wish for a cookie: with OPT, if
    /// it had it.
    fn reply(
        &self,
        buffer: &mut [u8],
        request: &mut Request,
        peer: &Peer,
        is_query: bool,
    ) -> Option<Reply> {
        let edns = request.edns;
        let mut genuine = peer.transport == Transport::Tcp;
        let opt = edns.map(|edns| self.opt(&edns, peer, &mut genuine));
        let room = most(peer, &edns).min(buffer.len());
        let room = room.checked_sub(opt.map_or(0, |opt| opt.length()))?;
        let dnssec = edns.is_some_and(|edns| edns.dnssec);
        let mut parts = Parts::default();
        let mut end = request.end;
        if edns.is_some_and(|edns| edns.version != 0) {
            parts.rcode = rcode::BADVERS;
        } else {
            let mut message = Message::new(buffer, request.end, room, dnssec, &self.own);
            if is_query {
                parts = self.resolve(request, &mut message, peer.transport);
            }
            parts.counts = message.counts;
            parts.truncated = message.truncated;
            end = message.end();
        }
        parts.end = Some(end);
        if let Some(mut opt) = opt {
            opt.extended_rcode = parts.rcode >> 4;
            // Names as long as leave no room for that are not told.
            opt.foreign = parts.foreign && end + FOREIGN.len() <= room;
            parts.end = Some(end + opt.write(buffer.get_mut(end..)?)?);
            parts.counts[2] = parts.counts[2].saturating_add(1);
        }
        parts.genuine = genuine;
        finish(buffer, request, parts.rcode & 15, parts)
    }

    fn opt(&self, edns: &Edns, peer: &Peer, genuine: &mut bool) -> Opt<'b> {
        let cookie = edns.cookie.map(|cookie| {
            let (secret, client) = (&self.secret, &cookie.client);
            let (address, seconds) = (peer.address, peer.seconds);
            *genuine |= cookie
                .server
                .is_some_and(|server| cookie::is_valid(&server, secret, client, address, seconds));
            (*client, cookie::make(secret, client, address, seconds))
        });
        Opt {
            extended_rcode: 0,
            dnssec: edns.dnssec,
            nsid: self.zones.nsid().filter(|_| edns.nsid),
            cookie,
            foreign: false,
        }
    }

    fn resolve(
        &self,
        request: &mut Request,
        message: &mut Message<'_, 'b>,
        transport: Transport,
    ) -> Parts {
        let error = |rcode| Parts {
            rcode,
            ..Parts::default()
        };
        // A NOTIFY: all zones here are as they are.
        if request.flags & header::OPCODE != 0 {
            return error(rcode::NOTAUTH);
        }
        match request.class {
            CLASS_IN | CLASS_ANY => {}
            chaos::CLASS => {
                let name = request.name.wire();
                let rcode = chaos::answer(&self.zones, name, request.kind, message);
                return error(rcode);
            }
            _ => return error(rcode::REFUSED),
        }
        match request.kind {
            // RFC 5936 §4.2: there are no transfers over UDP.
            kind::AXFR if transport == Transport::Udp => return error(rcode::NOTIMP),
            kind::AXFR | kind::IXFR => {
                let (name, starts) = (request.name.wire(), request.name.starts());
                let found = self.zones.find(name, starts);
                let is_zone =
                    found.is_some_and(|found| found.labels_below == 0 && found.node.is(flag::APEX));
                return error(if is_zone {
                    rcode::REFUSED
                } else {
                    rcode::NOTAUTH
                });
            }
            _ => {}
        }
        let search = Search {
            zones: &self.zones,
            name: &mut request.name,
            kind: request.kind,
            message,
            place: header::BYTES,
            later: [0; MAX_ALIASES],
            seen: [0; MAX_ALIASES + 1],
        };
        let found = search.run();
        Parts {
            rcode: found.rcode,
            // Of what other classes have we know nothing (RFC 1035 §6.2).
            authoritative: found.authoritative && request.class == CLASS_IN,
            class: found.class,
            key: found.key,
            foreign: found.rcode == rcode::REFUSED,
            ..Parts::default()
        }
    }
}

/// The most bytes that a client takes.
fn most(peer: &Peer, edns: &Option<Edns>) -> usize {
    match (peer.transport, edns) {
        (Transport::Tcp, _) => MESSAGE_BYTES,
        (Transport::Udp, None) => PLAIN_UDP_BYTES,
        (Transport::Udp, Some(edns)) => usize::from(edns.size).clamp(PLAIN_UDP_BYTES, UDP_BYTES),
    }
}

/// What a finished message consists of.
struct Parts {
    rcode: u8,
    authoritative: bool,
    truncated: bool,
    class: Class,
    key: u64,
    counts: [u16; 3],
    /// Whether the name lies in no zone here.
    foreign: bool,
    /// Where the message ends; without, there is no question in it.
    end: Option<usize>,
    genuine: bool,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            rcode: rcode::NOERROR,
            authoritative: false,
            truncated: false,
            class: Class::Error,
            key: 0,
            counts: [0; 3],
            foreign: false,
            end: None,
            genuine: false,
        }
    }
}

/// Writes the header.
fn finish(buffer: &mut [u8], request: &Request, code: u8, parts: Parts) -> Option<Reply> {
    let head = buffer.first_chunk_mut::<{ header::BYTES }>()?;
    // RA, Z, AD and CD are never set: nothing is recursed or validated here.
    let kept = request.flags & (header::OPCODE | header::RD);
    let mut flags = header::QR | kept | u16::from(code);
    if parts.authoritative {
        flags |= header::AA;
    }
    if parts.truncated {
        flags |= header::TC;
    }
    let questions = u16::from(parts.end.is_some() && request.end > header::BYTES);
    let [answers, authorities, additionals] = parts.counts;
    let numbers = [flags, questions, answers, authorities, additionals];
    for (place, number) in head.as_chunks_mut::<2>().0.iter_mut().skip(1).zip(numbers) {
        *place = number.to_be_bytes();
    }
    let question_end = match questions {
        0 => header::BYTES,
        _ => request.end,
    };
    Some(Reply {
        length: parts.end.unwrap_or(header::BYTES),
        class: parts.class,
        key: parts.key,
        genuine: parts.genuine,
        question_end,
    })
}
