//! What separates slides: the presets, and patterns of the deck's own.
//!
//! A separator is a JavaScript regular expression, as in reveal.js, where the
//! slide and vertical patterns run with the flags `mg` and the notes pattern
//! with `mgi`. Every deck of the world is written against those semantics, so
//! the patterns are compiled by `regress`, an ECMAScript engine, and not by a
//! crate with a syntax of its own.

use std::fmt;

use regress::{Flags, Regex};

/// Longer patterns are refused: no deck has them, and the compiler recurses.
const MAX_PATTERN_CHARS: usize = 1000;

/// The three patterns that cut a deck into slides and their notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Separators {
    /// Between slides that stand side by side.
    pub slide: String,
    /// Between the slides of a vertical stack.
    pub vertical: Option<String>,
    /// Between a slide and its speaker notes.
    pub notes: String,
}

impl Separators {
    /// The defaults of reveal.js 4.6 to 6.0.
    ///
    /// The notes pattern is the published one: `'^\s*notes?:'` stands in a
    /// JavaScript string there, which turns `\s` into `s`.
    pub fn reveal() -> Self {
        Self {
            slide: r"\r?\n---\r?\n".into(),
            vertical: None,
            notes: "^s*notes?:".into(),
        }
    }

    /// The defaults of reveal-md: reveal.js's, and `----` for vertical slides.
    pub fn reveal_md() -> Self {
        Self {
            vertical: Some(r"\r?\n----\r?\n".into()),
            ..Self::reveal()
        }
    }

    /// The patterns of the MirageOS decks of 2014.
    pub fn mirage() -> Self {
        Self {
            slide: r"^\n\n----\n".into(),
            vertical: Some(r"^\n\n".into()),
            notes: "^Note:".into(),
        }
    }

    /// [`Separators::mirage`] for a deck with CRLF line endings, which the
    /// published patterns never match. `^` holds between a CR and its LF, so
    /// that the start of a line has to be spelt out.
    pub(super) fn mirage_crlf() -> Self {
        Self {
            slide: r"(?<![^\n])\r\n\r\n----\r\n".into(),
            vertical: Some(r"(?<![^\n])\r\n\r\n".into()),
            notes: "^Note:".into(),
        }
    }

    /// Whether the patterns can separate anything.
    pub fn check(&self) -> Result<(), PatternError> {
        Patterns::new(self).map(drop)
    }

    /// The preset these are, if they are one.
    pub fn preset(&self) -> Option<Preset> {
        if *self == Self::mirage_crlf() {
            return Some(Preset::Mirage);
        }
        Preset::ALL
            .into_iter()
            .find(|preset| preset.separators() == *self)
    }
}

/// A named set of separators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// [`Separators::reveal`]
    Reveal,
    /// [`Separators::reveal_md`]
    RevealMd,
    /// [`Separators::mirage`]
    Mirage,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Reveal, Self::RevealMd, Self::Mirage];

    /// The name in `applgen.toml` and front matter.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reveal => "reveal",
            Self::RevealMd => "reveal-md",
            Self::Mirage => "mirage",
        }
    }

    /// The preset of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// Its patterns.
    pub fn separators(self) -> Separators {
        match self {
            Self::Reveal => Separators::reveal(),
            Self::RevealMd => Separators::reveal_md(),
            Self::Mirage => Separators::mirage(),
        }
    }
}

/// Who chose the separators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenBy {
    /// Nobody: they follow from the deck's own lines.
    Inference,
    /// The deck's front matter.
    FrontMatter,
    /// The site's `applgen.toml`.
    Config,
}

/// The separators a deck was split with, and why these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChosenSeparators {
    /// The patterns.
    pub separators: Separators,
    /// Who chose them.
    pub by: ChosenBy,
}

impl ChosenSeparators {
    /// `reveal`, `reveal-md`, `mirage` or `own`.
    pub fn name(&self) -> &'static str {
        self.separators.preset().map_or("own", Preset::name)
    }
}

impl fmt::Display for ChosenSeparators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        f.write_str(match self.by {
            ChosenBy::Inference => " (inferred)",
            ChosenBy::FrontMatter => " (front matter)",
            ChosenBy::Config => " (applgen.toml)",
        })
    }
}

/// Which of the three patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// [`Separators::slide`]
    Slide,
    /// [`Separators::vertical`]
    Vertical,
    /// [`Separators::notes`]
    Notes,
}

impl Which {
    /// As it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slide => "slide separator",
            Self::Vertical => "vertical separator",
            Self::Notes => "notes separator",
        }
    }
}

/// A pattern that cannot separate anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Which pattern.
    pub which: Which,
    /// The pattern.
    pub pattern: String,
    /// Why: what the engine said, or that it matches nothing at all.
    pub why: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the {} `{}` {}",
            self.which.name(),
            self.pattern.escape_debug(),
            self.why
        )
    }
}

/// The patterns, compiled as reveal.js compiles them.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    /// Slide and vertical separator in one alternation, flags `mg`.
    pub any: Regex,
    /// The slide separator alone, without flags: tells which one matched.
    pub horizontal: Regex,
    /// The notes separator, flags `mgi`.
    pub notes: Regex,
    /// Whether there is a vertical separator in `any`.
    pub vertical: bool,
    /// `String.prototype.split` puts groups between the parts, so that a
    /// notes pattern with a group never splits a slide in exactly two.
    pub notes_capture: bool,
}

impl Patterns {
    /// Compiles the three patterns, each checked on its own for the message's sake.
    pub fn new(separators: &Separators) -> Result<Self, PatternError> {
        let vertical = separators.vertical.as_deref().filter(|v| !v.is_empty());
        let horizontal = short(Which::Slide, &separators.slide)?;
        compile(Which::Slide, horizontal, "m")?;
        if let Some(vertical) = vertical {
            compile(Which::Vertical, short(Which::Vertical, vertical)?, "m")?;
        }
        let any = match vertical {
            Some(vertical) => format!("{}|{vertical}", separators.slide),
            None => separators.slide.clone(),
        };
        let notes = short(Which::Notes, &separators.notes)?;
        let notes = compile(Which::Notes, notes, "mi")?;
        Ok(Self {
            any: compile(Which::Vertical, &any, "m")?,
            horizontal: compile(Which::Slide, horizontal, "")?,
            vertical: vertical.is_some(),
            notes_capture: captures(&separators.notes),
            notes,
        })
    }
}

fn short(which: Which, pattern: &str) -> Result<&str, PatternError> {
    if pattern.chars().count() <= MAX_PATTERN_CHARS {
        return Ok(pattern);
    }
    Err(PatternError {
        which,
        pattern: format!("{}…", pattern.chars().take(20).collect::<String>()),
        why: format!("is longer than {MAX_PATTERN_CHARS} characters"),
    })
}

fn compile(which: Which, pattern: &str, flags: &str) -> Result<Regex, PatternError> {
    let error = |why: String| PatternError {
        which,
        pattern: pattern.into(),
        why,
    };
    if pattern.is_empty() {
        return Err(error("is empty".into()));
    }
    let regex = Regex::with_flags(pattern, Flags::from(flags))
        .map_err(|e| error(format!("is not a regular expression: {}", lower(&e.text))))?;
    if regex.find("").is_some() || regex.find("\n").is_some_and(|m| m.range().is_empty()) {
        return Err(error(EMPTY.into()));
    }
    Ok(regex)
}

/// Why a pattern that matches the empty string is refused.
pub(super) const EMPTY: &str = "matches the empty string, so that it separates nothing";

/// Whether a pattern has a capturing group: with one alternative that is
/// empty, it surely matches, and the match has one more group than its own.
fn captures(pattern: &str) -> bool {
    Regex::new(&format!("|(?:{pattern})"))
        .ok()
        .and_then(|regex| regex.find(""))
        .is_some_and(|found| found.groups().count() > 1)
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_lowercase().chain(chars).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(slide: &str) -> String {
        let separators = Separators {
            slide: slide.into(),
            ..Separators::reveal()
        };
        Patterns::new(&separators).unwrap_err().to_string()
    }

    #[test]
    fn patterns_that_cannot_separate_are_refused() {
        assert!(why("(").contains("is not a regular expression"));
        assert!(why("x*").ends_with(EMPTY));
        assert!(why("^").ends_with(EMPTY));
        assert!(why("$").ends_with(EMPTY));
        assert!(why("").ends_with("is empty"));
        assert!(why(&"(".repeat(100_000)).contains("is longer than"));
    }

    #[test]
    fn groups_are_found() {
        assert!(captures("^(Note|Notes):"));
        assert!(captures("a|(?<n>b)"));
        assert!(!captures(r"^(?:Note|\(s\)):"));
    }

    #[test]
    fn presets_are_known_by_name() {
        for preset in Preset::ALL {
            assert_eq!(Preset::from_name(preset.name()), Some(preset));
            assert_eq!(preset.separators().preset(), Some(preset));
            assert!(Patterns::new(&preset.separators()).is_ok());
        }
        assert!(Patterns::new(&Separators::mirage_crlf()).is_ok());
    }
}
