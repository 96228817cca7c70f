//! What goes into the renderer and what comes out of it.

use super::rewrite::Slot;
use super::separators::{ChosenSeparators, Separators};
use crate::report::Place;

/// How a site wants its decks rendered; `applgen.toml` says it.
#[derive(Debug, Clone, Default)]
pub struct SlideOptions {
    /// The separators; inferred from the deck when absent. The deck's own
    /// front matter wins over them.
    pub separators: Option<Separators>,
    /// Whether speaker notes go into the image. A deck can leave its own out,
    /// not back in.
    pub notes: Notes,
}

/// What becomes of speaker notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notes {
    /// They are part of the page, for the speaker's view.
    #[default]
    Include,
    /// They are in no byte of what is served.
    Exclude,
}

/// What a deck says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meta {
    /// The title; see also [`Deck::title`].
    pub title: Option<String>,
    /// Who speaks, in order.
    pub speakers: Vec<String>,
    /// When, as written.
    pub date: Option<String>,
    /// Where.
    pub venue: Option<String>,
    /// What about, in a sentence.
    pub description: Option<String>,
    /// The language, a BCP 47 tag.
    pub lang: Option<String>,
    /// Style sheets of the deck's own.
    pub css: Vec<String>,
    /// The picture that stands for the deck where it is shared.
    pub image: Option<String>,
}

/// A rendered deck.
#[derive(Debug, Clone)]
pub struct Deck {
    /// What it says about itself.
    pub meta: Meta,
    /// The HTML of everything inside `.slides`.
    pub sections: String,
    /// How many slides stand side by side.
    pub columns: usize,
    /// How many slides there are in all.
    pub slides: usize,
    /// How it was split, and why so.
    pub separators: ChosenSeparators,
    /// Every URL in it, in the order of the slides.
    pub references: Vec<Reference>,
    /// The ids of its elements, which `#…` links lead to.
    pub ids: Vec<String>,
    /// Whether any slide holds a code block.
    pub has_code: bool,
    /// How many slides have speaker notes in `sections`.
    pub notes: usize,
    /// The text of the first heading.
    pub(super) first_heading: Option<String>,
    /// Where the URLs stand in `sections`.
    pub(super) slots: Vec<Slot>,
}

impl Deck {
    /// The front matter's title, else the first heading, else what the caller
    /// knows the deck by.
    pub fn title<'a>(&'a self, fallback: &'a str) -> &'a str {
        let own = self.meta.title.as_deref().map(str::trim);
        own.filter(|title| !title.is_empty())
            .or(self.first_heading.as_deref())
            .unwrap_or(fallback)
    }
}

/// A URL that a deck refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The URL as the page has it: percent-encoded, HTML-decoded.
    pub url: String,
    /// Where it is written.
    pub place: Place,
    /// What loads it.
    pub kind: ReferenceKind,
}

/// What loads a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceKind {
    /// A picture.
    Image,
    /// Something a reader may follow.
    Link,
    /// A script.
    Script,
    /// A style sheet, or what one imports.
    Style,
    /// Sound, video, or a text track.
    Media,
    /// A page within the page, or an object.
    Frame,
}
