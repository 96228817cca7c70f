//! Devices that are played, for tests on any host: the same memory, the same
//! registers, the other end of the queues. Honest ones as the specification has
//! them, and hands to lie with.

mod device;
mod memory;
mod mmio;
mod net;
mod pci;
mod platform;
mod queue;

pub use device::{Device, Shared};
pub use memory::Memory;
pub use mmio::MmioModel;
pub use net::{Kind, Rig};
pub use pci::FakePci;
pub use platform::{FakePlatform, FakeRegisters, Model};
pub use queue::{Chain, DeviceQueue};
