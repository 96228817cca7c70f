//! The data in `templates/`, embedded: themes, scaffolds, descriptors.

use include_dir::{Dir, include_dir};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../templates");

/// A directory below `templates/`.
///
/// # Panics
/// When there is none: the tree is embedded, so a test finds that.
pub fn directory(path: &str) -> &'static Dir<'static> {
    TEMPLATES
        .get_dir(path)
        .unwrap_or_else(|| panic!("`templates/{path}` is not in the tree"))
}

/// A directory below `templates/`, where there need not be one.
pub fn find_directory(path: &str) -> Option<&'static Dir<'static>> {
    TEMPLATES.get_dir(path)
}
