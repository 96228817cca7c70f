//! The configuration as templates see it.

use tera::{Map, Value};

use super::{Highlighting, Language, Settings, Taxonomy};

impl Settings {
    /// The configuration as templates of a language see it.
    pub fn to_value(&self, code: &str, mode: &str) -> Value {
        let language = self.language(code);
        let markdown = &self.markdown;
        let languages: Map<String, Value> = self
            .languages
            .iter()
            // The others, as with Zola.
            .filter(|(other, _)| *other != code)
            .map(|(code, own)| (code.clone(), language_value(own)))
            .collect();
        let mut value = language_value(language);
        let Value::Object(map) = &mut value else {
            return value;
        };
        let mut put = |key: &str, value: Value| {
            map.insert(key.to_owned(), value);
        };
        put("base_url", self.base_url.clone().into());
        put("mode", mode.into());
        put("default_language", self.default_language.clone().into());
        put("languages", Value::Object(languages));
        put("theme", self.theme.clone().into());
        put("author", self.author.clone().into());
        put("compile_sass", self.compile_sass.into());
        put("minify_html", self.minify_html.into());
        put("feed_limit", self.feed_limit.into());
        put("generate_sitemap", self.generate_sitemap.into());
        put("generate_robots_txt", self.generate_robots_txt.into());
        put("taxonomy_root", self.taxonomy_root.clone().into());
        put("extra", self.extra.clone());
        put(
            "markdown",
            serde_json::json!({
                "highlight_code": markdown.highlighting.is_some(),
                "highlight_theme": markdown.highlighting.as_ref().map(|h| h.theme.clone()),
                "highlighting": markdown.highlighting.as_ref().map(highlighting_value),
                "render_emoji": markdown.render_emoji,
                "external_links_class": markdown.external_links_class,
                "external_links_target_blank": markdown.external_links_target_blank,
                "external_links_no_follow": markdown.external_links_no_follow,
                "external_links_no_referrer": markdown.external_links_no_referrer,
                "external_links_external": markdown.external_links_external,
                "smart_punctuation": markdown.smart_punctuation,
                "definition_list": markdown.definition_list,
                "lazy_async_image": markdown.lazy_async_image,
                "bottom_footnotes": markdown.bottom_footnotes,
                "github_alerts": markdown.github_alerts,
                "insert_anchor_links": markdown.insert_anchor_links.name(),
            }),
        );
        value
    }
}

/// Themes ask which of the keys are there: one theme, or a light and a dark one.
fn highlighting_value(highlighting: &Highlighting) -> Value {
    let mut value = serde_json::json!({
        "error_on_missing_language": highlighting.strict,
        "style": if highlighting.classes { "class" } else { "inline" },
    });
    match &highlighting.dark {
        Some(dark) => {
            value["light_theme"] = highlighting.theme.clone().into();
            value["dark_theme"] = dark.clone().into();
        }
        None => value["theme"] = highlighting.theme.clone().into(),
    }
    value
}

fn language_value(language: &Language) -> Value {
    let taxonomies: Vec<Value> = language.taxonomies.iter().map(Taxonomy::to_value).collect();
    serde_json::json!({
        "title": language.title,
        "description": language.description,
        "generate_feeds": language.generate_feeds,
        "generate_feed": language.generate_feeds,
        "feed_filenames": language.feed_filenames,
        "feed_filename": language.feed_filenames.first(),
        "taxonomies": taxonomies,
        "build_search_index": language.build_search_index,
        "search": { "index_format": language.search.index_format },
        "translations": language.translations,
    })
}

impl Taxonomy {
    /// As templates see it.
    pub fn to_value(&self) -> Value {
        serde_json::json!({
            "name": self.name,
            "slug": self.slug,
            "paginate_by": self.paginate_by,
            "paginate_path": self.paginate_path,
            "feed": self.feed,
            "render": self.render,
        })
    }
}
