//! Packing a kernel: the image holds it compressed, behind its unpacker.
//!
//! What a monitor loads of a packed kernel (`appliance/kernel`, `x86_64/unpack.rs`,
//! has the other half):
//!
//! | segment | memory | in the file |
//! |---|---|---|
//! | headers | the kernel's from its first byte to the end of its data | ELF and program headers, the note with the entry |
//! | work | what the unpacker works in | – |
//! | unpacker | the rest of the kernel's: `.bss`, stack and tables | the unpacker, the packed kernel |
//! | spare | – | `PT_NULL`, which becomes the bundle's |
//!
//! So every address of the kernel is taken by a segment, and nothing is loaded
//! there; the bundle lies where it lies behind the same kernel unpacked; and the
//! headers that the kernel finds it in are the file's own.
//!
//! The kernel's memory from the start of its text is packed in two steps: calls
//! are told by where they lead (E8 call translation as in LZX, MS-PATCH), then it is one
//! DEFLATE stream (RFC 1951), for which zopfli finds fewer bytes than others do. Bundles
//! are not packed: they are read where they lie.

use super::attach::{AttachError, headers};
use object::{
    LittleEndian, U16, U64, elf,
    pod::{bytes_of, bytes_of_slice},
    read::elf::{FileHeader, SectionHeader},
};
use std::ops::Range;

type Header = elf::FileHeader64<LittleEndian>;
type Segment = elf::ProgramHeader64<LittleEndian>;
const LE: LittleEndian = LittleEndian;

/// What packs, for the key of what is packed.
pub const PACKER: &str = "zopfli 0.8.4";

/// The section with the unpacker, in kernels that can be packed.
const UNPACKER: &str = ".unpack";

/// The unpacker reads this far beyond the stream, and uses none of it.
const READ_BEYOND: u64 = 4;

/// The note with the address that a monitor enters at (`XEN_ELFNOTE_PHYS32_ENTRY`):
/// the lengths of its name and of its content, its type, its name, the address.
const NOTE_BYTES: usize = 20;
const PHYS32_ENTRY: u32 = 18;

/// A kernel's memory, as far as its file fills it.
struct Memory<'k> {
    segments: &'k [Segment],
    /// The first address.
    base: u64,
    /// The text, where packing begins.
    text: Range<u64>,
    /// The unpacker.
    unpacker: Range<u64>,
    /// The end of the data, where packing ends.
    data_end: u64,
    /// The end of all.
    end: u64,
}

/// Packs a kernel. One without an unpacker, as those of processes are, stays as it is.
pub fn pack(kernel: &[u8]) -> Result<Vec<u8>, AttachError> {
    let Some(memory) = memory(kernel)? else {
        return Ok(kernel.to_vec());
    };
    let mut content = content(kernel, &memory, memory.text.start..memory.data_end)?;
    let text_bytes = (memory.text.end - memory.text.start) as usize;
    if let Some(text) = content.get_mut(..text_bytes) {
        tell_calls_by_target(text);
    }
    let mut unpacker = self::content(kernel, &memory, memory.unpacker.clone())?;
    zopfli::compress(
        zopfli::Options::default(),
        zopfli::Format::Deflate,
        &*content,
        &mut unpacker,
    )
    .map_err(|_| AttachError::Damaged("it could not be packed"))?;
    assemble(kernel, &memory, &unpacker)
}

/// How many bytes of memory the kernel of an image has without `.bss`, if it is packed.
pub fn unpacked_bytes(image: &[u8]) -> Option<u64> {
    let (header, segments) = headers(image).ok()?;
    let first = segments.first()?;
    let table_end = header.e_phoff.get(LE) + size_of_val(segments) as u64;
    // Nothing but headers and a note at the kernel's address.
    let is_packed = first.p_type.get(LE) == elf::PT_LOAD
        && first.p_filesz.get(LE) == table_end + NOTE_BYTES as u64
        && first.p_memsz.get(LE) > first.p_filesz.get(LE);
    is_packed.then(|| first.p_memsz.get(LE))
}

/// What is where, of a kernel that has an unpacker.
fn memory(kernel: &[u8]) -> Result<Option<Memory<'_>>, AttachError> {
    let (header, segments) = headers(kernel)?;
    let Ok(sections) = header.sections(LE, kernel) else {
        return Ok(None);
    };
    let range = |name: &str| {
        let (_, section) = sections.section_by_name(LE, name.as_bytes())?;
        let start = section.sh_addr(LE);
        Some(start..start.checked_add(section.sh_size(LE))?)
    };
    let Some((text, unpacker)) = range(".text").zip(range(UNPACKER)) else {
        return Ok(None);
    };
    let loads = segments
        .iter()
        .filter(|segment| segment.p_type.get(LE) == elf::PT_LOAD);
    let mut memory = Memory {
        segments,
        base: u64::MAX,
        text,
        unpacker,
        data_end: 0,
        end: 0,
    };
    for segment in loads {
        let start = segment.p_vaddr.get(LE);
        let size = (segment.p_filesz.get(LE), segment.p_memsz.get(LE));
        let (Some(file_end), Some(end)) = (start.checked_add(size.0), start.checked_add(size.1))
        else {
            return Err(AttachError::Damaged("a segment wraps around"));
        };
        memory.base = memory.base.min(start);
        memory.end = memory.end.max(end);
        if start < memory.unpacker.start {
            memory.data_end = memory.data_end.max(file_end);
        }
    }
    let in_order = [
        memory.base,
        memory.text.start,
        memory.text.end,
        memory.data_end,
        memory.unpacker.start,
        memory.unpacker.end,
        memory.end,
    ]
    .is_sorted();
    if in_order && memory.end <= u32::MAX.into() {
        Ok(Some(memory))
    } else {
        Err(AttachError::Damaged(
            "its unpacker is not where it has to be",
        ))
    }
}

/// The bytes in a range of memory, as the file fills it.
fn content(kernel: &[u8], memory: &Memory<'_>, range: Range<u64>) -> Result<Vec<u8>, AttachError> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    for segment in memory.segments {
        if segment.p_type.get(LE) != elf::PT_LOAD {
            continue;
        }
        let (at, offset) = (segment.p_vaddr.get(LE), segment.p_offset.get(LE));
        let start = at.max(range.start);
        let end = at.saturating_add(segment.p_filesz.get(LE)).min(range.end);
        if start >= end {
            continue;
        }
        let from = offset.saturating_add(start - at);
        let source = usize::try_from(from)
            .ok()
            .and_then(|from| kernel.get(from..)?.get(..(end - start) as usize))
            .ok_or(AttachError::Damaged("a segment reaches past its end"))?;
        let place = (start - range.start) as usize;
        if let Some(to) = bytes.get_mut(place..place + source.len()) {
            to.copy_from_slice(source);
        }
    }
    Ok(bytes)
}

/// The packed file.
fn assemble(kernel: &[u8], memory: &Memory<'_>, unpacker: &[u8]) -> Result<Vec<u8>, AttachError> {
    const SEGMENTS: usize = 5;
    let note_at = size_of::<Header>() + SEGMENTS * size_of::<Segment>();
    let unpacker_at = (note_at + NOTE_BYTES) as u64;
    let bytes = unpacker.len() as u64;
    if memory.unpacker.start + bytes + READ_BEYOND > memory.end {
        return Err(AttachError::Damaged("it does not fit in its own memory"));
    }
    if memory.text.start - memory.base < unpacker_at {
        return Err(AttachError::Damaged("its headers have too little room"));
    }
    let segment =
        |kind: elf::ProgramType, flags: elf::ProgramFlags, at, offset, file_bytes, bytes| Segment {
            p_type: kind.into(),
            p_flags: flags.into(),
            p_offset: U64::new(LE, offset),
            p_vaddr: U64::new(LE, at),
            p_paddr: U64::new(LE, at),
            p_filesz: U64::new(LE, file_bytes),
            p_memsz: U64::new(LE, bytes),
            p_align: U64::new(LE, 0),
        };
    let (write, all) = (elf::PF_R | elf::PF_W, elf::PF_R | elf::PF_W | elf::PF_X);
    let segments: [Segment; SEGMENTS] = [
        segment(
            elf::PT_LOAD,
            all,
            memory.base,
            0,
            unpacker_at,
            memory.data_end - memory.base,
        ),
        segment(
            elf::PT_LOAD,
            write,
            memory.data_end,
            unpacker_at,
            0,
            memory.unpacker.start - memory.data_end,
        ),
        segment(
            elf::PT_LOAD,
            all,
            memory.unpacker.start,
            unpacker_at,
            bytes,
            memory.end - memory.unpacker.start,
        ),
        segment(elf::PT_NULL, elf::PF_R, 0, 0, 0, 0),
        Segment {
            p_align: U64::new(LE, 4),
            ..segment(
                elf::PT_NOTE,
                elf::PF_R,
                memory.base + note_at as u64,
                note_at as u64,
                NOTE_BYTES as u64,
                NOTE_BYTES as u64,
            )
        },
    ];
    let (header, _) = headers(kernel)?;
    let header = Header {
        e_entry: U64::new(LE, memory.unpacker.start),
        e_phoff: U64::new(LE, size_of::<Header>() as u64),
        e_phnum: U16::new(LE, SEGMENTS as u16),
        e_shoff: U64::new(LE, 0),
        e_shnum: U16::new(LE, 0),
        e_shstrndx: elf::SHN_UNDEF.into(),
        ..*header
    };
    // Checked: all of the memory is below 4 GiB.
    let entry = memory.unpacker.start as u32;
    let mut file = bytes_of(&header).to_vec();
    file.extend_from_slice(bytes_of_slice(&segments));
    for word in [4, 4, PHYS32_ENTRY] {
        file.extend_from_slice(&u32::to_le_bytes(word));
    }
    file.extend_from_slice(b"Xen\0");
    file.extend_from_slice(&entry.to_le_bytes());
    file.extend_from_slice(unpacker);
    Ok(file)
}

/// Calls told by how far become calls told by where they lead: those to one place
/// are alike then. The unpacker undoes it.
fn tell_calls_by_target(text: &mut [u8]) {
    const CALL: u8 = 0xe8;
    let Ok(total) = i32::try_from(text.len()) else {
        return;
    };
    let mut here = 0;
    while let Some(call) = text.get_mut(here..).and_then(|rest| rest.get_mut(..5)) {
        let Some((&mut CALL, distance)) = call.split_first_mut() else {
            here += 1;
            continue;
        };
        here += 5;
        let (base, far) = (
            here as i32,
            i32::from_le_bytes(distance.first_chunk().copied().unwrap_or_default()),
        );
        let told = if (-base..total - base).contains(&far) {
            far + base
        } else if (total - base..total).contains(&far) {
            far - total
        } else {
            far
        };
        distance.copy_from_slice(&told.to_be_bytes());
    }
}

#[cfg(test)]
pub(super) mod tests;
