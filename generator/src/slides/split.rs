//! A deck's text to slides, by the rules of reveal.js's Markdown plugin.
//!
//! One regular expression, the slide separator or the vertical one, runs over
//! the whole text. A match is horizontal when the slide separator alone, and
//! without flags, matches it; the first vertical one after a horizontal opens a
//! stack, which the next horizontal closes. Nothing is trimmed, so that a
//! separator at the very start or end leaves an empty slide. Within a slide the
//! notes separator takes the notes off only when it splits the slide in two.
//!
//! The one departure: what stands in a fenced code block separates nothing
//! (reveal.js splits there, which its users call a bug). The patterns run over
//! a text in which fences are masked; offsets are those of the text itself.

use std::{ops::Range, sync::mpsc, thread, time::Duration};

use super::separators::{EMPTY, PatternError, Patterns, Separators, Which};

/// What a slide is made of, as ranges of the deck's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slide {
    /// The content without the notes.
    pub body: Range<usize>,
    /// The speaker notes.
    pub notes: Option<Range<usize>>,
}

/// What stands at one horizontal place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// One slide.
    Slide(Slide),
    /// Slides from top to bottom.
    Stack(Vec<Slide>),
}

impl Column {
    /// Its slides.
    pub fn slides(&self) -> &[Slide] {
        match self {
            Self::Slide(slide) => std::slice::from_ref(slide),
            Self::Stack(slides) => slides,
        }
    }
}

/// How long patterns that are not our own may take over one deck.
const PATIENCE: Duration = Duration::from_secs(10);

/// Splits a masked text. Patterns of the deck's own run on a thread that is
/// left behind when they take too long: a backtracking engine cannot be asked
/// to stop, and the build ends with the error anyway.
pub(super) fn split(masked: &str, separators: &Separators) -> Result<Vec<Column>, PatternError> {
    let patterns = Patterns::new(separators)?;
    if separators.preset().is_some() {
        return columns(masked, &patterns).map_err(|which| empty(which, separators));
    }
    let (send, receive) = mpsc::channel();
    let text = masked.to_owned();
    thread::spawn(move || send.send(columns(&text, &patterns)));
    match receive.recv_timeout(PATIENCE) {
        Ok(result) => result.map_err(|which| empty(which, separators)),
        Err(_) => Err(PatternError {
            which: Which::Slide,
            pattern: separators.slide.clone(),
            why: format!(
                "or one of its companions takes more than {} s on this deck",
                PATIENCE.as_secs()
            ),
        }),
    }
}

/// The places in a text that separate slides, whatever stands around them.
pub(super) fn separators_in(
    text: &str,
    separators: &Separators,
) -> Result<Vec<Range<usize>>, PatternError> {
    let patterns = Patterns::new(separators)?;
    Ok(patterns.any.find_iter(text).map(|m| m.range()).collect())
}

fn empty(which: Which, separators: &Separators) -> PatternError {
    let pattern = match which {
        Which::Slide => Some(&separators.slide),
        Which::Vertical => separators.vertical.as_ref(),
        Which::Notes => Some(&separators.notes),
    };
    PatternError {
        which,
        pattern: pattern.cloned().unwrap_or_default(),
        why: EMPTY.into(),
    }
}

fn columns(masked: &str, patterns: &Patterns) -> Result<Vec<Column>, Which> {
    let mut columns: Vec<Column> = Vec::new();
    let mut last = 0;
    let mut was_horizontal = true;
    for found in patterns.any.find_iter(masked) {
        let range = found.range();
        let horizontal = patterns.horizontal.find(&masked[range.clone()]).is_some();
        if range.is_empty() {
            let vertical = patterns.vertical && !horizontal;
            return Err(if vertical {
                Which::Vertical
            } else {
                Which::Slide
            });
        }
        if !horizontal && was_horizontal {
            columns.push(Column::Stack(Vec::new()));
        }
        push(
            &mut columns,
            horizontal && was_horizontal,
            slide(masked, last..range.start, patterns)?,
        );
        last = range.end;
        was_horizontal = horizontal;
    }
    let rest = slide(masked, last..masked.len(), patterns)?;
    push(&mut columns, was_horizontal, rest);
    Ok(columns)
}

fn push(columns: &mut Vec<Column>, own_column: bool, slide: Slide) {
    match columns.last_mut() {
        Some(Column::Stack(slides)) if !own_column => slides.push(slide),
        _ => columns.push(Column::Slide(slide)),
    }
}

fn slide(masked: &str, range: Range<usize>, patterns: &Patterns) -> Result<Slide, Which> {
    let mut found = patterns.notes.find_iter(&masked[range.clone()]);
    let slide = match (found.next(), found.next()) {
        (Some(only), None) if !patterns.notes_capture => {
            if only.range().is_empty() {
                return Err(Which::Notes);
            }
            Slide {
                body: range.start..range.start + only.start(),
                notes: Some(range.start + only.end()..range.end),
            }
        }
        _ => Slide {
            body: range,
            notes: None,
        },
    };
    Ok(slide)
}

#[cfg(test)]
mod tests {
    use super::super::{fences, separators::Preset};
    use super::*;

    /// Slides as text: `|` between columns, `/` within a stack, `#` before notes.
    fn show(text: &str, separators: &Separators) -> String {
        let masked = fences::mask(text, &fences::fences(text));
        let columns = split(&masked, separators).unwrap();
        let slide = |slide: &Slide| match &slide.notes {
            Some(notes) => format!("{}#{}", &text[slide.body.clone()], &text[notes.clone()]),
            None => text[slide.body.clone()].to_owned(),
        };
        let column = |column: &Column| match column {
            Column::Slide(only) => slide(only),
            Column::Stack(all) => {
                format!("[{}]", all.iter().map(slide).collect::<Vec<_>>().join("/"))
            }
        };
        columns.iter().map(column).collect::<Vec<_>>().join("|")
    }

    fn reveal(text: &str) -> String {
        show(text, &Separators::reveal())
    }

    #[test]
    fn reveal_needs_no_blank_lines_but_whole_ones() {
        assert_eq!(reveal("A\n---\nB"), "A|B");
        assert_eq!(reveal("A\n----\nB"), "A\n----\nB");
        assert_eq!(reveal("A\n--- \nB"), "A\n--- \nB");
        assert_eq!(reveal("A\n---\n---\nB"), "A|---\nB");
        assert_eq!(reveal("---\nA\n---"), "---\nA\n---");
    }

    #[test]
    fn empty_slides_are_kept() {
        assert_eq!(reveal("\n---\nA"), "|A");
        assert_eq!(reveal("A\n---\n"), "A|");
        assert_eq!(reveal(""), "");
    }

    #[test]
    fn line_endings_are_taken_as_they_are() {
        assert_eq!(reveal("A\r\n---\r\nB"), "A|B");
        assert_eq!(reveal("A\r---\rB"), "A\r---\rB");
    }

    #[test]
    fn stacks_open_at_the_first_vertical_separator() {
        let md = Separators::reveal_md();
        assert_eq!(show("A\n----\nB\n----\nC\n---\nD", &md), "[A/B/C]|D");
        assert_eq!(show("A\n---\nB\n----\nC", &md), "A|[B/C]");
        assert_eq!(show("A\n----\nB\n---\nC\n----\nD", &md), "[A/B]|[C/D]");
    }

    #[test]
    fn mirage_decks_split_on_blank_lines() {
        let text = "# T\n\n\n----\n\n## A\n\n\n## B\n\n\n----\n\n## C";
        let shown = show(text, &Preset::Mirage.separators());
        assert_eq!(shown, "# T\n|[\n## A\n/## B\n]|\n## C");
        let crlf = show(&text.replace('\n', "\r\n"), &Separators::mirage_crlf());
        assert_eq!(crlf.replace("\r\n", "\n"), shown);
    }

    #[test]
    fn notes_are_taken_when_there_is_one() {
        assert_eq!(reveal("A\nNote: n\nm"), "A\n# n\nm");
        assert_eq!(reveal("A\nNOTES: n"), "A\n# n");
        assert_eq!(reveal("A\nsnote: n"), "A\n# n");
        assert_eq!(reveal("A\n note: n"), "A\n note: n");
        assert_eq!(reveal("A\nNote: n\nNote: m"), "A\nNote: n\nNote: m");
        let grouped = Separators {
            notes: "^(Note):".into(),
            ..Separators::reveal()
        };
        assert_eq!(show("A\nNote: n", &grouped), "A\nNote: n");
    }

    #[test]
    fn fences_hold_no_separator() {
        assert_eq!(reveal("```\n---\n```\n---\nB"), "```\n---\n```|B");
        assert_eq!(
            reveal("```\nNote: x\n```\nNote: y"),
            "```\nNote: x\n```\n# y"
        );
        assert_eq!(reveal("```\n---\nB"), "```|B");
    }

    #[test]
    fn a_pattern_that_matches_nothing_at_a_place_is_an_error() {
        let own = |slide: &str| Separators {
            slide: slide.into(),
            ..Separators::reveal()
        };
        let error = split("a\n# b", &own("^(?=#)")).unwrap_err();
        assert_eq!((error.which, error.why.as_str()), (Which::Slide, EMPTY));
        // With a look-ahead the separator alone does not match: vertical, as in reveal.js.
        assert_eq!(show("a\n# b\n# c", &own(r"\n(?=# )")), "[a/# b/# c]");
    }
}
