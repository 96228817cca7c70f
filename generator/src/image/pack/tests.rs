//! Packing, held to a hand-made kernel: what is loaded where, and that a decoder
//! which is not ours finds the kernel in it.

use super::*;
use crate::image::attach::{attach, find_bundle, is_guest};
use flate2::read::DeflateDecoder;
use object::U32;
use proptest::prelude::*;
use std::io::Read;

type Section = elf::SectionHeader64<LittleEndian>;

const BASE: u64 = 0x10_0000;
const HEADERS: u64 = 464;
const TEXT: u64 = BASE + HEADERS;
const RODATA: u64 = BASE + 0x3000;
const DATA: u64 = BASE + 0x4000;
const UNPACK: u64 = BASE + 0x5004;
const BSS: u64 = BASE + 0x6000;
const END: u64 = BASE + 0x2_0000;
const CODE: &[u8] = b"the unpacker's code.";

/// Text with calls, which differ in distance and agree in target.
fn text() -> Vec<u8> {
    let mut text = Vec::new();
    for number in 0..500_i32 {
        text.extend([0x48, number as u8, 0xe8]);
        let end = text.len() as i32 + 4;
        text.extend((4000 * (number % 3) - end).to_le_bytes());
    }
    text
}

fn rodata() -> Vec<u8> {
    (0..700_u32).flat_map(|n| (n * n).to_le_bytes()).collect()
}

/// A kernel as the linker makes it, with an unpacker or without.
pub fn kernel(with_unpacker: bool) -> Vec<u8> {
    let parts: [(&str, u64, Vec<u8>, u64); 5] = [
        (".text", TEXT, text(), 0),
        (".rodata", RODATA, rodata(), 0),
        (".data", DATA, vec![7; 99], UNPACK - DATA),
        (
            if with_unpacker { UNPACKER } else { ".other" },
            UNPACK,
            CODE.to_vec(),
            0,
        ),
        (".bss", BSS, Vec::new(), END - BSS),
    ];
    let segment = |kind: elf::ProgramType, at, offset, file, memory| Segment {
        p_type: kind.into(),
        p_flags: elf::PF_R.into(),
        p_offset: U64::new(LE, offset),
        p_vaddr: U64::new(LE, at),
        p_paddr: U64::new(LE, at),
        p_filesz: U64::new(LE, file),
        p_memsz: U64::new(LE, memory),
        p_align: U64::new(LE, 16),
    };
    let section = |name: u32, at, offset, bytes| Section {
        sh_name: U32::new(LE, name),
        sh_type: elf::SHT_PROGBITS.into(),
        sh_flags: elf::SectionFlags(0).into(),
        sh_addr: U64::new(LE, at),
        sh_offset: U64::new(LE, offset),
        sh_size: U64::new(LE, bytes),
        sh_link: U32::new(LE, 0),
        sh_info: U32::new(LE, 0),
        sh_addralign: U64::new(LE, 1),
        sh_entsize: U64::new(LE, 0),
    };
    let mut content = Vec::new();
    let mut names = b"\0".to_vec();
    let mut sections = vec![section(0, 0, 0, 0)];
    let mut segments = Vec::new();
    for (name, at, bytes, memory) in &parts {
        let (offset, count) = (HEADERS + content.len() as u64, bytes.len() as u64);
        let head = if *at == TEXT { HEADERS } else { 0 };
        let whole = (head + count).max(*memory);
        segments.push(segment(
            elf::PT_LOAD,
            at - head,
            offset - head,
            head + count,
            whole,
        ));
        sections.push(section(names.len() as u32, *at, offset, count));
        names.extend(name.bytes().chain([0]));
        content.extend_from_slice(bytes);
    }
    segments.push(segment(elf::PT_NULL, 0, 0, 0, 0));
    let names_at = HEADERS + content.len() as u64;
    sections.push(section(0, 0, names_at, names.len() as u64));
    content.extend(names);
    let header = Header {
        e_ident: elf::Ident {
            magic: elf::ELFMAG,
            class: elf::ELFCLASS64,
            data: elf::ELFDATA2LSB,
            version: elf::EV_CURRENT,
            os_abi: elf::ELFOSABI_NONE,
            abi_version: 0,
            padding: [0; 7],
        },
        e_type: elf::ET_EXEC.into(),
        e_machine: elf::EM_X86_64.into(),
        e_version: U32::new(LE, 1),
        e_entry: U64::new(LE, TEXT),
        e_phoff: U64::new(LE, 64),
        e_shoff: U64::new(LE, HEADERS + content.len() as u64),
        e_flags: elf::FileFlags(0).into(),
        e_ehsize: U16::new(LE, 64),
        e_phentsize: U16::new(LE, size_of::<Segment>() as u16),
        e_phnum: U16::new(LE, segments.len() as u16),
        e_shentsize: U16::new(LE, size_of::<Section>() as u16),
        e_shnum: U16::new(LE, sections.len() as u16),
        e_shstrndx: elf::SymbolSection(sections.len() as u16 - 1).into(),
    };
    let mut file = bytes_of(&header).to_vec();
    file.extend_from_slice(bytes_of_slice(&segments));
    file.resize(HEADERS as usize, 0);
    file.extend(content);
    file.extend_from_slice(bytes_of_slice(&sections));
    file
}

/// LZX's rule the other way about, as the unpacker follows it.
fn tell_calls_by_distance(text: &mut [u8]) {
    let total = text.len() as u32;
    let mut here = 0;
    while here + 5 <= text.len() {
        if text[here] != 0xe8 {
            here += 1;
            continue;
        }
        here += 5;
        let base = here as u32;
        let told = u32::from_be_bytes(*text[here - 4..].first_chunk().expect("four"));
        let far = if told < total {
            told.wrapping_sub(base)
        } else if told.checked_add(base).is_none() {
            told.wrapping_add(total)
        } else {
            told
        };
        text[here - 4..here].copy_from_slice(&far.to_le_bytes());
    }
}

/// An unpacked stream's content, and what follows the stream.
fn inflated(packed: &[u8]) -> (Vec<u8>, usize) {
    let mut decoder = DeflateDecoder::new(packed);
    let mut content = Vec::new();
    decoder.read_to_end(&mut content).expect("a sound stream");
    (content, packed.len() - decoder.total_in() as usize)
}

#[test]
fn every_address_of_the_kernel_is_taken_and_the_file_holds_the_unpacker() {
    let packed = pack(&kernel(true)).expect("packs");
    assert!(packed.len() < kernel(true).len());
    let (header, segments) = headers(&packed).expect("an executable");
    assert_eq!(header.e_entry.get(LE), UNPACK);
    assert_eq!(header.e_shoff.get(LE), 0);
    let facts: Vec<_> = segments
        .iter()
        .map(|s| {
            let at = s.p_vaddr.get(LE);
            assert_eq!(at, s.p_paddr.get(LE));
            (
                s.p_type.get(LE),
                at,
                s.p_offset.get(LE),
                s.p_filesz.get(LE),
                at + s.p_memsz.get(LE),
            )
        })
        .collect();
    let held = 64 + 5 * 56 + 20;
    let bytes = packed.len() as u64 - held;
    assert_eq!(
        facts,
        [
            (elf::PT_LOAD, BASE, 0, held, DATA + 99),
            (elf::PT_LOAD, DATA + 99, held, 0, UNPACK),
            (elf::PT_LOAD, UNPACK, held, bytes, END),
            (elf::PT_NULL, 0, 0, 0, 0),
            (elf::PT_NOTE, BASE + held - 20, held - 20, 20, BASE + held),
        ]
    );
    let mut note = b"\x04\0\0\0\x04\0\0\0\x12\0\0\0Xen\0".to_vec();
    note.extend((UNPACK as u32).to_le_bytes());
    assert_eq!(packed.get(held as usize - 20..held as usize), Some(&*note));
    assert!(is_guest(&mut &*packed).expect("reads"));
    assert_eq!(unpacked_bytes(&packed), Some(DATA + 99 - BASE));
    assert_eq!(unpacked_bytes(&kernel(true)), None);
}

#[test]
fn another_decoder_finds_the_kernel() {
    let packed = pack(&kernel(true)).expect("packs");
    let start = 64 + 5 * 56 + 20;
    assert_eq!(packed.get(start..start + CODE.len()), Some(CODE));
    let (mut content, left) = inflated(&packed[start + CODE.len()..]);
    assert_eq!(left, 0);
    assert_eq!(content.len() as u64, DATA + 99 - TEXT);
    let text_bytes = text().len();
    tell_calls_by_distance(&mut content[..text_bytes]);
    let mut expected = vec![0; content.len()];
    for (at, bytes) in [(TEXT, text()), (RODATA, rodata()), (DATA, vec![7; 99])] {
        let start = (at - TEXT) as usize;
        expected[start..start + bytes.len()].copy_from_slice(&bytes);
    }
    assert!(content == expected);
}

#[test]
fn the_bundle_lies_where_it_lies_behind_the_same_kernel_unpacked() {
    let packed = pack(&kernel(true)).expect("packs");
    let (one, other) = (attach(&kernel(true), 9), attach(&packed, 9));
    let (one, other) = (one.expect("attaches"), other.expect("attaches"));
    assert_eq!((one.address(), other.address()), (END, END));
    assert_eq!(other.kernel_bytes(), packed.len() as u64);
    let image = [other.prefix(), b"a bundle."].concat();
    assert_eq!(unpacked_bytes(&image), unpacked_bytes(&packed));
    let range = find_bundle(&image).expect("a bundle");
    assert_eq!(&image[range], b"a bundle.");
}

#[test]
fn without_an_unpacker_nothing_is_packed() {
    assert_eq!(pack(&kernel(false)), Ok(kernel(false)));
    // Nor is what was packed before.
    let packed = pack(&kernel(true)).expect("packs");
    assert_eq!(pack(&packed).as_ref(), Ok(&packed));
}

#[test]
fn what_does_not_fit_is_refused() {
    // The text's end beyond the data's, the unpacker before the data, no `.bss`.
    let whole = kernel(true);
    for segment in [0, 2, 4] {
        let at = 64 + 56 * segment;
        let mut other = whole.clone();
        // The size in memory, and the address.
        other[at + 40..at + 48].copy_from_slice(&1_u64.to_le_bytes());
        other[at + 16..at + 24].copy_from_slice(&(END + (1 << 33)).to_le_bytes());
        assert!(pack(&other).is_err(), "segment {segment}");
    }
}

proptest! {
    #[test]
    fn calls_come_back(
        text in prop::collection::vec(
            prop_oneof![Just(0xe8_u8), Just(0), Just(0xff), any::<u8>()], 0..300),
    ) {
        let mut told = text.clone();
        tell_calls_by_target(&mut told);
        tell_calls_by_distance(&mut told);
        prop_assert_eq!(told, text);
    }

    #[test]
    fn damaged_kernels_are_refused_or_packed(
        edits in prop::collection::vec((0_usize..464, any::<u8>()), 1..6),
        cut in 0_usize..20_000,
    ) {
        let mut file = kernel(true);
        for (at, value) in edits {
            file[at] = value;
        }
        file.truncate(cut);
        let _ = pack(&file);
    }
}
