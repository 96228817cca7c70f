//! The words on the command line that are the machine's and not the appliance's.
//!
//! Monitors tell of virtio devices in memory in words of the form that Linux
//! reads, `virtio_mmio.device=SIZE@ADDRESS:INTERRUPT[:ID]`
//! (<https://docs.kernel.org/admin-guide/kernel-parameters.html>).

/// The longest command line, in bytes, as Linux has it on x86.
pub const MAX_BYTES: usize = 2048;

/// A virtio device whose registers are in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MmioDevice {
    /// Where its registers are.
    pub address: u64,
    /// How many bytes of them.
    pub bytes: u64,
    /// Its interrupt, as I/O APICs count them.
    pub interrupt: u32,
}

/// The devices that a command line tells of, in its order.
pub fn mmio_devices(line: &str) -> impl Iterator<Item = MmioDevice> {
    line.split_ascii_whitespace()
        .filter_map(|word| MmioDevice::parse(word.strip_prefix("virtio_mmio.device=")?))
}

impl MmioDevice {
    fn parse(value: &str) -> Option<Self> {
        let (bytes, rest) = value.split_once('@')?;
        let mut rest = rest.split(':');
        Some(Self {
            bytes: size(bytes)?,
            address: number(rest.next()?)?,
            interrupt: u32::try_from(number(rest.next()?)?).ok()?,
        })
    }
}

/// A number with a unit of memory behind it, perhaps.
fn size(text: &str) -> Option<u64> {
    let (digits, shift) = match text.as_bytes().last()? {
        b'K' | b'k' => (text.get(..text.len() - 1)?, 10),
        b'M' | b'm' => (text.get(..text.len() - 1)?, 20),
        _ => (text, 0),
    };
    number(digits)?.checked_mul(1 << shift)
}

/// Decimal, or hexadecimal after `0x`.
fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::vec::Vec;

    #[test]
    fn devices_in_the_forms_that_monitors_write() {
        let line = "console=ttyS0 virtio_mmio.device=512@0xfeb00e00:12 http=80 \
                    virtio_mmio.device=4K@0xc0001000:5 virtio_mmio.device=0x200@4096:7:1";
        let found: Vec<_> = mmio_devices(line).collect();
        let device = |bytes, address, interrupt| MmioDevice {
            address,
            bytes,
            interrupt,
        };
        let expected = [
            device(512, 0xfeb0_0e00, 12),
            device(4096, 0xc000_1000, 5),
            device(512, 4096, 7),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn other_words_are_no_devices() {
        for line in [
            "",
            "virtio_mmio.device=",
            "virtio_mmio.device=4K",
            "virtio_mmio.device=4K@",
            "virtio_mmio.device=4K@0x1000",
            "virtio_mmio.device=K@0x1000:5",
            "virtio_mmio.device=4K@0x1000:",
            "virtio_mmio.device=4K@0xx:5",
            "virtio_mmio.device=4K@99999999999999999999:5",
            "virtio_mmio.device=4K@0x1000:99999999999",
            "virtio_mmio.device=99999999999999999M@0x1000:5",
            "virtio_mmio.devices=4K@0x1000:5",
        ] {
            assert_eq!(mmio_devices(line).count(), 0, "{line}");
        }
    }
}
