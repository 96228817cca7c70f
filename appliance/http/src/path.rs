//! From a target's path to the bytes that the bundle is asked for: decoded
//! once, dot segments resolved, never above the top.
//!
//! - `%41` is `A`, once: `%2541` is the name `%41`, and is not looked at again.
//! - `%2e` is a dot like any other (RFC 3986 §6.2.2.2), so `/a/%2e%2e/b` is
//!   `/b`; dot segments are resolved after decoding, segment by segment.
//! - `/..` leads out of the site and is 400, as is a `%` without two digits,
//!   and `%00`.
//! - `%2F` is data, no separator. No file's name holds a slash, so such a path
//!   leads nowhere: 404, and never to `a/b`.
//! - `//` is kept: an empty segment is a segment.
//!
//! Most paths hold neither `%` nor a dot segment and are used where they lie.

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Resolved<'p> {
    /// These bytes.
    Path(&'p [u8]),
    /// Nothing that can exist; this is the directory in which it would be.
    Nowhere(&'p [u8]),
    /// No path at all: 400.
    Bad,
}

/// Resolves a path that begins with `/`; `scratch` holds the result where it
/// is not the path itself.
pub fn resolve<'p>(path: &'p [u8], scratch: &'p mut [u8]) -> Resolved<'p> {
    if is_plain(path) {
        return Resolved::Path(path);
    }
    let mut out = Segments {
        buffer: scratch,
        length: 0,
    };
    let rest = path.get(1..).unwrap_or_default();
    let mut segments = rest.split(|&byte| byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match out.push(segment) {
            Ok(()) => {}
            Err(Fault::Bad) => return Resolved::Bad,
            Err(Fault::Nowhere) => {
                let Segments { buffer, length } = out;
                return Resolved::Nowhere(directory(buffer.get(..length).unwrap_or_default()));
            }
        }
        match out.last_segment() {
            b"." => out.drop_segment(is_last),
            b".." => {
                out.drop_segment(false);
                if out.length == 0 {
                    return Resolved::Bad;
                }
                out.drop_segment(is_last);
            }
            _ => {}
        }
    }
    let Segments { buffer, length } = out;
    Resolved::Path(buffer.get(..length).unwrap_or_default())
}

/// A path up to and with its last slash.
pub fn directory(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte == b'/');
    end.and_then(|end| path.get(..=end)).unwrap_or(b"/")
}

/// Whether a path is its own result. A segment that merely begins with a dot
/// takes the long way, which is no mistake.
pub fn is_plain(path: &[u8]) -> bool {
    let mut before = 0;
    for &byte in path {
        if byte == b'%' || (byte == b'.' && before == b'/') {
            return false;
        }
        before = byte;
    }
    true
}

enum Fault {
    Bad,
    Nowhere,
}

/// The path so far: `/` before each segment.
struct Segments<'p> {
    buffer: &'p mut [u8],
    length: usize,
}

impl Segments<'_> {
    /// Puts a slash and the decoded segment at the end. On a fault the slash
    /// stays, so that the directory is told.
    fn push(&mut self, encoded: &[u8]) -> Result<(), Fault> {
        self.put(b'/')?;
        let mut bytes = encoded.iter().copied();
        while let Some(byte) = bytes.next() {
            let decoded = match byte {
                b'%' => {
                    let mut digit = || char::from(bytes.next()?).to_digit(16);
                    let (high, low) = (digit(), digit());
                    match high.zip(low) {
                        Some((0, 0)) | None => return Err(Fault::Bad),
                        Some((high, low)) => (high * 16 + low) as u8,
                    }
                }
                byte => byte,
            };
            if byte == b'%' && decoded == b'/' {
                return Err(Fault::Nowhere);
            }
            self.put(decoded)?;
        }
        Ok(())
    }

    /// A path that is longer than the scratch is longer than any in a bundle.
    fn put(&mut self, byte: u8) -> Result<(), Fault> {
        let place = self.buffer.get_mut(self.length).ok_or(Fault::Nowhere)?;
        *place = byte;
        self.length += 1;
        Ok(())
    }

    fn last_slash(&self) -> usize {
        let path = self.buffer.get(..self.length).unwrap_or_default();
        path.iter().rposition(|&byte| byte == b'/').unwrap_or(0)
    }

    fn last_segment(&self) -> &[u8] {
        let start = self.last_slash() + 1;
        self.buffer.get(start..self.length).unwrap_or_default()
    }

    /// Takes the last segment away, and its slash too unless it is kept.
    fn drop_segment(&mut self, keep_slash: bool) {
        self.length = self.last_slash() + usize::from(keep_slash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &[u8], expected: Resolved<'_>) {
        let mut scratch = [0; 64];
        let resolved = resolve(path, &mut scratch);
        assert_eq!(resolved, expected, "{}", path.escape_ascii());
    }

    #[test]
    fn decoding_is_done_once() {
        for (path, expected) in [
            (&b"/"[..], &b"/"[..]),
            (b"/a/b.html", b"/a/b.html"),
            (b"/%41", b"/A"),
            (b"/%2541", b"/%41"),
            (b"/%252e%252e/a", b"/%2e%2e/a"),
            (b"/a%20b", b"/a b"),
            (b"/a+b", b"/a+b"),
            (b"/%c3%A4", b"/\xc3\xa4"),
            (b"/\xff", b"/\xff"),
            (b"/%3f%23", b"/?#"),
            (b"/.well-known/x", b"/.well-known/x"),
            (b"/...", b"/..."),
            (b"/..a", b"/..a"),
            (b"//a//", b"//a//"),
            (b"/%2F", b""),
        ] {
            if !expected.is_empty() {
                check(path, Resolved::Path(expected));
            }
        }
    }

    #[test]
    fn dot_segments_are_resolved() {
        for (path, expected) in [
            (&b"/."[..], &b"/"[..]),
            (b"/./", b"/"),
            (b"/./a", b"/a"),
            (b"/a/.", b"/a/"),
            (b"/a/./b", b"/a/b"),
            (b"/a/..", b"/"),
            (b"/a/../b", b"/b"),
            (b"/a/b/../../c", b"/c"),
            (b"/a/b/..", b"/a/"),
            (b"/a/%2e%2e/b", b"/b"),
            (b"/a/%2E./b", b"/b"),
            (b"/a//../b", b"/a/b"),
        ] {
            check(path, Resolved::Path(expected));
        }
    }

    #[test]
    fn nothing_leads_out_of_the_site() {
        for path in [
            &b"/.."[..],
            b"/../",
            b"/../etc/passwd",
            b"/a/../..",
            b"/a/../../b",
            b"/%2e%2e/a",
            b"/./../a",
        ] {
            check(path, Resolved::Bad);
        }
    }

    #[test]
    fn malformed_escapes_are_bad() {
        for path in [
            &b"/%"[..],
            b"/%4",
            b"/%4/1",
            b"/%zz",
            b"/%00",
            b"/a%00.html",
            b"/%+1",
        ] {
            check(path, Resolved::Bad);
        }
    }

    #[test]
    fn an_encoded_slash_is_no_separator() {
        check(b"/a%2Fb", Resolved::Nowhere(b"/"));
        check(b"/a/b%2f..%2fc", Resolved::Nowhere(b"/a/"));
        check(b"/%2e%2e%2f", Resolved::Nowhere(b"/"));
    }

    #[test]
    fn what_does_not_fit_leads_nowhere() {
        let mut scratch = [0; 4];
        assert_eq!(
            resolve(b"/%41/%41%41", &mut scratch),
            Resolved::Nowhere(b"/A/")
        );
    }
}
