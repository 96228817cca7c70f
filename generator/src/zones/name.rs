//! Domain names: from text to wire form and back.

use super::lexer::escape;
use std::fmt::Write;

/// Why a text is no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// A label is empty: two dots, or one at the beginning.
    EmptyLabel,
    /// A label has more than 63 bytes.
    LongLabel,
    /// The name has more than 255 bytes on the wire.
    LongName,
    /// A backslash is followed by what is no escape.
    Escape,
}

impl NameError {
    /// What is wrong, for people.
    pub fn message(self) -> &'static str {
        match self {
            Self::EmptyLabel => "a name cannot have an empty label",
            Self::LongLabel => "a label has at most 63 bytes",
            Self::LongName => "a name has at most 255 bytes, its origin included",
            Self::Escape => "`\\` is followed by a character or by three digits, at most 255",
        }
    }
}

/// A name in wire form; one without a dot at its end is below `origin`, and
/// `@` is the origin itself.
pub fn parse(text: &[u8], origin: &[u8]) -> Result<Vec<u8>, NameError> {
    if text == b"@" {
        return Ok(origin.to_vec());
    }
    if text == b"." {
        return Ok(vec![0]);
    }
    let mut wire = vec![0];
    let mut label = 0;
    let mut at = 0;
    let mut absolute = false;
    while let Some(&byte) = text.get(at) {
        let (byte, length) = match byte {
            b'.' => {
                if wire[label] == 0 {
                    return Err(NameError::EmptyLabel);
                }
                at += 1;
                absolute = at == text.len();
                if !absolute {
                    label = wire.len();
                    wire.push(0);
                }
                continue;
            }
            b'\\' => escape(&text[at..]).ok_or(NameError::Escape)?,
            byte => (byte, 1),
        };
        if wire[label] == 63 {
            return Err(NameError::LongLabel);
        }
        wire[label] += 1;
        wire.push(byte);
        at += length;
        if wire.len() > 255 {
            return Err(NameError::LongName);
        }
    }
    if wire[label] == 0 {
        return Err(NameError::EmptyLabel);
    }
    if absolute {
        wire.push(0);
    } else {
        wire.extend_from_slice(origin);
    }
    if wire.len() > 255 {
        return Err(NameError::LongName);
    }
    Ok(wire)
}

/// A name as text, with a dot at its end.
pub fn show(wire: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = wire;
    while let Some((&length, behind)) = rest.split_first()
        && length != 0
    {
        let (label, next) = behind.split_at(usize::from(length).min(behind.len()));
        for &byte in label {
            match byte {
                b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                    text.push('\\');
                    text.push(byte.into());
                }
                b'!'..=b'~' => text.push(byte.into()),
                _ => {
                    let _ = write!(text, "\\{byte:03}");
                }
            }
        }
        text.push('.');
        rest = next;
    }
    if text.is_empty() {
        text.push('.');
    }
    text
}

/// The name above, in wire form; the root has none.
pub fn parent(wire: &[u8]) -> Option<&[u8]> {
    let (&length, rest) = wire.split_first()?;
    (length != 0).then(|| rest.get(length.into()..)).flatten()
}

/// Whether a name is another or below it.
pub fn is_at_or_below(wire: &[u8], other: &[u8]) -> bool {
    let mut name = Some(wire);
    while let Some(at) = name {
        if at.eq_ignore_ascii_case(other) {
            return true;
        }
        name = parent(at);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let origin = b"\x03org\0";
        assert_eq!(parse(b"a.B", origin).unwrap(), b"\x01a\x01B\x03org\0");
        assert_eq!(parse(b"a.", origin).unwrap(), b"\x01a\0");
        assert_eq!(parse(b"@", origin).unwrap(), origin);
        assert_eq!(parse(b".", origin).unwrap(), b"\0");
        assert_eq!(parse(b"a\\.b\\000.", b"\0").unwrap(), b"\x04a.b\0\0");
        assert_eq!(show(b"\x04a.b\0\x01@\0"), "a\\.b\\000.\\@.");
        assert_eq!(show(b"\0"), ".");
    }

    #[test]
    fn what_is_no_name() {
        for (text, error) in [
            ("", NameError::EmptyLabel),
            ("..", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("a..b", NameError::EmptyLabel),
            ("a\\1", NameError::Escape),
        ] {
            assert_eq!(parse(text.as_bytes(), b"\0"), Err(error), "{text}");
        }
        let long = "a".repeat(64);
        assert_eq!(parse(long.as_bytes(), b"\0"), Err(NameError::LongLabel));
        let most = "a.".repeat(127);
        assert_eq!(parse(most.as_bytes(), b"\0").unwrap().len(), 255);
        assert_eq!(
            parse(&most.as_bytes()[..253], b"\x01a\x01b\0"),
            Err(NameError::LongName)
        );
    }

    #[test]
    fn below() {
        assert!(is_at_or_below(b"\x01a\x03ORG\0", b"\x03org\0"));
        assert!(is_at_or_below(b"\x03org\0", b"\0"));
        assert!(!is_at_or_below(b"\x03org\0", b"\x01a\x03org\0"));
    }
}
