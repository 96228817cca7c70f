//! Markdown inside HTML blocks, as deck authors expect it.
//!
//! CommonMark passes an HTML block through as it stands; the library of the
//! 2014 decks rendered `<li>**Complex** x</li>`, and people still write it. So
//! the text between block-level tags is rendered with CommonMark's *inline*
//! rules: emphasis, code, links, pictures. Tags within it are hidden behind
//! tags of no meaning (`<i0>`), which keep the rules about neighbouring
//! punctuation right and come back untouched, whatever is in them. A text never
//! becomes a block: `# a`, `- a` and `1. a` stay what they are.
//!
//! Not looked into: `pre`, `code`, `script`, `style`, `textarea`, `svg`,
//! `math` and other elements whose text is not prose.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag, TagEnd, html};

use super::{options, tags};
use tags::Piece;

/// Elements that stand within a line of text; every other tag ends the run.
const INLINE: [&str; 40] = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "br", "cite", "code", "data", "del", "dfn",
    "em", "font", "i", "img", "input", "ins", "kbd", "label", "mark", "math", "q", "rp", "rt",
    "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "svg", "time", "tt",
    "u", "var",
];

/// Elements whose text is not looked into.
const OPAQUE: [&str; 14] = [
    "code", "iframe", "kbd", "math", "noembed", "noframes", "pre", "samp", "script", "style",
    "svg", "textarea", "title", "xmp",
];

/// Letters that Markdown's inline rules care about; a run without any is copied.
const MEANINGFUL: [char; 6] = ['*', '_', '`', '[', '~', '\\'];

/// The HTML blocks of one slide, which may share an open element.
#[derive(Debug, Default)]
pub(super) struct HtmlBlocks {
    /// The opaque element that is open, and how deep it is nested in itself.
    opaque: Option<(String, usize)>,
}

impl HtmlBlocks {
    /// One block with the Markdown in it rendered. URLs of Markdown links are
    /// added without a place, which is found by searching the slide.
    pub fn render(&mut self, block: &str, urls: &mut Vec<(String, Range<usize>)>) -> String {
        let mut out = String::with_capacity(block.len());
        let mut run = Run::default();
        for piece in tags::pieces(block) {
            let text = &block[piece.range()];
            if let Some((name, depth)) = &mut self.opaque {
                match &piece {
                    Piece::Open(open, false, _) if open == name => *depth += 1,
                    Piece::Close(close, _) if close == name => *depth -= 1,
                    _ => {}
                }
                run.hide_more(text, &mut out);
                if *depth == 0 {
                    self.opaque = None;
                }
                continue;
            }
            match &piece {
                Piece::Text(_) => run.text(text),
                Piece::Other(_) => run.hide(text),
                Piece::Open(name, _, _) | Piece::Close(name, _)
                    if INLINE.binary_search(&name.as_str()).is_ok() =>
                {
                    run.hide(text);
                }
                _ => {
                    run.flush(&mut out, urls);
                    out.push_str(text);
                }
            }
            if let Piece::Open(name, closed, _) = piece
                && OPAQUE.binary_search(&name.as_str()).is_ok()
                && !(closed && matches!(name.as_str(), "svg" | "math"))
            {
                self.opaque = Some((name, 1));
            }
        }
        run.flush(&mut out, urls);
        out
    }
}

/// Text between block-level tags, with the tags inside it hidden.
#[derive(Default)]
struct Run {
    source: String,
    /// `source` with every tag replaced by `<iN>`.
    hidden: String,
    tags: Vec<String>,
    meaningful: bool,
}

impl Run {
    fn text(&mut self, text: &str) {
        self.source.push_str(text);
        self.hidden.push_str(text);
        self.meaningful |= text.contains(MEANINGFUL) || text.contains('<');
    }

    fn hide(&mut self, tag: &str) {
        self.source.push_str(tag);
        self.hidden.push_str(&format!("<i{}>", self.tags.len()));
        self.tags.push(tag.to_owned());
    }

    /// What belongs to an opaque element goes where its tag went.
    fn hide_more(&mut self, text: &str, out: &mut String) {
        match self.tags.last_mut() {
            Some(last) => {
                self.source.push_str(text);
                last.push_str(text);
            }
            None => out.push_str(text),
        }
    }

    fn flush(&mut self, out: &mut String, urls: &mut Vec<(String, Range<usize>)>) {
        let run = std::mem::take(self);
        if !run.meaningful {
            out.push_str(&run.source);
            return;
        }
        let inner = run.hidden.trim();
        let lead = run.hidden.len() - run.hidden.trim_start().len();
        out.push_str(&run.hidden[..lead]);
        run.inline(inner, out, urls);
        out.push_str(&run.hidden[lead + inner.len()..]);
    }

    /// Renders one run. It is made one line that begins with a word, so that
    /// no block can start in it; the word is taken off again.
    fn inline(&self, inner: &str, out: &mut String, urls: &mut Vec<(String, Range<usize>)>) {
        let line = format!("x {}", inner.replace(['\n', '\r'], " "));
        let mut first = true;
        let mut events = Vec::new();
        for event in Parser::new_ext(&line, options()) {
            match event {
                Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) => {}
                Event::Text(text) => {
                    let text = match text.strip_prefix("x ") {
                        Some(rest) if first => rest,
                        _ => &text,
                    };
                    first = false;
                    events.push(Event::Text(self.unhide(text).into()));
                }
                // Tags that Markdown reads as the text of a code span.
                Event::Code(code) => events.push(Event::Code(self.unhide(&code).into())),
                Event::InlineHtml(tag) => {
                    events.push(Event::InlineHtml(self.unhide(&tag).into()));
                }
                event => {
                    if let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) =
                        &event
                    {
                        urls.push((dest_url.to_string(), 0..0));
                    }
                    events.push(event);
                }
            }
        }
        html::push_html(out, events.into_iter());
    }

    /// The text with the hidden tags in their places again.
    fn unhide(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("<i") {
            let (before, from) = rest.split_at(at);
            out.push_str(before);
            let hidden = from.find('>').and_then(|end| {
                let number: usize = from[2..end].parse().ok()?;
                Some((self.tags.get(number)?, end + 1))
            });
            let (text, length) = hidden.map_or(("<i", 2), |(tag, end)| (tag.as_str(), end));
            out.push_str(text);
            rest = &from[length..];
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(block: &str) -> String {
        HtmlBlocks::default().render(block, &mut Vec::new())
    }

    #[test]
    fn tables_of_names_are_sorted() {
        assert!(INLINE.is_sorted() && OPAQUE.is_sorted());
    }

    #[test]
    fn markdown_in_html_is_rendered() {
        for (block, html) in [
            (
                "<ul>\n  <li>**Complex** x</li>\n</ul>\n",
                "<ul>\n  <li><strong>Complex</strong> x</li>\n</ul>\n",
            ),
            (
                "<p class='a_b_c'>\n(_and please_!)\n</p>",
                "<p class='a_b_c'>\n(<em>and please</em>!)\n</p>",
            ),
            (
                "<div>a **b <br/> c** `d_e_f` [g](h_i_) ![](j)</div>",
                "<div>a <strong>b <br/> c</strong> <code>d_e_f</code> <a href=\"h_i_\">g</a> <img src=\"j\" alt=\"\" /></div>",
            ),
            (
                "<p>**a <code>*b* **c**</code> d**</p>",
                "<p><strong>a <code>*b* **c**</code> d</strong></p>",
            ),
            (
                "<p>`<b>` \\<u></p>",
                "<p><code>&lt;b&gt;</code> &lt;u&gt;</p>",
            ),
        ] {
            assert_eq!(render(block), html);
        }
    }

    #[test]
    fn what_is_not_prose_is_left_alone() {
        for block in [
            "<pre>\n*a*\n</pre>",
            "<script>a = b*c*d;</script>",
            "<svg><text>*a*</text><svg></svg>*b*</svg>",
            "<textarea>*a*</textarea>",
            "<style>a > b_c_ {}</style>",
            "<p><code>*a*</code></p>",
            "<div>\n# a\n- b\n1. c\n> d\n\tx\n</div>",
            "<p>2 * 3 * 4, snake_case_name, a &lt; b</p>",
            "<div style=\"*a*\" title='_b_'>c</div>",
            "<p>a\n---\nb</p>",
        ] {
            assert_eq!(render(block), block);
        }
    }

    #[test]
    fn block_starters_stay_text_beside_markdown() {
        assert_eq!(render("<li># *a*</li>"), "<li># <em>a</em></li>");
        assert_eq!(render("<li>- *a*</li>"), "<li>- <em>a</em></li>");
        assert_eq!(render("<li>1. *a* #</li>"), "<li>1. <em>a</em> #</li>");
        assert_eq!(
            render("<td>| *a* | b |</td>"),
            "<td>| <em>a</em> | b |</td>"
        );
        assert_eq!(
            render("<li>\n    *a*\n</li>"),
            "<li>\n    <em>a</em>\n</li>"
        );
    }

    #[test]
    fn an_opaque_element_lasts_over_blocks() {
        let mut blocks = HtmlBlocks::default();
        let urls = &mut Vec::new();
        assert_eq!(blocks.render("<div><svg>\n", urls), "<div><svg>\n");
        assert_eq!(blocks.render("<text>*a*</text>", urls), "<text>*a*</text>");
        assert_eq!(blocks.render("</svg>*b*", urls), "</svg><em>b</em>");
    }

    #[test]
    fn comments_and_odd_tags_come_back_untouched() {
        assert_eq!(
            render("<li>*a* <!-- .element: class=\"*b*\" --><span a=\"x\"b=y>c</span></li>"),
            "<li><em>a</em> <!-- .element: class=\"*b*\" --><span a=\"x\"b=y>c</span></li>"
        );
    }
}
