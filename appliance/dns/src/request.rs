//! What a message asks for: header, question, EDNS.

use crate::edns::Edns;
use crate::question::QueryName;
use crate::respond::rcode;
use crate::tsig;

/// Offsets and flags of the header (RFC 1035 §4.1.1).
pub mod header {
    pub const BYTES: usize = 12;
    pub const FLAGS: usize = 2;
    pub const QUESTIONS: usize = 4;
    pub const ANSWERS: usize = 6;
    pub const AUTHORITIES: usize = 8;
    pub const ADDITIONALS: usize = 10;
    pub const QR: u16 = 1 << 15;
    pub const OPCODE: u16 = 15 << 11;
    /// The opcode of NOTIFY (RFC 1996 §3.2), in its place.
    pub const NOTIFY: u16 = 4 << 11;
    pub const AA: u16 = 1 << 10;
    pub const TC: u16 = 1 << 9;
    pub const RD: u16 = 1 << 8;
}

const OPT: u16 = 41;

/// A query, with everything that its answer depends on.
#[derive(Debug)]
pub struct Request {
    /// The flags of its header.
    pub flags: u16,
    /// The name asked for.
    pub name: QueryName,
    /// The type asked for.
    pub kind: u16,
    /// The class asked for.
    pub class: u16,
    /// Where the question ends; 12 when there is none.
    pub end: usize,
    /// Whether there is an OPT record, and what it says.
    pub edns: Option<Edns>,
    /// Where the TSIG record lies, if there is one.
    pub signature: Option<usize>,
}

/// What became of reading a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It gets no answer.
    Silence,
    /// It gets nothing but this code.
    Refused(u8),
    /// It has no question but a cookie, and wants no more than one (RFC 7873
    /// §5.4).
    Cookie,
    /// It is a query.
    Query,
}

/// The number in two bytes on the wire.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|two| u16::from_be_bytes(*two))
}

impl Request {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self {
            flags: 0,
            name: QueryName::new(),
            kind: 0,
            class: 0,
            end: header::BYTES,
            edns: None,
            signature: None,
        }
    }

    /// Reads a message.
    pub fn read(&mut self, message: &[u8]) -> Outcome {
        let Some(head) = message.first_chunk::<{ header::BYTES }>() else {
            return Outcome::Silence;
        };
        let number = |at| u16_at(head, at).unwrap_or(0);
        self.flags = number(header::FLAGS);
        if self.flags & header::QR != 0 {
            return Outcome::Silence;
        }
        let opcode = self.flags & header::OPCODE;
        let is_query = opcode == 0;
        if !is_query && opcode != header::NOTIFY {
            return Outcome::Refused(rcode::NOTIMP);
        }
        let malformed = Outcome::Refused(rcode::FORMERR);
        let questions = number(header::QUESTIONS);
        if questions > 1 {
            return malformed;
        }
        let mut at = header::BYTES;
        if questions == 1 {
            match self.question(message) {
                Some(end) => at = end,
                None => return malformed,
            }
        }
        // RFC 1035 has no query with answers in it; a NOTIFY may tell the new SOA (RFC 1996
        // §3.7).
        let (answers, authorities) = (number(header::ANSWERS), number(header::AUTHORITIES));
        if answers != 0 && is_query || authorities != 0 && self.kind != 251 {
            return malformed;
        }
        for _ in 0..u32::from(answers) + u32::from(authorities) {
            match record(message, at) {
                Some(record) => at = record.end,
                None => return malformed,
            }
        }
        for _ in 0..number(header::ADDITIONALS) {
            let Some(record) = record(message, at) else {
                return malformed;
            };
            // RFC 8945 §5.1: the last record of all.
            if self.signature.is_some() {
                return malformed;
            }
            if record.kind == tsig::KIND {
                self.signature = Some(at);
            }
            at = record.end;
            if record.kind == OPT {
                // RFC 6891 §6.1.1: one, owned by the root.
                if self.edns.is_some() || !record.of_root {
                    return malformed;
                }
                match Edns::read(record.class, record.ttl, record.data) {
                    Some(edns) => self.edns = Some(edns),
                    None => return malformed,
                }
            }
        }
        if questions == 0 {
            let has_cookie = self.edns.as_ref().is_some_and(|edns| edns.cookie.is_some());
            return if has_cookie && is_query {
                Outcome::Cookie
            } else {
                malformed
            };
        }
        Outcome::Query
    }

    fn question(&mut self, message: &[u8]) -> Option<usize> {
        let rest = message.get(header::BYTES..)?;
        let name = header::BYTES + self.name.set(rest)?;
        self.kind = u16_at(message, name)?;
        self.class = u16_at(message, name + 2)?;
        self.end = name + 4;
        Some(self.end)
    }
}

struct Record<'m> {
    of_root: bool,
    kind: u16,
    class: u16,
    ttl: [u8; 4],
    data: &'m [u8],
    end: usize,
}

/// The record at an offset.
fn record(message: &[u8], mut at: usize) -> Option<Record<'_>> {
    let first = *message.get(at)?;
    loop {
        let length = *message.get(at)?;
        at += 1;
        match length {
            0 => break,
            1..=63 => at += usize::from(length),
            // What a pointer leads to does not matter here.
            0xc0.. => {
                at += 1;
                break;
            }
            _ => return None,
        }
    }
    let fixed = message.get(at..)?.first_chunk::<10>()?;
    let [k0, k1, c0, c1, t0, t1, t2, t3, l0, l1] = *fixed;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let start = at + 10;
    let data = message.get(start..start + length)?;
    Some(Record {
        of_root: first == 0,
        kind: u16::from_be_bytes([k0, k1]),
        class: u16::from_be_bytes([c0, c1]),
        ttl: [t0, t1, t2, t3],
        data,
        end: start + length,
    })
}
