//! Tests of the ACPI reader, on tables made here.

use super::*;
use std::{vec, vec::Vec};

/// Memory from address 0x1000 on.
struct Fake(Vec<u8>);

const BASE: u64 = 0x1000;

impl<'m> Memory<'m> for &'m Fake {
    fn read(&self, address: u64, bytes: usize) -> Option<&'m [u8]> {
        let start = usize::try_from(address.checked_sub(BASE)?).ok()?;
        self.0.get(start..start.checked_add(bytes)?)
    }
}

impl Fake {
    /// Adds a table, and says where.
    fn table(&mut self, signature: &[u8; 4], content: &[u8]) -> u64 {
        let address = BASE + self.0.len() as u64;
        let mut table = signature.to_vec();
        table.extend(((HEADER + content.len()) as u32).to_le_bytes());
        table.resize(HEADER, 0);
        table.extend(content);
        table[9] = 0u8.wrapping_sub(sum(&table));
        self.0.extend(table);
        address
    }

    fn pointer(&mut self, root: u64) -> u64 {
        let address = BASE + self.0.len() as u64;
        let mut pointer = b"RSD PTR ".to_vec();
        pointer.resize(36, 0);
        pointer[15] = 2;
        pointer[24..32].copy_from_slice(&root.to_le_bytes());
        pointer[8] = 0u8.wrapping_sub(sum(&pointer[..20]));
        self.0.extend(pointer);
        address
    }

    fn root(&mut self, tables: &[u64]) -> u64 {
        let content: Vec<u8> = tables.iter().flat_map(|t| t.to_le_bytes()).collect();
        let root = self.table(b"XSDT", &content);
        self.pointer(root)
    }
}

/// The content of a FADT, with bytes at offsets of the whole table.
fn fadt(fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut content = vec![0; 268 - HEADER];
    for (offset, bytes) in fields {
        content[offset - HEADER..][..bytes.len()].copy_from_slice(bytes);
    }
    content
}

#[test]
fn a_machine_with_the_old_registers() {
    let mut memory = Fake(vec![]);
    let dsdt = memory.table(b"DSDT", b"\x08_S5_\x12\x06\x04\x0a\x05\x00\x00\x00");
    let fields: [(usize, &[u8]); 7] = [
        (40, &(dsdt as u32).to_le_bytes()),
        (46, &[9, 0]),
        (48, &[0xb2, 0, 0, 0]),
        (52, &[0xf1]),
        (56, &[0, 6, 0, 0]),
        (64, &[4, 6, 0, 0]),
        (76, &[8, 6, 0, 0]),
    ];
    let facp = memory.table(b"FACP", &fadt(&fields));
    let root = memory.root(&[facp]);
    let tables = Tables::find(&memory, root).unwrap();
    let expected = Fixed {
        power_off: Some(PowerOff::Control(0x604, 5 << 10 | 1 << 13)),
        timer: Some(0x608),
        events: Some(Events::Ports(0x600)),
        enable: Some((0xb2, 0xf1)),
        interrupt: 9,
    };
    assert_eq!(tables.fixed(), Some(expected));
}

#[test]
fn a_machine_with_reduced_hardware() {
    let mut memory = Fake(vec![]);
    let fields: [(usize, &[u8]); 3] = [
        (112, &[0, 0, 0x10, 0]),
        (244, &[0, 8, 0, 1]),
        (248, &[0, 2, 0xa0, 0xfe, 0, 0, 0, 0]),
    ];
    let facp = memory.table(b"FACP", &fadt(&fields));
    let other = memory.table(b"HPET", &[]);
    let root = memory.root(&[0, other, facp]);
    let fixed = Tables::find(&memory, root).unwrap().fixed().unwrap();
    let sleep = PowerOff::Sleep(Register::Memory(0xfea0_0200), 0x34);
    assert_eq!(fixed.power_off, Some(sleep));
    assert_eq!(fixed.timer, None);
}

#[test]
fn interrupt_controllers() {
    let mut memory = Fake(vec![]);
    let mut content = vec![0; 8];
    content.extend([0, 8, 0, 0, 1, 0, 0, 0]);
    content.extend([1, 12, 0, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0]);
    content.extend([1, 12, 1, 0, 0, 0, 0xc1, 0xfe, 24, 0, 0, 0]);
    // A row that says it has no bytes, and one that is cut off.
    content.extend([9, 0, 1, 12]);
    let madt = memory.table(b"APIC", &content);
    let root = memory.root(&[madt]);
    let mut found = vec![];
    Tables::find(&memory, root)
        .unwrap()
        .io_apics(|apic| found.push((apic.address, apic.first)));
    assert_eq!(found, [(0xfec0_0000, 0), (0xfec1_0000, 24)]);
}

#[test]
fn virtio_devices_in_byte_code() {
    // Of QEMU's microvm: Device (VR23) { Name (_HID, "LNRO0005") … }
    let code = b"\x5b\x82\x40\x04VR23\x08_HID\x0dLNRO0005\0\x08_UID\x0a\x17\x08_CCA\x01\
        \x08_CRS\x11\x1a\x0a\x17\x86\x09\0\x01\0\x2e\xb0\xfe\0\x02\0\0\
        \x89\x06\0\x09\x01\x2f\0\0\0\x79\0";
    let mut both = code.to_vec();
    both.extend(b"\x08_HID\x0dLNRO0005\0\x86\x09\0");
    both.extend(code.map(|byte| if byte == 0x2e { 0x2c } else { byte }));
    let mut memory = Fake(vec![]);
    let dsdt = memory.table(b"DSDT", &both);
    let facp = memory.table(b"FACP", &fadt(&[(40, &(dsdt as u32).to_le_bytes())]));
    let root = memory.root(&[facp]);
    let mut found = vec![];
    Tables::find(&memory, root)
        .unwrap()
        .virtio_devices(|device| found.push(device));
    let device = |address| MmioDevice {
        address,
        bytes: 512,
        interrupt: 47,
    };
    assert_eq!(found, [device(0xfeb0_2e00), device(0xfeb0_2c00)]);
}

#[test]
fn damage_is_found_and_nothing_panics() {
    let mut memory = Fake(vec![]);
    let dsdt = memory.table(b"DSDT", b"\x08_S5_\x12\xff");
    let facp = memory.table(b"FACP", &fadt(&[(40, &(dsdt as u32).to_le_bytes())]));
    let root = memory.root(&[facp, 1, u64::MAX]);
    assert!(Tables::find(&memory, root).unwrap().fixed().is_some());
    let step = if cfg!(miri) { 61 } else { 1 };
    for index in (0..memory.0.len()).step_by(step) {
        for bit in [0, 3, 7] {
            let mut damaged = Fake(memory.0.clone());
            damaged.0[index] ^= 1 << bit;
            if let Some(tables) = Tables::find(&damaged, root) {
                let _ = tables.fixed();
                tables.io_apics(|_| {});
                tables.virtio_devices(|_| {});
            }
        }
        let short = Fake(memory.0[..index].to_vec());
        if let Some(tables) = Tables::find(&short, root) {
            assert!(index < memory.0.len() - 36 || tables.fixed().is_none());
        }
    }
}
