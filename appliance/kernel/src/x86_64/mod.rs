//! What is particular to x86-64 machines.
//!
//! Only [`paging`], which is arithmetic, is compiled for hosts; of the unpacker its
//! tests.

pub mod paging;

#[cfg(feature = "machine")]
pub mod apic;
#[cfg(feature = "machine")]
mod boot;
#[cfg(feature = "machine")]
pub mod cpu;
#[cfg(feature = "machine")]
pub mod interrupts;
#[cfg(feature = "machine")]
pub mod power;
#[cfg(feature = "machine")]
mod rtc;
#[cfg(feature = "machine")]
pub mod serial;
#[cfg(feature = "machine")]
mod string;
#[cfg(feature = "machine")]
pub mod tables;
#[cfg(feature = "machine")]
pub mod time;
#[cfg(any(feature = "machine", all(test, target_arch = "x86_64", not(miri))))]
mod unpack;
