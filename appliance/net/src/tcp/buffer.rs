//! The two buffers of a connection.

use alloc::vec;
use alloc::vec::Vec;

/// What is sent: a ring of bytes that are not acknowledged yet.
#[derive(Debug, Default)]
pub struct Transmit {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl Transmit {
    /// Takes its memory, and keeps it; from then on it only becomes empty.
    pub fn clear(&mut self, capacity: usize) {
        if self.bytes.is_empty() {
            self.bytes = vec![0; capacity];
        }
        self.start = 0;
        self.length = 0;
    }

    /// Bytes in it.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Bytes that it has room for.
    pub fn room(&self) -> usize {
        self.bytes.len() - self.length
    }

    /// Appends of these as many as there is room for; how many.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        let (first, second) = self.spans(self.length, taken);
        let (one, two) = bytes.split_at(first.len());
        if let Some(place) = self.bytes.get_mut(first) {
            place.copy_from_slice(one);
        }
        if let Some((place, bytes)) = self
            .bytes
            .get_mut(second.clone())
            .zip(two.get(..second.len()))
        {
            place.copy_from_slice(bytes);
        }
        self.length += taken;
        taken
    }

    /// Drops bytes from its front.
    pub fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.length);
        self.start = self.wrap(self.start + bytes);
        self.length -= bytes;
    }

    /// So many bytes from there on, in two parts.
    pub fn get(&self, at: usize, length: usize) -> [&[u8]; 2] {
        let at = at.min(self.length);
        let length = length.min(self.length - at);
        let (first, second) = self.spans(at, length);
        [first, second].map(|span| self.bytes.get(span).unwrap_or_default())
    }

    fn wrap(&self, at: usize) -> usize {
        match at < self.bytes.len() {
            true => at,
            false => at - self.bytes.len(),
        }
    }

    /// Where `length` bytes lie that are `at` bytes behind its front.
    fn spans(
        &self,
        at: usize,
        length: usize,
    ) -> (core::ops::Range<usize>, core::ops::Range<usize>) {
        let start = self.wrap(self.start + at);
        let first = length.min(self.bytes.len() - start);
        (start..start + first, 0..length - first)
    }
}

/// What has come: bytes in order, and perhaps some that are ahead of them.
#[derive(Debug, Default)]
pub struct Receive {
    bytes: Vec<u8>,
    length: usize,
    /// Where in it those lie that came too early.
    ahead: (usize, usize),
}

impl Receive {
    /// Takes its memory, and keeps it; from then on it only becomes empty.
    pub fn clear(&mut self, capacity: usize) {
        if self.bytes.is_empty() {
            self.bytes = vec![0; capacity];
        }
        self.length = 0;
        self.ahead = (0, 0);
    }

    /// The bytes that are there in order.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Bytes that there is room for.
    pub fn room(&self) -> usize {
        self.bytes.len() - self.length
    }

    /// Whether bytes are there that came too early.
    pub fn has_gap(&self) -> bool {
        self.ahead.1 > 0
    }

    /// Takes bytes that lie `offset` behind those that are there; how many more
    /// are there in order now. Of what comes too early the one piece is kept
    /// that is nearest.
    pub fn put(&mut self, offset: usize, bytes: &[u8]) -> usize {
        let before = self.length;
        let start = before.saturating_add(offset).min(self.bytes.len());
        let end = start.saturating_add(bytes.len()).min(self.bytes.len());
        let bytes = bytes.get(..end - start).unwrap_or_default();
        if bytes.is_empty() {
            return 0;
        }
        if let Some(place) = self.bytes.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        let (from, to) = self.ahead;
        let touches = to > 0 && start <= to && from <= end;
        let merged = match touches {
            true => (start.min(from), end.max(to)),
            false => (start, end),
        };
        if start == before {
            self.length = merged.1;
            if touches {
                self.ahead = (0, 0);
            }
        } else if touches || to == 0 || start < from {
            self.ahead = merged;
        }
        self.length - before
    }

    /// Drops bytes from its front.
    pub fn consume(&mut self, bytes: usize) {
        let bytes = bytes.min(self.length);
        let (from, to) = self.ahead;
        self.bytes.copy_within(bytes..self.length.max(to), 0);
        self.length -= bytes;
        if to > 0 {
            self.ahead = (from - bytes, to - bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_ring_goes_round() {
        let mut ring = Transmit::default();
        ring.clear(7);
        let (mut sent, mut came) = (0_u8, 0_u8);
        for step in 0..100 {
            let bytes: Vec<u8> = (0..step % 5 + 1).map(|at| sent + at).collect();
            sent += ring.push(&bytes) as u8;
            assert!(ring.len() <= 7 && ring.len() + ring.room() == 7);
            let [first, second] = ring.get(1, 3);
            for (at, byte) in first.iter().chain(second).enumerate() {
                assert_eq!(usize::from(*byte), usize::from(came) + 1 + at);
            }
            let gone = ring.len().min(step as usize % 4);
            ring.consume(gone);
            came += gone as u8;
        }
        assert!(came > 50);
    }

    #[test]
    fn pieces_that_come_early_are_kept() {
        let mut buffer = Receive::default();
        buffer.clear(16);
        assert_eq!(buffer.put(0, b"ab"), 2);
        assert_eq!(buffer.put(2, b"ef"), 0);
        assert!(buffer.has_gap());
        assert_eq!(buffer.put(4, b"gh"), 0);
        // A second gap: the nearer piece stays.
        assert_eq!(buffer.put(10, b"mn"), 0);
        buffer.consume(1);
        assert_eq!(buffer.put(0, b"cd"), 6);
        assert_eq!(buffer.bytes(), b"bcdefgh");
        assert!(!buffer.has_gap());
        // What finds no room is cut.
        assert_eq!(buffer.put(0, b"ijklmnopqrstuvw"), 9);
        assert_eq!(buffer.room(), 0);
        assert_eq!(buffer.put(0, b"x"), 0);
        assert_eq!(buffer.bytes(), b"bcdefghijklmnopq");
    }

    #[test]
    fn a_stream_in_any_order_comes_whole() {
        let whole: Vec<u8> = (0..200).collect();
        let mut state = 7_u32;
        for _ in 0..200 {
            let mut buffer = Receive::default();
            buffer.clear(32);
            let (mut came, mut turns) = (Vec::<u8>::new(), 0);
            while came.len() < whole.len() {
                turns += 1;
                assert!(turns < 20_000);
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let offset = (state >> 8) as usize % 24;
                let length = (state >> 16) as usize % 9;
                let at = came.len() + buffer.bytes().len() + offset;
                let end = (at + length).min(whole.len());
                buffer.put(offset, whole.get(at..end).unwrap_or_default());
                if state >> 28 == 0 {
                    let bytes = buffer.bytes().len().min((state >> 4) as usize % 9);
                    came.extend(&buffer.bytes()[..bytes]);
                    buffer.consume(bytes);
                }
            }
            assert_eq!(came, whole);
        }
    }
}
