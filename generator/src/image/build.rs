//! The image step as one call: from a bundle to an image and its manifest.

use crate::{
    image::{
        Feature, Features, KernelError, Manifest, Progress, Revision, Target,
        attach::{AttachError, attach},
        descriptors::{self, DescriptorError},
        kernel::kernel,
        manifest::{Parts, ZonePart, path_for},
        packed::as_in_images,
        write::{self, WriteError},
    },
    report::Diagnostic,
};
use applgen_bundle::write::FinishedBundle;
use std::path::Path;
use thiserror::Error;

/// What image is wanted.
#[derive(Debug)]
pub struct Order<'a> {
    /// What it runs on.
    pub target: Target,
    /// What it must be able to do.
    pub features: &'a Features,
    /// What it serves.
    pub bundle: &'a FinishedBundle,
    /// The zones among it.
    pub zones: &'a [ZonePart],
    /// The commit of the site.
    pub source: Option<Revision>,
    /// Where it goes; the manifest goes beside it.
    pub path: &'a Path,
}

/// Why there is no image; whatever was there before is untouched.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// There is no kernel.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Kernel and bundle do not go together.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// What its host needs beside it cannot be written so that it works.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// A file was not written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl ImageError {
    /// The error for people, with advice.
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            Self::Kernel(error) => error.diagnostic(),
            Self::Write(error) => error.diagnostic(),
            Self::Descriptor(error) => {
                Diagnostic::error(error.to_string()).hint("name the image with `-o FILE`")
            }
            Self::Attach(error @ AttachError::TooLarge { .. }) => {
                Diagnostic::error(error.to_string())
                    .hint("leave large files out of the site, or split it")
            }
            Self::Attach(error) => Diagnostic::error(error.to_string()),
        }
    }

    /// Whether the site is at fault, and not the machine.
    pub fn is_of_the_site(&self) -> bool {
        matches!(self, Self::Attach(AttachError::TooLarge { .. }))
    }
}

/// Makes an image, its manifest and its descriptors: all are whole on the disk
/// before any has its name, and the image is named last.
pub fn build(order: &Order<'_>, progress: &dyn Progress) -> Result<Manifest, ImageError> {
    let kernel = kernel(order.target, order.features, progress)?;
    let attached = attach(&as_in_images(order.target, &kernel)?, order.bundle.len())?;
    progress.step("writing the image");
    let image = write::image(order.path, &attached, order.bundle)?;
    let manifest = Manifest::new(Parts {
        target: order.target,
        features: order.features,
        kernel: &kernel,
        attached: &attached,
        bundle: order.bundle,
        zones: order.zones,
        source: order.source.clone(),
        written: image.written(),
    });
    let beside = write::file(
        &path_for(order.path),
        manifest.to_json().as_bytes(),
        write::FILE_MODE,
    )?;
    let descriptors = descriptors::of(
        order.target,
        order.path,
        image.written().bytes,
        descriptors::Serves {
            http: order.features.has(Feature::Http),
            dns: order.features.has(Feature::Dns),
        },
    )?;
    let descriptors: Vec<_> = descriptors
        .iter()
        .map(|file| write::file(&file.path, file.text.as_bytes(), file.mode))
        .collect::<Result<_, _>>()?;
    beside.commit()?;
    for descriptor in descriptors {
        descriptor.commit()?;
    }
    image.commit()?;
    Ok(manifest)
}
