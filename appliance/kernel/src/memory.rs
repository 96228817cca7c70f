//! How much memory there is, whether the image lies in it, and what is left.
//!
//! Monitors start images that do not fit without a word, and the part that is
//! missing reads as zeros; on q35 firmware overwrites up to 384 kB below the
//! top of what the map calls free. So the image must end [`HEADROOM_BYTES`]
//! below the end of its memory before anything in it is believed.

use crate::start_info::Range;

/// What has to be free above the image.
pub const HEADROOM_BYTES: u64 = 1 << 20;

/// Nothing above this is used: the kernel maps 4 GiB, and devices lie below it.
const MAX_ADDRESS: u64 = 0xfec0_0000;

/// The image's memory: what it takes up, and what is left for the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The first byte behind the image.
    pub image_end: u64,
    /// The byte after the last of the memory that the image lies in.
    pub memory_end: u64,
}

/// The image does not lie in memory, or leaves too little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLittle {
    /// What the machine would have to have, in bytes.
    pub needed: u64,
    /// What it has where the image lies, in bytes from address 0.
    pub has: u64,
}

/// Finds the memory that an image from `image_start` to `image_end` lies in.
pub fn layout(
    map: impl Iterator<Item = Range>,
    image_start: u64,
    image_end: u64,
) -> Result<Layout, TooLittle> {
    let memory_end = map
        .filter(|range| range.usable && (range.start..range.end).contains(&image_start))
        .map(|range| range.end)
        .max()
        .unwrap_or(0)
        .min(MAX_ADDRESS);
    let needed = image_end.saturating_add(HEADROOM_BYTES);
    if memory_end < needed {
        return Err(TooLittle {
            needed,
            has: memory_end,
        });
    }
    Ok(Layout {
        image_end,
        memory_end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn map(end: u64) -> [Range; 3] {
        let range = |start, end, usable| Range { start, end, usable };
        [
            range(0, 0x9_fc00, true),
            range(0xf_0000, MB, false),
            range(MB, end, true),
        ]
    }

    #[test]
    fn the_image_lies_in_memory_with_room_above() {
        let found = layout(map(16 * MB).into_iter(), MB, 5 * MB);
        let expected = Layout {
            image_end: 5 * MB,
            memory_end: 16 * MB,
        };
        assert_eq!(found, Ok(expected));
        assert!(layout(map(6 * MB).into_iter(), MB, 5 * MB).is_ok());
    }

    #[test]
    fn too_little_says_how_much() {
        let found = layout(map(6 * MB - 1).into_iter(), MB, 5 * MB);
        let expected = TooLittle {
            needed: 6 * MB,
            has: 6 * MB - 1,
        };
        assert_eq!(found, Err(expected));
        assert!(layout([].into_iter(), MB, 2 * MB).is_err());
        assert!(layout(map(16 * MB).into_iter(), MB, u64::MAX).is_err());
    }

    #[test]
    fn what_is_not_mapped_is_not_used() {
        let found = layout(map(1 << 40).into_iter(), MB, 5 * MB).unwrap();
        assert_eq!(found.memory_end, MAX_ADDRESS);
    }
}
