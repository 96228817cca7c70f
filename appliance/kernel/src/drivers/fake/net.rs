//! A played network card, and the driver on top of it.

use std::cell::RefCell;
use std::rc::Rc;
use std::vec::Vec;

use super::{
    Chain, Device, DeviceQueue, FakePci, FakePlatform, FakeRegisters, Memory, MmioModel, Shared,
};
use crate::drivers::virtio::AnyTransport;
use crate::drivers::virtio_mmio::VirtioMmio;
use crate::drivers::virtio_net::{DEVICE, Options, VirtioNet};
use crate::drivers::virtio_pci::{self, Message, VirtioPci};
use crate::drivers::{Platform, StartError};

/// How the device is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Legacy,
    Mmio,
    Pci,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Legacy, Self::Mmio, Self::Pci];

    pub fn header_bytes(self) -> usize {
        match self {
            Self::Legacy => 10,
            Self::Mmio | Self::Pci => 12,
        }
    }

    /// A transport to a device, which may be of this type.
    pub fn transport(
        self,
        device: &Shared,
        kind: u16,
        platform: &mut FakePlatform,
    ) -> Result<AnyTransport<FakeRegisters>, StartError> {
        if self == Self::Pci {
            let mut bus = FakePci::new(device, platform, 1);
            let at = virtio_pci::find(&mut bus, kind).ok_or(StartError::NotThere)?;
            let message = Message {
                address: 0xfee0_0000,
                data: 0x31,
            };
            return VirtioPci::new(&mut bus, at, platform, message).map(AnyTransport::Pci);
        }
        let model = Rc::new(RefCell::new(MmioModel::new(device.clone())));
        platform.models.push((0xfeb0_0e00, 512, model));
        let registers = platform.map(0xfeb0_0e00, 512).unwrap();
        VirtioMmio::new(registers, kind).map(AnyTransport::Mmio)
    }
}

/// A frame that the card has sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Sent {
    pub header: Vec<u8>,
    pub frame: Vec<u8>,
    /// How many pieces it was in.
    pub pieces: usize,
}

/// A driver, its device, and the device's hands. The memory goes last.
pub struct Rig {
    pub card: VirtioNet<AnyTransport<FakeRegisters>>,
    pub kind: Kind,
    pub device: Shared,
    pub receive: DeviceQueue,
    pub transmit: DeviceQueue,
    pub memory: Memory,
}

impl Rig {
    /// A card with these features and as many buffers in each direction.
    pub fn new(kind: Kind, offered: u64, receive: u16, transmit: u16) -> Self {
        let device = Device::new(DEVICE, kind == Kind::Legacy, offered);
        device.borrow_mut().configuration = std::vec![2, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0xdc, 0x05];
        Self::over(kind, device, receive, transmit).unwrap()
    }

    pub fn over(
        kind: Kind,
        device: Shared,
        receive: u16,
        transmit: u16,
    ) -> Result<Self, StartError> {
        let mut platform = FakePlatform::default();
        let transport = kind.transport(&device, DEVICE, &mut platform)?;
        let options = Options {
            receive,
            transmit,
            mac: [6, 1, 2, 3, 4, 5],
        };
        let card = VirtioNet::new(transport, &mut platform, &options)?;
        let (receive, transmit) = {
            let device = device.borrow();
            (device.device_queue(0), device.device_queue(1))
        };
        Ok(Self {
            card,
            kind,
            device,
            receive,
            transmit,
            memory: platform.memory,
        })
    }

    /// The next frame comes, with these flags; false if there is no buffer.
    pub fn deliver(&mut self, frame: &[u8], flags: u8) -> bool {
        let Some(chain) = self.receive.pop(&self.memory) else {
            return false;
        };
        self.fill(&chain, frame, flags);
        true
    }

    /// A frame comes into a buffer.
    pub fn fill(&mut self, chain: &Chain, frame: &[u8], flags: u8) {
        let header_bytes = self.kind.header_bytes();
        let mut bytes = std::vec![0; header_bytes];
        bytes[0] = flags;
        if header_bytes == 12 {
            bytes[10] = 1;
        }
        bytes.extend_from_slice(frame);
        let segment = chain.segments[0];
        assert!(segment.writable);
        self.memory.write(segment.address, &bytes);
        let length = bytes.len() as u32;
        self.receive.push(&self.memory, chain.head.into(), length);
    }

    /// Everything that was sent; completed at once.
    pub fn collect(&mut self) -> Vec<Sent> {
        let mut all = Vec::new();
        while let Some(chain) = self.transmit.pop(&self.memory) {
            let bytes = chain.read(&self.memory);
            let (header, frame) = bytes.split_at(self.kind.header_bytes());
            all.push(Sent {
                header: header.to_vec(),
                frame: frame.to_vec(),
                pieces: chain.segments.len(),
            });
            self.transmit.push(&self.memory, chain.head.into(), 0);
        }
        all
    }

    /// How often the device was told of something new, in each direction.
    pub fn notifications(&self) -> [usize; 2] {
        self.device.borrow().queues.map(|queue| queue.notifications)
    }
}
