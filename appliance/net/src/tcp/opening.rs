//! How connections are opened: which place a SYN gets, and with which initial
//! sequence number.

use super::segment::{Segment, mss_of};
use super::{Arrival, NONE, Tcp};
use crate::frame::Flow;
use crate::queue::Waiting;
use crate::service::Conversation;
use smoltcp::wire::EthernetAddress;

/// Initial sequence numbers: nobody who does not see them can guess them
/// (RFC 6528): a keyed hash of the flow and of a counter, so that no two
/// connections of one flow follow from each other.
#[derive(Debug)]
pub struct Isn {
    key: (u64, u64),
    opened: u32,
}

impl Isn {
    /// With this key.
    pub fn new(key: (u64, u64)) -> Self {
        Self { key, opened: 0 }
    }

    fn next(&mut self, flow: &Flow) -> u32 {
        self.opened = self.opened.wrapping_add(1);
        flow.hash(self.key, self.opened) as u32
    }
}

impl<'b> Tcp<'b> {
    /// Opens a connection, if there is a place for it.
    pub(super) fn open(
        &mut self,
        segment: &Segment<'_>,
        conversation: Conversation,
        sender: EthernetAddress,
        arrival: &mut Arrival<'_, 'b>,
    ) {
        let Some(key) = self.place() else {
            // The client tries again in a second.
            return;
        };
        let flow = segment.flow;
        self.link(key, &flow);
        let isn = self.isn.next(&flow);
        let Some(slot) = self.slots.get_mut(usize::from(key)) else {
            return;
        };
        slot.open(flow, sender, conversation);
        let mss = mss_of(arrival.link.mtu, &flow);
        let transmit_bytes = slot.transmit_bytes;
        slot.connection.open(segment, isn, mss, transmit_bytes);
        self.queues.wait(key, Waiting::Handshake, arrival.micros);
        self.activate(key);
    }

    /// A place for a new connection: a free one, or else that of the oldest
    /// that is only remembered, or of the oldest whose handshake is not over.
    fn place(&mut self) -> Option<u16> {
        // The first of them was used last, and has its memory already.
        if let Some((key, _)) = self.queues.oldest(Waiting::Free) {
            return Some(key);
        }
        let (key, _) = [Waiting::TimeWait, Waiting::Handshake]
            .into_iter()
            .find_map(|waiting| self.queues.oldest(waiting))?;
        debug_assert_ne!(key, NONE);
        self.free(key);
        Some(key)
    }
}
