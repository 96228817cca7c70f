//! How the generator speaks to people: diagnostics that say what, where, why
//! and what to do.
//!
//! Everything here goes to standard error; standard output is for data. The
//! form is the compiler's: a lower-case sentence without a full stop, the place
//! with the line it stands on, and after a blank line a `hint:`.

mod source;

pub use source::{Place, SourceText};

use annotate_snippets::{AnnotationKind, Group, Level as Style, Renderer, Snippet};

/// How serious a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing; nothing is wrong.
    Note,
    /// Suspicious, and the build goes on.
    Warning,
    /// The site is at fault, and nothing is written.
    Error,
}

/// One thing to tell: what, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How serious it is.
    pub level: Level,
    /// What is wrong and why: lower case, no full stop, names in backticks.
    pub message: String,
    /// Where: a file, and within it a range of bytes where one is known.
    pub place: Option<Place>,
    /// What to do.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without place or hint.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Self {
            level,
            message: message.into(),
            place: None,
            hint: None,
        }
    }

    /// Something that stops the build.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Level::Error, message)
    }

    /// Something that `check` fails on and `build` tells.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Level::Warning, message)
    }

    /// Something worth knowing.
    pub fn note(message: impl Into<String>) -> Self {
        Self::new(Level::Note, message)
    }

    /// The same, at a place.
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same, with advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The diagnostic as text of several lines, with colours when `colour`.
    pub fn render(&self, colour: bool) -> String {
        let style = match self.level {
            Level::Error => Style::ERROR,
            Level::Warning => Style::WARNING,
            Level::Note => Style::NOTE,
        };
        let mut group = Group::with_title(style.primary_title(&self.message));
        if let Some(place) = &self.place {
            group = match place.lines() {
                Some(lines) => group.element(
                    Snippet::source(lines.text)
                        .line_start(lines.first)
                        .path(place.source().path())
                        .annotation(AnnotationKind::Primary.span(lines.span)),
                ),
                None => group.element(annotate_snippets::Origin::path(place.source().path())),
            };
        }
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut text = renderer.render(&[group]);
        if let Some(hint) = &self.hint {
            text.push_str("\n\nhint: ");
            text.push_str(hint);
        }
        text
    }
}

/// What went wrong has been told already, as diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told;

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

/// The diagnostics of one run, in the order they were found.
#[derive(Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one, unless the very same was said before.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.list.contains(&diagnostic) {
            self.list.push(diagnostic);
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// How many there are of one level.
    pub fn count(&self, level: Level) -> usize {
        self.list.iter().filter(|d| d.level == level).count()
    }

    /// Whether anything stops the build.
    pub fn has_errors(&self) -> bool {
        self.count(Level::Error) > 0
    }
}

impl Extend<Diagnostic> for Diagnostics {
    fn extend<T: IntoIterator<Item = Diagnostic>>(&mut self, iter: T) {
        for diagnostic in iter {
            self.push(diagnostic);
        }
    }
}

/// More warnings than this are counted, not shown, where a build tells them.
const SHOWN_AT_MOST: usize = 20;

/// Prints one diagnostic to standard error, in colour where that is wanted.
pub fn tell(diagnostic: &Diagnostic) {
    use std::io::Write;
    let mut out = anstream::stderr();
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(out, "{}\n", diagnostic.render(true));
}

/// Says how something went, in a line on standard error.
pub fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(anstream::stderr(), "{line}");
}

/// Prints all that was found: errors in full, the rest up to a number that can
/// be read; `all` shows everything.
pub fn tell_all(diagnostics: &Diagnostics, all: bool) {
    let mut left = if all { usize::MAX } else { SHOWN_AT_MOST };
    let mut hidden = 0;
    for diagnostic in diagnostics.iter() {
        if diagnostic.level == Level::Error {
            tell(diagnostic);
        } else if left > 0 {
            left -= 1;
            tell(diagnostic);
        } else {
            hidden += 1;
        }
    }
    if hidden > 0 {
        tell(
            &Diagnostic::note(format!("{hidden} more like these"))
                .hint("`applgen check` shows all"),
        );
    }
}

/// The candidate closest to `word`, when one is close enough to be what was meant.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_where_and_hint_are_told() {
        let source = SourceText::new("talk.md", "# One\n\n![x](missing.png)\n");
        let text = Diagnostic::warning("`missing.png` is not in the site")
            .at(Place::span_of(&source, 12..23))
            .hint("did you mean `present.png`?")
            .render(false);
        assert!(
            text.starts_with("warning: `missing.png` is not in the site\n"),
            "{text}"
        );
        assert!(text.contains("talk.md:3:6"), "{text}");
        assert!(
            text.ends_with("\n\nhint: did you mean `present.png`?"),
            "{text}"
        );
    }

    #[test]
    fn close_words_are_offered_and_far_ones_are_not() {
        assert_eq!(
            did_you_mean("sepparator", ["separator", "notes"]),
            Some("separator")
        );
        assert_eq!(did_you_mean("zzz", ["separator", "notes"]), None);
    }
}
