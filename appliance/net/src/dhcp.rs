//! The IPv4 address from a DHCP server (RFC 2131), by smoltcp's client.
//!
//! The client has an interface of its own, of the Ethernet medium: when it
//! renews a lease it is this side that speaks first, and has to ask for
//! Ethernet addresses. It is given replies to its own questions, and nothing
//! else.

use crate::frame::{Datagram, Flow};
use crate::link::Link;
use crate::setup::is_host;
use crate::wire::{Out, Step};
use alloc::vec;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{Checksum, Device, DeviceCapabilities, Medium};
use smoltcp::socket::dhcpv4::{Event, Socket};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr, Ipv4Cidr, UdpPacket};

/// The port of DHCP clients.
const CLIENT_PORT: u16 = 68;

/// How long to wait for an offer before asking again: a guest is there before
/// its server is, at times.
const DISCOVER: Duration = Duration::from_secs(2);

/// The client.
pub struct Dhcp {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

impl core::fmt::Debug for Dhcp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Dhcp")
    }
}

/// What has become of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There is one.
    Leased(Ipv4Cidr),
    /// There is none any more.
    Lost,
}

impl Dhcp {
    /// A client for this link.
    pub fn new(link: &Link, seed: u64, out: &mut Out) -> Self {
        let mut config = Config::new(HardwareAddress::Ethernet(link.mac));
        config.random_seed = seed;
        let mut device = Described {
            step: Step {
                input: None,
                out,
                medium: Medium::Ethernet,
            },
            mtu: link.mtu,
        };
        let interface = Interface::new(config, &mut device, Instant::ZERO);
        let mut sockets = SocketSet::new(vec![SocketStorage::EMPTY]);
        let mut socket = Socket::new();
        let mut retry = socket.get_retry_config();
        retry.discover_timeout = DISCOVER;
        retry.initial_request_timeout = DISCOVER;
        socket.set_retry_config(retry);
        let handle = sockets.add(socket);
        Self {
            interface,
            sockets,
            handle,
        }
    }

    /// Whether a datagram is for the client, and right.
    pub fn wants(datagram: &Datagram<'_>, checked: bool) -> bool {
        let Flow {
            remote,
            local,
            local_port,
            ..
        } = datagram.flow;
        local_port == CLIENT_PORT
            && matches!(remote, IpAddress::Ipv4(_))
            && (checked
                || UdpPacket::new_checked(datagram.bytes)
                    .is_ok_and(|packet| packet.verify_checksum(&remote, &local)))
    }

    /// Gives it a frame: a DHCP reply, or ARP.
    pub fn ingest(&mut self, frame: &[u8], out: &mut Out, now: Instant) {
        let mut step = Step {
            input: Some(frame),
            out,
            medium: Medium::Ethernet,
        };
        self.interface
            .poll_ingress_single(now, &mut step, &mut self.sockets);
    }

    /// Lets it send one frame, if it has one.
    pub fn egress(&mut self, out: &mut Out, now: Instant) {
        let mut step = Step {
            input: None,
            out,
            medium: Medium::Ethernet,
        };
        self.interface
            .poll_egress(now, &mut step, &mut self.sockets);
    }

    /// When it wants to send, in microseconds.
    pub fn due(&mut self, now: Instant) -> u64 {
        let due = self.interface.poll_at(now, &self.sockets);
        due.map_or(u64::MAX, |due| {
            u64::try_from(due.total_micros()).unwrap_or(0)
        })
    }

    /// What has changed since the last time.
    pub fn poll(&mut self) -> Option<Change> {
        let event = self.sockets.get_mut::<Socket<'_>>(self.handle).poll()?;
        let (change, router) = match event {
            // An address that no host can have is none.
            Event::Configured(config) if is_host(config.address) => {
                (Change::Leased(config.address), config.router)
            }
            _ => (Change::Lost, None),
        };
        self.interface.update_ip_addrs(|addresses| {
            addresses.clear();
            if let Change::Leased(address) = change {
                let _ = addresses.push(IpCidr::Ipv4(address));
            }
        });
        let routes = self.interface.routes_mut();
        routes.remove_default_ipv4_route();
        if let Some(router) = router {
            // There is room for one.
            let _ = routes.add_default_ipv4_route(router);
        }
        Some(change)
    }
}

/// A step's device that also says what smoltcp asks once.
struct Described<'s> {
    step: Step<'s>,
    mtu: usize,
}

impl Device for Described<'_> {
    type RxToken<'a>
        = <Step<'a> as Device>::RxToken<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = <Step<'a> as Device>::TxToken<'a>
    where
        Self: 'a;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        self.step.receive(now)
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        self.step.transmit(now)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = crate::wire::ETHERNET_BYTES + self.mtu;
        // What comes in was checked before; see `Dhcp::wants`.
        capabilities.checksum.udp = Checksum::Tx;
        capabilities
    }
}
