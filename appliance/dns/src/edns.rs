//! EDNS(0): the OPT record of a query and of its answer (RFC 6891).
//!
//! Options that are unknown, and flags but DO, are passed over and not sent
//! back (RFC 8906 §8.2).

use crate::request::u16_at;

/// Numbers of options.
mod option {
    pub const NSID: u16 = 3;
    pub const COOKIE: u16 = 10;
}

/// What a query's OPT record says.
#[derive(Debug, Clone, Copy)]
pub struct Edns {
    /// How many bytes the client takes over UDP.
    pub size: u16,
    /// The version; this server knows 0.
    pub version: u8,
    /// Whether DNSSEC records are wanted (RFC 3225).
    pub dnssec: bool,
    /// Whether the server's identifier is wanted (RFC 5001).
    pub nsid: bool,
    /// The cookie (RFC 7873).
    pub cookie: Option<Cookie>,
}

/// A cookie: the client's part, and the server's if the client has one.
#[derive(Debug, Clone, Copy)]
pub struct Cookie {
    /// The client's part.
    pub client: [u8; 8],
    /// The server's part, where it has the length of ours.
    pub server: Option<[u8; 16]>,
}

/// The OPT record of an answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reply<'a> {
    /// The high bits of the code.
    pub extended_rcode: u8,
    /// Whether the query wanted DNSSEC records.
    pub dnssec: bool,
    /// The server's identifier.
    pub nsid: Option<&'a [u8]>,
    /// The client's part of a cookie and the server's new one.
    pub cookie: Option<([u8; 8], [u8; 16])>,
    /// Whether to say that the name is in no zone of ours.
    pub foreign: bool,
}

/// The option of an extended error: Not Authoritative (RFC 8914 §4.21), as NSD and Knot
/// tell it.
pub const FOREIGN: &[u8; 6] = &[0, 15, 0, 2, 0, 20];

impl Edns {
    /// Reads class, TTL and data of an OPT record; `None` when its options do
    /// not fill it, or a cookie has a length that none has.
    pub fn read(class: u16, ttl: [u8; 4], data: &[u8]) -> Option<Self> {
        let mut edns = Self {
            size: class,
            version: ttl[1],
            dnssec: ttl[2] & 0x80 != 0,
            nsid: false,
            cookie: None,
        };
        let mut rest = data;
        while !rest.is_empty() {
            let code = u16_at(rest, 0)?;
            let length = usize::from(u16_at(rest, 2)?);
            let (value, behind) = rest.get(4..)?.split_at_checked(length)?;
            rest = behind;
            match code {
                option::NSID => edns.nsid = true,
                // The first one counts.
                option::COOKIE if edns.cookie.is_none() => edns.cookie = Some(Cookie::read(value)?),
                _ => {}
            }
        }
        Some(edns)
    }
}

impl Cookie {
    fn read(value: &[u8]) -> Option<Self> {
        // RFC 7873 §5.2.2: other lengths are a FORMERR.
        if !matches!(value.len(), 8 | 16..=40) {
            return None;
        }
        let (client, server) = value.split_first_chunk()?;
        Some(Self {
            client: *client,
            server: server.try_into().ok(),
        })
    }
}

impl Reply<'_> {
    /// How many bytes it takes.
    pub fn length(&self) -> usize {
        let nsid = self.nsid.map_or(0, |nsid| 4 + nsid.len());
        let cookie = self.cookie.map_or(0, |_| 4 + 8 + 16);
        let foreign = if self.foreign { FOREIGN.len() } else { 0 };
        11 + nsid + cookie + foreign
    }

    /// Writes it; the number of bytes, or `None` if there are not so many.
    pub fn write(&self, to: &mut [u8]) -> Option<usize> {
        let length = self.length();
        let data = u16::try_from(length - 11).ok()?;
        let mut rest = to.get_mut(..length)?;
        let mut put = |bytes: &[u8]| {
            let (here, behind) = core::mem::take(&mut rest).split_at_mut_checked(bytes.len())?;
            here.copy_from_slice(bytes);
            rest = behind;
            Some(())
        };
        put(&[0, 0, 41])?;
        put(&(crate::UDP_BYTES as u16).to_be_bytes())?;
        put(&[
            self.extended_rcode,
            0,
            if self.dnssec { 0x80 } else { 0 },
            0,
        ])?;
        put(&data.to_be_bytes())?;
        if let Some(nsid) = self.nsid {
            put(&option::NSID.to_be_bytes())?;
            put(&u16::try_from(nsid.len()).ok()?.to_be_bytes())?;
            put(nsid)?;
        }
        if let Some((client, server)) = &self.cookie {
            put(&option::COOKIE.to_be_bytes())?;
            put(&24_u16.to_be_bytes())?;
            put(client)?;
            put(server)?;
        }
        if self.foreign {
            put(FOREIGN)?;
        }
        Some(length)
    }
}
