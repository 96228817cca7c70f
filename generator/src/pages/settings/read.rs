//! Reading the configuration, with messages for what is wrong or has changed.

use std::sync::Arc;

use tera::{Map, Value};

use super::{Anchors, Highlighting, Language, Markdown, Search, Settings, Taxonomy};
use crate::{
    pages::{
        data::{self, Data, Node},
        fields::Fields,
        globs::Globs,
        slugs::Slugify,
    },
    report::{Diagnostic, Diagnostics, Place, SourceText},
};

const TOP: [&str; 36] = [
    "base_url",
    "title",
    "description",
    "default_language",
    "theme",
    "output_dir",
    "preserve_dotfiles_in_output",
    "compile_sass",
    "minify_html",
    "ignored_content",
    "ignored_static",
    "generate_feeds",
    "exclude_paginated_pages_in_sitemap",
    "feed_filenames",
    "feed_limit",
    "hard_link_static",
    "author",
    "taxonomies",
    "taxonomy_root",
    "build_search_index",
    "generate_sitemap",
    "generate_robots_txt",
    "markdown",
    "link_checker",
    "slugify",
    "search",
    "translations",
    "languages",
    "extra",
    "generate_feed",
    "feed_filename",
    "generate_rss",
    "rss_limit",
    "highlight_code",
    "highlight_theme",
    "extra_syntaxes",
];
/// Where syntaxes and themes of the site's own are named, beside `[markdown.highlighting]`.
const OLD_EXTRAS: [&str; 2] = ["extra_syntaxes_and_themes", "extra_grammars"];
const MARKDOWN: [&str; 20] = [
    "highlighting",
    "highlight_code",
    "highlight_theme",
    "highlight_themes_css",
    "extra_syntaxes_and_themes",
    "error_on_missing_highlight",
    "render_emoji",
    "external_links_class",
    "external_links_target_blank",
    "external_links_no_follow",
    "external_links_no_referrer",
    "external_links_external",
    "smart_punctuation",
    "definition_list",
    "lazy_async_image",
    "bottom_footnotes",
    "github_alerts",
    "insert_anchor_links",
    "link_checker",
    "extra_grammars",
];

/// Every key there is, by the manual's heading.
pub fn keys() -> Vec<(&'static str, &'static [&'static str])> {
    vec![("Configuration", &TOP), ("Markdown", &MARKDOWN)]
}

impl Settings {
    /// Reads the configuration, and the theme's `theme.toml` for defaults of `[extra]`.
    pub fn parse(
        source: &SourceText,
        theme: impl FnOnce(&str) -> Option<SourceText>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let root = parsed(source, diagnostics)?;
        let mut fields = Fields::new(source, &root, diagnostics);
        fields.known("", &TOP);
        let mut settings = Self {
            default_language: fields
                .text("default_language")
                .unwrap_or_else(|| "en".into()),
            theme: fields.text("theme").filter(|name| !name.is_empty()),
            author: fields.text("author"),
            compile_sass: fields.boolean("compile_sass").unwrap_or(false),
            feed_limit: fields
                .count("feed_limit")
                .or_else(|| fields.count("rss_limit")),
            minify_html: fields.boolean("minify_html").unwrap_or(false),
            taxonomy_root: fields.text("taxonomy_root"),
            generate_sitemap: fields.boolean("generate_sitemap").unwrap_or(true),
            generate_robots_txt: fields.boolean("generate_robots_txt").unwrap_or(true),
            pagers_in_sitemap: fields
                .word(
                    "exclude_paginated_pages_in_sitemap",
                    "`none`, `all`",
                    |w| match w {
                        "none" => Some(true),
                        "all" => Some(false),
                        _ => None,
                    },
                )
                .unwrap_or(true),
            extra: root
                .get("extra")
                .map_or_else(|| Value::Object(Map::new()), Node::to_value),
            ..Self::default()
        };
        match fields.text("base_url") {
            Some(url) => settings.base_url = url,
            None => fields.error(
                &Node::null(0),
                "`base_url` is missing: where the site will live".into(),
                "write `base_url = \"https://example.org\"` at the top",
            ),
        }
        for (key, globs) in [
            ("ignored_content", &mut settings.ignored_content),
            ("ignored_static", &mut settings.ignored_static),
        ] {
            if let (Some(patterns), Some(node)) = (fields.texts(key), fields.get(key)) {
                match Globs::new(&patterns) {
                    Ok(read) => *globs = read,
                    Err(why) => fields.error(node, why, "such as `*.{psd,xcf}`"),
                }
            }
        }
        if let Some(node) = fields.table("slugify") {
            let mut slugify = fields.within(node);
            slugify.known(
                "slugify.",
                &["paths", "taxonomies", "anchors", "paths_keep_dates"],
            );
            let words = "`on`, `safe`, `off`";
            let mut read = |key| {
                slugify
                    .word(key, words, Slugify::from_name)
                    .unwrap_or_default()
            };
            settings.slugify_paths = read("paths");
            settings.slugify_taxonomies = read("taxonomies");
            settings.slugify_anchors = read("anchors");
            settings.paths_keep_dates = slugify.boolean("paths_keep_dates").unwrap_or(false);
        }
        if let Some(node) = fields.table("link_checker") {
            settings.internal_links_warn =
                fields.within(node).text("internal_level").as_deref() == Some("warn");
        }
        let nothing = Node::null(0);
        let old = (fields.get("highlight_code"), fields.get("highlight_theme"));
        let node = fields.table("markdown").unwrap_or(&nothing);
        settings.markdown = markdown(&mut fields.within(node));
        if settings.markdown.highlighting.is_none()
            && old.0.is_some_and(|on| on.data == Data::Bool(true))
        {
            settings.markdown.highlighting = Some(Highlighting {
                theme: old.1.map_or_else(String::new, text_of),
                ..Highlighting::default()
            });
        }
        let older = fields.named("extra_syntaxes");
        if let Some(highlighting) = &mut settings.markdown.highlighting {
            highlighting.named.extend(older);
        }
        fields.without_effect(&[(
            "output_dir",
            "an image is written, by default to `dist/`; `-o FILE` says where",
        )]);
        renamed(&mut fields);
        let mut default = language(&mut fields, None);
        default.translations = fields.table("translations").map(object).unwrap_or_default();
        if let Some(node) = fields.table("languages") {
            for (code, _, inner) in node.entries() {
                let mut within = fields.within(inner);
                let mut own = language(&mut within, Some(&default));
                own.translations = within.table("translations").map(object).unwrap_or_default();
                if *code == settings.default_language {
                    let why = "of the default language, the top of the file says it";
                    within.without_effect(&[("generate_feeds", why), ("build_search_index", why)]);
                    // The top of the file speaks for this language; what it
                    // leaves out is taken from here, as Zola does.
                    default.fill(own, &fields);
                } else {
                    settings.languages.insert(code.clone(), own);
                }
            }
        }
        settings
            .languages
            .insert(settings.default_language.clone(), default);
        for language in settings.languages.values_mut() {
            for taxonomy in &mut language.taxonomies {
                taxonomy.slug = settings.slugify_taxonomies.path(&taxonomy.name);
            }
        }
        if let Some(name) = &settings.theme
            && let Some(source) = theme(name)
            && let Some(node) = parsed(&source, diagnostics)
            && let Some(extra) = node.get("extra")
        {
            merge(&mut settings.extra, extra.to_value());
        }
        (!diagnostics.has_errors()).then_some(settings)
    }
}

fn text_of(node: &Node) -> String {
    match &node.data {
        Data::Text(text) => text.clone(),
        _ => String::new(),
    }
}

/// Parses TOML; what is wrong is told.
pub fn parsed(source: &SourceText, diagnostics: &mut Diagnostics) -> Option<Node> {
    data::toml(source.text(), 0)
        .map_err(|error| {
            diagnostics.push(
                Diagnostic::error(format!("not valid TOML: {}", error.message))
                    .at(Place::span_of(source, error.at))
                    .hint("see the TOML 1.0 specification for the syntax"),
            );
        })
        .ok()
}

fn object(node: &Node) -> Map<String, Value> {
    match node.to_value() {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The site's value wins; tables are merged.
fn merge(own: &mut Value, theme: Value) {
    if let (Value::Object(own), Value::Object(theme)) = (own, theme) {
        for (key, value) in theme {
            match own.get_mut(&key) {
                Some(mine) => merge(mine, value),
                None => {
                    own.insert(key, value);
                }
            }
        }
    }
}

impl Language {
    /// Takes from `other` what the top of the file does not say.
    fn fill(&mut self, other: Self, top: &Fields<'_>) {
        self.title = self.title.take().or(other.title);
        self.description = self.description.take().or(other.description);
        if top.get("taxonomies").is_none() {
            self.taxonomies = other.taxonomies;
        }
        if top
            .get("generate_feeds")
            .or(top.get("generate_feed"))
            .is_none()
        {
            self.generate_feeds = other.generate_feeds;
        }
        if top.get("build_search_index").is_none() {
            self.build_search_index = other.build_search_index;
        }
        for (key, text) in other.translations {
            self.translations.entry(key).or_insert(text);
        }
    }
}

/// Keys that Zola has renamed since: they work here, with a word of advice.
fn renamed(fields: &mut Fields<'_>) {
    let known: Vec<&str> = TOP
        .iter()
        .filter(|key| {
            !matches!(
                **key,
                "generate_feed"
                    | "feed_filename"
                    | "generate_rss"
                    | "rss_limit"
                    | "highlight_code"
                    | "highlight_theme"
                    | "extra_syntaxes"
            )
        })
        .copied()
        .collect();
    let old: Vec<&str> = TOP
        .iter()
        .filter(|key| !known.contains(key))
        .copied()
        .collect();
    fields.renamed(
        &old,
        &[
            ("generate_feed", "it is `generate_feeds` now"),
            ("feed_filename", "it is `feed_filenames = [\"…\"]` now"),
            (
                "generate_rss",
                "it is `generate_feeds` with `feed_filenames = [\"rss.xml\"]` now",
            ),
            ("rss_limit", "it is `feed_limit` now"),
            (
                "highlight_code",
                "it is `[markdown.highlighting] theme = \"…\"` now",
            ),
            (
                "highlight_theme",
                "it is `[markdown.highlighting] theme = \"…\"` now",
            ),
            (
                "extra_syntaxes",
                "it is `[markdown.highlighting] extra_grammars = […]` now",
            ),
        ],
    );
}

fn language(fields: &mut Fields<'_>, default: Option<&Language>) -> Language {
    let feed_filenames = fields
        .texts("feed_filenames")
        .or_else(|| fields.text("feed_filename").map(|name| vec![name]))
        .or_else(|| default.map(|d| d.feed_filenames.clone()))
        .unwrap_or_else(|| {
            // Before 0.11 the one feed was RSS.
            let name = match fields.get("generate_rss") {
                Some(_) => "rss.xml",
                None => "atom.xml",
            };
            vec![name.into()]
        });
    let feeds = fields
        .boolean("generate_feeds")
        .or_else(|| fields.boolean("generate_feed"))
        .or_else(|| fields.boolean("generate_rss"));
    let mut taxonomies = Vec::new();
    if let Some(node) = fields.get("taxonomies") {
        if let Data::List(items) = &node.data {
            for item in items {
                let mut within = fields.within(item);
                within.known(
                    "taxonomies.",
                    &[
                        "name",
                        "paginate_by",
                        "paginate_path",
                        "feed",
                        "render",
                        "lang",
                        "rss",
                    ],
                );
                match within.text("name") {
                    Some(name) => taxonomies.push(Taxonomy {
                        // Made of the name when all is read.
                        slug: String::new(),
                        name,
                        paginate_by: within.count("paginate_by").filter(|by| *by > 0),
                        paginate_path: within.text("paginate_path"),
                        feed: within
                            .boolean("feed")
                            .or_else(|| within.boolean("rss"))
                            .unwrap_or(false),
                        render: within.boolean("render").unwrap_or(true),
                    }),
                    None => fields.error(
                        item,
                        "a taxonomy without a `name`".into(),
                        "such as `taxonomies = [{ name = \"tags\" }]`",
                    ),
                }
            }
        } else {
            fields.wrong("taxonomies", node, "a list of tables");
        }
    }
    // A language does not inherit what goes into the index, but its form.
    let search = match fields.table("search") {
        Some(node) => search(&mut fields.within(node)),
        None => Search {
            index_format: default.map_or_else(
                || Search::default().index_format,
                |d| d.search.index_format.clone(),
            ),
            ..Search::default()
        },
    };
    let build_search_index = fields.boolean("build_search_index").unwrap_or(false);
    Language {
        title: fields.text("title"),
        description: fields.text("description"),
        generate_feeds: feeds.unwrap_or(false),
        makes_feeds: feeds.unwrap_or(false),
        feed_filenames,
        taxonomies,
        build_search_index,
        makes_search_index: build_search_index,
        search,
        translations: Map::new(),
    }
}

fn search(fields: &mut Fields<'_>) -> Search {
    let default = Search::default();
    let formats = [
        "elasticlunr_javascript",
        "elasticlunr_json",
        "fuse_javascript",
        "fuse_json",
    ];
    Search {
        include_title: fields
            .boolean("include_title")
            .unwrap_or(default.include_title),
        include_description: fields.boolean("include_description").unwrap_or(false),
        include_date: fields.boolean("include_date").unwrap_or(false),
        include_path: fields.boolean("include_path").unwrap_or(false),
        include_content: fields.boolean("include_content").unwrap_or(true),
        truncate_content_length: fields.count("truncate_content_length"),
        index_format: fields
            .word(
                "index_format",
                "`elasticlunr_json`, `elasticlunr_javascript`, `fuse_json`, `fuse_javascript`",
                |word| formats.contains(&word).then(|| word.to_owned()),
            )
            .unwrap_or(default.index_format),
    }
}

fn markdown(fields: &mut Fields<'_>) -> Markdown {
    fields.known("markdown.", &MARKDOWN);
    let mut highlighting = None;
    if let Some(node) = fields.table("highlighting") {
        let mut own = fields.within(node);
        own.known(
            "markdown.highlighting.",
            &[
                "error_on_missing_language",
                "style",
                "theme",
                "light_theme",
                "dark_theme",
                "extra_grammars",
                "extra_themes",
            ],
        );
        let one = own.text("theme").filter(|name| !name.is_empty());
        let light = own.text("light_theme").filter(|name| !name.is_empty());
        let dark = own.text("dark_theme").filter(|name| !name.is_empty());
        let classes = own
            .word("style", "`inline`, `class`", |word| match word {
                "inline" => Some(false),
                "class" => Some(true),
                _ => None,
            })
            .unwrap_or(false);
        highlighting = Some(Highlighting {
            classes,
            dark: dark.filter(|_| one.is_none()),
            theme: one.or(light).unwrap_or_default(),
            strict: own.boolean("error_on_missing_language").unwrap_or(false),
            named: [own.named("extra_grammars"), own.named("extra_themes")].concat(),
            extras: Arc::default(),
        });
    } else if fields.boolean("highlight_code") == Some(true) {
        let theme = fields.text("highlight_theme").unwrap_or_default();
        highlighting = Some(Highlighting {
            classes: theme == "css",
            theme: if theme == "css" { String::new() } else { theme },
            ..Highlighting::default()
        });
    }
    if let Some(highlighting) = &mut highlighting {
        // As it was before 0.22, when folders were named.
        for key in OLD_EXTRAS {
            highlighting.named.extend(fields.named(key));
        }
    }
    fields.renamed(
        &[
            "highlight_code",
            "highlight_theme",
            "highlight_themes_css",
            "extra_syntaxes_and_themes",
        ],
        &[
            (
                "extra_syntaxes_and_themes",
                "it is `[markdown.highlighting] extra_grammars = […]` and `extra_themes = […]` now",
            ),
            (
                "highlight_code",
                "it is `[markdown.highlighting] theme = \"…\"` now",
            ),
            (
                "highlight_theme",
                "it is `[markdown.highlighting] theme = \"…\"` now",
            ),
            (
                "highlight_themes_css",
                "it is `[markdown.highlighting] style = \"class\"` now",
            ),
        ],
    );
    let mut on = |key| fields.boolean(key).unwrap_or(false);
    Markdown {
        highlighting,
        render_emoji: on("render_emoji"),
        external_links_target_blank: on("external_links_target_blank"),
        external_links_no_follow: on("external_links_no_follow"),
        external_links_no_referrer: on("external_links_no_referrer"),
        smart_punctuation: on("smart_punctuation"),
        definition_list: on("definition_list"),
        lazy_async_image: on("lazy_async_image"),
        bottom_footnotes: on("bottom_footnotes"),
        github_alerts: on("github_alerts"),
        external_links_external: fields.boolean("external_links_external").unwrap_or(true),
        external_links_class: fields.text("external_links_class"),
        insert_anchor_links: fields
            .word(
                "insert_anchor_links",
                "`left`, `right`, `heading`, `none`",
                Anchors::from_name,
            )
            .unwrap_or_default(),
    }
}
