//! XenStore's client against a daemon, and against one that is none.

use super::*;
use crate::xen::fake::{Host, STORE_PORT};
use proptest::prelude::*;
use std::{string::String, vec::Vec};

fn store(host: &'static Host) -> Store<'static, Host> {
    Store::new(host, host.store_page, STORE_PORT)
}

#[test]
fn keys_are_read_written_and_listed() {
    let host = Host::new();
    host.set("device/vif/0/mac", "00:16:3e:00:00:01");
    host.set("device/vif/12/mac", "x");
    let mut store = store(host);
    let mac: Text<32> = store.read(b"device/vif/0/mac").unwrap();
    assert_eq!(mac.as_str(), "00:16:3e:00:00:01");
    let none = store.read::<32>(b"device/vif/1/mac");
    assert_eq!(none.map(|text| text.is_empty()), Err(StoreError::Absent));
    assert_eq!(store.read_number(b"absent"), Ok(None));
    let long = store.read::<4>(b"device/vif/0/mac");
    assert_eq!(long.map(|text| text.is_empty()), Err(StoreError::TooLong));
    store
        .write(Transaction::NONE, b"device/vif/0/state", b"4")
        .unwrap();
    assert_eq!(host.get("device/vif/0/state").as_deref(), Some("4"));
    let mut names = Vec::new();
    store
        .list(b"device/vif", |name| {
            names.push(String::from_utf8(name.to_vec()).unwrap())
        })
        .unwrap();
    assert_eq!(names, ["0", "12"]);
}

#[test]
fn the_ring_wraps_and_messages_come_in_pieces() {
    let host = Host::new();
    host.set("key", &"v".repeat(100));
    host.trickle.set(7);
    let mut store = store(host);
    for _ in 0..200 {
        let value: Text<128> = store.read(b"key").unwrap();
        assert_eq!(value.bytes().len(), 100);
    }
}

#[test]
fn watches_fire_at_once_and_with_every_change() {
    let host = Host::new();
    host.set("device/vif/0/state", "1");
    let mut store = store(host);
    store.watch(b"device/vif", 3).unwrap();
    host.run();
    store.poll().unwrap();
    assert_eq!(store.take_fired(), 1 << 3);
    assert_eq!(store.take_fired(), 0);
    // Events between a request and its answer are kept, and told.
    host.set("device/vif/0/state", "4");
    host.set("elsewhere", "4");
    assert_eq!(store.read_number(b"device/vif/0/state"), Ok(Some(4)));
    assert!(store.has_fired());
    assert_eq!(store.take_fired(), 1 << 3);
    assert!(!store.has_fired());
    store.unwatch(b"device/vif", 3).unwrap();
    host.set("device/vif/0/state", "5");
    host.run();
    store.poll().unwrap();
    assert_eq!(store.take_fired(), 0);
}

#[test]
fn a_disturbed_transaction_is_done_again() {
    let host = Host::new();
    let mut store = store(host);
    for (disturbed, tries, expected) in [
        (0, 1, Ok(())),
        (3, 4, Ok(())),
        (1000, 20, Err(StoreError::Again)),
    ] {
        host.disturbed.set(disturbed);
        let mut seen = 0;
        let done = store.transact(|store, transaction| {
            seen += 1;
            store.write(transaction, b"a", b"1")
        });
        assert_eq!((done, seen), (expected, tries));
    }
}

#[test]
fn a_silent_daemon_is_not_waited_for_for_ever() {
    let host = Host::new();
    host.silent.set(true);
    let mut store = store(host);
    assert_eq!(store.read_number(b"a"), Err(StoreError::Silent));
    assert!(host.time.get() >= PATIENCE && host.time.get() < 2 * PATIENCE);
    // Nor is one that sends nothing but events: each is a little later.
    host.silent.set(false);
    host.run();
    host.silent.set(true);
    let before = host.time.get();
    assert_eq!(store.read_number(b"a"), Err(StoreError::Silent));
    assert!(host.time.get() < before + 2 * PATIENCE);
}

#[test]
fn a_late_answer_is_not_taken_for_another() {
    let host = Host::new();
    host.set("a", "1");
    host.set("b", "2");
    host.silent.set(true);
    let mut store = store(host);
    assert_eq!(store.read_number(b"a"), Err(StoreError::Silent));
    host.silent.set(false);
    assert_eq!(store.read_number(b"b"), Ok(Some(2)));
}

#[test]
fn a_request_that_cannot_fit_is_refused() {
    let host = Host::new();
    let written = store(host).write(Transaction::NONE, b"a", &[b'x'; 1024]);
    assert_eq!(written, Err(StoreError::TooLong));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

    /// Whatever stands in the ring: every call ends, and says something.
    #[test]
    fn a_hostile_daemon_is_survived(
        bytes in proptest::collection::vec(any::<u8>(), 1024),
        indices in any::<[u32; 4]>(),
        near in any::<bool>(),
        kind in 0u32..18,
        length in prop_oneof![0u32..600, any::<u32>()],
    ) {
        let host = Host::new();
        host.silent.set(true);
        let mut store = store(host);
        let page = host.store_page;
        page.write(RSP, &bytes);
        for (index, at) in indices.into_iter().zip([REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD]) {
            page.store32(at, if near { index % 1024 } else { index });
        }
        // A header that is nearly right gets further.
        let start = (page.load32(RSP_CONS) % 1024) as usize;
        for (field, value) in [kind, 1, 0, length].into_iter().enumerate() {
            for (byte, value) in value.to_le_bytes().into_iter().enumerate() {
                page.store8(RSP + (start + field * 4 + byte) % 1024, value);
            }
        }
        let _ = store.poll();
        let _ = store.read::<64>(b"a");
        let _ = store.list(b"b", |_| {});
        let _ = store.transact(|store, transaction| store.write(transaction, b"c", b"d"));
        let _ = store.watch(b"e", 31);
    }
}
