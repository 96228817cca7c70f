//! `config.toml` or `zola.toml`: what a website says about itself.

mod read;
mod value;

use std::{collections::BTreeMap, sync::Arc};

use tera::{Map, Value};

use super::{
    globs::Globs,
    markdown::extras::{Extras, Named},
    slugs::Slugify,
};

pub use read::{keys, parsed};

/// A taxonomy of one language.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Taxonomy {
    /// Its name, as in front matter and in the paths of templates.
    pub name: String,
    /// The same as it stands in addresses.
    pub slug: String,
    /// Terms are paginated by this.
    pub paginate_by: Option<usize>,
    /// The word before the number in the paths of pagers.
    pub paginate_path: Option<String>,
    /// Each term has a feed.
    pub feed: bool,
    /// Pages are made for it.
    pub render: bool,
}

/// What one language of a site has of its own.
#[derive(Debug, Clone, Default)]
pub struct Language {
    /// Title of the site.
    pub title: Option<String>,
    /// Description of the site.
    pub description: Option<String>,
    /// Whether there is a feed for all its pages.
    pub generate_feeds: bool,
    /// Whether one is made: of the default language only the top of the file decides.
    pub makes_feeds: bool,
    /// Names of feeds, and of their templates.
    pub feed_filenames: Vec<String>,
    /// Its taxonomies.
    pub taxonomies: Vec<Taxonomy>,
    /// Whether there is a search index.
    pub build_search_index: bool,
    /// Whether one is made, as with feeds.
    pub makes_search_index: bool,
    /// What goes into the search index.
    pub search: Search,
    /// Texts for `trans`.
    pub translations: Map<String, Value>,
}

/// `[search]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// Titles go in.
    pub include_title: bool,
    /// Descriptions go in.
    pub include_description: bool,
    /// Dates go in.
    pub include_date: bool,
    /// Paths go in.
    pub include_path: bool,
    /// Texts go in.
    pub include_content: bool,
    /// Texts are cut after so many characters.
    pub truncate_content_length: Option<usize>,
    /// `elasticlunr_javascript`, `elasticlunr_json`, `fuse_javascript`, `fuse_json`.
    pub index_format: String,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            include_title: true,
            include_description: false,
            include_date: false,
            include_path: false,
            include_content: true,
            truncate_content_length: None,
            index_format: "elasticlunr_javascript".into(),
        }
    }
}

/// Where an anchor goes in a heading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Anchors {
    /// Nowhere.
    #[default]
    None,
    /// Before the text.
    Left,
    /// Behind the text.
    Right,
    /// Around the text.
    Heading,
}

impl Anchors {
    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Left => "left",
            Self::Right => "right",
            Self::Heading => "heading",
        }
    }

    /// By its name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Self::None),
            "left" => Some(Self::Left),
            "right" => Some(Self::Right),
            "heading" => Some(Self::Heading),
            _ => None,
        }
    }
}

/// How code is coloured.
#[derive(Debug, Clone, Default)]
pub struct Highlighting {
    /// Classes rather than colours.
    pub classes: bool,
    /// One theme, or the light one.
    pub theme: String,
    /// The dark theme beside a light one.
    pub dark: Option<String>,
    /// A language that is not known is an error.
    pub strict: bool,
    /// Files and folders with syntaxes and themes of the site's own.
    pub named: Vec<Named>,
    /// What was in them.
    pub extras: Arc<Extras>,
}

/// `[markdown]`.
#[derive(Debug, Clone, Default)]
pub struct Markdown {
    /// Colours for code, if it is coloured.
    pub highlighting: Option<Highlighting>,
    /// `:smile:` becomes a character.
    pub render_emoji: bool,
    /// Class of links that lead out.
    pub external_links_class: Option<String>,
    /// They open in a new tab.
    pub external_links_target_blank: bool,
    /// They say `nofollow`.
    pub external_links_no_follow: bool,
    /// They say `noreferrer`.
    pub external_links_no_referrer: bool,
    /// They say `external`.
    pub external_links_external: bool,
    /// Typographic quotes and dashes.
    pub smart_punctuation: bool,
    /// Definition lists.
    pub definition_list: bool,
    /// Images load when they are needed.
    pub lazy_async_image: bool,
    /// Footnotes go to the end.
    pub bottom_footnotes: bool,
    /// `> [!NOTE]`.
    pub github_alerts: bool,
    /// Anchors of headings.
    pub insert_anchor_links: Anchors,
}

/// Everything that the configuration says.
#[derive(Debug, Default)]
pub struct Settings {
    /// Where the site will live, as written.
    pub base_url: String,
    /// The language of files that name none.
    pub default_language: String,
    /// The theme's directory below `themes/`.
    pub theme: Option<String>,
    /// Author of pages that name none.
    pub author: Option<String>,
    /// `sass/` is compiled.
    pub compile_sass: bool,
    /// Files of `content/` that are left out.
    pub ignored_content: Globs,
    /// Files of `static/` that are left out.
    pub ignored_static: Globs,
    /// Pages are written without white space that nobody sees.
    pub minify_html: bool,
    /// How many pages a feed holds.
    pub feed_limit: Option<usize>,
    /// A path before those of all taxonomies.
    pub taxonomy_root: Option<String>,
    /// There is a sitemap.
    pub generate_sitemap: bool,
    /// There is a `robots.txt`.
    pub generate_robots_txt: bool,
    /// Pagers are not in the sitemap.
    pub pagers_in_sitemap: bool,
    /// How file names become paths.
    pub slugify_paths: Slugify,
    /// How terms become paths.
    pub slugify_taxonomies: Slugify,
    /// How headings become ids.
    pub slugify_anchors: Slugify,
    /// A date before a file's name stays in its path.
    pub paths_keep_dates: bool,
    /// Broken internal links are warnings.
    pub internal_links_warn: bool,
    /// Markdown.
    pub markdown: Markdown,
    /// Every language, the default one included.
    pub languages: BTreeMap<String, Language>,
    /// The site's own data.
    pub extra: Value,
}

impl Settings {
    /// What the language has; every language that content has is configured.
    pub fn language(&self, code: &str) -> &Language {
        static NONE: std::sync::LazyLock<Language> = std::sync::LazyLock::new(Language::default);
        self.languages.get(code).unwrap_or(&NONE)
    }

    /// Whether there is more than one language.
    pub fn multilingual(&self) -> bool {
        self.languages.len() > 1
    }

    /// The address of a path: with a slash at its end, unless it names a file of ours.
    pub fn permalink(&self, path: &str) -> String {
        let base = self.base_url.trim_end_matches('/');
        let path = path.trim_start_matches('/');
        let last = path.rsplit('/').next().unwrap_or_default();
        let is_feed = self
            .languages
            .values()
            .any(|language| language.feed_filenames.iter().any(|name| name == last));
        let slash = if path.is_empty() || path.ends_with('/') || is_feed {
            ""
        } else {
            "/"
        };
        format!("{base}/{path}{slash}")
    }

    /// The path below the root of a language: nothing for the default one.
    pub fn language_path(&self, code: &str) -> String {
        if code == self.default_language {
            "/".to_owned()
        } else {
            format!("/{code}/")
        }
    }
}
