//! A page's text: shortcodes put in, Markdown turned into HTML, with heading
//! ids, links resolved, code coloured, the summary and the table of contents.

mod code;
mod events;
pub mod extras;
mod footnotes;
mod headings;
mod links;
pub mod shortcodes;

use std::collections::HashMap;

use pulldown_cmark::{Event, Options, Parser, TextMergeStream, html};
use tera::{Map, Value};

pub use code::{style_sheets, theme_exists, theme_stand_in};
pub use headings::Heading;

use super::{
    engine::Engine,
    settings::{Anchors, Settings},
};
use crate::report::Diagnostic;
use shortcodes::Piece;

/// What rendering needs to know of where a text stands.
pub struct Surroundings<'a> {
    /// The configuration.
    pub settings: &'a Settings,
    /// The templates.
    pub engine: &'a Engine,
    /// The language.
    pub lang: &'a str,
    /// The address of the page, for what is relative to it.
    pub permalink: Option<&'a str>,
    /// Its file below `content/`.
    pub file: Option<&'a str>,
    /// Where anchors go.
    pub anchors: Anchors,
    /// `page` or `section`, and what shortcodes see of it.
    pub subject: Option<(&'static str, &'a Value)>,
    /// The address of a file of `content/`.
    pub address: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

/// A text, rendered.
#[derive(Debug, Default, Clone)]
pub struct Rendered {
    /// The whole.
    pub html: String,
    /// What stands before `<!-- more -->`, if that is there.
    pub summary: Option<String>,
    /// The headings, nested.
    pub toc: Vec<Heading>,
    /// Files of `content/` that it links to, and the places in them.
    pub links: Vec<(String, Option<String>)>,
    /// The ids of its headings.
    pub ids: Vec<String>,
    /// What is wrong: a message with the word of the source that it is about.
    pub problems: Vec<Problem>,
}

/// Something to tell about a text.
#[derive(Debug, Clone)]
pub struct Problem {
    /// What, and how bad it is.
    pub diagnostic: Diagnostic,
    /// The text to look for in the source, to find the line.
    pub about: String,
}

/// Shortcodes within bodies of shortcodes, at most so deep.
const MAX_DEPTH: usize = 16;
/// More calls than this in one text are refused.
const MAX_CALLS: usize = 10_000;

/// Stands in Markdown for the HTML of a shortcode; private-use characters,
/// which no font and no syntax has a meaning for.
const OPEN: char = '\u{f5e1}';
const CLOSE: char = '\u{f5e2}';

/// Renders a text.
pub fn render(text: &str, around: &Surroundings<'_>) -> Rendered {
    let mut rendered = Rendered::default();
    let mut expander = Expander {
        around,
        counts: HashMap::new(),
        html: Vec::new(),
        calls: 0,
        problems: Vec::new(),
    };
    let clean;
    let text = if text.contains([OPEN, CLOSE]) {
        clean = text.replace([OPEN, CLOSE], "");
        &clean
    } else {
        text
    };
    let expanded = expander.expand(text, 0, true);
    let inserted = expander.html;
    rendered.problems = expander.problems;
    let parser = TextMergeStream::new(Parser::new_ext(&expanded, options(around.settings)));
    let parsed: Vec<Event<'_>> = parser.collect();
    let mut rewriter = events::Rewriter::new(around, &inserted, &parsed, &mut rendered);
    let (events, more) = rewriter.run();
    let events = match around.settings.markdown.bottom_footnotes {
        true => footnotes::to_the_bottom(events),
        false => events,
    };
    if let Some(at) = more {
        rendered.summary = Some(events::summary(&events, at, around));
    }
    html::push_html(&mut rendered.html, events.into_iter());
    rendered
}

/// A text without blocks, for `markdown(inline=true)`: the paragraph around it goes.
pub fn render_inline(text: &str, around: &Surroundings<'_>) -> Rendered {
    let mut rendered = render(text, around);
    let html = rendered.html.trim();
    if let Some(inner) = html
        .strip_prefix("<p>")
        .and_then(|rest| rest.strip_suffix("</p>"))
        && !inner.contains("<p>")
    {
        rendered.html = inner.to_owned();
    }
    rendered
}

fn options(settings: &Settings) -> Options {
    let markdown = &settings.markdown;
    let mut options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES;
    options.set(
        Options::ENABLE_SMART_PUNCTUATION,
        markdown.smart_punctuation,
    );
    options.set(Options::ENABLE_DEFINITION_LIST, markdown.definition_list);
    options.set(Options::ENABLE_GFM, markdown.github_alerts);
    options
}

struct Expander<'a> {
    around: &'a Surroundings<'a>,
    counts: HashMap<String, u64>,
    html: Vec<String>,
    calls: usize,
    problems: Vec<Problem>,
}

impl Expander<'_> {
    /// The text with Markdown shortcodes put in, and HTML ones as marks (or, in
    /// a body, put in as well: the shortcode around decides what they are).
    fn expand(&mut self, text: &str, depth: usize, marks: bool) -> String {
        if !text.contains("{{") && !text.contains("{%") {
            return text.to_owned();
        }
        let pieces = match shortcodes::split(text) {
            Ok(pieces) => pieces,
            Err(at) => {
                self.problem(
                    "a shortcode with a body has no `{% end %}`",
                    &text[at],
                    "close it with `{% end %}` on a line of its own",
                );
                return text.to_owned();
            }
        };
        let mut out = String::with_capacity(text.len());
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.push_str(&text),
                Piece::Call {
                    name,
                    arguments,
                    body,
                    at,
                } => {
                    let source = &text[at];
                    self.call(&mut out, &name, arguments, body, source, depth, marks);
                }
            }
        }
        out
    }

    #[expect(clippy::too_many_arguments)]
    fn call(
        &mut self,
        out: &mut String,
        name: &str,
        arguments: Map<String, Value>,
        body: Option<String>,
        source: &str,
        depth: usize,
        marks: bool,
    ) {
        let first_line = source.lines().next().unwrap_or_default();
        let html = format!("shortcodes/{name}.html");
        let markdown = format!("shortcodes/{name}.md");
        let template = [&html, &markdown]
            .into_iter()
            .find(|t| self.around.engine.has(t));
        let Some(template) = template else {
            let message = format!("there is no shortcode `{name}`");
            let names = self.around.engine.shortcodes();
            let hint = match crate::report::did_you_mean(name, names.iter().map(String::as_str)) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!(
                    "write `templates/shortcodes/{name}.html`, or `{{{{/* {name}() */}}}}` to show the braces"
                ),
            };
            self.problem(&message, first_line, &hint);
            return;
        };
        self.calls += 1;
        if depth >= MAX_DEPTH || self.calls > MAX_CALLS {
            let message = format!(
                "shortcodes are nested more than {MAX_DEPTH} deep, or called more than {MAX_CALLS} times in one text"
            );
            self.problem(&message, first_line, "use fewer of them");
            return;
        }
        let nth = self.counts.entry(name.to_owned()).or_insert(0);
        *nth += 1;
        let nth = *nth;
        let body = body.map(|body| self.expand(&body, depth + 1, false));
        let mut context = self.around.engine.context(self.around.lang);
        context.insert("nth", &nth);
        if let Some((_, Value::Object(subject))) = self.around.subject
            && let Some(path) = subject.get("colocated_path")
        {
            context.insert("colocated_path", path);
        }
        for (key, value) in &arguments {
            context.insert(key, value);
        }
        if let Some(body) = &body {
            context.insert("body", body);
        }
        if let Some((kind, value)) = self.around.subject {
            context.insert(kind, value);
        }
        match self.around.engine.render(template, &context) {
            Ok(text) if template.ends_with(".md") || !marks => out.push_str(&text),
            Ok(text) => {
                out.push(OPEN);
                out.push_str(&self.html.len().to_string());
                out.push(CLOSE);
                self.html.push(text);
            }
            Err(diagnostic) => {
                let prefix = format!("the shortcode `{name}` cannot be rendered: ");
                // One that calls itself by way of a filter is named once.
                let why = match diagnostic.message.split_once(&prefix) {
                    Some((_, inner)) => inner,
                    None => diagnostic.message.as_str(),
                };
                self.problems.push(Problem {
                    diagnostic: Diagnostic {
                        message: format!("{prefix}{why}"),
                        ..*diagnostic
                    },
                    about: first_line.to_owned(),
                });
            }
        }
    }

    fn problem(&mut self, message: &str, about: &str, hint: &str) {
        self.problems.push(Problem {
            diagnostic: Diagnostic::error(message).hint(hint),
            about: about.lines().next().unwrap_or_default().to_owned(),
        });
    }
}

/// The marks of a text replaced by what they stand for, through `each`.
fn put_in(text: &str, inserted: &[String], each: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        out.push_str(&rest[..at]);
        let after = &rest[at + OPEN.len_utf8()..];
        let Some(end) = after.find(CLOSE) else {
            rest = after;
            continue;
        };
        if let Some(html) = after[..end]
            .parse::<usize>()
            .ok()
            .and_then(|n| inserted.get(n))
        {
            out.push_str(&each(html));
        }
        rest = &after[end + CLOSE.len_utf8()..];
    }
    out.push_str(rest);
    out
}

/// Text as HTML.
fn escape(text: &str) -> String {
    tera::escape_html(text)
}
