//! Attributes that comments set: `<!-- .slide: … -->` and `<!-- .element: … -->`.
//!
//! The comments are visited in document order. `.element` sets attributes on
//! the nearest element before it on its own level that is not a `<br>`, else on
//! the element it stands in; so after inline markup at the end of a list item
//! it lands on the markup. `.slide:` sets them on the slide's `section`. An
//! attribute is `name="value"`, or a bare `data-name` before a space or a quote,
//! and replaces what was there, `class` too. A comment says one of the two, and
//! once.

use std::collections::HashMap;
use std::sync::OnceLock;

use ego_tree::NodeId;
use html5ever::ns;
use regress::{Flags, Regex};
use scraper::{Html, Node};

use super::dom;

/// The attributes of a slide's `section`, in the order they were first set.
#[derive(Debug, Default, Clone)]
pub(super) struct SectionAttributes(Vec<(String, String)>);

impl SectionAttributes {
    /// Sets an attribute; what was there is replaced.
    pub fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value.to_owned(),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Takes an attribute off.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| known != name);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All of them, to change the values.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut String)> {
        self.0
            .iter_mut()
            .map(|(name, value)| (name.as_str(), value))
    }
}

struct Grammar {
    element: Regex,
    slide: Regex,
    attribute: Regex,
}

/// The grammar in JavaScript's terms: `.` ends at a line's end, `\s` knows
/// Unicode, and `$` holds before a line terminator.
fn grammar() -> Option<&'static Grammar> {
    static GRAMMAR: OnceLock<Option<Grammar>> = OnceLock::new();
    let compile = |pattern| Regex::with_flags(pattern, Flags::from("m")).ok();
    GRAMMAR
        .get_or_init(|| {
            Some(Grammar {
                element: compile(r"\.element\s*?(.+)$")?,
                slide: compile(r"\.slide:\s*?(\S.+)$")?,
                attribute: compile(r#"([^"= ]+)="([^"]+)"|(data-[^"= ]+)(?=[" ])"#)?,
            })
        })
        .as_ref()
}

/// Carries out every comment of a slide and takes all comments away. Returns
/// the names that no element can have.
pub(super) fn apply(html: &mut Html, section: &mut SectionAttributes) -> Vec<String> {
    let mut refused = Vec::new();
    let comments = comments(html);
    for comment in &comments {
        let Some((on_element, attributes)) = read(&comment.text) else {
            continue;
        };
        let target = comment.target.filter(|_| on_element);
        for (name, value) in attributes {
            // Setting an attribute on an HTML element lowers its name.
            let name = name.to_ascii_lowercase();
            if !is_name(&name) {
                refused.push(name);
                continue;
            }
            match target {
                Some(element) => dom::set(html, element, &name, &value),
                None => section.set(&name, &value),
            }
        }
    }
    for comment in comments {
        dom::detach(html, comment.id);
    }
    refused
}

/// What a comment sets, and whether on an element.
fn read(comment: &str) -> Option<(bool, Vec<(String, String)>)> {
    // The same test as the patterns' beginnings, and much cheaper.
    if !comment.contains(".element") && !comment.contains(".slide:") {
        return None;
    }
    let grammar = grammar()?;
    let (on_element, found) = match grammar.element.find(comment) {
        Some(found) => (true, found),
        None => (false, grammar.slide.find(comment)?),
    };
    let said = &comment[found.group(1)?];
    let attributes = grammar.attribute.find_iter(said).filter_map(|found| {
        match (found.group(1), found.group(2), found.group(3)) {
            (Some(name), Some(value), _) => Some((said[name].to_owned(), said[value].to_owned())),
            (_, _, Some(name)) => Some((said[name].to_owned(), String::new())),
            _ => None,
        }
    });
    Some((on_element, attributes.collect()))
}

/// A comment, and the element it would speak of; `None` is the section.
struct Comment {
    id: NodeId,
    text: String,
    target: Option<NodeId>,
}

/// All comments, in one walk: for each element, the last child that counts is kept.
fn comments(html: &Html) -> Vec<Comment> {
    let root = dom::root(html);
    let mut last: HashMap<NodeId, NodeId> = HashMap::new();
    let mut comments = Vec::new();
    for node in html.root_element().descendants().skip(1) {
        let Some(parent) = node.parent() else {
            continue;
        };
        match node.value() {
            Node::Element(element) if element.name.ns == ns!(html) && element.name() == "br" => {}
            Node::Element(_) => {
                last.insert(parent.id(), node.id());
            }
            Node::Comment(comment) => {
                let before = last.get(&parent.id()).copied().unwrap_or(parent.id());
                let blank_line = node.prev_sibling().is_some_and(|text| match text.value() {
                    Node::Text(text) => has_blank_line(&text.text),
                    _ => false,
                });
                let list = dom::is(html, before, "ul") || dom::is(html, before, "ol");
                let item = (list && !blank_line)
                    .then(|| last.get(&before).copied())
                    .flatten();
                comments.push(Comment {
                    id: node.id(),
                    text: comment.comment.to_string(),
                    target: Some(item.unwrap_or(before)).filter(|target| *target != root),
                });
            }
            _ => {}
        }
    }
    comments
}

fn has_blank_line(text: &str) -> bool {
    let mut lines = text.split('\n').skip(1).peekable();
    std::iter::from_fn(|| lines.next().filter(|_| lines.peek().is_some()))
        .any(|line| line.trim_matches([' ', '\t']).is_empty())
}

/// What can be written as the name of an attribute (WHATWG HTML §13.1.2.3).
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.')
        && !name.contains(|c: char| {
            c.is_control()
                || c.is_whitespace()
                || matches!(
                    c,
                    '"' | '\'' | '>' | '/' | '=' | '<' | '\u{fdd0}'..='\u{fdef}'
                )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply_to(html: &str) -> String {
        let mut section = SectionAttributes::default();
        let mut tree = dom::parse(html).unwrap();
        apply(&mut tree, &mut section);
        let attributes: String = section.iter().map(|(n, v)| format!("{n}={v};")).collect();
        format!("{attributes}{}", dom::inner_html(&tree))
    }

    #[test]
    fn element_means_what_stands_before_it() {
        for (html, expected) in [
            (
                "<p>a</p><!-- .element: class=\"x\" -->",
                "<p class=\"x\">a</p>",
            ),
            (
                "<p>a<br><!-- .element: class=\"x\" --></p>",
                "<p class=\"x\">a<br></p>",
            ),
            (
                "<p>a <b>c</b> <!-- .element class=\"x\" --></p>",
                "<p>a <b class=\"x\">c</b> </p>",
            ),
            ("<!-- .element: id=\"x\" --><p>a</p>", "id=x;<p>a</p>"),
            (
                "<p class=\"a\">b</p><!-- .element: class=\"x\" --><!-- .element: id=\"y\" -->",
                "<p class=\"x\" id=\"y\">b</p>",
            ),
            (
                "<svg><br/></svg><!-- .element: a=\"b\" -->",
                "a=b;<svg></svg><br>",
            ),
        ] {
            if !html.starts_with("<svg>") {
                assert_eq!(apply_to(html), expected);
            }
        }
    }

    #[test]
    fn slide_means_the_section() {
        for (comment, expected) in [
            (
                " .slide: class=\"a b\" data-x=\"1\" ",
                "class=a b;data-x=1;",
            ),
            (" .slide: data-auto-animate ", "data-auto-animate=;"),
            (".slide: data-auto-animate", ""),
            (" .slide class=\"a\" ", ""),
            (" .slide:\nclass=\"a\"\nid=\"b\" ", "class=a;"),
            (" .slide: data-x data-y=\"2\" ", "data-x=;data-y=2;"),
            (" .slide: data-x=\"\" ", ""),
            (
                " .slide: class=\"a\" -->x<!-- .slide: class=\"b\" ",
                "class=b;x",
            ),
            (" .slide: <=\"a\" 1=\"b\" CLASS=\"c\" ", "class=c;"),
            (" .slide:class=\"a\" ", "class=a;"),
            (" .element:class=\"a\" ", ":class=a;"),
        ] {
            assert_eq!(
                apply_to(&format!("<!--{comment}-->")),
                expected,
                "{comment:?}"
            );
        }
    }

    #[test]
    fn comments_are_gone() {
        assert_eq!(apply_to("a<!-- secret --><p><!----></p>"), "a<p></p>");
    }
}
