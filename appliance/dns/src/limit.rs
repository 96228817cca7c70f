//! Response rate limiting: a name server that answers whoever seems to ask is
//! an amplifier for attacks on those who did not.
//!
//! As BIND does it, responses of one kind to one network (IPv4 /24, IPv6 /64)
//! are counted, and each second makes up for as many as the limit says, so that
//! this many go out in any second however long it lasts. Beyond that, responses
//! are dropped, but each `slip`-th is sent truncated, so that a client that did
//! ask comes back over TCP. What was dropped counts too: a flood is limited until
//! it stops, and for at most [`WINDOW_SECONDS`] behind that. A client with a valid
//! cookie, or over TCP, is who it says, and never limited; neither is loopback.
//!
//! The table has a fixed size, and networks that meet in one slot take turns in
//! it: the newcomer starts anew, as in NSD.

use crate::server::{Class, Reply};
use core::hash::Hasher;
use core::net::IpAddr;
use siphasher::sip::SipHasher13;

/// For how long a flood counts, in seconds.
pub const WINDOW_SECONDS: u32 = 15;

/// What to do with a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Send it.
    Send,
    /// Send it truncated ([`Reply::truncate`]).
    Truncate,
    /// Send nothing.
    Drop,
}

/// One counter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Slot {
    /// What tells the kind of response and network from others.
    tag: u32,
    /// When it was counted last.
    second: u32,
    /// Responses that no second has made up for yet.
    owed: u32,
    /// Responses that were limited.
    limited: u32,
}

/// Counters of responses, 16 bytes each, in storage of the driver's.
#[derive(Debug)]
pub struct Limiter<S> {
    slots: S,
    rate: u32,
    slip: u32,
    secret: [u8; 16],
}

impl<S: AsMut<[Slot]>> Limiter<S> {
    /// So many responses a second (0: no limit), and of those over it each
    /// `slip`-th truncated (0: none). `secret` keeps others from choosing slots.
    pub fn new(slots: S, rate: u32, slip: u32, secret: [u8; 16]) -> Self {
        Self {
            slots,
            rate,
            slip,
            secret,
        }
    }

    /// Counts a reply to `address` at a time in seconds, and says what to do.
    pub fn check(&mut self, address: IpAddr, reply: &Reply, seconds: u32) -> Verdict {
        if self.rate == 0 || reply.genuine || address.is_loopback() {
            return Verdict::Send;
        }
        let hash = self.hash(address, reply);
        let slots = self.slots.as_mut();
        let index = (hash as usize).checked_rem(slots.len()).unwrap_or(0);
        let tag = (hash >> 32) as u32;
        let Some(slot) = slots.get_mut(index) else {
            return Verdict::Send;
        };
        if slot.tag != tag {
            *slot = Slot {
                tag,
                second: seconds,
                ..Slot::default()
            };
        } else if slot.second != seconds {
            // A clock that was set back has made up for all.
            let passed = seconds.wrapping_sub(slot.second);
            slot.owed = slot.owed.saturating_sub(passed.saturating_mul(self.rate));
            slot.second = seconds;
        }
        let most = self.rate.saturating_mul(WINDOW_SECONDS);
        slot.owed = slot.owed.saturating_add(1).min(most);
        if slot.owed <= self.rate {
            return Verdict::Send;
        }
        slot.limited = slot.limited.wrapping_add(1);
        match self.slip {
            0 => Verdict::Drop,
            slip if slot.limited.is_multiple_of(slip) => Verdict::Truncate,
            _ => Verdict::Drop,
        }
    }

    fn hash(&self, address: IpAddr, reply: &Reply) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.secret);
        match address {
            IpAddr::V4(address) => hasher.write_u32(address.to_bits() >> 8),
            IpAddr::V6(address) => hasher.write_u64((address.to_bits() >> 64) as u64),
        }
        hasher.write_u8(match reply.class {
            Class::Positive => 0,
            Class::Wildcard => 1,
            Class::NoData => 2,
            Class::NxDomain => 3,
            Class::Referral => 4,
            Class::Error => 5,
        });
        hasher.write_u64(reply.key);
        hasher.finish()
    }
}
