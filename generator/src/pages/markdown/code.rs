//! Code blocks: coloured at build time, with line numbers, marked and hidden
//! lines, by classes or by colours of a theme.

use std::{ops::RangeInclusive, sync::OnceLock};

use syntect::{
    easy::HighlightLines,
    highlighting::{Color, Style, Theme},
    html::{
        ClassStyle, IncludeBackground, css_for_theme_with_class_style,
        line_tokens_to_classed_spans, styled_line_to_highlighted_html,
    },
    parsing::{ParseState, ScopeStack, SyntaxReference, SyntaxSet},
};
use two_face::theme::{EmbeddedLazyThemeSet, EmbeddedThemeName};

use super::{escape, extras};
use crate::{pages::settings::Highlighting, slides};

/// Longer lines are not coloured: minified code, which nobody reads.
const MAX_LINE_BYTES: usize = 2_000;
/// Longer blocks are not coloured.
const MAX_BLOCK_BYTES: usize = 200_000;

/// What the words behind a fence say.
#[derive(Debug, Default)]
struct Info {
    language: String,
    numbers: bool,
    first: usize,
    marked: Vec<RangeInclusive<usize>>,
    hidden: Vec<RangeInclusive<usize>>,
    name: Option<String>,
}

impl Info {
    fn parse(info: &str) -> Self {
        let mut parsed = Self {
            first: 1,
            ..Self::default()
        };
        for (n, word) in info.split(',').enumerate() {
            let word = word.trim();
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            match key.trim() {
                "linenos" => parsed.numbers = true,
                "linenostart" => {
                    // With a space before it Zola reads no number, and begins at 1.
                    parsed.first = value.parse().unwrap_or(1);
                }
                "hl_lines" => parsed.marked = ranges(value),
                "hide_lines" => parsed.hidden = ranges(value),
                "name" => parsed.name = Some(value.trim().to_owned()),
                language if n == 0 => {
                    parsed.language = language
                        .split_whitespace()
                        .next()
                        .unwrap_or_default()
                        .to_owned();
                }
                _ => {}
            }
        }
        parsed
    }
}

fn ranges(text: &str) -> Vec<RangeInclusive<usize>> {
    text.split_whitespace()
        .filter_map(|part| {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            Some(if from <= to { from..=to } else { to..=from })
        })
        .collect()
}

/// A block as HTML, and its language if there is no syntax for that.
pub fn block(info: &str, text: &str, settings: Option<&Highlighting>) -> (String, Option<String>) {
    let mut info = Info::parse(info);
    if settings.is_none() {
        // Without highlighting a block is only its text, as with Zola.
        info = Info {
            language: info.language,
            ..Info::default()
        };
    }
    let own = settings.and_then(|settings| settings.extras.syntax(&info.language));
    let built_in = || Some((slides::syntaxes(), slides::syntax_of(&info.language)?));
    let syntax: Option<(&SyntaxSet, &SyntaxReference)> = own.or_else(built_in);
    let plain = info.language.is_empty() || slides::is_plain_language(&info.language);
    let unknown = (syntax.is_none() && !plain && settings.is_some()).then(|| info.language.clone());
    let long = text.len() > MAX_BLOCK_BYTES || text.lines().any(|l| l.len() > MAX_LINE_BYTES);
    let theme = settings.map(|settings| theme(settings, &settings.theme));
    let (lines, style) = match (settings, &theme) {
        (Some(settings), Some(theme)) if !settings.classes => {
            let dark = settings
                .dark
                .as_deref()
                .map(|name| self::theme(settings, name));
            let lines = syntax
                .filter(|_| !long)
                .and_then(|(set, syntax)| coloured(text, set, syntax, theme, dark))
                .unwrap_or_else(|| escaped_lines(text));
            (lines, pre_style(theme, dark))
        }
        (Some(_), _) => {
            let lines = syntax
                .filter(|_| !long)
                .and_then(|(set, syntax)| classed(text, set, syntax))
                .unwrap_or_else(|| escaped_lines(text));
            (lines, String::new())
        }
        (None, _) => (escaped_lines(text), String::new()),
    };
    (assemble(&info, &lines, settings, &style), unknown)
}

fn assemble(info: &Info, lines: &[String], settings: Option<&Highlighting>, style: &str) -> String {
    let mut out = String::from("<pre");
    let attributes = attributes(info);
    if info.numbers {
        out.push_str(" data-linenos");
    }
    if settings.is_some() {
        // Both the classes of today and those that older themes style.
        let mut class = String::from("giallo z-code");
        if !info.language.is_empty() {
            class.push_str(" language-");
            class.push_str(&escape(&info.language));
        }
        out.push_str(&attributes);
        out.push_str(&format!(" class=\"{class}\""));
        if !style.is_empty() {
            out.push_str(&format!(" style=\"{style}\""));
        }
    } else if !info.language.is_empty() {
        out.push_str(&attributes);
        out.push_str(&format!(" class=\"language-{}\"", escape(&info.language)));
    }
    if let Some(name) = &info.name {
        out.push_str(&format!(" data-name=\"{}\"", escape(name)));
    }
    out.push_str("><code");
    if !info.language.is_empty() {
        out.push_str(&format!(
            " class=\"language-{}\"{attributes}",
            escape(&info.language)
        ));
    } else if settings.is_some() {
        out.push_str(" data-lang=\"plain\"");
    }
    if let Some(name) = &info.name {
        out.push_str(&format!(" data-name=\"{}\"", escape(name)));
    }
    out.push('>');
    let special = info.numbers || !info.marked.is_empty() || settings.is_some();
    let mut first_line = true;
    for (n, line) in lines.iter().enumerate() {
        let number = n + 1;
        let within = |ranges: &[RangeInclusive<usize>]| ranges.iter().any(|r| r.contains(&number));
        if within(&info.hidden) {
            continue;
        }
        if !special {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        // A line's end stands between lines, and none behind the last.
        if !std::mem::take(&mut first_line) {
            out.push('\n');
        }
        out.push_str("<span class=\"giallo-l\">");
        if info.numbers {
            let shown = info.first.saturating_add(n);
            out.push_str(&format!(
                "<span aria-hidden=\"true\" class=\"giallo-ln\">{shown}</span>"
            ));
        }
        let marked = within(&info.marked);
        if marked {
            out.push_str("<mark class=\"z-hl\">");
        }
        out.push_str(line);
        if marked {
            out.push_str("</mark>");
        }
        out.push_str("</span>");
    }
    out.push_str("</code></pre>");
    if !special {
        out.push('\n');
    }
    out
}

fn attributes(info: &Info) -> String {
    match info.language.as_str() {
        "" => String::new(),
        language => format!(" data-lang=\"{}\"", escape(language)),
    }
}

fn escaped_lines(text: &str) -> Vec<String> {
    lines(text)
        .map(|line| {
            let mut out = String::new();
            let _ = pulldown_cmark_escape::escape_html_body_text(&mut out, line);
            out
        })
        .collect()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.strip_suffix('\n').unwrap_or(text).split('\n')
}

/// Lines with colours in them; two colours where there is a dark theme too.
fn coloured(
    text: &str,
    set: &SyntaxSet,
    syntax: &SyntaxReference,
    light: &Theme,
    dark: Option<&Theme>,
) -> Option<Vec<String>> {
    let mut light = HighlightLines::new(syntax, light);
    let mut dark = dark.map(|theme| HighlightLines::new(syntax, theme));
    lines(text)
        .map(|line| {
            let line = format!("{line}\n");
            let spans = light.highlight_line(&line, set).ok()?;
            let html = match &mut dark {
                None => styled_line_to_highlighted_html(&spans, IncludeBackground::No).ok()?,
                Some(dark) => two_colours(&spans, &dark.highlight_line(&line, set).ok()?),
            };
            Some(html.replace('\n', ""))
        })
        .collect()
}

/// Both lists cover the same text; they are cut where either changes.
fn two_colours(light: &[(Style, &str)], dark: &[(Style, &str)]) -> String {
    let mut out = String::new();
    let mut dark = dark.iter();
    let mut other: Option<(Style, &str)> = dark.next().copied();
    for (style, text) in light {
        let mut rest = *text;
        while !rest.is_empty() {
            let Some((over, left)) = other else {
                out.push_str(&escape(rest));
                break;
            };
            let length = rest.len().min(left.len());
            if length == 0 {
                other = dark.next().copied();
                continue;
            }
            let (now, later) = rest.split_at(length);
            out.push_str(&format!(
                "<span style=\"color: light-dark({}, {});\">{}</span>",
                hex(style.foreground),
                hex(over.foreground),
                escape(now)
            ));
            rest = later;
            other = Some((over, &left[length..]));
        }
    }
    out
}

fn hex(colour: Color) -> String {
    format!("#{:02x}{:02x}{:02x}", colour.r, colour.g, colour.b)
}

fn pre_style(light: &Theme, dark: Option<&Theme>) -> String {
    let colours = |pick: fn(&Theme) -> Option<Color>| {
        let first = pick(light).map(hex)?;
        Some(match dark.and_then(pick) {
            Some(second) => format!("light-dark({first}, {})", hex(second)),
            None => first,
        })
    };
    let mut style = String::new();
    if let Some(colour) = colours(|theme| theme.settings.background) {
        style.push_str(&format!("background-color: {colour};"));
    }
    if let Some(colour) = colours(|theme| theme.settings.foreground) {
        style.push_str(&format!("color: {colour};"));
    }
    style
}

/// Lines with a class for each scope. What stays open over a line's end is
/// closed there and opened again on the next line.
fn classed(text: &str, set: &SyntaxSet, syntax: &SyntaxReference) -> Option<Vec<String>> {
    let style = ClassStyle::SpacedPrefixed { prefix: "z-" };
    let mut state = ParseState::new(syntax);
    let mut stack = ScopeStack::new();
    lines(text)
        .map(|line| {
            let line = format!("{line}\n");
            let mut html: String = stack
                .as_slice()
                .iter()
                .map(|scope| {
                    let classes: Vec<String> = scope
                        .build_string()
                        .split('.')
                        .map(|atom| format!("z-{atom}"))
                        .collect();
                    format!("<span class=\"{}\">", escape(&classes.join(" ")))
                })
                .collect();
            let operations = state.parse_line(&line, set).ok()?;
            let (spans, _) =
                line_tokens_to_classed_spans(&line, &operations, style, &mut stack).ok()?;
            html.push_str(spans.trim_end_matches('\n'));
            html = html.replace('\n', "");
            for _ in stack.as_slice() {
                html.push_str("</span>");
            }
            Some(html)
        })
        .collect()
}

fn themes() -> &'static EmbeddedLazyThemeSet {
    static THEMES: OnceLock<EmbeddedLazyThemeSet> = OnceLock::new();
    THEMES.get_or_init(two_face::theme::extra)
}

/// Names that themes have elsewhere, and the one here that is nearest.
const NAMES: [(&str, &str); 30] = [
    ("1337", "leet"),
    ("agola-dark", "onehalfdark"),
    ("axar", "onehalfdark"),
    ("ayu-dark", "visualstudiodark"),
    ("ayu-light", "onehalflight"),
    ("ayu-mirage", "nord"),
    ("boron", "base16eightiesdark"),
    ("charcoal", "base16mochadark"),
    ("classic-modified", "inspiredgithub"),
    ("demain", "inspiredgithub"),
    ("dimmed-fluid", "base16oceandark"),
    ("dracula-soft", "dracula"),
    ("github-dark", "visualstudiodark"),
    ("github-dark-default", "visualstudiodark"),
    ("github-dark-dimmed", "visualstudiodark"),
    ("github-light", "github"),
    ("github-light-default", "github"),
    ("green", "inspiredgithub"),
    ("gruvbox-dark-medium", "gruvboxdark"),
    ("gruvbox-light-medium", "gruvboxlight"),
    ("material-dark", "base16oceandark"),
    ("material-light", "onehalflight"),
    ("monokai", "monokaiextended"),
    ("one-dark", "onehalfdark"),
    ("one-dark-pro", "onehalfdark"),
    ("one-light", "onehalflight"),
    ("subway-madrid", "inspiredgithub"),
    ("subway-moscow", "inspiredgithub"),
    ("dark-plus", "visualstudiodark"),
    ("vitesse-dark", "visualstudiodark"),
];

fn find_theme(name: &str) -> Option<EmbeddedThemeName> {
    let wanted = NAMES
        .iter()
        .find(|(other, _)| *other == name)
        .map_or_else(|| extras::plain(name), |(_, ours)| (*ours).to_owned());
    EmbeddedLazyThemeSet::theme_names()
        .iter()
        .copied()
        .find(|theme| extras::plain(theme.as_name()) == wanted)
}

/// Whether a theme of that name, or one near to it, is there.
pub fn theme_exists(name: &str) -> bool {
    name.is_empty() || find_theme(name).is_some()
}

/// The theme that stands in for one that is not here, if one does.
pub fn theme_stand_in(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|(other, _)| *other == name)?;
    find_theme(name).map(|theme| theme.as_name())
}

fn theme<'a>(settings: &'a Highlighting, name: &str) -> &'a Theme {
    if let Some(own) = settings.extras.theme(name) {
        return own;
    }
    let found = find_theme(name);
    let dark = name.contains("dark");
    themes().get(found.unwrap_or(if dark {
        EmbeddedThemeName::Base16OceanDark
    } else {
        EmbeddedThemeName::InspiredGithub
    }))
}

/// The style sheets that go with classes: names and texts.
pub fn style_sheets(settings: &Highlighting) -> Vec<(String, String)> {
    let style = ClassStyle::SpacedPrefixed { prefix: "z-" };
    let css = |name: &str| {
        let lines = ".giallo-l { display: inline-block; min-height: 1lh; width: 100%; }\n.giallo-ln { display: inline-block; user-select: none; margin-right: 0.4em; padding: 0 0.4em; min-width: 3ch; text-align: right; opacity: 0.8; }\n";
        let css = css_for_theme_with_class_style(theme(settings, name), style).unwrap_or_default();
        format!("{css}{lines}")
    };
    match &settings.dark {
        None if settings.theme.is_empty() => Vec::new(),
        None => vec![("giallo.css".into(), css(&settings.theme))],
        Some(dark) => vec![
            ("giallo-light.css".into(), css(&settings.theme)),
            ("giallo-dark.css".into(), css(dark)),
        ],
    }
}
