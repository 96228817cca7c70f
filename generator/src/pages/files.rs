//! The files of a website, by their paths below the site directory.

use std::collections::BTreeMap;

use crate::site::SourceFile;

/// Every file of the site directory.
#[derive(Debug, Default)]
pub struct Files {
    by_path: BTreeMap<String, SourceFile>,
    theme: Option<String>,
    /// Files beside pages, by where they are served.
    served: BTreeMap<String, SourceFile>,
}

impl Files {
    /// From the files of a walk. Names that are not UTF-8 are no website's.
    pub fn new(files: impl IntoIterator<Item = SourceFile>) -> Self {
        Self {
            by_path: files
                .into_iter()
                .filter_map(|file| Some((file.relative.to_str()?.to_owned(), file)))
                .collect(),
            theme: None,
            served: BTreeMap::new(),
        }
    }

    /// The same, of a site that uses a theme.
    pub fn with_theme(mut self, theme: Option<String>) -> Self {
        self.theme = theme;
        self
    }

    /// Makes a file known by the path that it is served at.
    pub fn serve(&mut self, path: &str, file: &SourceFile) {
        self.served
            .insert(path.trim_start_matches('/').to_owned(), file.clone());
    }

    /// A file by its path below the site.
    pub fn get(&self, path: &str) -> Option<&SourceFile> {
        self.by_path.get(path)
    }

    /// The files below a directory, with their paths below it.
    pub fn below(&self, directory: &str) -> impl Iterator<Item = (&str, &SourceFile)> {
        let prefix = format!("{directory}/");
        self.by_path
            .range(prefix.clone()..)
            .take_while({
                let prefix = prefix.clone();
                move |(path, _)| path.starts_with(&prefix)
            })
            .map(move |(path, file)| (&path[prefix.len()..], file))
    }

    /// Where a path of a template leads: the site itself, `static/`,
    /// `content/`, the theme's `static/`, what is
    /// served beside pages, in this order. `Err` says why not.
    pub fn search(&self, path: &str) -> Result<Option<&SourceFile>, String> {
        let path = match path.strip_prefix("@/") {
            Some(rest) => format!("content/{}", rest.trim_start_matches('/')),
            None => path.trim_start_matches('/').to_owned(),
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    if parts.pop().is_none() {
                        return Err(format!(
                            "`{path}` leads out of the site, and nothing outside it is read"
                        ));
                    }
                }
                part => parts.push(part),
            }
        }
        let path = parts.join("/");
        let theme = self
            .theme
            .as_ref()
            .map(|name| format!("themes/{name}/static/{path}"));
        let places = [
            Some(path.clone()),
            Some(format!("static/{path}")),
            Some(format!("content/{path}")),
            theme,
        ];
        Ok(places
            .into_iter()
            .flatten()
            .find_map(|place| self.get(&place))
            .or_else(|| self.served.get(&path)))
    }

    /// The directory that a theme's own templates, styles and files are in.
    pub fn theme_directory(&self, inner: &str) -> Option<String> {
        self.theme
            .as_ref()
            .map(|name| format!("themes/{name}/{inner}"))
    }

    /// Whether any file is below a directory.
    pub fn has_directory(&self, directory: &str) -> bool {
        self.below(directory).next().is_some()
    }
}
