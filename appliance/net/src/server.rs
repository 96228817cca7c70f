//! The server: polled by its platform, it takes frames and sends frames.

use crate::clock::Clock;
use crate::console::Console;
#[cfg(feature = "dhcp")]
use crate::dhcp::{Change, Dhcp};
use crate::frame::{Flow, Frame, Kind};
#[cfg(feature = "ipv6")]
use crate::groups;
use crate::limits::{FRAMES_PER_TURN, STOP_MICROS};
use crate::link::Link;
use crate::neighbor;
use crate::nic::Nic;
use crate::service::Services;
use crate::setup::{Setup, SetupError};
use crate::tcp::{Arrival, Tcp};
use crate::turn::{Turn, Written, send};
#[cfg(feature = "udp")]
use crate::udp::Question;
use crate::wire::Out;

/// The time, as the platform knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Microseconds since any moment; never goes back.
    pub micros: u64,
    /// Seconds since 1970, where a wall clock is known: `Date` needs it.
    pub unix_seconds: Option<u64>,
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// When the next turn is due, in the microseconds of [`Now`], if no frame
    /// comes before; `None`: only a frame is a reason. May have passed already:
    /// then the server has more to do at once.
    pub deadline_micros: Option<u64>,
    /// Whether frames may have been left in the interface, since one turn takes
    /// a bounded number of them: come again before waiting for an interrupt.
    pub frames_left: bool,
    /// Whether it was asked to stop, and nothing is in flight any more.
    pub stopped: bool,
}

/// A server.
#[derive(Debug)]
pub struct Server<'b> {
    link: Link,
    services: Services<'b>,
    tcp: Tcp<'b>,
    #[cfg(feature = "dhcp")]
    dhcp: Option<Dhcp>,
    out: Out,
    clock: Clock,
    /// Whether the IPv4 address is new.
    announce_ipv4: bool,
    /// Whether the IPv6 address is new.
    #[cfg(feature = "ipv6")]
    announce_ipv6: bool,
    stopping: Stopping,
}

/// How far stopping has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stopping {
    No,
    Asked,
    Since(u64),
}

impl<'b> Server<'b> {
    /// A server. Nothing is sent before its first turn.
    pub fn new(setup: &Setup<'b>) -> Result<Self, SetupError> {
        let parts = setup.parts()?;
        let out = Out::new(parts.link.mtu);
        #[cfg(feature = "dhcp")]
        let mut out = out;
        #[cfg(feature = "dhcp")]
        let dhcp = parts
            .dhcp
            .then(|| Dhcp::new(&parts.link, parts.keys[4], &mut out));
        let [h0, h1, s0, s1, ..] = parts.keys;
        let mut tcp = Tcp::new(
            &parts.plan,
            &parts.services.limits(),
            &parts.link,
            (h0, h1),
            (s0, s1),
        );
        tcp.set_addresses(&parts.link);
        Ok(Self {
            link: parts.link,
            services: parts.services,
            tcp,
            #[cfg(feature = "dhcp")]
            dhcp,
            out,
            clock: Clock::new(),
            announce_ipv4: true,
            #[cfg(feature = "ipv6")]
            announce_ipv6: true,
            stopping: Stopping::No,
        })
    }

    /// One turn: takes frames, answers, runs timers, and flushes the interface.
    ///
    /// To be called when a frame has come, when the transmit queue has room
    /// again after it was full, and at the deadline of the turn before.
    pub fn poll(&mut self, nic: &mut impl Nic<'b>, now: Now, console: &mut dyn Console) -> Poll {
        self.turn(nic, now, console)
    }

    fn turn(&mut self, nic: &mut dyn Nic<'b>, now: Now, console: &mut dyn Console) -> Poll {
        self.clock.tick(now);
        let frames_left = self.take_frames(nic);
        let mut deadline = u64::MAX;
        #[cfg(feature = "dhcp")]
        if self.dhcp.is_some() {
            deadline = self.drive_dhcp(nic, console);
        }
        self.announce(nic, console);
        let stopped = self.drive_stop();
        let mut turn = Turn {
            nic,
            console,
            clock: &self.clock,
            link: &self.link,
            services: &self.services,
            out: &mut self.out,
        };
        deadline = deadline.min(self.tcp.run(&mut turn));
        if let Stopping::Since(since) = self.stopping {
            deadline = match stopped {
                true => u64::MAX,
                false => deadline.min(since.saturating_add(STOP_MICROS)),
            };
        }
        nic.flush();
        Poll {
            deadline_micros: (deadline != u64::MAX).then_some(deadline),
            frames_left,
            stopped,
        }
    }

    /// Asks it to stop: no new connection, answers in flight are finished, at
    /// most [`STOP_MICROS`] long. [`Poll::stopped`] says when.
    pub fn stop(&mut self) {
        if self.stopping == Stopping::No {
            self.stopping = Stopping::Asked;
        }
    }

    /// Takes what has come; whether there may be more.
    fn take_frames(&mut self, nic: &mut dyn Nic<'b>) -> bool {
        for _ in 0..FRAMES_PER_TURN {
            let Some(received) = nic.receive() else {
                return false;
            };
            let checked = received.checked;
            let length = usize::from(received.length);
            let bytes = nic.frame(&received);
            let bytes = bytes.get(..length).unwrap_or_default();
            let written = self.frame(bytes, checked);
            #[cfg(feature = "udp")]
            if let Written::Question(question) = written {
                let buffer = nic.frame(&received);
                let (services, clock) = (&self.services, &self.clock);
                let answer = question.answer(buffer, &self.link, |payload, length| {
                    services.datagram(question.flow(), clock, payload, length)
                });
                match answer {
                    // What finds no room is lost.
                    Some((length, checksum)) => {
                        let _ = nic.answer(received, length as u16, checksum);
                    }
                    None => nic.recycle(received),
                }
                continue;
            }
            nic.recycle(received);
            send(nic, &self.link, &mut self.out, written);
        }
        true
    }

    /// Takes one frame. What is written as its answer is to be sent as is said.
    fn frame(&mut self, bytes: &[u8], checked: bool) -> Written {
        let Some(frame) = Frame::parse(bytes, self.link.mac, checked) else {
            return Written::Frame;
        };
        let now = self.clock.instant();
        let mut arrival = Arrival {
            services: &self.services,
            link: &self.link,
            out: &mut self.out,
            now,
            micros: self.clock.micros(),
        };
        match &frame.kind {
            Kind::Arp => {
                neighbor::arp(frame.packet, &self.link, arrival.out);
                #[cfg(feature = "dhcp")]
                if let Some(dhcp) = &mut self.dhcp
                    && arrival.out.is_empty()
                {
                    dhcp.ingest(bytes, arrival.out, now);
                }
                Written::Frame
            }
            Kind::Tcp(segment) => {
                let Flow { remote, local, .. } = segment.flow;
                if !frame.is_unicast || !self.link.has(local) || !self.link.answers(remote) {
                    return Written::Frame;
                }
                self.tcp.segment(segment, &frame, &mut arrival);
                Written::Segment(frame.sender, segment.flow)
            }
            Kind::Udp(datagram) => {
                #[cfg(feature = "dhcp")]
                if let Some(dhcp) = &mut self.dhcp
                    && Dhcp::wants(datagram, checked)
                {
                    dhcp.ingest(bytes, arrival.out, now);
                    return Written::Frame;
                }
                #[cfg(feature = "udp")]
                if frame.is_unicast
                    && self.link.has(datagram.flow.local)
                    && self.link.answers(datagram.flow.remote)
                    && let Some(question) = Question::new(bytes, frame.sender, datagram, checked)
                {
                    return Written::Question(question);
                }
                let _ = datagram;
                Written::Frame
            }
            #[cfg(feature = "ipv6")]
            Kind::Solicitation(solicitation) => {
                neighbor::solicited(solicitation, frame.sender, &self.link, arrival.out);
                Written::Frame
            }
            #[cfg(feature = "ipv6")]
            Kind::GroupQuery => {
                groups::report(groups::Reason::Asked, &self.link, arrival.out);
                Written::Frame
            }
            Kind::TooBig(flow) => {
                self.tcp.too_big(flow);
                Written::Frame
            }
            Kind::Other {
                source,
                destination,
            } => {
                // Groups are answered by nobody: there is nothing to be found
                // out, and a reflector to be gained.
                let is_answered = self.link.has(*destination) && self.link.answers(*source);
                if frame.is_unicast && is_answered {
                    self.tcp.other(&frame, &mut arrival);
                }
                Written::Packet(frame.sender)
            }
        }
    }

    #[cfg(feature = "dhcp")]
    fn drive_dhcp(&mut self, nic: &mut dyn Nic<'b>, console: &mut dyn Console) -> u64 {
        let Some(dhcp) = &mut self.dhcp else {
            return u64::MAX;
        };
        let now = self.clock.instant();
        // A lookup and what waited for it, at most.
        for _ in 0..2 {
            if nic.has_room() {
                dhcp.egress(&mut self.out, now);
                send(nic, &self.link, &mut self.out, Written::Frame);
            }
        }
        let change = dhcp.poll();
        let due = dhcp.due(now);
        if let Some(change) = change {
            let before = self.link.ipv4;
            self.link.ipv4 = match change {
                Change::Leased(address) => Some(address),
                Change::Lost => None,
            };
            if self.link.ipv4 != before {
                if before.is_some() {
                    console.line(
                        crate::Line::Notice,
                        "the dhcp lease of the ipv4 address has ended",
                    );
                }
                self.tcp.set_addresses(&self.link);
                self.announce_ipv4 = true;
            }
        }
        // What could not be sent is tried again a little later.
        due.max(self.clock.micros() + 1000)
    }

    /// Tells the link of new addresses, and people of what listens there.
    fn announce(&mut self, nic: &mut dyn Nic<'b>, console: &mut dyn Console) {
        if core::mem::take(&mut self.announce_ipv4)
            && let Some(own) = self.link.ipv4
        {
            neighbor::announce_ipv4(&self.link, &mut self.out);
            send(nic, &self.link, &mut self.out, Written::Frame);
            self.services.listening(own.address().into(), console);
        }
        #[cfg(feature = "ipv6")]
        if core::mem::take(&mut self.announce_ipv6)
            && let Some(own) = self.link.ipv6
        {
            groups::report(groups::Reason::New, &self.link, &mut self.out);
            send(nic, &self.link, &mut self.out, Written::Frame);
            for address in [Some(own.address()), self.link.link_local()]
                .into_iter()
                .flatten()
            {
                neighbor::advertise(address, &self.link, &mut self.out);
                send(nic, &self.link, &mut self.out, Written::Frame);
            }
            self.services.listening(own.address().into(), console);
        }
    }

    /// Goes on stopping, if it was asked; whether it has stopped.
    fn drive_stop(&mut self) -> bool {
        let now = self.clock.micros();
        let since = match self.stopping {
            Stopping::No => return false,
            Stopping::Asked => {
                self.tcp.stop();
                self.stopping = Stopping::Since(now);
                now
            }
            Stopping::Since(since) => since,
        };
        self.tcp.is_stopped(now) || now >= since.saturating_add(STOP_MICROS)
    }
}
