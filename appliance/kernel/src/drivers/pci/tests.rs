//! Tests of finding functions and their windows.

use std::collections::BTreeMap;
use std::vec::Vec;

use super::*;

/// Configuration space of some functions: identity, header type and so on by
/// offset; base addresses with the bits that can be set.
#[derive(Default)]
struct Bus {
    words: BTreeMap<(u8, u8, u8, u16), u32>,
    masks: BTreeMap<u16, u32>,
    reads: usize,
}

impl Bus {
    fn put(&mut self, bus: u8, device: u8, function: u8, words: &[(u16, u32)]) {
        for &(offset, value) in words {
            self.words.insert((bus, device, function, offset), value);
        }
    }
}

impl Configuration for Bus {
    fn read(&mut self, at: Function, offset: u16) -> u32 {
        self.reads += 1;
        let there = self
            .words
            .contains_key(&(at.bus, at.device, at.function, 0));
        let place = (at.bus, at.device, at.function, offset);
        match self.words.get(&place) {
            Some(&value) => value,
            None if there => 0,
            None => u32::MAX,
        }
    }

    fn write(&mut self, at: Function, offset: u16, value: u32) {
        let mask = match offset {
            4 => 0xffff,
            _ => self.masks.get(&offset).copied().unwrap_or(0),
        };
        let place = (at.bus, at.device, at.function, offset);
        let before = self.read(at, offset);
        self.words.insert(place, value & mask | before & !mask);
    }
}

const AT: Function = Function {
    bus: 0,
    device: 2,
    function: 0,
};

fn all(bus: &mut Bus) -> Vec<std::string::String> {
    let mut seen = Vec::new();
    find(bus, |_, at, vendor, device| {
        seen.push(std::format!("{at} {vendor:04x}:{device:04x}"));
        None::<()>
    });
    seen
}

#[test]
fn functions_are_found_behind_bridges_and_beside_each_other() {
    let mut bus = Bus::default();
    bus.put(0, 0, 0, &[(0, 0x29c0_8086)]);
    bus.put(0, 31, 0, &[(0, 0x2918_8086), (0xc, 0x80_0000)]);
    bus.put(0, 31, 3, &[(0, 0x2930_8086)]);
    // A device of one function: what answers at its others is an echo.
    bus.put(0, 2, 0, &[(0, 0x1041_1af4)]);
    bus.put(0, 2, 1, &[(0, 0x1041_1af4)]);
    bus.put(
        0,
        3,
        0,
        &[(0, 0x000c_1b36), (0xc, 0x1_0000), (0x18, 0x0005_0500)],
    );
    bus.put(5, 0, 0, &[(0, 0x1044_1af4)]);
    bus.put(7, 0, 0, &[(0, 0x1041_1af4)]);
    let expected = [
        "00:00.0 8086:29c0",
        "00:02.0 1af4:1041",
        "00:03.0 1b36:000c",
        "00:1f.0 8086:2918",
        "00:1f.3 8086:2930",
        "05:00.0 1af4:1044",
    ];
    assert_eq!(all(&mut bus), expected);
}

#[test]
fn bridges_that_lead_in_circles_are_left() {
    let last = if cfg!(miri) { 7 } else { 255 };
    let mut bus = Bus::default();
    for number in 0..=last {
        // Each leads to the next, the last to the first; others to their own.
        let next = (u32::from(number) + 1) & u32::from(last);
        let bridge = |secondary: u32| [(0, 0x000c_1b36), (0xc, 0x1_0000), (0x18, secondary << 8)];
        bus.put(number, 1, 0, &bridge(next));
        bus.put(number, 2, 0, &bridge(number.into()));
        bus.put(number, 3, 0, &bridge(0));
    }
    assert_eq!(all(&mut bus).len(), 3 * (usize::from(last) + 1));
}

#[test]
fn an_empty_machine_is_looked_at_once() {
    let mut bus = Bus::default();
    assert_eq!(all(&mut bus).len(), 0);
    assert_eq!(bus.reads, 32);
}

#[test]
fn capabilities_in_a_loop_end() {
    let mut bus = Bus::default();
    bus.put(0, 2, 0, &[(0, 0x1041_1af4), (4, 1 << 20), (0x34, 0x40)]);
    bus.put(0, 2, 0, &[(0x40, 0x5009), (0x50, 0x4011)]);
    let mut seen = Vec::new();
    capability(&mut bus, AT, |_, id, place| {
        seen.push((id, place));
        None::<()>
    });
    assert_eq!(seen[..2], [(0x09, 0x40), (0x11, 0x50)]);
    assert_eq!(seen.len(), 48);
    // Into the header, and none at all.
    bus.put(0, 2, 0, &[(0x34, 0x3c)]);
    assert_eq!(capability(&mut bus, AT, |_, _, _| Some(())), None);
    bus.put(0, 2, 0, &[(0x34, 0x40), (4, 0)]);
    assert_eq!(capability(&mut bus, AT, |_, _, _| Some(())), None);
}

fn with_windows() -> Bus {
    let mut bus = Bus::default();
    bus.put(0, 2, 0, &[(0, 0x1041_1af4), (4, 0x0010_0003)]);
    bus.put(
        0,
        2,
        0,
        &[
            (0x10, 0xc001),
            (0x14, 0xfebd_5000),
            (0x20, 0x400c),
            (0x24, 0x38),
        ],
    );
    bus.masks.insert(0x10, 0xffff_ffe0);
    bus.masks.insert(0x14, 0xffff_f000);
    bus.masks.insert(0x20, 0xffff_c000);
    bus.masks.insert(0x24, 0xffff_ffff);
    bus
}

#[test]
fn windows_are_measured_and_left_as_they_were() {
    let mut bus = with_windows();
    let before = bus.words.clone();
    let mut window = |index| window(&mut bus, AT, index).map(|w| (w.address, w.bytes));
    assert_eq!(window(0), None, "I/O ports");
    assert_eq!(window(1), Some((0xfebd_5000, 0x1000)));
    assert_eq!(window(2), None, "no register");
    assert_eq!(window(4), Some((0x38_0000_4000, 0x4000)));
    assert_eq!(window(6), None);
    assert_eq!(window(255), None);
    bus.words.retain(|place, _| before.contains_key(place));
    assert_eq!(bus.words, before);
}

#[test]
fn windows_that_nobody_placed_are_placed() {
    let mut bus = with_windows();
    bus.put(0, 2, 0, &[(0x14, 0), (0x20, 0xc), (0x24, 0)]);
    let mut range = 0xc000_0800..0xd000_0000;
    assert_eq!(assign(&mut bus, AT, &mut range), Ok(()));
    let place = |bus: &mut Bus, index| window(bus, AT, index).unwrap().address;
    assert_eq!(place(&mut bus, 1), 0xc000_1000);
    assert_eq!(place(&mut bus, 4), 0xc000_4000);
    assert_eq!(range.start, 0xc000_8000);
    // A second time, there is nothing to do.
    assert_eq!(assign(&mut bus, AT, &mut range), Ok(()));
    assert_eq!(range.start, 0xc000_8000);

    bus.put(0, 2, 0, &[(0x14, 0)]);
    let full = Err(StartError::Layout("no room for its base addresses"));
    for mut range in [
        0xc000_0000..0xc000_0fff,
        0x1_0000_0000..0x2_0000_0000,
        u64::MAX - 10..u64::MAX,
    ] {
        assert_eq!(assign(&mut bus, AT, &mut range), full);
    }
}

/// A device that answers with anything to everything.
struct Noise(u32);

impl Configuration for Noise {
    fn read(&mut self, _: Function, _: u16) -> u32 {
        // xorshift32
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }
    fn write(&mut self, _: Function, _: u16, _: u32) {}
}

#[test]
fn noise_is_survived() {
    for seed in 1..if cfg!(miri) { 5 } else { 2000 } {
        let mut noise = Noise(seed);
        for index in 0..7 {
            if let Some(window) = window(&mut noise, AT, index) {
                assert!(window.bytes.is_power_of_two());
                assert!(window.address.checked_add(window.bytes).is_some());
            }
        }
        let _ = assign(&mut noise, AT, &mut (0..u64::MAX));
        capability(&mut noise, AT, |_, _, _| None::<()>);
    }
    find(&mut Noise(7), |_, _, _, _| None::<()>);
}

/// What the two ways to configuration space write and read.
#[test]
fn configuration_space_by_ports_and_by_memory() {
    struct Log(Vec<(u16, u32)>);
    impl Ports for Log {
        fn out32(&mut self, port: u16, value: u32) {
            self.0.push((port, value));
        }
        fn in32(&mut self, port: u16) -> u32 {
            self.0.push((port, 0));
            7
        }
    }
    let at = Function {
        bus: 5,
        device: 31,
        function: 3,
    };
    let mut ports = PortConfiguration(Log(Vec::new()));
    assert_eq!(ports.read(at, 0x34), 7);
    ports.write(at, 4, 9);
    let expected = [
        (0xcf8, 0x8005_fb34),
        (0xcfc, 0),
        (0xcf8, 0x8005_fb04),
        (0xcfc, 9),
    ];
    assert_eq!(ports.0.0, expected);

    struct Last(usize, u32);
    impl Registers for Last {
        fn read8(&mut self, _: usize) -> u8 {
            panic!()
        }
        fn read16(&mut self, _: usize) -> u16 {
            panic!()
        }
        fn read32(&mut self, offset: usize) -> u32 {
            self.0 = offset;
            7
        }
        fn write8(&mut self, _: usize, _: u8) {
            panic!()
        }
        fn write16(&mut self, _: usize, _: u16) {
            panic!()
        }
        fn write32(&mut self, offset: usize, value: u32) {
            *self = Self(offset, value);
        }
    }
    let mut memory = Ecam {
        registers: Last(0, 0),
        first_bus: 4,
    };
    assert_eq!(memory.read(at, 0x34), 7);
    assert_eq!(memory.registers.0, 0x1f_b034);
    memory.write(at, 4, 9);
    assert_eq!((memory.registers.0, memory.registers.1), (0x1f_b004, 9));
    let below = Function { bus: 3, ..at };
    assert_eq!(memory.read(below, 0), u32::MAX);
}
