//! A played machine: memory, and registers by their address.

use std::cell::RefCell;
use std::rc::Rc;
use std::vec::Vec;

use super::Memory;
use crate::drivers::{Dma, Platform, Registers};

/// What answers at some addresses. `width` is 1, 2 or 4.
pub trait Model {
    fn read(&mut self, offset: usize, width: usize) -> u32;
    fn write(&mut self, offset: usize, width: usize, value: u32);
}

/// A model that several hold.
pub type Answering = Rc<RefCell<dyn Model>>;

/// Registers that a model answers for, from an offset on.
#[derive(Clone)]
pub struct FakeRegisters {
    pub model: Answering,
    pub start: usize,
    pub bytes: usize,
}

impl FakeRegisters {
    fn at(&self, offset: usize, width: usize) -> usize {
        assert!(
            offset + width <= self.bytes,
            "a register outside its window"
        );
        assert_eq!(offset % width, 0, "not aligned");
        self.start + offset
    }
}

impl Registers for FakeRegisters {
    fn read8(&mut self, offset: usize) -> u8 {
        self.model.borrow_mut().read(self.at(offset, 1), 1) as u8
    }
    fn read16(&mut self, offset: usize) -> u16 {
        self.model.borrow_mut().read(self.at(offset, 2), 2) as u16
    }
    fn read32(&mut self, offset: usize) -> u32 {
        self.model.borrow_mut().read(self.at(offset, 4), 4)
    }
    fn write8(&mut self, offset: usize, value: u8) {
        self.model
            .borrow_mut()
            .write(self.at(offset, 1), 1, value.into());
    }
    fn write16(&mut self, offset: usize, value: u16) {
        self.model
            .borrow_mut()
            .write(self.at(offset, 2), 2, value.into());
    }
    fn write32(&mut self, offset: usize, value: u32) {
        self.model.borrow_mut().write(self.at(offset, 4), 4, value);
    }
}

/// A machine.
#[derive(Clone, Default)]
pub struct FakePlatform {
    pub memory: Memory,
    /// What answers from which address on, for how many bytes.
    pub models: Vec<(u64, u64, Answering)>,
    /// No more than so many bytes, if it is set.
    pub limit: Option<usize>,
}

impl Platform for FakePlatform {
    type Registers = FakeRegisters;

    fn allocate(&mut self, bytes: usize, align: usize) -> Option<Dma> {
        if let Some(limit) = &mut self.limit {
            *limit = limit.checked_sub(bytes)?;
        }
        Some(self.memory.allocate(bytes, align))
    }

    fn map(&mut self, address: u64, bytes: usize) -> Option<FakeRegisters> {
        self.models.iter().find_map(|(start, length, model)| {
            let offset = address.checked_sub(*start)?;
            (offset + bytes as u64 <= *length).then(|| FakeRegisters {
                model: model.clone(),
                start: offset as usize,
                bytes,
            })
        })
    }
}
