//! A tap device as an interface of the network code.
//!
//! One system call a frame, in both directions: the device has no batches. A
//! frame that is sent is gathered from where its parts lie.

use super::device::{Device, VNET_HEADER_BYTES};
use applgen_net::nic::{Capabilities, Checksum, FRAME_BYTES, Full, Nic, Received};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::{Errno, read, writev};
use std::io::IoSlice;

/// Buffers for frames that have come and were not given back yet.
const BUFFERS: u16 = 64;

/// Bytes of a buffer: a header, a frame of the largest kind, and a VLAN tag.
const BUFFER_BYTES: usize = VNET_HEADER_BYTES + FRAME_BYTES + 4;

/// Slices of the bundle that a frame may have.
const SLICES: usize = 8;

/// The checksum is to be completed (`VIRTIO_NET_HDR_F_NEEDS_CSUM`).
const NEEDS_CHECKSUM: u8 = 1;
/// The checksum was right (`VIRTIO_NET_HDR_F_DATA_VALID`).
const DATA_VALID: u8 = 2;

/// The interface.
#[derive(Debug)]
pub struct TapNic {
    device: Device,
    buffers: Vec<Box<[u8]>>,
    free: Vec<u16>,
    /// Why nothing more comes.
    failed: Option<Errno>,
}

impl TapNic {
    /// The device, with buffers of its own.
    pub fn new(device: Device) -> Self {
        Self {
            device,
            buffers: (0..BUFFERS)
                .map(|_| vec![0; BUFFER_BYTES].into_boxed_slice())
                .collect(),
            free: (0..BUFFERS).collect(),
            failed: None,
        }
    }

    /// The file to wait on.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.device.file.as_fd()
    }

    /// Why nothing more comes, if the device is gone.
    pub fn failed(&self) -> Option<Errno> {
        self.failed
    }

    fn header_bytes(&self) -> usize {
        match self.device.has_header {
            true => VNET_HEADER_BYTES,
            false => 0,
        }
    }
}

impl<'b> Nic<'b> for TapNic {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            mac: self.device.mac,
            mtu: self.device.mtu,
            completes_checksums: self.device.has_header,
            slices: SLICES as u8,
        }
    }

    fn receive(&mut self) -> Option<Received> {
        let header_bytes = self.header_bytes();
        let key = *self.free.last()?;
        let buffer = self.buffers.get_mut(usize::from(key))?;
        let bytes = loop {
            match read(&self.device.file, &mut buffer[..]) {
                Ok(bytes) => break bytes,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return None,
                Err(error) => {
                    self.failed = Some(error);
                    return None;
                }
            }
        };
        let flags = match self.device.has_header {
            true => buffer.first().copied().unwrap_or(0),
            false => 0,
        };
        self.free.pop();
        Some(Received {
            buffer: key,
            // A frame that was longer than the buffer lost its end, and is not
            // well-formed any more.
            length: bytes.saturating_sub(header_bytes) as u16,
            checked: flags & (NEEDS_CHECKSUM | DATA_VALID) != 0,
        })
    }

    fn frame(&mut self, received: &Received) -> &mut [u8] {
        let header_bytes = self.header_bytes();
        self.buffers
            .get_mut(usize::from(received.buffer))
            .and_then(|buffer| buffer.get_mut(header_bytes..))
            .unwrap_or_default()
    }

    fn recycle(&mut self, received: Received) {
        self.free.push(received.buffer);
    }

    fn transmit(
        &mut self,
        head: &[u8],
        slices: &[&'b [u8]],
        checksum: Checksum,
    ) -> Result<(), Full> {
        let mut header = [0; VNET_HEADER_BYTES];
        if let Checksum::Complete { start, offset } = checksum {
            let [s0, s1] = start.to_ne_bytes();
            let [o0, o1] = offset.to_ne_bytes();
            // flags, gso_type, hdr_len, gso_size, csum_start, csum_offset
            header = [NEEDS_CHECKSUM, 0, 0, 0, 0, 0, s0, s1, o0, o1];
        }
        let mut parts = [IoSlice::new(&[]); 2 + SLICES];
        let header = header.get(..self.header_bytes()).unwrap_or_default();
        let all = [header, head].into_iter().chain(slices.iter().copied());
        for (part, bytes) in parts.iter_mut().zip(all) {
            *part = IoSlice::new(bytes);
        }
        let used = parts.get(..2 + slices.len().min(SLICES)).unwrap_or(&parts);
        loop {
            return match writev(&self.device.file, used) {
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => Err(Full),
                // A device that is down takes nothing, and nor would a wire.
                Ok(_) | Err(_) => Ok(()),
            };
        }
    }

    fn answer(&mut self, received: Received, length: u16, checksum: Checksum) -> Result<(), Full> {
        let header_bytes = self.header_bytes();
        let key = received.buffer;
        let Some(buffer) = self.buffers.get_mut(usize::from(key)) else {
            return Ok(());
        };
        let buffer = std::mem::take(buffer);
        let end = header_bytes + usize::from(length);
        let frame = buffer.get(header_bytes..end).unwrap_or_default();
        let sent = self.transmit(frame, &[], checksum);
        if let Some(place) = self.buffers.get_mut(usize::from(key)) {
            *place = buffer;
        }
        self.recycle(received);
        sent
    }

    fn has_room(&mut self) -> bool {
        true
    }

    fn flush(&mut self) {}
}
