//! One connection's turn: read, answer, and again.

use crate::limits::READ_BATCH;
use crate::output::Sent;
use crate::peers::{Ending, Waiting};
use crate::worker::Worker;
use applgen_http::Step;
use std::io::{ErrorKind, Read};

/// What a read came to.
enum Arrived {
    /// So many bytes, and that was all there was.
    All(usize),
    /// So many bytes, and there may be more.
    Some(usize),
    /// The client sends no more, or is gone.
    End,
}

/// Where answering stopped.
enum Answered {
    /// After so many bytes, wanting more.
    Upto(usize),
    /// After so many bytes, since the client has to take its answers first.
    Blocked(usize, Sent),
    /// After the last answer.
    Last,
    /// The client is gone.
    Gone,
}

impl Worker<'_> {
    /// Reads what a connection has sent and answers it. `closed` says that the
    /// system knows of an end, so that a short read is not taken for the last.
    pub(crate) fn converse(&mut self, key: usize, mut closed: bool) {
        for _ in 0..READ_BATCH {
            let Some(peer) = self.peers.get_mut(key) else {
                return;
            };
            if peer.ending != Ending::Open {
                return self.drain(key);
            }
            // What was kept comes first, in the buffer of the thread.
            let kept = peer.input.len();
            if let Some(place) = self.buffer.get_mut(..kept) {
                place.copy_from_slice(&peer.input);
            }
            let had_begun = peer.waiting() == Waiting::Request;
            closed |= std::mem::take(&mut peer.unread);
            let (filled, more) = match self.read(key, kept) {
                Arrived::All(0) => (kept, false),
                Arrived::All(bytes) => (kept + bytes, closed),
                Arrived::Some(bytes) => (kept + bytes, true),
                Arrived::End => return self.finish(key, kept),
            };
            let used = match self.answer(key, filled) {
                Answered::Upto(used) => used,
                Answered::Blocked(used, sent) => {
                    self.keep(key, used, filled);
                    if let Some(peer) = self.peers.get_mut(key) {
                        peer.unread = more;
                    }
                    self.peers.wait(key, Waiting::Send, self.clock.now());
                    if sent == Sent::Turn {
                        self.again.push(key);
                    }
                    return;
                }
                Answered::Last => return self.end(key),
                Answered::Gone => return self.close(key),
            };
            self.keep(key, used, filled);
            let begun = self
                .peers
                .get_mut(key)
                .is_some_and(|peer| !peer.http.is_idle() || !peer.input.is_empty());
            // The time for a request runs from its first byte.
            let now = self.clock.now();
            match (begun, had_begun && used == 0) {
                (true, true) => {}
                (true, false) => self.peers.wait(key, Waiting::Request, now),
                (false, _) => self.peers.wait(key, Waiting::Idle, now),
            }
            if !more {
                return;
            }
        }
        if let Some(peer) = self.peers.get_mut(key) {
            peer.unread = closed;
        }
        self.again.push(key);
    }

    /// Reads once, behind the `kept` bytes of the buffer.
    fn read(&mut self, key: usize, kept: usize) -> Arrived {
        let Some(peer) = self.peers.get_mut(key) else {
            return Arrived::End;
        };
        let room = self.buffer.get_mut(kept..).unwrap_or_default();
        // Full of what came while an answer was being sent: that goes first.
        if room.is_empty() {
            return Arrived::Some(0);
        }
        loop {
            return match peer.stream.read(room) {
                Ok(0) => Arrived::End,
                Ok(bytes) if bytes == room.len() => Arrived::Some(bytes),
                Ok(bytes) => Arrived::All(bytes),
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::WouldBlock => Arrived::All(0),
                    _ => Arrived::End,
                },
            };
        }
    }

    /// Answers the requests in the first `filled` bytes of the buffer.
    fn answer(&mut self, key: usize, filled: usize) -> Answered {
        let Some(peer) = self.peers.get_mut(key) else {
            return Answered::Gone;
        };
        let mut used = 0;
        while used < filled && peer.ending == Ending::Open {
            let input = self.buffer.get(used..filled).unwrap_or_default();
            let date = self.clock.date();
            let scratch = self.batch.scratch();
            match peer.http.step(&self.site, input, date, scratch) {
                Step::Need { consumed } => {
                    used += consumed;
                    break;
                }
                Step::Reply { consumed, reply } => {
                    if let Some(log) = &mut self.log
                        && !reply.unfinished
                    {
                        log.line(peer.address, self.clock.any_date(), input, &reply);
                    }
                    self.batch.push(&reply);
                    used += consumed;
                    peer.ending = match (reply.close, reply.linger) {
                        (false, _) => Ending::Open,
                        (true, false) => Ending::Close,
                        (true, true) => Ending::Linger,
                    };
                }
            }
            if self.batch.is_full() {
                let last = peer.ending != Ending::Open;
                match self.batch.send(&mut peer.stream, last, &mut peer.rest) {
                    Ok(Sent::All) => {}
                    Ok(sent) => return Answered::Blocked(used, sent),
                    Err(_) => return Answered::Gone,
                }
            }
        }
        if !self.batch.is_empty() {
            let last = peer.ending != Ending::Open;
            match self.batch.send(&mut peer.stream, last, &mut peer.rest) {
                Ok(Sent::All) => {}
                Ok(sent) => return Answered::Blocked(used, sent),
                Err(_) => return Answered::Gone,
            }
        }
        match peer.ending {
            Ending::Open => Answered::Upto(used),
            Ending::Close | Ending::Linger => Answered::Last,
        }
    }

    /// Keeps what was not used for the next time; an idle connection keeps nothing.
    fn keep(&mut self, key: usize, used: usize, filled: usize) {
        let Some(peer) = self.peers.get_mut(key) else {
            return;
        };
        let unused = self.buffer.get(used..filled).unwrap_or_default();
        if unused.is_empty() {
            if peer.input.capacity() > 0 {
                peer.input = Vec::new();
            }
        } else {
            peer.input.clear();
            peer.input.extend_from_slice(unused);
        }
    }

    /// The client has sent its last byte: what it asked before is answered.
    fn finish(&mut self, key: usize, kept: usize) {
        match self.answer(key, kept) {
            Answered::Blocked(_, sent) => {
                if let Some(peer) = self.peers.get_mut(key) {
                    peer.input = Vec::new();
                    peer.ending = Ending::Close;
                }
                self.peers.wait(key, Waiting::Send, self.clock.now());
                if sent == Sent::Turn {
                    self.again.push(key);
                }
            }
            Answered::Upto(_) | Answered::Last | Answered::Gone => self.close(key),
        }
    }

    /// Reads and drops what a client still sends after its last answer.
    fn drain(&mut self, key: usize) {
        if let Some(peer) = self.peers.get_mut(key)
            && peer.ending == Ending::Close
        {
            return self.close(key);
        }
        if self
            .peers
            .get_mut(key)
            .is_some_and(|peer| peer.waiting() != Waiting::Linger)
        {
            self.end(key);
        }
        for _ in 0..READ_BATCH {
            match self.read(key, 0) {
                Arrived::All(0) => return,
                Arrived::All(_) | Arrived::Some(_) => {}
                Arrived::End => return self.close(key),
            }
        }
        self.again.push(key);
    }
}
