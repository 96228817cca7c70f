//! The hashes that lead from a path to its entry, and from a name to its node.
//!
//! That of paths is FNV-1a with a finishing mix: a few instructions in a kernel, and its high
//! bits (which choose the group) are as good as its low ones. Nobody can
//! attack it from outside: the table is made at build, and a request only
//! looks up.

/// The hash of a path on the virtual host `host`. The path comes in two parts,
/// directory and name, and where it is cut makes no difference.
pub fn path_hash(host: u16, directory: &[u8], name: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(host);
    for &byte in directory.iter().chain(name) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // The finisher of MurmurHash3.
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// The group, of `1 << log2`, that an entry with this hash belongs to.
pub fn group_of(hash: u64, log2: u32) -> usize {
    hash.checked_shr(64_u32.saturating_sub(log2)).unwrap_or(0) as usize
}

/// The hash of a domain name in wire form and lower case. Its high bits choose
/// the slot, its low half tells names in one slot apart.
pub fn name_hash(name: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |hash: u64, eight: u64| {
        let mixed = (hash ^ eight).wrapping_mul(MULTIPLIER);
        mixed ^ (mixed >> 32)
    };
    let mut hash = name.len() as u64;
    let (chunks, rest) = name.as_chunks::<8>();
    for chunk in chunks {
        hash = fold(hash, u64::from_le_bytes(*chunk));
    }
    let last = match name.last_chunk::<8>() {
        // The same without a loop: those before them are shifted out.
        Some(eight) => u64::from_be_bytes(*eight) & ((1 << (8 * rest.len())) - 1),
        None => rest
            .iter()
            .fold(0, |last, &byte| last << 8 | u64::from(byte)),
    };
    // Twice, so that the last bytes reach all bits.
    fold(fold(hash, last), 0).wrapping_mul(MULTIPLIER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_hash_by_every_byte() {
        assert_eq!(name_hash(b"\x07example\x03org\0"), 0xf9b3_7e33_9394_bb18);
        assert_ne!(name_hash(b"\x01a\0"), name_hash(b"\x01b\0"));
    }

    #[test]
    fn the_format_depends_on_these_values() {
        assert_eq!(path_hash(0, b"/", b""), 0x23c4_9fa3_6281_442f);
        assert_ne!(path_hash(0, b"/", b""), path_hash(1, b"/", b""));
        assert_eq!(path_hash(0, b"/a/", b"b"), path_hash(0, b"/a/b", b""));
    }

    #[test]
    fn groups_are_the_high_bits() {
        assert_eq!(group_of(u64::MAX, 0), 0);
        assert_eq!(group_of(u64::MAX, 3), 7);
        assert_eq!(group_of(1 << 63, 1), 1);
    }
}
