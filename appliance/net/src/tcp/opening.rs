//! How connections are opened: which place a SYN gets, with which initial
//! sequence number, and whose handshakes become connections.

use super::segment::{Segment, mss_of};
use super::{Arrival, NONE, Tcp};
use crate::frame::Flow;
use crate::queue::Waiting;
use crate::service::Conversation;
use smoltcp::wire::{EthernetAddress, IpAddress};

impl<'b> Tcp<'b> {
    /// Opens a connection, if there is a place for it. Its numbers begin with
    /// `beyond`, if it follows another of the same flow.
    pub(super) fn open(
        &mut self,
        segment: &Segment<'_>,
        beyond: Option<u32>,
        conversation: Conversation,
        sender: EthernetAddress,
        arrival: &mut Arrival<'_, 'b>,
    ) {
        // Nothing ends for a SYN, which may be anybody's; where something could,
        // it does when the handshake is over.
        if matches!(self.room(NONE, &segment.flow), Room::None) {
            // As below.
            return;
        }
        let Some(key) = self.place() else {
            // The client tries again in a second.
            return;
        };
        let flow = segment.flow;
        self.link(key, &flow);
        // Nobody who does not see it can guess it, and it grows with time: once
        // in four microseconds (RFC 6528 §3).
        let hash = flow.hash(self.isn_key, 0) as u32;
        let isn = beyond.unwrap_or(hash.wrapping_add((arrival.micros / 4) as u32));
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

    /// Whether a client whose handshake is over may have that connection. At its
    /// limit its own that has been idle for longest closes instead.
    pub(super) fn admit(&mut self, key: u16, flow: &Flow, now: u64) -> bool {
        // From now on it counts for those that come in the same turn.
        self.queues.wait(key, Waiting::Idle, now);
        match self.room(key, flow) {
            Room::Free => {}
            Room::Instead(other) => self.end(other, now),
            Room::None => return false,
        }
        true
    }

    /// What room a client has for this connection beside its others. Handshakes
    /// do not count: anybody can begin one in another's name.
    fn room(&self, key: u16, flow: &Flow) -> Room {
        if self.per_address >= self.slots.len() {
            return Room::Free;
        }
        let network = network(flow.remote);
        let mut count = 0;
        let mut oldest: Option<(u64, u16)> = None;
        for (other, slot) in (0..).zip(&self.slots) {
            let remote = slot.flow.map(|flow| self::network(flow.remote));
            if other == key || remote != Some(network) {
                continue;
            }
            match self.waiting(other) {
                // But what has come in this very turn is to be answered.
                Waiting::Idle if slot.waiting(false) == Waiting::Idle => {
                    let since = self.queues.since(other);
                    if oldest.is_none_or(|(least, _)| since < least) {
                        oldest = Some((since, other));
                    }
                }
                Waiting::Idle | Waiting::Request | Waiting::Send => {}
                _ => continue,
            }
            count += 1;
        }
        match oldest {
            _ if count < self.per_address => Room::Free,
            Some((_, other)) => Room::Instead(other),
            None => Room::None,
        }
    }

    /// A place for a new connection: a free one, or else that of the oldest
    /// that is only remembered, or of the oldest whose handshake is not over.
    fn place(&mut self) -> Option<u16> {
        // What is wide is taken while there is such a place; of the others that which
        // was used last, and has its memory already.
        let wide = (0..self.wide).find(|&key| self.waiting(key) == Waiting::Free);
        let others = || {
            [Waiting::Free, Waiting::TimeWait, Waiting::Handshake]
                .into_iter()
                .find_map(|waiting| self.queues.oldest(waiting))
        };
        let key = wide.or_else(|| others().map(|(key, _)| key))?;
        debug_assert_ne!(key, NONE);
        self.free(key);
        Some(key)
    }
}

/// What room a client has for a further connection.
enum Room {
    Free,
    /// That of another connection of its own.
    Instead(u16),
    None,
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
