//! How memory is spent: decided once, at start.
//!
//! A connection has a buffer of its own for each direction, so memory is
//! connections times buffers. First there is to be room for a few
//! hundred connections, then rings grow, then there are more connections.

use crate::limits::{
    COMFORTABLE_CONNECTIONS, FEWEST_CONNECTIONS, LONG_REQUESTS, MOST_CONNECTIONS, RECEIVE_BYTES,
    TRANSMIT_BYTES,
};
use crate::setup::SetupError;

/// What is made of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Places for connections.
    pub connections: u16,
    /// Bytes of each transmit ring.
    pub transmit_bytes: usize,
    /// Buffers for long requests.
    pub long_requests: usize,
}

/// Bytes of a connection without its rings: its socket, its place in tables,
/// and what an allocator adds. A test holds it.
pub const OVERHEAD_BYTES: usize = 1536;

/// Bytes that are taken whatever the number of connections.
const FIXED_BYTES: usize = 16 * 1024;

/// Bytes of a buffer for a long request.
#[cfg(feature = "http")]
pub const LONG_REQUEST_BYTES: usize = applgen_http::limits::REQUEST_BYTES;
/// Bytes of a buffer for a long request.
#[cfg(not(feature = "http"))]
pub const LONG_REQUEST_BYTES: usize = 16 * 1024;

impl Plan {
    /// The plan for so many bytes.
    pub fn new(memory_bytes: usize) -> Result<Self, SetupError> {
        let smallest = TRANSMIT_BYTES.last().copied().unwrap_or_default();
        let needed = FIXED_BYTES + LONG_REQUEST_BYTES + FEWEST_CONNECTIONS * each(smallest);
        if memory_bytes < needed {
            return Err(SetupError::Memory {
                available: memory_bytes,
                needed,
            });
        }
        // At most a sixteenth for long requests, and at least one of them.
        let long_requests = (memory_bytes / 16 / LONG_REQUEST_BYTES).clamp(1, LONG_REQUESTS);
        let rest = memory_bytes - FIXED_BYTES - long_requests * LONG_REQUEST_BYTES;
        let transmit_bytes = TRANSMIT_BYTES
            .into_iter()
            .find(|&bytes| rest / each(bytes) >= COMFORTABLE_CONNECTIONS)
            .unwrap_or(smallest);
        let connections = (rest / each(transmit_bytes)).min(MOST_CONNECTIONS);
        Ok(Self {
            connections: connections as u16,
            transmit_bytes,
            long_requests,
        })
    }
}

const fn each(transmit_bytes: usize) -> usize {
    RECEIVE_BYTES + transmit_bytes + OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_spent_on_connections_first() {
        let plan = |bytes| Plan::new(bytes).unwrap();
        let small = plan(4_500_000);
        assert!(small.connections >= 256, "{small:?}");
        assert_eq!(small.transmit_bytes, 8 * 1024);
        let middle = plan(12_000_000);
        assert!(middle.connections >= 256, "{middle:?}");
        assert_eq!(middle.transmit_bytes, 32 * 1024);
        let large = plan(32_000_000);
        assert!(large.connections >= 256, "{large:?}");
        assert_eq!(large.transmit_bytes, 64 * 1024);
        assert_eq!(
            usize::from(plan(usize::MAX / 2).connections),
            MOST_CONNECTIONS
        );
    }

    #[test]
    fn a_plan_stays_within_its_memory() {
        let mut bytes = 300_000;
        while bytes < 400_000_000 {
            let plan = Plan::new(bytes).unwrap();
            let taken = FIXED_BYTES
                + plan.long_requests * LONG_REQUEST_BYTES
                + usize::from(plan.connections) * each(plan.transmit_bytes);
            assert!(taken <= bytes, "{bytes}: {plan:?}");
            bytes += bytes / 7;
        }
    }

    #[test]
    fn too_little_memory_is_said() {
        let Err(SetupError::Memory { available, needed }) = Plan::new(100_000) else {
            panic!("no error");
        };
        assert_eq!(available, 100_000);
        assert!(Plan::new(needed - 1).is_err());
        let plan = Plan::new(needed).unwrap();
        assert!(usize::from(plan.connections) >= FEWEST_CONNECTIONS);
    }
}
