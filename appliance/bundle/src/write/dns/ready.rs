//! Records as they go behind a question, compressed at build; the layout is in
//! [`crate::dns`].

use super::key::Key;
use super::layout::Layout;
use super::zone::{names_of, shape};
use crate::dns::field;
use std::collections::HashMap;
use std::vec::Vec;

/// The most bytes of records: what goes into a datagram, and pointers reach far further.
const MOST_BYTES: usize = 1232;

/// Ready records in the making.
pub(super) struct ReadyRecords {
    owner: u8,
    records: Vec<u8>,
    /// Pointers to names that lie there: what follows `11`.
    places: HashMap<Key, u16>,
    /// Where the pointers are.
    pointers: Vec<usize>,
    counts: [usize; 2],
    /// Which section records go to.
    section: usize,
    failed: bool,
}

impl ReadyRecords {
    /// None yet, for questions at or below a name.
    pub fn new(owner: &Key) -> Self {
        let wire = owner.to_wire();
        let mut places = HashMap::new();
        let mut at = Some(owner.clone());
        while let Some(key) = at {
            let above = key.to_wire().len();
            at = key.parent();
            // The root is written as it is.
            if above > 1 {
                places.insert(key, (wire.len() - above) as u16);
            }
        }
        Self {
            owner: wire.len() as u8,
            records: Vec::new(),
            places,
            pointers: Vec::new(),
            counts: [0; 2],
            section: 0,
            failed: false,
        }
    }

    /// From now on, records go to the additional section.
    pub fn turn(&mut self) {
        self.section = 1;
    }

    /// These cannot be ready.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    /// Adds a set.
    pub fn set(&mut self, layout: &Layout, owner: &Key, kind: u16, ttl: u32, list: &[Vec<u8>]) {
        for data in list {
            self.counts[self.section] += 1;
            self.name(layout, owner);
            self.records.extend(kind.to_be_bytes());
            self.records.extend([0, 1]);
            self.records.extend(ttl.to_be_bytes());
            let length = self.records.len();
            self.records.extend([0; 2]);
            match shape(kind) {
                Some(shape) => {
                    self.records.extend(&data[..shape.before.into()]);
                    for name in names_of(kind, data).unwrap_or_default() {
                        let key = Key::of(name).expect("names in data were checked");
                        self.name(layout, &key);
                    }
                    let after = data.len() - usize::from(shape.after);
                    self.records.extend(&data[after..]);
                }
                None => self.records.extend(data),
            }
            let bytes = (self.records.len() - length - 2) as u16;
            self.records[length..length + 2].copy_from_slice(&bytes.to_be_bytes());
        }
    }

    fn name(&mut self, layout: &Layout, name: &Key) {
        let whole = layout.wire(name);
        let start = self.records.len();
        let mut at = Some(name.clone());
        while let Some(key) = at {
            let length = layout.wire(&key).len();
            let above = whole.len() - length;
            if let Some(place) = self.places.get(&key) {
                self.records.extend(&whole[..above]);
                self.pointers.push(self.records.len());
                self.records.extend((0xc000 | place).to_be_bytes());
                return;
            }
            at = key.parent();
            if length > 1 {
                let place = field::FROM_RECORDS | (start + above) as u16;
                self.places.insert(key, place);
            }
        }
        self.records.extend(whole);
    }

    /// The bytes, if they can be ready.
    pub fn finish(self) -> Option<Vec<u8>> {
        let [authorities, additionals] = self.counts.map(|count| u8::try_from(count).ok());
        if self.failed || self.records.len() > MOST_BYTES {
            return None;
        }
        let mut bytes = (self.records.len() as u16).to_le_bytes().to_vec();
        bytes.extend([self.owner, authorities?, additionals?]);
        bytes.push(u8::try_from(self.pointers.len()).ok()?);
        let mut last = 0;
        for pointer in self.pointers {
            bytes.push(u8::try_from(pointer - last).ok()?);
            last = pointer;
        }
        bytes.extend(self.records);
        Some(bytes)
    }
}
