//! The server: polled by its platform, it takes frames and sends frames.

use crate::clock::Clock;
use crate::console::Console;
#[cfg(feature = "dhcp")]
use crate::dhcp::{Change, Dhcp};
use crate::frame::{Asks, Flow, Frame, Kind};
#[cfg(feature = "ipv6")]
use crate::groups;
use crate::icmp;
use crate::limits::{FRAMES_PER_TURN, REFUSAL_MICROS, REFUSALS, STOP_MICROS};
use crate::link::Link;
use crate::neighbor;
use crate::nic::Nic;
use crate::service::Services;
use crate::setup::{Setup, SetupError};
use crate::tcp::{Arrival, Tcp};
use crate::turn::{Turn, send};
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

/// Without services on UDP there are no questions.
#[cfg(not(feature = "udp"))]
type Question = core::convert::Infallible;

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
    /// When as many packets may be refused again as at the start.
    refusals_at: u64,
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
    #[inline(never)]
    pub fn new(setup: &Setup<'b>) -> Result<Self, SetupError> {
        let parts = setup.parts()?;
        let out = Out::new(parts.link.mtu);
        #[cfg(feature = "dhcp")]
        let dhcp = parts.dhcp.then(|| Dhcp::new(parts.keys[4]));
        let [h0, h1, s0, s1, ..] = parts.keys;
        let tcp = Tcp::new(&parts.plan, &parts.services.limits(), (h0, h1), (s0, s1));
        Ok(Self {
            link: parts.link,
            services: parts.services,
            tcp,
            #[cfg(feature = "dhcp")]
            dhcp,
            out,
            clock: Clock::new(),
            refusals_at: 0,
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

    #[inline(never)]
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
    #[inline(never)]
    fn take_frames(&mut self, nic: &mut dyn Nic<'b>) -> bool {
        for _ in 0..FRAMES_PER_TURN {
            let Some(received) = nic.receive() else {
                return false;
            };
            let checked = received.checked;
            let length = usize::from(received.length);
            let bytes = nic.frame(&received);
            let bytes = bytes.get(..length).unwrap_or_default();
            #[cfg_attr(not(feature = "udp"), expect(unused_variables))]
            let question = self.frame(bytes, checked);
            #[cfg(feature = "udp")]
            if let Some(question) = question {
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
            send(nic, &mut self.out);
        }
        true
    }

    /// Takes one frame, and writes its answer; or says that it is a question,
    /// to be answered in its own buffer.
    #[inline(never)]
    fn frame(&mut self, bytes: &[u8], checked: bool) -> Option<Question> {
        let frame = Frame::parse(bytes, self.link.mac, checked)?;
        let (link, out) = (&self.link, &mut self.out);
        let is_answered =
            |source, destination| frame.is_unicast && link.has(destination) && link.answers(source);
        match &frame.kind {
            Kind::Arp => neighbor::arp(frame.packet, link, out),
            Kind::Tcp(segment) => {
                let Flow { remote, local, .. } = segment.flow;
                if is_answered(remote, local) {
                    let mut arrival = Arrival {
                        services: &self.services,
                        link,
                        out,
                        micros: self.clock.micros(),
                    };
                    self.tcp.segment(segment, frame.sender, &mut arrival);
                }
            }
            Kind::Udp(datagram) => {
                #[cfg(feature = "dhcp")]
                if let Some(dhcp) = &mut self.dhcp
                    && Dhcp::wants(datagram, checked)
                {
                    let message = datagram.bytes.get(8..).unwrap_or_default();
                    dhcp.ingest(message, frame.sender, link, self.clock.micros());
                    return None;
                }
                #[cfg(feature = "udp")]
                if is_answered(datagram.flow.remote, datagram.flow.local) {
                    return Question::new(bytes, frame.sender, datagram, checked);
                }
                let _ = datagram;
            }
            #[cfg(feature = "ipv6")]
            Kind::Solicitation(solicitation) => {
                neighbor::solicited(solicitation, frame.sender, link, out);
            }
            #[cfg(feature = "ipv6")]
            Kind::GroupQuery => groups::report(groups::Reason::Asked, link, out),
            Kind::TooBig { flow, seq, mtu } => self.tcp.too_big(flow, *seq, *mtu),
            // Groups are answered by nobody: there is nothing to be found out,
            // and a reflector to be gained.
            Kind::Other {
                source,
                destination,
                asks,
            } => {
                let ends = (*source, *destination);
                if !is_answered(*source, *destination) {
                    return None;
                }
                match *asks {
                    Asks::Echo(message) => icmp::echo(message, ends, frame.sender, link, out),
                    Asks::Refusal(refusal) => {
                        let now = self.clock.micros();
                        let at = self.refusals_at.max(now);
                        if at - now <= (REFUSALS - 1) * REFUSAL_MICROS {
                            self.refusals_at = at + REFUSAL_MICROS;
                            icmp::refuse(&frame, refusal, ends, link, out);
                        }
                    }
                }
            }
        }
        None
    }

    #[cfg(feature = "dhcp")]
    fn drive_dhcp(&mut self, nic: &mut dyn Nic<'b>, console: &mut dyn Console) -> u64 {
        let Some(dhcp) = &mut self.dhcp else {
            return u64::MAX;
        };
        if nic.has_room() {
            dhcp.egress(&self.link, &mut self.out, self.clock.micros());
            send(nic, &mut self.out);
        }
        let change = dhcp.poll();
        let due = dhcp.due();
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
                self.tcp.addresses_changed(&self.link);
                #[cfg(feature = "dns")]
                self.services.addresses(&self.link);
                self.announce_ipv4 = true;
            }
        }
        // What could not be sent is tried again a little later.
        due.max(self.clock.micros() + 1000)
    }

    /// Tells the link of new addresses, and people of what listens there.
    #[inline(never)]
    fn announce(&mut self, nic: &mut dyn Nic<'b>, console: &mut dyn Console) {
        if core::mem::take(&mut self.announce_ipv4)
            && let Some(own) = self.link.ipv4
        {
            neighbor::announce_ipv4(&self.link, &mut self.out);
            send(nic, &mut self.out);
            self.services.listening(own.address().into(), console);
        }
        #[cfg(feature = "ipv6")]
        if core::mem::take(&mut self.announce_ipv6)
            && let Some(own) = self.link.ipv6
        {
            groups::report(groups::Reason::New, &self.link, &mut self.out);
            send(nic, &mut self.out);
            for address in [Some(own.address()), self.link.link_local()]
                .into_iter()
                .flatten()
            {
                neighbor::advertise(address, &self.link, &mut self.out);
                send(nic, &mut self.out);
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
