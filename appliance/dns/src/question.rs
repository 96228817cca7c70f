//! Names as they are looked up: wire form in lower case, and its labels.

/// A name in wire form and lower case.
#[derive(Debug)]
pub struct QueryName {
    /// One byte more than a name has: whole blocks.
    wire: [u8; 256],
    length: u8,
    /// Where each label begins, the root's last.
    starts: [u8; 128],
    /// How many there are, the root's included.
    count: u8,
}

impl QueryName {
    /// The root.
    pub fn new() -> Self {
        Self {
            wire: [0; 256],
            length: 1,
            starts: [0; 128],
            count: 1,
        }
    }

    /// Takes the name that `bytes` begin with, and says how long it is; `None`
    /// when there is none: a pointer, a label of another kind, more than 255
    /// bytes, or fewer than it says (RFC 1035 §3.1).
    pub fn set(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0_usize;
        let mut count = 0_usize;
        loop {
            let label = *bytes.get(at)?;
            *self.starts.get_mut(count)? = u8::try_from(at).ok()?;
            count += 1;
            at += 1;
            match label {
                0 => break,
                1..=63 => at += usize::from(label),
                _ => return None,
            }
        }
        let from = bytes.get(..at)?;
        self.length = u8::try_from(at).ok()?;
        let to = self.wire.get_mut(..at)?;
        to.copy_from_slice(from);
        // A length is no letter: all of it can be folded at once, in whole blocks, since what
        // lies behind does not matter.
        let blocks = self.wire.as_chunks_mut::<16>().0.iter_mut();
        for block in blocks.take(at.div_ceil(16)) {
            block.make_ascii_lowercase();
        }
        self.count = u8::try_from(count).ok()?;
        Some(at)
    }

    /// Replaces all but the first `bytes` bytes by `tail`, a name in wire form;
    /// `None`, and nothing done, when that is too long or no name.
    pub fn replace_tail(&mut self, bytes: usize, tail: &[u8]) -> Option<()> {
        let length = bytes.checked_add(tail.len())?;
        let mut joined = [0; 255];
        joined
            .get_mut(..bytes)?
            .copy_from_slice(self.wire.get(..bytes)?);
        joined.get_mut(bytes..length)?.copy_from_slice(tail);
        let joined = joined.get(..length)?;
        self.set(joined).map(|_| ())
    }

    /// The wire form.
    pub fn wire(&self) -> &[u8] {
        self.wire.get(..self.length.into()).unwrap_or_default()
    }

    /// Where each label begins, the root's last.
    pub fn starts(&self) -> &[u8] {
        self.starts.get(..self.count.into()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_and_cut_into_labels() {
        let mut name = QueryName::new();
        assert_eq!(name.set(b"\x03WwW\x07eXample\0rest"), Some(13));
        assert_eq!(name.wire(), b"\x03www\x07example\0");
        assert_eq!(name.starts(), [0, 4, 12]);
        name.replace_tail(4, b"\x03Org\0").unwrap();
        assert_eq!(name.wire(), b"\x03www\x03org\0");
        assert_eq!(name.starts(), [0, 4, 8]);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let mut name = QueryName::new();
        for bytes in [
            &b""[..],
            b"\x03ww",
            b"\x01a",
            b"\xc0\x0c",
            b"\x01a\xc0\x0c",
            b"\x40a\0",
            b"\x80\0",
        ] {
            assert_eq!(name.set(bytes), None, "{bytes:?}");
        }
        let mut long = [1; 256];
        long[254] = 0;
        assert_eq!(name.set(&long), Some(255));
        assert_eq!(name.starts().len(), 128);
        long[254] = 1;
        assert_eq!(name.set(&long), None);
    }
}
