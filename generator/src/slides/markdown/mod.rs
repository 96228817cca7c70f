//! Markdown to HTML: CommonMark with tables, strikethrough, task lists and bare
//! URLs, which is what reveal.js's Markdown library makes of a slide.
//!
//! `pulldown-cmark` parses and writes; in between, code blocks become the plain
//! `<pre><code>` that [`super::code`] dresses, text is searched for URLs, and
//! HTML blocks have the Markdown inside them rendered ([`html_block`]).

mod autolink;
mod html_block;
mod tags;

use std::ops::Range;

use pulldown_cmark::{
    CodeBlockKind, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html,
    utils::TextMergeWithOffset,
};

use super::code::FenceInfo;
use html_block::HtmlBlocks;

/// Rendered Markdown.
pub(super) struct Rendered {
    pub html: String,
    /// The URLs of Markdown's own links and pictures, as they are in the text
    /// after unescaping, each with the bytes of the input that it stands at.
    pub urls: Vec<(String, Range<usize>)>,
}

pub(super) fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

/// Renders one slide's text.
pub(super) fn render(text: &str) -> Rendered {
    let parser = Parser::new_ext(text, options());
    let definitions: Vec<(String, Range<usize>)> = parser
        .reference_definitions()
        .iter()
        .map(|(_, definition)| (definition.dest.to_string(), definition.span.clone()))
        .collect();
    let mut writer = Writer {
        text,
        definitions,
        events: Vec::new(),
        urls: Vec::new(),
        links: 0,
        raw_links: 0,
        html: HtmlBlocks::default(),
    };
    let mut events = TextMergeWithOffset::new(parser.into_offset_iter());
    while let Some((event, range)) = events.next() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let code = gather(&mut events, TagEnd::CodeBlock);
                writer.code(&kind, &code);
            }
            Event::Start(Tag::HtmlBlock) => {
                let block = gather(&mut events, TagEnd::HtmlBlock);
                let block = writer.html.render(&block, &mut writer.urls);
                if after_blank_line(text, range.start) {
                    writer.events.push(Event::Html("\n".into()));
                }
                writer.events.push(Event::Html(block.into()));
            }
            // A box without a name says nothing to a screen reader.
            Event::TaskListMarker(done) => writer.events.push(Event::Html(
                if done {
                    r#"<input disabled type="checkbox" checked aria-label="done"> "#
                } else {
                    r#"<input disabled type="checkbox" aria-label="to do"> "#
                }
                .into(),
            )),
            event => writer.event(event, range),
        }
    }
    let mut out = String::with_capacity(text.len() * 5 / 4);
    html::push_html(&mut out, writer.events.into_iter());
    Rendered {
        html: out,
        urls: writer.urls,
    }
}

/// Whether a blank line stands before a block. The HTML keeps it, since it
/// decides whether a comment speaks of a list or of its last item.
fn after_blank_line(text: &str, start: usize) -> bool {
    let mut lines = text[..start].rsplit('\n');
    lines.next();
    lines
        .next()
        .is_some_and(|line| line.trim_matches([' ', '\t', '\r', '>']).is_empty())
}

/// The text of a block up to its end.
fn gather<'a>(events: &mut impl Iterator<Item = (Event<'a>, Range<usize>)>, end: TagEnd) -> String {
    let mut text = String::new();
    for (event, _) in events {
        match event {
            Event::Text(part) | Event::Html(part) | Event::InlineHtml(part) => {
                text.push_str(&part);
            }
            Event::End(tag) if tag == end => break,
            _ => {}
        }
    }
    text
}

struct Writer<'a> {
    text: &'a str,
    definitions: Vec<(String, Range<usize>)>,
    events: Vec<Event<'a>>,
    urls: Vec<(String, Range<usize>)>,
    /// How many Markdown links or pictures are open.
    links: usize,
    /// How many `<a>` of the author's are open.
    raw_links: usize,
    html: HtmlBlocks,
}

impl<'a> Writer<'a> {
    fn event(&mut self, event: Event<'a>, range: Range<usize>) {
        match &event {
            Event::Start(
                Tag::Link {
                    link_type,
                    dest_url,
                    ..
                }
                | Tag::Image {
                    link_type,
                    dest_url,
                    ..
                },
            ) => {
                self.links += 1;
                let place = self.place(*link_type, dest_url, range);
                self.urls.push((dest_url.to_string(), place));
            }
            Event::End(TagEnd::Link | TagEnd::Image) => self.links -= 1,
            Event::InlineHtml(tag) => match tags::anchor(tag) {
                Some(true) => self.raw_links += 1,
                Some(false) => self.raw_links = self.raw_links.saturating_sub(1),
                None => {}
            },
            Event::End(TagEnd::Paragraph) => self.raw_links = 0,
            Event::Text(text) if self.links == 0 && self.raw_links == 0 => {
                if let Some(events) = autolink::link(text) {
                    self.autolinked(events, range);
                    return;
                }
            }
            _ => {}
        }
        self.events.push(event);
    }

    /// Links found in a text, with the URLs noted where they stand.
    fn autolinked(&mut self, events: Vec<Event<'static>>, range: Range<usize>) {
        let mut at = range.start;
        let mut pending: Option<String> = None;
        for event in events {
            match &event {
                Event::Start(Tag::Link { dest_url, .. }) => pending = Some(dest_url.to_string()),
                Event::Text(text) => {
                    let found = self.text[at..range.end]
                        .find(&**text)
                        .map(|found| at + found..at + found + text.len());
                    at = found.as_ref().map_or(at, |found| found.end);
                    if let Some(url) = pending.take() {
                        self.urls.push((url, found.unwrap_or(range.clone())));
                    }
                }
                _ => {}
            }
            self.events.push(event);
        }
    }

    /// Where the URL of a link stands, given the range of the whole link.
    fn place(&self, link_type: LinkType, url: &str, range: Range<usize>) -> Range<usize> {
        match link_type {
            LinkType::Inline => destination(self.text, range, url),
            LinkType::Autolink | LinkType::Email => {
                (range.start + 1).min(range.end)..range.end.saturating_sub(1).max(range.start)
            }
            _ => self
                .definitions
                .iter()
                .find(|(dest, _)| dest == url)
                .map_or(range, |(_, span)| within(self.text, span.clone(), url)),
        }
    }

    fn code(&mut self, kind: &CodeBlockKind<'_>, code: &str) {
        let info = match kind {
            CodeBlockKind::Fenced(info) => FenceInfo::parse(info),
            CodeBlockKind::Indented => FenceInfo::default(),
        };
        let mut block = String::from("<pre><code");
        for (name, value) in info.attributes() {
            block.push(' ');
            block.push_str(name);
            block.push_str("=\"");
            escape(&mut block, &value);
            block.push('"');
        }
        block.push('>');
        escape(&mut block, code.strip_suffix('\n').unwrap_or(code));
        block.push_str("</code></pre>\n");
        self.events.push(Event::Html(CowStr::from(block)));
    }
}

/// The URL text within `[…](url "title")`: what follows the last `](` that
/// leads to it, else wherever it stands, else the whole.
fn destination(text: &str, range: Range<usize>, url: &str) -> Range<usize> {
    let link = text.get(range.clone()).unwrap_or_default();
    let found = link.rmatch_indices("](").find_map(|(at, bracket)| {
        let after = &link[at + bracket.len()..];
        let raw = after.trim_start().trim_start_matches('<');
        let start = at + bracket.len() + (after.len() - raw.len());
        if !url.is_empty() && raw.starts_with(url) {
            return Some(start..start + url.len());
        }
        // Written with escapes or entities: up to what ends it.
        let end = raw.find([' ', '\n', '>', ')']).unwrap_or(raw.len());
        unescape(&raw[..end]).eq(url).then_some(start..start + end)
    });
    match found {
        Some(found) => range.start + found.start..range.start + found.end,
        None => within(text, range, url),
    }
}

/// The last place of a URL within a range, else the range.
fn within(text: &str, range: Range<usize>, url: &str) -> Range<usize> {
    let found = text
        .get(range.clone())
        .filter(|_| !url.is_empty())
        .and_then(|part| part.rfind(url));
    match found {
        Some(at) => range.start + at..range.start + at + url.len(),
        None => range,
    }
}

/// A destination as CommonMark reads it, by CommonMark itself.
fn unescape(raw: &str) -> String {
    let link = format!("[x]({raw})");
    Parser::new(&link)
        .find_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. }) => Some(dest_url.into_string()),
            _ => None,
        })
        .unwrap_or_default()
}

/// Text or attribute value to HTML.
pub(super) fn escape(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"']) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            _ => "&quot;",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        render(text).html
    }

    #[test]
    fn github_flavour() {
        assert!(html("|a|\n|-|\n|b|").contains("<table>"));
        assert!(html("~~a~~").contains("<del>a</del>"));
        assert!(html("- [x] a").contains("checkbox"));
        assert!(html("\"a\" -- b...").contains("\"a\" -- b..."));
    }

    #[test]
    fn code_keeps_its_text() {
        assert_eq!(
            html("```rust [1|2]\nlet a = \"<b>\";\n\n```"),
            "<pre><code class=\"language-rust\" data-line-numbers=\"1|2\">let a = &quot;&lt;b&gt;&quot;;\n</code></pre>\n"
        );
        assert_eq!(html("    a\n    b\n"), "<pre><code>a\nb</code></pre>\n");
    }

    #[test]
    fn urls_know_where_they_stand() {
        let text = "a [http://x](http://x \"http://x\") ![p](<my pic.png>) [r][q] <http://y> http://z.org/.\n[s](a\\_b&amp;c)\n\n[q]: q.html 'q'\n";
        let rendered = render(text);
        let found: Vec<_> = rendered
            .urls
            .iter()
            .map(|(url, range)| (url.as_str(), &text[range.clone()]))
            .collect();
        assert_eq!(
            found,
            [
                ("http://x", "http://x"),
                ("my pic.png", "my pic.png"),
                ("q.html", "q.html"),
                ("http://y", "http://y"),
                ("http://z.org/", "http://z.org/"),
                ("a_b&c", "a\\_b&amp;c"),
            ]
        );
        // Neither the text nor the title of the first link.
        assert_eq!(rendered.urls[0].1.start, 13);
    }

    #[test]
    fn bare_urls_are_links_but_not_within_links() {
        assert_eq!(
            html("see https://a.org/c_d_e, www.x.org or me@x.org"),
            "<p>see <a href=\"https://a.org/c_d_e\">https://a.org/c_d_e</a>, <a href=\"http://www.x.org\">www.x.org</a> or <a href=\"mailto:me@x.org\">me@x.org</a></p>\n"
        );
        assert!(!html("[http://a.org](c)").contains("http://a.org\""));
        assert_eq!(
            html("<a href=\"x\">http://a.org</a> `http://c.org` e.f g:h"),
            "<p><a href=\"x\">http://a.org</a> <code>http://c.org</code> e.f g:h</p>\n"
        );
    }
}
