//! The values of boot words. A parser's error is what it expected.

#[cfg(feature = "ipv6")]
use core::net::Ipv6Addr;
use core::net::{IpAddr, Ipv4Addr};

/// Where the IPv4 address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ip4 {
    /// From DHCP.
    Dhcp,
    /// From here.
    Static {
        /// Own address.
        address: Ipv4Addr,
        /// Bits of the network, at most 32.
        prefix: u8,
    },
}

impl Ip4 {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "`ip=ADDR/PREFIX` or `ip=dhcp`, such as `ip=192.0.2.2/24`";
        if text == "dhcp" {
            return Ok(Self::Dhcp);
        }
        let (address, prefix) = text.split_once('/').ok_or(EXPECTED)?;
        Ok(Self::Static {
            address: ip4(address).map_err(|_| EXPECTED)?,
            prefix: number(prefix, 32).ok_or(EXPECTED)? as u8,
        })
    }
}

/// The own IPv6 address.
#[cfg(feature = "ipv6")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ip6 {
    /// Own address.
    pub address: Ipv6Addr,
    /// Bits of the network, at most 128.
    pub prefix: u8,
}

#[cfg(feature = "ipv6")]
impl Ip6 {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "`ip6=ADDR/PREFIX`, such as `ip6=2001:db8::2/64`";
        let (address, prefix) = text.split_once('/').ok_or(EXPECTED)?;
        Ok(Self {
            address: ip6(address).map_err(|_| EXPECTED)?,
            prefix: number(prefix, 128).ok_or(EXPECTED)? as u8,
        })
    }
}

/// Where to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// The address, if one was said.
    pub address: Option<IpAddr>,
    /// The port. 0 lets a process take any that is free.
    pub port: u16,
}

impl Listen {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "`PORT` or `ADDR:PORT`, an IPv6 address in brackets, \
                                such as `127.0.0.1:8080` or `[::1]:8080`";
        let Some((address, port)) = text.rsplit_once(':') else {
            let port = number(text, 65_535).ok_or(EXPECTED)?;
            return Ok(Self {
                address: None,
                port: port as u16,
            });
        };
        let address = match address.strip_prefix('[') {
            #[cfg(feature = "ipv6")]
            Some(rest) => {
                let inner = rest.strip_suffix(']').ok_or(EXPECTED)?;
                IpAddr::V6(ip6(inner).map_err(|_| EXPECTED)?)
            }
            #[cfg(not(feature = "ipv6"))]
            Some(_) => return Err(EXPECTED),
            None => IpAddr::V4(ip4(address).map_err(|_| EXPECTED)?),
        };
        let port = number(port, 65_535).ok_or(EXPECTED)? as u16;
        Ok(Self {
            address: Some(address),
            port,
        })
    }
}

/// The access log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// None.
    Off,
    /// A line for each request, in the Common Log Format.
    Common,
    /// A line for each request, a JSON object.
    Json,
}

impl Log {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "off" => Ok(Self::Off),
            "common" => Ok(Self::Common),
            "json" => Ok(Self::Json),
            _ => Err("`log=off`, `log=common` or `log=json`"),
        }
    }
}

/// A user and a group, by number: an image has no `/etc/passwd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The user's number; not root's.
    pub uid: u32,
    /// The group's number: the user's, if none was said.
    pub gid: u32,
}

impl User {
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "`user=UID` or `user=UID:GID`, two numbers that are not 0, \
                                such as `user=1000:1000`";
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        let id = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            // The largest number means that there is none.
            text.parse::<u32>()
                .ok()
                .filter(|&id| digits && id != 0 && id != u32::MAX)
                .ok_or(EXPECTED)
        };
        Ok(Self {
            uid: id(uid)?,
            gid: id(gid)?,
        })
    }
}

pub(super) fn switch(text: &str) -> Result<bool, &'static str> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("`on` or `off` behind it"),
    }
}

pub(super) fn ip4(text: &str) -> Result<Ipv4Addr, &'static str> {
    four(text).ok_or("an IPv4 address, such as `192.0.2.1`")
}

/// Four numbers with dots between them; none with a zero in front, which would
/// be octal for some.
fn four(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut rest = Some(text);
    for octet in &mut octets {
        let part = rest?;
        let (part, behind) = match part.split_once('.') {
            Some((part, behind)) => (part, Some(behind)),
            None => (part, None),
        };
        if part.len() > 1 && part.starts_with('0') {
            return None;
        }
        *octet = number(part, 255)? as u8;
        rest = behind;
    }
    rest.is_none().then(|| octets.into())
}

#[cfg(feature = "ipv6")]
pub(super) fn ip6(text: &str) -> Result<Ipv6Addr, &'static str> {
    eight(text).ok_or("an IPv6 address, such as `2001:db8::1`")
}

/// Eight groups with colons between them, of which some may be left out (RFC
/// 4291 §2.2); the last two may be an IPv4 address.
#[cfg(feature = "ipv6")]
fn eight(text: &str) -> Option<Ipv6Addr> {
    let mut groups = [0; 8];
    let Some((before, behind)) = text.split_once("::") else {
        return (groups_of(text, &mut groups)? == 8).then(|| groups.into());
    };
    let first = groups_of(before, &mut groups)?;
    let mut last = [0; 8];
    let length = groups_of(behind, &mut last)?;
    // What is left out is one group at least.
    let start = groups.len().checked_sub(length)?;
    if first >= start || (first > 0 && before.contains('.')) {
        return None;
    }
    let (place, groups_there) = (groups.get_mut(start..)?, last.get(..length)?);
    place.copy_from_slice(groups_there);
    Some(groups.into())
}

/// Reads groups; how many they are. No text is none.
#[cfg(feature = "ipv6")]
fn groups_of(text: &str, groups: &mut [u16; 8]) -> Option<usize> {
    let mut count = 0;
    if text.is_empty() {
        return Some(0);
    }
    let mut parts = text.split(':').peekable();
    while let Some(part) = parts.next() {
        if part.contains('.') && parts.peek().is_none() {
            let [a, b, c, d] = four(part)?.octets();
            *groups.get_mut(count)? = u16::from_be_bytes([a, b]);
            *groups.get_mut(count + 1)? = u16::from_be_bytes([c, d]);
            count += 2;
            continue;
        }
        if part.is_empty() || part.len() > 4 {
            return None;
        }
        let group = groups.get_mut(count)?;
        for byte in part.bytes() {
            *group = *group << 4 | char::from(byte).to_digit(16)? as u16;
        }
        count += 1;
    }
    Some(count)
}

/// The name of a network device: 15 bytes at most (IFNAMSIZ), no slash.
pub(super) fn device(text: &str) -> Result<&str, &'static str> {
    match text {
        "" | "." | ".." => Err("a device's name"),
        _ if text.len() > 15 || text.contains('/') => Err("a device's name of at most 15 bytes"),
        _ => Ok(text),
    }
}

pub(super) fn threads(text: &str) -> Result<u16, &'static str> {
    number(text, 256)
        .filter(|&threads| threads > 0)
        .map(|threads| threads as u16)
        .ok_or("`threads=N`, N from 1 to 256")
}

/// 16 bytes in hexadecimal.
pub(super) fn secret(text: &str) -> Result<[u8; 16], &'static str> {
    const EXPECTED: &str = "32 hexadecimal digits";
    let mut secret = [0; 16];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != secret.len() || !rest.is_empty() {
        return Err(EXPECTED);
    }
    for (byte, pair) in secret.iter_mut().zip(pairs) {
        for &digit in pair {
            let digit = char::from(digit).to_digit(16).ok_or(EXPECTED)?;
            *byte = *byte << 4 | digit as u8;
        }
    }
    Ok(secret)
}

/// Decimal digits alone: no sign, no blank, nothing over `most`.
fn number(text: &str, most: u32) -> Option<u32> {
    if text.is_empty() || text.len() > 5 {
        return None;
    }
    let mut number = 0;
    for byte in text.bytes() {
        number = number * 10 + char::from(byte).to_digit(10)?;
    }
    Some(number).filter(|&number| number <= most)
}
