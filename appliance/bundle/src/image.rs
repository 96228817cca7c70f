//! Where an image keeps its bundle.
//!
//! `applgen build` appends the bundle to the kernel, and turns a spare program
//! header into a `PT_LOAD` that maps it above everything else. The kernel walks
//! its own headers and takes the segment at or above its end: a process reads
//! nothing from `/proc` and opens nothing, a machine needs nothing but what its
//! monitor has loaded.

use core::ops::Range;

/// Offsets in ELF-64 headers.
mod field {
    pub const PHOFF: usize = 32;
    pub const PHENTSIZE: usize = 54;
    pub const PHNUM: usize = 56;
    pub const PH_OFFSET: usize = 8;
    pub const PH_VADDR: usize = 16;
    pub const PH_FILESZ: usize = 32;
    pub const PH_SIZE: usize = 56;
    pub const PT_LOAD: u32 = 1;
}

/// How much of an image has to be there for [`find_bundle`]: the ELF header
/// and its program headers, which the linker puts behind it.
pub const HEADER_BYTES: usize = 4096;

/// The addresses at which the bundle lies, if `header` has a segment for one.
///
/// `header` is the image's first bytes, as they lie in memory at `base`; `end`
/// is where the image ends without a bundle.
pub fn find_bundle(header: &[u8], base: usize, end: usize) -> Option<Range<usize>> {
    let table = number(header, field::PHOFF)?;
    let size = usize::from(u16_at(header, field::PHENTSIZE)?);
    let count = usize::from(u16_at(header, field::PHNUM)?);
    if !header.starts_with(b"\x7fELF") || size < field::PH_SIZE {
        return None;
    }
    let loads = (0..count).filter_map(|index| {
        let start = table.checked_add(index.checked_mul(size)?)?;
        let row = header.get(start..start.checked_add(field::PH_SIZE)?)?;
        let is_load = row.get(..4)? == field::PT_LOAD.to_le_bytes();
        is_load.then_some(row)
    });
    // An image that is not linked to fixed addresses lies elsewhere by so much.
    let first = loads
        .clone()
        .find(|row| number(row, field::PH_OFFSET) == Some(0))?;
    let moved = base.checked_sub(number(first, field::PH_VADDR)?)?;
    loads
        .filter_map(|row| {
            let start = number(row, field::PH_VADDR)?.checked_add(moved)?;
            let stop = start.checked_add(number(row, field::PH_FILESZ)?)?;
            Some(start..stop)
        })
        .find(|range| range.start >= end)
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    let bytes = bytes.get(offset..)?.first_chunk()?;
    Some(u16::from_le_bytes(*bytes))
}

fn number(bytes: &[u8], offset: usize) -> Option<usize> {
    let bytes = bytes.get(offset..)?.first_chunk()?;
    usize::try_from(u64::from_le_bytes(*bytes)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// An ELF header with these segments: type, file offset, address, size.
    fn header(segments: &[(u32, u64, u64, u64)]) -> Vec<u8> {
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(64, 0);
        header[field::PHOFF] = 64;
        header[field::PHENTSIZE] = 56;
        header[field::PHNUM] = segments.len() as u8;
        for &(kind, offset, address, size) in segments {
            header.extend(kind.to_le_bytes());
            header.extend([0; 4]);
            for number in [offset, address, address, size, size, 0] {
                header.extend(number.to_le_bytes());
            }
        }
        header
    }

    const TEXT: (u32, u64, u64, u64) = (1, 0, 0x40_0000, 0x1000);

    #[test]
    fn the_bundle_is_the_segment_above_the_end() {
        let bundle = (1, 0x2000, 0x50_0000, 0x123);
        let found = find_bundle(&header(&[TEXT, bundle]), 0x40_0000, 0x40_2000);
        assert_eq!(found, Some(0x50_0000..0x50_0123));
        // A position-independent image that was put somewhere.
        let moved = find_bundle(&header(&[TEXT, bundle]), 0x7040_0000, 0x7040_2000);
        assert_eq!(moved, Some(0x7050_0000..0x7050_0123));
    }

    #[test]
    fn without_one_there_is_none() {
        let note = (4, 0x2000, 0x50_0000, 0x123);
        assert_eq!(
            find_bundle(&header(&[TEXT, note]), 0x40_0000, 0x40_2000),
            None
        );
        assert_eq!(find_bundle(&header(&[]), 0, 0), None);
        assert_eq!(find_bundle(b"", 0, 0), None);
        let whole = header(&[TEXT, (1, 0x2000, 0x50_0000, 0x123)]);
        for length in 0..whole.len() {
            assert_eq!(find_bundle(&whole[..length], 0x40_0000, 0x40_2000), None);
        }
    }
}
