//! netfront against an honest backend.

use super::*;
use crate::xen::{
    Store, StoreError,
    abi::ring::RSP_EVENT,
    fake::{Backend, Host, STORE_PORT, granted, pages},
};
use std::{boxed::Box, format, vec, vec::Vec};

pub(super) const BACKEND: &str = "/local/domain/0/backend/vif/7/0";

pub(super) struct World {
    pub(super) host: &'static Host,
    pub(super) store: Store<'static, Host>,
    pub(super) nic: Netfront<'static, Host>,
    pub(super) table: &'static [Page],
    pub(super) receive: &'static [Page],
    pub(super) transmit: &'static [Page],
    pub(super) rings: &'static [Page; 2],
}

/// Memory with the rings and buffers in the middle of pages that nobody may
/// write to.
pub(super) fn world(receive: usize, transmit: usize, frames: usize) -> World {
    let host = Host::new();
    let table = pages(1);
    let rings: &'static [Page; 2] = Box::leak(Box::new([const { Page::new() }; 2]));
    let (receive, transmit) = (pages(receive), pages(transmit));
    let memory = Memory {
        rings,
        receive,
        transmit,
        frames: Vec::leak(vec![[0; BUFFER_BYTES]; frames]),
    };
    let nic = Netfront::new(host, GrantTable::new(table), memory).unwrap();
    World {
        host,
        store: Store::new(host, host.store_page, STORE_PORT),
        nic,
        table,
        receive,
        transmit,
        rings,
    }
}

impl World {
    /// What a tool stack writes for an interface.
    pub(super) fn plug(&self) {
        self.host.set("device/vif/0/backend", BACKEND);
        self.host.set("device/vif/0/backend-id", "0");
        self.host.set("device/vif/0/mac", "00:16:3e:01:02:03");
        self.host.set("device/vif/0/state", "1");
        self.backend("feature-rx-copy", "1");
        self.backend("feature-ipv6-csum-offload", "1");
        self.backend("online", "1");
        self.backend("state", "2");
    }

    pub(super) fn backend(&self, key: &str, value: &str) {
        self.host.set(&format!("{BACKEND}/{key}"), value);
    }

    /// Lets events come and be attended to, until none is left.
    pub(super) fn settle(&mut self) -> Result<(), LinkError> {
        let mut done = Ok(());
        for _ in 0..20 {
            self.host.run();
            self.store.poll()?;
            let fired = self.store.take_fired();
            if fired & Watch::BITS != 0 || self.nic.is_broken() {
                done = self.nic.attend(&mut self.store, fired);
            }
        }
        done
    }

    /// Up to a connection.
    pub(super) fn connected() -> (Self, Backend, Backend) {
        Self::connected_with(8, 2, 4)
    }

    fn connected_with(receive: usize, transmit: usize, frames: usize) -> (Self, Backend, Backend) {
        let mut world = world(receive, transmit, frames);
        world.plug();
        world.nic.begin(&mut world.store).unwrap();
        world.settle().unwrap();
        assert_eq!(world.key("state"), "4");
        world.backend("state", "4");
        world.settle().unwrap();
        assert!(world.nic.is_up());
        let (tx, rx) = world.backends();
        (world, tx, rx)
    }

    /// The backend's ends of both rings, found by the grants it was told.
    fn backends(&self) -> (Backend, Backend) {
        let ring = |key: &str| {
            let grant = self.key(key).parse().unwrap();
            granted(self.table, &[self.rings], grant).unwrap()
        };
        (
            Backend::new(ring("tx-ring-ref"), 12),
            Backend::new(ring("rx-ring-ref"), 8),
        )
    }

    fn key(&self, key: &str) -> std::string::String {
        self.host
            .get(&format!("device/vif/0/{key}"))
            .unwrap_or_default()
    }

    /// What a transmit request names: flags, id, and the frame.
    fn sent(&self, request: &[u8]) -> (u16, u16, Vec<u8>) {
        let half = |at: usize| u16::from_le_bytes(request[at..at + 2].try_into().unwrap());
        let grant = u32::from_le_bytes(request[..4].try_into().unwrap());
        let page = granted(self.table, &[self.transmit], grant).unwrap();
        let mut frame = vec![0; half(10).into()];
        assert_eq!(page.read(half(4).into(), &mut frame), frame.len());
        (half(6), half(8), frame)
    }
}

/// Gives a frame to the guest, in pieces of at most `piece` bytes, as a backend
/// with feature-sg may.
fn deliver(world: &World, rx: &mut Backend, frame: &[u8], piece: usize, flags: u16) {
    let count = frame.len().div_ceil(piece);
    for (index, part) in frame.chunks(piece).enumerate() {
        let request = rx.take().expect("a page is posted");
        let grant = u32::from_le_bytes(request[4..8].try_into().unwrap());
        let page = granted(world.table, &[world.receive], grant).unwrap();
        page.write(100, part);
        let more = if index + 1 < count { 4 } else { 0 };
        let first = if index == 0 { flags } else { 0 };
        respond(rx, request[0].into(), 100, first | more, part.len() as i16);
    }
}

pub(super) fn respond(rx: &mut Backend, id: u16, offset: u16, flags: u16, status: i16) {
    let mut response = Vec::new();
    response.extend(id.to_le_bytes());
    response.extend(offset.to_le_bytes());
    response.extend(flags.to_le_bytes());
    response.extend(status.to_le_bytes());
    rx.answer(&response);
}

#[test]
fn it_connects_as_the_protocol_says() {
    let (world, _, _) = World::connected();
    for (key, value) in [
        ("request-rx-copy", "1"),
        ("feature-rx-notify", "1"),
        ("feature-sg", "1"),
        ("feature-ipv6-csum-offload", "1"),
        ("feature-no-csum-offload", ""),
        ("event-channel", "10"),
    ] {
        assert_eq!(world.key(key), value, "{key}");
    }
    let capabilities = world.nic.capabilities();
    assert_eq!(capabilities.mac, [0, 0x16, 0x3e, 1, 2, 3]);
    assert_eq!(capabilities.mtu, 1500);
}

#[test]
fn a_frame_leaves_gathered_and_its_buffer_comes_back() {
    let (mut world, mut tx, _) = World::connected();
    let (head, body) = ([1; 54], [2; 1000]);
    for round in 0..50 {
        world
            .nic
            .transmit(&head, &[&body[..400], &body[400..]], Checksum::Done)
            .unwrap();
        world.nic.flush();
        let request = tx.take().unwrap();
        let (flags, id, frame) = world.sent(&request);
        assert_eq!((flags, frame.len()), (0, 1054));
        assert_eq!(frame, [&head[..], &body].concat(), "{round}");
        tx.answer(&[id as u8, (id >> 8) as u8, 0, 0]);
    }
}

#[test]
fn there_is_room_again_when_the_backend_answered() {
    let (mut world, mut tx, _) = World::connected();
    let mut ids = Vec::new();
    for _ in 0..4 {
        assert!(world.nic.has_room());
        world.nic.transmit(&[0; 60], &[], Checksum::Done).unwrap();
    }
    assert!(!world.nic.has_room());
    assert_eq!(world.nic.transmit(&[0; 60], &[], Checksum::Done), Err(Full));
    world.nic.flush();
    while let Some(request) = tx.take() {
        ids.push(request[8]);
    }
    assert_eq!(ids.len(), 4);
    // It asks to be told when half and one are done.
    assert!(!world.nic.arm());
    assert_eq!(tx.page.load32(RSP_EVENT), 3);
    for id in &ids[..3] {
        tx.answer(&[*id, 0, 0, 0]);
    }
    assert!(world.nic.arm() || world.nic.has_room());
    assert!(world.nic.has_room());
}

#[test]
fn checksums_are_the_backends_where_it_can() {
    let mut ipv6 = vec![0u8; 80];
    ipv6[12..14].copy_from_slice(&[0x86, 0xdd]);
    let complete = Checksum::Complete {
        start: 34,
        offset: 16,
    };
    let (mut world, mut tx, _) = World::connected();
    for frame in [&[0u8; 80][..], &ipv6] {
        world.nic.transmit(frame, &[], complete).unwrap();
        world.nic.flush();
        let request = tx.take().unwrap();
        assert_eq!(world.sent(&request).0, 3);
    }
    // A backend without: the sum of RFC 1071 is there.
    let mut world = self::world(4, 2, 2);
    world.plug();
    world.backend("feature-no-csum-offload", "1");
    world.backend("feature-ipv6-csum-offload", "0");
    world.nic.begin(&mut world.store).unwrap();
    world.settle().unwrap();
    world.backend("state", "4");
    world.settle().unwrap();
    let (mut tx, _) = world.backends();
    for length in [80, 81] {
        let mut frame: Vec<u8> = (0..length)
            .map(|byte| (byte as u8).wrapping_mul(7))
            .collect();
        world
            .nic
            .transmit(&frame[..40], &[], Checksum::Done)
            .unwrap();
        let rest: &'static [u8] = frame.split_off(50).leak();
        world.nic.transmit(&frame, &[rest], complete).unwrap();
        world.nic.flush();
        tx.take().unwrap();
        let request = tx.take().unwrap();
        let (flags, _, sent) = world.sent(&request);
        assert_eq!(flags, 0);
        frame.extend(rest);
        let mut sum: u32 = frame[34..]
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
            .sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        assert_eq!(sent[50..52], (!(sum as u16)).to_be_bytes());
    }
}

#[test]
fn a_frame_comes_whole_or_scattered() {
    let (mut world, _, mut rx) = World::connected();
    for (length, piece) in [(60, 2000), (1514, 2000), (1514, 700), (600, 100)] {
        let frame: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
        deliver(&world, &mut rx, &frame, piece, 0);
        let received = world.nic.receive().unwrap();
        assert_eq!(usize::from(received.length), length);
        assert!(!received.checked);
        assert_eq!(world.nic.frame(&received)[..length], frame);
        assert!(world.nic.frame(&received).len() >= FRAME_BYTES);
        world.nic.recycle(received);
        world.nic.flush();
        assert_eq!(world.nic.receive(), None);
    }
}

#[test]
fn the_backends_word_on_checksums_is_passed_on() {
    let (mut world, _, mut rx) = World::connected();
    for flags in [1, 2, 3] {
        deliver(&world, &mut rx, &[9; 60], 2000, flags);
        let received = world.nic.receive().unwrap();
        assert!(received.checked);
        world.nic.recycle(received);
        world.nic.flush();
    }
}

#[test]
fn a_frame_that_was_given_out_cannot_be_changed() {
    let (mut world, _, mut rx) = World::connected();
    deliver(&world, &mut rx, &[9; 60], 2000, 0);
    let received = world.nic.receive().unwrap();
    for page in world.receive {
        page.write(0, &[0xff; PAGE]);
    }
    assert_eq!(world.nic.frame(&received)[..60], [9; 60]);
}

const PAGE: usize = crate::xen::PAGE_BYTES;

#[test]
fn a_frame_is_answered_in_place() {
    let (mut world, mut tx, mut rx) = World::connected();
    deliver(&world, &mut rx, &[9; 60], 2000, 0);
    let received = world.nic.receive().unwrap();
    world.nic.frame(&received)[..100].fill(7);
    world.nic.answer(received, 100, Checksum::Done).unwrap();
    world.nic.flush();
    let request = tx.take().unwrap();
    assert_eq!(world.sent(&request).2, [7; 100]);
}

#[test]
fn buffers_that_are_lent_out_are_waited_for() {
    let (mut world, _, mut rx) = World::connected();
    for _ in 0..6 {
        deliver(&world, &mut rx, &[9; 60], 2000, 0);
    }
    let lent: Vec<_> = std::iter::from_fn(|| world.nic.receive()).collect();
    assert_eq!(lent.len(), 4);
    // Nothing can be done about the others: waiting is right.
    assert!(!world.nic.arm());
    for received in lent {
        world.nic.recycle(received);
    }
    assert!(world.nic.arm());
    assert_eq!(std::iter::from_fn(|| world.nic.receive()).count(), 2);
}

#[test]
fn one_event_for_a_batch_and_none_that_nobody_asked_for() {
    let (mut world, mut tx, mut rx) = World::connected();
    let ask = |tx: &Backend, rx: &Backend| {
        tx.arm();
        rx.arm();
    };
    while rx.take().is_some() {}
    ask(&tx, &rx);
    let before = world.host.rings.get();
    for _ in 0..3 {
        world.nic.transmit(&[0; 60], &[], Checksum::Done).unwrap();
    }
    world.nic.flush();
    world.nic.flush();
    assert_eq!(world.host.rings.get(), before + 1);
    // The backend is at it and asked for nothing: it is left alone.
    world.nic.transmit(&[0; 60], &[], Checksum::Done).unwrap();
    world.nic.flush();
    assert_eq!(world.host.rings.get(), before + 1);
    while tx.take().is_some() {}
}

#[test]
fn extra_answers_hold_no_data() {
    let (mut world, _, mut rx) = World::connected();
    let first = rx.take().unwrap();
    let grant = u32::from_le_bytes(first[4..8].try_into().unwrap());
    let page = granted(world.table, &[world.receive], grant).unwrap();
    page.write(0, &[5; 60]);
    respond(&mut rx, first[0].into(), 0, 8, 60);
    // Two extras, of which the first says that another follows.
    rx.take().unwrap();
    rx.answer(&[1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(world.nic.receive(), None);
    rx.take().unwrap();
    rx.answer(&[1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    let received = world.nic.receive().unwrap();
    assert_eq!(world.nic.frame(&received)[..60], [5; 60]);
    world.nic.recycle(received);
    assert!(world.nic.is_up());
}

#[test]
fn frames_with_errors_are_lost_and_no_more() {
    let (mut world, _, mut rx) = World::connected();
    for (first, second) in [
        ((4, 60), (0, -1)),
        ((0, -1), (0, 60)),
        ((4, 1500), (0, 100)),
    ] {
        for (flags, status) in [first, second] {
            let request = rx.take().unwrap();
            respond(&mut rx, request[0].into(), 0, flags, status);
        }
        while let Some(received) = world.nic.receive() {
            assert_eq!(received.length, 60);
            world.nic.recycle(received);
        }
        assert!(world.nic.is_up());
        world.nic.flush();
    }
    deliver(&world, &mut rx, &[1; 13], 2000, 0);
    assert_eq!(world.nic.receive(), None);
    deliver(&world, &mut rx, &[1; 14], 2000, 0);
    assert!(world.nic.receive().is_some());
}

#[test]
fn the_backend_goes_away_and_comes_back() {
    let (mut world, mut tx, mut rx) = World::connected();
    deliver(&world, &mut rx, &[9; 60], 2000, 0);
    let lent = world.nic.receive().unwrap();
    world.nic.transmit(&[0; 60], &[], Checksum::Done).unwrap();
    world.nic.flush();
    tx.take().unwrap();
    for state in ["5", "6"] {
        world.backend("state", state);
        world.settle().unwrap();
    }
    assert!(!world.nic.is_up() && !world.nic.has_room());
    assert_eq!(world.host.open_ports.borrow().len(), 0);
    // It closed, and offers to begin anew since the backend is to stay.
    assert_eq!(world.key("state"), "1");
    assert_eq!(world.nic.receive(), None);
    assert_eq!(world.nic.frame(&lent)[..60], [9; 60]);
    world.backend("state", "2");
    world.settle().unwrap();
    assert_eq!(world.key("state"), "4");
    world.backend("state", "4");
    world.settle().unwrap();
    assert!(world.nic.is_up());
    world.nic.recycle(lent);
    let (mut tx, mut rx) = world.backends();
    deliver(&world, &mut rx, &[8; 70], 2000, 0);
    assert_eq!(world.nic.receive().unwrap().length, 70);
    for _ in 0..4 {
        world.nic.transmit(&[3; 60], &[], Checksum::Done).unwrap();
    }
    world.nic.flush();
    let request = tx.take().unwrap();
    assert_eq!(world.sent(&request).2, [3; 60]);
}

#[test]
fn a_backend_that_was_gone_before_we_looked_is_met_anew() {
    let (mut world, _, _) = World::connected();
    for state in ["5", "6", "2"] {
        world.backend("state", state);
    }
    world.settle().unwrap();
    world.backend("state", "4");
    world.settle().unwrap();
    assert!(world.nic.is_up());
    assert_eq!(world.host.open_ports.borrow().len(), 1);
}

#[test]
fn an_interface_is_unplugged_and_another_plugged_in() {
    let (mut world, _, _) = World::connected();
    world.backend("online", "0");
    world.backend("state", "5");
    world.settle().unwrap();
    assert_eq!(world.key("state"), "6");
    world.backend("state", "6");
    world.settle().unwrap();
    assert_eq!(world.key("state"), "6");
    world.host.remove("device/vif/0");
    world.host.remove(BACKEND);
    assert_eq!(world.settle(), Err(LinkError::NoDevice));
    world.plug();
    world.settle().unwrap();
    world.backend("state", "4");
    world.settle().unwrap();
    assert!(world.nic.is_up());
    assert_eq!(world.nic.capabilities().mac, [0, 0x16, 0x3e, 1, 2, 3]);
}

#[test]
fn what_a_host_could_not_do_is_done_when_it_is_asked_again() {
    let mut world = world(4, 2, 2);
    world.plug();
    world.nic.begin(&mut world.store).unwrap();
    // So many tries take Miri minutes.
    if !cfg!(miri) {
        world.host.disturbed.set(1000);
        assert_eq!(world.settle(), Err(LinkError::Store(StoreError::Again)));
        assert!(LinkError::Store(StoreError::Again).may_pass());
        assert_eq!(world.key("state"), "1");
        world.host.disturbed.set(0);
    }
    // No watch fires: nothing has changed.
    world.nic.attend(&mut world.store, Watch::BITS).unwrap();
    assert_eq!(world.key("state"), "4");
    assert_eq!(world.host.open_ports.borrow().len(), 1);
    world.backend("state", "4");
    world.settle().unwrap();
    assert!(world.nic.is_up());

    // A backend in another domain, while the one before has a page mapped.
    world.table[0].store16(9 * 8, 1 | 8);
    world.host.set("device/vif/0/backend-id", "5");
    world.host.set("device/vif/0/backend", "/elsewhere");
    world.host.set("/elsewhere/feature-rx-copy", "1");
    world.host.set("/elsewhere/state", "2");
    assert_eq!(world.settle(), Err(LinkError::PagesInUse));
    assert!(LinkError::PagesInUse.may_pass() && !LinkError::NoRxCopy.may_pass());
    world.table[0].store16(9 * 8, 1);
    world.nic.attend(&mut world.store, Watch::BITS).unwrap();
    assert_eq!(world.key("state"), "4");
    assert_eq!(world.table[0].load16(9 * 8 + 2), 5);
}

#[test]
fn no_grant_changes_while_frames_come_and_go() {
    let (mut world, mut tx, mut rx) = World::connected();
    let entries = |world: &World| {
        let mut bytes = vec![0; PAGE];
        world.table[0].read(0, &mut bytes);
        bytes
    };
    let before = entries(&world);
    for round in 0..if cfg!(miri) { 40 } else { 600 } {
        deliver(&world, &mut rx, &[9; 60], 2000, 0);
        let received = world.nic.receive().unwrap();
        world.nic.answer(received, 60, Checksum::Done).unwrap();
        world.nic.transmit(&[7; 60], &[], Checksum::Done).unwrap();
        world.nic.flush();
        while let Some(request) = tx.take() {
            tx.answer(&[request[8], 0, 0, 0]);
        }
        assert!(entries(&world) == before, "{round}");
    }
    // Nor when the backend comes back.
    for state in ["5", "6", "2", "4"] {
        world.backend("state", state);
        world.settle().unwrap();
    }
    assert!(world.nic.is_up());
    assert!(entries(&world) == before);
}

#[test]
fn of_several_interfaces_the_first_is_used() {
    let mut world = world(4, 2, 2);
    world.plug();
    world.host.set("device/vif/10/backend", "/elsewhere");
    world.host.set("device/vif/1/backend", "/elsewhere");
    world.nic.begin(&mut world.store).unwrap();
    world.settle().unwrap();
    world.backend("state", "4");
    world.settle().unwrap();
    assert!(world.nic.is_up());
}

#[test]
fn what_a_tool_stack_left_out_is_named() {
    for (key, value, expected) in [
        ("device/vif/0/mac", "nonsense", LinkError::Key("mac")),
        (
            "device/vif/0/backend-id",
            "70000",
            LinkError::Key("backend-id"),
        ),
        (
            &format!("{BACKEND}/feature-rx-copy"),
            "0",
            LinkError::NoRxCopy,
        ),
    ] {
        let mut world = world(4, 2, 2);
        world.plug();
        world.host.set(key, value);
        world.nic.begin(&mut world.store).unwrap();
        assert_eq!(world.settle(), Err(expected), "{key}");
    }
    let mut world = world(4, 2, 2);
    world.nic.begin(&mut world.store).unwrap();
    assert_eq!(world.settle(), Err(LinkError::NoDevice));
}
