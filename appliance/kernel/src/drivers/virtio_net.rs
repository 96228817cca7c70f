//! A virtio network card (virtio 1.2 §5.1) behind [`Nic`].
//!
//! # Buffers
//!
//! One pool of buffers of one size, each large enough for a frame, each in one
//! state at a time:
//!
//! ```text
//!          flush              the device            receive
//!  free ──────────▶ posted ──────────────▶ … ──────────────▶ lent
//!   ▲ ▲                                                    │   │
//!   │ └──────────────────── recycle ───────────────────────┘   │ answer
//!   │                                                          ▼
//!   └───────────────────── the device ◀──────────────────── sending
//!                                          transmit: free ──────▲
//! ```
//!
//! At most [`Options::receive`] are posted or lent and at most
//! [`Options::transmit`] are sending, so that neither direction starves the
//! other. An answer is sent from the buffer that its question came in.
//!
//! # A frame on its way out
//!
//! The device wants a header of its own before each frame. It lies in the same
//! buffer, just before the head that is copied there; behind it in the chain come
//! the slices of the bundle, where they are. Finished frames are collected when
//! room is needed, never by interrupt, except while a caller waits for room.
//!
//! # What is agreed with the device
//!
//! `CSUM` and `GUEST_CSUM` (checksums by the device, in both directions), `MAC`,
//! `MTU`, `EVENT_IDX`. Not `MRG_RXBUF`: a buffer holds any frame that may come, so
//! there is nothing to merge; a device that offers it works without. Not the
//! offloads that make frames longer, since [`Nic`] has none.

use core::fmt;

use applgen_net::nic::{Capabilities, Checksum, FRAME_BYTES, Full, Nic, Received};

use super::dma::device_address;
use super::virtio::{Transport, agree, device, feature, give_up, greet, queue, ready, status};
use super::virtqueue::{Segment, Virtqueue};
use super::{Fault, Platform, StartError};
use buffers::{BUFFER_BYTES, Pool, State};

pub use buffers::Count;

mod buffers;

/// The type of the device, for the transports.
pub const DEVICE: u16 = device::NETWORK;

/// How many slices of the bundle one frame may have.
pub const SLICES: usize = 7;

/// Features (§5.1.3).
const CSUM: u64 = 1 << 0;
const GUEST_CSUM: u64 = 1 << 1;
const MTU: u64 = 1 << 3;
const MAC: u64 = 1 << 5;

/// Queues (§5.1.2).
const RECEIVE: u16 = 0;
const TRANSMIT: u16 = 1;

/// In the header's flags (§5.1.6): the checksum is to be completed.
const NEEDS_CSUM: u8 = 1;
/// In the header's flags: the checksum was right.
const DATA_VALID: u8 = 2;

/// In the configuration (§5.1.4).
const MAC_OFFSET: usize = 0;
const MTU_OFFSET: usize = 10;

/// The header, with `num_buffers`; legacy devices have it without.
const HEADER_BYTES: usize = 12;
const LEGACY_HEADER_BYTES: usize = 10;
/// An Ethernet header.
const ETHERNET_BYTES: usize = 14;
/// The most buffers for each direction; what a queue holds.
pub const MOST_BUFFERS: u16 = 256;

/// What the kernel decides about a card.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Buffers for frames that come in, at most [`MOST_BUFFERS`]. Each costs
    /// 1536 bytes.
    pub receive: u16,
    /// Buffers for frames that go out, at most [`MOST_BUFFERS`].
    pub transmit: u16,
    /// The address, if the device has none to tell: a random one with the lowest
    /// bits of its first byte `10` (locally administered, one station).
    pub mac: [u8; 6],
}

/// A network card.
///
/// It is polled. To wait, a kernel calls [`VirtioNet::arm_interrupt`], halts
/// until an interrupt if that said false, and calls [`VirtioNet::acknowledge`]
/// when it is awake.
pub struct VirtioNet<T> {
    transport: T,
    receive: Virtqueue,
    transmit: Virtqueue,
    pool: Pool,
    /// At most so many buffers posted or lent.
    most_receive: u16,
    /// At most so many buffers sending.
    most_transmit: u16,
    capabilities: Capabilities,
    /// Whether the device's word about checksums was agreed on.
    checks: bool,
    /// Somebody found the queue full since the last interrupt was asked for.
    wants_room: bool,
    fault: Option<Fault>,
}

impl<T> fmt::Debug for VirtioNet<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("VirtioNet")
            .field("capabilities", &self.capabilities)
            .field("buffers", &self.pool.count)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

impl<T: Transport> VirtioNet<T> {
    /// Starts a card.
    ///
    /// # Errors
    ///
    /// See [`StartError`]. The device is told that the driver has given up.
    pub fn new(
        mut transport: T,
        platform: &mut impl Platform,
        options: &Options,
    ) -> Result<Self, StartError> {
        match Parts::new(&mut transport, platform, options) {
            Ok(parts) => Ok(Self::start(transport, parts)),
            Err(error) => {
                give_up(&mut transport);
                Err(error)
            }
        }
    }

    fn start(transport: T, parts: Parts) -> Self {
        let mut card = Self {
            transport,
            receive: parts.receive,
            transmit: parts.transmit,
            pool: parts.pool,
            most_receive: parts.most_receive,
            most_transmit: parts.most_transmit,
            capabilities: parts.capabilities,
            checks: parts.checks,
            wants_room: false,
            fault: None,
        };
        ready(&mut card.transport);
        card.flush();
        card
    }

    /// How the device broke its protocol, if it did. Then the card is quiet for
    /// good.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Who has how many buffers.
    #[must_use]
    pub fn count(&self) -> Count {
        self.pool.count
    }

    /// Asks for an interrupt when a frame comes, and also when there is room
    /// again, if somebody was told that there is none. Flushes.
    ///
    /// True if there is something to do already, or the device is broken: then
    /// no interrupt may come, and the caller is to poll instead of waiting.
    #[must_use = "what has come already brings no interrupt"]
    pub fn arm_interrupt(&mut self) -> bool {
        self.flush();
        let mut more = self.receive.arm();
        if self.wants_room {
            more |= self.transmit.arm();
            self.wants_room = false;
        }
        more || self.fault.is_some()
    }

    /// Asks for no interrupts: there will be polling anyway.
    pub fn suppress_interrupt(&mut self) {
        self.receive.suppress();
        self.transmit.suppress();
    }

    /// Takes note of an interrupt: without it, there may be no other.
    pub fn acknowledge(&mut self) {
        if self.transport.acknowledge() {
            self.check();
        }
    }

    /// Asks the device whether it still works. That leaves the guest, so that it
    /// is not for every turn of a loop; once a second is plenty.
    pub fn check(&mut self) {
        if self.transport.status() & status::NEEDS_RESET != 0 {
            self.quiet(Fault::NeedsReset);
        }
    }

    /// Notes the first fault, and tells the device.
    fn quiet(&mut self, fault: Fault) {
        if self.fault.is_none() {
            self.fault = Some(fault);
            give_up(&mut self.transport);
        }
    }

    /// Takes finished frames off the transmit queue.
    fn reclaim(&mut self) {
        while let Some(done) = self.transmit.take() {
            self.pool.pass(done.token, State::Sending, State::Free);
        }
        if let Some(fault) = self.transmit.fault() {
            self.quiet(fault);
        }
    }

    /// Makes room for one more frame, if that can be.
    fn make_room(&mut self) -> bool {
        if !self.roomy() {
            self.reclaim();
        }
        let room = self.roomy() && self.fault.is_none();
        self.wants_room |= !room;
        room
    }

    fn roomy(&self) -> bool {
        self.pool.count.sending < self.most_transmit && usize::from(self.transmit.room()) > SLICES
    }

    /// Queues a buffer that is filled, and the slices behind it.
    fn send(&mut self, buffer: u16, length: usize, slices: &[&[u8]]) -> Result<(), Full> {
        let first = self.pool.segment(buffer, length, false);
        let mut chain = [first; SLICES + 1];
        let mut places = chain.iter_mut();
        places.next();
        // A descriptor of no length is an error to the device.
        for slice in slices.iter().filter(|slice| !slice.is_empty()) {
            *places.next().ok_or(Full)? = Segment {
                address: device_address(slice.as_ptr()),
                length: u32::try_from(slice.len()).map_err(|_| Full)?,
                writable: false,
            };
        }
        let unused = places.len();
        let chain = chain.get(..chain.len() - unused).ok_or(Full)?;
        self.transmit.add(chain, buffer).map_err(|_| Full)
    }
}

/// What a card is made of once the device has agreed.
struct Parts {
    receive: Virtqueue,
    transmit: Virtqueue,
    pool: Pool,
    most_receive: u16,
    most_transmit: u16,
    capabilities: Capabilities,
    checks: bool,
}

impl Parts {
    fn new(
        transport: &mut impl Transport,
        platform: &mut impl Platform,
        options: &Options,
    ) -> Result<Self, StartError> {
        let offered = greet(transport)?;
        let mut wanted = CSUM | GUEST_CSUM | MAC | feature::EVENT_INDEX;
        // A larger one is not for our buffers: then the device is not to count
        // on it (§5.1.4.2).
        let most = (FRAME_BYTES - ETHERNET_BYTES) as u16;
        let mut mtu = most;
        if offered & MTU != 0 {
            let mut bytes = [0; 2];
            transport.configuration(MTU_OFFSET, &mut bytes);
            let theirs = u16::from_le_bytes(bytes);
            if (68..=most).contains(&theirs) {
                mtu = theirs;
                wanted |= MTU;
            }
        }
        let agreed = agree(transport, offered, wanted)?;

        let mut mac = options.mac;
        if agreed & MAC != 0 {
            let mut theirs = [0; 6];
            transport.configuration(MAC_OFFSET, &mut theirs);
            // None, or a group's, is no address for a card.
            if theirs != [0; 6] && theirs[0] & 1 == 0 {
                mac = theirs;
            }
        }

        let most_receive = options.receive.clamp(1, MOST_BUFFERS);
        let most_transmit = options.transmit.clamp(1, MOST_BUFFERS);
        let receive = queue(
            transport,
            platform,
            RECEIVE,
            most_receive_size(most_receive),
            agreed,
        )?;
        let transmit = queue(transport, platform, TRANSMIT, MOST_BUFFERS, agreed)?;
        // Room for a frame, and for every buffer that may be posted.
        if usize::from(transmit.room()) <= SLICES {
            return Err(StartError::Queue);
        }
        let most_receive = most_receive.min(receive.room());
        let most_transmit = most_transmit.min(transmit.room());

        let buffers = usize::from(most_receive) + usize::from(most_transmit);
        let memory = platform
            .allocate(buffers * BUFFER_BYTES, 64)
            .ok_or(StartError::Memory)?;
        let header_bytes = if transport.legacy() {
            LEGACY_HEADER_BYTES
        } else {
            HEADER_BYTES
        };
        Ok(Self {
            receive,
            transmit,
            pool: Pool::new(memory, header_bytes),
            most_receive,
            most_transmit,
            capabilities: Capabilities {
                mac,
                mtu,
                completes_checksums: agreed & CSUM != 0,
                slices: SLICES as u8,
            },
            checks: agreed & GUEST_CSUM != 0,
        })
    }
}

/// Descriptors for a number of receive buffers, one each: a power of two.
fn most_receive_size(buffers: u16) -> u16 {
    buffers.next_power_of_two().max(2)
}

impl<'b, T: Transport> Nic<'b> for VirtioNet<T> {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(&mut self) -> Option<Received> {
        // Ends: each turn takes a buffer from those that the device holds, and
        // they come to it again only with the next flush.
        while self.fault.is_none() {
            let Some(done) = self.receive.take() else {
                if let Some(fault) = self.receive.fault() {
                    self.quiet(fault);
                }
                break;
            };
            let buffer = done.token;
            self.pool.pass(buffer, State::Posted, State::Lent);
            let header_bytes = self.pool.header_bytes;
            let length = usize::try_from(done.length)
                .ok()
                .and_then(|all| all.checked_sub(header_bytes))
                .filter(|&frame| frame <= FRAME_BYTES);
            let (Some(length), Some((header, _))) = (length, self.pool.parts(buffer)) else {
                self.pool.pass(buffer, State::Lent, State::Free);
                self.quiet(Fault::Length);
                break;
            };
            let flags = header.first().copied().unwrap_or(0);
            if length < ETHERNET_BYTES {
                self.pool.pass(buffer, State::Lent, State::Free);
                continue;
            }
            return Some(Received {
                buffer,
                length: length as u16,
                checked: self.checks && flags & (NEEDS_CSUM | DATA_VALID) != 0,
            });
        }
        None
    }

    fn frame(&mut self, received: &Received) -> &mut [u8] {
        match self.pool.state(received.buffer) {
            Some(State::Lent) => {}
            _ => return &mut [],
        }
        match self.pool.parts(received.buffer) {
            Some((_, frame)) => frame,
            None => &mut [],
        }
    }

    fn recycle(&mut self, received: Received) {
        self.pool.pass(received.buffer, State::Lent, State::Free);
    }

    fn transmit(
        &mut self,
        head: &[u8],
        slices: &[&'b [u8]],
        checksum: Checksum,
    ) -> Result<(), Full> {
        let bytes = slices.iter().map(|slice| slice.len()).sum::<usize>() + head.len();
        if bytes > ETHERNET_BYTES + usize::from(self.capabilities.mtu) || !self.make_room() {
            return Err(Full);
        }
        let buffer = self.pool.draw(State::Sending).ok_or(Full)?;
        let filled = self.pool.parts(buffer).and_then(|(header, frame)| {
            write_header(header, checksum);
            frame.get_mut(..head.len())?.copy_from_slice(head);
            Some(())
        });
        let sent = filled
            .ok_or(Full)
            .and_then(|()| self.send(buffer, head.len(), slices));
        if sent.is_err() {
            self.pool.pass(buffer, State::Sending, State::Free);
        }
        sent
    }

    fn answer(&mut self, received: Received, length: u16, checksum: Checksum) -> Result<(), Full> {
        let buffer = received.buffer;
        let length = usize::from(length);
        let fits = length <= ETHERNET_BYTES + usize::from(self.capabilities.mtu);
        if !fits || !self.make_room() {
            self.pool.pass(buffer, State::Lent, State::Free);
            return Err(Full);
        }
        if !self.pool.pass(buffer, State::Lent, State::Sending) {
            return Err(Full);
        }
        if let Some((header, _)) = self.pool.parts(buffer) {
            write_header(header, checksum);
        }
        let sent = self.send(buffer, length, &[]);
        if sent.is_err() {
            self.pool.pass(buffer, State::Sending, State::Free);
        }
        sent
    }

    fn has_room(&mut self) -> bool {
        self.make_room()
    }

    fn flush(&mut self) {
        if self.fault.is_some() {
            return;
        }
        while self.pool.count.posted + self.pool.count.lent < self.most_receive
            && self.receive.room() > 0
        {
            let Some(buffer) = self.pool.draw(State::Posted) else {
                break;
            };
            let segment = self.pool.segment(buffer, FRAME_BYTES, true);
            if self.receive.add(&[segment], buffer).is_err() {
                self.pool.pass(buffer, State::Posted, State::Free);
                break;
            }
        }
        if self.receive.publish() {
            self.transport.notify(RECEIVE);
        }
        if self.transmit.publish() {
            self.transport.notify(TRANSMIT);
        }
    }
}

/// Writes the device's header of a frame that goes out (§5.1.6.2).
fn write_header(header: &mut [u8], checksum: Checksum) {
    header.fill(0);
    if let (Checksum::Complete { start, offset }, Some(fields)) =
        (checksum, header.first_chunk_mut::<10>())
    {
        let [flags, _, _, _, _, _, fields @ ..] = fields;
        *flags = NEEDS_CSUM;
        let [start, offset] = [start.to_le_bytes(), offset.to_le_bytes()];
        *fields = [start[0], start[1], offset[0], offset[1]];
    }
}

#[cfg(test)]
mod tests;
