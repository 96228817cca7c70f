//! Attaching, held to hand-made kernels and to damaged ones.

use super::*;
use object::{U32, pod::bytes_of, pod::bytes_of_slice};
use proptest::prelude::*;

type Section = elf::SectionHeader64<LittleEndian>;

const TEXT: &[u8] = b"the kernel's text";
const BASE: u64 = 0x20_0000;
const NAMES: &[u8] = b"\0.note.applgen\0.shstrtab\0";

fn segment(p_type: elf::ProgramType, start: u64, bytes: u64) -> Segment {
    Segment {
        p_type: p_type.into(),
        p_flags: (elf::PF_R | elf::PF_X).into(),
        p_offset: U64::new(LE, start),
        p_vaddr: U64::new(LE, BASE + start),
        p_paddr: U64::new(LE, BASE + start),
        p_filesz: U64::new(LE, bytes),
        p_memsz: U64::new(LE, bytes),
        p_align: U64::new(LE, 4096),
    }
}

fn section(name: u32, sh_type: elf::SectionType, offset: u64, bytes: u64) -> Section {
    Section {
        sh_name: U32::new(LE, name),
        sh_type: sh_type.into(),
        sh_flags: elf::SectionFlags(0).into(),
        sh_addr: U64::new(LE, 0),
        sh_offset: U64::new(LE, offset),
        sh_size: U64::new(LE, bytes),
        sh_link: U32::new(LE, 0),
        sh_info: U32::new(LE, 0),
        sh_addralign: U64::new(LE, 1),
        sh_entsize: U64::new(LE, 0),
    }
}

/// Where [`TEXT`] lies in a kernel with this many program headers.
fn text_at(segments: usize) -> u64 {
    (size_of::<Header>() + segments * size_of::<Segment>()) as u64
}

/// A kernel with these program headers; its `.note.applgen` is the text.
fn kernel(segments: &[Segment]) -> Vec<u8> {
    let text = text_at(segments.len());
    let names = text + TEXT.len() as u64;
    let table = names + NAMES.len() as u64;
    let sections = [
        section(0, elf::SHT_NULL, 0, 0),
        section(1, elf::SHT_NOTE, text, TEXT.len() as u64),
        section(15, elf::SHT_STRTAB, names, NAMES.len() as u64),
    ];
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
        e_entry: U64::new(LE, BASE + text),
        e_phoff: U64::new(LE, size_of::<Header>() as u64),
        e_shoff: U64::new(LE, table),
        e_flags: elf::FileFlags(0).into(),
        e_ehsize: U16::new(LE, size_of::<Header>() as u16),
        e_phentsize: U16::new(LE, size_of::<Segment>() as u16),
        e_phnum: U16::new(LE, segments.len() as u16),
        e_shentsize: U16::new(LE, size_of::<Section>() as u16),
        e_shnum: U16::new(LE, sections.len() as u16),
        e_shstrndx: elf::SymbolSection(2).into(),
    };
    let mut file = bytes_of(&header).to_vec();
    file.extend_from_slice(bytes_of_slice(segments));
    file.extend_from_slice(TEXT);
    file.extend_from_slice(NAMES);
    file.extend_from_slice(bytes_of_slice(&sections));
    file
}

/// A kernel as a linker script of ours lays it out: one `PT_NULL` to spare.
fn with_null() -> Vec<u8> {
    let bytes = text_at(2) + TEXT.len() as u64;
    kernel(&[segment(elf::PT_LOAD, 0, bytes), segment(elf::PT_NULL, 0, 0)])
}

/// A kernel as a linker lays out a process: notes, the stack's header last.
fn with_notes() -> Vec<u8> {
    let text = text_at(4);
    kernel(&[
        segment(elf::PT_LOAD, 0, text + TEXT.len() as u64),
        segment(elf::PT_NOTE, 0, 8),
        segment(elf::PT_NOTE, text, TEXT.len() as u64),
        segment(elf::PT_GNU_STACK, 0, 0),
    ])
}

fn image(kernel: &[u8], bundle: &[u8]) -> Vec<u8> {
    let attached = attach(kernel, bundle.len() as u64).expect("attaches");
    [attached.prefix(), bundle].concat()
}

fn segments_of(file: &[u8]) -> Vec<Segment> {
    headers(file).expect("an executable").1.to_vec()
}

#[test]
fn the_null_header_becomes_a_read_only_segment() {
    let kernel = with_null();
    let attached = attach(&kernel, 5000).expect("attaches");
    assert_eq!(attached.prefix().len(), 4096);
    assert_eq!(attached.image_bytes(), 9096);
    assert_eq!(attached.address(), BASE + 4096);
    assert_eq!(attached.kernel_bytes(), text_at(2) + TEXT.len() as u64);

    let bundle = segments_of(attached.prefix())[1];
    assert_eq!(bundle.p_type.get(LE), elf::PT_LOAD);
    assert_eq!(bundle.p_flags.get(LE), elf::PF_R);
    assert_eq!(bundle.p_offset.get(LE), 4096);
    assert_eq!(bundle.p_vaddr.get(LE), BASE + 4096);
    assert_eq!(bundle.p_paddr.get(LE), BASE + 4096);
    assert_eq!(bundle.p_filesz.get(LE), 5000);
    assert_eq!(bundle.p_memsz.get(LE), 5000);
    assert_eq!(bundle.p_align.get(LE), 0);
}

#[test]
fn section_headers_are_gone_and_the_text_is_whole() {
    let attached = attach(&with_null(), 16).expect("attaches");
    let (header, _) = headers(attached.prefix()).expect("an executable");
    assert_eq!(header.e_shoff.get(LE), 0);
    assert_eq!(header.e_shnum.get(LE), 0);
    assert_eq!(header.e_shstrndx.get(LE), elf::SHN_UNDEF);
    let at = text_at(2) as usize;
    assert_eq!(&attached.prefix()[at..at + TEXT.len()], TEXT);
    assert!(attached.prefix()[at + TEXT.len()..].iter().all(|b| *b == 0));
}

#[test]
fn only_the_note_made_for_it_is_taken() {
    let image = image(&with_notes(), b"bundle");
    let types: Vec<_> = segments_of(&image)
        .iter()
        .map(|s| s.p_type.get(LE))
        .collect();
    assert_eq!(
        types,
        [elf::PT_LOAD, elf::PT_NOTE, elf::PT_LOAD, elf::PT_GNU_STACK]
    );
}

#[test]
fn memory_beyond_the_file_pushes_the_bundle_up() {
    let bytes = text_at(2) + TEXT.len() as u64;
    let mut load = segment(elf::PT_LOAD, 0, bytes);
    load.p_memsz = U64::new(LE, 0x3001);
    let attached = attach(&kernel(&[load, segment(elf::PT_NULL, 0, 0)]), 16).expect("attaches");
    assert_eq!(attached.address(), BASE + 0x4000);
    assert_eq!(attached.prefix().len(), 4096);
}

#[test]
fn without_a_header_to_spare_nothing_is_attached() {
    let bytes = text_at(2) + TEXT.len() as u64;
    let load = segment(elf::PT_LOAD, 0, bytes);
    let stack = segment(elf::PT_GNU_STACK, 0, 0);
    assert_eq!(
        attach(&kernel(&[load, stack]), 16),
        Err(AttachError::NoSpareHeader)
    );
    // A note that does not hold the section is somebody else's.
    let foreign = segment(elf::PT_NOTE, 0, 8);
    assert_eq!(
        attach(&kernel(&[load, foreign]), 16),
        Err(AttachError::NoSpareHeader)
    );
    assert_eq!(
        attach(&kernel(&[segment(elf::PT_NULL, 0, 0), load]), 16),
        Err(AttachError::Damaged(
            "its spare program header stands before a segment"
        ))
    );
}

#[test]
fn two_gibibytes_are_too_much_and_one_byte_less_is_not() {
    let kernel = with_null();
    assert_eq!(
        attach(&kernel, MAX_IMAGE_BYTES - 4096)
            .expect("attaches")
            .image_bytes(),
        0x7fff_ffff
    );
    assert_eq!(
        attach(&kernel, MAX_IMAGE_BYTES - 4095),
        Err(AttachError::TooLarge { bytes: 0x8000_0000 })
    );
    assert!(attach(&kernel, u64::MAX).is_err());
    assert_eq!(attach(&kernel, 0), Err(AttachError::EmptyBundle));
}

#[test]
fn what_is_no_static_executable_is_refused() {
    let not = |file: &[u8]| matches!(attach(file, 16), Err(AttachError::NotAnExecutable(_)));
    assert!(not(b""));
    assert!(not(b"#!/bin/sh\nexec applgen\n"));
    let whole = with_null();
    assert!(attach(&whole, 16).is_ok());
    // Class, data and machine; `ET_DYN` is a position-independent executable.
    for (at, value) in [(0, 0), (4, 1), (5, 2), (18, 40), (16, 3)] {
        let mut other = whole.clone();
        other[at] = value;
        assert!(not(&other), "byte {at}");
    }
}

#[test]
fn a_kernel_that_ends_early_is_damaged() {
    let whole = with_null();
    let end = text_at(2) as usize + TEXT.len();
    assert!(attach(&whole[..end], 16).is_ok());
    assert_eq!(
        attach(&whole[..end - 1], 16),
        Err(AttachError::Damaged("a segment reaches past its end"))
    );
    assert_eq!(
        attach(&whole[..100], 16),
        Err(AttachError::Damaged(
            "its program headers lie outside the file"
        ))
    );
}

#[test]
fn the_bundle_is_found_again_in_whole_images_only() {
    let kernel = with_notes();
    let mut image = image(&kernel, b"a bundle");
    assert_eq!(find_bundle(&image), Some(4096..4104));
    assert_eq!(find_bundle(&image[..4103]), None);
    image.push(0);
    assert_eq!(find_bundle(&image), None);
    assert_eq!(find_bundle(&kernel), None);
    assert_eq!(find_bundle(b"a bundle"), None);
}

proptest! {
    #[test]
    fn any_bytes_are_answered(file in prop::collection::vec(any::<u8>(), 0..512), bytes: u64) {
        prop_assert!(attach(&file, bytes).is_err());
        prop_assert_eq!(find_bundle(&file), None);
    }

    /// A damaged kernel is refused, or its image is sound in what we rely on.
    #[test]
    fn damaged_kernels_are_refused_or_attached_whole(
        notes: bool,
        edits in prop::collection::vec((0usize..700, prop_oneof![Just(0u8), Just(255), any::<u8>()]), 1..6),
        cut in 0usize..900,
    ) {
        let mut file = if notes { with_notes() } else { with_null() };
        for (at, value) in edits {
            if let Some(byte) = file.get_mut(at) {
                *byte = value;
            }
        }
        file.truncate(cut);
        if let Ok(attached) = attach(&file, 24) {
            let image = [attached.prefix(), &[7; 24]].concat();
            prop_assert_eq!(image.len() as u64, attached.image_bytes());
            let range = find_bundle(&image).expect("attached, so found");
            prop_assert_eq!(&image[range], &[7; 24]);
        } else {
            let _ = find_bundle(&file);
        }
    }
}
