//! DNS as a service: `applgen-dns` over the seam.
//!
//! A datagram is answered in the frame that it came in. Over TCP an answer may
//! be longer than what a conversation hands on at once: it is made again for
//! each piece, from the same query, which stays in the input until then.

use crate::clock::Clock;
use crate::frame::Flow;
use crate::link::Link;
use crate::service::{After, Answer, At, HEAD_BYTES, Step, Surroundings};
use alloc::vec;
use alloc::vec::Vec;
use applgen_dns::limit::{Limiter, Slot, Verdict};
use applgen_dns::{MESSAGE_BYTES, Own, Peer, Server, Transport};
use core::cell::RefCell;
use core::net::IpAddr;
use smoltcp::wire::IpAddress;

/// Counters of the rate limiter, 16 bytes each.
const COUNTERS: usize = 4096;

/// The zones, and where they are served.
#[derive(Debug)]
pub struct Dns<'b> {
    server: Server<'b>,
    /// Where.
    pub at: At,
    /// Absent where there is no limit.
    limiter: Option<RefCell<Limiter<Vec<Slot>>>>,
    /// Room for a message over TCP and its length, for one at a time.
    message: RefCell<Vec<u8>>,
}

/// What a connection remembers.
#[derive(Debug, Default)]
pub struct Dialog {
    /// Bytes of the answer in progress that have been handed on.
    sent: usize,
    /// When that answer was made first, in seconds: a cookie holds the time.
    seconds: u32,
    closing: bool,
}

impl Dialog {
    /// Whether it is between two queries.
    pub fn is_idle(&self) -> bool {
        self.sent == 0
    }

    /// Makes the next answer the last.
    pub fn close_after_next(&mut self) {
        self.closing = true;
    }
}

impl<'b> Dns<'b> {
    /// With a secret for cookies, and another for the limiter.
    pub fn new(server: Server<'b>, at: At, secret: [u8; 16]) -> Self {
        let zones = server.zones();
        let limiter = match zones.rate_limit() {
            0 => None,
            rate => Some(RefCell::new(Limiter::new(
                vec![Slot::default(); COUNTERS],
                rate,
                zones.slip(),
                secret,
            ))),
        };
        Self {
            server,
            at,
            limiter,
            message: RefCell::new(vec![0; 2 + MESSAGE_BYTES]),
        }
    }

    /// Tells the zones which addresses this machine has now.
    pub fn addresses(&mut self, link: &Link) {
        self.server.set_own(Own {
            ipv4: link.ipv4.map(|own| own.address().octets()),
            #[cfg(feature = "ipv6")]
            ipv6: link.ipv6.map(|own| own.address().octets()),
            #[cfg(not(feature = "ipv6"))]
            ipv6: None,
        });
    }

    /// Answers a datagram in its place.
    pub fn datagram(
        &self,
        flow: &Flow,
        clock: &Clock,
        buffer: &mut [u8],
        length: usize,
    ) -> Option<usize> {
        let seconds = clock.seconds();
        let peer = peer(flow.remote, Transport::Udp, seconds);
        let reply = self.server.answer(buffer, length, &peer)?;
        let verdict = match &self.limiter {
            Some(limiter) => limiter.borrow_mut().check(peer.address, &reply, seconds),
            None => Verdict::Send,
        };
        match verdict {
            Verdict::Send => Some(reply.length),
            Verdict::Truncate => Some(reply.truncate(buffer)),
            Verdict::Drop => None,
        }
    }

    /// One step of a connection: a piece of the answer to its first query.
    pub fn step(&self, dialog: &mut Dialog, input: &[u8], with: &mut Surroundings<'_>) -> Step<'b> {
        let Some((length, rest)) = input.split_first_chunk() else {
            return Step::Need(0);
        };
        let length = usize::from(u16::from_be_bytes(*length));
        let nothing = |after| Answer {
            head_len: 0,
            slices: [&[], &[]],
            after,
        };
        // A message without bytes cannot be answered.
        if length == 0 {
            return Step::Answer(input.len(), nothing(After::Close));
        }
        let Some(query) = rest.get(..length) else {
            return Step::Need(0);
        };
        if dialog.sent == 0 {
            dialog.seconds = with.clock.seconds();
        }
        let peer = peer(with.client, Transport::Tcp, dialog.seconds);
        let mut message = self.message.borrow_mut();
        let Some((head, buffer)) = message.split_first_chunk_mut::<2>() else {
            return Step::Need(input.len());
        };
        let Some(place) = buffer.get_mut(..length) else {
            return Step::Need(input.len());
        };
        place.copy_from_slice(query);
        let Some(reply) = self.server.answer(buffer, length, &peer) else {
            return Step::Need(2 + length);
        };
        *head = u16::try_from(reply.length).unwrap_or(0).to_be_bytes();
        let whole = message.get(..2 + reply.length).unwrap_or_default();
        let left = whole.get(dialog.sent..).unwrap_or_default();
        let piece = left.get(..HEAD_BYTES).unwrap_or(left);
        let Some(to) = with.head.get_mut(..piece.len()) else {
            return Step::Need(input.len());
        };
        to.copy_from_slice(piece);
        let (consumed, after) = match piece.len() == left.len() {
            true => {
                dialog.sent = 0;
                let after = match dialog.closing {
                    true => After::Close,
                    false => After::Stay,
                };
                (2 + length, after)
            }
            false => {
                dialog.sent += piece.len();
                (0, After::Stay)
            }
        };
        let answer = Answer {
            head_len: piece.len(),
            ..nothing(after)
        };
        Step::Answer(consumed, answer)
    }
}

fn peer(address: IpAddress, transport: Transport, seconds: u32) -> Peer {
    let address = match address {
        IpAddress::Ipv4(address) => IpAddr::V4(address),
        #[cfg(feature = "ipv6")]
        IpAddress::Ipv6(address) => IpAddr::V6(address),
    };
    Peer {
        address,
        transport,
        seconds,
    }
}
