//! What smoltcp sees of an interface: one frame in, at most one out.
//!
//! smoltcp is driven frame by frame and connection by connection, and each such
//! step sends at most one frame. So its device is a frame to read and a buffer
//! to write to; the real interface is used before and after, and smoltcp's
//! code exists once, whatever the interface.

use crate::nic::Checksum;
use alloc::vec;
use alloc::vec::Vec;
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpProtocol};

/// Bytes of an Ethernet header.
pub const ETHERNET_BYTES: usize = 14;

/// Bytes of a TCP header up to its checksum.
const TCP_CHECKSUM: u16 = 16;

/// The buffer of the one frame that a step sends.
#[derive(Debug)]
pub struct Out {
    buffer: Vec<u8>,
    length: usize,
}

impl Out {
    /// A buffer for frames with so long a payload.
    pub fn new(mtu: usize) -> Self {
        Self {
            buffer: vec![0; ETHERNET_BYTES + mtu],
            length: 0,
        }
    }

    /// The frame that was written, if one was; then there is none.
    pub fn take(&mut self) -> Option<&mut [u8]> {
        let length = core::mem::take(&mut self.length);
        if length == 0 {
            return None;
        }
        self.buffer.get_mut(..length)
    }

    /// Whether nothing was written.
    #[cfg(feature = "dhcp")]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// A frame of so many bytes, to be written by the caller.
    pub fn frame(&mut self, length: usize) -> Option<&mut [u8]> {
        let frame = self.buffer.get_mut(..length)?;
        self.length = length;
        Some(frame)
    }
}

/// The device of one step.
pub struct Step<'s> {
    /// What is read.
    pub input: Option<&'s [u8]>,
    /// What is written.
    pub out: &'s mut Out,
    /// `Medium::Ip` leaves room for an Ethernet header in front.
    pub medium: Medium,
}

impl Device for Step<'_> {
    type RxToken<'a>
        = Input<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Output<'a>
    where
        Self: 'a;

    fn receive(&mut self, _: Instant) -> Option<(Input<'_>, Output<'_>)> {
        let input = Input(self.input.take()?);
        Some((input, Output(self.out, self.medium)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Output<'_>> {
        Some(Output(self.out, self.medium))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        DeviceCapabilities::default()
    }
}

/// The frame that came.
pub struct Input<'a>(&'a [u8]);

impl RxToken for Input<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Where one is written.
pub struct Output<'a>(&'a mut Out, Medium);

impl TxToken for Output<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let Self(out, medium) = self;
        let start = match medium {
            Medium::Ip => ETHERNET_BYTES,
            Medium::Ethernet => 0,
        };
        // smoltcp keeps to the MTU that it was told, so nothing is cut here.
        let end = (start + len).min(out.buffer.len());
        let result = f(out.buffer.get_mut(start..end).unwrap_or_default());
        out.length = end;
        result
    }
}

/// Writes the Ethernet header of a frame that holds an IP packet.
pub fn address(frame: &mut [u8], to: EthernetAddress, from: EthernetAddress) {
    let is_ipv6 = frame.get(ETHERNET_BYTES).is_some_and(|byte| byte >> 4 == 6);
    let ethertype: [u8; 2] = if is_ipv6 { [0x86, 0xdd] } else { [0x08, 0x00] };
    if let Some(header) = frame.first_chunk_mut::<ETHERNET_BYTES>() {
        let (addresses, kind) = header.split_at_mut(12);
        let (destination, source) = addresses.split_at_mut(6);
        destination.copy_from_slice(&to.0);
        source.copy_from_slice(&from.0);
        kind.copy_from_slice(&ethertype);
    }
}

/// Leaves the TCP checksum of a frame that smoltcp wrote without one to the
/// interface: puts the sum of the pseudo-header where it belongs.
pub fn leave_checksum(frame: &mut [u8], source: IpAddress, destination: IpAddress) -> Checksum {
    let header = match source {
        IpAddress::Ipv4(_) => 20,
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(_) => 40,
    };
    let start = ETHERNET_BYTES + header;
    let length = frame.len().saturating_sub(start);
    let sum = pseudo_header(source, destination, IpProtocol::Tcp, length as u32);
    let at = start + usize::from(TCP_CHECKSUM);
    if let Some(place) = frame.get_mut(at..at + 2) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    Checksum::Complete {
        start: start as u16,
        offset: TCP_CHECKSUM,
    }
}

/// The sum of a pseudo-header, folded and not complemented (RFC 9293 §3.1,
/// RFC 8200 §8.1).
pub fn pseudo_header(
    source: IpAddress,
    destination: IpAddress,
    protocol: IpProtocol,
    length: u32,
) -> u16 {
    let mut sum = u32::from(u8::from(protocol)) + (length >> 16) + (length & 0xffff);
    for address in [source, destination] {
        match address {
            IpAddress::Ipv4(address) => sum += words(&address.octets()),
            #[cfg(feature = "ipv6")]
            IpAddress::Ipv6(address) => sum += words(&address.octets()),
        }
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

fn words(bytes: &[u8]) -> u32 {
    bytes
        .chunks_exact(2)
        .filter_map(|pair| pair.first_chunk())
        .map(|&pair| u32::from(u16::from_be_bytes(pair)))
        .sum()
}
