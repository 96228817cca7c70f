//! Rules: what answers for a path that has no entry.
//!
//! The first rule of the host that the path fits decides; what it captured goes
//! into its target.
//!
//! | status | answer |
//! |---|---|
//! | 200 | the entry of another path, as if it had been asked for; where there is none, what is missing |
//! | 301, 302, 303, 307, 308 | a redirect; captures are percent-encoded, the query is put behind |
//! | 404, 410 | a page with this status, or the status alone |
//!
//! Nothing of this is on the way of a path that has an entry.

use crate::limits::PATH_BYTES;
use crate::method::Method;
use crate::reply::{Head, Reply};
use crate::respond::{Asked, Context, Redirect, with_body};
use applgen_bundle::http::Rule;
use applgen_bundle::http::pattern::{Captures, Piece, pieces};

/// Answers for a decoded path by the first rule that it fits.
#[inline(never)]
pub fn answer<'b>(
    context: &Context<'_, 'b>,
    asked: &Asked<'_, '_, '_>,
    path: &[u8],
    scratch: &mut [u8],
) -> Reply<'b> {
    let Some((rule, captures)) = context.site.rules().find(asked.host, path) else {
        return context.missing(asked, path, scratch);
    };
    let method = asked.request.line.method;
    if matches!(rule.status, 301 | 302 | 303 | 307 | 308) {
        if method == Method::Options {
            return context.options(None, scratch);
        }
        let redirect = Redirect {
            status: rule.status,
            lines: rule.lines,
            has_query: literals(&rule).any(|text| text.contains(&b'?')),
        };
        let mut location = |head: &mut Head<'_>| put_location(head, &rule, &captures);
        return context.redirect(asked, &redirect, &mut location, scratch);
    }
    if rule.template.is_empty() {
        return context
            .head(scratch, rule.status)
            .with_reason(with_body(method));
    }
    let mut room = [0; PATH_BYTES];
    let found = fill(&rule, &captures, &mut room)
        .and_then(|target| context.site.lookup(asked.host, target));
    match found {
        Some(entry) if rule.status == 200 => context.entry(asked, &entry, scratch),
        Some(entry) => context.entry(asked, &entry.with_status(rule.status), scratch),
        None => context.missing(asked, path, scratch),
    }
}

fn literals<'b>(rule: &Rule<'b>) -> impl Iterator<Item = &'b [u8]> + use<'b> {
    pieces(rule.template).filter_map(|piece| match piece {
        Piece::Literal(text) => Some(text),
        Piece::Capture(_) => None,
    })
}

/// The target as a path, if it fits.
fn fill<'r>(rule: &Rule<'_>, captures: &Captures<'_>, room: &'r mut [u8]) -> Option<&'r [u8]> {
    let mut length = 0;
    for piece in pieces(rule.template) {
        let text = match piece {
            Piece::Literal(text) => text,
            Piece::Capture(number) => captures.get(number),
        };
        room.get_mut(length..length + text.len())?
            .copy_from_slice(text);
        length += text.len();
    }
    room.get(..length)
}

/// The target as a URI reference.
fn put_location(head: &mut Head<'_>, rule: &Rule<'_>, captures: &Captures<'_>) {
    let mut in_query = false;
    // The location so far, as long as it is nothing or one slash.
    let mut start: Option<&[u8]> = Some(b"");
    for piece in pieces(rule.template) {
        match piece {
            Piece::Literal(text) => {
                in_query |= text.contains(&b'?');
                head.put(text);
                start = match (start, text) {
                    (Some(b""), b"/") => Some(b"/"),
                    (start, b"") => start,
                    _ => None,
                };
            }
            Piece::Capture(number) => {
                let mut text = captures.get(number);
                // Two slashes at the front would name a host (RFC 3986 §4.2),
                // and a client choose where it is sent.
                if let Some(before) = start {
                    while let Some(rest) = text.strip_prefix(b"/") {
                        text = rest;
                    }
                    if before.is_empty() && text.len() < captures.get(number).len() {
                        head.put(b"/");
                        start = Some(b"/");
                    }
                    if !text.is_empty() {
                        start = None;
                    }
                }
                put_encoded(head, text, in_query);
            }
        }
    }
}

/// Everything but `pchar` and `/` is encoded (RFC 3986 §3.3); in a query also
/// what parts its fields.
fn put_encoded(head: &mut Head<'_>, text: &[u8], in_query: bool) {
    for &byte in text {
        let is_plain = match byte {
            b'&' | b'=' | b'+' => !in_query,
            _ => byte.is_ascii_alphanumeric() || b"-._~!$\'()*,;:@/".contains(&byte),
        };
        match is_plain {
            true => head.put(&[byte]),
            false => head.put_escaped(byte),
        }
    }
}
