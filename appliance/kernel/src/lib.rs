//! The appliance on bare metal: boot, memory, time, console, drivers.
//!
//! What can be tested anywhere is in this library and touches no machine:
//! parsers, allocators, and drivers over an abstract memory and transport.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod drivers;
