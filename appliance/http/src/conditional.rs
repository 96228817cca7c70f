//! Conditional requests (RFC 9110 §13): whether what the client has will do.
//!
//! Preconditions are looked at in the order of §13.2.2: `If-Match`, or else
//! `If-Unmodified-Since`, fails with 412; then `If-None-Match`, or else
//! `If-Modified-Since`, may make the answer a 304. Entity tags win over dates,
//! since dates have whole seconds and here come from commits.
//!
//! A tag belongs to one representation: each encoding has its own. `If-Match`
//! compares strongly, `If-None-Match` weakly (§8.8.3.2). `*` matches whatever
//! exists. Preconditions concern answers that would be 200; a 404 page or a
//! redirect is sent as it is.

use crate::date;
use crate::limits::LIST_ELEMENTS;
use crate::request::{Field, Request};

/// What the preconditions make of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent.
    Send,
    /// The client has it already: 304.
    NotModified,
    /// Not what the client expects: 412.
    Failed,
}

/// Judges the preconditions of a `GET` or `HEAD` against the representation
/// that would be sent.
pub fn judge(request: &Request<'_, '_>, etag: &[u8], last_modified: Option<u64>) -> Verdict {
    if request.has(Field::IfMatch) {
        if !matches_any(request, Field::IfMatch, etag, Comparison::Strong) {
            return Verdict::Failed;
        }
    } else if let (Some(date), Some(modified)) =
        (date_of(request, Field::IfUnmodifiedSince), last_modified)
        && modified > date
    {
        return Verdict::Failed;
    }
    if request.has(Field::IfNoneMatch) {
        if matches_any(request, Field::IfNoneMatch, etag, Comparison::Weak) {
            return Verdict::NotModified;
        }
    } else if let (Some(date), Some(modified)) =
        (date_of(request, Field::IfModifiedSince), last_modified)
        && modified <= date
    {
        return Verdict::NotModified;
    }
    Verdict::Send
}

/// Whether `If-Range` lets a range be sent (§13.1.5): the tag is this one,
/// strongly, or the date is exactly this one.
#[cfg(feature = "ranges")]
pub fn range_applies(request: &Request<'_, '_>, etag: &[u8], last_modified: Option<u64>) -> bool {
    if !request.has(Field::IfRange) {
        return true;
    }
    let Some(value) = request.single(Field::IfRange) else {
        return false;
    };
    if value.first() == Some(&b'"') {
        value == etag
    } else {
        let date = date::parse(value);
        date.is_some() && date == last_modified
    }
}

fn date_of(request: &Request<'_, '_>, field: Field) -> Option<u64> {
    date::parse(request.single(field)?)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

fn matches_any(
    request: &Request<'_, '_>,
    field: Field,
    etag: &[u8],
    comparison: Comparison,
) -> bool {
    request
        .values(field)
        .any(|value| value == b"*" || list_has(value, etag, comparison))
}

/// Whether a list of entity tags has this one. Tags may hold commas, so that a
/// list is read quote by quote; what is malformed ends it.
fn list_has(mut list: &[u8], etag: &[u8], comparison: Comparison) -> bool {
    for _ in 0..LIST_ELEMENTS {
        while let [b' ' | b'\t' | b',', rest @ ..] = list {
            list = rest;
        }
        let (weak, quoted) = match list {
            [b'W', b'/', rest @ ..] => (true, rest),
            _ => (false, list),
        };
        let [b'"', inner @ ..] = quoted else {
            return false;
        };
        let Some(end) = inner.iter().position(|&byte| byte == b'"') else {
            return false;
        };
        let tag = quoted.get(..end + 2).unwrap_or_default();
        if tag == etag && (comparison == Comparison::Weak || !weak) {
            return true;
        }
        list = quoted.get(end + 2..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tags() {
        use Comparison::{Strong, Weak};
        let has = |list: &str, comparison| list_has(list.as_bytes(), b"\"a,b\"", comparison);
        for list in ["\"a,b\"", "\"x\", \"a,b\"", "W/\"x\",,\t\"a,b\", \"y\""] {
            assert!(has(list, Strong) && has(list, Weak), "{list}");
        }
        assert!(has("W/\"a,b\"", Weak));
        assert!(!has("W/\"a,b\"", Strong));
        for list in [
            "",
            "a,b",
            "\"a\"",
            "\"a,b",
            "\"\"",
            "w/\"a,b\"",
            "x \"a,b\"",
            ", ,",
        ] {
            assert!(!has(list, Weak), "{list}");
        }
    }
}
