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

    /// Whether a packet from this address may be answered: it is one machine's,
    /// and not this one's (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). An answer to
    /// any other would go to many, or come back.
    pub fn answers(&self, source: IpAddress) -> bool {
        let broadcast = self.ipv4.and_then(|own| own.broadcast());
        let is_machine = match source {
            IpAddress::Ipv4(address) => {
                address.octets()[0] != 0 && !address.is_loopback() && Some(address) != broadcast
            }
            #[cfg(feature = "ipv6")]
            IpAddress::Ipv6(address) => !address.is_loopback(),
        };
        is_machine && source.is_unicast() && !self.has(source)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_machines_are_answered() {
        let mut link = Link::new(&Capabilities {
            mac: [2, 0, 0, 0, 0, 1],
            mtu: 1500,
            completes_checksums: false,
            slices: 0,
        });
        link.ipv4 = Some(Ipv4Cidr::new([192, 0, 2, 2].into(), 24));
        let answers = |octets: [u8; 4]| link.answers(IpAddress::Ipv4(octets.into()));
        assert!(answers([192, 0, 2, 9]) && answers([198, 51, 100, 255]));
        for octets in [
            [192, 0, 2, 2],
            [192, 0, 2, 255],
            [0, 0, 0, 0],
            [0, 1, 2, 3],
            [127, 0, 0, 1],
            [224, 0, 0, 1],
            [255, 255, 255, 255],
        ] {
            assert!(!answers(octets), "{octets:?}");
        }
    }
}
