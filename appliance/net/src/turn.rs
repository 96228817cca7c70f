//! What a turn of the server works with, and how it sends.

use crate::clock::Clock;
use crate::console::Console;
use crate::frame::Flow;
use crate::link::Link;
use crate::nic::{Checksum, Nic};
use crate::service::Services;
use crate::wire::{Out, address, leave_checksum};
use smoltcp::wire::EthernetAddress;

/// What was written, and how it is to be sent.
#[derive(Debug, Clone, Copy)]
pub enum Written {
    /// A whole frame.
    Frame,
    /// An IP packet, for whom.
    Packet(EthernetAddress),
    /// A TCP segment of this flow.
    Segment(EthernetAddress, Flow),
    /// Nothing yet: a question that is answered in its own buffer.
    #[cfg(feature = "udp")]
    Question(crate::udp::Question),
}

/// Sends what was written, if something was; whether something was.
pub fn send<'b>(nic: &mut dyn Nic<'b>, link: &Link, out: &mut Out, written: Written) -> bool {
    let Some(frame) = out.take() else {
        return false;
    };
    let checksum = match written {
        Written::Frame => Checksum::Done,
        #[cfg(feature = "udp")]
        Written::Question(_) => Checksum::Done,
        Written::Packet(to) => {
            address(frame, to, link.mac);
            Checksum::Done
        }
        Written::Segment(to, flow) => {
            address(frame, to, link.mac);
            match link.completes_checksums {
                true => leave_checksum(frame, flow.local, flow.remote),
                false => Checksum::Done,
            }
        }
    };
    // What finds no room is lost, as it may be anywhere on its way.
    let _ = nic.transmit(frame, &[], checksum);
    true
}

/// The parts of the server, and of its platform, that a turn works with.
pub struct Turn<'t, 'b> {
    /// The interface.
    pub nic: &'t mut dyn Nic<'b>,
    /// Where lines go.
    pub console: &'t mut dyn Console,
    /// The time.
    pub clock: &'t Clock,
    /// The link.
    pub link: &'t Link,
    /// What is served.
    pub services: &'t Services<'b>,
    /// What is being written.
    pub out: &'t mut Out,
}

impl Turn<'_, '_> {
    /// Sends what was written, if something was; whether something was.
    pub fn send(&mut self, written: Written) -> bool {
        send(self.nic, self.link, self.out, written)
    }
}
