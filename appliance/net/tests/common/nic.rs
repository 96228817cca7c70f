//! A fake interface: queues of frames, and a check that every buffer comes back.

use applgen_net::nic::{Capabilities, Checksum, FRAME_BYTES, Full, Nic, Received};
use std::collections::{HashMap, VecDeque};

/// The interface.
#[derive(Debug)]
pub struct FakeNic {
    pub capabilities: Capabilities,
    /// Frames that have come, and whether their checksums were looked at.
    pub incoming: VecDeque<(Vec<u8>, bool)>,
    /// Frames that were sent and flushed.
    pub outgoing: VecDeque<Vec<u8>>,
    /// How many frames find room between two flushes.
    pub room: usize,
    queued: Vec<Vec<u8>>,
    held: HashMap<u16, Vec<u8>>,
    next: u16,
    /// Frames whose checksum was left to the interface.
    pub completed: usize,
}

impl FakeNic {
    pub fn new(capabilities: Capabilities) -> Self {
        Self {
            capabilities,
            incoming: VecDeque::new(),
            outgoing: VecDeque::new(),
            room: usize::MAX,
            queued: Vec::new(),
            held: HashMap::new(),
            next: 0,
            completed: 0,
        }
    }

    /// Buffers that were not given back.
    pub fn held(&self) -> usize {
        self.held.len()
    }
}

fn complete(frame: &mut [u8], start: u16, offset: u16) {
    let start = usize::from(start);
    let at = start + usize::from(offset);
    let mut sum = 0_u32;
    for pair in frame[start..].chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low));
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    frame[at..at + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

impl<'b> Nic<'b> for FakeNic {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(&mut self) -> Option<Received> {
        let (mut frame, checked) = self.incoming.pop_front()?;
        let length = frame.len() as u16;
        frame.resize(frame.len().max(FRAME_BYTES), 0xa5);
        let buffer = self.next;
        self.next = self.next.wrapping_add(1);
        self.held.insert(buffer, frame);
        Some(Received {
            buffer,
            length,
            checked,
        })
    }

    fn frame(&mut self, received: &Received) -> &mut [u8] {
        self.held.get_mut(&received.buffer).unwrap()
    }

    fn recycle(&mut self, received: Received) {
        self.held.remove(&received.buffer).unwrap();
    }

    fn transmit(
        &mut self,
        head: &[u8],
        slices: &[&'b [u8]],
        checksum: Checksum,
    ) -> Result<(), Full> {
        if self.queued.len() >= self.room {
            return Err(Full);
        }
        let mut frame = head.to_vec();
        for slice in slices {
            frame.extend_from_slice(slice);
        }
        assert!((14..=14 + usize::from(self.capabilities.mtu)).contains(&frame.len()));
        if let Checksum::Complete { start, offset } = checksum {
            assert!(self.capabilities.completes_checksums);
            complete(&mut frame, start, offset);
            self.completed += 1;
        }
        self.queued.push(frame);
        Ok(())
    }

    fn answer(&mut self, received: Received, length: u16, checksum: Checksum) -> Result<(), Full> {
        let frame = self.held.remove(&received.buffer).unwrap();
        self.transmit(&frame[..usize::from(length)], &[], checksum)
    }

    fn has_room(&mut self) -> bool {
        self.queued.len() < self.room
    }

    fn flush(&mut self) {
        self.outgoing.extend(self.queued.drain(..));
    }
}
