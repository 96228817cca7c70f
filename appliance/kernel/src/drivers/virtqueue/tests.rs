//! Tests of the queue against a device's side that was written apart from it.

use std::collections::BTreeSet;
use std::thread;
use std::vec::Vec;

use super::*;
use crate::drivers::fake::{Chain, DeviceQueue, FakePlatform, Memory};

fn queue(size: u16, event_index: bool) -> (Virtqueue, DeviceQueue, Memory) {
    let mut platform = FakePlatform::default();
    let queue = Virtqueue::new(&mut platform, size, event_index).unwrap();
    let device = DeviceQueue::new(*queue.addresses(), event_index);
    (queue, device, platform.memory)
}

/// A piece of memory that is only an address.
fn segment(address: u64, length: u32) -> Segment {
    Segment {
        address,
        length,
        writable: false,
    }
}

fn pop(device: &mut DeviceQueue, memory: &Memory) -> Chain {
    device.pop(memory).expect("a chain")
}

#[test]
fn chains_arrive_whole_and_only_when_published() {
    for event_index in [false, true] {
        let (mut queue, mut device, memory) = queue(8, event_index);
        let chain = [
            segment(0x1000, 10),
            segment(0x2000, 20),
            segment(0x3000, 30),
        ];
        queue.add(&chain, 77).unwrap();
        assert!(device.pop(&memory).is_none());
        device.want_notification(&memory, true);
        assert!(queue.publish());
        assert!(!queue.publish(), "there is nothing new");
        let seen = pop(&mut device, &memory);
        let pieces: Vec<_> = seen
            .segments
            .iter()
            .map(|s| (s.address, s.length))
            .collect();
        assert_eq!(pieces, [(0x1000, 10), (0x2000, 20), (0x3000, 30)]);
        assert_eq!(queue.room(), 5);
        assert_eq!(queue.take(), None);
        device.push(&memory, seen.head.into(), 5);
        let done = Completion {
            token: 77,
            length: 5,
        };
        assert_eq!(queue.take(), Some(done));
        assert_eq!(queue.take(), None);
        assert_eq!((queue.room(), queue.held()), (8, 0));
        assert_eq!(queue.fault(), None);
    }
}

#[test]
fn a_full_queue_says_so_and_stays_as_it_was() {
    let (mut queue, mut device, memory) = queue(4, true);
    let two = [segment(0x1000, 1), segment(0x2000, 2)];
    queue.add(&two, 1).unwrap();
    queue.add(&two[..1], 2).unwrap();
    assert_eq!(queue.add(&two, 3), Err(NoRoom));
    assert_eq!(queue.add(&[], 3), Err(NoRoom));
    queue.add(&two[..1], 4).unwrap();
    assert_eq!(queue.add(&two[..1], 5), Err(NoRoom));
    let _ = queue.publish();
    let heads: Vec<_> = (0..3).map(|_| pop(&mut device, &memory).head).collect();
    // Out of order, as a device may.
    for &head in heads.iter().rev() {
        device.push(&memory, head.into(), 0);
    }
    let tokens: Vec<_> = (0..3).map(|_| queue.take().unwrap().token).collect();
    assert_eq!(tokens, [4, 2, 1]);
    assert_eq!(queue.room(), 4);
}

#[test]
fn indices_turn_around() {
    // The indices turn at 65,536, which Miri would take minutes for.
    let turns = if cfg!(miri) { 500 } else { 200_000 };
    for event_index in [false, true] {
        let (mut queue, mut device, memory) = queue(2, event_index);
        for turn in 0..turns {
            queue.add(&[segment(0x1000, 4)], turn as u16).unwrap();
            device.want_notification(&memory, turn % 3 == 0);
            assert_eq!(queue.publish(), turn % 3 == 0, "at {turn}");
            let chain = pop(&mut device, &memory);
            device.push(&memory, chain.head.into(), turn);
            let done = queue.take().unwrap();
            assert_eq!((done.token, done.length), (turn as u16, turn));
        }
        if cfg!(miri) {
            return;
        }
    }
}

#[test]
fn a_batch_is_notified_once_and_only_a_sleeper() {
    let (mut queue, mut device, memory) = queue(8, true);
    device.want_notification(&memory, true);
    for token in 0..3 {
        queue.add(&[segment(0x1000, 4)], token).unwrap();
    }
    assert!(queue.publish());
    // It has not asked again: it is still at work.
    queue.add(&[segment(0x1000, 4)], 3).unwrap();
    assert!(!queue.publish());
    for _ in 0..4 {
        pop(&mut device, &memory);
    }
    device.want_notification(&memory, true);
    queue.add(&[segment(0x1000, 4)], 4).unwrap();
    assert!(queue.publish());
}

#[test]
fn interrupts_come_when_armed_and_never_too_late() {
    for event_index in [false, true] {
        let (mut queue, mut device, memory) = queue(8, event_index);
        let give = |queue: &mut Virtqueue, device: &mut DeviceQueue| {
            queue.add(&[segment(0x1000, 4)], 0).unwrap();
            let _ = queue.publish();
            let head = pop(device, &memory).head;
            device.push(&memory, head.into(), 0);
            device.interrupts(&memory)
        };
        assert!(!give(&mut queue, &mut device), "never armed");
        // One has come already: the caller is told, and does not sleep.
        assert!(queue.arm());
        assert!(queue.take().is_some());
        assert!(!queue.arm());
        assert!(give(&mut queue, &mut device), "armed, with nothing there");
        assert!(queue.take().is_some());
        queue.suppress();
        assert!(!give(&mut queue, &mut device), "suppressed");
        assert!(queue.take().is_some());
        if event_index {
            // Once armed, one is enough: what comes while we poll interrupts
            // nobody.
            assert!(!queue.arm());
            assert!(give(&mut queue, &mut device));
            assert!(!give(&mut queue, &mut device));
        }
    }
}

#[test]
fn sizes_are_powers_of_two_within_bounds() {
    let mut platform = FakePlatform::default();
    let mut size =
        |wanted| Virtqueue::new(&mut platform, wanted, true).map(|queue| queue.addresses().size);
    assert_eq!(size(0), Err(StartError::Queue));
    assert_eq!(size(1), Err(StartError::Queue));
    assert_eq!(size(2), Ok(2));
    assert_eq!(size(255), Ok(128));
    assert_eq!(size(u16::MAX), Ok(256));
    platform.limit = Some(100);
    assert!(matches!(
        Virtqueue::new(&mut platform, 8, true),
        Err(StartError::Memory)
    ));
}

/// The parts lie where legacy devices will look, and do not overlap.
#[test]
fn the_layout_is_the_legacy_one() {
    for size in [2_u64, 64, 256] {
        let (queue, _, memory) = queue(size as u16, true);
        let addresses = queue.addresses();
        assert_eq!(addresses.descriptors % 4096, 0);
        assert_eq!(addresses.available, addresses.descriptors + 16 * size);
        let end = addresses.available + 4 + 2 * size + 2;
        assert_eq!(addresses.used, end.next_multiple_of(4096));
        assert!(memory.holds(addresses.used, 4 + 8 * size as usize + 2));
        assert!(!memory.holds(addresses.used, 4 + 8 * size as usize + 3));
    }
}

/// What a hostile device does to one queue, and the fault that it is.
fn lies(lie: impl Fn(&mut DeviceQueue, &Memory, &Chain), fault: Fault) {
    for event_index in [false, true] {
        let (mut queue, mut device, memory) = queue(8, event_index);
        queue
            .add(&[segment(0x1000, 4), segment(0x2000, 4)], 1)
            .unwrap();
        queue.add(&[segment(0x3000, 4)], 2).unwrap();
        let _ = queue.publish();
        // Two more that it was not shown.
        queue.add(&[segment(0x4000, 4)], 3).unwrap();
        queue.add(&[segment(0x5000, 4)], 4).unwrap();
        let first = pop(&mut device, &memory);
        lie(&mut device, &memory, &first);
        let mut taken = BTreeSet::new();
        for _ in 0..10 {
            if let Some(done) = queue.take() {
                assert!(taken.insert(done.token), "twice");
                assert!([1, 2].contains(&done.token), "never given");
            }
        }
        assert_eq!(queue.fault(), Some(fault));
        assert_eq!(queue.take(), None);
        assert!(
            queue.pending() && queue.arm(),
            "a fault is something to see to"
        );
        memory.check_guards();
    }
}

#[test]
fn a_descriptor_that_does_not_exist() {
    lies(|d, m, _| d.push(m, 8, 0), Fault::NotGiven);
    lies(|d, m, _| d.push(m, 0xffff, 0), Fault::NotGiven);
    lies(|d, m, _| d.push(m, u32::MAX, 0), Fault::NotGiven);
    // The lower half would be right.
    lies(
        |d, m, c| d.push(m, 0x1_0000 | u32::from(c.head), 0),
        Fault::NotGiven,
    );
}

#[test]
fn a_descriptor_that_was_not_given() {
    // Free; inside a chain; added, but not shown yet.
    lies(|d, m, _| d.push(m, 7, 0), Fault::NotGiven);
    lies(|d, m, _| d.push(m, 1, 0), Fault::NotGiven);
    lies(|d, m, _| d.push(m, 3, 0), Fault::NotGiven);
}

#[test]
fn the_same_completion_twice() {
    let twice = |d: &mut DeviceQueue, m: &Memory, c: &Chain| {
        d.push(m, c.head.into(), 0);
        d.push(m, c.head.into(), 0);
    };
    lies(twice, Fault::NotGiven);
}

#[test]
fn an_index_that_jumps() {
    for jump in [3, 4, 9, 0x8000, 0xffff_u16] {
        lies(
            |d, m, _| m.u16(d.addresses.used + 2).store(jump, Release),
            Fault::Jumped,
        );
    }
    // Backwards, after an honest one.
    let back = |d: &mut DeviceQueue, m: &Memory, c: &Chain| {
        let index = m.u16(d.addresses.used + 2);
        d.push(m, c.head.into(), 0);
        index.store(0xfff0, Release);
    };
    lies(back, Fault::Jumped);
}

/// A device that works in a thread of its own: the order of all stores is right,
/// or Miri finds a race.
#[test]
fn a_device_at_the_same_time() {
    let rounds: u32 = if cfg!(miri) { 60 } else { 50_000 };
    for event_index in [false, true] {
        let mut platform = FakePlatform::default();
        let mut queue = Virtqueue::new(&mut platform, 8, event_index).unwrap();
        let addresses = *queue.addresses();
        let mut buffers = platform.allocate(8 * 4, 64).unwrap();
        // The device has a view of the same memory by address, as devices do.
        let view = View {
            addresses,
            event_index,
        };
        let device = thread::spawn(move || view.serve(rounds));
        let (mut given, mut taken) = (0, 0);
        let mut free: Vec<u16> = (0..8).collect();
        while taken < rounds {
            while given < rounds
                && let Some(token) = free.pop()
            {
                let bytes = buffers.buffer(usize::from(token) * 4, 4).unwrap();
                bytes.copy_from_slice(&[1, 2, 3, 4]);
                let segment = Segment {
                    address: buffers.address(usize::from(token) * 4),
                    length: 4,
                    writable: true,
                };
                queue.add(&[segment], token).unwrap();
                given += 1;
            }
            let _ = queue.publish();
            while let Some(done) = queue.take() {
                let bytes = buffers.buffer(usize::from(done.token) * 4, 4).unwrap();
                assert_eq!(bytes, [2, 3, 4, 5]);
                free.push(done.token);
                taken += 1;
            }
            assert_eq!(queue.fault(), None);
            thread::yield_now();
        }
        device.join().unwrap();
    }
}

/// A device in another thread.
struct View {
    addresses: Addresses,
    event_index: bool,
}

impl View {
    fn serve(self, rounds: u32) {
        let cell = |address: u64| {
            let place = core::ptr::with_exposed_provenance_mut::<u8>(address as usize);
            // SAFETY: in the queue's memory, which the test keeps until this
            // thread has ended; aligned, and looked at through atomics only.
            unsafe { AtomicU16::from_ptr(place.cast()) }
        };
        let wide = |address: u64| {
            let place = core::ptr::with_exposed_provenance_mut::<u8>(address as usize);
            // SAFETY: as above.
            unsafe { AtomicU64::from_ptr(place.cast()) }
        };
        let half = |address: u64| {
            let place = core::ptr::with_exposed_provenance_mut::<u8>(address as usize);
            // SAFETY: as above.
            unsafe { AtomicU32::from_ptr(place.cast()) }
        };
        let Addresses {
            size,
            descriptors,
            available,
            used,
        } = self.addresses;
        let size = u64::from(size);
        for round in 0..rounds as u16 {
            while cell(available + 2).load(Acquire) == round {
                thread::yield_now();
            }
            let slot = u64::from(round) % size;
            let head = cell(available + 4 + slot * 2).load(Relaxed);
            let buffer = wide(descriptors + u64::from(head) * 16).load(Relaxed);
            let buffer = core::ptr::with_exposed_provenance_mut::<[u8; 4]>(buffer as usize);
            // SAFETY: the driver has made this buffer available, and leaves it
            // alone until it is completed.
            unsafe { *buffer = (*buffer).map(|byte| byte + 1) };
            half(used + 4 + slot * 8).store(head.into(), Relaxed);
            half(used + 8 + slot * 8).store(4, Relaxed);
            cell(used + 2).store(round.wrapping_add(1), Release);
            if self.event_index {
                cell(used + 4 + size * 8).store(round.wrapping_add(1), Relaxed);
            }
        }
    }
}
