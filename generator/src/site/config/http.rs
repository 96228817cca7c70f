//! `[http]` and `[[hosts]]` of `applgen.toml`.
//!
//! ```toml
//! [http]
//! clean-urls = true                    # or "redirect", false
//! security-headers = true
//! content-security-policy = "auto"     # or true, "generated", false, a policy of your own
//! cors = "*"                           # or an origin; not sent without it
//! cache-pages = "no-cache"
//! cache-files = "no-cache"
//! cache-redirects = "max-age=300"
//! cache-fingerprinted = "max-age=31536000, immutable"
//! idle-seconds = 60                    # 1 to 3600
//! request-seconds = 20                 # 1 to 3600
//! send-seconds = 30                    # 1 to 3600
//! connections = 65536                  # 16 to 1000000
//! connections-per-address = 16384      # 1 to 1000000
//!
//! [http.headers]
//! "/*" = { "X-Robots-Tag" = "noindex", "X-Frame-Options" = false }
//!
//! [[http.redirects]]
//! from = "/old/*"
//! to = "/new/:splat"
//! status = 301
//! force = false
//!
//! [[hosts]]
//! names = ["example.org", "*.example.org"]
//! directory = "main"
//! www = "strip"                        # or "add"
//! redirects = ["example.com"]
//! default = true
//! ```

use std::ops::Range;

use applgen_bundle::http::Limits;
use toml_edit::{Item, TableLike, Value};

use super::Reader;
use crate::{
    report::Place,
    rules::{
        HeaderRule, Rules, header_fault,
        pattern::PathPattern,
        policy::{CleanUrls, Csp, Policy},
        redirect,
    },
};

/// What `[http]` says.
#[derive(Debug, Clone, Default)]
pub struct HttpConfig {
    /// Headers without a rule, and how pages are addressed.
    pub policy: Policy,
    /// Rules.
    pub rules: Rules,
    /// Limits of the image's server.
    pub limits: Limits,
}

/// A virtual host.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// Its names; `*.` at the front stands for any label.
    pub names: Vec<String>,
    /// The directory of its site, below the one of this configuration; without
    /// one it is that site itself.
    pub directory: Option<String>,
    /// What becomes of `www.`.
    pub www: Www,
    /// Names that redirect to the first.
    pub redirects: Vec<String>,
    /// Whether it answers for names that no host has.
    pub default: bool,
    /// Where it was told.
    pub place: Place,
}

/// What becomes of a name with `www.` before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Www {
    /// Nothing.
    AsWritten,
    /// It redirects to the name without.
    Strip,
    /// The name without redirects to it.
    Add,
}

pub(super) const HTTP_KEYS: [&str; 15] = [
    "clean-urls",
    "security-headers",
    "content-security-policy",
    "cors",
    "cache-pages",
    "cache-files",
    "cache-fingerprinted",
    "cache-redirects",
    "idle-seconds",
    "request-seconds",
    "send-seconds",
    "connections",
    "connections-per-address",
    "headers",
    "redirects",
];
pub(super) const REDIRECT_KEYS: [&str; 4] = ["from", "to", "status", "force"];
pub(super) const HOST_KEYS: [&str; 5] = ["names", "directory", "www", "redirects", "default"];

impl Reader<'_> {
    pub(super) fn http(&mut self, table: &dyn TableLike) -> HttpConfig {
        self.known(table, "http.", &HTTP_KEYS);
        let mut config = HttpConfig::default();
        let policy = &mut config.policy;
        match table
            .get("clean-urls")
            .map(|item| (item.as_bool(), item.as_str(), item))
        {
            None | Some((Some(true), ..)) => {}
            Some((Some(false), ..)) => policy.clean_urls = CleanUrls::Off,
            Some((_, Some("redirect"), _)) => policy.clean_urls = CleanUrls::Redirect,
            Some((.., item)) => self.error(
                item.span(),
                "`http.clean-urls` cannot be this",
                "`true` (the default), `\"redirect\"` or `false`",
            ),
        }
        match table.get("content-security-policy").map(|item| (item.as_bool(), item)) {
            None => {}
            Some((Some(true), _)) => policy.csp = Csp::All,
            Some((Some(false), _)) => policy.csp = Csp::Off,
            Some((None, item)) => match item.as_str() {
                Some("auto") => policy.csp = Csp::Auto,
                Some("generated") => policy.csp = Csp::Generated,
                Some(text) if header_fault("Content-Security-Policy", text).is_none() => {
                    policy.csp = Csp::Text(text.to_owned());
                }
                _ => self.error(
                    item.span(),
                    "`http.content-security-policy` cannot be this",
                    "`\"auto\"` (the default), `true` for the whole policy on all pages, `\"generated\"` for those that applgen rendered, `false`, or a policy of one line",
                ),
            },
        }
        if let Some(on) = self.boolean(table, "security-headers") {
            policy.security_headers = on;
        }
        match table
            .get("cors")
            .map(|item| (item.as_bool(), item.as_str(), item))
        {
            None | Some((Some(false), ..)) => {}
            Some((_, Some(origin), _)) if is_origin(origin) => {
                policy.cors = Some(origin.to_owned())
            }
            Some((.., item)) => self.error(
                item.span(),
                "`http.cors` cannot be this",
                "`\"*\"`, one origin such as `\"https://example.org\"`, or `false` (the default)",
            ),
        }
        for (key, place) in [
            ("cache-pages", &mut policy.cache_pages),
            ("cache-files", &mut policy.cache_files),
            ("cache-fingerprinted", &mut policy.cache_fingerprinted),
            ("cache-redirects", &mut policy.cache_redirects),
        ] {
            let Some((value, span)) = self.string(table, key) else {
                continue;
            };
            match header_fault("Cache-Control", &value) {
                None => *place = value,
                Some((message, _)) => self.error(span, &message, "such as `public, max-age=3600`"),
            }
        }
        self.limits(table, &mut config.limits);
        if let Some(headers) = self.table(table, "headers") {
            config.rules.headers = self.headers(headers);
        }
        for entry in self.tables(table, "redirects") {
            self.redirect_rule(entry, &mut config.rules);
        }
        config
    }

    fn limits(&mut self, table: &dyn TableLike, limits: &mut Limits) {
        for (key, place) in [
            ("idle-seconds", &mut limits.idle_seconds),
            ("request-seconds", &mut limits.request_seconds),
            ("send-seconds", &mut limits.send_seconds),
        ] {
            if let Some(seconds) = self.whole_number(table, key, 1, 3600) {
                *place = seconds as u16;
            }
        }
        for (key, least, place) in [
            ("connections", 16, &mut limits.connections),
            ("connections-per-address", 1, &mut limits.per_address),
        ] {
            if let Some(number) = self.whole_number(table, key, least, 1_000_000) {
                *place = number;
            }
        }
    }

    fn whole_number(
        &mut self,
        table: &dyn TableLike,
        key: &str,
        least: u32,
        most: u32,
    ) -> Option<u32> {
        let item = table.get(key)?;
        let number = item.as_integer().and_then(|n| u32::try_from(n).ok());
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.error(
                item.span(),
                &format!("`http.{key}` must be a whole number from {least} to {most}"),
                &format!(
                    "write it without quotes, such as `{key} = {}`",
                    least.max(30)
                ),
            );
        }
        number
    }

    fn headers(&mut self, table: &dyn TableLike) -> Vec<HeaderRule> {
        let mut rules = Vec::new();
        for (path, item) in table.iter() {
            let span = table.get_key_value(path).and_then(|(key, _)| key.span());
            let pattern = match PathPattern::parse(path) {
                Ok(pattern) => pattern,
                Err((message, hint)) => {
                    self.error(span, &message, hint);
                    continue;
                }
            };
            let Some(lines) = item.as_table_like() else {
                self.error(
                    item.span(),
                    &format!("`{path}` must be a table of headers"),
                    "write `\"/path/*\" = { \"X-Name\" = \"value\" }`",
                );
                continue;
            };
            let mut rule = HeaderRule {
                pattern,
                set: Vec::new(),
                remove: Vec::new(),
            };
            for (name, value) in lines.iter() {
                match (value.as_str(), value.as_bool()) {
                    (_, Some(false)) => rule.remove.push(name.to_owned()),
                    (Some(text), _) => match header_fault(name, text) {
                        None => rule.set.push((name.to_owned(), text.to_owned())),
                        Some((message, hint)) => self.error(value.span(), &message, hint),
                    },
                    _ => self.error(
                        value.span(),
                        &format!("`{name}` must be a string, or `false`"),
                        "`false` takes the header away",
                    ),
                }
            }
            rules.push(rule);
        }
        rules
    }

    fn redirect_rule(&mut self, table: &dyn TableLike, rules: &mut Rules) {
        self.known(table, "http.redirects.", &REDIRECT_KEYS);
        let Some((from, span)) = self.string(table, "from") else {
            if table.get("from").is_none() {
                let first = table.iter().next().and_then(|(_, item)| item.span());
                self.error(
                    first,
                    "a redirect without `from`",
                    "write `from = \"/old\"`",
                );
            }
            return;
        };
        let to = self.string(table, "to").map(|(to, _)| to);
        let status = match table.get("status").map(|item| (item.as_integer(), item)) {
            None => 301,
            Some((Some(status), _)) => u16::try_from(status).unwrap_or(0),
            Some((None, item)) => {
                return self.error(
                    item.span(),
                    "`status` must be a number",
                    "such as `status = 302`",
                );
            }
        };
        let force = self.boolean(table, "force").unwrap_or(false);
        let place = self.place(span);
        match redirect(&from, to.as_deref(), status, force, &place) {
            Ok(rule) => rules.redirects.push(rule),
            Err(diagnostic) => {
                self.failed = true;
                self.diagnostics.push(diagnostic);
            }
        }
    }

    pub(super) fn hosts(&mut self, table: &dyn TableLike) -> Vec<HostConfig> {
        let mut hosts = Vec::new();
        for entry in self.tables(table, "hosts") {
            self.known(entry, "hosts.", &HOST_KEYS);
            let names = self.strings(entry, "names");
            let first = entry.iter().next().and_then(|(_, item)| item.span());
            let span = entry.get("names").and_then(Item::span).or(first);
            if names.is_empty() {
                self.error(
                    span,
                    "a host without a name",
                    "write `names = [\"example.org\"]`",
                );
                continue;
            }
            let www = match self.string(entry, "www") {
                None => Www::AsWritten,
                Some((word, _)) if word == "strip" => Www::Strip,
                Some((word, _)) if word == "add" => Www::Add,
                Some((word, span)) => {
                    self.error(
                        span,
                        &format!("`hosts.www` cannot be `{word}`"),
                        "`strip` redirects `www.` to the name without it, `add` the other way",
                    );
                    continue;
                }
            };
            hosts.push(HostConfig {
                names,
                directory: self.string(entry, "directory").map(|(text, _)| text),
                www,
                redirects: self.strings(entry, "redirects"),
                default: self.boolean(entry, "default").unwrap_or(false),
                place: self.place(span),
            });
        }
        if let Some(second) = hosts.iter().filter(|host| host.default).nth(1) {
            let span = second.place.span();
            self.error(span, "two hosts are the default", "one is the most");
        }
        hosts
    }

    fn boolean(&mut self, table: &dyn TableLike, key: &str) -> Option<bool> {
        let item = table.get(key)?;
        match item.as_bool() {
            Some(value) => Some(value),
            None => {
                self.error(
                    item.span(),
                    &format!("`{key}` must be `true` or `false`"),
                    "without quotes",
                );
                None
            }
        }
    }

    fn strings(&mut self, table: &dyn TableLike, key: &str) -> Vec<String> {
        let Some(item) = table.get(key) else {
            return Vec::new();
        };
        let list = item.as_array().map(|array| {
            let texts = array.iter().map(|value| value.as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>()
        });
        if let Some(Some(list)) = list {
            return list;
        }
        if let Some(text) = item.as_str() {
            return vec![text.to_owned()];
        }
        self.error(
            item.span(),
            &format!("`{key}` must be a list of strings"),
            &format!("write `{key} = [\"…\"]`"),
        );
        Vec::new()
    }

    /// The tables of an array, written as `[[key]]` or as a list.
    fn tables<'t>(&mut self, table: &'t dyn TableLike, key: &str) -> Vec<&'t dyn TableLike> {
        let Some(item) = table.get(key) else {
            return Vec::new();
        };
        if let Some(tables) = item.as_array_of_tables() {
            return tables.iter().map(|table| table as &dyn TableLike).collect();
        }
        let inline = item.as_array().map(|array| {
            let tables = array.iter().map(|value| match value {
                Value::InlineTable(table) => Some(table as &dyn TableLike),
                _ => None,
            });
            tables.collect::<Option<Vec<_>>>()
        });
        if let Some(Some(tables)) = inline {
            return tables;
        }
        self.error(
            item.span(),
            &format!("`{key}` must be a list of tables"),
            &format!("write `[[{key}]]` on a line of its own before each"),
        );
        Vec::new()
    }

    fn place(&self, span: Option<Range<usize>>) -> Place {
        match span {
            Some(span) => Place::span_of(self.source, span),
            None => Place::file(self.source.path()),
        }
    }
}

fn is_origin(text: &str) -> bool {
    let authority = ["https://", "http://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    text == "*" || authority.is_some_and(|name| !name.is_empty() && name.chars().all(is_fine))
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;
    use crate::report::{Diagnostics, SourceText};

    fn parse(text: &str) -> (Option<Config>, String) {
        let mut diagnostics = Diagnostics::new();
        let config = Config::parse(&SourceText::new("applgen.toml", text), &mut diagnostics);
        let told: Vec<String> = diagnostics.iter().map(|d| d.render(false)).collect();
        (config.ok(), told.join("\n"))
    }

    #[test]
    fn all_of_it_is_read() {
        let (config, told) = parse(
            "[http]\nclean-urls = \"redirect\"\nsecurity-headers = false\ncontent-security-policy = true\n\
             cors = \"*\"\nidle-seconds = 5\nconnections-per-address = 7\ncache-pages = \"max-age=60\"\ncache-files = \"\"\n\
             [http.headers]\n\"/*\" = { X-A = \"b\", X-C = false }\n\
             [[http.redirects]]\nfrom = \"/a/*\"\nto = \"/b/:splat\"\nstatus = 302\nforce = true\n\
             [[http.redirects]]\nfrom = \"/gone\"\nstatus = 410\n\
             [[hosts]]\nnames = [\"example.org\"]\nwww = \"strip\"\n\
             [[hosts]]\nnames = \"*.example.net\"\ndirectory = \"net\"\nredirects = [\"old.example\"]\ndefault = true\n",
        );
        let config = config.expect(&told);
        let policy = &config.http.policy;
        assert_eq!(policy.clean_urls, CleanUrls::Redirect);
        assert_eq!((policy.security_headers, &policy.csp), (false, &Csp::All));
        assert_eq!(policy.cors.as_deref(), Some("*"));
        let expected = Limits {
            idle_seconds: 5,
            per_address: 7,
            ..Limits::DEFAULT
        };
        assert_eq!(config.http.limits, expected);
        assert_eq!(
            (policy.cache_pages.as_str(), policy.cache_files.as_str()),
            ("max-age=60", "")
        );
        let rules = &config.http.rules;
        assert_eq!(rules.headers[0].set, [("X-A".to_owned(), "b".to_owned())]);
        assert_eq!(rules.headers[0].remove, ["X-C"]);
        assert_eq!(
            (rules.redirects[0].status, rules.redirects[0].force),
            (302, true)
        );
        assert_eq!(
            (rules.redirects[1].status, &rules.redirects[1].to),
            (410, &None)
        );
        assert_eq!(config.hosts.len(), 2);
        assert_eq!(config.hosts[0].www, Www::Strip);
        assert_eq!(config.hosts[1].directory.as_deref(), Some("net"));
        assert!(config.hosts[1].default);
    }

    #[test]
    fn mistakes_are_told_with_line_and_column() {
        for (text, place, says) in [
            (
                "[http]\ncleen-urls = true\n",
                "2:1",
                "did you mean `clean-urls`?",
            ),
            ("[http]\nclean-urls = 1\n", "2:14", "cannot be this"),
            ("[http]\nidle-seconds = 0\n", "2:16", "from 1 to 3600"),
            ("[http]\nsend-seconds = \"9\"\n", "2:16", "without quotes"),
            ("[http]\nconnections = 15\n", "2:15", "from 16 to 1000000"),
            (
                "[http]\nsecurity-headers = \"no\"\n",
                "2:20",
                "without quotes",
            ),
            ("[http]\ncors = \"example.org\"\n", "2:8", "one origin"),
            (
                "[http]\ncache-pages = \"a\\nb\"\n",
                "2:15",
                "cannot be sent",
            ),
            (
                "[http]\ncontent-security-policy = 3\n",
                "2:27",
                "a policy of one line",
            ),
            ("[http.headers]\n\"x\" = { A = \"b\" }\n", "2:1", "no path"),
            (
                "[http.headers]\n\"/x\" = { Date = \"b\" }\n",
                "2:17",
                "server's own",
            ),
            (
                "[http.headers]\n\"/x\" = \"b\"\n",
                "2:8",
                "table of headers",
            ),
            (
                "[[http.redirects]]\nfrom = \"/a\"\n",
                "2:8",
                "says not where to",
            ),
            ("[[http.redirects]]\nto = \"/a\"\n", "2:6", "without `from`"),
            ("[http]\nredirects = 3\n", "2:13", "`[[redirects]]`"),
            (
                "[[hosts]]\ndirectory = \"x\"\n",
                "2:13",
                "a host without a name",
            ),
            (
                "[[hosts]]\nnames = [\"a\"]\nwww = \"x\"\n",
                "3:7",
                "`strip`",
            ),
            (
                "[[hosts]]\nnames = [\"a\"]\ndefault = true\n[[hosts]]\nnames = [\"b\"]\ndefault = true\n",
                "5:9",
                "two hosts",
            ),
        ] {
            let (config, told) = parse(text);
            assert!(config.is_none(), "{text}");
            assert!(
                told.contains(&format!("applgen.toml:{place}")),
                "{text}: {told}"
            );
            assert!(told.contains(says), "{text}: {told}");
        }
    }
}
