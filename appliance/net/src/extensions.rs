//! The extension headers of IPv6 (RFC 8200 §4): what is behind them, or what is
//! wrong with them.

use crate::icmp::Refusal;
use crate::wire::{ICMPV6, IPV6_BYTES, TCP, UDP};

/// Numbers of the headers.
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const NO_NEXT: u8 = 59;
const DESTINATION: u8 = 60;

/// Headers that are gone through; a packet with more of them is dropped.
const HEADERS: usize = 8;
/// Where the header of IPv6 names the next one.
const NEXT: u16 = 6;
/// Where a routing header names its type.
const ROUTING_TYPE: u16 = 2;

/// Codes of a parameter problem (RFC 4443 §3.4): a field, the next header, an
/// option.
const FIELD: u8 = 0;
const HEADER: u8 = 1;
const OPTION: u8 = 2;

/// What is behind the extension headers of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upper<'f> {
    /// Its protocol.
    pub protocol: u8,
    /// Its bytes.
    pub payload: &'f [u8],
    /// Why the packet is refused, if it is to be.
    pub refusal: Option<Refusal>,
    /// Whether it comes as a fragment, which is all of it (RFC 6946).
    pub is_fragment: bool,
}

impl<'f> Upper<'f> {
    /// Goes through the headers of a packet, of which the one of IPv6 names the
    /// first. `None` is what is dropped without a word: what is cut short, a part
    /// of a packet, an option that says so.
    #[inline(never)]
    pub fn find(mut protocol: u8, mut payload: &'f [u8]) -> Option<Self> {
        let mut at = IPV6_BYTES as u16;
        let mut named = NEXT;
        let mut refusal = None;
        let mut is_fragment = false;
        for _ in 0..=HEADERS {
            let problem = |code, pointer| Some(Refusal { code, pointer });
            let is_extension = match protocol {
                HOP_BY_HOP => named == NEXT,
                ROUTING | FRAGMENT | DESTINATION => true,
                _ => false,
            };
            if !is_extension {
                if !matches!(protocol, TCP | UDP | ICMPV6 | NO_NEXT) {
                    refusal = refusal.or(problem(HEADER, named));
                }
                // Never an error about an error (RFC 4443 §2.4(e)).
                let is_error = protocol == ICMPV6 && payload.first().is_none_or(|kind| *kind < 128);
                return (refusal.is_none() || !is_error).then_some(Self {
                    protocol,
                    payload,
                    refusal,
                    is_fragment,
                });
            }
            let &[next, length, third, fourth] = payload.first_chunk()?;
            let bytes = match protocol {
                FRAGMENT => 8,
                _ => 8 * (usize::from(length) + 1),
            };
            let (header, rest) = payload.split_at_checked(bytes)?;
            refusal = refusal.or(match protocol {
                FRAGMENT if u16::from_be_bytes([third, fourth]) & 0xfff9 != 0 => return None,
                FRAGMENT => {
                    is_fragment = true;
                    None
                }
                ROUTING if fourth > 0 => problem(FIELD, at + ROUTING_TYPE),
                ROUTING => None,
                _ => {
                    let offset = unknown_option(header)?;
                    offset.and_then(|offset| problem(OPTION, at + offset))
                }
            });
            named = at;
            at = at.checked_add(bytes as u16)?;
            protocol = next;
            payload = rest;
        }
        None
    }
}

/// Where in a header of options one lies that may not be passed over, if one
/// does; `None` if the packet is dropped for it (RFC 8200 §4.2).
fn unknown_option(header: &[u8]) -> Option<Option<u16>> {
    let mut at = 2;
    while let Some(&kind) = header.get(at) {
        match kind >> 6 {
            0 => {}
            1 => return None,
            // To groups nothing is said of it, as for all that comes to them.
            _ => return Some(Some(at as u16)),
        }
        // One byte of padding has no length.
        at += match kind {
            0 => 1,
            _ => 2 + usize::from(*header.get(at + 1)?),
        };
    }
    // The last one does not reach beyond its header.
    (at == header.len()).then_some(None)
}
