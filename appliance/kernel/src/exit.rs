//! Why a guest stopped, as a number.
//!
//! Machines have no exit codes. QEMU's `isa-debug-exit` makes one of a byte that
//! is written to it: `2 × code + 1`, so that no code is QEMU's own 0, and the
//! first, 3, is none of its failures (1).

/// What stopped the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The kernel panicked: an error in it.
    Panic = 1,
    /// The processor reported an exception: an error in the kernel.
    Exception = 2,
    /// The machine was not entered by PVH, or offers no clock.
    Machine = 3,
    /// Too little memory for the image.
    Memory = 4,
    /// No bundle, one of another version, a damaged one, or one that this
    /// kernel cannot serve.
    Bundle = 5,
    /// A boot word that is unknown or malformed.
    Words = 6,
    /// No network device, or one that does not do.
    Network = 7,
    /// No entropy.
    Entropy = 8,
}

impl Exit {
    /// The status that QEMU ends with by `isa-debug-exit`.
    pub const fn qemu_status(self) -> u8 {
        self as u8 * 2 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_odd_and_never_one() {
        assert_eq!(Exit::Panic.qemu_status(), 3);
        assert_eq!(Exit::Entropy.qemu_status(), 17);
    }
}
