//! The manifest beside an image: what is in it, down to the byte.
//!
//! `NAME.TARGET.json` is derived from what the image is made of and from
//! nothing else: no clock, no path, no user. The same inputs give the same
//! manifest.

use crate::image::{
    attach::{Attached, MAX_IMAGE_BYTES},
    kernel::Kernel,
    pack::unpacked_bytes,
    release::unused,
    revision::Revision,
    target::{Features, Target},
    write::Written,
};
use applgen_bundle::{MAX_BUNDLE_BYTES, write::FinishedBundle};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What is said of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of applgen that made it.
    pub applgen: String,
    /// What it runs on.
    pub target: String,
    /// The hash of the whole image.
    pub sha256: String,
    /// The length of the whole image.
    pub bytes: u64,
    /// The part that is the same for every site.
    pub kernel: KernelPart,
    /// The part that is the site.
    pub bundle: BundlePart,
    /// What the kernel can do, and why.
    pub features: Vec<FeaturePart>,
    /// The zones that it serves; absent without any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<ZonePart>,
    /// The commit that the site was at; absent outside a repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Revision>,
    /// What no image of this version exceeds.
    pub limits: Limits,
}

/// The kernel in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelPart {
    /// Its length, with the padding up to the bundle.
    pub bytes: u64,
    /// What it takes up in memory once it has unpacked itself, without `.bss`;
    /// absent where it is not packed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unpacked_bytes: Option<u64>,
    /// What it is cached under.
    pub key: String,
    /// The hash of the kernel as it was compiled.
    pub sha256: String,
    /// The hash of the sources it was compiled from.
    pub sources: String,
    /// The compiler.
    pub compiler: String,
    /// The hash of the C library and what is linked with it.
    pub c_library: String,
    /// What it can do beyond `features`: a release carries no smaller kernel that
    /// has all of those. Absent where there is nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unused_features: Vec<String>,
}

/// The bundle in an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundlePart {
    /// Its length.
    pub bytes: u64,
    /// Its sections, in order.
    pub sections: Vec<SectionPart>,
}

/// One section of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SectionPart {
    /// What it is.
    pub tag: String,
    /// The version of its format.
    pub version: u16,
    /// Its length.
    pub bytes: u64,
}

/// One feature of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeaturePart {
    /// Its name.
    pub name: String,
    /// Why the image has it.
    pub reason: String,
}

/// One DNS zone of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZonePart {
    /// Its name, without the dot at its end.
    pub name: String,
    /// Its serial number.
    pub serial: u32,
    /// How many records it has.
    pub records: usize,
}

/// What no image exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The longest bundle.
    pub bundle_bytes: u64,
    /// The longest image.
    pub image_bytes: u64,
}

/// The parts that a manifest describes.
#[derive(Debug)]
pub struct Parts<'a> {
    /// What the image runs on.
    pub target: Target,
    /// What it can do.
    pub features: &'a Features,
    /// Its kernel.
    pub kernel: &'a Kernel,
    /// The kernel made ready for the bundle.
    pub attached: &'a Attached,
    /// Its bundle.
    pub bundle: &'a FinishedBundle,
    /// Its zones.
    pub zones: &'a [ZonePart],
    /// The commit of the site.
    pub source: Option<Revision>,
    /// The image as it was written.
    pub written: &'a Written,
}

impl Manifest {
    /// Of these parts.
    pub fn new(parts: Parts<'_>) -> Self {
        let record = &parts.kernel.record;
        Self {
            applgen: env!("CARGO_PKG_VERSION").to_owned(),
            target: parts.target.suffix().to_owned(),
            sha256: parts.written.sha256.clone(),
            bytes: parts.written.bytes,
            kernel: KernelPart {
                bytes: parts.attached.prefix().len() as u64,
                unpacked_bytes: unpacked_bytes(parts.attached.prefix()),
                key: parts.kernel.key.clone(),
                sha256: record.sha256.clone(),
                sources: record.sources.clone(),
                compiler: record.compiler.clone(),
                c_library: record.c_library.clone(),
                unused_features: unused(parts.kernel, parts.target, parts.features),
            },
            bundle: BundlePart {
                bytes: parts.bundle.len(),
                sections: parts
                    .bundle
                    .sections()
                    .iter()
                    .map(|section| SectionPart {
                        tag: section.tag.escape_ascii().to_string().trim_end().to_owned(),
                        version: section.version,
                        bytes: section.bytes,
                    })
                    .collect(),
            },
            features: parts
                .features
                .iter()
                .map(|(feature, reason)| FeaturePart {
                    name: feature.name().to_owned(),
                    reason: reason.to_owned(),
                })
                .collect(),
            zones: parts.zones.to_vec(),
            source: parts.source,
            limits: Limits {
                bundle_bytes: MAX_BUNDLE_BYTES,
                image_bytes: MAX_IMAGE_BYTES,
            },
        }
    }

    /// As the file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("strings, numbers and lists can always be written");
        text.push('\n');
        text
    }
}

/// Where an image's manifest lies: beside it, `.json` added to the whole name.
pub fn path_for(image: &Path) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".json");
    name.into()
}
