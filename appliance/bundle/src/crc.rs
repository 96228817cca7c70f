//! CRC-32 (ISO-HDLC, as in gzip and zlib), for the head of a bundle.
//!
//! Bit by bit and without a table: a head has about a hundred bytes, and a
//! table would cost a kernel a kilobyte.

/// A checksum under way.
pub struct Crc32(u32);

impl Crc32 {
    /// Of no bytes yet.
    pub const fn new() -> Self {
        Self(!0)
    }

    /// Takes `bytes` in.
    pub fn update(mut self, bytes: &[u8]) -> Self {
        for &byte in bytes {
            self.0 ^= u32::from(byte);
            for _ in 0..8 {
                let mask = (self.0 & 1).wrapping_neg();
                self.0 = (self.0 >> 1) ^ (0xedb8_8320 & mask);
            }
        }
        self
    }

    /// The checksum of all that was taken in.
    pub const fn finish(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue() {
        assert_eq!(Crc32::new().update(b"123456789").finish(), 0xcbf4_3926);
        assert_eq!(
            Crc32::new().update(b"1234").update(b"56789").finish(),
            0xcbf4_3926
        );
        assert_eq!(Crc32::new().finish(), 0);
    }
}
