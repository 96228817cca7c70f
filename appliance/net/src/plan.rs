//! How memory is spent: decided once, at start.
//!
//! A connection has a buffer of its own for each direction, so memory is
//! connections times buffers. First there is to be room for a few
//! hundred connections, then the rings of some of them are wide, which those get
//! that come while there are few, then there are more connections.

use crate::limits::{
    COMFORTABLE_CONNECTIONS, FEWEST_CONNECTIONS, LONG_REQUESTS, MOST_CONNECTIONS, NARROW_BYTES,
    RECEIVE_BYTES, WIDE_BYTES,
};
use crate::setup::SetupError;

/// What is made of the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Places for connections.
    pub connections: u16,
    /// How many of them, the first, have transmit rings of [`WIDE_BYTES`]; those of
    /// the others have [`NARROW_BYTES`].
    pub wide: u16,
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
        let needed = FIXED_BYTES + LONG_REQUEST_BYTES + FEWEST_CONNECTIONS * each(NARROW_BYTES);
        if memory_bytes < needed {
            return Err(SetupError::Memory {
                available: memory_bytes,
                needed,
            });
        }
        // At most a sixteenth for long requests, and at least one of them.
        let long_requests = (memory_bytes / 16 / LONG_REQUEST_BYTES).clamp(1, LONG_REQUESTS);
        let rest = memory_bytes - FIXED_BYTES - long_requests * LONG_REQUEST_BYTES;
        let comfortable = (rest / each(NARROW_BYTES)).min(COMFORTABLE_CONNECTIONS);
        let connections = (rest / each(WIDE_BYTES)).clamp(comfortable, MOST_CONNECTIONS);
        let left = rest - (connections * each(NARROW_BYTES)).min(rest);
        let wide = (left / (WIDE_BYTES - NARROW_BYTES)).min(connections);
        Ok(Self {
            connections: connections as u16,
            wide: wide as u16,
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
        let shape = |bytes| (plan(bytes).connections, plan(bytes).wide);
        assert_eq!(shape(1_000_000), (67, 0));
        assert_eq!(shape(4_500_000).0, 288);
        let (connections, wide) = shape(6_000_000);
        assert!(connections == 288 && (20..40).contains(&wide), "{wide}");
        let (connections, wide) = shape(12_000_000);
        assert!(connections == 288 && (120..150).contains(&wide), "{wide}");
        let (connections, wide) = shape(32_000_000);
        assert!(connections > 400 && wide == connections, "{connections}");
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
                + usize::from(plan.connections) * each(NARROW_BYTES)
                + usize::from(plan.wide) * (WIDE_BYTES - NARROW_BYTES);
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
