//! Tests of the transport alone; what it does for a card is tested with that.

use super::*;
use crate::drivers::fake::{Device, FakePci, FakePlatform, FakeRegisters};

const MESSAGE: Message = Message {
    address: 0x12_fee0_1000,
    data: 0x31,
};

fn bus(vectors: u16) -> (FakePci, FakePlatform) {
    let device = Device::new(1, false, 0);
    let mut platform = FakePlatform::default();
    (FakePci::new(&device, &mut platform, vectors), platform)
}

fn transport(
    bus: &mut FakePci,
    platform: &mut FakePlatform,
) -> Result<VirtioPci<FakeRegisters>, StartError> {
    let at = find(bus, 1).ok_or(StartError::NotThere)?;
    VirtioPci::new(bus, at, platform, MESSAGE)
}

#[test]
fn types_by_their_numbers() {
    assert_eq!(device_type(0x1af4, 0x1000), Some(1));
    assert_eq!(device_type(0x1af4, 0x1041), Some(1));
    assert_eq!(device_type(0x1af4, 0x1005), Some(4));
    assert_eq!(device_type(0x1af4, 0x1044), Some(4));
    assert_eq!(device_type(0x1af4, 0x1001), None);
    assert_eq!(device_type(0x1af4, 0x1080), None);
    assert_eq!(device_type(0x8086, 0x1041), None);
}

#[test]
fn interrupts_are_messages_on_the_first_vector() {
    let (mut bus, mut platform) = bus(1);
    let table = bus.table.clone();
    transport(&mut bus, &mut platform).unwrap();
    assert_eq!(table.borrow()[..4], [0xfee0_1000, 0x12, 0x31, 0]);
    assert_eq!(table.borrow()[4..], [u32::MAX; 4]);
    assert_eq!(bus.space[0x98 / 4] >> 30, 2, "enabled, not masked");
    assert_eq!(bus.space[1] & 0x406, 0x406, "memory, master, no wire");
}

#[test]
fn a_device_without_a_vector_to_spare_is_refused() {
    let (mut bus, mut platform) = bus(0);
    let mut transport = transport(&mut bus, &mut platform).unwrap();
    let addresses = Addresses {
        size: 8,
        descriptors: 4096,
        available: 8192,
        used: 12288,
    };
    assert_eq!(transport.set_queue(0, &addresses), Err(StartError::Queue));
    assert_eq!(transport.set_queue(7, &addresses), Err(StartError::Queue));
}

#[test]
fn capabilities_that_lead_nowhere_are_refused() {
    // A word of configuration space, what it becomes, and why it is refused.
    let missing = StartError::Layout("a capability is missing");
    let outside = StartError::Layout("a capability ends outside its window");
    let nameless = StartError::Layout("a capability names no base address");
    for (offset, value, error) in [
        (0x34, 0, missing),
        // The common structure: of an unknown kind, in a window that does not
        // exist, in one of ports, past the end, around the end, too short.
        (0x40, 0x0710_0009, missing),
        (0x44, 6, missing),
        (0x44, 0xff, missing),
        (0x44, 0, missing),
        (0x44, 2, nameless),
        (0x48, 0x4000, outside),
        (0x48, u32::MAX, outside),
        (0x4c, u32::MAX, outside),
        (0x4c, 0x37, StartError::Layout("a capability is too short")),
        // The doorbells, and the table of messages.
        (0x7c, 1, StartError::Layout("a capability is too short")),
        (0x98, 0x0001_8405, StartError::Layout("no MSI-X")),
        (0x9c, 0x0000_1001, outside),
        (0x9c, 0x0000_0007, nameless),
        // A window that nobody placed.
        (0x14, 0, StartError::Layout("a base address was never set")),
    ] {
        let (mut bus, mut platform) = bus(1);
        bus.space[offset / 4] = value;
        let outcome = transport(&mut bus, &mut platform).err();
        assert_eq!(outcome, Some(error), "{offset:#x} = {value:#x}");
    }
}

#[test]
fn registers_that_cannot_be_mapped_are_refused() {
    let (mut bus, mut platform) = bus(1);
    platform.models.clear();
    let outcome = transport(&mut bus, &mut platform).err();
    assert_eq!(outcome, Some(StartError::Memory));
}

#[test]
fn a_doorbell_outside_its_window_is_refused() {
    for stride in [0x1000, u32::MAX] {
        let (mut bus, mut platform) = bus(1);
        bus.space[0x80 / 4] = stride;
        let mut transport = transport(&mut bus, &mut platform).unwrap();
        let addresses = Addresses {
            size: 8,
            descriptors: 4096,
            available: 8192,
            used: 12288,
        };
        // The first queue's is at the start whatever the stride; the second's is
        // a stride further.
        assert_eq!(transport.set_queue(0, &addresses), Ok(()));
        let outside = StartError::Layout("a doorbell is outside its window");
        assert_eq!(transport.set_queue(1, &addresses), Err(outside));
    }
}
