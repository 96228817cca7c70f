//! The head of a request: request line and fields (RFC 9112 §3, §5).
//!
//! Field lines are parsed by httparse, which refuses continued lines
//! (obs-fold), a blank before the colon, and control characters. What fields
//! mean together (framing, `Host`, `Connection`) is read here, in one pass.

use crate::head::find_line_end;
use crate::host;
use crate::limits::{FIELDS, TARGET_BYTES};
use crate::list::elements;
use crate::method::{Method, is_token};
use core::ops::Range;
use httparse::Header;

/// Room for the fields of any request.
pub const NO_FIELDS: [Header<'static>; FIELDS] = [httparse::EMPTY_HEADER; FIELDS];

/// Room for those of most: to make that of any ready takes longer than to
/// parse a request.
pub const FEW_FIELDS: [Header<'static>; 24] = [httparse::EMPTY_HEADER; 24];

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// So many bytes.
    Sized(u64),
    /// Chunks say.
    Chunked,
}

/// The request line, taken apart.
#[derive(Debug, Clone, Copy)]
pub struct RequestLine<'i> {
    /// The method.
    pub method: Method,
    /// The target as it came.
    pub target: &'i [u8],
    /// Whether the client speaks HTTP/1.1 (or a later 1.x) and not 1.0.
    pub http_1_1: bool,
}

impl<'i> RequestLine<'i> {
    /// Parses a line without its end; the error is the status to refuse it with.
    pub fn parse(line: &'i [u8]) -> Result<Self, u16> {
        let (method, rest) = split_at_blank(line).ok_or(400_u16)?;
        let (target, version) = split_at_blank(rest).ok_or(400_u16)?;
        if method.is_empty() || !method.iter().copied().all(is_token) {
            return Err(400);
        }
        // Everything visible, as browsers send it; a fragment is never sent.
        let is_target = |byte: u8| byte > b' ' && byte != 0x7f && byte != b'#';
        if target.is_empty() || !target.iter().copied().all(is_target) {
            return Err(400);
        }
        let http_1_1 = match version {
            b"HTTP/1.0" => false,
            // RFC 9110 §2.5: a later minor version is read as the one we know.
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1'..=b'9'] => true,
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => return Err(505),
            _ => return Err(400),
        };
        if target.len() > TARGET_BYTES {
            return Err(414);
        }
        Ok(Self {
            method: Method::parse(method),
            target,
            http_1_1,
        })
    }
}

fn split_at_blank(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == b' ')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// A field that this server reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// What encodings the client takes.
    AcceptEncoding = 0,
    /// Precondition: only if it is one of these.
    IfMatch,
    /// Precondition: only if it is none of these.
    IfNoneMatch,
    /// Precondition: only if it changed since.
    IfModifiedSince,
    /// Precondition: only if it did not change since.
    IfUnmodifiedSince,
    /// Only a part.
    Range,
    /// The part only if nothing changed.
    IfRange,
}

impl Field {
    fn name(self) -> &'static str {
        match self {
            Self::AcceptEncoding => "accept-encoding",
            Self::IfMatch => "if-match",
            Self::IfNoneMatch => "if-none-match",
            Self::IfModifiedSince => "if-modified-since",
            Self::IfUnmodifiedSince => "if-unmodified-since",
            Self::Range => "range",
            Self::IfRange => "if-range",
        }
    }

    const ALL: [Self; 7] = [
        Self::AcceptEncoding,
        Self::IfMatch,
        Self::IfNoneMatch,
        Self::IfModifiedSince,
        Self::IfUnmodifiedSince,
        Self::Range,
        Self::IfRange,
    ];
}

/// A request whose head is well-formed.
#[derive(Debug)]
pub struct Request<'i, 'h> {
    /// Bytes of its head, blank line included.
    pub length: usize,
    /// Its first line.
    pub line: RequestLine<'i>,
    /// Where in the head the first line is, for the log.
    pub line_range: Range<usize>,
    /// The one `Host` field, if there is one.
    pub host: Option<&'i [u8]>,
    /// Whether the connection may stay open after the answer.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// How long its body is.
    pub body: BodyLength,
    fields: &'h [Header<'i>],
    /// A bit for each [`Field`] that is there.
    present: u8,
}

impl<'i, 'h> Request<'i, 'h> {
    /// Parses the head at the beginning of `input`, which is there as a whole.
    /// The error is the status to refuse it with, 431 where `buffer` has not
    /// room for all fields; any such refusal closes the connection.
    #[inline(never)]
    pub fn parse(input: &'i [u8], buffer: &'h mut [Header<'i>]) -> Result<Self, u16> {
        let end = find_line_end(input).unwrap_or(input.len());
        let line = RequestLine::parse(input.get(..end).unwrap_or_default())?;
        let block = input.get(end + 2..).unwrap_or_default();
        let (length, fields) = match httparse::parse_headers(block, buffer) {
            Ok(httparse::Status::Complete(parsed)) => parsed,
            Ok(httparse::Status::Partial) => return Err(400),
            Err(httparse::Error::TooManyHeaders) => return Err(431),
            Err(_) => return Err(400),
        };
        let mut request = Self {
            length: end + 2 + length,
            line,
            line_range: 0..end,
            host: None,
            keep_alive: line.http_1_1,
            expects_continue: false,
            body: BodyLength::Sized(0),
            fields,
            present: 0,
        };
        request.read_fields()?;
        Ok(request)
    }

    /// One pass over the fields.
    fn read_fields(&mut self) -> Result<(), u16> {
        let mut length = None;
        let mut codings = Codings::default();
        let mut close = false;
        let mut expectation_failed = false;
        for field in self.fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            match field.name.len() {
                4 if is("host") => {
                    let is_repeated = self.host.replace(field.value).is_some();
                    if is_repeated || !host::is_valid(field.value) {
                        return Err(400);
                    }
                }
                6 if is("expect") => {
                    for expectation in elements(field.value) {
                        let known = expectation.eq_ignore_ascii_case(b"100-continue");
                        self.expects_continue |= known;
                        expectation_failed |= !known;
                    }
                }
                10 if is("connection") => {
                    for option in elements(field.value) {
                        close |= option.eq_ignore_ascii_case(b"close");
                        self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                14 if is("content-length") => {
                    // RFC 9112 §6.3 would let equal repetitions pass.
                    let bytes = content_length(field.value).ok_or(400_u16)?;
                    if length.replace(bytes).is_some() {
                        return Err(400);
                    }
                }
                17 if is("transfer-encoding") => codings.take(field.value),
                5 | 8 | 13 | 15 | 17 | 19 => {
                    for known in Field::ALL {
                        if is(known.name()) {
                            self.present |= 1 << known as u8;
                        }
                    }
                }
                _ => {}
            }
        }
        self.keep_alive &= !close;
        self.body = match (length, codings.verdict()?) {
            (Some(_), true) => return Err(400),
            (None, true) if !self.line.http_1_1 => return Err(400),
            (None, true) => BodyLength::Chunked,
            (length, false) => BodyLength::Sized(length.unwrap_or(0)),
        };
        if self.host.is_none() && self.line.http_1_1 {
            return Err(400);
        }
        // RFC 9110 §10.1.1: of no meaning in HTTP/1.0.
        self.expects_continue &= self.line.http_1_1;
        if expectation_failed && self.line.http_1_1 {
            return Err(417);
        }
        Ok(())
    }

    /// Whether a field is there.
    pub fn has(&self, field: Field) -> bool {
        self.present & (1 << field as u8) != 0
    }

    /// The values of a field, line by line.
    pub fn values(&self, field: Field) -> impl Iterator<Item = &'i [u8]> + use<'i, 'h> {
        let fields = if self.has(field) { self.fields } else { &[] };
        fields
            .iter()
            .filter(move |line| line.name.eq_ignore_ascii_case(field.name()))
            .map(|line| line.value)
    }

    /// The value of a field that may be there once; a repeated one is as if it
    /// were not there.
    pub fn single(&self, field: Field) -> Option<&'i [u8]> {
        let mut values = self.values(field);
        values.next().filter(|_| values.next().is_none())
    }
}

/// Digits alone (RFC 9110 §8.6), and no more than 64 bits of them.
fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |number, &byte| {
        let digit = char::from(byte).to_digit(10)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// What `Transfer-Encoding` says over all its lines (RFC 9112 §6.1).
#[derive(Default)]
struct Codings {
    count: u32,
    chunked: u32,
    chunked_is_last: bool,
}

impl Codings {
    fn take(&mut self, value: &[u8]) {
        // A field without a coding is a fault as well.
        self.count += 1;
        let before = self.count;
        for (index, coding) in elements(value).enumerate() {
            self.count = before + index as u32;
            self.chunked_is_last = coding.eq_ignore_ascii_case(b"chunked");
            self.chunked += u32::from(self.chunked_is_last);
        }
    }

    /// Whether the body is chunked; a coding that is unknown is 501, and one
    /// that leaves the body without an end is 400.
    fn verdict(&self) -> Result<bool, u16> {
        match (self.count, self.chunked, self.chunked_is_last) {
            (0, ..) => Ok(false),
            (1, 1, true) => Ok(true),
            (_, 1, true) => Err(501),
            _ => Err(400),
        }
    }
}

#[cfg(test)]
mod tests;
