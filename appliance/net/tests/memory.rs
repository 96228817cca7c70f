//! Memory: never more than was said, whatever is connected, and none that grows
//! with what is asked.

mod common;

use applgen_net::{Now, Server};
use common::bench::Bench;
use common::frames::Segment;
use common::nic::FakeNic;
use common::{Lines, WORDS, bundle, capabilities, setup};
use smoltcp::wire::TcpControl;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::net::Ipv4Addr;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn live(region: &Region<'_, System>) -> usize {
    let stats = region.change();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// An interface that keeps nothing, so that what is counted is the server's.
fn turn(server: &mut Server<'static>, nic: &mut FakeNic, console: &mut Lines, now: &mut u64) {
    *now += 10;
    let time = Now {
        micros: *now,
        unix_seconds: None,
    };
    server.poll(nic, time, console);
    *nic = FakeNic::new(capabilities());
}

/// One test, since the allocator counts for all of them.
#[test]
fn memory_is_bounded() {
    no_more_than_was_said();
    requests_leave_nothing_behind();
}

fn no_more_than_was_said() {
    for memory_bytes in [600_000, 1_000_000, 4_500_000, 16_000_000] {
        let mut setup = setup(bundle(4000), WORDS);
        setup.memory_bytes = memory_bytes;
        let mut nic = FakeNic::new(capabilities());
        let mut console = Lines::default();
        let mut now = 0;
        let region = Region::new(ALLOCATOR);
        let mut server = Server::new(&setup).unwrap();
        turn(&mut server, &mut nic, &mut console, &mut now);
        let at_start = live(&region);
        // More connections than there can be, each in the midst of a request
        // that is too long for a ring.
        for number in 0..3000 {
            let from = Ipv4Addr::from_bits(0xc612_0000 + number);
            let syn = Segment::syn(from, 4000, 1000);
            nic.incoming.push_back((syn.frame(), false));
            turn(&mut server, &mut nic, &mut console, &mut now);
        }
        let used = live(&region);
        assert!(
            used > memory_bytes / 2 || memory_bytes > 10_000_000,
            "{used}"
        );
        assert!(used <= memory_bytes, "{used} of {memory_bytes}");
        // Nothing more from now on.
        for number in 0..3000 {
            let from = Ipv4Addr::from_bits(0xc613_0000 + number);
            let syn = Segment::syn(from, 4000, 1000);
            nic.incoming.push_back((syn.frame(), false));
            turn(&mut server, &mut nic, &mut console, &mut now);
        }
        assert_eq!(live(&region), used);
        // Printed now: what the harness keeps of it is allocated, too.
        println!("{memory_bytes}: {at_start} at start, {used} in all");
    }
}

fn requests_leave_nothing_behind() {
    let mut bench = Bench::new(&setup(bundle(4000), WORDS));
    let from = Ipv4Addr::new(192, 0, 2, 9);
    let syn = bench.segments(Segment::syn(from, 4000, 1000).frame());
    let mut ours = Segment {
        control: TcpControl::None,
        seq: 1001,
        ack: Some(syn[0].seq.wrapping_add(1)),
        payload: b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        ..Segment::syn(from, 4000, 0)
    };
    let mut ask = |bench: &mut Bench| {
        let answers = bench.segments(ours.frame());
        assert!(answers[0].payload.starts_with(b"HTTP/1.1 200 OK"));
        ours.seq += ours.payload.len() as i32;
        ours.ack = Some(answers[0].seq.wrapping_add(answers[0].payload.len() as i32));
    };
    for _ in 0..10 {
        ask(&mut bench);
    }
    let region = Region::new(ALLOCATOR);
    for _ in 0..10_000 {
        ask(&mut bench);
    }
    assert_eq!(live(&region), 0);
}
