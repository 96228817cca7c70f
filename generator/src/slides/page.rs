//! The pages: a deck in its theme, and the index of several decks.
//!
//! The templates are data, in `templates/slides/`; they are part of the program.

use std::sync::{LazyLock, OnceLock};

use minijinja::{Environment, Value, context};

use super::compact;
use super::deck::Deck;

macro_rules! template {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../templates/slides/",
            $name
        ))
    };
}

const DECK: &str = template!("deck.html");
const INDEX: &str = template!("index.html");
const THEME: &str = template!("theme.css");
const CODE: &str = template!("code.css");
const SCRIPT: &str = template!("deck.js");
const NOT_FOUND: &str = template!("../404.html");

/// Whether the text of a `script` element is the one that every deck has.
pub fn is_deck_script(text: &str) -> bool {
    static TEXT: LazyLock<String> = LazyLock::new(|| compact::script(SCRIPT));
    text.trim() == TEXT.trim()
}

/// What a deck's page needs to know beyond the deck.
#[derive(Debug, Clone, Copy, Default)]
pub struct PageContext<'a> {
    /// The title when the deck has none: the file's stem or the deck's name.
    pub stem: &'a str,
    /// The site's language, a BCP 47 tag, for a deck that does not say its own.
    pub lang: Option<&'a str>,
    /// The absolute URL of the page, when the site has one.
    pub url: Option<&'a str>,
}

/// A deck as a page.
pub fn page(deck: &Deck, page: &PageContext<'_>) -> String {
    let meta = &deck.meta;
    let image = meta.image.as_deref();
    let image = image.and_then(|image| absolute(page.url, image));
    render(
        "deck.html",
        context! {
            title => deck.title(page.stem),
            lang => meta.lang.as_deref().or(page.lang).unwrap_or("en"),
            description => &meta.description,
            image => image,
            base_url => page.url,
            speakers => &meta.speakers,
            date => &meta.date,
            venue => &meta.venue,
            css => &meta.css,
            sections => Value::from_safe_string(deck.sections.clone()),
            columns => deck.columns,
            slides => deck.slides,
            has_code => deck.has_code,
            has_notes => deck.notes > 0,
            theme_css => Value::from_safe_string(compact::css(THEME)),
            code_css => Value::from_safe_string(if deck.has_code {
                compact::css(CODE)
            } else {
                String::new()
            }),
            script => Value::from_safe_string(compact::script(SCRIPT)),
        },
    )
}

/// A deck in the index.
#[derive(Debug, Clone, Default)]
pub struct IndexEntry {
    /// Its title.
    pub title: String,
    /// Where it is, as the index links to it.
    pub path: String,
    /// Who speaks.
    pub speakers: Vec<String>,
    /// When, as written.
    pub date: Option<String>,
    /// Where.
    pub venue: Option<String>,
    /// What about.
    pub description: Option<String>,
    /// How many slides, where that is known.
    pub slides: Option<usize>,
}

impl IndexEntry {
    /// The entry of a rendered deck.
    pub fn of(deck: &Deck, stem: &str, path: impl Into<String>) -> Self {
        Self {
            title: deck.title(stem).to_owned(),
            path: path.into(),
            speakers: deck.meta.speakers.clone(),
            date: deck.meta.date.clone(),
            venue: deck.meta.venue.clone(),
            description: deck.meta.description.clone(),
            slides: Some(deck.slides),
        }
    }
}

/// What the index needs to know beyond its decks.
#[derive(Debug, Clone, Copy, Default)]
pub struct IndexContext<'a> {
    /// The site's title.
    pub title: &'a str,
    /// The language, a BCP 47 tag.
    pub lang: Option<&'a str>,
    /// The absolute URL of the page, when the site has one.
    pub url: Option<&'a str>,
}

/// The page that lists several decks.
pub fn index_page(decks: &[IndexEntry], index: &IndexContext<'_>) -> String {
    let entry = |deck: &IndexEntry| {
        context! {
            title => &deck.title,
            path => &deck.path,
            speakers => &deck.speakers,
            date => &deck.date,
            venue => &deck.venue,
            description => &deck.description,
            slides => deck.slides,
        }
    };
    render(
        "index.html",
        context! {
            title => index.title,
            lang => index.lang.unwrap_or("en"),
            base_url => index.url,
            decks => decks.iter().map(entry).collect::<Vec<_>>(),
            theme_css => Value::from_safe_string(compact::css(THEME)),
        },
    )
}

/// The page for what is not found, where a site has none of its own.
pub fn not_found_page(index: &IndexContext<'_>) -> String {
    render(
        "404.html",
        context! {
            title => index.title,
            lang => index.lang.unwrap_or("en"),
        },
    )
}

/// The templates are ours, and a test renders each; should one fail all the
/// same, the page says so rather than the build stopping in the middle.
fn render(name: &str, context: Value) -> String {
    static TEMPLATES: OnceLock<Environment<'static>> = OnceLock::new();
    let templates = TEMPLATES.get_or_init(|| {
        let mut environment = Environment::new();
        for (name, text) in [
            ("deck.html", DECK),
            ("index.html", INDEX),
            ("404.html", NOT_FOUND),
        ] {
            environment
                .add_template(name, text)
                .unwrap_or_else(|error| panic!("the built-in template `{name}`: {error}"));
        }
        environment
    });
    templates
        .get_template(name)
        .and_then(|template| template.render(context))
        .unwrap_or_else(|error| panic!("the built-in template `{name}`: {error:#}"))
}

/// A URL as others have to spell it: absolute, or not at all.
fn absolute(page: Option<&str>, url: &str) -> Option<String> {
    if url.starts_with("https://") || url.starts_with("http://") {
        return Some(url.to_owned());
    }
    let page = page?;
    let authority = page.find("://")? + 3;
    let origin = page[authority..]
        .find('/')
        .map_or(page.len(), |at| authority + at);
    if let Some(rest) = url.strip_prefix("//") {
        return Some(format!("{}//{rest}", &page[..authority - 2]));
    }
    if url.starts_with('/') {
        return Some(format!("{}{url}", &page[..origin]));
    }
    let path = page[origin..].split(['?', '#']).next().unwrap_or_default();
    let mut segments: Vec<&str> = path.split('/').skip(1).collect();
    segments.pop();
    for segment in url.split('/') {
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    Some(format!("{}/{}", &page[..origin], segments.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_made_absolute() {
        let page = Some("https://a.org/talks/one/");
        let joined = |url| absolute(page, url).unwrap();
        assert_eq!(joined("x.png"), "https://a.org/talks/one/x.png");
        assert_eq!(joined("./../x.png"), "https://a.org/talks/x.png");
        assert_eq!(joined("../../../x.png"), "https://a.org/x.png");
        assert_eq!(joined("/x.png"), "https://a.org/x.png");
        assert_eq!(joined("//b.org/x"), "https://b.org/x");
        assert_eq!(joined("http://b.org/x"), "http://b.org/x");
        assert_eq!(
            absolute(Some("https://a.org"), "x").unwrap(),
            "https://a.org/x"
        );
        assert_eq!(absolute(None, "x.png"), None);
    }
}
