//! `get_image_metadata`: the size and kind of a picture, from its first bytes.

use std::sync::Arc;

use tera::{Result, Value};

use super::{
    Shared,
    functions::{Given, bytes},
};

/// The function.
pub fn get_image_metadata(shared: &Arc<Shared>, given: &Given<'_>) -> Result<Value> {
    let path = given.needed("path")?;
    let found = shared.files.search(path).map_err(|why| given.error(why))?;
    if found.is_none() && given.flag("allow_missing", false)? {
        return Ok(Value::Null);
    }
    let bytes = bytes(shared, given, path)?;
    let Some((width, height, format, mime)) = of(&bytes) else {
        return Err(given.error(format!("`{path}` is no picture whose size can be read")));
    };
    Ok(serde_json::json!({ "width": width, "height": height, "format": format, "mime": mime }))
}

/// Width, height, usual extension and media type.
pub fn of(bytes: &[u8]) -> Option<(u32, u32, &'static str, &'static str)> {
    use imagesize::ImageType;
    if let Ok(kind) = imagesize::image_type(bytes) {
        let (format, mime) = match kind {
            ImageType::Jpeg => ("jpg", "image/jpeg"),
            ImageType::Png => ("png", "image/png"),
            ImageType::Webp => ("webp", "image/webp"),
            ImageType::Gif => ("gif", "image/gif"),
            ImageType::Bmp => ("bmp", "image/bmp"),
            ImageType::Tiff => ("tiff", "image/tiff"),
            ImageType::Ico => ("ico", "image/x-icon"),
            ImageType::Heif(_) => ("avif", "image/avif"),
            ImageType::Jxl => ("jxl", "image/jxl"),
            _ => ("", "application/octet-stream"),
        };
        let size = imagesize::blob_size(bytes).ok()?;
        let number = |n: usize| u32::try_from(n).ok();
        return Some((number(size.width)?, number(size.height)?, format, mime));
    }
    let (width, height) = svg(bytes)?;
    Some((width, height, "svg", "image/svg+xml"))
}

/// The size of an SVG: `width` and `height`, else those of `viewBox`.
fn svg(bytes: &[u8]) -> Option<(u32, u32)> {
    use quick_xml::{Reader, events::Event};
    let mut reader = Reader::from_reader(bytes);
    let mut buffer = Vec::new();
    loop {
        match reader.read_event_into(&mut buffer).ok()? {
            Event::Start(start) | Event::Empty(start) => {
                if start.local_name().as_ref() != b"svg" {
                    return None;
                }
                let text = |name: &str| {
                    let value = start.try_get_attribute(name).ok()??;
                    Some(String::from_utf8_lossy(&value.value).into_owned())
                };
                let length = |name: &str| {
                    let value = text(name)?;
                    let value = value.trim().trim_end_matches("px");
                    value.parse::<f64>().ok()
                };
                let size = match (length("width"), length("height")) {
                    (Some(width), Some(height)) => (width, height),
                    _ => {
                        let view = text("viewBox")?;
                        let numbers: Vec<f64> = view
                            .split([' ', ','])
                            .filter(|n| !n.is_empty())
                            .map_while(|n| n.parse().ok())
                            .collect();
                        match numbers.as_slice() {
                            [_, _, width, height] => (*width, *height),
                            _ => return None,
                        }
                    }
                };
                let round = |n: f64| {
                    (0.0..=f64::from(u32::MAX))
                        .contains(&n)
                        .then_some(n.round() as u32)
                };
                return Some((round(size.0)?, round(size.1)?));
            }
            Event::Eof => return None,
            _ => buffer.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x2c\0\0\0\xc8\x08\x06\0\0\0";
        assert_eq!(of(png), Some((300, 200, "png", "image/png")));
        assert_eq!(
            of(b"<?xml version='1.0'?><!-- x --><svg viewBox='0 0 24 12'/>"),
            Some((24, 12, "svg", "image/svg+xml"))
        );
        assert_eq!(
            of(b"<svg width='10px' height='5.4'/>").map(|m| (m.0, m.1)),
            Some((10, 5))
        );
        assert_eq!(of(b"no picture"), None);
    }
}
