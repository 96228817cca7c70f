//! Highlighting by syntect, with the syntaxes that two-face collects and a
//! regex engine in pure Rust.
//!
//! A token gets one short class, chosen from its innermost scope that a theme
//! would colour: `<span class="hl-keyword">`. That keeps the page small and a
//! style sheet for it within a screenful; syntect's own writer would name every
//! scope of the stack.

use std::sync::OnceLock;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxReference, SyntaxSet};

use crate::slides::markdown::escape;

/// Longer lines are not highlighted: minified code, which nobody reads.
const MAX_LINE_BYTES: usize = 2_000;
/// Longer blocks are not highlighted.
const MAX_BLOCK_BYTES: usize = 100_000;
/// What one deck may have highlighted in all, so that build time stays bounded.
const MAX_DECK_BYTES: usize = 2_000_000;

/// How much of a deck's code may still be highlighted, and what was not.
#[derive(Debug)]
pub(in crate::slides) struct Budget {
    left: usize,
    /// Languages without a syntax, each once.
    pub unknown: Vec<String>,
    /// How many blocks were too long.
    pub too_long: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            left: MAX_DECK_BYTES,
            unknown: Vec::new(),
            too_long: 0,
        }
    }
}

impl Budget {
    /// The lines of a text as HTML, without line endings.
    pub(super) fn highlight(&mut self, text: &str, language: &str) -> Vec<String> {
        if is_plain(language) {
            return plain(text);
        }
        let Some(syntax) = syntax(language) else {
            if !self.unknown.iter().any(|known| known == language) {
                self.unknown.push(language.to_owned());
            }
            return plain(text);
        };
        let too_long = text.len() > MAX_BLOCK_BYTES.min(self.left)
            || text.lines().any(|line| line.len() > MAX_LINE_BYTES);
        if too_long {
            self.too_long += 1;
            return plain(text);
        }
        self.left -= text.len();
        highlighted(text, syntax).unwrap_or_else(|| plain(text))
    }
}

/// The lines of a text, escaped and nothing else.
pub(super) fn plain(text: &str) -> Vec<String> {
    let escaped = |line| {
        let mut out = String::new();
        escape(&mut out, line);
        out
    };
    lines(text).map(escaped).collect()
}

/// Whether there is a syntax of that name, or it says that there is none.
pub(super) fn is_language(name: &str) -> bool {
    is_plain(name) || syntax(name).is_some()
}

pub(crate) fn is_plain(language: &str) -> bool {
    matches!(
        language,
        "text" | "txt" | "plain" | "plaintext" | "none" | "output"
    )
}

/// One trailing line ending is the block's, not a line more.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
}

pub(crate) fn syntaxes() -> &'static SyntaxSet {
    static SYNTAXES: OnceLock<SyntaxSet> = OnceLock::new();
    SYNTAXES.get_or_init(two_face::syntax::extra_newlines)
}

/// By name or file extension, and by the names that highlight.js has for them.
pub(crate) fn syntax(language: &str) -> Option<&'static SyntaxReference> {
    let lower = language.to_ascii_lowercase();
    let token = match lower.as_str() {
        "shell" | "console" | "shell-session" | "zsh" => "sh",
        "golang" => "go",
        "c++" | "hpp" => "cpp",
        "objectivec" | "obj-c" => "m",
        "docker" => "dockerfile",
        "jsonc" | "json5" => "json",
        "jsx" => "js",
        "make" => "makefile",
        "svg" | "xhtml" => "xml",
        "vb" => "vbs",
        "wasm" => "wast",
        other => other,
    };
    let set = syntaxes();
    set.find_syntax_by_token(token)
        .filter(|syntax| syntax.name != "Plain Text")
}

fn highlighted(text: &str, syntax: &SyntaxReference) -> Option<Vec<String>> {
    let set = syntaxes();
    let mut state = ParseState::new(syntax);
    let mut stack = ScopeStack::new();
    let mut out = Vec::new();
    for line in lines(text) {
        let line = format!("{line}\n");
        let operations = state.parse_line(&line, set).ok()?;
        let mut html = LineHtml::default();
        let mut at = 0;
        for (end, operation) in operations {
            html.token(line.get(at..end)?, class(&stack));
            at = end;
            stack.apply(&operation).ok()?;
        }
        html.token(line.get(at..)?, class(&stack));
        out.push(html.finish());
    }
    Some(out)
}

/// The HTML of one line, with neighbours of one class in one span.
#[derive(Default)]
struct LineHtml {
    html: String,
    open: Option<&'static str>,
    /// Space that belongs to the next token's span if that goes on, else to none.
    space: String,
}

impl LineHtml {
    fn token(&mut self, text: &str, class: Option<&'static str>) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        if text.trim().is_empty() {
            self.space.push_str(text);
            return;
        }
        if class != self.open {
            self.close();
            if let Some(class) = class {
                self.html.push_str("<span class=\"hl-");
                self.html.push_str(class);
                self.html.push_str("\">");
            }
            self.open = class;
        } else {
            self.html.push_str(&std::mem::take(&mut self.space));
        }
        escape(&mut self.html, text);
    }

    fn close(&mut self) {
        if self.open.take().is_some() {
            self.html.push_str("</span>");
        }
        self.html.push_str(&std::mem::take(&mut self.space));
    }

    fn finish(mut self) -> String {
        self.close();
        self.html
    }
}

/// Scopes and the classes they mean; of those that fit, the longest counts.
const CLASSES: [(&str, &str); 44] = [
    ("comment", "comment"),
    ("string", "string"),
    ("punctuation.definition.string", "string"),
    ("constant.character.escape", "escape"),
    ("constant.other.placeholder", "escape"),
    ("constant", "constant"),
    ("constant.numeric", "number"),
    ("keyword", "keyword"),
    ("keyword.operator", "operator"),
    ("keyword.operator.word", "keyword"),
    ("keyword.operator.logical.python", "keyword"),
    ("storage", "keyword"),
    ("entity.name", "name"),
    ("entity.name.function", "function"),
    ("entity.name.type", "type"),
    ("entity.name.class", "type"),
    ("entity.name.struct", "type"),
    ("entity.name.enum", "type"),
    ("entity.name.trait", "type"),
    ("entity.name.impl", "type"),
    ("entity.name.interface", "type"),
    ("entity.name.namespace", "type"),
    ("entity.name.section", "heading"),
    ("entity.name.tag", "tag"),
    ("entity.name.label", "variable"),
    ("entity.other.inherited-class", "type"),
    ("entity.other.attribute-name", "attribute"),
    ("meta.mapping.key string", "attribute"),
    ("support", "type"),
    ("support.function", "function"),
    ("support.macro", "function"),
    ("support.constant", "constant"),
    ("support.type.property-name", "attribute"),
    ("variable.function", "function"),
    ("variable.annotation", "meta"),
    ("variable.language", "keyword"),
    ("variable.parameter", "variable"),
    ("meta.annotation", "meta"),
    ("meta.preprocessor", "meta"),
    ("markup.heading", "heading"),
    ("markup.bold", "strong"),
    ("markup.italic", "emphasis"),
    ("markup.inserted", "inserted"),
    ("markup.deleted", "deleted"),
];

fn class(stack: &ScopeStack) -> Option<&'static str> {
    static TABLE: OnceLock<Vec<(Scope, &'static str)>> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let scope = |(name, class): &(&str, &'static str)| Some((Scope::new(name).ok()?, *class));
        CLASSES.iter().filter_map(scope).collect()
    });
    stack.scopes.iter().rev().find_map(|scope| {
        table
            .iter()
            .filter(|(prefix, _)| prefix.is_prefix_of(*scope))
            .max_by_key(|(prefix, _)| prefix.len())
            .map(|(_, class)| *class)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str, language: &str) -> String {
        Budget::default().highlight(text, language).join("\n")
    }

    #[test]
    fn tokens_get_classes() {
        let rust = html("fn main() { let x = 1; // \"<a>\"\n}\n", "rust");
        assert!(
            rust.contains("<span class=\"hl-keyword\">fn</span>"),
            "{rust}"
        );
        assert!(
            rust.contains("<span class=\"hl-function\">main</span>"),
            "{rust}"
        );
        assert!(
            rust.contains("<span class=\"hl-number\">1</span>"),
            "{rust}"
        );
        assert!(
            rust.contains("<span class=\"hl-comment\">// &quot;&lt;a&gt;&quot;</span>"),
            "{rust}"
        );
        for (language, text) in [
            ("ocaml", "let x = 1"),
            ("js", "const a = 1"),
            ("ts", "const a: number = 1"),
            ("c++", "int x = 1;"),
            ("yaml", "a: 1"),
            ("toml", "a = 1"),
            ("shell", "for a in b; do echo 1; done"),
            ("dockerfile", "FROM a"),
            ("python", "def f(): return 1"),
            ("html", "<p class=x>"),
            ("diff", "+a"),
            ("nix", "{ a = 1; }"),
            ("json", "{\"a\": 1}"),
        ] {
            assert!(html(text, language).contains("hl-"), "{language}");
        }
    }

    #[test]
    fn a_token_over_lines_is_closed_on_each() {
        let lines = Budget::default().highlight("/* a\nb */ 1", "c");
        assert_eq!(lines[0], "<span class=\"hl-comment\">/* a</span>");
        assert!(
            lines[1].starts_with("<span class=\"hl-comment\">b */</span> "),
            "{lines:?}"
        );
    }

    #[test]
    fn what_is_too_long_is_plain() {
        let mut budget = Budget::default();
        let long = format!("let a = \"{}\";", "x".repeat(MAX_LINE_BYTES));
        assert!(!budget.highlight(&long, "rust").join("").contains("hl-"));
        assert!(
            !budget
                .highlight("a", "no-such-language")
                .join("")
                .contains("hl-")
        );
        assert_eq!((budget.too_long, budget.unknown.len()), (1, 1));
    }

    #[test]
    fn lines_are_counted_as_written() {
        assert_eq!(plain("a\n\nb\n"), ["a", "", "b"]);
        assert_eq!(plain(""), [""]);
        assert_eq!(plain("\n\n"), ["", ""]);
    }
}
