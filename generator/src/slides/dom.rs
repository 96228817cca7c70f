//! A slide's HTML as a tree: parsed as a browser parses it, changed, written.
//!
//! Each slide is parsed as a fragment of its own, so that whatever is unbalanced
//! in the author's HTML ends with the slide. `scraper` holds the tree (html5ever
//! parses, ego-tree keeps the nodes in one vector, so that nothing recurses).

use std::borrow::Cow;

use ego_tree::NodeId;
use html5ever::{
    LocalName, ParseOpts, QualName, driver, ns,
    tendril::{StrTendril, TendrilSink},
    tree_builder::TreeBuilderOpts,
};
use scraper::{ElementRef, Html, HtmlTreeSink, Node, node::Element};

use super::marks;

/// Deeper trees are refused. Browsers stop at 512 levels in all.
pub(super) const MAX_DEPTH: usize = 400;

/// How much is parsed between two looks at the depth.
const CHUNK_BYTES: usize = 8192;

/// HTML that no browser would take as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Elements nest deeper than [`MAX_DEPTH`].
    TooDeep,
    /// The parser's repair of unclosed elements makes far more of them than
    /// there is text.
    TooMany,
}

/// Parses HTML as the content of a `section`.
///
/// The depth is looked at on the way: the parser takes time in proportion to it
/// for every tag, so that a deep tree must not come to be.
pub(super) fn parse(html: &str) -> Result<Html, Refused> {
    let mut parser = driver::parse_fragment(
        HtmlTreeSink::new(Html::new_fragment()),
        ParseOpts {
            tree_builder: TreeBuilderOpts {
                // `noscript` is parsed as what it is to readers without scripts,
                // so that it cannot close the slide for them.
                scripting_enabled: false,
                ..TreeBuilderOpts::default()
            },
            ..ParseOpts::default()
        },
        name("section"),
        Vec::new(),
        false,
    );
    let mut rest = html;
    while !rest.is_empty() {
        let cut = rest.ceil_char_boundary(CHUNK_BYTES.min(rest.len()));
        parser.process(StrTendril::from(&rest[..cut]));
        rest = &rest[cut..];
        let tree = parser.tokenizer.sink.sink.0.borrow();
        let newest = tree.tree.nodes().next_back();
        if newest.is_some_and(|node| node.ancestors().nth(MAX_DEPTH + 2).is_some()) {
            return Err(Refused::TooDeep);
        }
        if tree.tree.values().len() > 10_000 + 2 * html.len() {
            return Err(Refused::TooMany);
        }
    }
    let html = parser.finish();
    if too_deep(&html) {
        return Err(Refused::TooDeep);
    }
    Ok(html)
}

fn too_deep(html: &Html) -> bool {
    let mut depth = 0_usize;
    for edge in html.tree.root().traverse() {
        match edge {
            ego_tree::iter::Edge::Open(_) => depth += 1,
            ego_tree::iter::Edge::Close(_) => depth -= 1,
        }
        // The document, its root and a leaf of text come on top.
        if depth > MAX_DEPTH + 3 {
            return true;
        }
    }
    false
}

fn name(local: &str) -> QualName {
    QualName::new(None, ns!(html), LocalName::from(local))
}

fn attribute(local: &str) -> QualName {
    QualName::new(None, ns!(), LocalName::from(local))
}

/// The element that everything of the slide is in.
pub(super) fn root(html: &Html) -> NodeId {
    html.root_element().id()
}

/// What stands inside the root, as HTML.
pub(super) fn inner_html(html: &Html) -> String {
    html.root_element().inner_html()
}

/// All elements below the root, in document order.
pub(super) fn elements(html: &Html) -> impl Iterator<Item = NodeId> + '_ {
    nodes(html).filter(|id| {
        html.tree
            .get(*id)
            .is_some_and(|node| node.value().is_element())
    })
}

/// All nodes below the root, in document order.
pub(super) fn nodes(html: &Html) -> impl Iterator<Item = NodeId> + '_ {
    html.root_element()
        .descendants()
        .skip(1)
        .map(|node| node.id())
}

/// The children of a node.
pub(super) fn children(html: &Html, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
    html.tree
        .get(id)
        .into_iter()
        .flat_map(|node| node.children())
        .map(|node| node.id())
}

/// Whether a node is an HTML element of that name.
pub(super) fn is(html: &Html, id: NodeId, local: &str) -> bool {
    html.tree
        .get(id)
        .and_then(|node| node.value().as_element())
        .is_some_and(|element| element.name.ns == ns!(html) && element.name() == local)
}

/// Whether a node is text.
pub(super) fn is_text(html: &Html, id: NodeId) -> bool {
    html.tree.get(id).is_some_and(|node| node.value().is_text())
}

/// The element at a node, if it is one.
pub(super) fn element(html: &Html, id: NodeId) -> Option<&Element> {
    html.tree.get(id)?.value().as_element()
}

/// An attribute's value.
pub(super) fn attr<'h>(html: &'h Html, id: NodeId, local: &str) -> Option<&'h str> {
    element(html, id)?.attr(local)
}

/// Sets an attribute, whether it is there or not.
pub(super) fn set(html: &mut Html, id: NodeId, local: &str, value: &str) {
    if let Some(mut node) = html.tree.get_mut(id)
        && let Node::Element(element) = node.value()
    {
        element.attrs.insert(attribute(local), value.into());
    }
}

/// Takes an attribute off.
pub(super) fn remove(html: &mut Html, id: NodeId, local: &str) -> Option<String> {
    let mut node = html.tree.get_mut(id)?;
    let Node::Element(element) = node.value() else {
        return None;
    };
    let value = element.attrs.shift_remove(&attribute(local))?;
    Some(value.to_string())
}

/// The classes as written; `Element::classes` remembers what they once were.
pub(super) fn classes(html: &Html, id: NodeId) -> Vec<String> {
    let class = attr(html, id, "class").unwrap_or_default();
    class.split_ascii_whitespace().map(str::to_owned).collect()
}

/// Whether an element has a class.
pub(super) fn has_class(html: &Html, id: NodeId, class: &str) -> bool {
    attr(html, id, "class")
        .is_some_and(|classes| classes.split_ascii_whitespace().any(|one| one == class))
}

/// An HTML element that is in no tree yet.
pub(super) fn new_element(local: &str, attributes: &[(&str, &str)]) -> Element {
    let attributes = attributes.iter().map(|(key, value)| html5ever::Attribute {
        name: attribute(key),
        value: StrTendril::from(*value),
    });
    Element::new(name(local), attributes.collect())
}

/// Puts a text where the children were.
pub(super) fn replace_children(html: &mut Html, id: NodeId, text: &str) {
    let children: Vec<NodeId> = children(html, id).collect();
    for child in children {
        if let Some(mut child) = html.tree.get_mut(child) {
            child.detach();
        }
    }
    if let Some(mut node) = html.tree.get_mut(id) {
        node.append(Node::Text(scraper::node::Text { text: text.into() }));
    }
}

/// Takes a node and all below it out of the tree.
pub(super) fn detach(html: &mut Html, id: NodeId) {
    if let Some(mut node) = html.tree.get_mut(id) {
        node.detach();
    }
}

/// All text below a node.
pub(super) fn text(html: &Html, id: NodeId) -> String {
    html.tree
        .get(id)
        .and_then(ElementRef::wrap)
        .map(|element| element.text().collect())
        .unwrap_or_default()
}

/// What stands inside an element as its source would have it: tags as text.
pub(super) fn source_text(html: &Html, id: NodeId) -> String {
    let inner = html.tree.get(id).and_then(ElementRef::wrap);
    let inner = inner
        .map(|element| element.inner_html())
        .unwrap_or_default();
    // As a text area reads it: character references and no tags.
    let escaped = inner.replace('<', "&lt;");
    parse(&escaped).map_or(inner, |parsed| text(&parsed, root(&parsed)))
}

/// Moves the content of another tree into a new last child of this one's root.
pub(super) fn append_tree(html: &mut Html, element: Element, other: Html) {
    let root = root(html);
    let appended = html.tree.extend_tree(other.tree).id();
    let moved = html
        .tree
        .get(appended)
        .and_then(|node| node.children().find(|child| child.value().is_element()))
        .map(|node| node.id());
    if let Some(mut root) = html.tree.get_mut(root) {
        let mut parent = root.append(Node::Element(element));
        if let Some(moved) = moved {
            parent.reparent_from_id_append(moved);
        }
    }
}

/// Whether an element stands in speaker notes.
pub(super) fn within_notes(html: &Html, id: NodeId) -> bool {
    html.tree.get(id).is_some_and(|node| {
        node.ancestors().any(|ancestor| {
            is(html, ancestor.id(), "aside") && has_class(html, ancestor.id(), "notes")
        })
    })
}

/// Makes a tree safe to write: it shall read back as itself, inside a page.
///
/// - `plaintext` has no end tag, so that it would swallow the page: it becomes `pre`.
/// - A script with `<!--` and then `<script` ends only at a second `</script>`.
/// - Marks are ours alone.
pub(super) fn clean(html: &mut Html) {
    let nodes: Vec<NodeId> = nodes(html).collect();
    for id in nodes {
        let in_script = html
            .tree
            .get(id)
            .and_then(|node| node.parent())
            .is_some_and(|parent| is(html, parent.id(), "script"));
        let Some(mut node) = html.tree.get_mut(id) else {
            continue;
        };
        match node.value() {
            Node::Text(text) => {
                let mut clean = marks::without(&text.text);
                if in_script && hides_its_end(&clean) {
                    clean = clean.replace("<!--", "<\\!--").into();
                }
                if let Cow::Owned(clean) = clean {
                    text.text = clean.as_str().into();
                }
            }
            Node::Element(element) => {
                if element.name() == "plaintext" {
                    element.name = name("pre");
                }
                for value in element.attrs.values_mut() {
                    if let Cow::Owned(clean) = marks::without(value) {
                        *value = clean.as_str().into();
                    }
                }
            }
            _ => {}
        }
    }
}

fn hides_its_end(script: &str) -> bool {
    script
        .find("<!--")
        .is_some_and(|at| script[at..].to_ascii_lowercase().contains("<script"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(html: &str) -> String {
        inner_html(&parse(html).unwrap())
    }

    #[test]
    fn what_is_unbalanced_ends_with_the_slide() {
        assert_eq!(round("<div><b>a"), "<div><b>a</b></div>");
        assert_eq!(round("a</section></div></body>b"), "ab");
        assert_eq!(round("<td>a</td>"), "a");
        assert_eq!(
            round("<noscript></section><p>a</noscript>"),
            "<noscript><p>a</p></noscript>"
        );
    }

    #[test]
    fn attributes_keep_their_order() {
        let html = "<p z=\"1\" a=\"2\" m=\"3\"></p>";
        assert_eq!(round(html), html);
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse(&"<div>".repeat(MAX_DEPTH - 1)).is_ok());
        assert_eq!(
            parse(&"<div>".repeat(MAX_DEPTH + 5)).unwrap_err(),
            Refused::TooDeep
        );
        let started = std::time::Instant::now();
        for tag in [
            "<div>",
            "<blockquote>",
            "<b a>",
            "<svg>",
            "<ul><li>",
            "<template>",
        ] {
            assert_eq!(
                parse(&tag.repeat(200_000)).unwrap_err(),
                Refused::TooDeep,
                "{tag}"
            );
        }
        let formatting: String = (0..20_000).map(|n| format!("<p><b id={n}>")).collect();
        assert!(parse(&formatting).is_err());
        assert!(parse(&"<p>a".repeat(100_000)).is_ok());
        assert!(started.elapsed().as_secs() < 20);
    }

    #[test]
    fn a_tree_takes_in_another() {
        let mut html = parse("<p>a").unwrap();
        let other = parse("<b>c</b>d").unwrap();
        append_tree(
            &mut html,
            new_element("aside", &[("class", "notes")]),
            other,
        );
        assert_eq!(
            inner_html(&html),
            "<p>a</p><aside class=\"notes\"><b>c</b>d</aside>"
        );
    }
}
