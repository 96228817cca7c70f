//! A virtio source of entropy (virtio 1.2 §5.4): for machines whose processor
//! has no instruction for it.
//!
//! Used once, at the start: [`VirtioRng::fill`] waits for what it asked for, and
//! the device is reset when the driver is dropped.

use super::virtio::{Transport, agree, device, feature, give_up, greet, queue, ready};
use super::virtqueue::{Segment, Virtqueue};
use super::{Dma, Fault, Platform, StartError};

/// The type of the device, for the transports.
pub const DEVICE: u16 = device::ENTROPY;

/// The most bytes that one request can bring.
pub const MOST_BYTES: usize = 64;

/// The only queue (§5.4.2).
const REQUESTS: u16 = 0;

/// A source of entropy.
#[derive(Debug)]
pub struct VirtioRng<T: Transport> {
    transport: T,
    requests: Virtqueue,
    buffer: Dma,
}

/// Why there was no entropy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FillError {
    /// It did not come in the time that the caller gave.
    Late,
    /// The device broke its protocol.
    Broken(Fault),
}

impl<T: Transport> VirtioRng<T> {
    /// Starts the device.
    ///
    /// # Errors
    ///
    /// See [`StartError`].
    pub fn new(mut transport: T, platform: &mut impl Platform) -> Result<Self, StartError> {
        let mut start = || {
            let offered = greet(&mut transport)?;
            let agreed = agree(&mut transport, offered, feature::EVENT_INDEX)?;
            let requests = queue(&mut transport, platform, REQUESTS, 2, agreed)?;
            let buffer = platform
                .allocate(MOST_BYTES, 64)
                .ok_or(StartError::Memory)?;
            Ok((requests, buffer))
        };
        match start() {
            Ok((requests, buffer)) => {
                ready(&mut transport);
                Ok(Self {
                    transport,
                    requests,
                    buffer,
                })
            }
            Err(error) => {
                give_up(&mut transport);
                Err(error)
            }
        }
    }

    /// Asks for bytes and waits until they are there, up to [`MOST_BYTES`] of
    /// them. Returns how many came; the device may give less than was asked for,
    /// but not nothing (§5.4.6.2). `wait` is called while there are none, and says
    /// whether to go on waiting.
    ///
    /// # Errors
    ///
    /// See [`FillError`]. After an error, the device is not to be asked again.
    pub fn fill(
        &mut self,
        out: &mut [u8],
        mut wait: impl FnMut() -> bool,
    ) -> Result<usize, FillError> {
        let wanted = out.len().min(MOST_BYTES);
        if wanted == 0 {
            return Ok(0);
        }
        let segment = Segment {
            address: self.buffer.address(0),
            length: wanted as u32,
            writable: true,
        };
        // One request at a time is out; if the last was late, it still is.
        if self.requests.held() > 0 || self.requests.add(&[segment], 0).is_err() {
            return Err(FillError::Late);
        }
        if self.requests.publish() {
            self.transport.notify(REQUESTS);
        }
        let done = loop {
            if let Some(done) = self.requests.take() {
                break done;
            }
            if let Some(fault) = self.requests.fault() {
                return Err(FillError::Broken(fault));
            }
            if !wait() {
                return Err(FillError::Late);
            }
        };
        let came = usize::try_from(done.length)
            .ok()
            .filter(|came| (1..=wanted).contains(came));
        let bytes = came.and_then(|came| self.buffer.buffer(0, came));
        let (Some(bytes), Some(out)) = (bytes, came.and_then(|came| out.get_mut(..came))) else {
            return Err(FillError::Broken(Fault::Length));
        };
        out.copy_from_slice(bytes);
        // What was random once is not to be found there again.
        bytes.fill(0);
        Ok(out.len())
    }
}

impl<T: Transport> Drop for VirtioRng<T> {
    fn drop(&mut self) {
        self.transport.set_status(0);
    }
}

#[cfg(test)]
mod tests;
