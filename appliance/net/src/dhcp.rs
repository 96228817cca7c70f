//! The IPv4 address from a DHCP server (RFC 2131).
//!
//! A client without routes and without ARP: everything is sent to all, except
//! the first requests to renew a lease, which go to where the lease came from.

use crate::frame::Datagram;
use crate::link::Link;
use crate::setup::is_host;
use crate::wire::{ETHERNET_BYTES, HOPS, IPV4_BYTES, Out, Packet, UDP, checksum};
use core::net::Ipv4Addr;
use smoltcp::wire::{EthernetAddress, IpAddress, Ipv4Cidr};

/// The port of DHCP clients.
const CLIENT_PORT: u16 = 68;
/// The port of DHCP servers.
const SERVER_PORT: u16 = 67;

const SECOND: u64 = 1_000_000;

/// How long to wait for an answer before asking again the first time: a guest is
/// there before its server is, at times. In microseconds.
const RETRY_MICROS: u64 = 2 * SECOND;
/// How often that is doubled: up to 64 seconds (RFC 2131 §4.1).
const DOUBLINGS: u32 = 5;
/// How often an address that was offered is asked for.
const REQUESTS: u32 = 5;
/// How long to wait at least before a renewal is asked for again (RFC 2131
/// §4.4.5), in microseconds.
const RENEWAL_MICROS: u64 = 60 * SECOND;
/// How long a lease is that does not say, in seconds.
const LEASE_SECONDS: u32 = 120;

/// Bytes of a UDP header.
const UDP_BYTES: usize = 8;
/// Bytes of a message up to its options (RFC 2131 §2), the cookie included.
const FIXED_BYTES: usize = 240;
/// What comes before the options (RFC 2131 §3).
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Bytes of the messages that are sent: what relays of old ask for.
const MESSAGE_BYTES: usize = 300;

/// Options (RFC 2132).
mod option {
    pub const PAD: u8 = 0;
    pub const MASK: u8 = 1;
    pub const REQUESTED: u8 = 50;
    pub const LEASE: u8 = 51;
    pub const KIND: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const PARAMETERS: u8 = 55;
    pub const SIZE: u8 = 57;
    pub const RENEWAL: u8 = 58;
    pub const REBINDING: u8 = 59;
    pub const CLIENT: u8 = 61;
    pub const END: u8 = 255;
}

/// Kinds of messages (RFC 2132 §9.6).
mod kind {
    pub const DISCOVER: u8 = 1;
    pub const OFFER: u8 = 2;
    pub const REQUEST: u8 = 3;
    pub const ACK: u8 = 5;
    pub const NAK: u8 = 6;
}

/// The client.
#[derive(Debug)]
pub struct Dhcp {
    state: State,
    /// What transaction numbers are drawn from.
    random: u64,
    transaction: u32,
    /// When this was begun, and when there is something to do.
    began: u64,
    due: u64,
    /// Messages that were sent since.
    tries: u32,
    change: Option<Change>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// It looks for servers.
    Selecting,
    /// It asks for what was offered.
    Requesting { address: Ipv4Addr, server: [u8; 4] },
    /// It has a lease.
    Bound(Lease),
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    address: Ipv4Addr,
    server: Ipv4Addr,
    /// Where its last frame came from.
    server_ethernet: EthernetAddress,
    /// When all servers are asked, and when it ends.
    rebinding: u64,
    end: u64,
}

/// What has become of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There is one.
    Leased(Ipv4Cidr),
    /// There is none any more.
    Lost,
}

/// A reply, as far as it matters.
#[derive(Debug, Default)]
struct Reply {
    kind: u8,
    mask: Option<[u8; 4]>,
    server: Option<[u8; 4]>,
    lease: Option<[u8; 4]>,
    renewal: Option<[u8; 4]>,
    rebinding: Option<[u8; 4]>,
}

impl Reply {
    fn parse(mut options: &[u8]) -> Self {
        let mut reply = Self::default();
        while let [code, rest @ ..] = options {
            if *code == option::PAD {
                options = rest;
                continue;
            }
            let Some((value, rest)) = rest
                .split_first()
                .and_then(|(length, rest)| rest.split_at_checked(usize::from(*length)))
            else {
                // The end, or what is cut short.
                break;
            };
            let four = value.first_chunk().copied();
            match *code {
                option::KIND => reply.kind = value.first().copied().unwrap_or(0),
                option::MASK => reply.mask = four,
                option::SERVER => reply.server = four,
                option::LEASE => reply.lease = four,
                option::RENEWAL => reply.renewal = four,
                option::REBINDING => reply.rebinding = four,
                option::END => break,
                _ => {}
            }
            options = rest;
        }
        reply
    }
}

impl Dhcp {
    /// A client that begins at once.
    pub fn new(seed: u64) -> Self {
        let mut dhcp = Self {
            state: State::Selecting,
            random: seed,
            transaction: 0,
            began: 0,
            due: 0,
            tries: 0,
            change: None,
        };
        dhcp.begin(State::Selecting, 0);
        dhcp
    }

    /// Whether a datagram is for the client, and right.
    pub fn wants(datagram: &Datagram<'_>, checked: bool) -> bool {
        let flow = &datagram.flow;
        (flow.remote_port, flow.local_port) == (SERVER_PORT, CLIENT_PORT)
            && matches!(flow.remote, IpAddress::Ipv4(_))
            && (checked || datagram.is_right())
    }

    /// When it has something to do, in microseconds.
    pub fn due(&self) -> u64 {
        self.due
    }

    /// What has changed since the last time.
    pub fn poll(&mut self) -> Option<Change> {
        self.change.take()
    }

    /// Gives it a message of a server, and where that came from.
    pub fn ingest(&mut self, message: &[u8], from: EthernetAddress, link: &Link, now: u64) {
        let (Some(fixed), Some(options)) = (
            message.first_chunk::<FIXED_BYTES>(),
            message.get(FIXED_BYTES..),
        ) else {
            return;
        };
        let field = |at: usize| fixed.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let is_ours = fixed.first() == Some(&2)
            && field(4) == Some(&self.transaction.to_be_bytes())
            && fixed.get(28..34) == Some(&link.mac.0)
            && field(236) == Some(&COOKIE);
        let Some(address) = field(16).filter(|_| is_ours) else {
            return;
        };
        let address = Ipv4Addr::from(*address);
        let reply = Reply::parse(options);
        match (self.state, reply.kind) {
            (State::Selecting, kind::OFFER) => {
                if let Some(server) = reply.server {
                    self.state = State::Requesting { address, server };
                    self.tries = 0;
                    self.due = now;
                }
            }
            // What was not asked for is nobody's to give or to take.
            (_, kind::ACK | kind::NAK) if self.tries == 0 => {}
            (State::Requesting { server, .. }, kind::ACK | kind::NAK)
                if reply.server.is_some_and(|other| other != server) => {}
            (State::Requesting { .. } | State::Bound(_), kind::ACK) => {
                self.take(address, &reply, from, now);
            }
            (State::Requesting { .. } | State::Bound(_), kind::NAK) => self.lose(now),
            _ => {}
        }
    }

    /// Takes a lease.
    fn take(&mut self, address: Ipv4Addr, reply: &Reply, from: EthernetAddress, now: u64) {
        // That of the address's class for who does not say (RFC 791 §3.2).
        let class = match address.octets()[0] {
            0..128 => [255, 0, 0, 0],
            128..192 => [255, 255, 0, 0],
            _ => [255, 255, 255, 0],
        };
        let mask = u32::from_be_bytes(reply.mask.unwrap_or(class));
        if mask.count_ones() != mask.leading_ones() {
            return;
        }
        let cidr = Ipv4Cidr::new(address, mask.leading_ones() as u8);
        // An address that no host can have is none.
        if !is_host(cidr) {
            return self.lose(now);
        }
        let server = match (reply.server, self.state) {
            (Some(server), _) | (None, State::Requesting { server, .. }) => server.into(),
            (None, State::Bound(lease)) => lease.server,
            (None, State::Selecting) => return,
        };
        let seconds = |bytes: Option<[u8; 4]>| bytes.map(u32::from_be_bytes);
        let length = seconds(reply.lease).unwrap_or(LEASE_SECONDS);
        // A half, and seven eighths (RFC 2131 §4.4.5).
        let rebinding = seconds(reply.rebinding)
            .filter(|&rebinding| rebinding < length)
            .unwrap_or(length - length / 8);
        let renewal = seconds(reply.renewal)
            .filter(|&renewal| renewal < rebinding)
            .unwrap_or((length / 2).min(rebinding));
        // The greatest number is for ever.
        let after = |seconds: u32| match length {
            u32::MAX => u64::MAX,
            _ => now.saturating_add(u64::from(seconds) * SECOND),
        };
        self.begin(
            State::Bound(Lease {
                address,
                server,
                server_ethernet: from,
                rebinding: after(rebinding),
                end: after(length),
            }),
            after(renewal),
        );
        self.change = Some(Change::Leased(cidr));
    }

    /// Has no lease any more, if it had one, and looks for the next.
    fn lose(&mut self, now: u64) {
        if let State::Bound(_) = self.state {
            self.change = Some(Change::Lost);
        }
        // Not at once: a server that always says no is not to be flooded.
        self.begin(State::Selecting, now.saturating_add(RETRY_MICROS));
    }

    /// Begins something new, with a transaction of its own.
    fn begin(&mut self, state: State, due: u64) {
        self.transaction = self.draw();
        self.tries = 0;
        self.state = state;
        self.began = due;
        self.due = due;
    }

    /// A random number.
    fn draw(&mut self) -> u32 {
        // Knuth's MMIX generator, of which the upper half is good.
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 32) as u32
    }

    /// Writes a message, if it is time for one.
    pub fn egress(&mut self, link: &Link, out: &mut Out, now: u64) {
        if now < self.due {
            return;
        }
        if let State::Bound(Lease { end, .. }) = self.state
            && now >= end
        {
            self.change = Some(Change::Lost);
            self.begin(State::Selecting, now);
        }
        // A second more or less, so that not all ask at once.
        let wait = RETRY_MICROS << self.tries.min(DOUBLINGS);
        let jitter = (u64::from(self.draw()) * 2 * SECOND) >> 32;
        self.due = now.saturating_add(wait - SECOND + jitter);
        match self.state {
            State::Selecting => {}
            State::Requesting { .. } if self.tries == REQUESTS => {
                return self.begin(State::Selecting, now);
            }
            State::Requesting { .. } => {}
            State::Bound(lease) => {
                let limit = match now < lease.rebinding {
                    true => lease.rebinding,
                    false => lease.end,
                };
                let wait = (limit.saturating_sub(now) / 2).max(RENEWAL_MICROS);
                self.due = now.saturating_add(wait).min(limit);
            }
        }
        self.tries = self.tries.saturating_add(1);
        self.write(link, out, now);
    }

    fn write(&self, link: &Link, out: &mut Out, now: u64) {
        let mut packet = Packet {
            from: link.mac,
            to: EthernetAddress::BROADCAST,
            source: Ipv4Addr::UNSPECIFIED.into(),
            destination: Ipv4Addr::BROADCAST.into(),
            protocol: UDP,
            hops: HOPS,
        };
        // What is asked for, and of whom; the address that is in use.
        let (kind, asked, used) = match self.state {
            State::Selecting => (kind::DISCOVER, None, Ipv4Addr::UNSPECIFIED),
            State::Requesting {
                address, server, ..
            } => (
                kind::REQUEST,
                Some((address.octets(), server)),
                Ipv4Addr::UNSPECIFIED,
            ),
            State::Bound(lease) => {
                packet.source = lease.address.into();
                if now < lease.rebinding {
                    packet.to = lease.server_ethernet;
                    packet.destination = lease.server.into();
                }
                (kind::REQUEST, None, lease.address)
            }
        };
        let Some(datagram) = out
            .packet(&packet, UDP_BYTES + MESSAGE_BYTES)
            .and_then(|frame| frame.get_mut(ETHERNET_BYTES + IPV4_BYTES..))
        else {
            return;
        };
        datagram.fill(0);
        let mut rest = &mut *datagram;
        let mut put = |bytes: &[u8]| {
            let (place, left) = core::mem::take(&mut rest)
                .split_at_mut_checked(bytes.len())
                .unwrap_or_default();
            // All of it finds room: see the test.
            if place.len() == bytes.len() {
                place.copy_from_slice(bytes);
            }
            rest = left;
        };
        put(&CLIENT_PORT.to_be_bytes());
        put(&SERVER_PORT.to_be_bytes());
        put(&((UDP_BYTES + MESSAGE_BYTES) as u16).to_be_bytes());
        put(&[0; 2]);
        // A request, on Ethernet, by nobody's leave.
        put(&[1, 1, 6, 0]);
        put(&self.transaction.to_be_bytes());
        let seconds = now.saturating_sub(self.began) / SECOND;
        put(&(seconds.min(0xffff) as u16).to_be_bytes());
        put(&[0; 2]);
        put(&used.octets());
        put(&[0; 12]);
        put(&link.mac.0);
        put(&[0; 10 + 64 + 128]);
        put(&COOKIE);
        put(&[option::KIND, 1, kind]);
        put(&[option::CLIENT, 7, 1]);
        put(&link.mac.0);
        if let Some((address, server)) = asked {
            put(&[option::REQUESTED, 4]);
            put(&address);
            put(&[option::SERVER, 4]);
            put(&server);
        }
        let [high, low] = (link.mtu.min(1500) as u16).to_be_bytes();
        put(&[option::SIZE, 2, high, low]);
        put(&[
            option::PARAMETERS,
            4,
            option::MASK,
            option::LEASE,
            option::RENEWAL,
            option::REBINDING,
        ]);
        put(&[option::END]);
        let sum = match checksum(packet.source, packet.destination, UDP, datagram) {
            0 => 0xffff,
            sum => sum,
        };
        if let Some(place) = datagram.get_mut(6..8) {
            place.copy_from_slice(&sum.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nic::Capabilities;
    use std::vec::Vec;

    /// A server's message, by somebody who knows the transaction.
    fn message(dhcp: &Dhcp, link: &Link, kind: u8, last: u8) -> Vec<u8> {
        let mut message = [0; FIXED_BYTES].to_vec();
        message[0] = 2;
        message[4..8].copy_from_slice(&dhcp.transaction.to_be_bytes());
        message[16..20].copy_from_slice(&[192, 0, 2, last]);
        message[28..34].copy_from_slice(&link.mac.0);
        message[236..].copy_from_slice(&COOKIE);
        message.extend([option::KIND, 1, kind, option::SERVER, 4, 192, 0, 2, 1]);
        message.extend([option::MASK, 4, 255, 255, 255, 0, option::END]);
        message
    }

    #[test]
    fn what_was_not_asked_for_is_not_taken() {
        let link = Link::new(&Capabilities {
            mac: [2, 0, 0, 0, 0, 1],
            mtu: 1500,
            completes_checksums: false,
            slices: 0,
        });
        let mut out = Out::new(1500);
        let mut dhcp = Dhcp::new(7);
        let mut say = |dhcp: &mut Dhcp, asks: bool, kind: u8, last: u8| {
            let now = dhcp.due().min(1 << 40);
            if asks {
                dhcp.egress(&link, &mut out, now);
            }
            let message = message(dhcp, &link, kind, last);
            dhcp.ingest(&message, EthernetAddress([2; 6]), &link, now);
            dhcp.poll()
        };
        assert_eq!(say(&mut dhcp, true, kind::OFFER, 77), None);
        // It is to ask for this one yet.
        assert_eq!(say(&mut dhcp, false, kind::ACK, 77), None);
        let leased = Change::Leased(Ipv4Cidr::new(Ipv4Addr::new(192, 0, 2, 77), 24));
        assert_eq!(say(&mut dhcp, true, kind::ACK, 77), Some(leased));
        // It has one, and asks for nothing.
        assert_eq!(say(&mut dhcp, false, kind::ACK, 66), None);
        assert_eq!(say(&mut dhcp, false, kind::NAK, 66), None);
        // It renews it.
        assert_eq!(say(&mut dhcp, true, kind::ACK, 77), Some(leased));
        assert_eq!(say(&mut dhcp, true, kind::NAK, 77), Some(Change::Lost));
    }
}
