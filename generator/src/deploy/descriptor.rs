//! Descriptors: what starts an image on a host, rendered from
//! `templates/deploy/TARGET/` for each deploy.
//!
//! A template's name is the descriptor's, with `NAME` for the site's. A target
//! gets whatever its folder holds, and what `applgen build` puts beside its
//! images ([`crate::image::descriptors`]).

use minijinja::{Environment, UndefinedBehavior, context};

use std::path::Path;

use crate::{
    image::{self, Manifest, Target},
    templates,
};

use super::place::Place;

/// Where a host is taken to keep its clone, unless told.
pub const DEFAULT_HOST_DIR: &str = "/srv/deploy";

/// The tap device of images that have one, unless told.
const TAP: &str = "tap0";

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

/// The descriptors of one image; the error says why there are none.
pub fn descriptors(
    place: &Place,
    manifest: &Manifest,
    host_dir: &str,
) -> Result<Vec<Descriptor>, String> {
    let has = |name: &str| manifest.features.iter().any(|feature| feature.name == name);
    let serves = image::descriptors::Serves {
        http: has("http"),
        dns: has("dns"),
    };
    let beside = match Target::from_suffix(&place.target) {
        Some(target) => {
            let image = place.image_name();
            image::descriptors::of(target, Path::new(&image), manifest.bytes, serves)
                .map_err(|error| error.to_string())?
        }
        None => Vec::new(),
    };
    let mut all: Vec<Descriptor> = beside
        .into_iter()
        .map(|file| Descriptor {
            name: file.path.to_string_lossy().into_owned(),
            text: file.text,
            executable: file.mode & 0o111 != 0,
        })
        .collect();
    let Some(folder) = templates::find_directory(&format!("deploy/{}", place.target)) else {
        return Ok(all);
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let image = place.image_name();
    let host_dir = host_dir.trim_end_matches('/');
    let facts = context! {
        site => place.site.as_str(),
        target => place.target.as_str(),
        folder => place.folder(),
        path => format!("{host_dir}/{}", place.path(&image)),
        image,
        host_dir,
        tap => TAP,
        http => has("http"),
        dns => has("dns"),
    };
    let mut files: Vec<_> = folder.files().collect();
    files.sort_by_key(|file| file.path());
    for file in files {
        let name = file
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let template = file.contents_utf8().unwrap_or_default();
        let mut text = environment
            .render_str(template, &facts)
            .map_err(|error| error.to_string())?;
        // The engine takes the last line feed of a template away.
        text.push('\n');
        all.push(Descriptor {
            name: name.replace("NAME", &place.site),
            executable: text.starts_with("#!"),
            text,
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::manifest::{BundlePart, FeaturePart, KernelPart, Limits};

    fn manifest(target: Target) -> Manifest {
        Manifest {
            applgen: "0".into(),
            target: target.suffix().into(),
            sha256: String::new(),
            bytes: 5 << 20,
            kernel: KernelPart {
                bytes: 0,
                unpacked_bytes: None,
                key: String::new(),
                sha256: String::new(),
                sources: String::new(),
                compiler: String::new(),
                c_library: String::new(),
                unused_features: Vec::new(),
            },
            bundle: BundlePart {
                bytes: 0,
                sections: vec![],
            },
            zones: vec![],
            features: vec![FeaturePart {
                name: "http".into(),
                reason: String::new(),
            }],
            source: None,
            limits: Limits {
                bundle_bytes: 0,
                image_bytes: 0,
            },
        }
    }

    #[test]
    fn every_target_has_one_that_names_its_image() {
        for &target in Target::ALL {
            let place = Place::new("my 5% talk", target).unwrap();
            let all = descriptors(&place, &manifest(target), "/srv/x/").unwrap();
            assert!(
                all.iter().any(|d| d.text.contains(&place.image_name())),
                "{target:?}"
            );
            for descriptor in &all {
                assert!(descriptor.text.ends_with('\n') && !descriptor.text.ends_with("\n\n"));
                assert!(!descriptor.text.contains("{{"), "{}", descriptor.text);
            }
        }
    }

    #[test]
    fn units_quote_paths_and_serve_what_the_image_has() {
        let place = Place::new("my 5% talk", Target::Unix).unwrap();
        let all = descriptors(&place, &manifest(Target::Unix), "/srv/x/").unwrap();
        let unit = all.iter().find(|d| d.name == "my 5% talk.service").unwrap();
        let line = unit
            .text
            .lines()
            .find(|line| line.starts_with("ExecStart="))
            .unwrap();
        assert_eq!(
            line,
            "ExecStart=\"/srv/x/my 5%% talk/unix/my 5%% talk.unix\" http=0.0.0.0:80"
        );
    }
}
