//! Bare URLs and mail addresses to links, as GitHub-flavoured Markdown has them.

use linkify::{LinkFinder, LinkKind};
use pulldown_cmark::{CowStr, Event, LinkType, Tag, TagEnd};

/// The text as events when there are links in it.
pub(super) fn link(text: &str) -> Option<Vec<Event<'static>>> {
    // Nothing can be a link without one of these; most texts stop here.
    if !text.contains("://") && !text.contains("www.") && !text.contains('@') {
        return None;
    }
    let mut finder = LinkFinder::new();
    finder.url_must_have_scheme(false);
    let mut events = Vec::new();
    let mut at = 0;
    for found in finder.links(text) {
        let shown = found.as_str();
        let Some(url) = target(found.kind(), shown) else {
            continue;
        };
        if found.start() > at {
            events.push(text_event(&text[at..found.start()]));
        }
        events.push(Event::Start(Tag::Link {
            link_type: LinkType::Autolink,
            dest_url: CowStr::from(url),
            title: CowStr::Borrowed(""),
            id: CowStr::Borrowed(""),
        }));
        events.push(text_event(shown));
        events.push(Event::End(TagEnd::Link));
        at = found.end();
    }
    if events.is_empty() {
        return None;
    }
    if at < text.len() {
        events.push(text_event(&text[at..]));
    }
    Some(events)
}

fn text_event(text: &str) -> Event<'static> {
    Event::Text(CowStr::from(text.to_owned()))
}

/// Where a found link leads, if it is of a kind that GitHub links.
fn target(kind: &LinkKind, shown: &str) -> Option<String> {
    let starts = |prefix: &str| {
        shown
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    match kind {
        LinkKind::Email => Some(format!("mailto:{shown}")),
        _ if ["http://", "https://", "ftp://"].into_iter().any(starts) => Some(shown.to_owned()),
        _ if starts("www.") => Some(format!("http://{shown}")),
        _ => None,
    }
}
