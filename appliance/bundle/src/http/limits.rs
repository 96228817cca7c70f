//! Limits that a site may choose: connections and time.
//!
//! | offset in the section | size | field |
//! |---|---|---|
//! | 32 | 4 | connections in all |
//! | 36 | 4 | connections of one address |
//! | 40 | 2 | seconds without a request |
//! | 42 | 2 | seconds for a request |
//! | 44 | 2 | seconds in which a client takes nothing of its answer |
//! | 46 | 2 | 0 |

use super::field;
use crate::bytes::{u16_at, u32_at};

/// Limits; none of them is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all, where there is memory and the system has files for
    /// as many. When there is no room, the connection that has been idle for
    /// longest makes way.
    pub connections: u32,
    /// Connections of one address, or of one /64 in IPv6. Beyond them its own
    /// connection that has been idle for longest makes way.
    pub per_address: u32,
    /// How long a connection may stay without a request, in seconds.
    pub idle_seconds: u16,
    /// How long a request may take from its first byte to its last.
    pub request_seconds: u16,
    /// How long a client may take no byte of its answer.
    pub send_seconds: u16,
}

impl Limits {
    /// What a site has that chooses nothing.
    pub const DEFAULT: Self = Self {
        connections: 65_536,
        per_address: 16_384,
        idle_seconds: 60,
        request_seconds: 20,
        send_seconds: 30,
    };

    /// Reads them from the section's header; a 0 is read as 1.
    pub(super) fn parse(section: &[u8]) -> Option<Self> {
        let seconds = |place: usize| Some(u16_at(section, field::LIMITS + 8 + 2 * place)?.max(1));
        Some(Self {
            connections: u32_at(section, field::LIMITS)?.max(1),
            per_address: u32_at(section, field::LIMITS + 4)?.max(1),
            idle_seconds: seconds(0)?,
            request_seconds: seconds(1)?,
            send_seconds: seconds(2)?,
        })
    }

    /// As the section's header has them.
    #[cfg(feature = "write")]
    pub(crate) fn encoded(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.connections.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.per_address.to_le_bytes());
        let seconds = [self.idle_seconds, self.request_seconds, self.send_seconds];
        for (place, seconds) in bytes[8..].chunks_exact_mut(2).zip(seconds) {
            place.copy_from_slice(&seconds.to_le_bytes());
        }
        bytes
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
