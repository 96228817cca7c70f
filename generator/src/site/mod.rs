//! Loading a site: which files it has, what they are treated as, and at which
//! paths they will be served.
//!
//! A site is a directory with any mix of decks, plain files and DNS zones, or a
//! single Markdown or zone file. [`tree`] walks it, [`config`] reads `applgen.toml`, [`layout`]
//! decides what is a deck and what a file, and [`dates`] asks git when each was
//! touched last. Nothing outside the site directory is read.

pub mod config;
pub mod dates;
pub mod layout;
pub mod never;
pub mod single;
pub mod tree;
mod url;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub use config::{Config, DeployConfig};
pub use layout::{Deck, DeckSource, Layout, PlainFile};
pub use tree::SourceFile;
pub use url::{ENCODED_IN_PATH, UrlPath};

use crate::{
    failure::Failure,
    image::attach,
    report::{self, Diagnostic, Diagnostics, SourceText},
    rules::{Rules, headers, redirects},
};

/// A site that has been loaded: nothing rendered yet.
#[derive(Debug)]
pub struct Site {
    /// The name that images are called by: the directory's or the file's own.
    pub name: String,
    /// The site directory, canonical; of a single file, the one it is in.
    pub root: PathBuf,
    /// What `applgen.toml` says, or the defaults.
    pub config: Config,
    /// Its decks, files and zones, and where they are served.
    pub layout: Layout,
    /// Its rules: of `applgen.toml`, `_redirects` and `_headers`.
    pub rules: Rules,
}

/// Loads the directory or single file at `named`. `outputs` are paths that the
/// command will write, which are never input.
pub fn load(
    named: &Path,
    outputs: &[PathBuf],
    diagnostics: &mut Diagnostics,
) -> Result<Site, Failure> {
    let canonical = fs::canonicalize(named).map_err(|error| no_such_site(named, &error))?;
    let metadata = fs::metadata(&canonical).map_err(|error| no_such_site(named, &error))?;
    if metadata.is_dir() {
        load_directory(named, canonical, outputs, diagnostics)
    } else if metadata.is_file() {
        load_single_file(named, &canonical, diagnostics)
    } else {
        Err(Failure::environment(
            Diagnostic::error(format!(
                "`{}` is neither a directory nor a file",
                named.display()
            ))
            .hint("name a site directory, or a single Markdown or zone file"),
        ))
    }
}

/// The name that a site's images are called by.
pub fn name_of(named: &Path) -> String {
    let canonical = fs::canonicalize(named);
    let path = canonical.as_deref().unwrap_or(named);
    let name = if path.is_dir() {
        path.file_name()
    } else {
        path.file_stem()
    };
    name.map_or_else(
        || "site".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

fn load_directory(
    named: &Path,
    root: PathBuf,
    outputs: &[PathBuf],
    diagnostics: &mut Diagnostics,
) -> Result<Site, Failure> {
    let config = read_config(named, &root, diagnostics)?;
    let rules = read_rules(named, &root, &config, diagnostics)?;
    // What other hosts serve is not part of this site.
    let others = config
        .hosts
        .iter()
        .filter_map(|host| Some(root.join(host.directory.as_ref()?)));
    let outputs: Vec<PathBuf> = outputs
        .iter()
        .cloned()
        .chain(others)
        .filter_map(|path| fs::canonicalize(path).ok())
        .filter(|path| *path != root)
        .collect();
    let walk = tree::Walk {
        root: &root,
        named,
        outputs: &outputs,
        limit_bytes: config.limit_bytes(),
    };
    // Where every host has a directory of its own, this one is no site itself.
    let is_site =
        config.hosts.is_empty() || config.hosts.iter().any(|host| host.directory.is_none());
    let layout = match is_site {
        true => Layout::of_directory(named, walk.files(diagnostics)?, diagnostics)?,
        false => Layout::default(),
    };
    Ok(Site {
        name: name_of(named),
        root,
        config,
        layout,
        rules,
    })
}

fn load_single_file(
    named: &Path,
    canonical: &Path,
    diagnostics: &mut Diagnostics,
) -> Result<Site, Failure> {
    let extension = canonical
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    match extension.as_str() {
        "md" | "markdown" | "zone" => {}
        _ if attach::is_image_at(canonical) => {
            return Err(Failure::environment(
                Diagnostic::error(format!("`{}` is an image, and no site", named.display())).hint(
                    "`applgen run IMAGE` serves it, and `applgen inspect IMAGE` shows what is in it",
                ),
            ));
        }
        _ => {
            return Err(Failure::environment(
                Diagnostic::error(format!(
                    "`{}` is a single file of a kind that is no site of its own",
                    named.display()
                ))
                .hint("a single file is a deck in Markdown (`.md`) or a DNS zone (`.zone`); put anything else into a directory, and name that"),
            ));
        }
    }
    let root = canonical.parent().unwrap_or(Path::new("/")).to_path_buf();
    let config = read_config(folder_of(named), &root, diagnostics)?;
    let metadata = fs::metadata(canonical).map_err(|error| no_such_site(named, &error))?;
    let file = SourceFile {
        relative: canonical.file_name().map(PathBuf::from).unwrap_or_default(),
        absolute: canonical.to_path_buf(),
        bytes: metadata.len(),
        shown: named.display().to_string(),
    };
    if file.bytes > config.limit_bytes() {
        return Err(Failure::site(Diagnostic::error(format!(
            "`{}` has {} bytes, and an image holds {}",
            file.shown,
            file.bytes,
            config.limit_bytes()
        ))));
    }
    Ok(Site {
        name: name_of(named),
        layout: match extension.as_str() {
            "zone" => Layout::of_single_zone(file),
            _ => Layout::of_single_file(file),
        },
        root,
        rules: config.http.rules.clone(),
        config,
    })
}

/// What a site's own `applgen.toml` says, for what is decided before the site is
/// loaded; of a single file, the one beside it. What is wrong with it is told.
pub fn config_of(named: &Path) -> Result<Config, Failure> {
    let canonical = fs::canonicalize(named).map_err(|error| no_such_site(named, &error))?;
    let root = match canonical.is_dir() {
        true => canonical.as_path(),
        false => canonical.parent().unwrap_or(Path::new("/")),
    };
    let mut diagnostics = Diagnostics::new();
    let config = read_config(folder_of(named), root, &mut diagnostics);
    report::tell_all(&diagnostics, false);
    config
}

/// A site's directory as it was named; of a single file, the one that it is in.
pub fn folder_of(named: &Path) -> &Path {
    match named.parent() {
        _ if named.is_dir() => named,
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn read_config(
    named: &Path,
    root: &Path,
    diagnostics: &mut Diagnostics,
) -> Result<Config, Failure> {
    match read_own(named, root, Path::new(config::FILE_NAME))? {
        Some(source) => Config::parse(&source, diagnostics).map_err(Failure::from),
        None => Ok(Config::default()),
    }
}

/// The rules of a site directory, in the order in which they apply.
fn read_rules(
    named: &Path,
    root: &Path,
    config: &Config,
    diagnostics: &mut Diagnostics,
) -> Result<Rules, Failure> {
    let mut rules = config.http.rules.clone();
    for folder in ["", "static"] {
        let read = |name| read_own(named, root, &Path::new(folder).join(name));
        if let Some(source) = read(redirects::FILE_NAME)? {
            rules
                .redirects
                .extend(redirects::parse(&source, diagnostics));
        }
        if let Some(source) = read(headers::FILE_NAME)? {
            rules.headers.extend(headers::parse(&source, diagnostics));
        }
    }
    Ok(rules)
}

/// The text of one of our own files in a site directory, if it is there.
fn read_own(named: &Path, root: &Path, name: &Path) -> Result<Option<SourceText>, Failure> {
    let shown = if named == Path::new(".") {
        name.to_path_buf()
    } else {
        named.join(name)
    };
    let path = root.join(name);
    let unreadable = |why: String| {
        Failure::site(
            Diagnostic::error(format!("`{}` cannot be read: {why}", shown.display()))
                .hint("mend its permissions or encoding (UTF-8), or remove it: it is optional"),
        )
    };
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(None),
        Err(error) => return Err(unreadable(error.to_string())),
        Ok(_) => {}
    }
    let inside = fs::canonicalize(&path).map_err(|error| unreadable(error.to_string()))?;
    if !inside.starts_with(root) {
        return Err(unreadable("it is a link that leads out of the site".into()));
    }
    let metadata = fs::metadata(&inside).map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > MAX_CONFIG_BYTES {
        return Err(unreadable(format!(
            "it is no regular file of at most {MAX_CONFIG_BYTES} bytes"
        )));
    }
    let text = fs::read_to_string(&inside).map_err(|error| unreadable(error.to_string()))?;
    Ok(Some(SourceText::new(shown.display().to_string(), text)))
}

/// A configuration larger than this is a mistake.
pub const MAX_CONFIG_BYTES: u64 = 10_000_000;

/// What there is to say of a site that cannot be opened.
pub fn no_such_site(named: &Path, error: &io::Error) -> Failure {
    let shown = named.display();
    Failure::environment(match error.kind() {
        io::ErrorKind::NotFound => Diagnostic::error(format!("there is no `{shown}`"))
            .hint("name a site directory, or make one with `applgen new slides DIR`"),
        _ => Diagnostic::error(format!("`{shown}` cannot be opened: {error}"))
            .hint("check its permissions"),
    })
}
