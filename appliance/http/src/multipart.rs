//! Several parts of a representation in one answer (RFC 9110 §14.6).
//!
//! ```text
//! HTTP/1.1 206 Partial Content      ┐
//! Content-Type: multipart/byteranges; boundary=TAG
//! …                                 ┘ step 0
//!
//! --TAG                             ┐
//! Content-Type: text/plain          │
//! Content-Range: bytes 0-9/100      │ a step for each part:
//!                                   │ a small head, and a slice of the body
//! 0123456789                        ┘
//! --TAG--                             the last step
//! ```
//!
//! Heads and slices alternate, so that the answer comes in steps, each of which
//! has the shape of any other answer; nothing is copied or collected. The
//! request is read again at each step, which there are at most two more of than
//! [`RANGES`](crate::limits::RANGES).
//!
//! The boundary is the entity tag: a hash of the body, which no body holds.

use crate::range::Ranges;
use crate::reply::{Head, Reply, decimal};
use crate::respond::Context;
use applgen_bundle::http::Representation;

/// The step that the context asks for.
pub fn part<'b>(
    context: &Context<'_, 'b>,
    form: &Representation<'b>,
    ranges: &Ranges<'_>,
    scratch: &mut [u8],
) -> Reply<'b> {
    let length = form.body().len() as u64;
    let total = total(form, ranges);
    let mut reply = match usize::from(context.part).checked_sub(1) {
        None => {
            let mut head = Head::new(scratch, 206, context.date, context.persistence);
            head.put(b"Content-Type: multipart/byteranges; boundary=");
            head.put(boundary(form));
            head.put(b"\r\nContent-Length: ");
            head.put_number(total);
            head.put(b"\r\n");
            head.with([form.header_lines_without_type(), &[]], total)
        }
        Some(index) => {
            let mut head = Head::bare(scratch, 206, context.persistence);
            head.put(b"\r\n--");
            head.put(boundary(form));
            match ranges.iter().nth(index) {
                Some((start, end)) => {
                    head.put(b"\r\n");
                    head.put(form.content_type_line());
                    put_content_range(&mut head, start, end, length);
                    head.put(b"\r\n");
                    let range = start as usize..end as usize;
                    let slice = form.body().get(range).unwrap_or_default();
                    head.with([slice, &[]], total)
                }
                None => {
                    head.put(b"--\r\n");
                    return head.with([&[], &[]], total);
                }
            }
        }
    };
    // Where the scratch is too small there is no answer, and no more of it.
    reply.unfinished = reply.head_len > 0;
    reply.close &= !reply.unfinished;
    reply
}

/// `Content-Range` and the end of its line.
pub fn put_content_range(head: &mut Head<'_>, start: u64, end: u64, length: u64) {
    head.put(b"Content-Range: bytes ");
    head.put_number(start);
    head.put(b"-");
    head.put_number(end.saturating_sub(1));
    head.put(b"/");
    head.put_number(length);
    head.put(b"\r\n");
}

/// The entity tag without its quotes.
fn boundary<'b>(form: &Representation<'b>) -> &'b [u8] {
    let tag = form.etag();
    tag.get(1..tag.len().saturating_sub(1)).unwrap_or_default()
}

/// The length of the whole body.
fn total(form: &Representation<'_>, ranges: &Ranges<'_>) -> u64 {
    let digits = |number: u64| decimal(number, &mut [0; 20]).len() as u64;
    let length = form.body().len() as u64;
    let delimiter = b"\r\n--".len() + boundary(form).len() + b"\r\n".len();
    let fixed = delimiter
        + form.content_type_line().len()
        + b"Content-Range: bytes -/\r\n".len()
        + b"\r\n".len();
    let parts = ranges.iter().map(|(start, end)| {
        let numbers = digits(start) + digits(end.saturating_sub(1)) + digits(length);
        fixed as u64 + numbers + (end - start)
    });
    parts.sum::<u64>() + delimiter as u64 + b"--".len() as u64
}
