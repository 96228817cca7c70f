//! Front matter: what a file of `content/` says about itself before its text.
//! TOML between lines of `+++`, or YAML between lines of `---`.

use std::{collections::BTreeMap, ops::Range};

use tera::{Map, Value};

use super::{
    data::{self, Data, Node},
    dates::Date,
    fields::Fields,
    settings::Anchors,
};
use crate::report::{Diagnostic, Diagnostics, Place, SourceText};

/// How a section sorts its pages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SortBy {
    /// Not at all: by path.
    #[default]
    None,
    /// The latest first.
    Date,
    /// The latest update first.
    UpdateDate,
    /// As people sort titles.
    Title,
    /// By the titles' bytes.
    TitleBytes,
    /// The lightest first.
    Weight,
    /// By slug.
    Slug,
    /// By address.
    Permalink,
}

/// What a page or a section says; keys of the other kind keep their defaults.
#[derive(Debug, Clone, Default)]
pub struct Meta {
    /// What it is called.
    pub title: Option<String>,
    /// What it is about, in a sentence.
    pub description: Option<String>,
    /// It is left out, unless drafts are asked for.
    pub draft: bool,
    /// Its place where lists are sorted by weight: the lightest first.
    pub weight: Option<i64>,
    /// It has a page of its own.
    pub render: bool,
    /// The template that is rendered for it.
    pub template: Option<String>,
    /// Where the name of the template stands.
    pub template_at: Range<usize>,
    /// Paths that lead to it too.
    pub aliases: Vec<String>,
    /// The search index holds it.
    pub in_search_index: bool,
    /// Data for templates.
    pub extra: Map<String, Value>,

    /// A page's date.
    pub date: Option<Date>,
    /// When a page was changed last.
    pub updated: Option<Date>,
    /// The last part of a page's path, in place of its file's name.
    pub slug: Option<String>,
    /// A page's whole path, in place of its file's.
    pub path: Option<String>,
    /// Who wrote a page.
    pub authors: Vec<String>,
    /// The terms of a page, by taxonomy.
    pub taxonomies: BTreeMap<String, Vec<String>>,

    /// How a section sorts its pages.
    pub sort_by: SortBy,
    /// The template of pages of a section that name none.
    pub page_template: Option<String>,
    /// How many pages are on each pager of a section.
    pub paginate_by: Option<usize>,
    /// The word before the number in the paths of pagers.
    pub paginate_path: String,
    /// Pagers begin with the last page.
    pub paginate_reversed: bool,
    /// Where anchors go in the headings of a section and its pages.
    pub insert_anchor_links: Option<Anchors>,
    /// Where a section leads to, instead of having a page.
    pub redirect_to: Option<String>,
    /// A section's pages belong to the section above too.
    pub transparent: bool,
    /// A section has a feed.
    pub generate_feeds: bool,
}

impl Meta {
    /// What a section without a file of its own has.
    pub fn of_section() -> Self {
        Self {
            render: true,
            in_search_index: true,
            paginate_path: "page".into(),
            ..Self::default()
        }
    }
}

const PAGE: [&str; 16] = [
    "title",
    "description",
    "date",
    "updated",
    "weight",
    "draft",
    "render",
    "slug",
    "path",
    "aliases",
    "authors",
    "in_search_index",
    "template",
    "taxonomies",
    "extra",
    "insert_anchor_links",
];
const SECTION: [&str; 21] = [
    "title",
    "description",
    "draft",
    "sort_by",
    "weight",
    "template",
    "page_template",
    "paginate_by",
    "paginate_path",
    "paginate_reversed",
    "insert_anchor_links",
    "in_search_index",
    "render",
    "redirect_to",
    "transparent",
    "aliases",
    "generate_feeds",
    "generate_feed",
    "extra",
    "authors",
    "path",
];

/// Every key there is, by the manual's heading.
pub fn keys() -> Vec<(&'static str, &'static [&'static str])> {
    vec![("Pages", &PAGE), ("Sections", &SECTION)]
}

/// Splits off the front matter and reads it. Gives the byte where the text begins.
pub fn read(
    source: &SourceText,
    section: bool,
    diagnostics: &mut Diagnostics,
) -> Option<(Meta, usize)> {
    let text = source.text();
    let Some((toml, block, body)) = split(text) else {
        let first = text.find('\n').unwrap_or(text.len());
        diagnostics.push(
            Diagnostic::error("this file of `content/` has no front matter")
                .at(Place::span_of(source, 0..first))
                .hint("begin it with a line of `+++`, keys in TOML (there may be none), and a line of `+++`"),
        );
        return None;
    };
    let parse = if toml { data::toml } else { data::yaml };
    let root = match parse(&text[block.clone()], block.start) {
        Ok(root) => root,
        Err(error) => {
            let kind = if toml { "TOML" } else { "YAML" };
            diagnostics.push(
                Diagnostic::error(format!(
                    "not valid {kind} in the front matter: {}",
                    error.message
                ))
                .at(Place::span_of(source, error.at))
                .hint("a text with special characters wants quotes, a date in TOML wants none"),
            );
            return None;
        }
    };
    if !matches!(root.data, Data::Map(_) | Data::Null) {
        diagnostics.push(
            Diagnostic::error("the front matter is no mapping of keys to values")
                .at(Place::span_of(source, block))
                .hint("write a `key: value` on each line"),
        );
        return None;
    }
    let mut fields = Fields::new(source, &root, diagnostics);
    fields.known("", if section { &SECTION } else { &PAGE });
    let mut meta = Meta {
        title: fields.text("title"),
        description: fields.text("description"),
        draft: fields.boolean("draft").unwrap_or(false),
        weight: fields.integer("weight"),
        render: fields.boolean("render").unwrap_or(true),
        template: fields.text("template").filter(|name| !name.is_empty()),
        template_at: fields
            .get("template")
            .map_or(0..0, |node| node.span.clone()),
        aliases: fields.texts("aliases").unwrap_or_default(),
        in_search_index: fields.boolean("in_search_index").unwrap_or(true),
        extra: fields
            .table("extra")
            .map(Node::to_value)
            .and_then(|value| match value {
                Value::Object(map) => Some(map),
                _ => None,
            })
            .unwrap_or_default(),
        ..Meta::of_section()
    };
    if section {
        section_keys(&mut fields, &mut meta);
    } else {
        page_keys(&mut fields, &mut meta);
    }
    Some((meta, body))
}

fn page_keys(fields: &mut Fields<'_>, meta: &mut Meta) {
    meta.date = date(fields, "date");
    meta.updated = date(fields, "updated");
    meta.slug = fields.text("slug");
    meta.path = fields.text("path");
    meta.authors = fields.texts("authors").unwrap_or_default();
    if meta.slug.as_deref() == Some("")
        && let Some(node) = fields.get("slug")
    {
        fields.error(node, "`slug` is empty".into(), "remove it, or name one");
    }
    if meta
        .path
        .as_deref()
        .is_some_and(|path| path.trim_matches('/').is_empty())
        && let Some(node) = fields.get("path")
    {
        fields.error(node, "`path` is empty".into(), "remove it, or name one");
    }
    if let Some(node) = fields.table("taxonomies") {
        let mut within = fields.within(node);
        for (name, ..) in node.entries() {
            if let Some(terms) = within.texts(name) {
                meta.taxonomies.insert(name.clone(), terms);
            }
        }
    }
}

fn section_keys(fields: &mut Fields<'_>, meta: &mut Meta) {
    let words =
        "`date`, `update_date`, `title`, `title_bytes`, `weight`, `slug`, `permalink`, `none`";
    meta.sort_by = fields
        .word("sort_by", words, |word| match word {
            "none" => Some(SortBy::None),
            "date" => Some(SortBy::Date),
            "update_date" => Some(SortBy::UpdateDate),
            "title" => Some(SortBy::Title),
            "title_bytes" => Some(SortBy::TitleBytes),
            "weight" => Some(SortBy::Weight),
            "slug" => Some(SortBy::Slug),
            "permalink" => Some(SortBy::Permalink),
            _ => None,
        })
        .unwrap_or_default();
    meta.page_template = fields.text("page_template");
    meta.paginate_by = fields.count("paginate_by").filter(|by| *by > 0);
    meta.paginate_path = fields
        .text("paginate_path")
        .unwrap_or_else(|| "page".into());
    meta.paginate_reversed = fields.boolean("paginate_reversed").unwrap_or(false);
    meta.insert_anchor_links = fields.word(
        "insert_anchor_links",
        "`left`, `right`, `heading`, `none`",
        Anchors::from_name,
    );
    meta.redirect_to = fields.text("redirect_to");
    meta.transparent = fields.boolean("transparent").unwrap_or(false);
    meta.generate_feeds = fields
        .boolean("generate_feeds")
        .or_else(|| fields.boolean("generate_feed"))
        .unwrap_or(false);
    fields.renamed(
        &["generate_feed"],
        &[("generate_feed", "it is `generate_feeds` now")],
    );
}

fn date(fields: &mut Fields<'_>, key: &str) -> Option<Date> {
    let node = fields.get(key)?;
    let text = fields.text(key)?;
    let date = Date::parse(&text);
    if date.is_none() {
        fields.error(
            node,
            format!("`{key}` is no date that exists: `{text}`"),
            "write it like `2012-10-02`, or with a time like `2002-10-02T15:00:00Z`",
        );
    }
    date
}

/// Whether it is TOML, where its block stands, and where the text after it begins.
fn split(text: &str) -> Option<(bool, Range<usize>, usize)> {
    let start = text
        .find(|c: char| !c.is_whitespace() && c != '\u{feff}')
        .unwrap_or(text.len());
    let fence = ["+++", "---"]
        .into_iter()
        .find(|f| text[start..].starts_with(f))?;
    let first_end = text[start..].find('\n').map(|at| start + at + 1)?;
    if text[start..first_end].trim_end() != fence {
        return None;
    }
    let mut at = first_end;
    for line in text[first_end..].split_inclusive('\n') {
        if line.trim_end() == fence {
            return Some((fence == "+++", first_end..at, at + line.len()));
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(text: &str, section: bool) -> (Option<(Meta, usize)>, Vec<String>) {
        let mut diagnostics = Diagnostics::new();
        let source = SourceText::new("content/a.md", text);
        let read = read(&source, section, &mut diagnostics);
        let told = diagnostics.iter().map(|d| d.message.clone()).collect();
        (read, told)
    }

    #[test]
    fn both_notations() {
        let toml = "+++\ntitle = \"T\"\ndate = 2020-01-02\n[taxonomies]\ntags = [\"a\"]\n+++\ntext";
        let yaml =
            "---\r\ntitle: T\r\ndate: 2020-01-02\r\ntaxonomies:\r\n  tags: [a]\r\n---\r\ntext";
        for text in [toml, yaml] {
            let (read, told) = meta(text, false);
            let (meta, body) = read.unwrap();
            assert_eq!(told, [""; 0]);
            assert_eq!(meta.title.as_deref(), Some("T"));
            assert_eq!(meta.date.unwrap().ymd, (2020, 1, 2));
            assert_eq!(meta.taxonomies["tags"], ["a"]);
            assert_eq!(&text[body..], "text");
        }
    }

    #[test]
    fn mistakes_are_told() {
        let (_, told) = meta("+++\ndate = \"2024-02-30\"\n+++\n", false);
        assert_eq!(told, ["`date` is no date that exists: `2024-02-30`"]);
        let (_, told) = meta("+++\ntitel = \"x\"\n+++\n", false);
        assert_eq!(told, ["unknown key `titel`, which has no effect"]);
        assert!(meta("no front matter", false).0.is_none());
        assert!(meta("+++\ntitle = \"x\"\n", false).0.is_none());
        assert!(meta("+++\na = \n+++\n", true).0.is_none());
        let (_, told) = meta("+++\nsort_by = \"size\"\n+++\n", true);
        assert_eq!(told, ["`sort_by` cannot be `size`"]);
    }
}
