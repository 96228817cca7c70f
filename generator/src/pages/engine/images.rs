//! `resize_image`: templates ask for pictures, and the build makes them all
//! afterwards, each once, in parallel.

use std::{io::Cursor, sync::Arc};

use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits,
    codecs::{jpeg::JpegEncoder, webp::WebPEncoder},
    imageops::FilterType,
};
use sha2::{Digest, Sha256};
use tera::{Result, Value};

use super::{
    Shared,
    functions::{Given, hex},
    metadata,
};
use crate::site::SourceFile;

/// Larger pictures are refused, read or made.
const MAX_SIDE: u32 = 20_000;
/// What one picture may take of memory.
const MAX_ALLOCATION_BYTES: u64 = 1 << 30;

/// Pictures made by other rules than this version's are not used.
pub const VERSION: &str = "applgen-picture-1";

/// What becomes of a picture's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Scale(u32, u32),
    Fill(u32, u32),
}

/// How the new picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Jpeg(u8),
    Png,
    Webp,
}

/// A picture to make.
#[derive(Debug, Clone)]
pub struct Job {
    source: SourceFile,
    operation: Operation,
    format: Format,
    key: [u8; 32],
}

/// The function.
pub fn resize_image(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let path = given.needed("path")?;
    let found = shared.files.search(path).map_err(|why| given.error(why))?;
    let source =
        found.ok_or_else(|| given.error(format!("there is no file `{path}` in the site")))?;
    let bytes = source
        .read(shared.limit_bytes)
        .map_err(|_| given.error(format!("`{path}` cannot be read")))?;
    let Some((old_width, old_height, kind, _)) = metadata::of(&bytes) else {
        return Err(given.error(format!("`{path}` is no picture that can be resized")));
    };
    if !matches!(kind, "jpg" | "png" | "webp") {
        return Err(given.error(format!(
            "`{path}` is {kind}, and JPEG, PNG and WebP are resized"
        )));
    }
    let side = |key: &str| -> Result<Option<u32>> {
        match given.number(key)? {
            None => Ok(None),
            Some(number) => match u32::try_from(number) {
                Ok(number) if number <= MAX_SIDE => Ok(Some(number)),
                _ => Err(given.error(format!("`{key}` is more than {MAX_SIDE} pixels"))),
            },
        }
    };
    let (width, height) = (side("width")?, side("height")?);
    let need = |key: &str, side: Option<u32>| {
        side.filter(|n| *n > 0)
            .ok_or_else(|| given.error(format!("`{key}` is missing")))
    };
    let in_proportion = |new: u32, old: u32, other: u32| -> u32 {
        let scaled = (f64::from(other) * f64::from(new) / f64::from(old.max(1))).round();
        (scaled as u32).clamp(1, MAX_SIDE)
    };
    let op = given.text("op")?.unwrap_or("fill");
    let operation = match op {
        "scale" => Operation::Scale(need("width", width)?, need("height", height)?),
        "fit_width" => {
            let width = need("width", width)?;
            Operation::Scale(width, in_proportion(width, old_width, old_height))
        }
        "fit_height" => {
            let height = need("height", height)?;
            Operation::Scale(in_proportion(height, old_height, old_width), height)
        }
        "fit" => {
            let (width, height) = (need("width", width)?, need("height", height)?);
            if old_width <= width && old_height <= height {
                Operation::Scale(old_width, old_height)
            } else if u64::from(old_width) * u64::from(height)
                > u64::from(old_height) * u64::from(width)
            {
                Operation::Scale(width, in_proportion(width, old_width, old_height))
            } else {
                Operation::Scale(in_proportion(height, old_height, old_width), height)
            }
        }
        "fill" => Operation::Fill(need("width", width)?, need("height", height)?),
        other => {
            return Err(given.error(format!(
                "`op` cannot be `{other}`: one of `scale`, `fit_width`, `fit_height`, `fit`, `fill`"
            )));
        }
    };
    let quality = given.number("quality")?.unwrap_or(75);
    let quality = u8::try_from(quality)
        .ok()
        .filter(|q| *q <= 100)
        .ok_or_else(|| given.error("`quality` goes from 1 to 100"))?
        .max(1);
    let format = match given.text("format")?.unwrap_or("auto") {
        "auto" if kind == "jpg" => Format::Jpeg(quality),
        "auto" if kind == "webp" => Format::Webp,
        "auto" | "png" => Format::Png,
        "jpg" | "jpeg" => Format::Jpeg(quality),
        "webp" => Format::Webp,
        other => {
            return Err(given.error(format!(
                "`format` cannot be `{other}`: one of `auto`, `jpg`, `png`, `webp`"
            )));
        }
    };
    let extension = match format {
        Format::Jpeg(_) => "jpg",
        Format::Png => "png",
        Format::Webp => "webp",
    };
    let mut hash = Sha256::new();
    hash.update(&bytes);
    hash.update(format!("{operation:?} {format:?}"));
    let key: [u8; 32] = hash.finalize().into();
    let hash = hex(&key[..8]);
    let stem = source
        .relative
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy();
    let static_path = format!(
        "processed_images/{}.{hash}.{extension}",
        slug::slugify(&*stem)
    );
    let (Operation::Scale(width, height) | Operation::Fill(width, height)) = operation;
    let mut url = shared.settings.permalink(&static_path);
    url.pop();
    if let Ok(mut images) = shared.images.lock() {
        images.entry(static_path.clone()).or_insert_with(|| Job {
            source: source.clone(),
            operation,
            format,
            key,
        });
    }
    Ok(serde_json::json!({
        "url": url,
        "static_path": static_path,
        "width": width,
        "height": height,
        "orig_width": old_width,
        "orig_height": old_height,
    }))
}

impl Job {
    /// The file that it is made from, as people know it.
    pub fn origin(&self) -> &SourceFile {
        &self.source
    }

    /// The SHA-256 of the old picture and of what becomes of it.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// Makes the picture. What is wrong with the old one is said in a sentence.
    pub fn run(&self, limit_bytes: u64) -> std::result::Result<Vec<u8>, String> {
        let shown = &self.source.shown;
        let bytes = self
            .source
            .read(limit_bytes)
            .map_err(|_| format!("`{shown}` cannot be read"))?;
        let broken = |error: image::ImageError| format!("`{shown}` is a broken picture: {error}");
        let mut reader = ImageReader::new(Cursor::new(&bytes))
            .with_guessed_format()
            .map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
        let mut limits = Limits::default();
        limits.max_image_width = Some(MAX_SIDE);
        limits.max_image_height = Some(MAX_SIDE);
        limits.max_alloc = Some(MAX_ALLOCATION_BYTES);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(broken)?;
        let orientation = decoder.orientation().map_err(broken)?;
        let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
        // A camera held upright says so beside the picture, and that is lost.
        image.apply_orientation(orientation);
        let image = match self.operation {
            Operation::Scale(width, height)
                if (image.width(), image.height()) == (width, height) =>
            {
                image
            }
            Operation::Scale(width, height) => {
                image.resize_exact(width, height, FilterType::Lanczos3)
            }
            Operation::Fill(width, height) => {
                image.resize_to_fill(width, height, FilterType::Lanczos3)
            }
        };
        let mut out = Vec::new();
        match self.format {
            Format::Jpeg(quality) => image
                .to_rgb8()
                .write_with_encoder(JpegEncoder::new_with_quality(&mut out, quality)),
            Format::Png => image.write_to(&mut Cursor::new(&mut out), ImageFormat::Png),
            Format::Webp => image
                .to_rgba8()
                .write_with_encoder(WebPEncoder::new_lossless(&mut out)),
        }
        .map_err(|error| format!("`{shown}` cannot be written anew: {error}"))?;
        Ok(out)
    }
}
