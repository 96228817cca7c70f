//! Short texts put together without an allocator: XenStore paths and values.

use applgen_bundle::show::Show;

/// Up to `N` bytes of text. What does not fit makes the whole invalid, so that
/// a path is never cut into another one.
#[derive(Debug, Clone, Copy)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    /// Puts bytes behind what is there.
    pub fn push(&mut self, bytes: &[u8]) -> &mut Self {
        push(&mut self.bytes, &mut self.length, bytes);
        self
    }

    /// Puts a number behind it, in decimal.
    pub fn push_number(&mut self, number: u32) -> &mut Self {
        push_number(&mut self.bytes, &mut self.length, number);
        self
    }

    /// The bytes; none if something did not fit.
    pub fn bytes(&self) -> &[u8] {
        used(&self.bytes, self.length)
    }

    /// The text; nothing if something did not fit, or is no UTF-8.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.bytes()).unwrap_or_default()
    }

    /// Whether there is nothing, or too much.
    pub fn is_empty(&self) -> bool {
        self.bytes().is_empty()
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self::new()
    }
}

// Once for all lengths of texts.

#[inline(never)]
fn push(place: &mut [u8], length: &mut usize, bytes: &[u8]) {
    let end = length.saturating_add(bytes.len());
    match place.get_mut(*length..end) {
        Some(room) => {
            room.copy_from_slice(bytes);
            *length = end;
        }
        None => *length = usize::MAX,
    }
}

#[inline(never)]
fn push_number(place: &mut [u8], length: &mut usize, number: u32) {
    u64::from(number).show(&mut |digits| push(place, length, digits.as_bytes()));
}

#[inline(never)]
fn used(bytes: &[u8], length: usize) -> &[u8] {
    bytes.get(..length).unwrap_or_default()
}

/// A decimal number; `None` for anything else.
pub(super) fn number(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() {
        return None;
    }
    bytes.iter().try_fold(0u32, |sum, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_both_ways() {
        for value in [0, 7, 10, 4_294_967_295] {
            let mut text = Text::<10>::new();
            text.push_number(value);
            assert_eq!(number(text.bytes()), Some(value));
        }
        assert_eq!(number(b"4294967296"), None);
        assert_eq!(number(b"-1"), None);
        assert_eq!(number(b""), None);
    }

    #[test]
    fn too_much_is_nothing() {
        let mut text = Text::<4>::new();
        assert_eq!(text.push(b"abcd").bytes(), b"abcd");
        assert_eq!(text.push(b"e").bytes(), b"");
        assert_eq!(text.push(b"f").bytes(), b"");
    }
}
