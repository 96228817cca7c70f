//! The link and its addresses.

use crate::nic::Capabilities;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, Ipv4Address, Ipv4Cidr};
#[cfg(feature = "ipv6")]
use smoltcp::wire::{Ipv6Address, Ipv6Cidr};

/// The link, and what this machine is called on it.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The Ethernet address.
    pub mac: EthernetAddress,
    /// The longest IP packet, in bytes.
    pub mtu: usize,
    /// Whether the interface completes TCP checksums.
    pub completes_checksums: bool,
    /// The IPv4 address, once there is one.
    pub ipv4: Option<Ipv4Cidr>,
    /// The IPv6 address.
    #[cfg(feature = "ipv6")]
    pub ipv6: Option<Ipv6Cidr>,
}

/// The longest IP packet that is sent, whatever the interface can.
const MTU_MAX: u16 = 1500;

impl Link {
    /// The link of an interface, without addresses.
    pub fn new(capabilities: &Capabilities) -> Self {
        Self {
            mac: EthernetAddress(capabilities.mac),
            mtu: capabilities.mtu.min(MTU_MAX).into(),
            completes_checksums: capabilities.completes_checksums,
            ipv4: None,
            #[cfg(feature = "ipv6")]
            ipv6: None,
        }
    }

    /// Every address: at most three.
    pub fn addresses(&self) -> impl Iterator<Item = IpCidr> {
        let ipv4 = self.ipv4.map(IpCidr::Ipv4).into_iter();
        #[cfg(feature = "ipv6")]
        let all = ipv4.chain(self.ipv6.map(IpCidr::Ipv6)).chain(
            self.link_local()
                .map(|address| Ipv6Cidr::new(address, 64).into()),
        );
        #[cfg(not(feature = "ipv6"))]
        let all = ipv4;
        all
    }

    /// Whether this is an own address.
    pub fn has(&self, address: IpAddress) -> bool {
        self.addresses().any(|own| own.address() == address)
    }

    /// Whether this is the own IPv4 address.
    pub fn has_ipv4(&self, address: Ipv4Address) -> bool {
        self.ipv4.is_some_and(|own| own.address() == address)
    }

    /// The link-local address (RFC 4291 §2.5.6), where IPv6 is spoken.
    #[cfg(feature = "ipv6")]
    pub fn link_local(&self) -> Option<Ipv6Address> {
        self.ipv6?;
        let mut octets = [0; 16];
        let (prefix, interface) = octets.split_at_mut(8);
        prefix.copy_from_slice(&[0xfe, 0x80, 0, 0, 0, 0, 0, 0]);
        interface.copy_from_slice(&self.mac.as_eui_64()?);
        Some(Ipv6Address::from_octets(octets))
    }
}
