//! Records that were compressed at build.

use super::field;
use crate::bytes::{slice, u16_at};

/// Records that go behind the question of a response as they are, but for their
/// pointers.
#[derive(Debug, Clone, Copy)]
pub struct Ready<'b> {
    owner: u8,
    authorities: u8,
    additionals: u8,
    gaps: &'b [u8],
    records: &'b [u8],
}

impl<'b> Ready<'b> {
    pub(super) fn at(bytes: &'b [u8], at: u32) -> Option<Self> {
        if at == 0 {
            return None;
        }
        let (head, rest) = bytes
            .get(at as usize..)?
            .split_first_chunk::<{ field::READY }>()?;
        let [_, _, owner, authorities, additionals, pointers] = *head;
        let gaps = rest.get(..pointers.into())?;
        let length = u16_at(head, 0)?;
        Some(Self {
            owner,
            authorities,
            additionals,
            gaps,
            records: slice(rest, gaps.len(), length.into())?,
        })
    }

    /// How long the name on the wire is that the question's ends with.
    pub fn owner_length(&self) -> usize {
        self.owner.into()
    }

    /// How many records each section behind the question has.
    pub fn counts(&self) -> [u16; 3] {
        [0, self.authorities.into(), self.additionals.into()]
    }

    /// Writes the records to an offset of a message in which the owner's name lies at
    /// another; where they end. `None` when there is no room, and nothing was written that
    /// counts.
    pub fn write(&self, message: &mut [u8], at: usize, owner: usize) -> Option<usize> {
        let end = at.checked_add(self.records.len())?;
        let to = message.get_mut(at..end)?;
        to.copy_from_slice(self.records);
        let mut place = 0;
        for &gap in self.gaps {
            place += usize::from(gap);
            let pointer = to.get_mut(place..)?.first_chunk_mut()?;
            let word = u16::from_be_bytes(*pointer);
            let base = match word & field::FROM_RECORDS {
                0 => owner,
                _ => at,
            };
            // Both lie in the first kilobytes of a message, or this would be wrong.
            let word = (word & !field::FROM_RECORDS).wrapping_add(u16::try_from(base).ok()?);
            *pointer = word.to_be_bytes();
        }
        Some(end)
    }
}
