//! The forms of a request target (RFC 9112 §3.2).
//!
//! | form | example | for |
//! |---|---|---|
//! | origin | `/a?b` | everything |
//! | absolute | `http://example.org/a?b` | everything; its authority wins over `Host` |
//! | asterisk | `*` | `OPTIONS` alone |
//! | authority | `example.org:443` | `CONNECT`, which is refused before its target is looked at |

use crate::host;
use crate::method::Method;

/// A target, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'i> {
    /// The server as a whole.
    Asterisk,
    /// A path on a site.
    Path {
        /// The authority that the target names, if it does.
        authority: Option<&'i [u8]>,
        /// The path, still encoded, beginning with `/`.
        path: &'i [u8],
        /// The query with its `?`, or nothing.
        query: &'i [u8],
    },
}

impl<'i> Target<'i> {
    /// Takes a target apart; `None` is a bad request.
    pub fn parse(method: Method, target: &'i [u8]) -> Option<Self> {
        if target.first() == Some(&b'/') {
            return Some(Self::path(None, target));
        }
        if target == b"*" {
            return (method == Method::Options).then_some(Self::Asterisk);
        }
        let rest = strip_scheme(target)?;
        let end = rest
            .iter()
            .position(|&byte| byte == b'/' || byte == b'?')
            .unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        if authority.is_empty() || !host::is_valid(authority) {
            return None;
        }
        match rest.first() {
            // RFC 9112 §3.2.4: a proxy's way to write `OPTIONS *`.
            None if method == Method::Options => Some(Self::Asterisk),
            Some(b'/') => Some(Self::path(Some(authority), rest)),
            _ => Some(Self::Path {
                authority: Some(authority),
                path: b"/",
                query: rest,
            }),
        }
    }

    fn path(authority: Option<&'i [u8]>, text: &'i [u8]) -> Self {
        let end = text
            .iter()
            .position(|&byte| byte == b'?')
            .unwrap_or(text.len());
        let (path, query) = text.split_at_checked(end).unwrap_or((text, &[]));
        Self::Path {
            authority,
            path,
            query,
        }
    }
}

/// What follows `http://` or `https://`, in any case.
fn strip_scheme(target: &[u8]) -> Option<&[u8]> {
    for scheme in [&b"http://"[..], b"https://"] {
        if let Some((start, rest)) = target.split_at_checked(scheme.len())
            && start.eq_ignore_ascii_case(scheme)
        {
            return Some(rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> Option<Target<'_>> {
        Target::parse(Method::Get, target.as_bytes())
    }

    fn path<'i>(authority: Option<&'i str>, path: &'i str, query: &'i str) -> Option<Target<'i>> {
        Some(Target::Path {
            authority: authority.map(str::as_bytes),
            path: path.as_bytes(),
            query: query.as_bytes(),
        })
    }

    #[test]
    fn origin_form() {
        assert_eq!(get("/"), path(None, "/", ""));
        assert_eq!(get("/a?b?c"), path(None, "/a", "?b?c"));
        assert_eq!(get("//example.org/a"), path(None, "//example.org/a", ""));
        assert_eq!(get("/http://x/?"), path(None, "/http://x/", "?"));
    }

    #[test]
    fn absolute_form() {
        let host = Some("example.org:8080");
        assert_eq!(get("http://example.org:8080/a?b"), path(host, "/a", "?b"));
        assert_eq!(get("HTTPS://example.org:8080"), path(host, "/", ""));
        assert_eq!(get("http://example.org:8080?b"), path(host, "/", "?b"));
        for bad in [
            "http://",
            "http:///a",
            "http://u@h/",
            "ftp://h/",
            "a",
            "http:/a",
            "h:80",
        ] {
            assert_eq!(get(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_asterisk_is_for_options() {
        assert_eq!(get("*"), None);
        for target in ["*", "http://example.org"] {
            let parsed = Target::parse(Method::Options, target.as_bytes());
            assert_eq!(parsed, Some(Target::Asterisk));
        }
    }
}
