//! Buffers for requests that are longer than a receive ring.
//!
//! Few requests are, so a few buffers are shared by all connections. Who gets
//! one keeps it until what came is answered, and who has kept one for longest
//! over a request that is not all there loses it when there is none left for
//! another.

use crate::plan::LONG_REQUEST_BYTES;
use alloc::vec;
use alloc::vec::Vec;

/// How long a buffer is kept in any case, in microseconds.
const KEEP_MICROS: u64 = 2_000_000;

/// A buffer.
#[derive(Debug)]
pub struct Long {
    bytes: Vec<u8>,
    /// How many of them have come.
    length: usize,
    owner: Option<u16>,
    since: u64,
}

impl Long {
    /// What has come.
    pub fn input(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Appends of these bytes as many as there is room for; how many.
    pub fn take(&mut self, bytes: &[u8]) -> usize {
        let room = LONG_REQUEST_BYTES - self.length;
        let bytes = bytes.get(..room).unwrap_or(bytes);
        // It takes its memory the first time, and keeps it.
        if self.bytes.is_empty() {
            self.bytes = vec![0; LONG_REQUEST_BYTES];
        }
        let place = self.bytes.get_mut(self.length..self.length + bytes.len());
        place.unwrap_or_default().copy_from_slice(bytes);
        self.length += bytes.len();
        bytes.len()
    }

    /// Drops bytes from its front.
    pub fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.length);
        self.bytes.copy_within(bytes..self.length, 0);
        self.length -= bytes;
    }

    /// Whether there is no room left.
    pub fn is_full(&self) -> bool {
        self.length == LONG_REQUEST_BYTES
    }
}

/// All buffers.
#[derive(Debug)]
pub struct LongRequests(Vec<Long>);

impl LongRequests {
    /// So many.
    pub fn new(count: usize) -> Self {
        let buffers = (0..count).map(|_| Long {
            bytes: Vec::new(),
            length: 0,
            owner: None,
            since: 0,
        });
        Self(buffers.collect())
    }

    /// The buffer of a connection, if it has one.
    pub fn of(&mut self, owner: u16) -> Option<&mut Long> {
        self.0.iter_mut().find(|long| long.owner == Some(owner))
    }

    /// Gives a connection a buffer, if one is free.
    pub fn give(&mut self, owner: u16, now: u64) -> bool {
        let Some(long) = self.0.iter_mut().find(|long| long.owner.is_none()) else {
            return false;
        };
        long.owner = Some(owner);
        long.since = now;
        true
    }

    /// Who is to lose its buffer, if somebody has kept one for too long: of
    /// those that may, which are the ones whose request is not all there.
    pub fn oldest(&self, now: u64, may: impl Fn(u16) -> bool) -> Option<u16> {
        let held = self.0.iter().filter(|long| long.owner.is_some_and(&may));
        let oldest = held.min_by_key(|long| long.since)?;
        match now.saturating_sub(oldest.since) >= KEEP_MICROS {
            true => oldest.owner,
            false => None,
        }
    }

    /// Takes a connection's buffer away.
    pub fn release(&mut self, owner: u16) {
        if let Some(long) = self.of(owner) {
            long.owner = None;
            long.length = 0;
        }
    }
}
