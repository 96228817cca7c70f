//! A device's registers on the MMIO transport, both versions
//! (virtio 1.2 §4.2.2, §4.2.4).

use super::Shared;
use super::platform::Model;

/// The registers of one device.
pub struct MmioModel {
    pub device: Shared,
    pub page_bytes: u32,
    pub align: u32,
}

impl MmioModel {
    pub fn new(device: Shared) -> Self {
        Self {
            device,
            page_bytes: 0,
            align: 0,
        }
    }
}

fn set_low(whole: &mut u64, value: u32) {
    *whole = *whole & !0xffff_ffff | u64::from(value);
}

fn set_high(whole: &mut u64, value: u32) {
    *whole = *whole & 0xffff_ffff | u64::from(value) << 32;
}

impl Model for MmioModel {
    fn read(&mut self, offset: usize, width: usize) -> u32 {
        let mut device = self.device.borrow_mut();
        if offset >= 0x100 {
            return (0..width)
                .map(|at| u32::from(device.configuration(offset - 0x100 + at)) << (8 * at))
                .sum();
        }
        assert_eq!(width, 4, "registers are four bytes wide");
        let legacy = device.legacy;
        match offset {
            0x000 => u32::from_le_bytes(*b"virt"),
            0x004 => 2 - u32::from(legacy),
            0x008 => device.kind.into(),
            0x010 => device.offered_half(),
            0x034 => match device.queue_select {
                0 | 1 => device.most.into(),
                _ => 0,
            },
            0x040 if legacy => {
                let page_bytes = u64::from(self.page_bytes.max(1));
                device
                    .queue()
                    .map_or(0, |queue| queue.descriptors / page_bytes) as u32
            }
            0x044 if !legacy => device.queue().is_some_and(|queue| queue.ready).into(),
            0x060 => device.interrupt,
            0x070 => device.status.into(),
            0x0fc if !legacy => device.generation.into(),
            _ => panic!("reads {offset:#x}"),
        }
    }

    fn write(&mut self, offset: usize, width: usize, value: u32) {
        assert_eq!(width, 4, "registers are four bytes wide");
        let mut device = self.device.borrow_mut();
        let legacy = device.legacy;
        match offset {
            0x014 => device.feature_select[0] = value,
            0x020 => device.accept_half(value),
            0x024 => device.feature_select[1] = value,
            0x028 if legacy => self.page_bytes = value,
            0x030 => device.queue_select = value as usize,
            0x050 => device.notify(value),
            0x064 => {
                device.interrupt &= !value;
                device.acknowledged += 1;
            }
            0x070 => device.set_status(value as u8),
            0x03c if legacy => self.align = value,
            _ => {
                let Some(queue) = device.queue() else { return };
                match offset {
                    0x038 => queue.size = value as u16,
                    0x040 if legacy => {
                        // The layout of legacy queues (§2.7.2).
                        let size = u64::from(queue.size);
                        let start = u64::from(value) * u64::from(self.page_bytes);
                        queue.descriptors = start;
                        queue.available = start + size * 16;
                        queue.used =
                            (queue.available + 6 + size * 2).next_multiple_of(self.align.into());
                        queue.ready = value != 0;
                    }
                    0x044 if !legacy => queue.ready = value == 1,
                    0x080 if !legacy => set_low(&mut queue.descriptors, value),
                    0x084 if !legacy => set_high(&mut queue.descriptors, value),
                    0x090 if !legacy => set_low(&mut queue.available, value),
                    0x094 if !legacy => set_high(&mut queue.available, value),
                    0x0a0 if !legacy => set_low(&mut queue.used, value),
                    0x0a4 if !legacy => set_high(&mut queue.used, value),
                    _ => panic!("writes {offset:#x}"),
                }
            }
        }
    }
}
