//! The script that `serve` adds to a page, and the leave that a
//! `Content-Security-Policy` gives it. No image has either.

use sha2::{Digest, Sha256};

/// What the script's element says it is, so that a policy can name it.
const NONCE: &str = "applgen";

/// The tag of a page in `serve`: of its content, and never that of an image, so
/// that a browser asks for the page with the script in it.
pub fn tag(content: &[u8]) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(content);
    hash.update(b"applgen serve");
    let hash: [u8; 32] = hash.finalize().into();
    let mut tag = [0; 16];
    tag.copy_from_slice(&hash[..16]);
    tag
}

/// As it stands in an `ETag`.
pub fn text(tag: &[u8; 16]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(tag)
}

/// A page with the script at the start of its head.
pub fn page(content: &[u8], tag: &[u8; 16]) -> Vec<u8> {
    let element = format!(
        "<script async nonce=\"{NONCE}\" src=\"{}\" data-tag=\"{}\"></script>",
        super::live::SCRIPT_PATH,
        text(tag)
    );
    let at = head_start(content);
    let (before, after) = content.split_at(at.min(content.len()));
    [before, element.as_bytes(), after].concat()
}

/// Where the head of a page begins: behind the document type, `<html>` and
/// `<head>`, as far as they are there. Comments are passed over.
fn head_start(content: &[u8]) -> usize {
    let mut at = 0;
    let mut start = 0;
    for wanted in [&b"<!doctype"[..], b"<html", b"<head"] {
        let mut next = at;
        loop {
            let rest = content.get(next..).unwrap_or_default();
            let space = rest
                .iter()
                .take_while(|byte| byte.is_ascii_whitespace())
                .count();
            next += space;
            let rest = content.get(next..).unwrap_or_default();
            if next == 0 && rest.starts_with(b"\xef\xbb\xbf") {
                next += 3;
            } else if rest.starts_with(b"<!--") {
                let Some(end) = rest.windows(3).position(|three| three == b"-->") else {
                    return start;
                };
                next += end + 3;
            } else {
                break;
            }
        }
        let rest = content.get(next..).unwrap_or_default();
        let is_it = rest
            .get(..wanted.len())
            .is_some_and(|name| name.eq_ignore_ascii_case(wanted))
            && rest
                .get(wanted.len())
                .is_some_and(|byte| *byte == b'>' || byte.is_ascii_whitespace());
        if let (true, Some(length)) = (is_it, tag_length(rest)) {
            at = next + length;
            start = at;
        }
    }
    start
}

/// How long a tag is; `>` within quotes does not end it.
fn tag_length(text: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, &byte) in text.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// A policy that lets the script in, and lets it listen. All else is as it was.
pub fn allow(policy: &str) -> String {
    let mut directives: Vec<(String, Vec<String>)> = policy
        .split(';')
        .filter_map(|directive| {
            let mut words = directive.split_ascii_whitespace().map(str::to_owned);
            Some((words.next()?.to_ascii_lowercase(), words.collect()))
        })
        .collect();
    let nonce = format!("'nonce-{NONCE}'");
    let needs = [
        (
            &["script-src-elem", "script-src", "default-src"][..],
            nonce.as_str(),
        ),
        (&["connect-src", "default-src"], "'self'"),
    ];
    for (names, source) in needs {
        let found = names
            .iter()
            .find_map(|name| Some((*name, directives.iter().position(|(d, _)| d == name)?)));
        let Some((name, at)) = found else { continue };
        if name == "default-src" {
            // Others keep the default, which is not widened for them.
            let narrow = names.iter().rev().nth(1).copied().unwrap_or(name);
            let sources = directives[at].1.clone();
            directives.push((narrow.to_owned(), sources));
        }
        let at = if name == "default-src" {
            directives.len() - 1
        } else {
            at
        };
        let sources = &mut directives[at].1;
        sources.retain(|known| !known.eq_ignore_ascii_case("'none'"));
        if !sources.iter().any(|known| known == source) {
            sources.push(source.to_owned());
        }
    }
    directives
        .into_iter()
        .map(|(name, sources)| [vec![name], sources].concat().join(" "))
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(content: &str) -> String {
        let page = String::from_utf8(page(content.as_bytes(), &[0xab; 16])).unwrap();
        let start = page.find("<script async").unwrap();
        let end = start + page[start..].find("</script>").unwrap() + "</script>".len();
        assert!(page[start..end].contains(&text(&[0xab; 16])));
        format!("{}|{}", &page[..start], &page[end..])
    }

    #[test]
    fn the_script_is_first_in_the_head() {
        for (content, expected) in [
            (
                "<!DOCTYPE html>\n<html lang=\"a>b\">\n<head>\n<title>",
                "<!DOCTYPE html>\n<html lang=\"a>b\">\n<head>|\n<title>",
            ),
            ("<!doctype html><title>x", "<!doctype html>|<title>x"),
            ("<html><header>x", "<html>|<header>x"),
            (
                "<!-- <head> -->\n<html><!-- > --><HEAD a=b>x",
                "<!-- <head> -->\n<html><!-- > --><HEAD a=b>|x",
            ),
            ("", "|"),
            ("text", "|text"),
            ("<!-- open", "|<!-- open"),
            ("<!doctype html", "|<!doctype html"),
        ] {
            assert_eq!(with(content), expected);
        }
    }

    #[test]
    fn policies_let_the_script_in_and_nothing_else() {
        for (policy, expected) in [
            ("img-src *", "img-src *"),
            (
                "default-src 'none'",
                "default-src 'none'; script-src 'nonce-applgen'; connect-src 'self'",
            ),
            (
                "script-src 'sha256-x'; connect-src 'none'",
                "script-src 'sha256-x' 'nonce-applgen'; connect-src 'self'",
            ),
        ] {
            assert_eq!(allow(policy), expected);
        }
    }

    #[test]
    fn a_tag_is_not_that_of_an_image() {
        let plain: [u8; 32] = Sha256::digest(b"x").into();
        assert_ne!(tag(b"x")[..], plain[..16]);
        assert_ne!(tag(b"x"), tag(b"y"));
    }
}
