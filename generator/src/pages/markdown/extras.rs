//! A site's own syntaxes and colour themes for its code, as syntect reads them:
//! `.sublime-syntax`, `.tmTheme`, and themes of Visual Studio Code. TextMate
//! grammars are another language of patterns, and are named as not read.

use std::{collections::BTreeMap, io::Cursor, ops::Range, str::FromStr};

use serde_json::Value;
use syntect::{
    highlighting::{Color, FontStyle, ScopeSelectors, StyleModifier, Theme, ThemeItem, ThemeSet},
    parsing::{SyntaxReference, SyntaxSet, SyntaxSetBuilder, syntax_definition::SyntaxDefinition},
};

use crate::{
    pages::{files::Files, settings::Settings},
    report::{Diagnostic, Diagnostics, Level, Place, SourceText},
    site::SourceFile,
    slides, yaml,
};

/// Larger files are no syntax and no theme.
const MAX_BYTES: u64 = 4 << 20;
/// Deeper nesting in a `.tmTheme` is refused.
const MAX_DEPTH: usize = 32;

/// A path in the configuration, and where it stands there.
pub type Named = (String, Range<usize>);

/// What a site has of its own.
#[derive(Debug, Default)]
pub struct Extras {
    syntaxes: Option<SyntaxSet>,
    /// By [`plain`] name.
    themes: BTreeMap<String, Theme>,
}

impl Extras {
    /// The syntax of a language, and the set that it belongs to.
    pub fn syntax(&self, language: &str) -> Option<(&SyntaxSet, &SyntaxReference)> {
        let set = self.syntaxes.as_ref()?;
        let found = set.find_syntax_by_token(language)?;
        (found.name != "Plain Text").then_some((set, found))
    }

    /// The theme of that name.
    pub fn theme(&self, name: &str) -> Option<&Theme> {
        self.themes.get(&plain(name))
    }
}

/// A name's letters and digits, all small.
pub fn plain(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// Files that the configuration names, folders with all that is in them.
fn files<'f>(named: &Named, files: &'f Files) -> Result<Vec<&'f SourceFile>, String> {
    let (path, _) = named;
    if let Some(file) = files.search(path)? {
        return Ok(vec![file]);
    }
    let folder = path.trim_matches('/').trim_start_matches("./");
    let theme = files.theme_directory(folder);
    let found: Vec<_> = std::iter::once(folder)
        .chain(theme.as_deref())
        .flat_map(|folder| files.below(folder).map(|(_, file)| file))
        .filter(|file| kind(file) != Kind::Other)
        .collect();
    match found.is_empty() {
        true => Err(format!(
            "there is no file and no folder `{path}` in the site"
        )),
        false => Ok(found),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Syntax,
    Theme,
    Json,
    TextMate,
    Other,
}

fn kind(file: &SourceFile) -> Kind {
    let name = file.relative.to_string_lossy().to_ascii_lowercase();
    match name.rsplit('.').next() {
        Some("sublime-syntax") => Kind::Syntax,
        Some("tmtheme") => Kind::Theme,
        Some("tmlanguage") => Kind::TextMate,
        Some("json") => Kind::Json,
        _ => Kind::Other,
    }
}

/// The text of every file that is named, for telling whether one has changed.
pub fn texts(settings: &Settings, site: &Files, limit_bytes: u64) -> Vec<Vec<u8>> {
    let highlighting = settings.markdown.highlighting.iter();
    highlighting
        .flat_map(|highlighting| &highlighting.named)
        .flat_map(|named| files(named, site).unwrap_or_default())
        .map(|file| file.read(limit_bytes.min(MAX_BYTES)).unwrap_or_default())
        .collect()
}

/// Reads all that the configuration names. What cannot be read is told once, at
/// the place that names it.
pub fn load(
    named: &[Named],
    site: &Files,
    source: &SourceText,
    diagnostics: &mut Diagnostics,
) -> Extras {
    let mut extras = Extras::default();
    let mut syntaxes = Vec::new();
    for name in named {
        let tell = |diagnostics: &mut Diagnostics, level, message: String, hint: &str| {
            diagnostics.push(
                Diagnostic::new(level, message)
                    .at(Place::span_of(source, name.1.clone()))
                    .hint(hint),
            );
        };
        let found = match files(name, site) {
            Ok(found) => found,
            Err(why) => {
                tell(
                    diagnostics,
                    Level::Error,
                    why,
                    "paths are below the site directory",
                );
                continue;
            }
        };
        for file in found {
            let shown = &file.shown;
            let bytes = match file.read(MAX_BYTES) {
                Ok(bytes) => bytes,
                Err(_) => {
                    let why = format!("`{shown}` cannot be read, or is larger than 4 MiB");
                    tell(
                        diagnostics,
                        Level::Error,
                        why,
                        "no syntax and no theme is so large",
                    );
                    continue;
                }
            };
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_start_matches('\u{feff}');
            let stem = file.relative.file_stem().unwrap_or_default();
            let stem = stem.to_string_lossy();
            let read = match kind(file) {
                Kind::Syntax => syntax(text, &stem).map(|syntax| syntaxes.push(syntax)),
                Kind::Theme => text_mate_theme(text).map(|theme| extras.keep(&stem, theme)),
                Kind::Json => match serde_json::from_str::<Value>(text) {
                    Ok(json) if json.get("patterns").is_some() => is_grammar(
                        json.get("name").and_then(Value::as_str).unwrap_or(&stem),
                        shown,
                        |message, hint| tell(diagnostics, Level::Warning, message, hint),
                    ),
                    Ok(json) => code_theme(&json).map(|theme| extras.keep(&stem, theme)),
                    Err(error) => Err(error.to_string()),
                },
                Kind::TextMate => is_grammar(&stem, shown, |message, hint| {
                    tell(diagnostics, Level::Warning, message, hint);
                }),
                Kind::Other => Err("its name says neither".to_owned()),
            };
            if let Err(why) = read {
                tell(
                    diagnostics,
                    Level::Error,
                    format!("`{shown}` is no syntax and no theme: {why}"),
                    "`.sublime-syntax`, `.tmTheme`, and a theme of Visual Studio Code as `.json` are read",
                );
            }
        }
    }
    if !syntaxes.is_empty() {
        extras.syntaxes = Some(linked(syntaxes));
    }
    extras
}

fn is_grammar(name: &str, shown: &str, tell: impl FnOnce(String, &str)) -> Result<(), String> {
    tell(
        format!(
            "`{shown}` is a TextMate grammar, which is not read: code in `{name}` has no colours, unless a built-in syntax has that name"
        ),
        "name a `.sublime-syntax` file of the language in its place",
    );
    Ok(())
}

impl Extras {
    fn keep(&mut self, stem: &str, theme: Theme) {
        if let Some(name) = &theme.name {
            self.themes.insert(plain(name), theme.clone());
        }
        self.themes.insert(plain(stem), theme);
    }
}

/// Alone, unless they refer to built-in ones: linking those takes a while.
fn linked(syntaxes: Vec<SyntaxDefinition>) -> SyntaxSet {
    let mut alone = SyntaxSetBuilder::new();
    alone.add_plain_text_syntax();
    for syntax in &syntaxes {
        alone.add(syntax.clone());
    }
    let alone = alone.build();
    if alone.find_unlinked_contexts().is_empty() {
        return alone;
    }
    let mut all = slides::syntaxes().clone().into_builder();
    for syntax in syntaxes {
        all.add(syntax);
    }
    all.build()
}

fn syntax(text: &str, stem: &str) -> Result<SyntaxDefinition, String> {
    let root = yaml::parse(text, 0).map_err(|error| error.message)?;
    let root = root.ok_or("it is empty")?;
    if has_alias(&root) {
        return Err("an alias (`*name`) is not expanded".into());
    }
    if let Some(name) = circle(&root) {
        return Err(format!("its context `{name}` includes itself"));
    }
    SyntaxDefinition::load_from_str(text, true, Some(stem)).map_err(|error| error.to_string())
}

fn has_alias(node: &yaml::Node) -> bool {
    match &node.value {
        yaml::Value::Alias => true,
        yaml::Value::Scalar { .. } => false,
        yaml::Value::List(items) => items.iter().any(has_alias),
        yaml::Value::Map(entries) => entries
            .iter()
            .any(|(key, value)| has_alias(key) || has_alias(value)),
    }
}

/// A context that includes itself, if only by way of others. What is pushed is
/// entered when something fits; what is included is looked into without an end.
fn circle(root: &yaml::Node) -> Option<String> {
    let contexts = entry(root, "contexts")?;
    let yaml::Value::Map(contexts) = &contexts.value else {
        return None;
    };
    let mut includes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, context) in contexts {
        let (Some(name), yaml::Value::List(items)) = (text_of(name), &context.value) else {
            continue;
        };
        let inner = items
            .iter()
            .filter_map(|item| text_of(entry(item, "include")?));
        includes.insert(name, inner.collect());
    }
    // Those that include nothing which is left fall away; what stays is circles.
    loop {
        let before = includes.len();
        let ends: Vec<&str> = includes
            .iter()
            .filter(|(_, inner)| !inner.iter().any(|name| includes.contains_key(name)))
            .map(|(name, _)| *name)
            .collect();
        for name in ends {
            includes.remove(name);
        }
        if includes.len() == before {
            return includes.keys().next().map(|name| (*name).to_owned());
        }
    }
}

fn entry<'n>(node: &'n yaml::Node, key: &str) -> Option<&'n yaml::Node> {
    match &node.value {
        yaml::Value::Map(entries) => entries
            .iter()
            .find(|(name, _)| text_of(name) == Some(key))
            .map(|(_, value)| value),
        _ => None,
    }
}

fn text_of(node: &yaml::Node) -> Option<&str> {
    match &node.value {
        yaml::Value::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

fn text_mate_theme(text: &str) -> Result<Theme, String> {
    let mut depth = 0_usize;
    for (at, _) in text.match_indices('<') {
        let rest = &text[at..];
        if rest.starts_with("<dict>") || rest.starts_with("<array>") {
            depth += 1;
        } else if rest.starts_with("</dict>") || rest.starts_with("</array>") {
            depth = depth.saturating_sub(1);
        }
        if depth > MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} levels deep"));
        }
    }
    ThemeSet::load_from_reader(&mut Cursor::new(text)).map_err(|error| error.to_string())
}

/// A theme of Visual Studio Code.
fn code_theme(json: &Value) -> Result<Theme, String> {
    let rules = json.get("tokenColors").and_then(Value::as_array);
    let rules = rules.ok_or("it has no list `tokenColors`")?;
    let colours = json.get("colors").unwrap_or(&Value::Null);
    let mut theme = Theme {
        name: json.get("name").and_then(Value::as_str).map(str::to_owned),
        ..Theme::default()
    };
    theme.settings.background = colour(colours, "editor.background");
    theme.settings.foreground = colour(colours, "editor.foreground");
    for rule in rules {
        let Some(style) = rule.get("settings") else {
            continue;
        };
        let (foreground, background) = (colour(style, "foreground"), colour(style, "background"));
        let scopes: Vec<&str> = match rule.get("scope") {
            Some(Value::String(scopes)) => scopes.split(',').collect(),
            Some(Value::Array(scopes)) => scopes.iter().filter_map(Value::as_str).collect(),
            // For everything, unless the editor has a colour for that.
            _ => {
                theme.settings.foreground = theme.settings.foreground.or(foreground);
                theme.settings.background = theme.settings.background.or(background);
                continue;
            }
        };
        // One that is no scope of syntect's would spoil those beside it.
        let scopes: Vec<&str> = scopes
            .into_iter()
            .map(str::trim)
            .filter(|scope| !scope.is_empty() && ScopeSelectors::from_str(scope).is_ok())
            .collect();
        let Ok(scope) = ScopeSelectors::from_str(&scopes.join(", ")) else {
            continue;
        };
        if !scopes.is_empty() {
            theme.scopes.push(ThemeItem {
                scope,
                style: StyleModifier {
                    foreground,
                    background,
                    font_style: style.get("fontStyle").and_then(Value::as_str).map(font),
                },
            });
        }
    }
    Ok(theme)
}

fn font(words: &str) -> FontStyle {
    words
        .split_whitespace()
        .map(|word| match word {
            "bold" => FontStyle::BOLD,
            "italic" => FontStyle::ITALIC,
            "underline" => FontStyle::UNDERLINE,
            _ => FontStyle::empty(),
        })
        .fold(FontStyle::empty(), |all, one| all | one)
}

/// `#rgb`, `#rrggbb` or `#rrggbbaa`.
fn colour(of: &Value, key: &str) -> Option<Color> {
    let digits = of.get(key)?.as_str()?.strip_prefix('#')?;
    let long: String = match digits.len() {
        3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
        _ => digits.to_owned(),
    };
    let number = u32::from_str_radix(&long, 16).ok()?;
    let [r, g, b, a] = match long.len() {
        6 => ((number << 8) | 0xff).to_be_bytes(),
        8 => number.to_be_bytes(),
        _ => return None,
    };
    Some(Color { r, g, b, a })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SYNTAX: &str = "%YAML 1.2\n---\nname: Toy\nfile_extensions: [toy]\nscope: source.toy\ncontexts:\n  main:\n    - match: '\\b(let)\\b'\n      scope: keyword.toy\n";

    #[test]
    fn a_syntax_is_read_and_found_by_its_extension() {
        let read = syntax(SYNTAX, "toy").unwrap();
        let extras = Extras {
            syntaxes: Some(linked(vec![read])),
            ..Extras::default()
        };
        assert_eq!(extras.syntax("toy").unwrap().1.name, "Toy");
        assert!(extras.syntax("rust").is_none());
    }

    #[test]
    fn syntaxes_that_never_end_are_refused() {
        let circle = SYNTAX.replace("    - match", "    - include: other\n    - match")
            + "  other:\n    - include: main\n";
        assert!(
            syntax(&circle, "x")
                .unwrap_err()
                .contains("includes itself")
        );
        let bomb = format!("{SYNTAX}x: &a [1]\ny: [*a, *a]\n");
        assert!(syntax(&bomb, "x").unwrap_err().contains("alias"));
        assert!(syntax("a: [", "x").is_err());
        assert!(syntax(&SYNTAX.replace("(let)", "(let"), "x").is_err());
    }

    #[test]
    fn a_theme_of_visual_studio_code_is_read() {
        let theme = code_theme(&json!({
            "name": "Night",
            "colors": { "editor.background": "#010203", "editor.foreground": "#ffffff" },
            "tokenColors": [
                { "settings": { "foreground": "#111111", "background": "#222222" } },
                { "scope": ["keyword", "a.b.c.d.e.f.g.h.i.j"], "settings": { "foreground": "#ff0000", "fontStyle": "italic strikethrough" } },
                { "scope": "comment, string", "settings": { "foreground": "red" } },
            ],
        }))
        .unwrap();
        assert_eq!(theme.name.as_deref(), Some("Night"));
        assert_eq!(theme.settings.background.unwrap().b, 3);
        assert_eq!(theme.settings.foreground.unwrap().r, 255);
        assert_eq!(theme.scopes.len(), 2);
        assert_eq!(theme.scopes[0].style.foreground.unwrap().r, 255);
        assert!(code_theme(&json!({ "tokenColors": 1 })).is_err());
    }

    #[test]
    fn a_theme_that_nests_without_an_end_is_refused() {
        let deep = "<array>".repeat(100_000);
        assert!(text_mate_theme(&deep).unwrap_err().contains("levels deep"));
    }
}
