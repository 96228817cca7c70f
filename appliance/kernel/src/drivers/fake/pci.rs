//! A function on a played PCI bus, laid out as QEMU lays out its virtio devices:
//! MSI-X in window 1, the structures of virtio in the wide window 4.

use std::cell::RefCell;
use std::rc::Rc;
use std::vec::Vec;

use super::Shared;
use super::platform::{FakePlatform, Model};
use crate::drivers::pci::{Configuration, Function};

/// What a device answers that has no room for a vector (§4.1.5.1.2).
const NO_VECTOR: u16 = 0xffff;

const COMMON: usize = 0x0000;
const INTERRUPT: usize = 0x1000;
const DEVICE: usize = 0x2000;
const NOTIFY: usize = 0x3000;
const STRIDE: usize = 4;

/// Where firmware put the windows.
pub const MSIX_ADDRESS: u64 = 0xfebd_5000;
pub const WINDOW_ADDRESS: u64 = 0x38_0000_4000;

/// Configuration space of a bus with a host bridge at 00:00.0, a bridge to bus 1
/// at 00:01.0, and the device at 01:03.0.
pub struct FakePci {
    pub space: [u32; 64],
    /// The bits of each base address that can be set.
    masks: [u32; 6],
    pub table: Rc<RefCell<Vec<u32>>>,
    bridge_secondary: u32,
}

/// Where the device is.
pub const AT: Function = Function {
    bus: 1,
    device: 3,
    function: 0,
};

/// The structures behind window 4.
struct Window {
    device: Shared,
    configuration_vector: u16,
    vectors: u16,
}

/// The table behind window 1.
struct Table(Rc<RefCell<Vec<u32>>>);

impl FakePci {
    /// The bus, and the device's windows in a machine. `vectors` messages.
    pub fn new(device: &Shared, platform: &mut FakePlatform, vectors: u16) -> Self {
        let table = Rc::new(RefCell::new(std::vec![0xffff_ffff; 8]));
        let window = Window {
            device: device.clone(),
            configuration_vector: NO_VECTOR,
            vectors,
        };
        let models = &mut platform.models;
        models.push((
            MSIX_ADDRESS,
            0x1000,
            Rc::new(RefCell::new(Table(table.clone()))),
        ));
        models.push((WINDOW_ADDRESS, 0x4000, Rc::new(RefCell::new(window))));

        let mut space = [0; 64];
        let number = 0x1040 + u32::from(device.borrow().kind);
        space[0] = number << 16 | 0x1af4;
        space[1] = 1 << 20;
        // An I/O window, as transitional devices have.
        space[4] = 0xc041;
        space[5] = MSIX_ADDRESS as u32;
        space[8] = WINDOW_ADDRESS as u32 | 0xc;
        space[9] = (WINDOW_ADDRESS >> 32) as u32;
        space[13] = 0x98;
        // The list from its head on.
        let mut capability = |place: usize, next: u32, words: &[u32]| {
            space[place / 4] = words[0] | next << 8;
            for (word, &value) in space[place / 4 + 1..].iter_mut().zip(&words[1..]) {
                *word = value;
            }
        };
        let kind = |number: u32, length: u32| number << 24 | length << 16 | 9;
        capability(0x98, 0x84, &[1 << 16 | 0x11, 1, 0x801]);
        // The way through configuration space (§4.1.4.9), which is not for us.
        capability(0x84, 0x70, &[kind(5, 20), 0, 0, 0, 0]);
        let notify = NOTIFY as u32;
        capability(0x70, 0x60, &[kind(2, 20), 4, notify, 0x1000, STRIDE as u32]);
        capability(0x60, 0x50, &[kind(4, 16), 4, DEVICE as u32, 0x1000]);
        capability(0x50, 0x40, &[kind(3, 16), 4, INTERRUPT as u32, 0x1000]);
        capability(0x40, 0, &[kind(1, 16), 4, COMMON as u32, 0x1000]);
        Self {
            space,
            masks: [0xffff_ffe0, 0xffff_f000, 0, 0, 0xffff_c000, 0xffff_ffff],
            table,
            bridge_secondary: 1,
        }
    }
}

impl Configuration for FakePci {
    fn read(&mut self, function: Function, offset: u16) -> u32 {
        match (function.bus, function.device, function.function, offset) {
            (0, 0, 0, 0) => 0x29c0_8086,
            (0, 1, 0, 0) => 0x000c_1b36,
            (0, 1, 0, 0x0c) => 0x0001_0000,
            // Its own number, from which a loop would follow.
            (0, 1, 0, 0x18) => self.bridge_secondary << 16 | self.bridge_secondary << 8,
            (0, 0 | 1, 0, _) => 0,
            _ if function == AT => self.space[usize::from(offset / 4)],
            _ => u32::MAX,
        }
    }

    fn write(&mut self, function: Function, offset: u16, value: u32) {
        assert_eq!(function, AT);
        let word = usize::from(offset / 4);
        self.space[word] = match word {
            1 => self.space[1] & 0xffff_0000 | value & 0xffff,
            4..10 => {
                assert_eq!(self.space[1] & 2, 0, "moved while it answers");
                let kind = [1, 0, 0, 0, 0xc, 0];
                value & self.masks[word - 4] | kind[word - 4]
            }
            0x26 => self.space[word] & 0x3fff_ffff | value & 0xc000_0000,
            _ => panic!("writes {offset:#x}"),
        };
    }
}

impl Model for Table {
    fn read(&mut self, offset: usize, _: usize) -> u32 {
        self.0.borrow()[offset / 4]
    }

    fn write(&mut self, offset: usize, width: usize, value: u32) {
        assert_eq!(width, 4);
        self.0.borrow_mut()[offset / 4] = value;
    }
}

impl Window {
    /// The vector that is kept of one that is asked for.
    fn vector(&self, wanted: u32) -> u16 {
        let wanted = wanted as u16;
        if wanted < self.vectors {
            wanted
        } else {
            NO_VECTOR
        }
    }
}

impl Model for Window {
    fn read(&mut self, offset: usize, width: usize) -> u32 {
        let mut device = self.device.borrow_mut();
        if offset >= NOTIFY {
            panic!("reads a doorbell");
        }
        if offset >= DEVICE {
            assert_eq!(width, 1);
            return device.configuration(offset - DEVICE).into();
        }
        if offset >= INTERRUPT {
            return 0;
        }
        let number = device.queue_select;
        let most = device.most;
        match (offset, width) {
            (0x04, 4) => device.offered_half(),
            (0x10, 2) => self.configuration_vector.into(),
            (0x12, 2) => 2,
            (0x14, 1) => device.status.into(),
            (0x15, 1) => device.generation.into(),
            (0x18, 2) if number < 2 => most.into(),
            (0x18, 2) => 0,
            (0x1a, 2) => device.queue().unwrap().vector.into(),
            (0x1c, 2) => device.queue().is_some_and(|queue| queue.ready).into(),
            (0x1e, 2) => number as u32,
            _ => panic!("reads {width} bytes at {offset:#x}"),
        }
    }

    fn write(&mut self, offset: usize, width: usize, value: u32) {
        let vector = self.vector(value);
        let mut device = self.device.borrow_mut();
        if offset >= NOTIFY {
            assert_eq!(
                (offset - NOTIFY) / STRIDE,
                value as usize,
                "another's doorbell"
            );
            return device.notify(value);
        }
        match (offset, width) {
            (0x00, 4) => device.feature_select[0] = value,
            (0x08, 4) => device.feature_select[1] = value,
            (0x0c, 4) => device.accept_half(value),
            (0x10, 2) => self.configuration_vector = vector,
            (0x14, 1) => device.set_status(value as u8),
            (0x16, 2) => device.queue_select = value as usize,
            _ => {
                let queue = device.queue().unwrap();
                let set = |whole: &mut u64, high: bool| {
                    let shift = if high { 32 } else { 0 };
                    *whole = *whole & !(0xffff_ffff << shift) | u64::from(value) << shift;
                };
                match (offset, width) {
                    (0x18, 2) => queue.size = value as u16,
                    (0x1a, 2) => queue.vector = vector,
                    (0x1c, 2) => queue.ready = value == 1,
                    (0x20 | 0x24, 4) => set(&mut queue.descriptors, offset == 0x24),
                    (0x28 | 0x2c, 4) => set(&mut queue.available, offset == 0x2c),
                    (0x30 | 0x34, 4) => set(&mut queue.used, offset == 0x34),
                    _ => panic!("writes {width} bytes at {offset:#x}"),
                }
            }
        }
    }
}
