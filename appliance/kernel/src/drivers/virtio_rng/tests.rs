//! The source of entropy against a played device.

use core::cell::RefCell;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::drivers::fake::{Device, DeviceQueue, FakePlatform, Kind, Memory, Shared};
use crate::drivers::virtio::{AnyTransport, status};

/// A driver, its device, and the device's hand. The memory goes last.
struct Rig {
    source: VirtioRng<AnyTransport<crate::drivers::fake::FakeRegisters>>,
    device: Shared,
    hand: Rc<RefCell<DeviceQueue>>,
    memory: Memory,
}

fn each(test: impl Fn(&mut Rig)) {
    for kind in Kind::ALL {
        for events in [0, feature::EVENT_INDEX] {
            let device = Device::new(DEVICE, kind == Kind::Legacy, events);
            let mut platform = FakePlatform::default();
            let transport = kind.transport(&device, DEVICE, &mut platform).unwrap();
            let source = VirtioRng::new(transport, &mut platform).unwrap();
            let hand = Rc::new(RefCell::new(device.borrow().device_queue(0)));
            let mut rig = Rig {
                source,
                device,
                hand,
                memory: platform.memory,
            };
            test(&mut rig);
            rig.memory.check_guards();
        }
    }
}

impl Rig {
    /// Fills, while the device answers the first request as it is told.
    fn fill(
        &mut self,
        out: &mut [u8],
        mut answer: impl FnMut(&mut DeviceQueue, &Memory),
    ) -> Result<usize, FillError> {
        let mut waits = 0;
        let Self {
            source,
            hand,
            memory,
            ..
        } = self;
        source.fill(out, || {
            waits += 1;
            if waits == 3 {
                answer(&mut hand.borrow_mut(), memory);
            }
            waits < 10
        })
    }
}

/// Answers with so many bytes, and says so.
fn give(bytes: u8) -> impl FnMut(&mut DeviceQueue, &Memory) {
    move |queue, memory| {
        let chain = queue.pop(memory).unwrap();
        assert_eq!(chain.segments.len(), 1);
        queue.want_notification(memory, true);
        let text: std::vec::Vec<u8> = (1..=bytes).collect();
        memory.write(chain.segments[0].address, &text);
        queue.push(memory, chain.head.into(), bytes.into());
    }
}

#[test]
fn bytes_come_as_many_as_there_are() {
    each(|rig| {
        let mut out = [0; 40];
        assert_eq!(rig.fill(&mut out, give(40)), Ok(40));
        assert_eq!((out[0], out[39]), (1, 40));
        // Less than was asked for, in part, and for a buffer longer than one
        // request.
        let mut out = [0xee; 100];
        assert_eq!(rig.fill(&mut out, give(3)), Ok(3));
        assert_eq!(out[..4], [1, 2, 3, 0xee]);
        assert_eq!(rig.fill(&mut out, give(64)), Ok(64));
        assert_eq!(rig.device.borrow().queues[0].notifications, 3);
        assert_eq!(rig.fill(&mut [], |_, _| panic!("nothing was asked")), Ok(0));
    });
}

#[test]
fn what_was_random_is_not_left_in_shared_memory() {
    each(|rig| {
        rig.fill(&mut [0; 8], give(8)).unwrap();
        let queue = rig.hand.borrow();
        let address = rig.memory.u64(queue.addresses.descriptors);
        let address = address.load(core::sync::atomic::Ordering::Relaxed);
        assert_eq!(rig.memory.read(address, 8), [0; 8]);
    });
}

#[test]
fn a_device_that_does_not_answer_is_not_waited_for() {
    each(|rig| {
        let late = Err(FillError::Late);
        assert_eq!(rig.fill(&mut [0; 8], |_, _| ()), late);
        // Its request is still out: what comes then is for nobody.
        assert_eq!(rig.fill(&mut [0; 8], |_, _| ()), late);
    });
}

#[test]
fn lies_are_faults() {
    for length in [0, 9, 65, u32::MAX] {
        each(|rig| {
            let outcome = rig.fill(&mut [0xee; 8], |queue, memory| {
                let chain = queue.pop(memory).unwrap();
                queue.push(memory, chain.head.into(), length);
            });
            assert_eq!(outcome, Err(FillError::Broken(Fault::Length)));
        });
    }
    for id in [1, 2, 0xffff, u32::MAX] {
        each(|rig| {
            let outcome = rig.fill(&mut [0; 8], |queue, memory| queue.push(memory, id, 8));
            assert_eq!(outcome, Err(FillError::Broken(Fault::NotGiven)));
            let again = rig.fill(&mut [0; 8], give(8));
            assert!(again.is_err());
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 8 } else { 500 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever a device completes, and however often: nothing is believed that
    /// is not true, nothing is waited for without an end.
    #[test]
    fn any_completions(
        completions in proptest::collection::vec((0_u32..4, 0_u32..70, any::<u16>()), 0..20),
        asks in proptest::collection::vec(0_usize..80, 1..6),
    ) {
        let device = Device::new(DEVICE, false, 0);
        let mut platform = FakePlatform::default();
        let transport = Kind::Mmio.transport(&device, DEVICE, &mut platform).unwrap();
        let mut source = VirtioRng::new(transport, &mut platform).unwrap();
        let mut hand = device.borrow().device_queue(0);
        let mut completions = completions.into_iter();
        for wanted in asks {
            let mut out = std::vec![0; wanted];
            let outcome = source.fill(&mut out, || match completions.next() {
                Some((id, length, jump)) => {
                    // Ids of the queue's two descriptors are half of them.
                    hand.push(&platform.memory, id, length);
                    if jump % 16 == 0 {
                        hand.used = jump;
                    }
                    true
                }
                None => false,
            });
            if let Ok(came) = outcome {
                prop_assert!(came <= wanted.min(MOST_BYTES));
            }
        }
        platform.memory.check_guards();
    }
}

#[test]
fn the_device_is_reset_in_the_end() {
    let device = Device::new(DEVICE, false, 0);
    let mut platform = FakePlatform::default();
    let transport = Kind::Mmio
        .transport(&device, DEVICE, &mut platform)
        .unwrap();
    let source = VirtioRng::new(transport, &mut platform).unwrap();
    assert_ne!(device.borrow().status & status::DRIVER_OK, 0);
    drop(source);
    assert_eq!(device.borrow().status, 0);
}
