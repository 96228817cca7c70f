//! Descriptors: what starts an image on a host, rendered from
//! `templates/deploy/TARGET/` for each deploy.
//!
//! A template's name is the descriptor's, with `NAME` for the site's. A target
//! gets whatever its folder holds.

use minijinja::{Environment, UndefinedBehavior, context};

use crate::{image::Manifest, templates};

use super::place::Place;

/// Where a host is taken to keep its clone, unless told.
pub const DEFAULT_HOST_DIR: &str = "/srv/deploy";

/// A guest gets this much beside its image, and no less than [`LEAST_MIB`].
const BESIDE_IMAGE_BYTES: u64 = 8 << 20;
/// The least that a guest gets.
const LEAST_MIB: u64 = 16;

/// A rendered descriptor: its file name, its text, whether it may be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// The file's name.
    pub name: String,
    /// Its content.
    pub text: String,
    /// Whether it is a script.
    pub executable: bool,
}

/// The descriptors of one image. The error is of a template, which a test finds.
pub fn descriptors(
    place: &Place,
    manifest: &Manifest,
    host_dir: &str,
) -> Result<Vec<Descriptor>, minijinja::Error> {
    let Some(folder) = templates::find_directory(&format!("deploy/{}", place.target)) else {
        return Ok(Vec::new());
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_keep_trailing_newline(true);
    let has = |name: &str| manifest.features.iter().any(|feature| feature.name == name);
    let image = place.image_name();
    let mebibytes = (manifest.bytes + BESIDE_IMAGE_BYTES).div_ceil(1 << 20);
    let host_dir = host_dir.trim_end_matches('/');
    let facts = context! {
        site => place.site,
        target => place.target,
        folder => place.folder(),
        path => format!("{host_dir}/{}", place.path(&image)),
        image,
        host_dir,
        memory_mib => mebibytes.max(LEAST_MIB),
        http => has("http"),
        dns => has("dns"),
    };
    let mut files: Vec<_> = folder.files().collect();
    files.sort_by_key(|file| file.path());
    files
        .into_iter()
        .map(|file| {
            let name = file.path().file_name().unwrap_or_default().to_string_lossy();
            let template = file.contents_utf8().unwrap_or_default();
            let text = environment.render_str(template, &facts)?;
            Ok(Descriptor {
                name: name.replace("NAME", &place.site),
                executable: text.starts_with("#!"),
                text,
            })
        })
        .collect()
}
