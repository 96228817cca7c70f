//! The order in which a slide's fragments appear.
//!
//! Those with a `data-fragment-index` come first, by index, equal ones at the
//! same step; then those without, one by one in document order. Every fragment
//! ends with its final index: from 0, without gaps.

use std::collections::BTreeMap;

use ego_tree::NodeId;
use scraper::Html;

use super::dom;

/// Gives every fragment of a slide its final index. Returns the indices that
/// are no numbers from 0, whose fragments count as having none.
pub(super) fn order(html: &mut Html) -> Vec<String> {
    let mut refused = Vec::new();
    let mut indexed: BTreeMap<u64, Vec<NodeId>> = BTreeMap::new();
    let mut others = Vec::new();
    for id in dom::elements(html).filter(|id| dom::has_class(html, *id, "fragment")) {
        match dom::attr(html, id, "data-fragment-index") {
            None => others.push(id),
            Some(index) => match parse_int(index) {
                Some(number) => indexed.entry(number).or_default().push(id),
                None => {
                    refused.push(index.to_owned());
                    others.push(id);
                }
            },
        }
    }
    let others = others.into_iter().map(|id| vec![id]);
    for (index, step) in indexed.into_values().chain(others).enumerate() {
        for id in step {
            dom::set(html, id, "data-fragment-index", &index.to_string());
        }
    }
    refused
}

/// As JavaScript's `parseInt` reads it: digits at the start, whatever follows.
fn parse_int(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let text = text.strip_prefix('+').unwrap_or(text);
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    match &text[..end] {
        "" => None,
        digits => Some(digits.parse().unwrap_or(u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(html: &str) -> Vec<String> {
        let mut tree = dom::parse(html).unwrap();
        order(&mut tree);
        dom::elements(&tree)
            .filter_map(|id| {
                let index = dom::attr(&tree, id, "data-fragment-index")?;
                Some(format!("{}{index}", dom::text(&tree, id)))
            })
            .collect()
    }

    #[test]
    fn indices_come_first_and_leave_no_gaps() {
        let p = |text: &str, index: &str| match index {
            "" => format!("<p class=\"x fragment\">{text}</p>"),
            _ => format!("<p class='fragment' data-fragment-index='{index}'>{text}</p>"),
        };
        let html = [
            p("a", ""),
            p("b", "7"),
            p("c", "2"),
            p("d", "7"),
            p("e", ""),
        ]
        .concat();
        assert_eq!(ordered(&html), ["a2", "b1", "c0", "d1", "e3"]);
        let html = [
            p("a", "x"),
            p("b", "-1"),
            p("c", "3px"),
            p("d", "99999999999999999999"),
        ];
        assert_eq!(ordered(&html.concat()), ["a2", "b3", "c0", "d1"]);
        assert_eq!(ordered("<p data-fragment-index=\"4\">a</p>"), ["a4"]);
    }
}
