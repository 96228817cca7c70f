//! What a PVH loader hands over: the command line, the memory map, where ACPI's
//! tables are.
//!
//! `struct hvm_start_info`, little-endian
//! (<https://xenbits.xen.org/docs/unstable/misc/pvh.html>):
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic, 0x336ec578 |
//! | 4 | 4 | version: 0, 1 and later |
//! | 24 | 8 | address of the command line, which ends with a zero byte; 0: none |
//! | 32 | 8 | address of the RSDP; 0: none |
//! | 40 | 8 | from version 1: address of the memory map |
//! | 48 | 4 | from version 1: entries in it, 24 bytes each |

/// The bytes of the structure, in version 1.
pub const BYTES: usize = 56;

/// The bytes of an entry of the memory map.
pub const MAP_ENTRY_BYTES: usize = 24;

/// The most entries of a memory map that are looked at.
pub const MAX_MAP_ENTRIES: u32 = 128;

const MAGIC: u32 = 0x336e_c578;

/// The structure's content. Addresses are physical and unchecked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartInfo {
    /// Of the command line; 0: there is none.
    pub command_line: u64,
    /// Of the ACPI root pointer; 0: not told.
    pub rsdp: u64,
    /// Of the memory map; 0: not told.
    pub memory_map: u64,
    /// How many entries the map has, at most [`MAX_MAP_ENTRIES`].
    pub map_entries: u32,
}

impl StartInfo {
    /// Reads it; `None` for what is no start info.
    pub fn parse(bytes: &[u8; BYTES]) -> Option<Self> {
        if u32_at(bytes, 0) != Some(MAGIC) {
            return None;
        }
        let has_map = u32_at(bytes, 4)? >= 1;
        Some(Self {
            command_line: u64_at(bytes, 24)?,
            rsdp: u64_at(bytes, 32)?,
            memory_map: if has_map { u64_at(bytes, 40)? } else { 0 },
            map_entries: if has_map {
                u32_at(bytes, 48)?.min(MAX_MAP_ENTRIES)
            } else {
                0
            },
        })
    }
}

/// A range of physical memory as the map describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// Its first byte.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
    /// Whether it is memory that may be used (type 1).
    pub usable: bool,
}

impl Range {
    /// One entry of a memory map.
    pub fn parse(entry: &[u8; MAP_ENTRY_BYTES]) -> Self {
        let start = u64_at(entry, 0).unwrap_or_default();
        let bytes = u64_at(entry, 8).unwrap_or_default();
        Self {
            start,
            end: start.saturating_add(bytes),
            usable: u32_at(entry, 16) == Some(1),
        }
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(version: u8) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..5].copy_from_slice(&[0x78, 0xc5, 0x6e, 0x33, version]);
        bytes[24..28].copy_from_slice(&[0, 0x10, 2, 0]);
        bytes[32..36].copy_from_slice(&[0, 0, 0xe, 0]);
        bytes[40..44].copy_from_slice(&[0, 0x20, 2, 0]);
        bytes[48] = 3;
        bytes
    }

    #[test]
    fn literal_bytes() {
        let info = StartInfo::parse(&literal(1)).unwrap();
        let expected = StartInfo {
            command_line: 0x21000,
            rsdp: 0xe0000,
            memory_map: 0x22000,
            map_entries: 3,
        };
        assert_eq!(info, expected);
        let older = StartInfo::parse(&literal(0)).unwrap();
        assert_eq!((older.memory_map, older.map_entries), (0, 0));
    }

    #[test]
    fn what_is_something_else_is_refused() {
        let mut bytes = literal(1);
        bytes[0] ^= 1;
        assert_eq!(StartInfo::parse(&bytes), None);
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let mut bytes = literal(1);
        bytes[48..52].copy_from_slice(&[0xff; 4]);
        let info = StartInfo::parse(&bytes).unwrap();
        assert_eq!(info.map_entries, MAX_MAP_ENTRIES);
    }

    #[test]
    fn ranges() {
        let mut entry = [0; MAP_ENTRY_BYTES];
        entry[2] = 0x10;
        entry[10] = 0x30;
        entry[16] = 1;
        let usable = Range {
            start: 0x10_0000,
            end: 0x40_0000,
            usable: true,
        };
        assert_eq!(Range::parse(&entry), usable);
        entry[16] = 2;
        assert!(!Range::parse(&entry).usable);
        assert_eq!(Range::parse(&[0xff; MAP_ENTRY_BYTES]).end, u64::MAX);
    }
}
