//! Attaching a bundle to a kernel: file writing alone, no linker.
//!
//! A kernel is a static ELF executable that was linked with one program header
//! to spare. Attaching turns that header into a `PT_LOAD` for the bundle, which
//! follows the kernel in the file; whatever loads the kernel (Linux, QEMU,
//! Firecracker, Xen) then maps the bundle like any other segment, and the
//! kernel finds it by walking its own program headers. The spare header is
//! either a `PT_NULL` (kernels with a linker script of their own) or the
//! `PT_NOTE` that holds the section `.note.applgen` (processes, where the linker
//! lays out the headers); never `PT_GNU_STACK`, which keeps stacks from being
//! executable.
//!
//! The section header table is cut off and its fields in the ELF header are
//! zeroed: `strip` and `objcopy` would otherwise rewrite the file without the
//! bundle, and without a word. Strip first, attach after.
//!
//! `p_align` is 0, which the ELF specification reads as "no constraint": some
//! releases of rust-vmm's loader refuse 0x1000. The address and the file offset
//! are both multiples of the page size all the same, as Linux demands.

use applgen_bundle::MAGIC;
use object::{
    LittleEndian, U16, U64, elf,
    pod::{from_bytes, from_bytes_mut, slice_from_bytes, slice_from_bytes_mut},
    read::elf::{FileHeader, SectionHeader},
};
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
};
use thiserror::Error;

type Header = elf::FileHeader64<LittleEndian>;
type Segment = elf::ProgramHeader64<LittleEndian>;
const LE: LittleEndian = LittleEndian;

/// The section that keeps a `PT_NOTE` to spare in process images.
pub const SPARE_SECTION: &str = ".note.applgen";

/// What an image may measure: QEMU refuses an ELF file of 2 GiB or more.
pub const MAX_IMAGE_BYTES: u64 = (1 << 31) - 1;

/// Bundles start on a page, in the file and in memory.
const PAGE: u64 = 4096;

/// Kernels map the first 4 GiB of memory and nothing else.
const MAX_ADDRESS: u64 = 1 << 32;

/// Why a kernel takes no bundle.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum AttachError {
    /// Not a static little-endian 64-bit ELF executable for x86-64.
    #[error("the kernel is not a static x86-64 ELF executable: {0}")]
    NotAnExecutable(&'static str),
    /// Headers that contradict each other or the file's length.
    #[error("the kernel is damaged: {0}")]
    Damaged(&'static str),
    /// Linked without a program header to spare.
    #[error("the kernel has no program header to spare for a bundle")]
    NoSpareHeader,
    /// Nothing to attach.
    #[error("the bundle is empty")]
    EmptyBundle,
    /// More than machine monitors load.
    #[error(
        "the image would measure {bytes} bytes, and what is over {MAX_IMAGE_BYTES} bytes does not boot"
    )]
    TooLarge {
        /// What kernel and bundle come to.
        bytes: u64,
    },
}

/// A kernel made ready for one bundle: what stands in the image before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    prefix: Vec<u8>,
    kernel_bytes: u64,
    bundle_bytes: u64,
    address: u64,
}

impl Attached {
    /// The patched kernel, padded to where the bundle starts.
    pub fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// The kernel's own bytes, without the padding.
    pub fn kernel_bytes(&self) -> u64 {
        self.kernel_bytes
    }

    /// The bundle's length, which the program header now states.
    pub fn bundle_bytes(&self) -> u64 {
        self.bundle_bytes
    }

    /// Where in memory the bundle will lie.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// The length of the whole image.
    pub fn image_bytes(&self) -> u64 {
        self.prefix.len() as u64 + self.bundle_bytes
    }
}

/// Prepares `kernel` for a bundle of `bundle_bytes`.
pub fn attach(kernel: &[u8], bundle_bytes: u64) -> Result<Attached, AttachError> {
    if bundle_bytes == 0 {
        return Err(AttachError::EmptyBundle);
    }
    let (header, segments) = headers(kernel)?;
    let spare = spare_header(kernel, header, segments)?;

    let mut file_end = table_range(header)?.end;
    let mut memory_end = 0;
    for segment in segments {
        file_end = file_end.max(end(segment.p_offset.get(LE), segment.p_filesz.get(LE))?);
        if segment.p_type.get(LE) == elf::PT_LOAD {
            if segment.p_filesz.get(LE) > segment.p_memsz.get(LE) {
                return Err(AttachError::Damaged("a segment is longer than its memory"));
            }
            for start in [segment.p_vaddr.get(LE), segment.p_paddr.get(LE)] {
                memory_end = memory_end.max(end(start, segment.p_memsz.get(LE))?);
            }
        }
    }
    if file_end > kernel.len() as u64 {
        return Err(AttachError::Damaged("a segment reaches past its end"));
    }
    let too_high = AttachError::Damaged("its segments lie too high in memory");
    if memory_end > MAX_ADDRESS - MAX_IMAGE_BYTES - PAGE {
        return Err(too_high);
    }
    let address = memory_end.next_multiple_of(PAGE);
    let offset = file_end.next_multiple_of(PAGE);
    let bytes = offset.saturating_add(bundle_bytes);
    if bytes > MAX_IMAGE_BYTES {
        return Err(AttachError::TooLarge { bytes });
    }

    // Both casts are of values at most as long as `kernel` and one page.
    let mut prefix = kernel[..file_end as usize].to_vec();
    prefix.resize(offset as usize, 0);
    let table = table_range(header)?.start as usize;
    let count = segments.len();
    let damaged = |()| AttachError::Damaged("its program headers lie outside the file");
    let (patched, _) =
        slice_from_bytes_mut::<Segment>(&mut prefix[table..], count).map_err(damaged)?;
    patched[spare] = Segment {
        p_type: elf::PT_LOAD.into(),
        p_flags: elf::PF_R.into(),
        p_offset: U64::new(LE, offset),
        p_vaddr: U64::new(LE, address),
        p_paddr: U64::new(LE, address),
        p_filesz: U64::new(LE, bundle_bytes),
        p_memsz: U64::new(LE, bundle_bytes),
        p_align: U64::new(LE, 0),
    };
    let (patched, _) = from_bytes_mut::<Header>(&mut prefix).map_err(damaged)?;
    patched.e_shoff = U64::new(LE, 0);
    patched.e_shnum = U16::new(LE, 0);
    patched.e_shstrndx = elf::SHN_UNDEF.into();

    Ok(Attached {
        prefix,
        kernel_bytes: file_end,
        bundle_bytes,
        address,
    })
}

/// Where the bundle lies in an image that [`attach`] made; `None` for a kernel
/// without one, and for a file that is no image or not a whole one.
pub fn find_bundle(image: &[u8]) -> Option<Range<usize>> {
    let start = bundle_offset(image, image.len() as u64)?;
    Some(usize::try_from(start).ok()?..image.len())
}

/// Whether a file of `bytes` is an image of ours, by its headers and the first
/// bytes of its bundle. The file is read from its start.
pub fn is_image(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<bool> {
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start)?;
    if start != elf::ELFMAG {
        return Ok(false);
    }
    // The headers stand in the first page, in all that is written here.
    file.by_ref().take(PAGE).read_to_end(&mut start)?;
    let Some(offset) = bundle_offset(&start, bytes) else {
        return Ok(false);
    };
    file.seek(SeekFrom::Start(offset))?;
    let mut magic = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut magic)?;
    Ok(magic == *MAGIC)
}

/// Whether there is such a file at a path. Pipes are not opened: that would wait.
pub fn is_image_at(path: &Path) -> bool {
    let look = |bytes| is_image(&mut File::open(path)?, bytes);
    match path.metadata() {
        Ok(metadata) if metadata.is_file() => look(metadata.len()).unwrap_or(false),
        _ => false,
    }
}

/// Where the bundle of an image of `bytes` starts, by its headers.
fn bundle_offset(start: &[u8], bytes: u64) -> Option<u64> {
    let (header, segments) = headers(start).ok()?;
    if header.e_shoff.get(LE) != 0 || header.e_shnum.get(LE) != 0 {
        return None;
    }
    let last = segments
        .iter()
        .filter(|s| s.p_type.get(LE) == elf::PT_LOAD)
        .max_by_key(|s| s.p_vaddr.get(LE))?;
    let start = last.p_offset.get(LE);
    let length = last.p_filesz.get(LE);
    let is_bundle = last.p_flags.get(LE) == elf::PF_R
        && length == last.p_memsz.get(LE)
        && length > 0
        && start.is_multiple_of(PAGE)
        && last.p_vaddr.get(LE).is_multiple_of(PAGE)
        && start.checked_add(length)? == bytes;
    is_bundle.then_some(start)
}

/// Whether a file is a kernel that machines start (by PVH), and no process:
/// it has the note that says where it is entered.
pub fn is_guest(file: &mut impl Read) -> io::Result<bool> {
    // Headers and notes are at the start, in all that is written here.
    const NOTE: [u8; 16] = *b"\x04\0\0\0\x04\0\0\0\x12\0\0\0Xen\0";
    const LOOKED_AT: u64 = 1 << 20;
    let mut start = Vec::new();
    file.take(LOOKED_AT).read_to_end(&mut start)?;
    let Ok((_, segments)) = headers(&start) else {
        return Ok(false);
    };
    Ok(segments
        .iter()
        .filter(|segment| segment.p_type.get(LE) == elf::PT_NOTE)
        .any(|segment| {
            usize::try_from(segment.p_offset.get(LE))
                .ok()
                .and_then(|offset| start.get(offset..)?.get(..NOTE.len()))
                .is_some_and(|note| note == NOTE)
        }))
}

/// The ELF header and the program headers, when the file is one that we make.
pub(super) fn headers(file: &[u8]) -> Result<(&Header, &[Segment]), AttachError> {
    let (header, _) =
        from_bytes::<Header>(file).map_err(|()| AttachError::NotAnExecutable("it is too short"))?;
    let wanted = [
        (header.e_ident.magic == elf::ELFMAG, "no ELF header"),
        (header.e_ident.class == elf::ELFCLASS64, "not 64-bit"),
        (header.e_ident.data == elf::ELFDATA2LSB, "not little-endian"),
        (header.e_machine.get(LE) == elf::EM_X86_64, "not for x86-64"),
        (
            header.e_type.get(LE) == elf::ET_EXEC,
            "position-independent or not an executable",
        ),
    ];
    for (holds, why) in wanted {
        if !holds {
            return Err(AttachError::NotAnExecutable(why));
        }
    }
    let range = table_range(header)?;
    let damaged = AttachError::Damaged("its program headers lie outside the file");
    let table = usize::try_from(range.start)
        .ok()
        .and_then(|start| file.get(start..))
        .ok_or(damaged)?;
    let (segments, _) = slice_from_bytes::<Segment>(table, header.e_phnum.get(LE).into())
        .map_err(|()| AttachError::Damaged("its program headers lie outside the file"))?;
    Ok((header, segments))
}

/// Where the program header table lies in the file.
fn table_range(header: &Header) -> Result<Range<u64>, AttachError> {
    if usize::from(header.e_phentsize.get(LE)) != size_of::<Segment>() {
        return Err(AttachError::Damaged("its program headers have an odd size"));
    }
    let start = header.e_phoff.get(LE);
    if start < size_of::<Header>() as u64 {
        return Err(AttachError::Damaged("its headers overlap"));
    }
    let bytes = u64::from(header.e_phnum.get(LE)) * size_of::<Segment>() as u64;
    Ok(start..end(start, bytes)?)
}

/// Which program header is to spare. It must stand after every `PT_LOAD`,
/// because the ELF specification wants these in ascending order.
fn spare_header(file: &[u8], header: &Header, segments: &[Segment]) -> Result<usize, AttachError> {
    let note = spare_section(file, header);
    let spare = segments
        .iter()
        .position(|s| s.p_type.get(LE) == elf::PT_NULL)
        .or_else(|| {
            let note = note?;
            segments.iter().position(|s| {
                let start = s.p_offset.get(LE);
                s.p_type.get(LE) == elf::PT_NOTE
                    && start <= note.start
                    && start
                        .checked_add(s.p_filesz.get(LE))
                        .is_some_and(|end| note.end <= end)
            })
        })
        .ok_or(AttachError::NoSpareHeader)?;
    let last_load = segments
        .iter()
        .rposition(|s| s.p_type.get(LE) == elf::PT_LOAD)
        .ok_or(AttachError::Damaged("it loads nothing"))?;
    if last_load > spare {
        return Err(AttachError::Damaged(
            "its spare program header stands before a segment",
        ));
    }
    Ok(spare)
}

/// Where in the file the section lies that keeps a header to spare.
fn spare_section(file: &[u8], header: &Header) -> Option<Range<u64>> {
    let sections = header.sections(LE, file).ok()?;
    let (_, section) = sections.section_by_name(LE, SPARE_SECTION.as_bytes())?;
    let start = section.sh_offset(LE);
    Some(start..start.checked_add(section.sh_size(LE))?)
}

fn end(start: u64, bytes: u64) -> Result<u64, AttachError> {
    start
        .checked_add(bytes)
        .ok_or(AttachError::Damaged("a segment wraps around"))
}

#[cfg(test)]
mod tests;
