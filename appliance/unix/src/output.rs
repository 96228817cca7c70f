//! Sending: small answers in one system call, large ones from where they lie.
//!
//! The heads of answers are written into one buffer of the thread; the rest is
//! slices of the bundle. Both go to the system in one gathering write. Only
//! what a client does not take at once is remembered with its connection: what
//! is left of the heads is copied, what is left of the bundle is not.

use crate::limits::{ANSWER_BATCH, WRITE_BYTES};
use applgen_http::Reply;
use applgen_http::limits::HEAD_MAX;
use mio::net::TcpStream;
use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
use std::io::{self, ErrorKind, IoSlice};
use std::ops::Range;

/// What is sent to.
pub trait Client {
    /// One gathering write: how many bytes were taken. `last` says that the
    /// caller ends the connection at once when all of them were.
    fn take(&mut self, slices: &[IoSlice<'_>], last: bool) -> io::Result<usize>;
}

impl Client for TcpStream {
    fn take(&mut self, slices: &[IoSlice<'_>], last: bool) -> io::Result<usize> {
        // The last segment waits for the end that follows and carries it along:
        // one packet less to send, and one event less for the client.
        let more = match last {
            true => SendFlags::MORE,
            false => SendFlags::empty(),
        };
        let mut control = SendAncillaryBuffer::default();
        Ok(sendmsg(
            self,
            slices,
            &mut control,
            more | SendFlags::NOSIGNAL,
        )?)
    }
}

/// Whether everything was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was.
    All,
    /// The client takes no more for now: there will be an event.
    Blocked,
    /// The client would take more, but it is the others' turn.
    Turn,
}

/// Answers that are to be sent together.
#[derive(Debug)]
pub struct Batch<'b> {
    heads: Box<[u8]>,
    used: usize,
    parts: Vec<Part<'b>>,
}

#[derive(Debug)]
struct Part<'b> {
    head: Range<usize>,
    slices: [&'b [u8]; 2],
}

impl<'b> Batch<'b> {
    /// Without answers.
    pub fn new() -> Self {
        Self {
            heads: vec![0; 4 * HEAD_MAX].into_boxed_slice(),
            used: 0,
            parts: Vec::with_capacity(ANSWER_BATCH),
        }
    }

    /// Where the next answer's head is to be written.
    pub fn scratch(&mut self) -> &mut [u8] {
        self.heads.get_mut(self.used..).unwrap_or_default()
    }

    /// Takes an answer whose head is in [`Batch::scratch`].
    pub fn push(&mut self, reply: &Reply<'b>) {
        let end = self.used + reply.head_len;
        self.parts.push(Part {
            head: self.used..end,
            slices: reply.slices,
        });
        self.used = end;
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Whether there is no room for one more answer.
    pub fn is_full(&self) -> bool {
        self.parts.len() == ANSWER_BATCH || self.heads.len() - self.used < HEAD_MAX
    }

    /// Sends all answers and is empty then; what was not taken is in `rest`,
    /// which was empty before. `last` as for [`Client::take`].
    pub fn send(
        &mut self,
        client: &mut impl Client,
        last: bool,
        rest: &mut Rest<'b>,
    ) -> io::Result<Sent> {
        let heads = &self.heads;
        let all = self.parts.iter().flat_map(|part| {
            let head = heads.get(part.head.clone()).unwrap_or_default();
            [head, part.slices[0], part.slices[1]]
        });
        let result = match self.parts.len() {
            // The usual case, without an array for all that might be.
            1 => gather::<3>(client, last, all),
            _ => gather::<{ 3 * ANSWER_BATCH }>(client, last, all),
        };
        if let Ok((taken, sent)) = result
            && sent != Sent::All
        {
            rest.remember(heads, &self.parts, taken);
        }
        self.parts.clear();
        self.used = 0;
        result.map(|(_, sent)| sent)
    }
}

/// What a client has not taken yet, the next piece last.
#[derive(Debug, Default)]
pub struct Rest<'b> {
    pieces: Vec<Piece<'b>>,
}

#[derive(Debug)]
enum Piece<'b> {
    /// Of a head: the bytes from an offset on.
    Own(Box<[u8]>, usize),
    /// Of the bundle.
    Lent(&'b [u8]),
}

impl Piece<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes, from) => bytes.get(*from..).unwrap_or_default(),
            Self::Lent(bytes) => bytes,
        }
    }

    fn advance(&mut self, taken: usize) {
        match self {
            Self::Own(_, from) => *from += taken,
            Self::Lent(bytes) => *bytes = bytes.get(taken..).unwrap_or_default(),
        }
    }
}

impl<'b> Rest<'b> {
    /// Whether everything was sent.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Sends on; also whether anything was taken. `last` as for [`Client::take`].
    pub fn send(&mut self, client: &mut impl Client, last: bool) -> io::Result<(bool, Sent)> {
        let all = self.pieces.iter().rev().map(Piece::bytes);
        let (taken, sent) = gather::<4>(client, last, all)?;
        self.advance(taken);
        Ok((taken > 0, if self.is_empty() { Sent::All } else { sent }))
    }

    /// Remembers the parts from the byte `taken` on.
    fn remember(&mut self, heads: &[u8], parts: &[Part<'b>], taken: usize) {
        for part in parts.iter().rev() {
            for slice in part.slices.into_iter().rev() {
                self.pieces.push(Piece::Lent(slice));
            }
            let head = heads.get(part.head.clone()).unwrap_or_default();
            self.pieces.push(Piece::Own(head.into(), 0));
        }
        self.advance(taken);
    }

    fn advance(&mut self, mut taken: usize) {
        while let Some(piece) = self.pieces.last_mut() {
            let length = piece.bytes().len();
            if taken < length {
                piece.advance(taken);
                return;
            }
            taken -= length;
            self.pieces.pop();
        }
        // An idle connection holds nothing.
        self.pieces = Vec::new();
    }
}

/// One gathering write of the first `N` slices, cut to [`WRITE_BYTES`]: how
/// many bytes were taken, and what that means.
fn gather<'s, const N: usize>(
    client: &mut impl Client,
    last: bool,
    slices: impl Iterator<Item = &'s [u8]>,
) -> io::Result<(usize, Sent)> {
    let mut gathered = [IoSlice::new(&[]); N];
    let mut places = gathered.iter_mut();
    let mut offered = 0;
    let mut total = 0_usize;
    for slice in slices {
        total += slice.len();
        let part = slice.get(..WRITE_BYTES - offered).unwrap_or(slice);
        if part.is_empty() {
            continue;
        }
        let Some(place) = places.next() else {
            continue;
        };
        *place = IoSlice::new(part);
        offered += part.len();
    }
    let unused = places.len();
    let gathered = gathered.get(..N - unused).unwrap_or_default();
    loop {
        return match client.take(gathered, last && offered == total) {
            Ok(taken) if taken == total => Ok((taken, Sent::All)),
            Ok(taken) if taken == offered => Ok((taken, Sent::Turn)),
            // A write that was cut short has filled what there was: Linux
            // tells when there is room again, without being asked once more.
            Ok(taken) => Ok((taken, Sent::Blocked)),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => continue,
                ErrorKind::WouldBlock => Ok((0, Sent::Blocked)),
                _ => Err(error),
            },
        };
    }
}

#[cfg(test)]
mod tests;
