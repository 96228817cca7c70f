//! XenStore: the small tree of keys in which domains and their tool stack find
//! each other (`io/xs_wire.h`, `docs/misc/xenstore.txt`).
//!
//! One request at a time, answered in order. Watches that fire in between are
//! kept as bits: a watch says that something may have changed, and what it
//! changed to is read afterwards, so one bit holds any number of events.

use core::sync::atomic::{Ordering, fence};

use super::{
    Hypervisor, Page, Port,
    abi::store::{
        DIRECTORY, ERROR, PAYLOAD_MAX, READ, REQ, REQ_CONS, REQ_PROD, RING_BYTES, RSP, RSP_CONS,
        RSP_PROD, TRANSACTION_END, TRANSACTION_START, UNWATCH, WATCH, WATCH_EVENT, WRITE,
    },
    text::{Text, number},
};

/// How long an answer is waited for, in nanoseconds.
const PATIENCE: u64 = 10_000_000_000;

/// How often a transaction that others came in the way of is tried again.
const TRANSACTION_TRIES: u32 = 20;

/// Bytes of an answer that are kept; the rest of a longer one is passed over.
const ANSWER_BYTES: usize = 512;

/// Bytes of a message's header: type, request, transaction, length.
const HEADER_BYTES: usize = 16;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreError {
    /// There is no such key (`ENOENT`).
    Absent,
    /// Others changed what a transaction read (`EAGAIN`).
    Again,
    /// The daemon refused, with another error.
    Refused,
    /// No answer came in time.
    Silent,
    /// What came is no answer: the ring cannot be used.
    Garbled,
    /// The answer, or the request, is longer than any that is expected.
    TooLong,
}

/// A transaction under way; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transaction(u32);

impl Transaction {
    /// No transaction: each request stands alone.
    pub const NONE: Self = Self(0);
}

/// A message as far as it has come.
#[derive(Debug, Clone, Copy)]
struct Incoming {
    header: [u8; HEADER_BYTES],
    payload: [u8; ANSWER_BYTES],
    /// Bytes of header and payload that have come.
    came: usize,
}

/// The connection to XenStore.
#[derive(Debug)]
pub struct Store<'h, H> {
    hypervisor: &'h H,
    page: &'static Page,
    port: Port,
    request: u32,
    incoming: Incoming,
    fired: u32,
}

impl<'h, H: Hypervisor> Store<'h, H> {
    /// On the page and channel that the domain was started with.
    pub fn new(hypervisor: &'h H, page: &'static Page, port: Port) -> Self {
        Self {
            hypervisor,
            page,
            port,
            request: 0,
            incoming: Incoming {
                header: [0; HEADER_BYTES],
                payload: [0; ANSWER_BYTES],
                came: 0,
            },
            fired: 0,
        }
    }

    /// The channel that rings when a message has come.
    pub fn port(&self) -> Port {
        self.port
    }

    /// The value of a key.
    pub fn read<const N: usize>(&mut self, path: &[u8]) -> Result<Text<N>, StoreError> {
        let answer = self.ask(READ, Transaction::NONE, &[path, b"\0"])?;
        let mut value = Text::new();
        value.push(answer);
        // A value that does not fit is not cut, but an empty one is a value.
        if value.is_empty() && !answer.is_empty() {
            return Err(StoreError::TooLong);
        }
        Ok(value)
    }

    /// The value of a key that holds a decimal number; `None` without the key,
    /// or when it holds something else.
    pub fn read_number(&mut self, path: &[u8]) -> Result<Option<u32>, StoreError> {
        match self.ask(READ, Transaction::NONE, &[path, b"\0"]) {
            Ok(answer) => Ok(number(answer)),
            Err(StoreError::Absent) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Calls `each` with the names below a key.
    pub fn list(&mut self, path: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), StoreError> {
        let answer = self.ask(DIRECTORY, Transaction::NONE, &[path, b"\0"])?;
        for name in answer.split(|byte| *byte == 0) {
            if !name.is_empty() {
                each(name);
            }
        }
        Ok(())
    }

    /// Writes a key.
    pub fn write(
        &mut self,
        transaction: Transaction,
        path: &[u8],
        value: &[u8],
    ) -> Result<(), StoreError> {
        self.ask(WRITE, transaction, &[path, b"\0", value])
            .map(drop)
    }

    /// Watches a key and all below it. From now on, and once at once, events
    /// set bit `token` of [`Self::take_fired`].
    pub fn watch(&mut self, path: &[u8], token: u8) -> Result<(), StoreError> {
        let mut name = Text::<4>::new();
        name.push_number(u32::from(token));
        self.ask(
            WATCH,
            Transaction::NONE,
            &[path, b"\0", name.bytes(), b"\0"],
        )
        .map(drop)
    }

    /// Ends a watch.
    pub fn unwatch(&mut self, path: &[u8], token: u8) -> Result<(), StoreError> {
        let mut name = Text::<4>::new();
        name.push_number(u32::from(token));
        self.ask(
            UNWATCH,
            Transaction::NONE,
            &[path, b"\0", name.bytes(), b"\0"],
        )
        .map(drop)
    }

    /// Does writes together or not at all; again, when others came in the way.
    pub fn transact(
        &mut self,
        mut writes: impl FnMut(&mut Self, Transaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for _ in 0..TRANSACTION_TRIES {
            let answer = self.ask(TRANSACTION_START, Transaction::NONE, &[b"\0"])?;
            let digits = answer.strip_suffix(b"\0").unwrap_or(answer);
            let transaction = Transaction(number(digits).ok_or(StoreError::Garbled)?);
            let done = writes(self, transaction);
            let verdict: &[u8] = if done.is_ok() { b"T\0" } else { b"F\0" };
            let ended = self.ask(TRANSACTION_END, transaction, &[verdict]).map(drop);
            match done.and(ended) {
                Err(StoreError::Again) => {}
                other => return other,
            }
        }
        Err(StoreError::Again)
    }

    /// Reads what has come. `Err` when it is no message.
    pub fn poll(&mut self) -> Result<(), StoreError> {
        // At most what the ring held when we looked, and one ring more.
        for _ in 0..RING_BYTES {
            if !self.receive()? {
                break;
            }
            // An answer that nobody waits for any more: to a request that was
            // given up.
            self.keep_event();
        }
        Ok(())
    }

    /// The watches that fired, a bit for each token; they are quiet after this.
    pub fn take_fired(&mut self) -> u32 {
        core::mem::take(&mut self.fired)
    }

    /// Whether a watch has fired that nobody took, such as one whose event came
    /// while an answer was waited for: the channel tells of it no more.
    pub fn has_fired(&mut self) -> bool {
        // What fails here fails again where it is told.
        let _ = self.poll();
        self.fired != 0
    }

    /// Sends a request and waits for its answer.
    fn ask(
        &mut self,
        kind: u32,
        transaction: Transaction,
        parts: &[&[u8]],
    ) -> Result<&[u8], StoreError> {
        let until = self.hypervisor.now().saturating_add(PATIENCE);
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > RING_BYTES as usize - HEADER_BYTES {
            return Err(StoreError::TooLong);
        }
        self.request = self.request.wrapping_add(1);
        while !self.send(kind, transaction, length, parts)? {
            self.wait(until)?;
        }
        self.hypervisor.notify(self.port);
        loop {
            if !self.receive()? {
                self.wait(until)?;
                continue;
            }
            if self.keep_event() || self.field(4) != self.request {
                // The flood of events must not make this wait for ever.
                if self.hypervisor.now() >= until {
                    return Err(StoreError::Silent);
                }
                continue;
            }
            break;
        }
        let length = self.field(12) as usize;
        let answer = self.incoming.payload.get(..length);
        let answer = answer.ok_or(StoreError::TooLong)?;
        match self.field(0) {
            ERROR => Err(match answer.strip_suffix(b"\0").unwrap_or(answer) {
                error if error == b"ENOENT" => StoreError::Absent,
                error if error == b"EAGAIN" => StoreError::Again,
                _ => StoreError::Refused,
            }),
            answered if answered == kind => Ok(answer),
            _ => Err(StoreError::Garbled),
        }
    }

    fn wait(&self, until: u64) -> Result<(), StoreError> {
        if self.hypervisor.now() >= until {
            return Err(StoreError::Silent);
        }
        self.hypervisor.wait(until);
        Ok(())
    }

    /// 32 bits of the message that has come.
    fn field(&self, at: usize) -> u32 {
        let field = self.incoming.header.get(at..).and_then(<[u8]>::first_chunk);
        field.copied().map_or(0, u32::from_le_bytes)
    }

    /// Puts a request into the ring if all of it fits.
    fn send(
        &self,
        kind: u32,
        transaction: Transaction,
        length: usize,
        parts: &[&[u8]],
    ) -> Result<bool, StoreError> {
        let mut produced = self.page.load32(REQ_PROD);
        let used = produced.wrapping_sub(self.page.load32(REQ_CONS));
        let room = RING_BYTES.checked_sub(used).ok_or(StoreError::Garbled)?;
        if (room as usize) < HEADER_BYTES + length {
            return Ok(false);
        }
        fence(Ordering::SeqCst);
        let mut put = |bytes: &[u8]| {
            for byte in bytes {
                let place = produced % RING_BYTES;
                self.page.store8(REQ + place as usize, *byte);
                produced = produced.wrapping_add(1);
            }
        };
        for field in [kind, self.request, transaction.0, length as u32] {
            put(&field.to_le_bytes());
        }
        for part in parts {
            put(part);
        }
        fence(Ordering::Release);
        self.page.store32(REQ_PROD, produced);
        Ok(true)
    }

    /// Reads on; whether a message is whole now.
    fn receive(&mut self) -> Result<bool, StoreError> {
        let mut read = self.page.load32(RSP_CONS);
        let there = self.page.load32(RSP_PROD).wrapping_sub(read);
        fence(Ordering::Acquire);
        if there > RING_BYTES {
            return Err(StoreError::Garbled);
        }
        let Incoming {
            header,
            payload,
            came,
        } = &mut self.incoming;
        let mut whole = false;
        for _ in 0..there {
            if *came >= HEADER_BYTES + length_of(header) {
                *came = 0;
            }
            let byte = self.page.load8(RSP + (read % RING_BYTES) as usize);
            read = read.wrapping_add(1);
            let kept = match came.checked_sub(HEADER_BYTES) {
                None => header.get_mut(*came),
                Some(place) => payload.get_mut(place),
            };
            if let Some(kept) = kept {
                *kept = byte;
            }
            *came += 1;
            if *came >= HEADER_BYTES {
                let length = length_of(header);
                if length > PAYLOAD_MAX as usize {
                    return Err(StoreError::Garbled);
                }
                if *came == HEADER_BYTES + length {
                    whole = true;
                    break;
                }
            }
        }
        fence(Ordering::SeqCst);
        self.page.store32(RSP_CONS, read);
        if there > 0 {
            self.hypervisor.notify(self.port);
        }
        Ok(whole)
    }

    /// Whether the message that has come is a watch's event, which is kept.
    fn keep_event(&mut self) -> bool {
        if self.field(0) != WATCH_EVENT {
            return false;
        }
        let payload = self.incoming.payload.get(..self.field(12) as usize);
        let mut parts = payload.unwrap_or_default().split(|byte| *byte == 0);
        let token = parts.nth(1).and_then(number);
        if let Some(bit) = token.and_then(|token| 1u32.checked_shl(token)) {
            self.fired |= bit;
        }
        true
    }
}

/// The length of the payload that a header announces.
fn length_of(header: &[u8; HEADER_BYTES]) -> usize {
    header
        .last_chunk()
        .map_or(0, |length| u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests;
