//! The rewriting of a text's events between parser and HTML.

use std::collections::HashSet;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Tag, TagEnd, html};

use super::{
    CLOSE, OPEN, Problem, Rendered, Surroundings, code, escape,
    headings::{self, Heading},
    links, put_in,
};
use crate::{
    pages::{settings::Anchors, slugs::free_id},
    report::Diagnostic,
};

/// Walks over the events of one text.
pub struct Rewriter<'a, 'e> {
    around: &'a Surroundings<'a>,
    inserted: &'a [String],
    input: &'a [Event<'e>],
    rendered: &'a mut Rendered,
    out: Vec<Event<'e>>,
    ids: HashSet<String>,
    toc: Vec<Heading>,
    more: Option<usize>,
}

impl<'a, 'e> Rewriter<'a, 'e> {
    /// Ready to walk. Ids that are written out are taken before any is made up.
    pub fn new(
        around: &'a Surroundings<'a>,
        inserted: &'a [String],
        input: &'a [Event<'e>],
        rendered: &'a mut Rendered,
    ) -> Self {
        let ids = input
            .iter()
            .filter_map(|event| match event {
                Event::Start(Tag::Heading { id: Some(id), .. }) => Some(id.to_string()),
                _ => None,
            })
            .collect();
        Self {
            around,
            inserted,
            input,
            rendered,
            out: Vec::with_capacity(input.len()),
            ids,
            toc: Vec::new(),
            more: None,
        }
    }

    /// The new events, and where among them the summary ends.
    pub fn run(&mut self) -> (Vec<Event<'e>>, Option<usize>) {
        let mut at = 0;
        let mut links_open: Vec<bool> = Vec::new();
        let input = self.input;
        while let Some(event) = input.get(at) {
            at += 1;
            match event {
                Event::Start(Tag::Paragraph) => {
                    // A paragraph that is one shortcode is what that is.
                    if let (Some(Event::Text(text)), Some(Event::End(TagEnd::Paragraph))) =
                        (input.get(at), input.get(at + 1))
                        && is_one_mark(text)
                    {
                        let html = put_in(text.trim(), self.inserted, str::to_owned);
                        self.out.push(Event::Html(html.into()));
                        at += 2;
                        continue;
                    }
                    self.out.push(event.clone());
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let mut text = String::new();
                    while let Some(inner) = input.get(at) {
                        at += 1;
                        match inner {
                            Event::End(TagEnd::CodeBlock) => break,
                            Event::Text(part) => text.push_str(part),
                            _ => {}
                        }
                    }
                    self.code(kind, &put_in(&text, self.inserted, str::to_owned));
                }
                Event::Start(Tag::Heading {
                    level, id, classes, ..
                }) => {
                    let end = input[at..]
                        .iter()
                        .position(|e| matches!(e, Event::End(TagEnd::Heading(_))))
                        .map_or(input.len(), |n| at + n);
                    let inner = &input[at..end];
                    at = end + 1;
                    self.heading(*level, id.as_deref(), classes, inner);
                }
                Event::Start(Tag::Link {
                    link_type,
                    dest_url,
                    title,
                    id,
                }) => {
                    let written = put_in(dest_url, self.inserted, str::to_owned);
                    let target = if matches!(link_type, pulldown_cmark::LinkType::Email) {
                        written.clone()
                    } else {
                        links::resolve(&written, self.around, self.rendered)
                    };
                    match links::outward(*link_type, &written, title, self.around) {
                        Some(tag) => {
                            links_open.push(true);
                            self.out.push(tag);
                        }
                        None => {
                            links_open.push(false);
                            self.out.push(Event::Start(Tag::Link {
                                link_type: *link_type,
                                dest_url: target.into(),
                                title: title.clone(),
                                id: id.clone(),
                            }));
                        }
                    }
                }
                Event::End(TagEnd::Link) => {
                    let own = links_open.pop().unwrap_or(false);
                    self.out.push(if own {
                        Event::InlineHtml("</a>".into())
                    } else {
                        event.clone()
                    });
                }
                Event::Start(Tag::Image {
                    link_type,
                    dest_url,
                    title,
                    id,
                }) => {
                    let target = put_in(dest_url, self.inserted, str::to_owned);
                    let target = links::resolve(&target, self.around, self.rendered);
                    if self.around.settings.markdown.lazy_async_image {
                        at = self.lazy_image(&target, title, at);
                    } else {
                        self.out.push(Event::Start(Tag::Image {
                            link_type: *link_type,
                            dest_url: target.into(),
                            title: title.clone(),
                            id: id.clone(),
                        }));
                    }
                }
                Event::Text(text) => self.text(text),
                Event::Code(text) if text.contains(OPEN) => {
                    let text = put_in(text, self.inserted, str::to_owned);
                    self.out.push(Event::Code(text.into()));
                }
                Event::Html(html) | Event::InlineHtml(html) => {
                    let inline = matches!(event, Event::InlineHtml(_));
                    self.html(html, inline);
                }
                event => self.out.push(event.clone()),
            }
        }
        self.rendered.ids = self.toc.iter().map(|heading| heading.id.clone()).collect();
        self.rendered.toc = headings::nest(std::mem::take(&mut self.toc));
        (std::mem::take(&mut self.out), self.more)
    }

    fn text(&mut self, text: &CowStr<'e>) {
        if !text.contains(OPEN) {
            let text = if self.around.settings.markdown.render_emoji {
                emoji(text).map_or_else(|| text.clone(), CowStr::from)
            } else {
                text.clone()
            };
            self.out.push(Event::Text(text));
            return;
        }
        let html = escaped_but_marks(text, self.inserted);
        self.out.push(Event::InlineHtml(html.into()));
    }

    fn html(&mut self, html: &CowStr<'e>, inline: bool) {
        let mut html = html.clone();
        if html.contains(OPEN) {
            html = put_in(&html, self.inserted, str::to_owned).into();
        }
        if self.more.is_none()
            && let Some(at) = more_mark(&html)
        {
            let (before, after) = (html[..at.start].to_owned(), html[at.end..].to_owned());
            let wrap = |text: String| match inline {
                true => Event::InlineHtml(text.into()),
                false => Event::Html(text.into()),
            };
            if !before.is_empty() {
                self.out.push(wrap(before));
            }
            self.more = Some(self.out.len());
            let after = after.trim_start_matches('\n');
            self.out.push(wrap(format!(
                "<span id=\"continue-reading\"></span>{after}"
            )));
            return;
        }
        self.out.push(if inline {
            Event::InlineHtml(html)
        } else {
            Event::Html(html)
        });
    }

    fn code(&mut self, kind: &CodeBlockKind<'e>, text: &str) {
        let info = match kind {
            CodeBlockKind::Fenced(info) => info.as_ref(),
            CodeBlockKind::Indented => "",
        };
        let settings = self.around.settings.markdown.highlighting.as_ref();
        let (html, unknown) = code::block(info, text, settings);
        if let Some(language) = unknown {
            let strict = settings.is_some_and(|settings| settings.strict);
            let message = format!("there is no syntax for the language `{language}`");
            let diagnostic = if strict {
                Diagnostic::error(message)
            } else {
                Diagnostic::note(message)
            };
            self.rendered.problems.push(Problem {
                diagnostic: diagnostic
                    .hint("the code stays without colours; `txt` says that there is none"),
                about: format!("```{info}"),
            });
        }
        self.out.push(Event::Html(html.into()));
    }

    fn heading(
        &mut self,
        level: HeadingLevel,
        id: Option<&str>,
        classes: &[CowStr<'e>],
        inner: &[Event<'e>],
    ) {
        let title = plain_text(inner, self.inserted);
        let id = match id {
            Some(id) => id.to_owned(),
            None => {
                let wanted = self.around.settings.slugify_anchors.anchor(&title);
                free_id(wanted, |id| self.ids.contains(id))
            }
        };
        self.ids.insert(id.clone());
        let permalink = format!("{}#{id}", self.around.permalink.unwrap_or_default());
        let number = level as u32;
        self.toc.push(Heading {
            level: number,
            id: id.clone(),
            title: title.clone(),
            permalink,
            children: Vec::new(),
        });
        let mut open = format!("<h{number} id=\"{}\"", escape(&id));
        if !classes.is_empty() {
            let classes: Vec<&str> = classes.iter().map(|class| &**class).collect();
            open.push_str(&format!(" class=\"{}\"", escape(&classes.join(" "))));
        }
        open.push('>');
        let anchor = match self.around.anchors {
            Anchors::None => String::new(),
            _ => self.anchor(&id, number),
        };
        let mut close = String::new();
        match self.around.anchors {
            Anchors::None => {}
            Anchors::Left => open.push_str(&anchor),
            Anchors::Right => close.push_str(&anchor),
            Anchors::Heading => {
                // Only the opening tag of the template counts.
                let tag = anchor.find('>').map_or("<a>", |end| &anchor[..=end]);
                open.push_str(tag.trim_start());
                close.push_str("</a>");
            }
        }
        close.push_str(&format!("</h{number}>\n"));
        self.out.push(Event::Html(open.into()));
        // What stands in it is rewritten as anywhere else.
        let mut nested = Rendered::default();
        let mut inside = Rewriter::new(self.around, self.inserted, inner, &mut nested);
        let (events, _) = inside.run();
        self.rendered.links.append(&mut nested.links);
        self.rendered.problems.append(&mut nested.problems);
        self.out.extend(events);
        self.out.push(Event::Html(close.into()));
    }

    fn anchor(&mut self, id: &str, level: u32) -> String {
        let mut context = self.around.engine.context(self.around.lang);
        context.insert("id", id);
        context.insert("level", &level);
        match self.around.engine.render("anchor-link.html", &context) {
            Ok(html) => html,
            Err(diagnostic) => {
                self.rendered.problems.push(Problem {
                    diagnostic: *diagnostic,
                    about: String::new(),
                });
                String::new()
            }
        }
    }

    /// Writes an image; gives where to go on behind it.
    fn lazy_image(&mut self, target: &str, title: &str, from: usize) -> usize {
        let end = self.input[from..]
            .iter()
            .position(|e| matches!(e, Event::End(TagEnd::Image)))
            .map_or(self.input.len(), |n| from + n);
        let alt = plain_text(&self.input[from..end], self.inserted);
        let mut src = String::new();
        let _ = pulldown_cmark_escape::escape_href(&mut src, target);
        let title = match title {
            "" => String::new(),
            title => format!(" title=\"{}\"", escape(title)),
        };
        self.out.push(Event::InlineHtml(
            format!(
                "<img src=\"{src}\" alt=\"{}\"{title} loading=\"lazy\" decoding=\"async\" />",
                escape(&alt)
            )
            .into(),
        ));
        end + 1
    }
}

/// The HTML before the mark, with what is open there closed.
pub fn summary(events: &[Event<'_>], at: usize, around: &Surroundings<'_>) -> String {
    let mut open: Vec<TagEnd> = Vec::new();
    let mut kept: Vec<Event<'_>> = Vec::new();
    for event in events.iter().take(at) {
        match event {
            Event::Start(tag) => open.push(tag.to_end()),
            Event::End(_) => {
                open.pop();
            }
            // A footnote is below what is left out.
            Event::FootnoteReference(_) => continue,
            _ => {}
        }
        kept.push(event.clone());
    }
    let inside_text = open.iter().any(|tag| *tag != TagEnd::HtmlBlock);
    if inside_text {
        if let Some(Event::Text(text)) = kept.last_mut() {
            *text = text.trim_end().to_owned().into();
        }
        let mut so_far = String::new();
        html::push_html(&mut so_far, kept.iter().cloned());
        let mut context = around.engine.context(around.lang);
        context.insert("summary", &so_far);
        if let Ok(cutoff) = around.engine.render("summary-cutoff.html", &context) {
            kept.push(Event::InlineHtml(cutoff.into()));
        }
    }
    kept.extend(open.into_iter().rev().map(Event::End));
    let mut out = String::new();
    html::push_html(&mut out, kept.into_iter());
    if !inside_text {
        out.truncate(out.trim_end().len());
    }
    out
}

/// `<!-- more -->`, with any spaces in it.
fn more_mark(html: &str) -> Option<std::ops::Range<usize>> {
    let start = html.find("<!--")?;
    let end = html[start..].find("-->")? + start + 3;
    (html[start + 4..end - 3].trim() == "more").then_some(start..end)
}

fn is_one_mark(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(OPEN) && text.find(CLOSE) == text.len().checked_sub(CLOSE.len_utf8())
}

fn escaped_but_marks(text: &str, inserted: &[String]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        out.push_str(&escape_text(&rest[..at]));
        let end = rest[at..]
            .find(CLOSE)
            .map_or(rest.len(), |n| at + n + CLOSE.len_utf8());
        out.push_str(&put_in(&rest[at..end], inserted, str::to_owned));
        rest = &rest[end..];
    }
    out.push_str(&escape_text(rest));
    out
}

fn escape_text(text: &str) -> String {
    let mut out = String::new();
    let _ = pulldown_cmark_escape::escape_html_body_text(&mut out, text);
    out
}

/// The text of some events, without tags.
fn plain_text(events: &[Event<'_>], inserted: &[String]) -> String {
    let mut out = String::new();
    for event in events {
        match event {
            Event::Text(text) | Event::Code(text) => {
                out.push_str(&put_in(text, inserted, without_tags));
            }
            Event::SoftBreak | Event::HardBreak => out.push(' '),
            _ => {}
        }
    }
    out
}

fn without_tags(html: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

/// `:smile:` and its like; `None` when there are none.
fn emoji(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut found = false;
    while let Some(at) = rest.find(':') {
        let after = &rest[at + 1..];
        let name = after
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-')))
            .filter(|end| *end > 0 && after[*end..].starts_with(':'))
            .map(|end| &after[..end]);
        match name.and_then(emojis::get_by_shortcode) {
            Some(emoji) => {
                out.push_str(&rest[..at]);
                out.push_str(emoji.as_str());
                rest = &after[name.map_or(0, str::len) + 1..];
                found = true;
            }
            None => {
                out.push_str(&rest[..=at]);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    found.then_some(out)
}
