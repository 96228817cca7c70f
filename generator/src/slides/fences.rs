//! Where fenced code blocks stand in a text: nothing in them separates slides.
//!
//! A scan of lines by CommonMark 0.31 §4.5, with the parts of §5.2 that decide
//! where a fence inside a list item begins and ends. A fence that is never
//! closed is no fence here: in CommonMark it would run to the end of the deck
//! and swallow every slide after it. Fences in block quotes are left out, since
//! each of their lines begins with `>` and so separates nothing anyway.

use std::{collections::HashMap, ops::Range};

/// The fences that are closed, in order, each from the start of its first line
/// to the end of its last without the line ending.
pub(super) fn fences(text: &str) -> Vec<Range<usize>> {
    Scan::new(text).run()
}

/// The text with every byte of the given ranges, line endings too, replaced by
/// a control character that no separator asks for; offsets stay as they are.
pub(super) fn mask(text: &str, ranges: &[Range<usize>]) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        masked.push_str(&text[at..range.start]);
        masked.extend(std::iter::repeat_n('\u{1}', range.len()));
        at = range.end;
    }
    masked.push_str(&text[at..]);
    masked
}

/// A line without its ending, and how it begins.
struct Line<'t> {
    start: usize,
    text: &'t str,
    indent: usize,
    blank: bool,
}

/// An opening fence: its character, how many, and the column its container's
/// content begins at.
struct Opening {
    mark: u8,
    length: usize,
    base: usize,
}

struct Scan<'t> {
    lines: Vec<Line<'t>>,
    /// By container column: the line that was last found to leave it.
    leaves: HashMap<usize, usize>,
    /// By mark and container column: the shortest run that was not closed, and
    /// up to which line that was looked for.
    unclosed: HashMap<(u8, usize), (usize, usize)>,
    /// Lines that may still be looked at in search of closing fences, so that
    /// no text takes more than linear time; beyond it, fences count as unclosed.
    budget: usize,
}

impl<'t> Scan<'t> {
    fn new(text: &'t str) -> Self {
        let lines: Vec<Line> = lines(text);
        Self {
            budget: 32 * lines.len() + 1_000_000,
            lines,
            leaves: HashMap::new(),
            unclosed: HashMap::new(),
        }
    }

    fn run(mut self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut containers: Vec<usize> = Vec::new();
        let mut number = 0;
        while number < self.lines.len() {
            if let Some(opening) = self.opening(number, &mut containers)
                && let Some(close) = self.close(number, &opening)
            {
                let last = &self.lines[close];
                found.push(self.lines[number].start..last.start + last.text.len());
                number = close;
            }
            number += 1;
        }
        found
    }

    /// The fence that opens on a line, after any list markers before it; the
    /// list items that the line leaves or opens are kept in `containers`.
    fn opening(&self, number: usize, containers: &mut Vec<usize>) -> Option<Opening> {
        let line = &self.lines[number];
        if line.blank {
            return None;
        }
        while containers.last().is_some_and(|base| line.indent < *base) {
            containers.pop();
        }
        let mut rest = line.text.trim_start_matches([' ', '\t']);
        let mut column = line.indent;
        loop {
            let base = containers.last().copied().unwrap_or(0);
            if column - base > 3 {
                return None;
            }
            if let Some((mark, length)) = opening(rest) {
                return Some(Opening { mark, length, base });
            }
            if thematic_break(rest) {
                return None;
            }
            let marker = list_marker(rest)?;
            let after = &rest[marker..];
            let content = after.trim_start_matches([' ', '\t']);
            let spaces = columns(&after[..after.len() - content.len()], column + marker);
            // Five spaces or more: an indented block, one column after the marker.
            let pad = if content.is_empty() || spaces > 4 {
                1
            } else {
                spaces
            };
            containers.push(column + marker + pad);
            if content.is_empty() {
                return None;
            }
            column += marker + spaces;
            rest = content;
        }
    }

    /// The line that closes a fence, unless the text or its container ends first.
    fn close(&mut self, open: usize, opening: &Opening) -> Option<usize> {
        let key = (opening.mark, opening.base);
        if let Some((length, end)) = self.unclosed.get(&key)
            && opening.length >= *length
            && open < *end
        {
            return None;
        }
        let end = self.leave(open, opening.base);
        let found = (open + 1..end.min(open + 1 + self.budget)).find(|number| {
            let line = &self.lines[*number];
            line.indent.saturating_sub(opening.base) <= 3
                && closing(line.text.trim_start())
                    .is_some_and(|(mark, length)| mark == opening.mark && length >= opening.length)
        });
        self.budget = self.budget.saturating_sub(found.unwrap_or(end) - open);
        if found.is_none() {
            self.unclosed.insert(key, (opening.length, end));
        }
        found
    }

    /// The first line after `open` that is indented less than `base`.
    fn leave(&mut self, open: usize, base: usize) -> usize {
        if base == 0 {
            return self.lines.len();
        }
        if let Some(known) = self.leaves.get(&base)
            && *known > open
        {
            return *known;
        }
        let found = (open + 1..self.lines.len().min(open + 1 + self.budget))
            .find(|number| {
                let line = &self.lines[*number];
                !line.blank && line.indent < base
            })
            .unwrap_or(self.lines.len());
        self.budget = self.budget.saturating_sub(found - open);
        self.leaves.insert(base, found);
        found
    }
}

/// Lines by LF, CRLF and lone CR, as CommonMark and JavaScript count them.
fn lines(text: &str) -> Vec<Line<'_>> {
    let bytes = text.as_bytes();
    let mut lines = Vec::new();
    let mut start = 0;
    while start < bytes.len() {
        let end = bytes[start..]
            .iter()
            .position(|byte| matches!(byte, b'\n' | b'\r'))
            .map_or(bytes.len(), |at| start + at);
        let line = &text[start..end];
        let content = line.trim_start_matches([' ', '\t']);
        lines.push(Line {
            start,
            text: line,
            indent: columns(&line[..line.len() - content.len()], 0),
            blank: content.is_empty(),
        });
        start = end + 1;
        if bytes.get(end) == Some(&b'\r') && bytes.get(start) == Some(&b'\n') {
            start += 1;
        }
    }
    lines
}

/// How many columns spaces and tabs take, from a given column on.
fn columns(space: &str, from: usize) -> usize {
    let end = space.bytes().fold(from, |column, byte| match byte {
        b'\t' => column + 4 - column % 4,
        _ => column + 1,
    });
    end - from
}

fn run_of_marks(text: &str) -> Option<(u8, usize)> {
    let mark = *text
        .as_bytes()
        .first()
        .filter(|b| matches!(b, b'`' | b'~'))?;
    let length = text.bytes().take_while(|byte| *byte == mark).count();
    (length >= 3).then_some((mark, length))
}

fn opening(text: &str) -> Option<(u8, usize)> {
    run_of_marks(text).filter(|(mark, length)| *mark == b'~' || !text[*length..].contains('`'))
}

fn closing(text: &str) -> Option<(u8, usize)> {
    run_of_marks(text).filter(|(_, length)| text[*length..].trim_matches([' ', '\t']).is_empty())
}

/// `* * *` is a line across the page, and no list of lists.
fn thematic_break(text: &str) -> bool {
    let mark = text.chars().next().filter(|c| matches!(c, '*' | '-' | '_'));
    mark.is_some_and(|mark| {
        let others = |c: char| c != mark && c != ' ' && c != '\t';
        !text.contains(others) && text.matches(mark).count() >= 3
    })
}

/// The length of a list marker that is followed by space or nothing.
fn list_marker(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let length = match bytes.first()? {
        b'-' | b'+' | b'*' => 1,
        b'0'..=b'9' => {
            let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
            (digits <= 9 && matches!(bytes.get(digits), Some(b'.' | b')'))).then_some(digits + 1)?
        }
        _ => return None,
    };
    matches!(bytes.get(length), None | Some(b' ' | b'\t')).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        fences(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn fences_open_and_close_by_commonmark() {
        assert_eq!(found("a\n```\n---\n```\nb"), ["```\n---\n```"]);
        assert_eq!(found("~~~ x `y`\n```\n~~~~"), ["~~~ x `y`\n```\n~~~~"]);
        assert_eq!(found("````\n```\n````\n"), ["````\n```\n````"]);
        assert_eq!(found("``` a`b\n```\n---\n"), [""; 0]);
        assert_eq!(found("   ```\n\n\n   ```  "), ["   ```\n\n\n   ```  "]);
        assert_eq!(found("    ```\n---\n    ```"), [""; 0]);
        assert_eq!(found("```\n    ```\n"), [""; 0]);
        assert_eq!(found("```\r\n---\r\n```\r\nx"), ["```\r\n---\r\n```"]);
        assert_eq!(found("```\r---\r```\rx"), ["```\r---\r```"]);
    }

    #[test]
    fn a_fence_that_is_never_closed_is_none() {
        assert_eq!(found("```js\nx\n---\n~~~\n---\n~~~\n"), ["~~~\n---\n~~~"]);
        assert_eq!(found("````\n---\n```\nx\n```\n"), ["```\nx\n```"]);
    }

    #[test]
    fn fences_live_and_die_with_their_list_item() {
        assert_eq!(
            found("- a\n  ```\n\n\n  x\n  ```\n"),
            ["  ```\n\n\n  x\n  ```"]
        );
        assert_eq!(found("1. ```\n   x\n   ```\n"), ["1. ```\n   x\n   ```"]);
        assert_eq!(found("- - ```\n    x\n    ```\n").len(), 1);
        assert_eq!(found("10. a\n\n    ```\n    x\n    ```").len(), 1);
        // `out` leaves the item, so that its fence never closes.
        assert_eq!(found("- ```\n  x\nout\n```\n"), [""; 0]);
        assert_eq!(found("* * *\n   ```\nx\n```\n").len(), 1);
    }

    #[test]
    fn masking_keeps_offsets() {
        let text = "ä\n```\n---\nö\n```\nb";
        let masked = mask(text, &fences(text));
        assert_eq!(masked.len(), text.len());
        assert!(masked.starts_with("ä\n\u{1}") && masked.ends_with("\u{1}\nb"));
        assert!(!masked.contains("---"));
    }

    #[test]
    fn many_openings_take_linear_time() {
        let text = "- ```a\n  ```b\n".repeat(100_000) + "x\n";
        let started = std::time::Instant::now();
        assert_eq!(found(&text), [""; 0]);
        let nested = "  ".repeat(50) + "```\n";
        assert!(fences(&nested.repeat(20_000)).is_empty());
        assert!(started.elapsed().as_secs() < 5);
    }
}
