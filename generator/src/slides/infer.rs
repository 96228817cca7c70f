//! Which separators a deck means, when nothing says so.
//!
//! Told from its lines, those in fences and front matter aside: `---` is
//! reveal.js, with `----` as well it is reveal-md; only `----` between blank
//! lines is a MirageOS deck.

use std::ops::Range;

use super::separators::Separators;

/// What was inferred from a text whose fences are masked.
pub(super) struct Inferred {
    pub separators: Separators,
    /// A line that looks like a separator and yet separates nothing.
    pub lookalike: Option<Range<usize>>,
}

pub(super) fn infer(masked: &str) -> Inferred {
    let lines = Lines::scan(masked);
    let reveal = |separators| Inferred {
        separators,
        lookalike: None,
    };
    if lines.three {
        return reveal(if lines.four.is_empty() {
            Separators::reveal()
        } else {
            Separators::reveal_md()
        });
    }
    let Some(first) = lines.four.iter().find(|line| line.blank_around) else {
        return reveal(Separators::reveal());
    };
    let separators = if masked.contains("\r\n") {
        Separators::mirage_crlf()
    } else {
        Separators::mirage()
    };
    let splits = lines.four.iter().any(|line| line.two_blank_before);
    Inferred {
        separators,
        lookalike: (!splits).then(|| first.range.clone()),
    }
}

struct FourDashes {
    range: Range<usize>,
    blank_around: bool,
    two_blank_before: bool,
}

struct Lines {
    three: bool,
    four: Vec<FourDashes>,
}

impl Lines {
    fn scan(masked: &str) -> Self {
        let mut scanned = Self {
            three: false,
            four: Vec::new(),
        };
        let mut at = 0;
        let mut blank_lines = 0;
        let mut lines = masked.split('\n').peekable();
        while let Some(line) = lines.next() {
            let range = at..at + line.len();
            at = range.end + 1;
            let line = line.strip_suffix('\r').unwrap_or(line);
            // A separator begins with the end of the line before it.
            let between = range.start > 0 && lines.peek().is_some();
            match line {
                "---" if between => scanned.three = true,
                "----" if between => scanned.four.push(FourDashes {
                    range,
                    blank_around: blank_lines > 0
                        && lines.peek().is_none_or(|next| next.trim().is_empty()),
                    two_blank_before: blank_lines > 1,
                }),
                _ => {}
            }
            blank_lines = if line.is_empty() { blank_lines + 1 } else { 0 };
        }
        scanned
    }
}

#[cfg(test)]
mod tests {
    use super::super::separators::Preset;
    use super::*;

    #[test]
    fn lines_tell_the_preset() {
        for (text, preset) in [
            ("A\n---\nB", Preset::Reveal),
            ("A\r\n---\r\nB", Preset::Reveal),
            ("A\n---\nB\n----\nC", Preset::RevealMd),
            ("A\n\n\n----\n\nB", Preset::Mirage),
            ("A\r\n\r\n\r\n----\r\n\r\nB", Preset::Mirage),
            ("A\n\n\n----\n\nB\n---\nC", Preset::RevealMd),
            ("A\n----\nB", Preset::Reveal),
            ("A\n\n\nB", Preset::Reveal),
            ("", Preset::Reveal),
        ] {
            let inferred = infer(text);
            assert_eq!(inferred.separators.preset(), Some(preset), "{text:?}");
            assert_eq!(inferred.lookalike, None, "{text:?}");
        }
    }

    #[test]
    fn one_blank_line_before_four_dashes_is_told() {
        let inferred = infer("A\n\n----\n\nB");
        assert_eq!(inferred.separators.preset(), Some(Preset::Mirage));
        assert_eq!(inferred.lookalike, Some(3..7));
    }
}
