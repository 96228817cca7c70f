//! netfront against hostile backends: whatever they do, nothing is read or
//! written out of bounds, and nothing loops.

use super::{
    tests::{BACKEND, World, respond, world},
    *,
};
use crate::xen::{
    PAGE_BYTES,
    abi::ring::{REQ_EVENT, RSP_EVENT, RSP_PROD},
    fake::granted,
};
use proptest::prelude::*;
use std::{format, vec::Vec};

/// One thing that a hostile backend does.
#[derive(Debug, Clone)]
enum Blow {
    /// An answer of any bytes in the next place of the receive ring.
    Receive([u8; 8]),
    /// An answer that is nearly right: offset, flags, status.
    Nearly(u16, u16, i16),
    /// The same for what was sent.
    Sent([u8; 4]),
    /// An index of either ring.
    Index(bool, u8, u32),
    /// Bytes anywhere in either ring.
    Scribble(bool, u16, u8),
    /// The backend's state.
    State(u8),
}

fn blow() -> impl Strategy<Value = Blow> {
    prop_oneof![
        any::<[u8; 8]>().prop_map(Blow::Receive),
        (0u16..5000, 0u16..16, -2i16..4200)
            .prop_map(|(offset, flags, status)| Blow::Nearly(offset, flags, status)),
        (0u16..4096, 0u16..8, 0i16..1600)
            .prop_map(|(offset, flags, status)| Blow::Nearly(offset, flags, status)),
        any::<[u8; 4]>().prop_map(Blow::Sent),
        (0u8..4).prop_map(|id| Blow::Sent([id, 0, 0, 0])),
        (any::<bool>(), 0u8..4, any::<u32>())
            .prop_map(|(ring, at, value)| Blow::Index(ring, at, value)),
        (any::<bool>(), any::<u16>(), any::<u8>())
            .prop_map(|(ring, at, value)| Blow::Scribble(ring, at, value)),
        (0u8..8).prop_map(Blow::State),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 300 }))]

    /// Whatever a backend does: no panic, no endless loop, no frame longer than
    /// its buffer or given out twice, and no byte written but into what was
    /// granted for it.
    #[test]
    fn a_hostile_backend_is_survived(blows in proptest::collection::vec(blow(), 1..60)) {
        let (mut world, mut tx, mut rx) = World::connected();
        let mut lent = Vec::new();
        // Read-only for the backend, and ours to write: it stays as we left it.
        for (index, blow) in blows.into_iter().enumerate() {
            match blow {
                Blow::Receive(bytes) => rx.answer(&bytes),
                Blow::Nearly(offset, flags, status) => {
                    let id = rx.responses as u8;
                    respond(&mut rx, id.into(), offset, flags, status);
                }
                Blow::Sent(bytes) => tx.answer(&bytes),
                Blow::Index(ring, at, value) => {
                    let at = [0, REQ_EVENT, RSP_PROD, RSP_EVENT][usize::from(at)];
                    let page = if ring { tx.page } else { rx.page };
                    page.store32(at, value);
                }
                Blow::Scribble(ring, at, value) => {
                    let page = if ring { tx.page } else { rx.page };
                    page.store8(usize::from(at) % PAGE_BYTES, value);
                }
                Blow::State(state) => world.backend("state", &format!("{state}")),
            }
            let mut turns = 0;
            while let Some(received) = world.nic.receive() {
                turns += 1;
                prop_assert!(turns <= 256);
                prop_assert!((14..=FRAME_BYTES).contains(&usize::from(received.length)));
                prop_assert!(world.nic.frame(&received).len() >= FRAME_BYTES);
                prop_assert!(lent.iter().all(|other: &Received| other.buffer != received.buffer));
                lent.push(received);
                if lent.len() == 3 {
                    for received in lent.drain(..2) {
                        world.nic.recycle(received);
                    }
                    if let Some(received) = lent.pop() {
                        let _ = world.nic.answer(received, 60, Checksum::Done);
                    }
                }
            }
            let mut sent = 0;
            while world.nic.transmit(&[index as u8; 60], &[], Checksum::Done).is_ok() {
                sent += 1;
                prop_assert!(sent <= 4);
            }
            world.nic.flush();
            let _ = world.nic.arm();
            let _ = world.settle();
            for page in world.table {
                // Grants name our pages and nothing else.
                for grant in 8..20 {
                    let entry = page.load16(grant * 8);
                    let known = granted(
                        world.table,
                        &[world.receive, world.transmit, world.rings],
                        grant as u32,
                    );
                    prop_assert!(entry == 0 || known.is_some());
                }
            }
        }
    }

    /// Whatever a tool stack or a backend writes into XenStore, in whichever order:
    /// no panic, no endless loop, never more than one channel, and no frame but over
    /// rings that were granted.
    #[test]
    fn hostile_keys_are_survived(writes in proptest::collection::vec((0usize..KEYS.len(), value()), 1..40)) {
        let mut world = world(4, 2, 2);
        world.plug();
        world.nic.begin(&mut world.store).unwrap();
        for (key, value) in writes {
            let key = KEYS[key].replace("BACKEND", BACKEND);
            match value {
                Some(value) => world.host.set(&key, &value),
                None => world.host.remove(&key),
            }
            let _ = world.settle();
            let _ = world.nic.address(&mut world.store);
            let _ = world.nic.backend_error(&mut world.store);
            prop_assert!(world.host.open_ports.borrow().len() <= 1);
            prop_assert!(world.nic.capabilities().mtu <= 1500);
            let _ = world.nic.transmit(&[1; 60], &[], Checksum::Done);
            world.nic.flush();
            prop_assert!(world.nic.receive().is_none());
        }
    }
}

/// What others write that is read.
const KEYS: [&str; 16] = [
    "device/vif/0",
    "device/vif/0/backend",
    "device/vif/0/backend-id",
    "device/vif/0/mac",
    "device/vif/0/mtu",
    "device/vif/4294967295/backend",
    "device/vif/x",
    "BACKEND/state",
    "BACKEND/online",
    "BACKEND/feature-rx-copy",
    "BACKEND/feature-no-csum-offload",
    "BACKEND/feature-ipv6-csum-offload",
    "BACKEND/hotplug-error",
    "BACKEND/ip",
    "xenserver/device/vif/0/static-ip-setting/address",
    "qubes-ip",
];

/// A value that is right somewhere, or nowhere, or nothing.
fn value() -> impl Strategy<Value = Option<std::string::String>> {
    prop_oneof![
        4 => (0u8..9).prop_map(|state| Some(format!("{state}"))),
        1 => "[0-9]{1,30}".prop_map(Some),
        1 => "[0-9a-f:./ +-]{0,40}".prop_map(Some),
        1 => "[ -~]{0,600}".prop_map(Some),
        1 => Just(Some(BACKEND.into())),
        1 => Just(None),
    ]
}
