//! Tests of the transport alone; what it does for a card is tested with that.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::drivers::Platform;
use crate::drivers::fake::{Device, FakePlatform, FakeRegisters, MmioModel, Model};

#[test]
fn words_of_the_command_line() {
    let place = |address, bytes, interrupt| {
        Some(Place {
            address,
            bytes,
            interrupt,
        })
    };
    assert_eq!(parse("512@0xfeb00e00:12"), place(0xfeb0_0e00, 512, 12));
    assert_eq!(parse("4K@0xd0000000:5"), place(0xd000_0000, 4096, 5));
    assert_eq!(parse("0x1000@4096:0x10:3"), place(4096, 4096, 16));
    assert_eq!(parse("1M@0x0:1"), place(0, 1 << 20, 1));
}

#[test]
fn words_that_say_nothing_useful() {
    for value in [
        "",
        "@",
        ":",
        "512",
        "512@",
        "512@0x",
        "512@0x1000",
        "512@0x1000:",
        "512@0x1000:5:",
        "512@0x1000:5:1:2",
        "512@0x1000:x",
        "512@0x1000:4294967296",
        "512@-1:5",
        "+512@0x1000:5",
        "512@0x+1000:5",
        "K@0x1000:5",
        "é@0x1000:5",
        // Too short for the registers, or past the end of all addresses.
        "255@0x1000:5",
        "512@0xffffffffffffff00:5",
        "17179869184G@0x1000:5",
        "99999999999999999999@0x1000:5",
    ] {
        assert_eq!(parse(value), None, "{value}");
    }
}

fn transport(device: &Rc<RefCell<Device>>) -> Result<VirtioMmio<FakeRegisters>, StartError> {
    let mut platform = FakePlatform::default();
    let model = Rc::new(RefCell::new(MmioModel::new(device.clone())));
    platform.models.push((0, 512, model));
    VirtioMmio::new(platform.map(0, 512).unwrap(), 1)
}

/// Registers that all read as the same.
struct Always(u32);

impl Model for Always {
    fn read(&mut self, _: usize, _: usize) -> u32 {
        self.0
    }
    fn write(&mut self, offset: usize, _: usize, _: u32) {
        panic!("writes {offset:#x}");
    }
}

#[test]
fn where_nothing_answers_nothing_is_written() {
    for value in [0, u32::MAX, MAGIC] {
        let registers = FakeRegisters {
            model: Rc::new(RefCell::new(Always(value))),
            start: 0,
            bytes: 512,
        };
        let outcome = VirtioMmio::new(registers, 1);
        assert_eq!(outcome.err(), Some(StartError::NotThere));
    }
}

#[test]
fn a_configuration_is_from_one_moment() {
    let device = Device::new(1, false, 0);
    device.borrow_mut().configuration = std::vec![0; 6];
    // It changes with each of the first bytes that are read, and then rests.
    device.borrow_mut().restless = 9;
    let mut transport = transport(&device).unwrap();
    let mut bytes = [0; 6];
    transport.configuration(0, &mut bytes);
    assert_eq!(bytes, [18; 6]);
    // A device that never rests is not waited for.
    device.borrow_mut().restless = u32::MAX;
    transport.configuration(0, &mut bytes);
}

#[test]
fn an_address_that_legacy_pages_do_not_reach() {
    let device = Device::new(1, true, 0);
    let mut transport = transport(&device).unwrap();
    let addresses = Addresses {
        size: 8,
        descriptors: 1 << 44,
        available: 0,
        used: 0,
    };
    assert_eq!(transport.set_queue(0, &addresses), Err(StartError::Queue));
    let addresses = Addresses {
        descriptors: (1 << 44) - 4096,
        ..addresses
    };
    assert_eq!(transport.set_queue(0, &addresses), Ok(()));
    assert_eq!(transport.queue_size(0), 0, "it is in use");
}
