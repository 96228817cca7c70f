//! Templates: the one place that knows which engine runs them (Tera 1 today).
//!
//! A template is looked for in the site, then in its theme, then among the
//! built-in ones. What templates can call stands beside this file: functions,
//! filters, data, images.

mod bibtex;
mod data;
mod errors;
pub mod fields;
mod filters;
mod functions;
mod guard;
pub mod images;
pub use guard::{STACK_BYTES, seed};
mod metadata;
pub mod trace;
mod xml;

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, OnceLock, RwLock, Weak},
};

use sha2::{Digest, Sha256};
use tera::{Context, Map, Tera, Value};

use super::{
    files::Files,
    memory,
    sass::{self, Sheet},
    settings::Settings,
    values::Values,
};
use crate::{
    failure::Failure,
    render,
    report::{Diagnostic, Diagnostics, SourceText},
    templates,
};

/// What functions and filters share.
#[derive(Debug)]
pub struct Shared {
    /// The configuration.
    pub settings: Arc<Settings>,
    /// The files of the site.
    pub files: Files,
    /// No file is read beyond this.
    pub limit_bytes: u64,
    /// Addresses of files of `content/`.
    pub addresses: HashMap<String, String>,
    /// Languages and taxonomies that term addresses are asked of: (name, lang) to
    /// the address of each term by slug.
    pub terms: HashMap<(String, String), HashMap<String, String>>,
    /// The date of the build, if it has one (seconds since 1970).
    pub now: Option<i64>,
    /// Pages and sections, first without their texts.
    pub contents: RwLock<Arc<Values>>,
    /// Images that templates asked for, by the path that they will be served at.
    pub images: Mutex<BTreeMap<String, images::Job>>,
    /// What there is to say.
    pub told: Mutex<Diagnostics>,
    answers: Mutex<HashMap<trace::Asked, u64>>,
    /// Compiled style sheets, once somebody asks.
    sheets: OnceLock<Vec<Result<Sheet, Diagnostic>>>,
    content_hash: OnceLock<String>,
    contexts: HashMap<String, Context>,
    sources: HashMap<String, SourceText>,
    /// Which fields of pages each template can name, once it is wanted.
    fields: Mutex<HashMap<String, fields::Fields>>,
    tera: OnceLock<Weak<Tera>>,
}

/// The templates of a site, ready to render.
#[derive(Debug, Clone)]
pub struct Engine {
    tera: Arc<Tera>,
    /// What functions and filters share.
    pub shared: Arc<Shared>,
}

/// What an engine is made from.
#[derive(Debug, Default)]
pub struct Parts {
    /// See [`Shared`].
    pub settings: Settings,
    /// See [`Shared`].
    pub files: Files,
    /// See [`Shared`].
    pub limit_bytes: u64,
    /// See [`Shared`].
    pub addresses: HashMap<String, String>,
    /// See [`Shared`].
    pub terms: HashMap<(String, String), HashMap<String, String>>,
    /// See [`Shared`].
    pub now: Option<i64>,
}

impl Shared {
    /// A fingerprint of all that pages are made from, for what is known only
    /// after them: the search index.
    pub fn content_hash(&self) -> String {
        let hash = self.content_hash.get_or_init(|| {
            let mut hash = Sha256::new();
            for (path, file) in self.files.below("content") {
                hash.update(path);
                if path.ends_with(".md")
                    && let Ok(bytes) = file.read(self.limit_bytes)
                {
                    hash.update(bytes);
                }
            }
            functions::hex(&hash.finalize())
        });
        hash.clone()
    }

    /// The style sheets of the site, then those of its theme.
    pub fn sheets(&self) -> &[Result<Sheet, Diagnostic>] {
        self.sheets_by(|directory| sass::compile(&self.files, directory, self.limit_bytes))
    }

    /// The same, where they are yet to be compiled, by `compile` of a folder.
    pub fn sheets_by(
        &self,
        compile: impl Fn(&str) -> Vec<Result<Sheet, Failure>>,
    ) -> &[Result<Sheet, Diagnostic>] {
        self.sheets.get_or_init(|| {
            let own = self.settings.compile_sass.then(|| "sass".to_owned());
            let theme = self.files.theme_directory("sass");
            own.into_iter()
                .chain(theme)
                .flat_map(|directory| compile(&directory))
                .map(|sheet| {
                    sheet.map_err(|failure| match failure.diagnostic {
                        Some(diagnostic) => *diagnostic,
                        None => Diagnostic::error("a style sheet does not compile"),
                    })
                })
                .collect()
        })
    }
}

impl Engine {
    /// Reads and checks every template.
    pub fn new(parts: Parts) -> Result<Self, Failure> {
        let sources = sources(&parts.files, parts.limit_bytes)?;
        let contexts = parts
            .settings
            .languages
            .keys()
            .map(|lang| {
                let mut context = Context::new();
                context.insert("config", &parts.settings.to_value(lang, "build"));
                context.insert("lang", lang);
                context.insert("zola_version", ZOLA_VERSION);
                (lang.clone(), context)
            })
            .collect();
        let shared = Arc::new(Shared {
            settings: Arc::new(parts.settings),
            files: parts.files,
            limit_bytes: parts.limit_bytes,
            addresses: parts.addresses,
            terms: parts.terms,
            now: parts.now,
            contents: RwLock::default(),
            images: Mutex::default(),
            told: Mutex::default(),
            answers: Mutex::default(),
            sheets: OnceLock::new(),
            content_hash: OnceLock::new(),
            contexts,
            sources,
            fields: Mutex::default(),
            tera: OnceLock::new(),
        });
        let mut tera = Tera::default();
        functions::register(&mut tera, &shared);
        filters::register(&mut tera, &shared);
        let texts = shared
            .sources
            .iter()
            .map(|(name, source)| (name.as_str(), source.text()));
        let mut texts: Vec<(&str, &str)> = texts.collect();
        texts.sort_unstable();
        tera.add_raw_templates(texts)
            .map_err(|error| Failure::site(errors::of_loading(&error, &shared.sources)))?;
        guard::into(&mut tera);
        let tera = Arc::new(tera);
        let _ = shared.tera.set(Arc::downgrade(&tera));
        Ok(Self { tera, shared })
    }

    /// Whether there is a template of that name.
    pub fn has(&self, name: &str) -> bool {
        self.shared.sources.contains_key(name)
    }

    /// Where a template comes from.
    pub fn source(&self, name: &str) -> Option<&SourceText> {
        self.shared.sources.get(name)
    }

    /// What every template of a language sees.
    pub fn context(&self, lang: &str) -> Context {
        self.shared.contexts.get(lang).cloned().unwrap_or_default()
    }

    /// Renders a template.
    pub fn render(&self, name: &str, context: &Context) -> Result<String, Box<Diagnostic>> {
        self.render_with(name, || context)
    }

    /// Renders a template with a context in which pages have the fields that it names.
    pub fn render_with<C: Borrow<Context>>(
        &self,
        name: &str,
        context: impl FnOnce() -> C,
    ) -> Result<String, Box<Diagnostic>> {
        fields::with(self.fields(name), || {
            let context = context();
            guard::watched(|| self.tera.render(name, context.borrow()))
        })
        .map_err(|error| Box::new(errors::of_rendering(name, &error, &self.shared.sources)))
    }

    fn fields(&self, name: &str) -> fields::Fields {
        let lock = || {
            self.shared
                .fields
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        let known = lock().get(name).cloned();
        known.unwrap_or_else(|| {
            let fields = fields::of(&self.tera, name);
            lock().insert(name.to_owned(), fields.clone());
            fields
        })
    }

    /// The names of the shortcodes there are.
    pub fn shortcodes(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .shared
            .sources
            .keys()
            .filter_map(|name| {
                let name = name.strip_prefix("shortcodes/")?;
                name.strip_suffix(".html")
                    .or_else(|| name.strip_suffix(".md"))
                    .map(str::to_owned)
            })
            .collect();
        names.sort();
        names
    }
}

impl Shared {
    /// The engine that this belongs to; it lives while templates render.
    fn engine(self: &Arc<Self>) -> Option<Engine> {
        Some(Engine {
            tera: self.tera.get()?.upgrade()?,
            shared: Arc::clone(self),
        })
    }

    /// The address of a file of `content/`; whoever asks depends on it.
    pub fn address(&self, path: &str) -> Option<String> {
        trace::asks_address(path);
        self.addresses.get(path).cloned()
    }

    /// A hash of the answer to a question; each is asked once in a build.
    pub fn answer(self: &Arc<Self>, asked: &trace::Asked) -> u64 {
        let lock = || {
            self.answers
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        let known = lock().get(asked).copied();
        if let Some(known) = known {
            return known;
        }
        let (answer, _) = trace::record(|| fields::with(None, || functions::answer(self, asked)));
        lock().insert(asked.clone(), answer);
        answer
    }

    /// Makes pages and sections known, in the place of others.
    pub fn publish(&self, values: Arc<Values>) {
        if let Ok(mut slot) = self.contents.write() {
            *slot = values;
        }
        if let Ok(mut answers) = self.answers.lock() {
            answers.clear();
        }
    }

    /// A hash of the templates.
    pub fn templates_hash(&self) -> u64 {
        let mut all: Vec<(&String, &str)> = self
            .sources
            .iter()
            .map(|(name, source)| (name, source.text()))
            .collect();
        all.sort_unstable();
        memory::hash(all)
    }

    fn contents(&self) -> Arc<Values> {
        match self.contents.read() {
            Ok(contents) => Arc::clone(&contents),
            Err(poisoned) => Arc::clone(&poisoned.into_inner()),
        }
    }

    /// Says something once.
    fn tell(&self, diagnostic: Diagnostic) {
        if let Ok(mut told) = self.told.lock() {
            told.push(diagnostic);
        }
    }
}

/// Gives templates a value, which is not copied for it.
pub fn put(context: &mut Context, key: &str, value: Value) {
    let one = Map::from_iter([(key.to_owned(), value)]);
    if let Ok(one) = Context::from_value(Value::Object(one)) {
        context.extend(one);
    }
}

/// The version of Zola whose templates these are: themes ask for it.
const ZOLA_VERSION: &str = "0.22.1";

/// Every template by its name, the site's own before the theme's before ours.
fn sources(files: &Files, limit_bytes: u64) -> Result<HashMap<String, SourceText>, Failure> {
    let mut sources = HashMap::new();
    for file in templates::directory("website/builtin").files() {
        let name = file
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let text = file.contents_utf8().unwrap_or_default();
        sources.insert(
            name.clone(),
            SourceText::new(format!("built-in {name}"), text),
        );
    }
    if let Some(directory) = files.theme_directory("templates") {
        let prefix = directory
            .strip_prefix("themes/")
            .unwrap_or(&directory)
            .to_owned();
        for (path, file) in files.below(&directory) {
            if !is_template(path) {
                continue;
            }
            let source = render::text(file, limit_bytes)?;
            sources.insert(format!("{prefix}/{path}"), source.clone());
            sources.insert(path.to_owned(), source);
        }
    }
    for (path, file) in files.below("templates") {
        if is_template(path) {
            sources.insert(path.to_owned(), render::text(file, limit_bytes)?);
        }
    }
    Ok(sources)
}

/// Pictures and the like may lie among templates.
fn is_template(path: &str) -> bool {
    let extension = path.rsplit('.').next().unwrap_or_default();
    matches!(
        extension,
        "html"
            | "htm"
            | "xml"
            | "md"
            | "txt"
            | "json"
            | "js"
            | "css"
            | "svg"
            | "webmanifest"
            | "ics"
    )
}
