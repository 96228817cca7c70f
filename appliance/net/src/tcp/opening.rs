//! How connections are opened: which place a SYN gets, and with which initial
//! sequence number.

use super::segment::{Segment, mss_of};
use super::{Arrival, NONE, Tcp};
use crate::frame::Flow;
use crate::queue::Waiting;
use crate::service::Conversation;
use smoltcp::wire::{EthernetAddress, IpAddress};

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
        if !self.has_room_for(&segment.flow, arrival.micros) {
            // As below.
            return;
        }
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

    /// Whether a client may have a further connection. At its limit its own
    /// that has been idle for longest closes instead. Handshakes do not count:
    /// anybody can begin one in another's name.
    fn has_room_for(&mut self, flow: &Flow, now: u64) -> bool {
        if self.per_address >= self.slots.len() {
            return true;
        }
        let network = network(flow.remote);
        let mut count = 0;
        let mut oldest: Option<(u64, u16)> = None;
        for key in 0..self.places() {
            let slot = self.slots.get(usize::from(key));
            let other = slot.and_then(|slot| slot.flow);
            if other.is_none_or(|other| self::network(other.remote) != network) {
                continue;
            }
            match self.waiting(key) {
                Waiting::Idle => {
                    let since = self.queues.since(key);
                    if oldest.is_none_or(|(least, _)| since < least) {
                        oldest = Some((since, key));
                    }
                }
                Waiting::Request | Waiting::Send => {}
                _ => continue,
            }
            count += 1;
        }
        if count < self.per_address {
            return true;
        }
        let Some((_, key)) = oldest else {
            return false;
        };
        self.end(key, now);
        true
    }

    /// A place for a new connection: a free one, or else that of the oldest
    /// that is only remembered, or of the oldest whose handshake is not over.
    fn place(&mut self) -> Option<u16> {
        // What is wide is taken while there is such a place; of the others that which
        // was used last, and has its memory already.
        let wide = (0..self.wide).find(|&key| self.waiting(key) == Waiting::Free);
        let free = self.queues.oldest(Waiting::Free);
        if let Some(key) = wide.or(free.map(|(key, _)| key)) {
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

/// What counts as one client: an IPv4 address, or an IPv6 network of 64 bits,
/// the smallest that a customer is given.
fn network(address: IpAddress) -> (bool, u64) {
    match address {
        IpAddress::Ipv4(address) => (false, address.to_bits().into()),
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(address) => (true, (address.to_bits() >> 64) as u64),
    }
}
