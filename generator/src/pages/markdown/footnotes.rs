//! Footnotes at the end of the text, in the order they are referred to, each
//! with links back.

use std::collections::HashMap;

use pulldown_cmark::{CowStr, Event, Tag, TagEnd};

/// Takes the definitions out of the text and puts them behind it.
pub fn to_the_bottom(events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let mut text = Vec::new();
    let mut definitions: HashMap<String, Vec<Event<'_>>> = HashMap::new();
    let mut open: Vec<(String, Vec<Event<'_>>)> = Vec::new();
    for event in events {
        match event {
            Event::Start(Tag::FootnoteDefinition(name)) => {
                open.push((name.to_string(), Vec::new()));
            }
            Event::End(TagEnd::FootnoteDefinition) => {
                if let Some((name, inner)) = open.pop() {
                    definitions.entry(name).or_insert(inner);
                }
            }
            event => match open.last_mut() {
                Some((_, inner)) => inner.push(event),
                None => text.push(event),
            },
        }
    }
    if definitions.is_empty() {
        return text;
    }
    let mut order: Vec<String> = Vec::new();
    let mut uses: HashMap<String, usize> = HashMap::new();
    let mut number = |event: Event<'_>, order: &mut Vec<String>| match event {
        Event::FootnoteReference(name) => {
            let name = name.to_string();
            let at = order
                .iter()
                .position(|known| *known == name)
                .unwrap_or_else(|| {
                    order.push(name.clone());
                    order.len() - 1
                });
            let used = uses.entry(name.clone()).or_insert(0);
            *used += 1;
            let name = super::escape(&name);
            Event::InlineHtml(CowStr::from(format!(
                "<sup class=\"footnote-reference\" id=\"fr-{name}-{used}\"><a href=\"#fn-{name}\">{}</a></sup>",
                at + 1
            )))
        }
        event => event.into_static(),
    };
    let mut out: Vec<Event<'_>> = text
        .into_iter()
        .map(|event| number(event, &mut order))
        .collect();
    // A footnote may refer to another one, which then follows.
    let mut finished = Vec::new();
    let mut at = 0;
    while let Some(name) = order.get(at).cloned() {
        let inner = definitions.remove(&name).unwrap_or_default();
        let inner: Vec<Event<'_>> = inner.into_iter().map(|e| number(e, &mut order)).collect();
        finished.push((name, inner));
        at += 1;
    }
    if finished.is_empty() {
        return out;
    }
    let html = |text: String| Event::Html(CowStr::from(text));
    out.push(html(
        "<section class=\"footnotes\">\n<ol class=\"footnotes-list\">\n".into(),
    ));
    for (name, mut inner) in finished {
        let escaped = super::escape(&name);
        out.push(html(format!("<li id=\"fn-{escaped}\">\n")));
        let back: String = (1..=uses.get(&name).copied().unwrap_or(0))
            .map(|n| {
                let number = if n == 1 { String::new() } else { n.to_string() };
                format!(" <a href=\"#fr-{escaped}-{n}\">↩{number}</a>")
            })
            .collect();
        let back = Event::InlineHtml(CowStr::from(back));
        match inner.last() {
            Some(Event::End(TagEnd::Paragraph)) => inner.insert(inner.len() - 1, back),
            _ => inner.push(back),
        }
        out.extend(inner);
        out.push(html("</li>\n".into()));
    }
    out.push(html("</ol>\n</section>\n".into()));
    out
}
