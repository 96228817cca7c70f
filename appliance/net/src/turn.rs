//! What a turn of the server works with, and how it sends.

use crate::clock::Clock;
use crate::console::Console;
use crate::link::Link;
use crate::nic::Nic;
use crate::service::Services;
use crate::wire::Out;

/// Sends what was written, if something was; whether something was.
pub fn send<'b>(nic: &mut dyn Nic<'b>, out: &mut Out) -> bool {
    let Some((frame, checksum)) = out.take() else {
        return false;
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
    pub fn send(&mut self) -> bool {
        send(self.nic, self.out)
    }
}
