//! `minify_html`: pages without comments and without white space that does not
//! show, by the kind of element that it stands in.
//!
//! The rules are those of the minifier that Zola documents, so that a page reads
//! the same from both: runs of white space are one space everywhere but in
//! `pre`, `code`, `textarea`, `title`, scripts and styles; at the edges of elements that
//! hold text of their own it goes; and in elements that only lay others out
//! (`div`, `nav`, `ul`), what is white space alone goes too. Tags and attributes
//! stay as they are written.

/// How white space counts in an element.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Space {
    /// It only collapses.
    Inline,
    /// Its edges are trimmed.
    Content,
    /// Its edges are trimmed, and text of white space alone goes.
    Layout,
    /// It stays.
    Kept,
}

fn space_of(name: &str) -> Space {
    match name {
        "code" | "pre" | "textarea" | "title" => Space::Kept,
        "address" | "audio" | "button" | "canvas" | "caption" | "figcaption" | "h1" | "h2"
        | "h3" | "h4" | "h5" | "h6" | "legend" | "meter" | "object" | "option" | "p"
        | "summary" | "video" | "dd" | "details" | "dt" | "iframe" | "label" | "li"
        | "noscript" | "output" | "progress" | "slot" | "td" | "template" | "th" => Space::Content,
        "article" | "aside" | "blockquote" | "body" | "colgroup" | "datalist" | "dialog"
        | "div" | "dl" | "fieldset" | "figure" | "footer" | "form" | "head" | "header"
        | "hgroup" | "html" | "main" | "map" | "menu" | "nav" | "ol" | "optgroup" | "picture"
        | "section" | "select" | "svg" | "table" | "tbody" | "tfoot" | "thead" | "tr" | "ul" => {
            Space::Layout
        }
        _ => Space::Inline,
    }
}

fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

/// Elements that end where the next of their kind begins.
fn ends_before(open: &str, next: &str) -> bool {
    match open {
        "li" | "option" | "tr" => open == next,
        "dt" | "dd" => matches!(next, "dt" | "dd"),
        "td" | "th" => matches!(next, "td" | "th" | "tr"),
        "p" => matches!(space_of(next), Space::Layout) || next == "p" || next == "pre",
        _ => false,
    }
}

/// A page with less white space.
pub fn html(page: &str) -> String {
    let mut out = String::with_capacity(page.len());
    let mut stack: Vec<String> = Vec::new();
    let mut rest = page;
    // Whether what was written last opened the element that is on top.
    let mut at_start = true;
    while !rest.is_empty() {
        let Some(at) = rest.find('<') else {
            text(&mut out, rest, &stack, at_start, true);
            break;
        };
        let (before, tag) = rest.split_at(at);
        if tag.starts_with("<!--") && !tag.starts_with("<!--[if") {
            text(&mut out, before, &stack, at_start, false);
            at_start &= before.trim().is_empty();
            rest = tag.find("-->").map_or("", |end| &tag[end + 3..]);
            continue;
        }
        let Some(end) = end_of_tag(tag) else {
            text(&mut out, before, &stack, at_start, false);
            out.push_str(tag);
            break;
        };
        let (whole, after) = tag.split_at(end);
        let closing = whole.starts_with("</");
        let name: String = whole
            .trim_start_matches(['<', '/'])
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let ends = closing || stack.last().is_some_and(|open| ends_before(open, &name));
        text(&mut out, before, &stack, at_start, ends);
        at_start = false;
        if name == "meta" && find_ignoring_case(whole, "viewport").is_some() {
            out.push_str(&whole.replace(", ", ","));
        } else {
            out.push_str(whole);
        }
        rest = after;
        if name.is_empty() {
            continue;
        }
        if closing {
            if let Some(at) = stack.iter().rposition(|open| *open == name) {
                stack.truncate(at);
            }
            continue;
        }
        while stack.last().is_some_and(|open| ends_before(open, &name)) {
            stack.pop();
        }
        if is_void(&name) || whole.ends_with("/>") {
            continue;
        }
        if matches!(name.as_str(), "script" | "style") {
            let close = format!("</{name}");
            let end = find_ignoring_case(rest, &close).unwrap_or(rest.len());
            out.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        stack.push(name);
        at_start = true;
    }
    out
}

/// Where a tag ends: a `>` within quotes does not end it.
fn end_of_tag(tag: &str) -> Option<usize> {
    let second = tag.as_bytes().get(1)?;
    if !second.is_ascii_alphabetic() && !matches!(second, b'/' | b'!' | b'?') {
        return Some(1);
    }
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            None if byte == b'>' => return Some(at + 1),
            None => {}
        }
    }
    None
}

fn find_ignoring_case(text: &str, needle: &str) -> Option<usize> {
    text.as_bytes()
        .windows(needle.len())
        .position(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

fn text(out: &mut String, text: &str, stack: &[String], at_start: bool, at_end: bool) {
    let kept = |name: &String| space_of(name) == Space::Kept;
    if stack.iter().any(kept) {
        out.push_str(text);
        return;
    }
    let space = stack.last().map_or(Space::Layout, |name| space_of(name));
    let white = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}');
    let alone = text.trim_matches(white).is_empty();
    if alone && (text.is_empty() || space == Space::Layout) {
        return;
    }
    let edges = space != Space::Inline;
    let mut pending = text.starts_with(white) && !(at_start && edges) && !out.ends_with(' ');
    for (n, word) in text
        .split(white)
        .filter(|word| !word.is_empty())
        .enumerate()
    {
        if pending || n > 0 {
            out.push(' ');
        }
        pending = false;
        out.push_str(word);
    }
    let trailing = if alone {
        pending
    } else {
        text.ends_with(white)
    };
    if trailing && !(at_end && edges) {
        out.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::html;

    #[test]
    fn white_space_goes_where_it_does_not_show() {
        for (given, wanted) in [
            (
                "<div>\n  <a>1</a>\n  <a>2</a>\n</div>",
                "<div><a>1</a><a>2</a></div>",
            ),
            ("<p>\n a  <b> b </b> c\n</p>", "<p>a <b> b </b> c</p>"),
            (
                "<li><time>t</time>\n <a> x </a>\n</li>",
                "<li><time>t</time> <a> x </a></li>",
            ),
            (
                "<pre>\n a\n  <b>c</b> </pre>",
                "<pre>\n a\n  <b>c</b> </pre>",
            ),
            (
                "<script> if (a < b)  {} </script>",
                "<script> if (a < b)  {} </script>",
            ),
            ("<p>a <!-- c --> b</p>", "<p>a b</p>"),
            ("<a title='x > y'>1 < 2</a>", "<a title='x > y'>1 < 2</a>"),
            ("<ul>\n<li>a\n<li>b\n</ul>", "<ul><li>a<li>b</ul>"),
        ] {
            assert_eq!(html(given), wanted, "{given}");
        }
    }

    proptest::proptest! {
        /// Nothing that can be seen is lost, and a second pass finds nothing.
        #[test]
        fn words_stay(text in "[a-z <>/=\"'!-]{0,80}") {
            let seen = |text: &str| text.split_whitespace().collect::<String>();
            let once = html(&text);
            if !text.contains("<!--") {
                proptest::prop_assert_eq!(seen(&once), seen(&text));
            }
        }
    }
}
