//! netfront: the network interface of a Xen guest (`io/netif.h`).
//!
//! Two rings on granted pages, one for frames that leave ([`transmit`]) and one
//! for frames that come ([`receive`]), one event channel for both, and the
//! XenBus conversation that sets them up and takes them down ([`connect`]).
//!
//! Every buffer that the backend sees is granted once and kept. A frame that
//! came is copied out of such a buffer before anybody looks at it, so that the
//! backend cannot change it after it was checked; a frame that leaves is put
//! together in one. What comes to a server is small, and one copy is cheaper
//! than two changes of a grant.
//!
//! A backend may go away and come back at any time. Then there is no room to
//! send, nothing comes, and the frames that were lent out stay good.

mod address;
mod connect;
mod pool;
mod receive;
#[cfg(test)]
mod tests;
mod transmit;

pub use address::Address;
pub use connect::{LinkError, Watch};

use applgen_net::nic::{Capabilities, Checksum, FRAME_BYTES, Full, Nic, Received};

use super::{Domain, GrantTable, Hypervisor, Page, Port, Text, abi::xenbus};
use receive::Receiver;
use transmit::Transmitter;

/// Room for one frame: [`FRAME_BYTES`], and a round number.
pub const BUFFER_BYTES: usize = 2048;

/// Room for a XenStore path.
type Path = Text<128>;

/// The memory of an interface. More pages are more frames in flight.
#[derive(Debug)]
pub struct Memory {
    /// The two rings.
    pub rings: &'static [Page; 2],
    /// A page for each frame that may come in between two looks; at most 255.
    pub receive: &'static [Page],
    /// A page for each two frames that may be on their way out; at most 127.
    pub transmit: &'static [Page],
    /// A buffer for each frame that may be looked at, at once; at most 255.
    pub frames: &'static mut [[u8; BUFFER_BYTES]],
}

/// The interface.
#[derive(Debug)]
pub struct Netfront<'h, H> {
    hypervisor: &'h H,
    grants: GrantTable,
    receiver: Receiver,
    transmitter: Transmitter,
    port: Option<Port>,
    link: Link,
    capabilities: Capabilities,
}

/// Where the conversation with the backend stands.
#[derive(Debug)]
struct Link {
    /// The device's number, `N` of `device/vif/N`.
    device: Option<u32>,
    /// The backend's own path.
    backend: Path,
    domain: Domain,
    /// The state that we wrote last.
    state: u8,
    /// The backend said that it is connected, and nothing broke since.
    up: bool,
    /// It broke a rule of the ring, and is not talked to until it starts anew.
    broken: bool,
}

/// There are fewer grants than the interface needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFewGrants;

impl<'h, H: Hypervisor> Netfront<'h, H> {
    /// An interface that knows no backend yet.
    pub fn new(
        hypervisor: &'h H,
        mut grants: GrantTable,
        memory: Memory,
    ) -> Result<Self, TooFewGrants> {
        let [transmit, receive] = memory.rings;
        let mut claim = || grants.claim().ok_or(TooFewGrants);
        let transmitter = Transmitter::new(transmit, memory.transmit, &mut claim)?;
        let receiver = Receiver::new(receive, memory.receive, memory.frames, &mut claim)?;
        Ok(Self {
            hypervisor,
            grants,
            receiver,
            transmitter,
            port: None,
            link: Link {
                device: None,
                backend: Path::new(),
                domain: 0,
                state: xenbus::INITIALISING,
                up: false,
                broken: false,
            },
            capabilities: Capabilities {
                mac: [0; 6],
                mtu: 1500,
                completes_checksums: true,
                slices: 16,
            },
        })
    }

    /// Whether frames come and go.
    pub fn is_up(&self) -> bool {
        self.link.up && !self.link.broken
    }

    /// Whether the backend broke the ring's rules: [`Self::attend`] closes it.
    pub fn is_broken(&self) -> bool {
        self.link.broken
    }

    /// The channel that rings for it.
    pub fn port(&self) -> Option<Port> {
        self.port
    }

    /// To be called before waiting: asks the backend to ring for the next
    /// frame, and for room if there was none. Whether there is something to do
    /// already, so that waiting would be wrong.
    pub fn arm(&mut self) -> bool {
        if !self.is_up() {
            return false;
        }
        let room = self.transmitter.arm();
        let frames = self.receiver.arm();
        match (room, frames) {
            (Ok(room), Ok(frames)) => room || frames,
            _ => {
                self.link.broken = true;
                true
            }
        }
    }
}

impl<'b, H: Hypervisor> Nic<'b> for Netfront<'_, H> {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(&mut self) -> Option<Received> {
        if !self.is_up() {
            return None;
        }
        match self.receiver.receive() {
            Ok(received) => received,
            Err(super::Broken) => {
                self.link.broken = true;
                None
            }
        }
    }

    fn frame(&mut self, received: &Received) -> &mut [u8] {
        self.receiver.frame(received)
    }

    fn recycle(&mut self, received: Received) {
        self.receiver.recycle(received);
    }

    fn transmit(
        &mut self,
        head: &[u8],
        slices: &[&'b [u8]],
        checksum: Checksum,
    ) -> Result<(), Full> {
        if !self.has_room_now() {
            return Err(Full);
        }
        let sent = self.transmitter.send(head, slices, checksum);
        sent.then_some(()).ok_or(Full)
    }

    fn answer(&mut self, received: Received, length: u16, checksum: Checksum) -> Result<(), Full> {
        let room = self.has_room_now();
        let frame = self.receiver.frame(&received);
        let sent = match frame.get(..usize::from(length)) {
            Some(frame) if room => self.transmitter.send(frame, &[], checksum),
            _ => false,
        };
        self.receiver.recycle(received);
        sent.then_some(()).ok_or(Full)
    }

    fn has_room(&mut self) -> bool {
        self.has_room_now()
    }

    fn flush(&mut self) {
        if !self.is_up() {
            return;
        }
        // One channel: one event for both rings, if either is waited for.
        let transmit = self.transmitter.publish();
        let receive = self.receiver.publish();
        if let Some(port) = self.port
            && (transmit || receive)
        {
            self.hypervisor.notify(port);
        }
    }
}

impl<H: Hypervisor> Netfront<'_, H> {
    fn has_room_now(&mut self) -> bool {
        if !self.is_up() {
            return false;
        }
        match self.transmitter.has_room() {
            Ok(room) => room,
            Err(super::Broken) => {
                self.link.broken = true;
                false
            }
        }
    }
}

/// A page's frame number, as a grant names it.
fn frame_of(page: &Page) -> u32 {
    (page.address() / super::PAGE_BYTES) as u32
}

const _: () = assert!(FRAME_BYTES <= BUFFER_BYTES && 2 * BUFFER_BYTES <= super::PAGE_BYTES);
