//! smoltcp's interfaces, as this server uses them.
//!
//! They are of smoltcp's IP medium: the link layer is done before and after
//! (see [`crate::wire`]). There are two that differ in their MTU, and a
//! connection is driven by the narrow one once a router has said that its
//! packets are too large: smoltcp has no path MTU discovery, but it cuts
//! segments when it sends them.

use crate::link::Link;
use crate::wire::{Out, Step};
use alloc::vec::Vec;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::HardwareAddress;

/// What every path must carry (RFC 8200 §5), bytes.
const NARROW_MTU: usize = 1280;

/// The interfaces.
pub struct Stack {
    wide: Interface,
    narrow: Interface,
    /// Has no sockets: what it is given is refused, or answered by itself.
    nobody: SocketSet<'static>,
    mtu: usize,
    completes_checksums: bool,
}

impl core::fmt::Debug for Stack {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stack").field("mtu", &self.mtu).finish()
    }
}

impl Stack {
    /// Interfaces of this link, without addresses.
    pub fn new(link: &Link) -> Self {
        let new = |mtu| interface(mtu, link.completes_checksums, 0);
        Self {
            wide: new(link.mtu),
            narrow: new(NARROW_MTU),
            nobody: SocketSet::new(Vec::new()),
            mtu: link.mtu,
            completes_checksums: link.completes_checksums,
        }
    }

    /// Takes the link's addresses.
    pub fn set_addresses(&mut self, link: &Link) {
        set_addresses(&mut self.wide, link);
        set_addresses(&mut self.narrow, link);
    }

    /// Gives a packet to a connection.
    pub fn ingest(
        &mut self,
        socket: &mut SocketSet<'static>,
        narrow: bool,
        packet: &[u8],
        out: &mut Out,
        now: Instant,
    ) {
        ingest(self.interface(narrow), socket, packet, out, now);
    }

    /// Gives a packet that opens a connection to its new socket; its initial
    /// sequence number comes from `seed` alone.
    pub fn ingest_opening(
        &mut self,
        socket: &mut SocketSet<'static>,
        link: &Link,
        seed: u64,
        packet: &[u8],
        out: &mut Out,
        now: Instant,
    ) {
        let mut interface = interface(self.mtu, self.completes_checksums, seed);
        set_addresses(&mut interface, link);
        ingest(&mut interface, socket, packet, out, now);
    }

    /// Gives a packet to nobody: smoltcp answers echo requests, and refuses
    /// segments and protocols.
    pub fn ingest_alone(&mut self, packet: &[u8], out: &mut Out, now: Instant) {
        ingest(&mut self.wide, &mut self.nobody, packet, out, now);
    }

    /// Lets a connection send one packet, if it has one.
    pub fn egress(
        &mut self,
        socket: &mut SocketSet<'static>,
        narrow: bool,
        out: &mut Out,
        now: Instant,
    ) {
        let mut step = Step {
            input: None,
            out,
            medium: Medium::Ip,
        };
        self.interface(narrow).poll_egress(now, &mut step, socket);
    }

    /// When a connection wants to send, in microseconds.
    pub fn due(&mut self, socket: &SocketSet<'static>, narrow: bool, now: Instant) -> Option<u64> {
        let due = self.interface(narrow).poll_at(now, socket)?;
        Some(u64::try_from(due.total_micros()).unwrap_or(0))
    }

    fn interface(&mut self, narrow: bool) -> &mut Interface {
        match narrow {
            true => &mut self.narrow,
            false => &mut self.wide,
        }
    }
}

fn ingest(
    interface: &mut Interface,
    sockets: &mut SocketSet<'static>,
    packet: &[u8],
    out: &mut Out,
    now: Instant,
) {
    let mut step = Step {
        input: Some(packet),
        out,
        medium: Medium::Ip,
    };
    interface.poll_ingress_single(now, &mut step, sockets);
}

fn interface(mtu: usize, completes_checksums: bool, seed: u64) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut description = Description {
        mtu,
        completes_checksums,
    };
    Interface::new(config, &mut description, Instant::ZERO)
}

fn set_addresses(interface: &mut Interface, link: &Link) {
    interface.update_ip_addrs(|addresses| {
        addresses.clear();
        // There is room for as many as a link has.
        for address in link.addresses() {
            let _ = addresses.push(address);
        }
    });
}

/// What smoltcp asks a device once, when an interface is made.
struct Description {
    mtu: usize,
    completes_checksums: bool,
}

/// A device that never has a frame.
pub struct Never;

impl Device for Description {
    type RxToken<'a>
        = Never
    where
        Self: 'a;
    type TxToken<'a>
        = Never
    where
        Self: 'a;

    fn receive(&mut self, _: Instant) -> Option<(Never, Never)> {
        None
    }

    fn transmit(&mut self, _: Instant) -> Option<Never> {
        None
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        // What came in was checked before, by the interface or in `frame`.
        capabilities.checksum.tcp = match self.completes_checksums {
            true => Checksum::None,
            false => Checksum::Tx,
        };
        capabilities
    }
}

impl RxToken for Never {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&[])
    }
}

impl TxToken for Never {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, _: usize, f: F) -> R {
        f(&mut [])
    }
}
