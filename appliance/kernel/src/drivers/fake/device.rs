//! What a played virtio device is behind any transport.

use std::cell::RefCell;
use std::rc::Rc;
use std::vec::Vec;

use super::DeviceQueue;
use crate::drivers::virtio::{feature, status};
use crate::drivers::virtqueue::Addresses;

/// A queue's registers.
#[derive(Debug, Clone, Copy, Default)]
pub struct QueueRegisters {
    pub size: u16,
    pub descriptors: u64,
    pub available: u64,
    pub used: u64,
    pub ready: bool,
    pub notifications: usize,
    pub vector: u16,
}

/// A device, as its registers show it.
#[derive(Debug)]
pub struct Device {
    pub kind: u16,
    pub legacy: bool,
    pub offered: u64,
    pub accepted: u64,
    pub status: u8,
    /// The most descriptors of a queue.
    pub most: u16,
    pub queues: [QueueRegisters; 2],
    pub configuration: Vec<u8>,
    pub generation: u8,
    /// Changes the configuration while it is read, so many times.
    pub restless: u32,
    /// Says no to any features.
    pub refuses: bool,
    /// Never comes out of its reset.
    pub stuck: bool,
    pub interrupt: u32,
    pub acknowledged: usize,
    pub queue_select: usize,
    pub feature_select: [u32; 2],
}

/// A device that its registers and a test share.
pub type Shared = Rc<RefCell<Device>>;

impl Device {
    pub fn new(kind: u16, legacy: bool, offered: u64) -> Shared {
        let needed = if legacy {
            feature::ANY_LAYOUT
        } else {
            feature::VERSION_1
        };
        Rc::new(RefCell::new(Self {
            kind,
            legacy,
            offered: offered | needed,
            accepted: 0,
            status: 0,
            most: 256,
            queues: [QueueRegisters::default(); 2],
            configuration: std::vec![0; 16],
            generation: 0,
            restless: 0,
            refuses: false,
            stuck: false,
            interrupt: 0,
            acknowledged: 0,
            queue_select: 0,
            feature_select: [0; 2],
        }))
    }

    pub fn set_status(&mut self, new: u8) {
        if new == 0 {
            self.status = if self.stuck { 64 } else { 0 };
            self.queues = [QueueRegisters::default(); 2];
            self.accepted = 0;
            return;
        }
        assert_eq!(new & self.status & 15, self.status & 15, "bits only come");
        self.status = new;
        if new & status::FEATURES_OK != 0 {
            assert!(!self.legacy, "unknown to legacy devices");
            assert_eq!(self.accepted & !self.offered, 0, "never offered");
            if self.refuses {
                self.status &= !status::FEATURES_OK;
            }
        }
        if new & status::DRIVER_OK != 0 && new & status::FAILED == 0 {
            assert!(self.queues[0].ready, "no queue");
            assert!(self.legacy || new & status::FEATURES_OK != 0);
        }
    }

    pub fn offered_half(&self) -> u32 {
        match self.feature_select[0] {
            0 => self.offered as u32,
            1 => (self.offered >> 32) as u32,
            _ => 0,
        }
    }

    pub fn accept_half(&mut self, half: u32) {
        let shift = self.feature_select[1] * 32;
        assert!(shift < 64);
        self.accepted |= u64::from(half) << shift;
    }

    /// The selected queue.
    pub fn queue(&mut self) -> Option<&mut QueueRegisters> {
        self.queues.get_mut(self.queue_select)
    }

    pub fn notify(&mut self, queue: u32) {
        assert_ne!(self.status & status::DRIVER_OK, 0, "too early");
        self.queues[queue as usize].notifications += 1;
    }

    pub fn configuration(&mut self, offset: usize) -> u8 {
        if self.restless > 0 {
            self.restless -= 1;
            self.generation = self.generation.wrapping_add(1);
            for byte in &mut self.configuration {
                *byte = byte.wrapping_add(2);
            }
        }
        self.configuration.get(offset).copied().unwrap_or(0)
    }

    /// The device's side of a queue that the driver has set up.
    pub fn device_queue(&self, queue: usize) -> DeviceQueue {
        let registers = self.queues[queue];
        assert!(registers.ready);
        let addresses = Addresses {
            size: registers.size,
            descriptors: registers.descriptors,
            available: registers.available,
            used: registers.used,
        };
        DeviceQueue::new(addresses, self.accepted & feature::EVENT_INDEX != 0)
    }
}
