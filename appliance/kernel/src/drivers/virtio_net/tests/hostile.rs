//! A program of bytes: what the driver's user does, and what its device does,
//! honest or not. The harness for fuzzing the driver, run here on programs that
//! proptest makes.
//!
//! Held at every step: no panic, no access outside the memory that is shared, no
//! loop without an end; every buffer with somebody, and no frame with two; a
//! device that was honest all the time is never called broken.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering::Relaxed;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::drivers::fake::DeviceQueue;
use crate::drivers::virtqueue::Addresses;

const RECEIVE_BUFFERS: u16 = 5;
const TRANSMIT_BUFFERS: u16 = 6;

/// What can be done, the honest things first.
const STEPS: u8 = 24;
const HONEST_STEPS: u8 = 18;

/// The rest of a program.
struct Program<'a>(&'a [u8]);

impl Program<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    /// A number that is often small, often at an edge, and sometimes anything.
    fn number(&mut self) -> Option<u32> {
        let kind = self.byte()?;
        let mut any = || -> Option<u32> {
            Some(u32::from_le_bytes([
                self.byte()?,
                self.byte()?,
                self.byte()?,
                self.byte()?,
            ]))
        };
        Some(match kind {
            0..128 => (kind % 16).into(),
            128..160 => u32::from(kind) + 1380,
            160..176 => 1 << (kind - 160),
            176..192 => u32::MAX - u32::from(kind - 176),
            192..208 => u32::from(u16::MAX) - u32::from(kind - 192),
            _ => any()?,
        })
    }
}

/// Runs a program to its end, without its lies if there are to be none.
fn run(kind: Kind, features: u64, may_lie: bool, program: &[u8]) {
    let mut rig = Rig::new(kind, features, RECEIVE_BUFFERS, TRANSMIT_BUFFERS);
    let mut program = Program(program);
    let mut lent = Vec::new();
    let mut honest = true;
    while let Some(step) = program.byte() {
        let step = step % if may_lie { STEPS } else { HONEST_STEPS };
        if run_step(step, &mut program, &mut rig, &mut lent, &mut honest).is_none() {
            break;
        }
        check(&rig, &lent, honest);
    }
    rig.memory.check_guards();
}

/// What holds between any two steps.
fn check(rig: &Rig, lent: &[Received], honest: bool) {
    let count = rig.card.count();
    let all = count.free + count.posted + count.lent + count.sending;
    assert_eq!(all, RECEIVE_BUFFERS + TRANSMIT_BUFFERS);
    assert_eq!(usize::from(count.lent), lent.len());
    assert!(count.posted + count.lent <= RECEIVE_BUFFERS);
    assert!(count.sending <= TRANSMIT_BUFFERS);
    let apart: BTreeSet<_> = lent.iter().map(|received| received.buffer).collect();
    assert_eq!(apart.len(), lent.len(), "a buffer lent twice");
    assert!(!honest || rig.card.fault().is_none(), "an honest device");
}

fn run_step(
    step: u8,
    program: &mut Program<'_>,
    rig: &mut Rig,
    lent: &mut Vec<Received>,
    honest: &mut bool,
) -> Option<()> {
    let broken = rig.card.fault().is_some();
    match step {
        // The driver's user.
        0..3 => {
            if let Some(received) = rig.card.receive() {
                assert!(!broken);
                let length = usize::from(received.length);
                assert!((14..=FRAME_BYTES).contains(&length));
                let frame = rig.card.frame(&received);
                assert!(frame.len() >= FRAME_BYTES);
                frame[..length].reverse();
                lent.push(received);
            }
        }
        3 | 4 => {
            if let Some(received) = pick(program, lent)? {
                rig.card.recycle(received);
            }
        }
        5 | 6 => {
            let length = program.number()? as u16;
            if let Some(received) = pick(program, lent)? {
                let sent = rig.card.answer(received, length, Checksum::Done);
                assert!(sent.is_err() || !broken);
            }
        }
        7 | 8 => {
            let head = frame(program.number()?.min(1600) as usize);
            let pieces = usize::from(program.byte()? % 10);
            let slices = std::vec![&BUNDLE[..usize::from(program.byte()?) % 40]; pieces];
            let checksum = Checksum::Complete {
                start: program.byte()?.into(),
                offset: 16,
            };
            let sent = rig.card.transmit(&head, &slices, checksum);
            assert!(sent.is_err() || !broken);
        }
        9 | 10 => rig.card.flush(),
        11 => {
            let more = rig.card.arm_interrupt();
            assert!(more || rig.card.fault().is_none());
        }
        12 => match program.byte()? % 4 {
            0 => rig.card.suppress_interrupt(),
            1 => rig.card.acknowledge(),
            2 => rig.card.check(),
            _ => assert!(!rig.card.has_room() || !broken),
        },
        13 => {
            // A ticket that nobody was given. (One that is lent would be the
            // user's own mistake, as the type does not copy.)
            let buffer = program.number()? as u16;
            if lent.iter().all(|received| received.buffer != buffer) {
                let forged = || Received {
                    buffer,
                    length: 60,
                    checked: true,
                };
                assert!(rig.card.frame(&forged()).is_empty());
                rig.card.recycle(forged());
                assert!(rig.card.answer(forged(), 60, Checksum::Done).is_err());
            }
        }

        // An honest device. One that has lied does not find its own way any more.
        14 | 15 if *honest => {
            let length = program.number()?.min(1514) as usize;
            let flags = program.byte()?;
            rig.deliver(&frame(length), flags);
        }
        16 if *honest => {
            rig.collect();
        }
        17 if *honest => {
            let wanted = program.byte()? & 1 == 0;
            rig.receive.want_notification(&rig.memory, wanted);
            rig.transmit.want_notification(&rig.memory, wanted);
        }
        14..HONEST_STEPS => {}

        // A liar. Most programs never come here before their second half.
        _ if program.byte()? > 96 => {}
        18 => {
            *honest = false;
            let index = program.number()? as u16;
            let queue = either(program, &mut rig.receive, &mut rig.transmit)?;
            let cell = queue.addresses.used + 2;
            rig.memory.u16(cell).store(index, Relaxed);
        }
        19 | 20 => {
            *honest = false;
            let id = program.number()?;
            let length = program.number()?;
            let queue = either(program, &mut rig.receive, &mut rig.transmit)?;
            queue.push(&rig.memory, id, length);
        }
        21 => {
            *honest = false;
            // Into the table, which only the driver writes; a completion that is
            // there already; what the device wants to be notified of.
            let value = program.number()?;
            let at = u64::from(program.number()? % 256);
            let queue = either(program, &mut rig.receive, &mut rig.transmit)?;
            let Addresses {
                size,
                descriptors,
                used,
                ..
            } = queue.addresses;
            let (size, at) = (u64::from(size), at % (2 * u64::from(size)));
            let wide = u64::from(value) << 32 | u64::from(value);
            rig.memory.u64(descriptors + at * 8).store(wide, Relaxed);
            rig.memory.u32(used + 4 + at * 4).store(value, Relaxed);
            rig.memory.u16(used).store(value as u16, Relaxed);
            rig.memory
                .u16(used + 4 + size * 8)
                .store(value as u16, Relaxed);
        }
        22 => {
            *honest = false;
            // Into any buffer, whoever has it.
            let table = rig.receive.addresses.descriptors;
            let address = rig.memory.u64(table).load(Relaxed);
            let offset = u64::from(program.number()?);
            let bytes = [program.byte()?; 64];
            let place = address.wrapping_add(offset);
            if rig.memory.holds(place, bytes.len()) {
                rig.memory.write(place, &bytes);
            }
        }
        _ => {
            *honest = false;
            let mut device = rig.device.borrow_mut();
            device.status |= program.byte()? & status::NEEDS_RESET;
            device.interrupt = program.byte()?.into();
        }
    }
    Some(())
}

/// Takes one of the frames that are lent.
fn pick(program: &mut Program<'_>, lent: &mut Vec<Received>) -> Option<Option<Received>> {
    let which = usize::from(program.byte()?);
    let place = which.checked_rem(lent.len());
    Some(place.map(|place| lent.swap_remove(place)))
}

/// One of the two queues.
fn either<'a>(
    program: &mut Program<'_>,
    receive: &'a mut DeviceQueue,
    transmit: &'a mut DeviceQueue,
) -> Option<&'a mut DeviceQueue> {
    Some(match program.byte()? % 2 {
        0 => receive,
        _ => transmit,
    })
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Legacy), Just(Kind::Mmio), Just(Kind::Pci)]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 1000 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_program_of_user_and_device(
        kind in kinds(),
        features in prop_oneof![Just(ALL), Just(ALL & !EVENT_INDEX), Just(0)],
        program in proptest::collection::vec(any::<u8>(), 0..if cfg!(miri) { 200 } else { 1500 }),
    ) {
        run(kind, features, true, &program);
    }

    /// The same with a device that never lies, so that programs get far.
    #[test]
    fn any_program_with_an_honest_device(
        kind in kinds(),
        events in any::<bool>(),
        program in proptest::collection::vec(any::<u8>(), 0..if cfg!(miri) { 200 } else { 1500 }),
    ) {
        run(kind, if events { ALL } else { ALL & !EVENT_INDEX }, false, &program);
    }
}

/// Frames are told apart by their bytes: many of them, in any order of giving
/// back, come and go whole.
#[test]
fn many_frames_are_answered_each_with_its_own_bytes() {
    let rounds = if cfg!(miri) { 12 } else { 20_000 };
    for kind in Kind::ALL {
        let mut rig = Rig::new(kind, ALL, 8, 8);
        let mut number = 0_u32;
        let mut expected = Vec::new();
        for round in 0..rounds {
            for _ in 0..=round % 5 {
                let mut bytes = frame(60);
                bytes[20..24].copy_from_slice(&number.to_le_bytes());
                if rig.deliver(&bytes, 0) {
                    number += 1;
                }
            }
            let mut lent: Vec<_> = core::iter::from_fn(|| rig.card.receive()).collect();
            let turn = round as usize % 3 % lent.len().max(1);
            lent.rotate_left(turn);
            for received in lent {
                let bytes = rig.card.frame(&received)[..60].to_vec();
                if rig.card.answer(received, 60, Checksum::Done).is_ok() {
                    expected.push(bytes);
                }
            }
            rig.card.flush();
            if round % 3 != 0 {
                let sent = rig.collect().into_iter().map(|sent| sent.frame);
                assert_eq!(sent.collect::<Vec<_>>(), expected);
                expected.clear();
            }
        }
        assert!(number > rounds as u32, "it was kept from receiving");
        assert_eq!(rig.card.fault(), None);
    }
}
