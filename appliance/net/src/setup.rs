//! What a server is made of, and what can be wrong with it.

use crate::nic::Capabilities;
use applgen_bundle::{Bundle, boot::Words};
use core::fmt;

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
    /// Bytes that the server may take from the allocator. It takes them in
    /// `Server::new`, as much of them as is of use, and none after that.
    pub memory_bytes: usize,
}

/// Why there is no server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SetupError {
    /// The bundle has nothing that this kernel can serve.
    NothingToServe,
    /// A section of the bundle is damaged or of another version.
    Section(applgen_bundle::ParseError),
    /// No word says what the own address is, and there is no DHCP here.
    NoAddress,
    /// `ip=dhcp`, and this kernel has no DHCP.
    NoDhcp,
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
        match self {
            Self::NothingToServe => f.write_str("the bundle has nothing that this kernel serves"),
            Self::Section(error) => fmt::Display::fmt(error, f),
            Self::NoAddress => {
                f.write_str("no address\n\nhint: `ip=192.0.2.2/24 gw=192.0.2.1`, or `ip6=`")
            }
            Self::NoDhcp => f.write_str("`ip=dhcp`: this kernel was built without DHCP"),
            Self::Address(word) => write!(f, "`{word}`: not an address that a host can have"),
            Self::Gateway(word) => write!(f, "`{word}`: not on the network of the own address"),
            Self::NotOwn(word) => write!(f, "`{word}`: not an address of this machine"),
            Self::Port(word) => write!(f, "`{word}`: there is no port 0"),
            Self::Mac => f.write_str("the network device has no usable Ethernet address"),
            Self::Mtu(mtu) => write!(f, "the network device's mtu is {mtu}, below 1280"),
            Self::Memory { available, needed } => write!(
                f,
                "too little memory: {available} bytes are left for connections, {needed} are needed"
            ),
        }
    }
}

impl core::error::Error for SetupError {}
