//! Names as keys: in the canonical order of names (RFC 4034 §6.1), in which
//! what is below a name follows it.

use std::vec::Vec;

/// A name in lower case whose byte order is the canonical order. The key of a
/// name above is a prefix of it.
///
/// Labels stand with the root's child first, each ended by a zero; a zero or
/// one in a label is written as two bytes, so that it sorts after the end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// The key of a name in wire form, if it is one.
    pub fn of(wire: &[u8]) -> Option<Self> {
        let mut key = Vec::with_capacity(wire.len());
        let list: Vec<&[u8]> = labels(wire)?;
        for label in list.iter().rev() {
            for byte in label.iter().map(u8::to_ascii_lowercase) {
                match byte {
                    0 | 1 => key.extend([1, byte + 1]),
                    _ => key.push(byte),
                }
            }
            key.push(0);
        }
        Some(Self(key))
    }

    /// Whether it is `other`, or below it.
    pub fn is_at_or_below(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The name above; the root has none.
    pub fn parent(&self) -> Option<Self> {
        let inner = self.0.strip_suffix(&[0])?;
        let end = inner.iter().rposition(|&byte| byte == 0);
        Some(Self(inner[..end.map_or(0, |end| end + 1)].to_vec()))
    }

    /// The name in wire form, in lower case.
    pub fn to_wire(&self) -> Vec<u8> {
        let mut list = Vec::new();
        let mut label = Vec::new();
        let mut bytes = self.0.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                0 => list.push(core::mem::take(&mut label)),
                1 => label.push(bytes.next().map_or(0, |escaped| escaped - 1)),
                _ => label.push(byte),
            }
        }
        let mut wire = Vec::with_capacity(self.0.len() + 1);
        for label in list.iter().rev() {
            wire.push(label.len() as u8);
            wire.extend(label);
        }
        wire.push(0);
        wire
    }

    /// The name `*` below it.
    pub fn wildcard(&self) -> Self {
        let mut key = self.0.clone();
        key.extend(b"*\0");
        Self(key)
    }
}

/// The labels of a name in wire form, the root's left out; `None` when it is
/// none, or has bytes behind it.
pub fn labels(wire: &[u8]) -> Option<Vec<&[u8]>> {
    let mut list = Vec::new();
    let mut rest = wire;
    if wire.len() > crate::dns::MAX_NAME_BYTES {
        return None;
    }
    loop {
        let (&length, behind) = rest.split_first()?;
        match length {
            0 => return behind.is_empty().then_some(list),
            1..=63 => {
                let (label, next) = behind.split_at_checked(length.into())?;
                list.push(label);
                rest = next;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(wire: &[u8]) -> Key {
        Key::of(wire).unwrap()
    }

    #[test]
    fn the_order_is_that_of_rfc_4034() {
        let names: [&[u8]; 9] = [
            b"\x07example\0",
            b"\x01a\x07example\0",
            b"\x08yljkjljk\x01a\x07example\0",
            b"\x01Z\x01a\x07example\0",
            b"\x04zABC\x01a\x07EXAMPLE\0",
            b"\x01z\x07example\0",
            b"\x01\x01\x01z\x07example\0",
            b"\x01*\x01z\x07example\0",
            b"\x01\xc8\x01z\x07example\0",
        ];
        for pair in names.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
    }

    #[test]
    fn parents_are_prefixes() {
        let name = key(b"\x01\0\x02\x01\0\x07example\0");
        let parent = name.parent().unwrap();
        assert_eq!(parent, key(b"\x02\x01\0\x07example\0"));
        assert!(name.is_at_or_below(&parent));
        assert!(!key(b"\x01a\x08example2\0").is_at_or_below(&key(b"\x07example\0")));
        assert_eq!(name.to_wire(), b"\x01\0\x02\x01\0\x07example\0");
        assert_eq!(key(b"\0").parent(), None);
        assert_eq!(key(b"\x01a\0").parent(), Some(key(b"\0")));
    }
}
