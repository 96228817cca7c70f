//! Front matter: what a deck says about itself before its first slide.
//!
//! YAML between `---` lines, or TOML between `+++` lines, at the very top. A
//! deck may also *begin* with a line of `---`, so that YAML counts only when it
//! is a mapping, or plainly wants to be one.

mod toml;
mod tree;
mod yaml;

use std::ops::Range;

use super::deck::{Meta, Notes};
use super::separators::{Preset, Which};
use crate::report::{Diagnostic, Diagnostics, Place, SourceText, did_you_mean};
use tree::{Entry, Node, SyntaxError, Value};

/// Keys that reveal-md and other tools read and this one has no use for.
const UNUSED: [&str; 22] = [
    "theme",
    "highlightTheme",
    "revealOptions",
    "scripts",
    "template",
    "listingTemplate",
    "preprocessor",
    "transition",
    "printSize",
    "assetsDir",
    "assetDir",
    "static",
    "staticDirs",
    "absoluteUrl",
    "featuredSlide",
    "favicon",
    "glob",
    "host",
    "port",
    "watch",
    "puppeteerLaunchArgs",
    "puppeteerChromiumExecutable",
];

/// Keys that mean something.
const USED: [&str; 21] = [
    "title",
    "speaker",
    "speakers",
    "author",
    "authors",
    "date",
    "venue",
    "description",
    "lang",
    "language",
    "image",
    "css",
    "separator",
    "verticalSeparator",
    "vertical-separator",
    "notesSeparator",
    "notes-separator",
    "separators",
    "notes",
    "event",
    "summary",
];

/// Every key that means something.
pub fn keys() -> &'static [&'static str] {
    &USED
}

/// What front matter said.
#[derive(Debug, Default)]
pub(super) struct FrontMatter {
    pub meta: Meta,
    /// Where the URLs of `meta.css` and `meta.image` stand.
    pub css_places: Vec<Range<usize>>,
    pub image_place: Option<Range<usize>>,
    pub preset: Option<Preset>,
    pub slide: Option<(String, Range<usize>)>,
    pub vertical: Option<(String, Range<usize>)>,
    pub notes_pattern: Option<(String, Range<usize>)>,
    pub notes: Option<Notes>,
    /// Where the slides begin.
    pub body: usize,
}

impl FrontMatter {
    /// Where a pattern of the deck's own stands.
    pub fn place_of(&self, which: Which) -> Option<Range<usize>> {
        let pattern = match which {
            Which::Slide => &self.slide,
            Which::Vertical => &self.vertical,
            Which::Notes => &self.notes_pattern,
        };
        pattern.as_ref().map(|(_, span)| span.clone())
    }
}

/// Reads the front matter of a deck; without one, everything is slides.
pub(super) fn read(source: &SourceText, diagnostics: &mut Diagnostics) -> FrontMatter {
    let text = source.text();
    let top = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let nothing = FrontMatter {
        body: top,
        ..FrontMatter::default()
    };
    let Some(block) = Block::find(text, top) else {
        return nothing;
    };
    let inner = &text[block.inner.clone()];
    let parsed = match block.language {
        Language::Yaml => yaml::parse(inner, block.inner.start),
        Language::Toml => toml::parse(inner, block.inner.start),
    };
    let entries = match parsed {
        Ok(Node {
            value: Value::Map(entries),
            ..
        }) => entries,
        Err(SyntaxError { message, at }) if block.language == Language::Toml || wants(inner) => {
            diagnostics.push(
                Diagnostic::error(format!("the front matter does not parse: {message}"))
                    .at(Place::span_of(source, at))
                    .hint(
                        "put text that holds `:`, `[` or `\"` into quotes: `title: \"One: two\"`",
                    ),
            );
            return FrontMatter {
                body: block.body,
                ..nothing
            };
        }
        _ => return nothing,
    };
    let mut reader = Reader {
        source,
        diagnostics,
        found: FrontMatter {
            body: block.body,
            ..nothing
        },
    };
    reader.read(entries);
    reader.found
}

/// Whether a block that is no YAML was meant to be: its first line that is not
/// blank or a comment looks like `key:`.
fn wants(block: &str) -> bool {
    let first = block
        .lines()
        .map(str::trim_end)
        .find(|line| !line.is_empty() && !line.starts_with('#'));
    first
        .and_then(|line| line.split_once(':'))
        .is_some_and(|(key, rest)| {
            key.starts_with(|c: char| c.is_ascii_alphabetic())
                && key
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
                && (rest.is_empty() || rest.starts_with(' '))
        })
}

#[derive(Clone, Copy, PartialEq)]
enum Language {
    Yaml,
    Toml,
}

struct Block {
    language: Language,
    inner: Range<usize>,
    body: usize,
}

impl Block {
    /// The lines between the first line and the next one like it.
    fn find(text: &str, top: usize) -> Option<Self> {
        let first = text[top..].split_inclusive('\n').next()?;
        let (language, fence) = match first.trim_end() {
            "---" => (Language::Yaml, "---"),
            "+++" => (Language::Toml, "+++"),
            _ => return None,
        };
        let start = top + first.len();
        let mut at = start;
        for line in text[start..].split_inclusive('\n') {
            if line.trim_end() == fence {
                return Some(Self {
                    language,
                    inner: start..at,
                    body: at + line.len(),
                });
            }
            at += line.len();
        }
        None
    }
}

struct Reader<'a> {
    source: &'a SourceText,
    diagnostics: &'a mut Diagnostics,
    found: FrontMatter,
}

impl Reader<'_> {
    fn read(&mut self, entries: Vec<Entry>) {
        let mut unused = Vec::new();
        for entry in entries {
            if UNUSED.contains(&entry.key.as_str()) {
                unused.push((entry.key, entry.key_span));
                continue;
            }
            self.entry(entry);
        }
        if let Some((_, span)) = unused.first() {
            let names: Vec<String> = unused.iter().map(|(key, _)| format!("`{key}`")).collect();
            let note = format!(
                "{} in the front matter {} not used: the deck is finished at build time, with the built-in theme",
                names.join(", "),
                if names.len() == 1 { "is" } else { "are" }
            );
            let place = Place::span_of(self.source, span.clone());
            self.diagnostics.push(Diagnostic::note(note).at(place));
        }
    }

    fn entry(&mut self, entry: Entry) {
        let Entry {
            key,
            key_span,
            value,
        } = entry;
        match key.as_str() {
            "title" => self.found.meta.title = self.text(&key, value).map(|t| t.0),
            "speaker" | "speakers" | "author" | "authors" => {
                let names = self.texts(&key, value).into_iter().map(|t| t.0);
                self.found.meta.speakers.extend(names);
            }
            "date" => self.found.meta.date = self.text(&key, value).map(|t| t.0),
            "venue" | "event" => self.found.meta.venue = self.text(&key, value).map(|t| t.0),
            "description" | "summary" => {
                self.found.meta.description = self.text(&key, value).map(|t| t.0);
            }
            "lang" | "language" => self.lang(&key, value),
            "image" => {
                if let Some((url, span)) = self.text(&key, value) {
                    self.found.meta.image = Some(url);
                    self.found.image_place = Some(span);
                }
            }
            "css" => {
                for (list, span) in self.texts(&key, value) {
                    // reveal-md takes several in one text, between commas.
                    for url in list.split(',').map(str::trim).filter(|url| !url.is_empty()) {
                        self.found.meta.css.push(url.to_owned());
                        self.found.css_places.push(span.clone());
                    }
                }
            }
            "separator" => self.found.slide = self.text(&key, value),
            "verticalSeparator" | "vertical-separator" => {
                self.found.vertical = self.text(&key, value);
            }
            "notesSeparator" | "notes-separator" => {
                self.found.notes_pattern = self.text(&key, value);
            }
            "separators" => {
                let names = Preset::ALL.map(Preset::name);
                self.found.preset = self.choice(&key, value, &names, Preset::from_name);
            }
            "notes" => {
                let choose = |word: &str| match word {
                    "include" | "true" => Some(Notes::Include),
                    "exclude" | "false" => Some(Notes::Exclude),
                    _ => None,
                };
                self.found.notes = self.choice(&key, value, &["include", "exclude"], choose);
            }
            _ => self.unknown(&key, key_span),
        }
    }

    fn unknown(&mut self, key: &str, span: Range<usize>) {
        let mut warning = Diagnostic::warning(format!("unknown key `{key}` in the front matter"))
            .at(Place::span_of(self.source, span));
        let known = USED.into_iter().chain(UNUSED);
        if let Some(close) = did_you_mean(key, known) {
            warning = warning.hint(format!("did you mean `{close}`?"));
        }
        self.diagnostics.push(warning);
    }

    fn error(&mut self, message: String, span: Range<usize>) {
        self.diagnostics
            .push(Diagnostic::error(message).at(Place::span_of(self.source, span)));
    }

    /// A text; nothing for a key without a value.
    fn text(&mut self, key: &str, node: Node) -> Option<(String, Range<usize>)> {
        match node.value {
            Value::Text(text) => Some((text, node.span)),
            Value::Null => None,
            Value::Alias => {
                self.alias(node.span);
                None
            }
            Value::List(_) | Value::Map(_) => {
                self.error(
                    format!("`{key}` in the front matter is not a text"),
                    node.span,
                );
                None
            }
        }
    }

    /// One text or a list of them; an entry may be a mapping with a `name`.
    fn texts(&mut self, key: &str, node: Node) -> Vec<(String, Range<usize>)> {
        let Value::List(items) = node.value else {
            return self.one(key, node).into_iter().collect();
        };
        items
            .into_iter()
            .filter_map(|item| self.one(key, item))
            .collect()
    }

    fn one(&mut self, key: &str, node: Node) -> Option<(String, Range<usize>)> {
        match node.value {
            Value::Map(entries) if entries.iter().any(|entry| entry.key == "name") => entries
                .into_iter()
                .find(|entry| entry.key == "name")
                .and_then(|entry| self.text(key, entry.value)),
            _ => self.text(key, node),
        }
    }

    fn choice<T>(
        &mut self,
        key: &str,
        node: Node,
        words: &[&str],
        choose: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let (text, span) = self.text(key, node)?;
        let chosen = choose(&text);
        if chosen.is_none() {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            self.error(
                format!("`{key}` is `{text}`, which is none of {}", words.join(", ")),
                span,
            );
        }
        chosen
    }

    fn lang(&mut self, key: &str, node: Node) {
        let Some((lang, span)) = self.text(key, node) else {
            return;
        };
        // The characters of a BCP 47 tag; what they mean is the browser's affair.
        let well_formed = !lang.is_empty()
            && lang.len() <= 64
            && lang.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if well_formed {
            self.found.meta.lang = Some(lang);
        } else {
            self.error(
                format!(
                    "`{}` is not a language tag such as `en` or `pt-BR`",
                    lang.escape_debug()
                ),
                span,
            );
        }
    }

    fn alias(&mut self, span: Range<usize>) {
        self.error(
            "aliases are not expanded in front matter; write the value out".into(),
            span,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Level;

    fn told(text: &str) -> (FrontMatter, Vec<(Level, String)>) {
        let source = SourceText::new("talk.md", text);
        let mut diagnostics = Diagnostics::new();
        let found = read(&source, &mut diagnostics);
        let told = diagnostics.iter().map(|d| (d.level, d.render(false)));
        (found, told.collect())
    }

    #[test]
    fn yaml_and_toml_say_the_same() {
        let (yaml, none) = told(
            "\u{feff}---\r\ntitle: T\r\nspeakers:\r\n- A\r\n- name: B\r\nseparators: reveal-md\r\ncss: a.css,b.css\r\nnotes: exclude\r\n---\r\nX",
        );
        assert!(none.is_empty(), "{none:?}");
        let (toml, none) = told(
            "+++\ntitle = 'T'\nauthors = ['A', { name = 'B' }]\nseparators = 'reveal-md'\ncss = ['a.css', 'b.css']\nnotes = 'exclude'\n+++\nX",
        );
        assert!(none.is_empty(), "{none:?}");
        assert_eq!(yaml.meta, toml.meta);
        assert_eq!(yaml.meta.speakers, ["A", "B"]);
        assert_eq!(yaml.meta.css, ["a.css", "b.css"]);
        assert_eq!(yaml.preset, Some(Preset::RevealMd));
        assert_eq!(toml.notes, Some(Notes::Exclude));
    }

    #[test]
    fn a_deck_may_begin_with_a_separator() {
        for text in [
            "---\n# One\n---\n# Two\n",
            "---\n---\nB",
            "---\nplain words\n---\n",
            "---\n- a: [\n---\n",
            "---\ntitle: x\n",
            "--- \nA",
            "",
        ] {
            let (found, told) = told(text);
            assert_eq!((found.body, told.len()), (0, 0), "{text:?}");
        }
    }

    #[test]
    fn what_does_not_parse_is_an_error_with_its_place() {
        let (_, errors) = told("---\ntitle: a\nspeakers: [A, B\n---\n# x\n");
        assert_eq!(errors[0].0, Level::Error);
        assert!(errors[0].1.contains("talk.md:"), "{}", errors[0].1);
        let (_, errors) = told("+++\ntitle = \n+++\n");
        assert!(errors[0].1.contains("talk.md:2:9"), "{}", errors[0].1);
    }

    #[test]
    fn odd_keys_and_values_are_told() {
        let (_, diagnostics) = told(
            "---\ntitle: [a]\nspeeker: x\ntheme: black\nrevealOptions: {}\nseparators: other\nlang: 'a\"b'\n---\n",
        );
        let texts: Vec<&str> = diagnostics.iter().map(|(_, text)| text.as_str()).collect();
        let has = |part: &str| texts.iter().any(|text| text.contains(part));
        assert!(
            has("`title` in the front matter is not a text"),
            "{texts:#?}"
        );
        assert!(has("did you mean `speaker`?"));
        assert!(has(
            "`theme`, `revealOptions` in the front matter are not used"
        ));
        assert!(has("`separators` is `other`"));
        assert!(has("is not a language tag"));
        assert_eq!(diagnostics.len(), 5);
    }
}
