//! Every URL in a slide: found in the tree, and left there as a mark that is
//! written out, and can be rewritten, once the slide is text again.

use std::ops::Range;

use ego_tree::NodeId;
use html5ever::ns;
use scraper::{Html, Node};

use super::attributes::SectionAttributes;
use super::deck::ReferenceKind;
use super::dom;
use super::marks::{Mark, Marks};

/// A URL as the tree has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub url: String,
    pub kind: ReferenceKind,
}

/// How an attribute holds URLs.
#[derive(Clone, Copy)]
enum Form {
    /// One URL.
    One,
    /// Several with commas between.
    List,
    /// Pictures and the widths they are for.
    Srcset,
    /// A URL or a colour.
    Background,
    /// A style sheet's declarations.
    Css,
}

/// What an attribute of an element refers to.
fn meaning(element: &str, attribute: &str) -> Option<(ReferenceKind, Form)> {
    use Form::{Background, Css, List, One, Srcset};
    use ReferenceKind::{Frame, Image, Link, Media, Script, Style};
    Some(match (element, attribute) {
        (_, "style") => (Image, Css),
        ("img" | "input", "src" | "data-src") => (Image, One),
        ("img" | "source", "srcset" | "data-srcset") => (Image, Srcset),
        ("video", "poster" | "data-poster") => (Image, One),
        ("image" | "feimage", "href") => (Image, One),
        ("video" | "audio" | "source" | "track", "src" | "data-src") => (Media, One),
        ("iframe" | "embed" | "frame", "src" | "data-src") => (Frame, One),
        ("object", "data") => (Frame, One),
        ("script", "src") => (Script, One),
        ("link", "href") => (Style, One),
        ("a" | "area", "href") => (Link, One),
        (_, "data-background-image") => (Image, List),
        (_, "data-background-video") => (Media, List),
        (_, "data-background-iframe") => (Frame, One),
        (_, "data-background") => (Image, Background),
        (_, "data-preview-link") => (Frame, One),
        (_, "data-preview-image") => (Image, One),
        (_, "data-preview-video") => (Media, One),
        _ => return None,
    })
}

/// Marks the URLs of a slide, its own attributes first.
pub(super) fn collect(html: &mut Html, section: &mut SectionAttributes, marks: &mut Marks) {
    for (name, value) in section.iter_mut() {
        if let Some((kind, form)) = meaning("section", name) {
            *value = mark(value, kind, form, marks);
        }
    }
    let ids: Vec<NodeId> = dom::elements(html).collect();
    for id in ids {
        in_attributes(html, id, marks);
        if dom::is(html, id, "style") {
            in_style(html, id, marks);
        }
    }
}

fn in_attributes(html: &mut Html, id: NodeId, marks: &mut Marks) {
    let Some(mut node) = html.tree.get_mut(id) else {
        return;
    };
    let Node::Element(element) = node.value() else {
        return;
    };
    let name = element.name().to_ascii_lowercase();
    for (attribute, value) in &mut element.attrs {
        let known = attribute.ns == ns!() || &*attribute.ns == "http://www.w3.org/1999/xlink";
        if known && let Some((kind, form)) = meaning(&name, &attribute.local) {
            let marked = mark(value, kind, form, marks);
            *value = marked.as_str().into();
        }
    }
}

fn in_style(html: &mut Html, id: NodeId, marks: &mut Marks) {
    let css = dom::text(html, id);
    let marked = css_urls(&css, marks, Mark::RawCss);
    if marked != css {
        dom::replace_children(html, id, &marked);
    }
}

fn mark(value: &str, kind: ReferenceKind, form: Form, marks: &mut Marks) -> String {
    match form {
        Form::One => one(value, kind, marks),
        Form::List if starts_with(value.trim_start(), "data:") => one(value, kind, marks),
        Form::List => {
            let urls = value.split(',').map(|url| one(url, kind, marks));
            urls.collect::<Vec<_>>().join(",")
        }
        Form::Background if is_picture(value) => one(value, kind, marks),
        Form::Background => value.to_owned(),
        Form::Srcset => srcset(value, marks),
        Form::Css => css_urls(value, marks, Mark::Css),
    }
}

/// A URL with the space around it kept.
fn one(value: &str, kind: ReferenceKind, marks: &mut Marks) -> String {
    let url = value.trim();
    if url.is_empty() {
        return value.to_owned();
    }
    let (before, after) = value.split_once(url).unwrap_or_default();
    let found = Found {
        url: url.to_owned(),
        kind,
    };
    format!("{before}{}{after}", marks.url(found, Mark::Url))
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether a `data-background` is a picture: reveal.js tells it by how the
/// value begins, or by an ending that pictures have.
fn is_picture(value: &str) -> bool {
    let path = value.split(['?', '#', ' ']).next().unwrap_or_default();
    let extension = path.rsplit_once('.').map(|(_, extension)| extension);
    ["http", "file", "//"]
        .iter()
        .any(|start| starts_with(value, start))
        || extension.is_some_and(|extension| {
            ["svg", "png", "jpg", "jpeg", "gif", "bmp", "webp"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(extension))
        })
}

/// WHATWG HTML §4.8.4.2.1: a URL ends at a space; a comma may be part of it.
fn srcset(value: &str, marks: &mut Marks) -> String {
    let mut out = String::new();
    let mut rest = value;
    while !rest.is_empty() {
        let start = rest
            .find(|c: char| !c.is_ascii_whitespace() && c != ',')
            .unwrap_or(rest.len());
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        let run = rest
            .find(|c: char| c.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let url = rest[..run].trim_end_matches(',');
        if !url.is_empty() {
            let found = Found {
                url: url.to_owned(),
                kind: ReferenceKind::Image,
            };
            out.push_str(&marks.url(found, Mark::Url));
        }
        // Up to the next candidate: the descriptor, unless the commas ended this one.
        let end = if url.len() < run {
            run
        } else {
            rest[run..]
                .find(',')
                .map_or(rest.len(), |comma| run + comma)
        };
        out.push_str(&rest[url.len()..end]);
        rest = &rest[end..];
    }
    out
}

/// Marks `url(…)` and `@import "…"` in CSS.
fn css_urls(css: &str, marks: &mut Marks, form: Mark) -> String {
    let lower = css.to_ascii_lowercase();
    let mut out = String::new();
    let mut at = 0;
    while let Some(url) = next_css_url(css, &lower, at) {
        out.push_str(&css[at..url.range.start]);
        let text = &css[url.range.clone()];
        if !text.is_empty() {
            let kind = if url.import {
                ReferenceKind::Style
            } else {
                ReferenceKind::Image
            };
            let found = Found {
                url: text.to_owned(),
                kind,
            };
            out.push_str(&marks.url(found, form));
        }
        at = url.range.end;
    }
    out.push_str(&css[at..]);
    out
}

struct CssUrl {
    range: Range<usize>,
    import: bool,
}

/// The next URL from a place on; `lower` is the same text in lower case.
fn next_css_url(css: &str, lower: &str, mut from: usize) -> Option<CssUrl> {
    loop {
        let at = from + lower[from..].find(['u', '@', '/'])?;
        let rest = &lower[at..];
        if rest.starts_with("/*") {
            from = at + rest.find("*/").map_or(rest.len(), |end| end + 2);
            continue;
        }
        let import = rest.starts_with("@import");
        let mut start = at;
        if import {
            start += "@import".len();
            start += spaces(&css[start..]);
        }
        let function = lower[start..].starts_with("url(");
        if function {
            start += "url(".len();
            start += spaces(&css[start..]);
        }
        let quote = css[start..]
            .chars()
            .next()
            .filter(|c| matches!(c, '"' | '\''));
        let range = match quote {
            Some(quote) if function || import => {
                let start = start + 1;
                start..start + css[start..].find(quote)?
            }
            None if function => {
                let end = start + css[start..].find(')')?;
                start..start + css[start..end].trim_end().len()
            }
            _ => {
                from = start.max(at + 1);
                continue;
            }
        };
        return Some(CssUrl { range, import });
    }
}

fn spaces(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(html: &str) -> Vec<(String, ReferenceKind)> {
        let mut tree = dom::parse(html).unwrap();
        let mut section = SectionAttributes::default();
        section.set("data-background-image", "a.png, b.png");
        section.set("data-background", "#fff");
        let mut marks = Marks::default();
        collect(&mut tree, &mut section, &mut marks);
        let found = marks.into_urls();
        found
            .into_iter()
            .map(|found| (found.url, found.kind))
            .skip(2)
            .collect()
    }

    fn urls(html: &str) -> Vec<String> {
        found(html).into_iter().map(|(url, _)| url).collect()
    }

    #[test]
    fn urls_are_found_wherever_they_are() {
        use ReferenceKind::{Frame, Image, Link, Media, Script, Style};
        let html = "<a href=' a '>x</a><img src=b srcset='c 1x, d,e 2x,f'><video src=g poster=h><source src=i></video>\
            <iframe data-src=j></iframe><object data=k></object><script src=l></script><link href=m>\
            <p style='background: URL( \"n\" ), url(o)'></p><svg><image xlink:href=p /></svg>\
            <style>@import 'q'; /* url(no) */ a { b: url(r) }</style><img src=''>";
        let expected = [
            ("a", Link),
            ("b", Image),
            ("c", Image),
            ("d,e", Image),
            ("f", Image),
            ("g", Media),
            ("h", Image),
            ("i", Media),
            ("j", Frame),
            ("k", Frame),
            ("l", Script),
            ("m", Style),
            ("n", Image),
            ("o", Image),
            ("p", Image),
            ("q", Style),
            ("r", Image),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(url, kind)| ((*url).to_owned(), *kind))
            .collect();
        assert_eq!(found(html), expected);
    }

    #[test]
    fn odd_values_are_no_trouble() {
        assert_eq!(urls("<img srcset='a.png 1x,  , b,'>"), ["a.png", "b"]);
        assert_eq!(urls("<img srcset='data:x,y 1x'>"), ["data:x,y"]);
        for css in [
            "url(",
            "url('",
            "@import",
            "@import x;",
            "/*",
            "url()",
            "URL(\u{e9}",
            "@import url(",
        ] {
            assert!(urls(&format!("<p style=\"{css}\"></p>")).len() < 2);
        }
        assert_eq!(
            urls("<p data-background='x.jpg?y' data-background-video='a,b'></p>"),
            ["x.jpg?y", "a", "b"]
        );
    }
}
