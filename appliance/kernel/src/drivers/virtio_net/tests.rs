//! The card against a played device, over all three transports.

use std::vec::Vec;

use super::*;
use crate::drivers::fake::{Device, Kind, Rig};
use crate::drivers::virtio::feature::{ACCESS_PLATFORM, EVENT_INDEX};

mod hostile;

/// What a bundle is to the tests: bytes that live for ever.
static BUNDLE: &[u8] = b"slices of the bundle are sent from where they lie";

const ALL: u64 = CSUM | GUEST_CSUM | MTU | MAC | EVENT_INDEX;

fn each(features: u64, test: impl Fn(Rig)) {
    for kind in Kind::ALL {
        for events in [0, EVENT_INDEX] {
            // Slow there, and no other code but a line or two.
            if cfg!(miri) && events == 0 {
                continue;
            }
            test(Rig::new(kind, features & !EVENT_INDEX | events, 4, 4));
        }
    }
}

/// A frame of some length whose bytes say where they are.
fn frame(length: usize) -> Vec<u8> {
    (0..length).map(|at| at as u8).collect()
}

#[test]
fn what_is_agreed_shows_in_the_capabilities() {
    each(ALL, |rig| {
        let capabilities = rig.card.capabilities();
        assert_eq!(capabilities.mac, [2, 0, 0, 0, 0, 7]);
        assert_eq!(capabilities.mtu, 1500);
        assert!(capabilities.completes_checksums);
        let device = rig.device.borrow();
        let expected = device.offered & (ALL | 1 << 27 | 1 << 32);
        assert_eq!(device.accepted, expected);
    });
    each(0, |rig| {
        let capabilities = rig.card.capabilities();
        assert_eq!(capabilities.mac, [6, 1, 2, 3, 4, 5]);
        assert!(!capabilities.completes_checksums);
    });
}

#[test]
fn what_a_device_offers_beyond_is_left() {
    // Merged buffers, long frames, a control queue, many queues, indirect
    // descriptors, packed rings, resets of queues.
    let beyond = 1 << 15 | 1 << 7 | 1 << 11 | 1 << 17 | 1 << 22 | 1 << 28 | 1 << 34 | 1 << 40;
    for kind in [Kind::Mmio, Kind::Pci] {
        let rig = Rig::new(kind, ALL | beyond | ACCESS_PLATFORM, 4, 4);
        let device = rig.device.borrow();
        assert_eq!(device.accepted, ALL | 1 << 32 | ACCESS_PLATFORM);
    }
}

#[test]
fn an_address_that_no_card_may_have_is_not_taken() {
    for mac in [[0; 6], [1, 0, 0, 0, 0, 1], [0xff; 6]] {
        let device = Device::new(DEVICE, false, MAC);
        device.borrow_mut().configuration = mac.to_vec();
        let rig = Rig::over(Kind::Mmio, device, 4, 4).unwrap();
        assert_eq!(rig.card.capabilities().mac, [6, 1, 2, 3, 4, 5]);
    }
}

#[test]
fn mtus_that_the_buffers_cannot_hold_are_not_promised() {
    for (offered, mtu, taken) in [
        (1400_u16, 1400, true),
        (1500, 1500, true),
        (68, 68, true),
        (9000, 1500, false),
        (67, 1500, false),
        (0, 1500, false),
    ] {
        let device = Device::new(DEVICE, false, MTU);
        let mut configuration = std::vec![0; 10];
        configuration.extend_from_slice(&offered.to_le_bytes());
        device.borrow_mut().configuration = configuration;
        let mut rig = Rig::over(Kind::Mmio, device, 4, 4).unwrap();
        assert_eq!(rig.card.capabilities().mtu, mtu);
        assert_eq!(rig.device.borrow().accepted & MTU != 0, taken);
        let longest = frame(14 + usize::from(mtu));
        assert_eq!(rig.card.transmit(&longest, &[], Checksum::Done), Ok(()));
        let longer = frame(15 + usize::from(mtu));
        assert_eq!(rig.card.transmit(&longer, &[], Checksum::Done), Err(Full));
    }
}

#[test]
fn frames_come_in() {
    each(ALL, |mut rig| {
        for length in [14, 15, 60, 1513, 1514] {
            assert!(rig.deliver(&frame(length), 0));
            let received = rig.card.receive().unwrap();
            assert_eq!(usize::from(received.length), length);
            let bytes = rig.card.frame(&received);
            assert!(bytes.len() >= FRAME_BYTES);
            assert_eq!(bytes[..length], frame(length));
            assert_eq!(bytes.as_ptr().addr() % 16, 2, "headers are aligned");
            rig.card.recycle(received);
            assert!(rig.card.receive().is_none());
            rig.card.flush();
        }
        assert_eq!(rig.card.count().posted, 4);
        assert_eq!(rig.card.fault(), None);
        rig.memory.check_guards();
    });
}

#[test]
fn frames_too_short_to_be_any_are_passed_over() {
    each(ALL, |mut rig| {
        for length in [0, 1, 13] {
            assert!(rig.deliver(&frame(length), 0));
        }
        assert!(rig.deliver(&frame(20), 0));
        let received = rig.card.receive().unwrap();
        assert_eq!(received.length, 20);
        rig.card.recycle(received);
        rig.card.flush();
        assert_eq!(rig.card.count().posted, 4);
        assert_eq!(rig.card.fault(), None);
    });
}

#[test]
fn the_devices_word_on_checksums_counts_only_if_it_was_asked() {
    for (features, flags, checked) in [
        (ALL, 0, false),
        (ALL, DATA_VALID, true),
        (ALL, NEEDS_CSUM, true),
        (ALL & !GUEST_CSUM, DATA_VALID, false),
        (ALL & !GUEST_CSUM, NEEDS_CSUM, false),
        // Other flags are not about checksums.
        (ALL, 4 | 128, false),
    ] {
        each(features, |mut rig| {
            assert!(rig.deliver(&frame(60), flags));
            let received = rig.card.receive().unwrap();
            assert_eq!(received.checked, checked);
            rig.card.recycle(received);
        });
    }
}

#[test]
fn a_frame_goes_out_with_its_slices_where_they_lie() {
    each(ALL, |mut rig| {
        let head = frame(54);
        let slices = [&BUNDLE[..7], &[], &BUNDLE[7..]];
        assert_eq!(rig.card.transmit(&head, &slices, Checksum::Done), Ok(()));
        assert!(rig.collect().is_empty(), "only queued");
        rig.card.flush();
        // The device is given the bundle's own addresses: nothing was copied.
        let chain = rig.transmit.clone().pop(&rig.memory).unwrap();
        let places: Vec<u64> = chain.segments[1..].iter().map(|s| s.address).collect();
        let expected = [&BUNDLE[..7], &BUNDLE[7..]].map(|slice| slice.as_ptr().addr() as u64);
        assert_eq!(places, expected);

        let sent = rig.collect();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].pieces, 3);
        assert_eq!(sent[0].header, std::vec![0; rig.kind.header_bytes()]);
        assert_eq!(sent[0].frame, [&head, BUNDLE].concat());
    });
}

#[test]
fn checksums_are_left_to_the_device() {
    each(ALL, |mut rig| {
        let checksum = Checksum::Complete {
            start: 0x1234,
            offset: 16,
        };
        assert_eq!(rig.card.transmit(&frame(60), &[], checksum), Ok(()));
        rig.card.flush();
        let header = &rig.collect()[0].header;
        let mut expected = std::vec![1, 0, 0, 0, 0, 0, 0x34, 0x12, 16, 0];
        expected.resize(rig.kind.header_bytes(), 0);
        assert_eq!(*header, expected);
    });
}

#[test]
fn an_answer_leaves_from_the_buffer_that_the_question_came_in() {
    each(ALL, |mut rig| {
        // Flags that must not leave again.
        assert!(rig.deliver(&frame(60), DATA_VALID));
        let received = rig.card.receive().unwrap();
        let place = rig.card.frame(&received).as_ptr().addr() as u64;
        rig.card.frame(&received)[..4].copy_from_slice(b"pong");
        assert_eq!(rig.card.answer(received, 99, Checksum::Done), Ok(()));
        rig.card.flush();
        let chain = rig.transmit.clone().pop(&rig.memory).unwrap();
        let header_bytes = rig.kind.header_bytes() as u64;
        assert_eq!(chain.segments[0].address + header_bytes, place);
        let sent = rig.collect();
        assert_eq!(sent[0].header, std::vec![0; rig.kind.header_bytes()]);
        assert_eq!(sent[0].frame.len(), 99);
        assert_eq!(sent[0].frame[..6], *b"pong\x04\x05");
        // As many frames as before can come.
        for _ in 0..4 {
            assert!(rig.deliver(&frame(60), 0));
        }
    });
}

#[test]
fn an_answer_without_room_gives_the_buffer_back() {
    each(ALL, |mut rig| {
        for _ in 0..4 {
            rig.card.transmit(&frame(60), &[], Checksum::Done).unwrap();
        }
        assert!(rig.deliver(&frame(60), 0));
        let received = rig.card.receive().unwrap();
        assert_eq!(rig.card.answer(received, 60, Checksum::Done), Err(Full));
        assert!(rig.deliver(&frame(60), 0));
        let received = rig.card.receive().unwrap();
        assert_eq!(rig.card.answer(received, 1515, Checksum::Done), Err(Full));
        assert_eq!(rig.card.count().lent, 0);
        rig.card.flush();
        assert_eq!(rig.card.count().posted, 4);
    });
}

#[test]
fn a_full_queue_has_room_again_once_the_device_is_done() {
    each(ALL, |mut rig| {
        for _ in 0..4 {
            assert!(rig.card.has_room());
            rig.card
                .transmit(&frame(60), &[BUNDLE], Checksum::Done)
                .unwrap();
        }
        assert!(!rig.card.has_room());
        assert_eq!(
            rig.card.transmit(&frame(60), &[], Checksum::Done),
            Err(Full)
        );
        rig.card.flush();
        assert!(!rig.card.has_room());
        assert_eq!(rig.collect().len(), 4);
        assert!(rig.card.has_room());
        assert_eq!(rig.card.count().sending, 0);
    });
}

#[test]
fn more_slices_than_promised_are_refused_whole() {
    each(ALL, |mut rig| {
        let slices = [&BUNDLE[..1]; SLICES + 1];
        let most = &slices[..SLICES];
        assert_eq!(
            rig.card.transmit(&frame(60), &slices, Checksum::Done),
            Err(Full)
        );
        assert_eq!(rig.card.count().sending, 0);
        assert_eq!(rig.card.transmit(&frame(60), most, Checksum::Done), Ok(()));
        rig.card.flush();
        assert_eq!(rig.collect()[0].pieces, SLICES + 1);
    });
}

#[test]
fn one_doorbell_a_batch_and_none_for_a_device_that_looks() {
    each(ALL, |mut rig| {
        // The first buffers were announced when the card started.
        assert_eq!(rig.notifications(), [1, 0]);
        for _ in 0..3 {
            rig.card.transmit(&frame(60), &[], Checksum::Done).unwrap();
        }
        rig.card.flush();
        rig.card.flush();
        assert_eq!(rig.notifications(), [1, 1]);
        rig.transmit.want_notification(&rig.memory, false);
        rig.collect();
        rig.card.transmit(&frame(60), &[], Checksum::Done).unwrap();
        rig.card.flush();
        assert_eq!(rig.notifications(), [1, 1]);
        assert_eq!(rig.collect().len(), 1, "it was there all the same");
        rig.transmit.want_notification(&rig.memory, true);
        rig.card.transmit(&frame(60), &[], Checksum::Done).unwrap();
        rig.card.flush();
        assert_eq!(rig.notifications(), [1, 2]);
    });
}

#[test]
fn sleep_is_safe() {
    each(ALL, |mut rig| {
        assert!(!rig.card.arm_interrupt());
        assert!(rig.deliver(&frame(60), 0));
        assert!(rig.receive.interrupts(&rig.memory));
        // What is there already brings no interrupt, so that it is said.
        assert!(rig.card.arm_interrupt());
        let received = rig.card.receive().unwrap();
        rig.card.recycle(received);
        rig.card.suppress_interrupt();
        rig.card.flush();
        assert!(rig.deliver(&frame(60), 0));
        assert!(!rig.receive.interrupts(&rig.memory));
        let received = rig.card.receive().unwrap();
        rig.card.recycle(received);

        // Finished frames wake nobody, unless somebody waits for room.
        rig.card.transmit(&frame(60), &[], Checksum::Done).unwrap();
        assert!(!rig.card.arm_interrupt());
        rig.collect();
        assert!(!rig.transmit.interrupts(&rig.memory));
        while rig.card.transmit(&frame(60), &[], Checksum::Done).is_ok() {}
        assert!(!rig.card.arm_interrupt());
        rig.collect();
        assert!(rig.transmit.interrupts(&rig.memory));
        assert!(rig.card.has_room());
    });
}

/// Room that came while the card was being armed is not slept over.
#[test]
fn room_that_is_there_already_is_said() {
    each(ALL, |mut rig| {
        while rig.card.transmit(&frame(60), &[], Checksum::Done).is_ok() {}
        rig.card.flush();
        rig.collect();
        assert!(rig.card.arm_interrupt());
        assert!(rig.card.has_room());
    });
}

#[test]
fn interrupts_are_acknowledged_where_that_is_needed() {
    for kind in [Kind::Legacy, Kind::Mmio] {
        let mut rig = Rig::new(kind, ALL, 4, 4);
        rig.device.borrow_mut().interrupt = 1;
        rig.card.acknowledge();
        assert_eq!(rig.device.borrow().interrupt, 0);
        assert_eq!(rig.card.fault(), None);
    }
}

#[test]
fn a_device_that_says_it_is_broken_is_believed() {
    each(ALL, |mut rig| {
        rig.device.borrow_mut().status |= status::NEEDS_RESET;
        rig.device.borrow_mut().interrupt = 2;
        if rig.kind == Kind::Pci {
            rig.card.check();
        } else {
            rig.card.acknowledge();
        }
        assert_eq!(rig.card.fault(), Some(Fault::NeedsReset));
        is_quiet(&mut rig);
    });
}

/// After a fault nothing comes, nothing goes, and nothing waits.
fn is_quiet(rig: &mut Rig) {
    let before = rig.notifications();
    assert!(rig.card.fault().is_some());
    assert!(rig.card.receive().is_none());
    assert!(!rig.card.has_room());
    assert_eq!(
        rig.card.transmit(&frame(60), &[], Checksum::Done),
        Err(Full)
    );
    rig.card.flush();
    assert_eq!(rig.notifications(), before);
    assert!(
        rig.card.arm_interrupt(),
        "a kernel that sleeps sees no fault"
    );
    assert_ne!(rig.device.borrow().status & status::FAILED, 0);
    rig.memory.check_guards();
}

#[test]
fn lengths_that_are_no_frames_are_a_fault() {
    for length in [0, 1, 9, 1514 + 13, 4096, u32::MAX] {
        each(ALL, |mut rig| {
            let chain = rig.receive.pop(&rig.memory).unwrap();
            rig.receive.push(&rig.memory, chain.head.into(), length);
            assert!(rig.card.receive().is_none());
            assert_eq!(rig.card.fault(), Some(Fault::Length));
            is_quiet(&mut rig);
        });
    }
}

#[test]
fn queues_that_lie_are_a_fault() {
    each(ALL, |mut rig| {
        rig.receive.push(&rig.memory, 77, 60);
        assert!(rig.card.receive().is_none());
        assert_eq!(rig.card.fault(), Some(Fault::NotGiven));
        is_quiet(&mut rig);
    });
    each(ALL, |mut rig| {
        rig.transmit.push(&rig.memory, 0, 0);
        while rig.card.transmit(&frame(60), &[], Checksum::Done).is_ok() {}
        assert_eq!(rig.card.fault(), Some(Fault::Jumped));
        is_quiet(&mut rig);
    });
}

#[test]
fn devices_that_cannot_be_driven_are_refused() {
    type Spoil = fn(&mut Device);
    let cases: [(Spoil, StartError, bool); 7] = [
        (|d| d.stuck = true, StartError::NoReset, true),
        (|d| d.most = 0, StartError::Queue, true),
        (|d| d.most = 7, StartError::Queue, true),
        (|d| d.refuses = true, StartError::Refused, false),
        (
            |d| d.offered = 0,
            StartError::Feature("VIRTIO_F_VERSION_1"),
            false,
        ),
        (|d| d.kind = 2, StartError::NotThere, true),
        (|d| d.kind = 0, StartError::NotThere, true),
    ];
    for kind in Kind::ALL {
        for (spoil, error, also_legacy) in &cases {
            if kind == Kind::Legacy && !also_legacy {
                continue;
            }
            if cfg!(miri) && *error == StartError::NoReset {
                continue;
            }
            let device = Device::new(DEVICE, kind == Kind::Legacy, ALL);
            spoil(&mut device.borrow_mut());
            let status_before = device.borrow().kind;
            let outcome = Rig::over(kind, device.clone(), 4, 4).err();
            assert_eq!(outcome, Some(*error), "{kind:?}");
            if status_before == DEVICE {
                assert_ne!(device.borrow().status & status::FAILED, 0);
            }
        }
    }
    let device = Device::new(DEVICE, true, ALL);
    device.borrow_mut().offered = ALL;
    let outcome = Rig::over(Kind::Legacy, device, 4, 4).err();
    assert_eq!(outcome, Some(StartError::Feature("VIRTIO_F_ANY_LAYOUT")));
}

#[test]
fn short_queues_and_large_wishes_are_brought_together() {
    for kind in Kind::ALL {
        let device = Device::new(DEVICE, kind == Kind::Legacy, ALL);
        device.borrow_mut().most = 16;
        let rig = Rig::over(kind, device, 300, 300).unwrap();
        let count = rig.card.count();
        assert_eq!((count.posted, count.free), (16, 16));
        let rig = Rig::new(kind, ALL, 0, 0);
        assert_eq!(rig.card.count().posted, 1);
        let rig = Rig::new(kind, ALL, 5, 3);
        assert_eq!((rig.card.count().posted, rig.card.count().free), (5, 3));
    }
}
