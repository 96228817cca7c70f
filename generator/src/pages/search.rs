//! Search indexes, for scripts that themes bring along: elasticlunr's or
//! Fuse's JSON, alone or as a script that sets `window.searchIndex`.

use elasticlunr::{Index, IndexBuilder, Language as Stemmer};
use serde_json::{Value, json};

use super::{library::Library, markdown::Rendered, settings::Search};

/// The file's name and text of a language's index.
pub fn index(
    library: &Library,
    rendered: &[Rendered],
    lang: &str,
    search: &Search,
) -> (String, String) {
    let entries: Vec<(usize, String)> = library
        .entries
        .iter()
        .enumerate()
        .filter(|(at, entry)| {
            let around = &library.around[*at];
            let in_closed = around
                .ancestors
                .iter()
                .any(|section| !library.entries[*section].meta.in_search_index);
            entry.lang == lang
                && entry.source.is_some()
                && entry.meta.in_search_index
                && !around.ignored
                && !in_closed
                && (!entry.section || entry.meta.redirect_to.is_none())
        })
        .map(|(at, _)| (at, body(&rendered[at].html, search.truncate_content_length)))
        .collect();
    let fuse = search.index_format.starts_with("fuse");
    let json = if fuse {
        fuse_json(library, &entries, search)
    } else {
        elasticlunr_json(library, &entries, lang, search)
    };
    if search.index_format.ends_with("javascript") {
        (
            format!("search_index.{lang}.js"),
            format!("window.searchIndex = {json};"),
        )
    } else {
        (format!("search_index.{lang}.json"), json)
    }
}

fn fields(search: &Search) -> Vec<&'static str> {
    let all = [
        ("title", search.include_title),
        ("description", search.include_description),
        ("date", search.include_date),
        ("path", search.include_path),
        ("body", search.include_content),
    ];
    all.into_iter()
        .filter(|(_, wanted)| *wanted)
        .map(|(name, _)| name)
        .collect()
}

fn field(library: &Library, at: usize, body: &str, name: &str) -> String {
    let entry = &library.entries[at];
    match name {
        "title" => entry.meta.title.clone().unwrap_or_default(),
        "description" => entry.meta.description.clone().unwrap_or_default(),
        "date" => entry
            .meta
            .date
            .as_ref()
            .map(|d| d.text.clone())
            .unwrap_or_default(),
        "path" => entry.path.clone(),
        _ => body.to_owned(),
    }
}

fn elasticlunr_json(
    library: &Library,
    entries: &[(usize, String)],
    lang: &str,
    search: &Search,
) -> String {
    let fields = fields(search);
    let stemmer = stemmer(lang)
        .unwrap_or_else(|| Box::new(elasticlunr::lang::English::new()) as Box<dyn Stemmer>);
    let mut index: Index = IndexBuilder::with_language(stemmer)
        .add_fields(fields.iter())
        .build();
    for (at, body) in entries {
        let values: Vec<String> = fields
            .iter()
            .map(|name| field(library, *at, body, name))
            .collect();
        index.add_doc(&library.entries[*at].permalink, values);
    }
    index.to_json()
}

/// How the words of a language are told apart and cut to their stems.
fn stemmer(lang: &str) -> Option<Box<dyn Stemmer>> {
    match lang.split(['-', '_']).next().unwrap_or(lang) {
        // As the crate, and elasticlunr's own scripts, call it.
        "nl" => elasticlunr::lang::from_code("du"),
        "nb" | "nn" => elasticlunr::lang::from_code("no"),
        code => elasticlunr::lang::from_code(code),
    }
}

/// Whether elasticlunr has rules for the words of a language.
pub fn has_rules(lang: &str) -> bool {
    stemmer(lang).is_some()
}

fn fuse_json(library: &Library, entries: &[(usize, String)], search: &Search) -> String {
    let list: Vec<Value> = entries
        .iter()
        .map(|(at, body)| {
            let entry = &library.entries[*at];
            let mut item = json!({ "url": entry.permalink });
            for name in fields(search) {
                item[name] = match name {
                    "title" => json!(entry.meta.title),
                    "description" => json!(entry.meta.description),
                    "date" => json!(entry.meta.date.as_ref().map(|d| &d.text)),
                    name => json!(field(library, *at, body, name)),
                };
            }
            item
        })
        .collect();
    Value::Array(list).to_string()
}

/// The text of HTML, without scripts and styles.
fn body(html: &str, limit: Option<usize>) -> String {
    let parsed = scraper::Html::parse_fragment(html);
    let mut text = String::new();
    for node in parsed.tree.nodes() {
        let Some(inner) = node.value().as_text() else {
            continue;
        };
        let hidden = node.ancestors().any(|above| {
            above
                .value()
                .as_element()
                .is_some_and(|e| matches!(e.name(), "script" | "style" | "pre"))
        });
        if !hidden {
            text.push_str(inner);
        }
    }
    let text = squeezed(&text);
    match limit {
        Some(limit) => text.chars().take(limit).collect(),
        None => text,
    }
}

/// A text as Zola has it in an index: white space is one character, the end of a
/// line where it had one, and what would be a tag is none.
fn squeezed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut space: Option<char> = None;
    for c in text.trim().chars() {
        if c.is_whitespace() && c != '\u{a0}' {
            let line = c == '\n' || space == Some('\n');
            space = Some(if line { '\n' } else { space.unwrap_or(c) });
            continue;
        }
        out.extend(space.take());
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\u{a0}' => out.push_str("&nbsp;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_squeezed() {
        let html = "<p>a  b</p>\n\n<pre>code</pre>\n<p>1 &lt; 2 &amp; 3</p>\n";
        assert_eq!(body(html, None), "a b\n1 &lt; 2 &amp; 3");
        assert_eq!(body(html, Some(3)), "a b");
    }

    #[test]
    fn words_are_cut_by_the_rules_of_their_language() {
        let stems = |lang: &str, text: &str| {
            let language = stemmer(lang).expect("rules");
            language.make_pipeline().run(language.tokenize(text))
        };
        assert_eq!(stems("en", "the running dogs"), ["run", "dog"]);
        assert_eq!(stems("de", "die laufenden Hunde"), ["laufend", "hund"]);
        assert_eq!(stems("nl-BE", "de lopende honden"), ["lopend", "hond"]);
        assert!(has_rules("pt-BR") && has_rules("nb") && !has_rules("zh"));
    }
}
