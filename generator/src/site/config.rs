//! `applgen.toml`: optional, small, and strict. An unknown key is an error with
//! its file, line and column, and with the key that was probably meant.

mod deploy;
mod http;

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, Ordering},
};

pub use deploy::DeployConfig;
pub use http::{HostConfig, HttpConfig, Www};

use applgen_bundle::{MAX_BUNDLE_BYTES, boot};
use toml_edit::{Document, Item, TableLike, Value};

use crate::{
    report::{Diagnostic, Diagnostics, Place, SourceText, Told, did_you_mean},
    slides::{Notes, Preset, Separators, SlideOptions},
    zones::name,
};

/// The file's name in a site directory.
pub const FILE_NAME: &str = "applgen.toml";

/// What a site's `applgen.toml` says; everything has a default.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `title`: the site's name, on the index of its decks.
    pub title: Option<String>,
    /// `base-url`: where the site will live, for links that must be absolute.
    pub base_url: Option<String>,
    /// `lang`: the language of pages that say none (BCP 47), `en` by default.
    pub lang: Option<String>,
    /// `[network]`: boot words that the image takes when none are given.
    pub boot_words: Vec<String>,
    /// `[slides]`.
    pub slides: SlideOptions,
    /// `[http]`.
    pub http: HttpConfig,
    /// `[[hosts]]`.
    pub hosts: Vec<HostConfig>,
    /// `[dns]`.
    pub dns: DnsConfig,
    /// `[deploy]`.
    pub deploy: DeployConfig,
    /// `[image] max-bytes`: a limit below the largest that an image can hold.
    pub max_bytes: Option<u64>,
}

/// Whether the command line asks for drafts. It speaks for every site of an
/// image, those of its hosts included, and is said once, before any is loaded.
static DRAFTS: AtomicBool = AtomicBool::new(false);

/// Says that drafts are wanted.
pub fn want_drafts() {
    DRAFTS.store(true, Ordering::Relaxed);
}

/// Whether drafts are wanted.
pub fn drafts_wanted() -> bool {
    DRAFTS.load(Ordering::Relaxed)
}

/// What `[dns]` says of the name server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsConfig {
    /// `self`: names whose addresses are the appliance's own, in wire form, and
    /// where they are written.
    pub own: Vec<(Vec<u8>, Option<Place>)>,
    /// `rate-limit`: responses a second to one client network; 0: no limit.
    pub rate_limit: u32,
    /// `slip`: of limited responses, every how many-th is sent truncated.
    pub slip: u32,
    /// `nsid`: what tells this server from others (RFC 5001).
    pub nsid: Option<String>,
    /// `version`: what `version.bind` answers; empty: it is refused.
    pub version: String,
    /// `identity`: what `id.server` answers.
    pub identity: Option<String>,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            own: Vec::new(),
            rate_limit: 200,
            slip: 2,
            nsid: None,
            version: "applgen".to_owned(),
            identity: None,
        }
    }
}

impl Config {
    /// The limit for the sum of a site's files.
    pub fn limit_bytes(&self) -> u64 {
        self.max_bytes.unwrap_or(MAX_BUNDLE_BYTES)
    }

    /// Reads the text; what is wrong with it is told in `diagnostics`.
    pub fn parse(source: &SourceText, diagnostics: &mut Diagnostics) -> Result<Self, Told> {
        let document = Document::parse(source.text()).map_err(|error| {
            let message = error.message().trim_end().replace('\n', ", ");
            let mut diagnostic = Diagnostic::error(format!("not valid TOML: {message}"));
            diagnostic = match error.span() {
                Some(span) => diagnostic.at(Place::span_of(source, span)),
                None => diagnostic.at(Place::file(source.path())),
            };
            diagnostics.push(diagnostic.hint("see the TOML 1.0 specification for the syntax"));
            Told
        })?;
        let mut config = Self::default();
        let mut reader = Reader {
            source,
            diagnostics,
            failed: false,
        };
        reader.top(document.as_table(), &mut config);
        if reader.failed { Err(Told) } else { Ok(config) }
    }
}

const TOP_KEYS: [&str; 10] = [
    "title", "base-url", "lang", "network", "slides", "image", "http", "hosts", "dns", "deploy",
];
const NETWORK_KEYS: [&str; 7] = ["ip", "gw", "ip6", "gw6", "http", "dns", "log"];
const SLIDES_KEYS: [&str; 5] = [
    "separators",
    "separator",
    "vertical-separator",
    "notes-separator",
    "notes",
];
const DNS_KEYS: [&str; 6] = ["self", "rate-limit", "slip", "nsid", "version", "identity"];
const IMAGE_KEYS: [&str; 1] = ["max-bytes"];

/// Every key there is, by table: the manual has to name each.
pub fn keys() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("", &TOP_KEYS),
        ("[network]", &NETWORK_KEYS),
        ("[slides]", &SLIDES_KEYS),
        ("[http]", &http::HTTP_KEYS),
        ("[http]", &http::REDIRECT_KEYS),
        ("[[hosts]]", &http::HOST_KEYS),
        ("[dns]", &DNS_KEYS),
        ("[image]", &IMAGE_KEYS),
        ("[deploy]", &deploy::DEPLOY_KEYS),
    ]
}

struct Reader<'a> {
    source: &'a SourceText,
    diagnostics: &'a mut Diagnostics,
    failed: bool,
}

impl Reader<'_> {
    fn top(&mut self, table: &dyn TableLike, config: &mut Config) {
        self.known(table, "", &TOP_KEYS);
        config.title = self.string(table, "title").map(|(text, _)| text);
        config.lang = self.string(table, "lang").map(|(text, _)| text);
        if let Some((url, span)) = self.string(table, "base-url") {
            if url.starts_with("http://") || url.starts_with("https://") {
                config.base_url = Some(url.trim_end_matches('/').to_owned());
            } else {
                self.error(
                    span,
                    "`base-url` is not an absolute URL",
                    "write it like `https://example.org`",
                );
            }
        }
        if let Some(http) = self.table(table, "http") {
            config.http = self.http(http);
        }
        config.hosts = self.hosts(table);
        if let Some(deploy) = self.table(table, "deploy") {
            config.deploy = self.deploy(deploy);
        }
        if let Some(network) = self.table(table, "network") {
            self.network(network, config);
        }
        if let Some(slides) = self.table(table, "slides") {
            self.slides(slides, config);
        }
        if let Some(dns) = self.table(table, "dns") {
            self.dns(dns, &mut config.dns);
        }
        if let Some(image) = self.table(table, "image") {
            self.known(image, "image.", &IMAGE_KEYS);
            config.max_bytes = self.max_bytes(image);
        }
    }

    fn network(&mut self, table: &dyn TableLike, config: &mut Config) {
        self.known(table, "network.", &NETWORK_KEYS);
        for key in NETWORK_KEYS {
            if let Some((value, span)) = self.string(table, key) {
                let word = format!("{key}={value}");
                let parsed = boot::Words::parse(&word, boot::Keys::ALL).map(|_| ());
                match parsed.map_err(|error| error.to_string()) {
                    Ok(()) if !word.contains(char::is_whitespace) => config.boot_words.push(word),
                    Ok(()) => self.error(span, &format!("`network.{key}` holds a space"), "remove it"),
                    Err(why) => self.error(
                        span,
                        &format!("`network.{key}`: {why}"),
                        "the value is written as after the word on a kernel command line, such as `http = \"8080\"`",
                    ),
                }
            }
        }
    }

    fn slides(&mut self, table: &dyn TableLike, config: &mut Config) {
        self.known(table, "slides.", &SLIDES_KEYS);
        if let Some((name, span)) = self.string(table, "separators") {
            match Preset::from_name(&name) {
                Some(preset) => config.slides.separators = Some(preset.separators()),
                None => {
                    let names = Preset::ALL.map(Preset::name);
                    let hint = match did_you_mean(&name, names) {
                        Some(close) => format!("did you mean `{close}`?"),
                        None => format!("one of {}", in_backticks(&names)),
                    };
                    self.error(span, &format!("`{name}` is no set of separators"), &hint);
                }
            }
        }
        for key in ["separator", "vertical-separator", "notes-separator"] {
            if let Some((pattern, span)) = self.string(table, key) {
                let separators = config
                    .slides
                    .separators
                    .get_or_insert_with(Separators::reveal);
                match key {
                    "separator" => separators.slide = pattern,
                    "vertical-separator" => separators.vertical = Some(pattern),
                    _ => separators.notes = pattern,
                }
                if let Err(error) = separators.check() {
                    self.error(
                        span,
                        &format!("`slides.{key}`: {error}"),
                        "write a JavaScript regular expression, as reveal.js takes them",
                    );
                }
            }
        }
        if let Some((notes, span)) = self.string(table, "notes") {
            match notes.as_str() {
                "include" => config.slides.notes = Notes::Include,
                "exclude" => config.slides.notes = Notes::Exclude,
                _ => self.error(
                    span,
                    &format!("`slides.notes` cannot be `{notes}`"),
                    "either `include` (the default) or `exclude`",
                ),
            }
        }
    }

    fn dns(&mut self, table: &dyn TableLike, dns: &mut DnsConfig) {
        self.known(table, "dns.", &DNS_KEYS);
        for (key, number) in [("rate-limit", &mut dns.rate_limit), ("slip", &mut dns.slip)] {
            let Some(item) = table.get(key) else { continue };
            match item
                .as_integer()
                .and_then(|value| u32::try_from(value).ok())
            {
                Some(value) => *number = value,
                None => self.error(
                    item.span(),
                    &format!("`dns.{key}` must be a whole number, 0 or more"),
                    "0 switches it off",
                ),
            }
        }
        for (key, text) in [("nsid", &mut dns.nsid), ("identity", &mut dns.identity)] {
            *text = self.dns_text(table, key);
        }
        if let Some(version) = self.dns_text(table, "version") {
            dns.version = version;
        }
        let Some(item) = table.get("self") else {
            return;
        };
        let Some(list) = item.as_array() else {
            self.error(
                item.span(),
                "`dns.self` must be a list of names",
                "write `self = [\"example.org\", \"www.example.org\"]`",
            );
            return;
        };
        for value in list {
            let span = value.span();
            let text = value.as_str().unwrap_or_default();
            match name::parse(text.as_bytes(), &[0]) {
                Ok(wire) => {
                    let place = span.map(|span| Place::span_of(self.source, span));
                    dns.own.push((wire, place));
                }
                Err(error) => self.error(
                    span,
                    &format!("`dns.self` has no name in it: {}", error.message()),
                    "write whole names, such as `www.example.org`",
                ),
            }
        }
    }

    /// A text that fits into a character string.
    fn dns_text(&mut self, table: &dyn TableLike, key: &str) -> Option<String> {
        let (text, span) = self.string(table, key)?;
        if text.len() > 255 {
            let message = format!("`dns.{key}` has more than 255 bytes");
            self.error(span, &message, "make it shorter");
            return None;
        }
        Some(text)
    }

    fn max_bytes(&mut self, table: &dyn TableLike) -> Option<u64> {
        let item = table.get("max-bytes")?;
        match item.as_integer().and_then(|n| u64::try_from(n).ok()) {
            Some(bytes) if (1..=MAX_BUNDLE_BYTES).contains(&bytes) => Some(bytes),
            _ => {
                self.error(
                    item.span(),
                    &format!(
                        "`image.max-bytes` must be a whole number from 1 to {MAX_BUNDLE_BYTES}"
                    ),
                    "an image is one file below 2 GiB, kernel included",
                );
                None
            }
        }
    }

    fn known(&mut self, table: &dyn TableLike, prefix: &str, keys: &[&str]) {
        for (key, item) in table.iter() {
            if keys.contains(&key) {
                continue;
            }
            let span = table
                .get_key_value(key)
                .and_then(|(key, _)| key.span())
                .or_else(|| item.span());
            let hint = match did_you_mean(key, keys.iter().copied()) {
                Some(close) => format!("did you mean `{close}`?"),
                None => format!("the keys here are {}", in_backticks(keys)),
            };
            self.error(span, &format!("unknown key `{prefix}{key}`"), &hint);
        }
    }

    fn string(
        &mut self,
        table: &dyn TableLike,
        key: &str,
    ) -> Option<(String, Option<Range<usize>>)> {
        let item = table.get(key)?;
        match item.as_str() {
            Some(text) => Some((text.to_owned(), item.span())),
            // A port reads naturally as a number.
            None if key == "http" || key == "dns" => match item.as_value() {
                Some(Value::Integer(number)) => Some((number.value().to_string(), item.span())),
                _ => self.wrong_type(key, item, "a string or a port number"),
            },
            None => self.wrong_type(key, item, "a string"),
        }
    }

    fn table<'t>(&mut self, table: &'t dyn TableLike, key: &str) -> Option<&'t dyn TableLike> {
        let item = table.get(key)?;
        match item.as_table_like() {
            Some(inner) => Some(inner),
            None => self.wrong_type(key, item, "a table"),
        }
    }

    fn wrong_type<T>(&mut self, key: &str, item: &Item, wanted: &str) -> Option<T> {
        let hint = if wanted == "a table" {
            format!("write `[{key}]` on a line of its own")
        } else {
            format!("write `{key} = \"…\"`")
        };
        self.error(
            item.span(),
            &format!("`{key}` must be {wanted}, and this is {}", item.type_name()),
            &hint,
        );
        None
    }

    fn error(&mut self, span: Option<Range<usize>>, message: &str, hint: &str) {
        self.failed = true;
        let place = match span {
            Some(span) => Place::span_of(self.source, span),
            None => Place::file(self.source.path()),
        };
        self.diagnostics
            .push(Diagnostic::error(message).at(place).hint(hint));
    }
}

fn in_backticks(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Result<Config, Told>, String) {
        let mut diagnostics = Diagnostics::new();
        let config = Config::parse(&SourceText::new("applgen.toml", text), &mut diagnostics);
        let told: Vec<String> = diagnostics.iter().map(|d| d.render(false)).collect();
        (config, told.join("\n"))
    }

    #[test]
    fn everything_is_optional_and_all_of_it_is_read() {
        assert!(parse("").0.is_ok());
        let (config, told) = parse(
            "title = \"T\"\nbase-url = \"https://example.org/\"\n[network]\nhttp = 8081\nip = \"dhcp\"\n\
             [slides]\nseparators = \"mirage\"\nnotes = \"exclude\"\n[image]\nmax-bytes = 5000\n",
        );
        let config = config.expect(&told);
        assert_eq!(config.base_url.as_deref(), Some("https://example.org"));
        assert_eq!(config.boot_words, ["ip=dhcp", "http=8081"]);
        assert_eq!(config.slides.separators, Some(Separators::mirage()));
        assert_eq!(config.slides.notes, Notes::Exclude);
        assert_eq!(config.limit_bytes(), 5000);
    }

    #[test]
    fn mistakes_are_told_with_line_column_and_what_was_meant() {
        for (text, expected) in [
            (
                "titel = \"x\"\n",
                ["applgen.toml:1:1", "did you mean `title`?"],
            ),
            (
                "title = \"x\"\n[slides]\nseperators = \"mirage\"\n",
                ["applgen.toml:3:1", "did you mean `separators`?"],
            ),
            (
                "[slides]\nseparators = \"reveal-me\"\n",
                ["applgen.toml:2:14", "did you mean `reveal-md`?"],
            ),
            ("title = 3\n", ["applgen.toml:1:9", "must be a string"]),
            ("title = \"x\n", ["applgen.toml:1", "not valid TOML"]),
            (
                "[network]\nhttp = \"80800\"\n",
                ["applgen.toml:2:8", "`network.http`"],
            ),
            (
                "[dns]\nself = [\"a..b\"]\n",
                ["applgen.toml:2:9", "an empty label"],
            ),
            ("[dns]\nslip = -1\n", ["applgen.toml:2:8", "`dns.slip`"]),
            (
                "[deploy]\ntargets = [\"xem\"]\n",
                ["applgen.toml:2:12", "did you mean `xen`?"],
            ),
            (
                "[deploy]\nto = \"--upload-pack=x\"\n",
                ["applgen.toml:2:6", "begins with `-`"],
            ),
            (
                "[deploy]\nkey = \"x\"\n",
                ["applgen.toml:2:1", "`deploy.key`"],
            ),
            ("slides = 1\n", ["applgen.toml:1:10", "write `[slides]`"]),
            (
                "[image]\nmax-bytes = 99999999999\n",
                ["applgen.toml:2:13", "1900000000"],
            ),
        ] {
            let (config, told) = parse(text);
            assert!(config.is_err(), "{text}");
            for part in expected {
                assert!(told.contains(part), "{text}: {told}");
            }
        }
    }
}
