//! What a server is made of, and what can be wrong with it.

use crate::link::Link;
use crate::nic::Capabilities;
use crate::plan::Plan;
use crate::service::{At, Services};
#[cfg(feature = "http")]
use crate::{http::Http, limits::HTTP_PORT};
use applgen_bundle::Bundle;
#[cfg(any(feature = "dns", feature = "http"))]
use applgen_bundle::Section;
use applgen_bundle::boot::{Ip4, Listen, Words};
use applgen_bundle::show::{Show, display};
#[cfg(feature = "http")]
use applgen_bundle::{boot::Log, http::Site};
#[cfg(all(feature = "http", feature = "log"))]
use applgen_http::log::Format;
use core::fmt;
use core::hash::Hasher;
use siphasher::sip::SipHasher13;
use smoltcp::wire::{IpAddress, Ipv4Cidr};
#[cfg(feature = "dns")]
use {crate::limits::DNS_PORT, applgen_bundle::dns::Zones};

/// Bytes of randomness that a server wants from its platform.
pub const SEED_BYTES: usize = 32;

/// What a server is made of.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'b> {
    /// The site, and whatever else there is to serve.
    pub bundle: Bundle<'b>,
    /// The boot words, merged with the bundle's defaults
    /// ([`Words::or`]). Without any address word the address comes from DHCP,
    /// where the feature is there. `http=` without an address listens on all.
    pub words: Words<'b>,
    /// The interface, as its driver describes it.
    pub capabilities: Capabilities,
    /// From the platform's entropy: sequence numbers, transaction ids and hash
    /// keys come of it.
    pub seed: [u8; SEED_BYTES],
    /// Bytes that the server may take from the allocator: those that are kept
    /// for it. It decides in `Server::new` how many it will need at most, takes
    /// a part at once and the rest when as many connections have come, and
    /// gives nothing back.
    pub memory_bytes: usize,
}

/// The parts of a server, checked.
pub(crate) struct Parts<'b> {
    pub link: Link,
    pub services: Services<'b>,
    pub plan: Plan,
    /// Whether the IPv4 address is to be asked for.
    #[cfg(feature = "dhcp")]
    pub dhcp: bool,
    /// Keys, independent of each other.
    pub keys: [u64; 9],
}

impl<'b> Setup<'b> {
    /// Checks everything and takes it apart.
    #[inline(never)]
    pub(crate) fn parts(&self) -> Result<Parts<'b>, SetupError> {
        let capabilities = &self.capabilities;
        if capabilities.mtu < MTU_MIN {
            return Err(SetupError::Mtu(capabilities.mtu));
        }
        let mut link = Link::new(capabilities);
        if !link.mac.is_unicast() || link.mac.0 == [0; 6] {
            return Err(SetupError::Mac);
        }
        let dhcp = self.addresses(&mut link)?;
        Ok(Parts {
            services: self.services(&link, dhcp)?,
            plan: Plan::new(self.memory_bytes)?,
            link,
            #[cfg(feature = "dhcp")]
            dhcp,
            keys: self.keys(),
        })
    }

    /// Gives the link its addresses; whether the IPv4 address is to come from
    /// DHCP.
    #[inline(never)]
    fn addresses(&self, link: &mut Link) -> Result<bool, SetupError> {
        let words = &self.words;
        #[cfg(feature = "ipv6")]
        if let Some(ip6) = words.ip6 {
            let own = ip6.address;
            if own.is_unspecified() || own.is_multicast() || own.is_loopback() {
                return Err(SetupError::Address("ip6="));
            }
            let cidr = smoltcp::wire::Ipv6Cidr::new(own, ip6.prefix);
            let gateway = words.gw6;
            if gateway.is_some_and(|gw| !(cidr.contains_addr(&gw) || gw.is_unicast_link_local())) {
                return Err(SetupError::Gateway("gw6="));
            }
            link.ipv6 = Some(cidr);
        }
        #[cfg(feature = "ipv6")]
        let has_ipv6 = link.ipv6.is_some();
        #[cfg(not(feature = "ipv6"))]
        let has_ipv6 = false;
        match words.ip {
            Some(Ip4::Static { address, prefix }) => {
                let cidr = Ipv4Cidr::new(address, prefix);
                if !is_host(cidr) {
                    return Err(SetupError::Address("ip="));
                }
                // A gateway on a network of one's own is reached as the last
                // frame of each client was: by whoever sent it.
                if prefix < 32 && words.gw.is_some_and(|gw| !cidr.contains_addr(&gw)) {
                    return Err(SetupError::Gateway("gw="));
                }
                link.ipv4 = Some(cidr);
                Ok(false)
            }
            Some(Ip4::Dhcp) if !cfg!(feature = "dhcp") => Err(SetupError::NoDhcp),
            Some(Ip4::Dhcp) => Ok(true),
            None if has_ipv6 => Ok(false),
            None if cfg!(feature = "dhcp") => Ok(true),
            None => Err(SetupError::NoAddress),
        }
    }

    #[inline(never)]
    fn services(&self, link: &Link, dhcp: bool) -> Result<Services<'b>, SetupError> {
        #[cfg(all(feature = "http", not(feature = "log")))]
        if matches!(self.words.log, Some(Log::Common | Log::Json)) {
            return Err(SetupError::NoLog);
        }
        #[cfg(feature = "http")]
        let http = match self.bundle.section(applgen_bundle::TAG_HTTP) {
            Some(section) => Some(Http {
                site: site(section)?,
                at: at(self.words.http, HTTP_PORT, "http=", link, dhcp)?,
                #[cfg(feature = "log")]
                log: match self.words.log {
                    Some(Log::Common) => Some(Format::Common),
                    Some(Log::Json) => Some(Format::Json),
                    Some(Log::Off) | None => None,
                },
            }),
            None => None,
        };
        #[cfg(feature = "dns")]
        let dns = match self.bundle.section(applgen_bundle::TAG_DNS) {
            Some(section) => {
                let zones = zones(section)?;
                let at = at(self.words.dns, DNS_PORT, "dns=", link, dhcp)?;
                let [_, _, _, _, _, k0, k1, k2, k3] = self.keys();
                let secret =
                    |high: u64, low: u64| (u128::from(high) << 64 | u128::from(low)).to_be_bytes();
                let cookies = self.words.cookie_secret.unwrap_or(secret(k0, k1));
                let server = applgen_dns::Server::new(zones, cookies);
                let mut dns = crate::dns::Dns::new(server, at, secret(k2, k3));
                dns.addresses(link);
                Some(dns)
            }
            None => None,
        };
        let _ = (link, dhcp);
        let services = Services {
            #[cfg(feature = "http")]
            http,
            #[cfg(feature = "dns")]
            dns,
        };
        match services.is_empty() {
            true => Err(SetupError::NothingToServe),
            false => Ok(services),
        }
    }

    fn keys(&self) -> [u64; 9] {
        let mut words = [0; SEED_BYTES / 8];
        for (word, bytes) in words.iter_mut().zip(self.seed.chunks_exact(8)) {
            *word = bytes
                .first_chunk()
                .map_or(0, |bytes| u64::from_le_bytes(*bytes));
        }
        let [k0, k1, m0, m1] = words;
        let mut number = 0;
        [(); 9].map(|()| {
            number += 1;
            let mut hasher = SipHasher13::new_with_keys(k0, k1);
            hasher.write_u64(m0);
            hasher.write_u64(m1);
            hasher.write_u64(number);
            hasher.finish()
        })
    }
}

/// The site in a section, if this kernel can serve all of it.
#[cfg(feature = "http")]
fn site(section: Section<'_>) -> Result<Site<'_>, SetupError> {
    let site = Site::parse(section).map_err(SetupError::Section)?;
    if cfg!(not(feature = "rules")) && !(site.hosts().is_empty() && site.rules().is_empty()) {
        return Err(SetupError::NoRules);
    }
    Ok(site)
}

/// The zones in a section, if this kernel can answer for all of them.
#[cfg(feature = "dns")]
fn zones(section: Section<'_>) -> Result<Zones<'_>, SetupError> {
    let zones = Zones::parse(section).map_err(SetupError::Zones)?;
    if cfg!(not(feature = "dnssec")) && zones.zones().any(|zone| zone.nsec_count() > 0) {
        return Err(SetupError::NoDnssec);
    }
    Ok(zones)
}

/// Where a service listens, by its word.
fn at(
    word: Option<Listen>,
    default_port: u16,
    name: &'static str,
    link: &Link,
    dhcp: bool,
) -> Result<At, SetupError> {
    let address = word.and_then(|word| word.address);
    let port = word.map_or(default_port, |word| word.port);
    if port == 0 {
        return Err(SetupError::Port(name));
    }
    // `0.0.0.0` and `[::]` are all addresses, as elsewhere.
    let address = address.filter(|address| !address.is_unspecified());
    let address = match address {
        #[cfg(not(feature = "ipv6"))]
        Some(core::net::IpAddr::V6(_)) => return Err(SetupError::NotOwn(name)),
        #[cfg(feature = "ipv6")]
        Some(core::net::IpAddr::V6(address)) => Some(IpAddress::Ipv6(address)),
        Some(core::net::IpAddr::V4(address)) => Some(IpAddress::Ipv4(address)),
        None => None,
    };
    // An address that a lease is to bring may turn out to be the own one.
    let may_come = dhcp && matches!(address, Some(IpAddress::Ipv4(_)));
    if address.is_some_and(|address| !link.has(address)) && !may_come {
        return Err(SetupError::NotOwn(name));
    }
    Ok(At { address, port })
}

/// The least MTU of IPv6 (RFC 8200 §5), asked of every interface, in bytes.
const MTU_MIN: u16 = 1280;

/// Whether a host can have this address.
pub(crate) fn is_host(cidr: Ipv4Cidr) -> bool {
    let address = cidr.address();
    !(address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_loopback())
        && cidr.broadcast() != Some(address)
}

/// Why there is no server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// The bundle has nothing that this kernel can serve.
    NothingToServe,
    /// A section of the bundle is damaged or of another version.
    Section(applgen_bundle::http::SiteError),
    /// The section of zones is damaged or of another version.
    #[cfg(feature = "dns")]
    Zones(applgen_bundle::dns::ZonesError),
    /// The site has virtual hosts or rules, and this kernel knows none.
    NoRules,
    /// The site has signed zones, and this kernel knows none.
    NoDnssec,
    /// No word says what the own address is, and there is no DHCP here.
    NoAddress,
    /// `ip=dhcp`, and this kernel has no DHCP.
    NoDhcp,
    /// `log=common` or `log=json`, and this kernel has no access log.
    NoLog,
    /// An address that no host can have; the word is named.
    Address(&'static str),
    /// A gateway that is not on the network of the address; the word is named.
    Gateway(&'static str),
    /// A service is to listen on an address that is not the own one; the word
    /// is named.
    NotOwn(&'static str),
    /// A service is to listen on port 0; the word is named.
    Port(&'static str),
    /// The interface has no unicast Ethernet address.
    Mac,
    /// The interface's MTU is below 1280 (RFC 8200 §5), bytes.
    Mtu(u16),
    /// Too little memory for the fewest connections that make a server.
    Memory {
        /// Bytes that there are.
        available: usize,
        /// Bytes that it takes.
        needed: usize,
    },
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display(self, f)
    }
}

impl Show for SetupError {
    fn show(&self, out: &mut dyn FnMut(&str)) {
        // What is wrong with a word, behind it.
        let word = match self {
            Self::Address(word) | Self::Gateway(word) | Self::NotOwn(word) | Self::Port(word) => {
                word
            }
            _ => "",
        };
        if !word.is_empty() {
            out("`");
            out(word);
        }
        match self {
            Self::NothingToServe => out("the bundle has nothing that this kernel serves"),
            Self::Section(error) => error.show(out),
            #[cfg(feature = "dns")]
            Self::Zones(error) => error.show(out),
            Self::NoDnssec => {
                out("the site has signed zones, which this kernel was built without");
            }
            Self::NoRules => {
                out("the site has virtual hosts or rules, which this kernel was built without");
            }
            Self::NoAddress => {
                out("no address\n\nhint: `ip=192.0.2.2/24 gw=192.0.2.1`, or `ip6=`");
            }
            Self::NoDhcp => out("`ip=dhcp`: this kernel was built without DHCP"),
            Self::NoLog => out("`log=`: this kernel was built without the access log"),
            Self::Address(_) => out("`: not an address that a host can have"),
            Self::Gateway(_) => out("`: not on the network of the own address"),
            Self::NotOwn(_) => out("`: not an address of this machine"),
            Self::Port(_) => out("`: there is no port 0"),
            Self::Mac => out("the network device has no usable Ethernet address"),
            Self::Mtu(mtu) => {
                out("the network device's mtu is ");
                u64::from(*mtu).show(out);
                out(", below 1280");
            }
            Self::Memory { available, needed } => {
                out("too little memory: ");
                (*available as u64).show(out);
                out(" bytes are left for connections, ");
                (*needed as u64).show(out);
                out(" are needed");
            }
        }
    }
}

impl core::error::Error for SetupError {}
