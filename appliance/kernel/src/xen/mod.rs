//! Xen's interfaces for a guest: what is shared with the hypervisor and with
//! other domains, as safe types.
//!
//! From the machine up: [`abi`] holds the numbers and offsets of Xen's public
//! headers. A [`Page`] is memory that others may write at any time: it is read
//! and written by value, never borrowed. On pages stand the [`SharedInfo`] with
//! event channels and clock, the [`GrantTable`], the [`Ring`] of requests and
//! responses, the [`Console`] and the [`Store`] (XenStore). On those stands
//! [`netfront`], the network interface.
//!
//! The rule: whatever a page says is checked before it is used, each number
//! once, on a copy. A backend can send nonsense or nothing; it cannot make this
//! code read or write outside its pages, loop, or allocate. Nothing here knows
//! how a hypercall is made: [`Hypervisor`] does, so all of it runs on any host
//! against fake pages.

pub mod abi;
mod console;
#[cfg(test)]
mod fake;
mod grant;
mod info;
#[cfg(all(feature = "machine", feature = "xen"))]
pub mod machine;
pub mod netfront;
mod page;
mod ring;
mod store;
mod text;

pub use console::Console;
pub use grant::{Grant, GrantTable, InUse};
pub use info::{Clock, SharedInfo};
pub use page::{PAGE_BYTES, Page};
pub use ring::{Broken, RING_SLOTS, Ring};
pub use store::{Store, StoreError, Transaction};
pub use text::Text;

/// A domain's number. Domain 0 is the host's own.
pub type Domain = u16;

/// A local end of an event channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port(pub u32);

/// A hypercall's refusal: Xen's error number, positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub i64);

/// What the drivers need of the hypervisor and the clock.
pub trait Hypervisor {
    /// Sends an event through a channel.
    fn notify(&self, port: Port);

    /// A new channel that `remote` may bind to.
    fn allocate_port(&self, remote: Domain) -> Result<Port, Refused>;

    /// Closes a channel; a port that is closed already is nothing to speak of.
    fn close_port(&self, port: Port);

    /// Sleeps until an event comes on any channel, or until the clock says
    /// `until`; may return early.
    fn wait(&self, until: u64);

    /// Nanoseconds of a clock that never goes back.
    fn now(&self) -> u64;
}
