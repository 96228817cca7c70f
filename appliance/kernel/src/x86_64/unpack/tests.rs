//! The unpacker's steps, run here: the same instructions, assembled for a process.

use super::at;
use proptest::prelude::*;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::{ptr, slice, vec::Vec};

unsafe extern "C" {
    static unpack_order: [u8; ORDER_BYTES];
    fn applgen_test_inflate(
        stream: *const u8,
        unused: usize,
        work: *mut u8,
        none: usize,
        out: *mut u8,
    ) -> *mut u8;
    fn applgen_test_calls(text: *mut u8, bytes: usize);
}

const ORDER_BYTES: usize = 19;

/// Memory whose addresses have 32 bits, as all of a machine's memory has then.
struct Low {
    start: *mut u8,
    bytes: usize,
}

impl Low {
    fn new(bytes: usize) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(1 << 28);
        let place = NEXT.fetch_add(bytes.next_multiple_of(1 << 16), Relaxed) % (1 << 31);
        let hint = ptr::without_provenance_mut(place.max(1 << 28));
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, where there is room; it replaces none.
        let start = unsafe { mmap_anonymous(hint, bytes, access, MapFlags::PRIVATE) };
        let start = start.expect("memory").cast::<u8>();
        assert!(start.addr() + bytes < 1 << 32, "no room at a low address");
        Self { start, bytes }
    }

    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping, borrowed with it.
        unsafe { slice::from_raw_parts_mut(self.start, self.bytes) }
    }
}

impl Drop for Low {
    fn drop(&mut self) {
        // SAFETY: it was mapped, and goes with what borrows from it.
        unsafe { munmap(self.start.cast(), self.bytes) }.expect("it was mapped");
    }
}

/// What the unpacker makes of a stream whose content has so many bytes.
fn inflate(stream: &[u8], bytes: usize) -> Vec<u8> {
    const ROOM: usize = 64;
    let mut packed = Low::new(ORDER_BYTES + stream.len() + ROOM);
    // SAFETY: bytes in the text of this process.
    packed.bytes()[..ORDER_BYTES].copy_from_slice(unsafe { &unpack_order });
    packed.bytes()[ORDER_BYTES..][..stream.len()].copy_from_slice(stream);
    let mut work = Low::new(at::WORK_BYTES + ROOM);
    // What was there before does not count, and behind it nothing is touched.
    work.bytes().fill(0xa5);
    let mut out = Low::new(bytes + ROOM);
    out.bytes().fill(0x5a);
    // SAFETY: every address that it computes is in the three mappings, if the
    // stream is sound, which its encoder sees to.
    let end = unsafe { applgen_test_inflate(packed.start, 0, work.start, 0, out.start) };
    assert_eq!(end.addr() - out.start.addr(), bytes);
    assert!(out.bytes()[bytes..].iter().all(|&byte| byte == 0x5a));
    assert!(
        work.bytes()[at::WORK_BYTES..]
            .iter()
            .all(|&byte| byte == 0xa5)
    );
    out.bytes()[..bytes].to_vec()
}

fn zopfli(content: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    let options = zopfli::Options {
        iteration_count: 1.try_into().unwrap(),
        ..zopfli::Options::default()
    };
    zopfli::compress(options, zopfli::Format::Deflate, content, &mut stream).unwrap();
    stream
}

/// By another encoder: a level of 0 stores; `fixed` leaves only fixed codes.
fn miniz(content: &[u8], level: i32, fixed: bool) -> Vec<u8> {
    use miniz_oxide::deflate::core::{
        CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output,
        create_comp_flags_from_zip_params,
    };
    const FIXED: i32 = 4;
    let strategy = if fixed { FIXED } else { 0 };
    let mut encoder = CompressorOxide::new(create_comp_flags_from_zip_params(level, 0, strategy));
    let mut stream = Vec::new();
    let (status, _) = compress_to_output(&mut encoder, content, TDEFLFlush::Finish, |bytes| {
        stream.extend_from_slice(bytes);
        true
    });
    assert_eq!(status, TDEFLStatus::Done);
    stream
}

/// The kind of a stream's first block (RFC 1951 §3.2.3).
fn kind(stream: &[u8]) -> u8 {
    stream[0] >> 1 & 3
}

/// Something like a kernel: this test itself.
fn program() -> Vec<u8> {
    let mut file = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    file.truncate(100_000);
    file
}

#[test]
fn blocks_of_every_kind() {
    let program = program();
    let (stored, fixed) = (miniz(&program, 0, false), miniz(&program, 6, true));
    let dynamic = miniz(&program, 9, false);
    assert_eq!(
        [&stored, &fixed, &dynamic].map(|stream| kind(stream)),
        [0, 1, 2]
    );
    for stream in [stored, fixed, dynamic, zopfli(&program)] {
        assert!(inflate(&stream, program.len()) == program);
    }
}

#[test]
fn content_of_every_shape() {
    // The longest match; no distances at all; codes longer than the table's; and
    // a distance of 32 kB.
    let runs = [0; 100_000].to_vec();
    let bytes: Vec<u8> = (0..=255).collect();
    let skewed: Vec<u8> = (0..24_u32)
        .flat_map(|letter| std::iter::repeat_n(letter as u8, 1 << (letter / 2)))
        .collect();
    let mut far = noise(32_768);
    far.extend_from_within(..);
    for content in [Vec::new(), b"a".to_vec(), runs, bytes, skewed, far] {
        assert!(inflate(&zopfli(&content), content.len()) == content);
        assert!(inflate(&miniz(&content, 9, false), content.len()) == content);
    }
}

/// Bytes that nothing repeats in.
fn noise(count: u32) -> Vec<u8> {
    let next = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as u8)
    };
    std::iter::repeat_n((), count as usize)
        .scan(1, |state, ()| next(state))
        .collect()
}

/// The rule of `unpack_calls` the other way about, as the specification tells it.
fn alike(text: &mut [u8]) {
    let total = text.len() as i64;
    let mut here = 0;
    while let Some(place) = text.get_mut(here..).and_then(|rest| rest.get_mut(..5)) {
        here += 1;
        if place[0] != 0xe8 {
            continue;
        }
        here += 4;
        let far = i64::from(i32::from_le_bytes(*place[1..].first_chunk().unwrap()));
        let base = here as i64;
        let told = if (-base..total - base).contains(&far) {
            far + base
        } else if (total - base..total).contains(&far) {
            far - total
        } else {
            far
        };
        place[1..].copy_from_slice(&(told as i32).to_be_bytes());
    }
}

/// What the unpacker makes of it.
fn undone(text: &[u8]) -> Vec<u8> {
    let mut memory = Low::new(text.len() + 64);
    memory.bytes()[..text.len()].copy_from_slice(text);
    // SAFETY: it stays in the text, whatever that is.
    unsafe { applgen_test_calls(memory.start, text.len()) };
    assert!(memory.bytes()[text.len()..].iter().all(|&byte| byte == 0));
    memory.bytes()[..text.len()].to_vec()
}

#[test]
fn calls_come_back() {
    let program = program();
    let mut text = program.clone();
    alike(&mut text);
    assert!(text != program);
    assert!(undone(&text) == program);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_content_comes_back(
        letters in prop::collection::vec(any::<u8>(), 1..40),
        choices in prop::collection::vec(any::<prop::sample::Index>(), 0..3000),
        level in 0..10_i32,
    ) {
        let content: Vec<u8> = choices.iter().map(|choice| *choice.get(&letters)).collect();
        prop_assert_eq!(&inflate(&miniz(&content, level, false), content.len()), &content);
        prop_assert_eq!(&inflate(&zopfli(&content), content.len()), &content);
    }

    /// Near the text's ends, where the rule has its edges.
    #[test]
    fn any_calls_come_back(
        text in prop::collection::vec(
            prop_oneof![Just(0xe8_u8), Just(0), Just(0xff), any::<u8>()], 0..300),
    ) {
        let mut told = text.clone();
        alike(&mut told);
        prop_assert_eq!(undone(&told), text);
    }
}
