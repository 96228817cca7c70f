//! Whole files over links that lose, delay, reorder and duplicate, against a
//! second smoltcp. The same seed gives the same run, so that the table of
//! results is held as it is: a change of it is to be looked at.

mod common;

use common::link::Impairment;
use common::world::{SERVER4, SERVER6, World};
use common::{WORDS, body, bundle, setup};
use std::fmt::Write;

const CLEAN: Impairment = Impairment {
    loss: 0,
    duplication: 0,
    reordering: 0,
    delay_micros: 5_000,
    jitter_micros: 0,
};

const CASES: [(&str, Impairment); 7] = [
    ("clean, 10 ms", CLEAN),
    ("loss 1 %", Impairment { loss: 10, ..CLEAN }),
    ("loss 5 %", Impairment { loss: 50, ..CLEAN }),
    (
        "duplication 5 %",
        Impairment {
            duplication: 50,
            ..CLEAN
        },
    ),
    (
        "reordering 2 %",
        Impairment {
            reordering: 20,
            ..CLEAN
        },
    ),
    (
        "delay 50 ms, jitter 20 ms",
        Impairment {
            delay_micros: 50_000,
            jitter_micros: 20_000,
            ..CLEAN
        },
    ),
    (
        "all of it",
        Impairment {
            loss: 20,
            duplication: 20,
            reordering: 20,
            delay_micros: 20_000,
            jitter_micros: 2_000,
        },
    ),
];

/// Milliseconds that four files of 100 kB take, fetched at once over both
/// protocols; frames that were sent, lost, duplicated, reordered.
const TABLE: &str = "\
clean, 10 ms                   80   328    0    0    0
loss 1 %                      400   388    4    0    0
loss 5 %                     1075   456   24    0    0
duplication 5 %                80   342    0   21    0
reordering 2 %                185   389    0    0    7
delay 50 ms, jitter 20 ms    1926   612    0    0  374
all of it                    1764   612   13   11  276
";

#[test]
fn whole_files_over_bad_links() {
    let mut table = String::new();
    for (seed, (name, impairment)) in CASES.into_iter().enumerate() {
        let setup = setup(bundle(100_000), WORDS);
        let mut world = World::new(&setup, impairment, seed as u64);
        let start = world.now;
        for server in [SERVER4, SERVER6, SERVER4, SERVER6] {
            world.get(server, "/picture");
        }
        assert!(world.finish(600), "{name}: not done in ten minutes");
        let mut last = 0;
        for fetch in &world.client.fetches {
            let (head, came) = fetch.split().expect("a whole head");
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
            assert!(came == body(100_000), "{name}: {} bytes", came.len());
            last = last.max(fetch.done_micros);
        }
        let counts = world.link.counts;
        let milliseconds = (last - start) / 1000;
        writeln!(
            table,
            "{name:<26} {milliseconds:>6} {:>5} {:>4} {:>4} {:>4}",
            counts.sent, counts.lost, counts.duplicated, counts.reordered
        )
        .unwrap();
        // That it happened, and not only that it could.
        assert_eq!(impairment.loss > 0, counts.lost > 0, "{name}");
        assert_eq!(impairment.duplication > 0, counts.duplicated > 0, "{name}");
        let reorders = impairment.reordering > 0 || impairment.jitter_micros > 0;
        assert_eq!(reorders, counts.reordered > 0, "{name}");
    }
    assert!(table == TABLE, "the table is now:\n{table}");
}

#[test]
fn the_same_seed_is_the_same_run() {
    let (_, impairment) = CASES[6];
    let run = |seed| {
        let mut world = World::new(&setup(bundle(100_000), WORDS), impairment, seed);
        world.get(SERVER4, "/picture");
        assert!(world.finish(600));
        (world.link.counts, world.client.fetches[0].done_micros)
    };
    assert_eq!(run(42), run(42));
    assert_ne!(run(42), run(43));
}

#[test]
fn twenty_megabytes_with_losses() {
    let impairment = Impairment {
        loss: 1,
        delay_micros: 200,
        ..Impairment::NONE
    };
    let mut world = World::new(&setup(bundle(20_000_000), WORDS), impairment, 5);
    world.get(SERVER6, "/large");
    assert!(world.finish(3600));
    let (_, came) = world.client.fetches[0].split().unwrap();
    assert!(came == body(20_000_000), "{} bytes", came.len());
    assert!(world.link.counts.lost > 5, "{:?}", world.link.counts);
}
