//! Paths of URLs: bytes after percent-decoding, as the bundle holds them.

use std::{borrow::Borrow, ffi::OsStr, fmt, os::unix::ffi::OsStrExt, path::Path};

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

/// What must be encoded in a path: everything but `pchar` and `/` (RFC 3986 §3.3).
pub const ENCODED_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The path of a URL: starts with `/`, decoded, any bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UrlPath(Vec<u8>);

impl UrlPath {
    /// `/`.
    pub fn root() -> Self {
        Self(b"/".to_vec())
    }

    /// A decoded path; it must start with `/`.
    pub fn from_bytes(path: Vec<u8>) -> Self {
        debug_assert!(path.starts_with(b"/"));
        Self(path)
    }

    /// The path below a directory path for a relative path of the file system.
    pub fn of_file(below: &UrlPath, relative: &Path) -> Self {
        let mut path = below.clone();
        for (i, part) in relative.components().enumerate() {
            if i > 0 {
                path.0.push(b'/');
            }
            path.0.extend_from_slice(part.as_os_str().as_bytes());
        }
        path
    }

    /// A directory below this directory: ends in `/`.
    pub fn directory(&self, name: &OsStr) -> Self {
        let mut path = self.clone();
        path.0.extend_from_slice(name.as_bytes());
        path.0.push(b'/');
        path
    }

    /// The bytes, decoded.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The directory that a relative reference on this page starts from.
    pub fn parent(&self) -> UrlPath {
        let end = self.0.iter().rposition(|&b| b == b'/').unwrap_or(0);
        UrlPath(self.0[..=end].to_vec())
    }

    /// Where a reference's path leads from this page; `None` when it holds a
    /// broken escape. Dot segments are removed as RFC 3986 §5.2.4 says, so `..`
    /// above the root stays at the root.
    pub fn join(&self, reference: &str) -> Option<UrlPath> {
        let decoded = decode(reference)?;
        let mut parts: Vec<&[u8]> = Vec::new();
        let base = self.parent();
        let whole: Vec<u8> = if decoded.first() == Some(&b'/') {
            decoded
        } else {
            [base.0.as_slice(), &decoded].concat()
        };
        let mut directory = false;
        for part in whole.split(|&b| b == b'/') {
            directory = matches!(part, b"" | b"." | b"..");
            match part {
                b"" | b"." => {}
                b".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let mut path = vec![b'/'];
        path.extend_from_slice(&parts.join(&b'/'));
        if directory && path.len() > 1 {
            path.push(b'/');
        }
        Some(UrlPath(path))
    }

    /// The path as it stands in a link: percent-encoded.
    pub fn encoded(&self) -> String {
        percent_encode(&self.0, ENCODED_IN_PATH).to_string()
    }

    /// The reference that leads to this path from any page in the directory `from`.
    pub fn relative_to(&self, from: &UrlPath) -> String {
        let up: Vec<&[u8]> = from.parts().collect();
        let down: Vec<&[u8]> = self.parts().collect();
        let same = up.iter().zip(&down).take_while(|(a, b)| a == b).count();
        let same = same.min(down.len().saturating_sub(1));
        let mut reference = "../".repeat(up.len() - same);
        reference.push_str(&percent_encode(&down[same..].join(&b'/'), ENCODED_IN_PATH).to_string());
        if self.0.ends_with(b"/") && !down.is_empty() {
            reference.push('/');
        }
        if reference.is_empty() {
            reference.push_str("./");
        }
        // A first segment with a colon would read as a scheme (RFC 3986 §4.2).
        if reference.split('/').next().is_some_and(|s| s.contains(':')) {
            reference.insert_str(0, "./");
        }
        reference
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|&b| b == b'/').filter(|part| !part.is_empty())
    }
}

impl Borrow<[u8]> for UrlPath {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl From<&str> for UrlPath {
    fn from(path: &str) -> Self {
        Self(path.as_bytes().to_vec())
    }
}

impl fmt::Display for UrlPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// Percent-decoding, once; `None` for a `%` without two hexadecimal digits.
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_where_browsers_go() {
        let page = UrlPath::from("/talk/");
        let to = |reference: &str| page.join(reference).map(|p| p.to_string());
        assert_eq!(to("a.png").as_deref(), Some("/talk/a.png"));
        assert_eq!(to("./a%20b.png").as_deref(), Some("/talk/a b.png"));
        assert_eq!(to("../a.png").as_deref(), Some("/a.png"));
        assert_eq!(to("../../../a.png").as_deref(), Some("/a.png"));
        assert_eq!(to("/x/../y/").as_deref(), Some("/y/"));
        assert_eq!(to("..").as_deref(), Some("/"));
        assert_eq!(to("").as_deref(), Some("/talk/"));
        assert_eq!(to("100%"), None);
    }

    #[test]
    fn relative_references_lead_back() {
        for (from, target) in [
            ("/a/", "/img/x y.png"),
            ("/a/", "/a/x.png"),
            ("/a/b/", "/a/c/d/"),
            ("/", "/x"),
            ("/a/", "/a/"),
            ("/a/", "/"),
            ("/a/", "/c:d"),
        ] {
            let (from, target) = (UrlPath::from(from), UrlPath::from(target));
            let reference = target.relative_to(&from);
            assert_eq!(from.join(&reference), Some(target), "{reference}");
        }
    }

    #[test]
    fn links_encode_what_a_path_may_not_hold() {
        let file = UrlPath::of_file(&UrlPath::root(), Path::new("50% off?/a b#é.html"));
        assert_eq!(file.encoded(), "/50%25%20off%3F/a%20b%23%C3%A9.html");
    }
}
