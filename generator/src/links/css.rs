//! The references in a style sheet: `url(…)` and `@import`, as tokens of CSS
//! Syntax Level 3, so that what stands in comments and strings is no reference.

use cssparser::{ParseError, Parser, Token};

use crate::{
    report::{Place, SourceText},
    slides::{Reference, ReferenceKind},
};

/// Blocks nested deeper than this are not looked into.
const MAX_DEPTH: usize = 32;

/// Every reference, in order.
pub fn references(source: &SourceText) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(&mut Parser::new(source.text()), source, 0, &mut found);
    found
}

fn collect(parser: &mut Parser<'_>, source: &SourceText, depth: usize, found: &mut Vec<Reference>) {
    let mut import = false;
    loop {
        let start = parser.position().byte_index();
        let Ok(token) = parser.next().cloned() else {
            return;
        };
        let end = parser.position().byte_index();
        let mut add = |url: &str, kind| {
            if !url.is_empty() {
                let span = inside(source.text(), start..end, url);
                found.push(Reference {
                    url: url.to_owned(),
                    place: Place::span_of(source, span),
                    kind,
                });
            }
        };
        let mut imports_next = false;
        match &token {
            Token::UnquotedUrl(url) => add(url, ReferenceKind::Style),
            Token::QuotedString(url) if import => add(url, ReferenceKind::Style),
            Token::AtKeyword(word) => imports_next = word.eq_ignore_ascii_case("import"),
            Token::Function(_)
            | Token::ParenthesisBlock
            | Token::CurlyBracketBlock
            | Token::SquareBracketBlock => {
                let is_url =
                    matches!(&token, Token::Function(name) if name.eq_ignore_ascii_case("url"));
                let _ = parser.parse_nested_block(|inner| {
                    if is_url {
                        let start = inner.position().byte_index();
                        if let Ok(url) = inner.expect_string_cloned() {
                            let end = inner.position().byte_index();
                            let span = inside(source.text(), start..end, &url);
                            if !url.is_empty() {
                                found.push(Reference {
                                    url: url.to_string(),
                                    place: Place::span_of(source, span),
                                    kind: ReferenceKind::Style,
                                });
                            }
                        }
                    } else if depth < MAX_DEPTH {
                        collect(inner, source, depth + 1, found);
                    }
                    Ok::<(), ParseError<()>>(())
                });
            }
            _ => {}
        }
        import = imports_next;
    }
}

/// Where in the token the reference itself stands.
fn inside(text: &str, token: std::ops::Range<usize>, url: &str) -> std::ops::Range<usize> {
    match text.get(token.clone()).and_then(|token| token.find(url)) {
        Some(at) => token.start + at..token.start + at + url.len(),
        None => token,
    }
}
