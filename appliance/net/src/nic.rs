//! The seam between the network code and a network interface.
//!
//! One trait for virtio-net, Xen's netfront, a tap device and a simulated link.
//! It speaks of what fast interfaces have in common, so that a TCP made for
//! immutable content can use it as it stands:
//!
//! - **Gathered buffers**: a frame leaves as a head, which the driver copies,
//!   and slices of the bundle, which it may send from where they lie (`'b`
//!   outlives the interface).
//! - **Batches, one doorbell each**: [`Nic::transmit`] and [`Nic::recycle`]
//!   only queue; [`Nic::flush`] tells the device, once for all of them.
//! - **Checksum offload**: a frame may leave with its TCP or UDP checksum to be
//!   completed by the device, and may come in with the device's word that its
//!   checksum was right.
//!
//! A received frame is a [`Received`], a ticket that is spent: it is looked at
//! with [`Nic::frame`], and given back with [`Nic::recycle`] or sent on as the
//! answer with [`Nic::answer`]. A driver's device is hostile: whatever it says
//! about lengths and numbers is checked by the driver before a ticket exists.

/// The longest Ethernet frame that is sent or received without segmentation
/// offload: 14 bytes of header and 1500 of payload (the FCS is the wire's).
pub const FRAME_BYTES: usize = 1514;

/// What an interface is and can do; the same for as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// The Ethernet address.
    pub mac: [u8; 6],
    /// The longest payload of a frame, in bytes.
    pub mtu: u16,
    /// Whether [`Checksum::Complete`] may be asked of [`Nic::transmit`].
    pub completes_checksums: bool,
    /// How many slices of the bundle one frame may have.
    pub slices: u8,
}

/// What is to be done about the TCP or UDP checksum of a frame that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// Nothing: it is there already, or there is none.
    Done,
    /// The field holds the sum of the pseudo-header, not complemented; the
    /// device adds everything from `start` to the end of the frame, and puts
    /// the complement at `start + offset` (virtio 1.2 §5.1.6.2).
    Complete {
        /// Where in the frame the transport header begins, in bytes.
        start: u16,
        /// Where in it the checksum lies, in bytes.
        offset: u16,
    },
}

/// A received frame that the interface holds for its reader.
///
/// Not to be copied: each is spent once, with [`Nic::recycle`] or
/// [`Nic::answer`]. One that is dropped is a receive buffer lost.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a frame that is not given back is a receive buffer lost"]
pub struct Received {
    /// The driver's number for the buffer.
    pub buffer: u16,
    /// Bytes of the frame.
    pub length: u16,
    /// Whether the device says that the transport checksum need not be checked:
    /// it was right, or it never was on a wire.
    pub checked: bool,
}

/// There is no room in the transmit queue; nothing was sent. Room comes with
/// time: the caller flushes, and tries again when the interface is polled next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// A network interface.
///
/// Nothing here blocks. How to wait for the next frame, an interrupt or a file
/// descriptor, is between the platform and its driver.
pub trait Nic<'b> {
    /// What it is and can do.
    fn capabilities(&self) -> Capabilities;

    /// The next frame that has come, if there is one.
    fn receive(&mut self) -> Option<Received>;

    /// The bytes of a frame, from its Ethernet header on. The slice may be
    /// longer than the frame: what is behind is room for an answer in place,
    /// at least up to [`FRAME_BYTES`] in all.
    fn frame(&mut self, received: &Received) -> &mut [u8];

    /// Gives a frame's buffer back to the device, with the next flush.
    fn recycle(&mut self, received: Received);

    /// Queues a frame: `head`, which is copied, then `slices`, which need not
    /// be. All of it is at most `14 + mtu` bytes, and there are at most
    /// `Capabilities::slices`; a driver may refuse more with `Full`.
    fn transmit(
        &mut self,
        head: &[u8],
        slices: &[&'b [u8]],
        checksum: Checksum,
    ) -> Result<(), Full>;

    /// Queues the first `length` bytes of a received frame's buffer as a frame,
    /// and spends it, also when there is no room: then the buffer is recycled,
    /// and nothing was sent. Drivers that can send from the buffer itself do;
    /// the others copy it.
    fn answer(&mut self, received: Received, length: u16, checksum: Checksum) -> Result<(), Full>;

    /// Whether [`Nic::transmit`] has room for one more frame. May take finished
    /// frames off the queue.
    fn has_room(&mut self) -> bool;

    /// Tells the device of everything queued and recycled since the last time;
    /// rings at most once for each direction, and not at all when the device
    /// has said that it looks by itself.
    fn flush(&mut self);
}
