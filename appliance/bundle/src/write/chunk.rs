//! One chunk of the `http` section: the header block and the bodies of a path.
//! The layout is in [`crate::http`], at the reader.

use super::error::{WriteError, show};
use super::http::{Redirect, Resource};
use super::{Body, Pieces};
use crate::date::imf_fixdate;
use crate::http::{Encoding, HostId, chunk_field as field};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

/// Header fields that the format or the server sends itself, or that would
/// change how the message is framed.
const OWN_FIELDS: [&str; 17] = [
    "accept-ranges",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "date",
    "etag",
    "keep-alive",
    "last-modified",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "location",
];

/// Refuses header lines that cannot be sent: a name that is no token, a value
/// with a control character, or a field of [`OWN_FIELDS`].
pub fn check_headers(resource: &Resource) -> Result<(), WriteError> {
    let refuse = |name: &str| {
        Err(WriteError::Header {
            path: resource.path.clone(),
            name: name.to_string(),
        })
    };
    if !is_value(&resource.media_type) {
        return refuse("Content-Type");
    }
    if resource
        .cache_control
        .as_deref()
        .is_some_and(|value| !is_value(value))
    {
        return refuse("Cache-Control");
    }
    check_lines(&resource.path, &resource.headers)
}

/// The same for header lines alone.
pub fn check_lines(path: &[u8], headers: &[(String, String)]) -> Result<(), WriteError> {
    for (name, value) in headers {
        if is_own_field(name) || !is_field(name, value) {
            return Err(WriteError::Header {
                path: path.to_vec(),
                name: name.clone(),
            });
        }
    }
    Ok(())
}

/// Whether a header field is one that the format or the server sends itself,
/// or that would change how the message is framed.
pub fn is_own_field(name: &str) -> bool {
    OWN_FIELDS.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// Whether name and value can be sent as a header line (RFC 9110 §5).
pub fn is_field(name: &str, value: &str) -> bool {
    !name.is_empty() && name.bytes().all(is_token) && is_value(value)
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 §5.5: visible bytes, with blanks only between them.
fn is_value(value: &str) -> bool {
    let allowed = |byte: u8| byte == b'\t' || (byte >= b' ' && byte != 0x7f);
    value.bytes().all(allowed) && value.trim_matches([' ', '\t']) == value
}

/// A resource with all its representations.
pub fn resource(host: HostId, resource: &Resource) -> Result<Pieces, WriteError> {
    let bodies = [
        (Encoding::Identity, Some(&resource.identity)),
        (Encoding::Gzip, resource.gzip.as_ref()),
        (Encoding::Brotli, resource.brotli.as_ref()),
    ];
    let bodies: Vec<(Encoding, &Body)> = bodies
        .into_iter()
        .filter_map(|(encoding, body)| Some((encoding, body?)))
        .collect();
    let varies = bodies.len() > 1;

    let mut head = header(field::RESOURCE, bodies.len() as u8, resource.status);
    sizes(&mut head, &resource.path, &[]);
    head.extend(host.0.to_le_bytes());
    let flags = if resource.volatile {
        field::FLAG_VOLATILE
    } else {
        0
    };
    head.extend(flags.to_le_bytes());
    head.extend([0; 4]);
    let last_modified = resource.last_modified.unwrap_or(u64::MAX);
    head.extend(last_modified.to_le_bytes());

    let mut start = field::HEADER + bodies.len() * field::ROW + resource.path.len();
    let mut runs = Pieces::default();
    for (encoding, body) in bodies {
        let lines = Lines::new(resource, encoding, body, varies);
        let body_length = body.len() as u64;
        head.extend([encoding as u8, lines.etag_length]);
        for part in [&lines.length, &lines.content, &lines.validators] {
            let length = u16::try_from(part.len()).map_err(|_| too_large(resource, part))?;
            head.extend(length.to_le_bytes());
        }
        let start_field = u32::try_from(start).map_err(|_| WriteError::TooLarge {
            what: format!("`{}`", show(&resource.path)),
            bytes: start as u64,
            limit: u64::from(u32::MAX),
        })?;
        head.extend(start_field.to_le_bytes());
        head.extend(body_length.to_le_bytes());
        for part in [lines.length, lines.content, lines.validators] {
            runs.bytes(part.as_bytes());
            start += part.len();
        }
        runs.bytes(b"\r\n");
        runs.body(body);
        start += 2 + body.len();
    }
    head.extend(&resource.path);

    let mut pieces = Pieces::default();
    pieces.bytes(&head);
    pieces.append(runs);
    Ok(pieces)
}

/// A path that answers as `to` does; with a status of its own, if it is not 200.
pub fn alias(host: HostId, path: &[u8], to: &[u8], status: u16) -> Pieces {
    without_body(host, path, header(field::ALIAS, 0, status), to, &[])
}

/// A redirect.
pub fn redirect(host: HostId, path: &[u8], redirect: &Redirect) -> Pieces {
    let head = header(field::REDIRECT, 0, redirect.status);
    let lines = lines(&redirect.headers);
    without_body(
        host,
        path,
        head,
        redirect.location.as_bytes(),
        lines.as_bytes(),
    )
}

/// A status without a page.
pub fn bare(host: HostId, path: &[u8], status: u16) -> Pieces {
    without_body(host, path, header(field::BARE, 0, status), &[], &[])
}

/// Header lines, as they are sent.
pub fn lines(headers: &[(String, String)]) -> String {
    let mut lines = String::new();
    for (name, value) in headers {
        line(&mut lines, name, value);
    }
    lines
}

fn without_body(
    host: HostId,
    path: &[u8],
    mut head: Vec<u8>,
    target: &[u8],
    lines: &[u8],
) -> Pieces {
    sizes(&mut head, path, target);
    head.extend(host.0.to_le_bytes());
    head.extend([0; 2]);
    head.extend((lines.len() as u16).to_le_bytes());
    head.extend([0; 2]);
    head.extend(u64::MAX.to_le_bytes());
    head.extend(path);
    head.extend(target);
    head.extend(lines);
    let mut pieces = Pieces::default();
    pieces.bytes(&head);
    pieces
}

fn header(kind: u8, representations: u8, status: u16) -> Vec<u8> {
    let mut head = std::vec![kind, representations];
    head.extend(status.to_le_bytes());
    head
}

/// All lengths fit: paths and locations were checked as they came in.
fn sizes(head: &mut Vec<u8>, path: &[u8], target: &[u8]) {
    head.extend((path.len() as u16).to_le_bytes());
    head.extend((target.len() as u16).to_le_bytes());
}

/// The header lines of one representation.
struct Lines {
    length: String,
    content: String,
    validators: String,
    etag_length: u8,
}

impl Lines {
    fn new(resource: &Resource, encoding: Encoding, body: &Body, varies: bool) -> Self {
        let mut content = String::new();
        if !resource.media_type.is_empty() {
            line(&mut content, "Content-Type", &resource.media_type);
        }
        if resource.status == 200 {
            line(&mut content, "Accept-Ranges", "bytes");
        }
        if encoding != Encoding::Identity {
            line(&mut content, "Content-Encoding", encoding.name());
        }
        // What stands for what is missing is never asked for by its tag.
        let is_found = resource.status == 200;
        let etag = match is_found {
            true => etag(&resource.etag, encoding),
            false => String::new(),
        };
        let mut validators = String::new();
        if is_found {
            line(&mut validators, "ETag", &etag);
        }
        if let Some(seconds) = resource.last_modified.filter(|_| is_found) {
            let date = imf_fixdate(seconds);
            let date = String::from_utf8_lossy(&date);
            line(&mut validators, "Last-Modified", &date);
        }
        if varies {
            line(&mut validators, "Vary", "Accept-Encoding");
        }
        if let Some(value) = &resource.cache_control {
            line(&mut validators, "Cache-Control", value);
        }
        for (name, value) in &resource.headers {
            line(&mut validators, name, value);
        }
        Self {
            length: format!("Content-Length: {}\r\n", body.len()),
            content,
            validators,
            etag_length: etag.len() as u8,
        }
    }
}

fn line(lines: &mut String, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        lines.push_str(part);
    }
}

/// A strong entity tag (RFC 9110 §8.8.3): the hash in base64url, and a suffix
/// for each encoding, since each is a representation of its own.
fn etag(hash: &[u8; 16], encoding: Encoding) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut tag = String::from("\"");
    // 22 digits hold 128 bits; the last has 4 bits to spare.
    let number = u128::from_be_bytes(*hash);
    for digit in 0..22 {
        let shift = 122_i32 - 6 * digit;
        let bits = if shift >= 0 {
            number >> shift
        } else {
            number << -shift
        };
        tag.push(char::from(DIGITS[(bits & 63) as usize]));
    }
    tag.push_str(match encoding {
        Encoding::Identity => "",
        Encoding::Gzip => "-g",
        Encoding::Brotli => "-b",
    });
    tag.push('"');
    tag
}

fn too_large(resource: &Resource, lines: &str) -> WriteError {
    WriteError::TooLarge {
        what: format!("the header of `{}`", show(&resource.path)),
        bytes: lines.len() as u64,
        limit: u64::from(u16::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_base64url_of_the_hash() {
        let identity = etag(&[0; 16], Encoding::Identity);
        assert_eq!(identity, "\"AAAAAAAAAAAAAAAAAAAAAA\"");
        let brotli = etag(&[0xff; 16], Encoding::Brotli);
        assert_eq!(brotli, "\"_____________________w-b\"");
        let gzip = etag(
            b"\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10",
            Encoding::Gzip,
        );
        assert_eq!(gzip, "\"ASNFZ4mrze_-3LqYdlQyEA-g\"");
    }
}
