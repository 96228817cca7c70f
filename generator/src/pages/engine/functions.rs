//! The functions that templates can call, beside those of Tera itself.

use std::{collections::HashMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tera::{Error, Function, Result, Tera, Value};

use super::{
    Shared, data, guard, images, metadata,
    trace::{self, Asked},
};
use crate::pages::{memory, values::Values};
use crate::report::Diagnostic;

type Run = fn(&Arc<Shared>, &Given<'_>) -> Result<Value>;
type Arguments<'a> = &'a HashMap<String, Value>;

/// A function over what all share.
struct Call {
    shared: Arc<Shared>,
    name: &'static str,
    run: Run,
}

impl Function for Call {
    fn call(&self, arguments: Arguments<'_>) -> Result<Value> {
        trace::asks(self.name, arguments);
        (self.run)(
            &self.shared,
            &Given {
                name: self.name,
                arguments,
            },
        )
    }

    // Addresses are percent-encoded already; anything else is escaped like any value.
    fn is_safe(&self) -> bool {
        matches!(self.name, "get_url" | "get_taxonomy_url")
    }
}

/// Arguments of a call, with messages that name it.
pub struct Given<'a> {
    name: &'static str,
    arguments: Arguments<'a>,
}

impl Given<'_> {
    /// An error of this call.
    pub fn error(&self, why: impl std::fmt::Display) -> Error {
        Error::msg(format!("`{}`: {why}", self.name))
    }

    /// A text, if it is given.
    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        match self.arguments.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.error(format!("`{key}` is `{other}`, and must be a text"))),
        }
    }

    /// A text that must be given.
    pub fn needed(&self, key: &str) -> Result<&str> {
        self.text(key)?
            .ok_or_else(|| self.error(format!("`{key}` is missing")))
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &str, default: bool) -> Result<bool> {
        match self.arguments.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(Value::Bool(yes)) => Ok(*yes),
            Some(other) => Err(self.error(format!(
                "`{key}` is `{other}`, and must be `true` or `false`"
            ))),
        }
    }

    /// A whole number from 0.
    pub fn number(&self, key: &str) -> Result<Option<u64>> {
        match self.arguments.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value
                .as_u64()
                .or_else(|| {
                    value
                        .as_f64()
                        .filter(|n| *n >= 0.0 && n.fract() == 0.0)
                        .map(|n| n as u64)
                })
                .map(Some)
                .ok_or_else(|| {
                    self.error(format!(
                        "`{key}` is `{value}`, and must be a whole number from 0"
                    ))
                }),
        }
    }

    /// Whatever is given.
    pub fn any(&self, key: &str) -> Option<&Value> {
        self.arguments.get(key)
    }
}

/// A hash of what a question is answered with now.
pub fn answer(shared: &Arc<Shared>, asked: &Asked) -> u64 {
    let given = Given {
        name: asked.name,
        arguments: &asked.arguments,
    };
    if asked.name == trace::ADDRESS {
        let path = given.text("path").ok().flatten().unwrap_or_default();
        return memory::hash(shared.addresses.get(path));
    }
    let Some((_, run)) = FUNCTIONS.iter().find(|(name, _)| *name == asked.name) else {
        return 0;
    };
    match run(shared, &given) {
        Ok(value) => memory::hash_value(&value),
        Err(error) => memory::hash(("error", error.to_string())),
    }
}

const FUNCTIONS: [(&str, Run); 16] = [
    ("get_page", get_page),
    ("get_section", get_section),
    ("get_taxonomy", get_taxonomy),
    ("get_taxonomy_term", get_taxonomy_term),
    ("get_taxonomy_url", get_taxonomy_url),
    ("get_url", get_url),
    ("get_hash", get_hash),
    ("get_file_hash", get_hash),
    ("get_image_metadata", metadata::get_image_metadata),
    ("resize_image", images::resize_image),
    ("load_data", data::load_data),
    ("trans", trans),
    ("now", now),
    ("get_env", get_env),
    ("get_random", get_random),
    ("range", range),
];

/// Makes them known.
pub fn register(tera: &mut Tera, shared: &Arc<Shared>) {
    for (name, run) in FUNCTIONS {
        tera.register_function(
            name,
            Call {
                shared: Arc::clone(shared),
                name,
                run,
            },
        );
    }
}

/// A path in another language than the default one has its code before `.md`.
fn in_language(shared: &Shared, path: &str, lang: Option<&str>) -> String {
    match lang {
        Some(lang) if lang != shared.settings.default_language => match path.strip_suffix(".md") {
            Some(stem) if !stem.ends_with(&format!(".{lang}")) => format!("{stem}.{lang}.md"),
            _ => path.to_owned(),
        },
        _ => path.to_owned(),
    }
}

fn missing<'a>(
    given: &Given<'_>,
    what: &str,
    path: &str,
    known: impl Iterator<Item = &'a String> + 'a,
) -> Error {
    let near = crate::report::did_you_mean(path, known.map(String::as_str));
    given.error(match near {
        Some(near) => format!("there is no {what} `{path}`; did you mean `{near}`?"),
        None => format!("there is no {what} `{path}` below `content/`"),
    })
}

fn content_path(path: &str) -> &str {
    path.strip_prefix("@/")
        .unwrap_or(path)
        .trim_start_matches('/')
}

fn get_page(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let path = in_language(
        shared,
        content_path(given.needed("path")?),
        given.text("lang")?,
    );
    let contents = shared.contents();
    match contents.find(&path, false) {
        Some(at) => Ok(contents.page(at)),
        None => Err(missing(given, "page", &path, contents.files(false))),
    }
}

fn get_section(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let path = in_language(
        shared,
        content_path(given.needed("path")?),
        given.text("lang")?,
    );
    let contents = shared.contents();
    let Some(at) = contents.find(&path, true) else {
        return Err(missing(given, "section", &path, contents.files(true)));
    };
    let is_light = given.flag("metadata_only", false)?;
    let mut section = contents.section(at, !is_light);
    if is_light {
        section["subsections"] = Value::Array(Vec::new());
    }
    Ok(section)
}

/// The number of a taxonomy; none where it is not there and need not be.
fn taxonomy(shared: &Shared, contents: &Values, given: &Given<'_>) -> Result<Option<usize>> {
    let kind = given.needed("kind")?;
    let lang = given
        .text("lang")?
        .unwrap_or(&shared.settings.default_language);
    let found = contents.taxonomy(kind, lang);
    if found.is_none() && given.flag("required", true)? {
        return Err(given.error(format!("the language `{lang}` has no taxonomy `{kind}`")));
    }
    Ok(found)
}

fn get_taxonomy(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let contents = shared.contents();
    let found = taxonomy(shared, &contents, given)?;
    Ok(found.map_or(Value::Null, |at| contents.whole_taxonomy(at)))
}

fn get_taxonomy_term(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let name = given.needed("term")?;
    let contents = shared.contents();
    let Some(at) = taxonomy(shared, &contents, given)? else {
        return Ok(Value::Null);
    };
    let slug = shared.settings.slugify_taxonomies.path(name);
    let mut terms = contents.library().taxonomies[at].terms.iter();
    let Some(term) = terms.find(|term| term.name == name || term.slug == slug) else {
        if given.flag("required", true)? {
            return Err(given.error(format!("there is no term `{name}`")));
        }
        return Ok(Value::Null);
    };
    Ok(contents.term(term, given.flag("include_pages", true)?))
}

fn get_taxonomy_url(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let kind = given.needed("kind")?;
    let name = given.needed("name")?;
    let lang = given
        .text("lang")?
        .unwrap_or(&shared.settings.default_language);
    let Some(terms) = shared.terms.get(&(kind.to_owned(), lang.to_owned())) else {
        if given.flag("required", true)? {
            return Err(given.error(format!("the language `{lang}` has no taxonomy `{kind}`")));
        }
        return Ok(Value::Null);
    };
    match terms.get(&shared.settings.slugify_taxonomies.path(name)) {
        Some(url) => Ok(Value::String(url.clone())),
        None if given.flag("required", true)? => {
            Err(given.error(format!("no page has the term `{name}` in `{kind}`")))
        }
        None => Ok(Value::Null),
    }
}

fn get_url(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let path = given.needed("path")?;
    let lang = given.text("lang")?;
    let settings = &shared.settings;
    if let Some(lang) = lang
        && !settings.languages.contains_key(lang)
    {
        return Err(given.error(format!("the site has no language `{lang}`")));
    }
    if let Some(inner) = path.strip_prefix("@/") {
        let (file, fragment) = inner
            .split_once('#')
            .map_or((inner, None), |(f, a)| (f, Some(a)));
        let file = in_language(shared, file, lang);
        let Some(address) = shared.addresses.get(&file) else {
            return Err(missing(given, "file", &file, shared.addresses.keys()));
        };
        return Ok(Value::String(match fragment {
            Some(fragment) => format!("{address}#{fragment}"),
            None => address.clone(),
        }));
    }
    let below = match lang {
        // A whole path of that language stays what it is.
        Some(lang)
            if lang != settings.default_language && !path.starts_with(&format!("/{lang}/")) =>
        {
            format!("{lang}/{}", path.trim_start_matches('/'))
        }
        _ => path.to_owned(),
    };
    let mut url = settings.permalink(&below);
    // The root of another language keeps its slash.
    let is_root = path == "/" && below != path;
    if !given.flag("trailing_slash", false)? && url.ends_with('/') && !is_root {
        url.pop();
    }
    if given.flag("cachebust", false)? {
        let hash = match bytes(shared, given, path) {
            Ok(bytes) => hex(&Sha256::digest(&bytes)),
            // Style sheets and pictures that the build itself makes.
            Err(error) => match generated_hash(shared, path) {
                Some(hash) => hash,
                None => return Err(error),
            },
        };
        url.push_str(&format!("?h={}", &hash[..20]));
    }
    Ok(Value::String(url))
}

/// The hash of a style sheet that is compiled from Sass.
fn generated_hash(shared: &Shared, path: &str) -> Option<String> {
    let path = path.trim_start_matches('/');
    if path.starts_with("giallo") {
        return Some(hex(&Sha256::digest(path)));
    }
    if path.starts_with("search_index.") || path == "elasticlunr.min.js" {
        return Some(shared.content_hash());
    }
    path.strip_suffix(".css")?;
    let sheets = shared
        .sheets()
        .iter()
        .filter_map(|sheet| sheet.as_ref().ok());
    let sheet = sheets.into_iter().find(|sheet| sheet.path == path)?;
    Some(hex(&Sha256::digest(&sheet.css)))
}

/// The bytes of a file that templates name.
pub fn bytes(shared: &Shared, given: &Given<'_>, path: &str) -> Result<Vec<u8>> {
    let found = shared.files.search(path).map_err(|why| given.error(why))?;
    let Some(file) = found else {
        return Err(given.error(format!(
            "there is no file `{path}`: not in the site, `static/`, `content/` or the theme's `static/`"
        )));
    };
    file.read(shared.limit_bytes)
        .map_err(|_| given.error(format!("`{path}` cannot be read")))
}

fn get_hash(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let bytes = match (given.text("path")?, given.text("literal")?) {
        (Some(path), None) => bytes(shared, given, path)?,
        (None, Some(literal)) => literal.as_bytes().to_vec(),
        _ => return Err(given.error("give either `path` or `literal`")),
    };
    let digest = match given.number("sha_type")?.unwrap_or(384) {
        256 => Sha256::digest(&bytes).to_vec(),
        384 => Sha384::digest(&bytes).to_vec(),
        512 => Sha512::digest(&bytes).to_vec(),
        other => {
            return Err(given.error(format!(
                "`sha_type` is {other}, and must be 256, 384 or 512"
            )));
        }
    };
    let base64 = given.flag("base64", true)?;
    Ok(Value::String(if base64 {
        STANDARD.encode(digest)
    } else {
        hex(&digest)
    }))
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn trans(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let key = given.needed("key")?;
    let lang = given
        .text("lang")?
        .unwrap_or(&shared.settings.default_language);
    let Some(language) = shared.settings.languages.get(lang) else {
        return Err(given.error(format!("the site has no language `{lang}`")));
    };
    language
        .translations
        .get(key)
        .cloned()
        .ok_or_else(|| given.error(format!("the language `{lang}` has no translation `{key}`")))
}

/// The date of the build, never of the machine's clock.
fn now(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let seconds = shared.now.unwrap_or_else(|| {
        shared.tell(
            Diagnostic::note("`now()` is 1970-01-01: the build has no date of its own")
                .hint("keep the site in git, or set `SOURCE_DATE_EPOCH`"),
        );
        0
    });
    if given.flag("timestamp", false)? {
        return Ok(Value::from(seconds));
    }
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    Ok(Value::String(time.to_rfc3339()))
}

/// Nothing of the machine reaches an image, its environment least of all.
fn get_env(_: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let name = given.needed("name")?;
    match given.any("default") {
        Some(default) => Ok(default.clone()),
        None => Err(given.error(format!(
            "the environment (`{name}`) is not read, since an image depends on its site alone; give a `default`"
        ))),
    }
}

/// Another number at each call, and the same ones in each build: pages make ids
/// of them.
fn get_random(_: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let start = given.any("start").and_then(Value::as_i64).unwrap_or(0);
    let end = given
        .any("end")
        .and_then(Value::as_i64)
        .ok_or_else(|| given.error("`end` is missing"))?;
    if end <= start {
        return Err(given.error("`end` must be greater than `start`"));
    }
    let span = end.abs_diff(start);
    let number = guard::random() % span;
    Ok(Value::from(start.saturating_add_unsigned(number)))
}

/// A range has at most a million numbers.
fn range(_: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let start = given.number("start")?.unwrap_or(0);
    let end = given
        .number("end")?
        .ok_or_else(|| given.error("`end` is missing"))?;
    let step = given.number("step_by")?.unwrap_or(1).max(1);
    if start > end {
        return Err(given.error("`start` must not be greater than `end`"));
    }
    if (end - start) / step > 1_000_000 {
        return Err(given.error("a range has at most a million numbers"));
    }
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    Ok(Value::Array(
        (start..end).step_by(step).map(Value::from).collect(),
    ))
}
