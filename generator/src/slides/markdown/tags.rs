//! Where the tags stand in a piece of HTML: enough of the WHATWG tokenizer's
//! rules (§13.2.5) to tell markup from text, without building a tree.

use std::ops::Range;

/// A piece of HTML, as a range of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text between tags.
    Text(Range<usize>),
    /// `<name …>`; the flag tells a `/>`.
    Open(String, bool, Range<usize>),
    /// `</name>`
    Close(String, Range<usize>),
    /// A comment, a declaration, or a tag that does not end.
    Other(Range<usize>),
}

/// All pieces, in order and without gaps.
pub(super) fn pieces(html: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = 0;
    let mut at = 0;
    while let Some(found) = html[at..].find('<') {
        let start = at + found;
        let Some(piece) = markup(html, start) else {
            at = start + 1;
            continue;
        };
        if text < start {
            pieces.push(Piece::Text(text..start));
        }
        at = piece.range().end;
        text = at;
        pieces.push(piece);
    }
    if text < html.len() {
        pieces.push(Piece::Text(text..html.len()));
    }
    pieces
}

/// Whether an inline tag opens (`true`) or closes (`false`) a link.
pub(super) fn anchor(tag: &str) -> Option<bool> {
    match markup(tag, 0)? {
        Piece::Open(name, false, _) if name == "a" => Some(true),
        Piece::Close(name, _) if name == "a" => Some(false),
        _ => None,
    }
}

impl Piece {
    /// Where it stands.
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::Text(range)
            | Self::Open(_, _, range)
            | Self::Close(_, range)
            | Self::Other(range) => range.clone(),
        }
    }
}

/// What begins at a `<`, unless that is a character of the text.
fn markup(html: &str, start: usize) -> Option<Piece> {
    let rest = &html[start..];
    let until = |end: &str, from: usize| {
        rest[from..]
            .find(end)
            .map_or(html.len(), |at| start + from + at + end.len())
    };
    match rest.as_bytes().get(1)? {
        b'!' if rest.starts_with("<!--") => Some(Piece::Other(start..until("-->", 4))),
        b'!' | b'?' => Some(Piece::Other(start..until(">", 2))),
        b'/' if rest.as_bytes().get(2)?.is_ascii_alphabetic() => {
            let name = name(&rest[2..]);
            Some(Piece::Close(name, start..until(">", 2)))
        }
        byte if byte.is_ascii_alphabetic() => {
            let name = name(&rest[1..]);
            // `<http://…>` and `<me@x.org>` are Markdown's links.
            if name.contains([':', '@']) {
                return None;
            }
            match open_tag_end(&rest.as_bytes()[1 + name.len()..]) {
                Some((length, closed)) => {
                    let end = start + 1 + name.len() + length;
                    Some(Piece::Open(name, closed, start..end))
                }
                None => Some(Piece::Other(start..html.len())),
            }
        }
        _ => None,
    }
}

fn name(rest: &str) -> String {
    let end = rest
        .find([' ', '\t', '\n', '\r', '\u{c}', '/', '>'])
        .unwrap_or(rest.len());
    rest[..end].to_ascii_lowercase()
}

/// How many bytes the attributes and the `>` take, and whether it is a `/>`.
fn open_tag_end(bytes: &[u8]) -> Option<(usize, bool)> {
    let mut quote: Option<u8> = None;
    let mut value_next = false;
    let mut slash = false;
    for (at, byte) in bytes.iter().enumerate() {
        if let Some(open) = quote {
            if *byte == open {
                quote = None;
            }
            continue;
        }
        match byte {
            b'>' => return Some((at + 1, slash)),
            b'"' | b'\'' if value_next => quote = Some(*byte),
            _ => {}
        }
        slash = *byte == b'/';
        value_next = *byte == b'=' || value_next && byte.is_ascii_whitespace();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_told_from_text() {
        let html = "a < b <IMG alt='>' src=x/> </b ><!-- <p> --><x:y><!d>c<p";
        let shown: Vec<String> = pieces(html)
            .iter()
            .map(|piece| {
                let text = &html[piece.range()];
                match piece {
                    Piece::Text(_) => format!("text {text}"),
                    Piece::Open(name, closed, _) => format!("open {name} {closed}"),
                    Piece::Close(name, _) => format!("close {name}"),
                    Piece::Other(_) => format!("other {text}"),
                }
            })
            .collect();
        assert_eq!(
            shown,
            [
                "text a < b ",
                "open img true",
                "text  ",
                "close b",
                "other <!-- <p> -->",
                "text <x:y>",
                "other <!d>",
                "text c",
                "other <p",
            ]
        );
    }

    #[test]
    fn anchors_are_seen() {
        assert_eq!(anchor("<a href='>'>"), Some(true));
        assert_eq!(anchor("</A>"), Some(false));
        assert_eq!(anchor("<abbr>"), None);
        assert_eq!(anchor("<!-- a -->"), None);
    }
}
