//! gzip and Brotli bodies, at the highest levels, where they are smaller by a
//! margin that is worth their bytes in the image.
//!
//! What changes from deploy to deploy is compressed so that an edit stays where
//! it was made: see [`mod@segments`].

use std::io::Write;

use libdeflater::{CompressionLvl, Compressor};

use super::segments::{self, segments};

/// The compressed forms of a body that pay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    /// gzip (RFC 1952), without name or time.
    pub gzip: Option<Vec<u8>>,
    /// Brotli (RFC 7932).
    pub brotli: Option<Vec<u8>>,
}

/// A form must save this many bytes: below, the header line that announces it
/// costs more than it saves.
const LEAST_SAVED_BYTES: usize = 48;
/// And one part in this many of the whole.
const LEAST_SAVED_PART: usize = 20;
/// From here on Brotli runs at quality 9: quality 11 works at half a megabyte
/// a second, and a build must end.
const LARGE_BYTES: usize = 16_000_000;
/// The part of an unknown type that is tried before the whole is.
const SAMPLE_BYTES: usize = 64 * 1024;

/// Compresses a body of this media type; what is compressed already is left alone.
pub fn encode(media_type: &str, content: &[u8]) -> Encoded {
    if !worth_trying(media_type, content) {
        return Encoded::default();
    }
    let (gzip, brotli) = if is_edited_in_places(media_type) && content.len() < LARGE_BYTES {
        let segments = segments(content);
        (segments::gzip(&segments), segments::brotli(&segments))
    } else {
        (gzip(content, CompressionLvl::best()), brotli(content))
    };
    let gzip = Some(gzip).filter(|body| pays(body, content));
    let brotli = Some(brotli)
        .filter(|body| pays(body, content))
        // Every client that takes Brotli takes gzip too.
        .filter(|body| gzip.as_ref().is_none_or(|gzip| body.len() < gzip.len()));
    Encoded { gzip, brotli }
}

fn pays(body: &[u8], content: &[u8]) -> bool {
    let least = LEAST_SAVED_BYTES.max(content.len() / LEAST_SAVED_PART);
    body.len() + least <= content.len()
}

/// Whether a body of this type is text that is written in, a page or a feed,
/// and not a file that is replaced as a whole.
fn is_edited_in_places(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or(media_type).trim();
    match essence.split_once('/') {
        Some(("text", sub)) => !matches!(sub, "css" | "javascript"),
        Some(("image", _)) => false,
        Some(("application", sub)) => {
            matches!(sub, "xml" | "json") || sub.ends_with("+xml") || sub.ends_with("+json")
        }
        _ => false,
    }
}

fn worth_trying(media_type: &str, content: &[u8]) -> bool {
    let essence = media_type.split(';').next().unwrap_or(media_type).trim();
    let compressed = match essence.split_once('/') {
        Some(("image", sub)) => !matches!(sub, "svg+xml" | "bmp" | "x-icon" | "vnd.microsoft.icon"),
        Some(("audio" | "video", sub)) => !matches!(sub, "wav" | "x-wav" | "midi"),
        Some(("font", sub)) => matches!(sub, "woff" | "woff2"),
        Some(("application", sub)) => {
            matches!(
                sub,
                "zip"
                    | "gzip"
                    | "x-gzip"
                    | "x-bzip2"
                    | "x-xz"
                    | "zstd"
                    | "x-7z-compressed"
                    | "java-archive"
                    | "epub+zip"
                    | "x-rar-compressed"
                    | "vnd.rar"
                    | "font-woff"
                    | "font-woff2"
            ) || sub.starts_with("vnd.openxmlformats")
                || sub.starts_with("vnd.oasis")
        }
        _ => false,
    };
    if compressed || content.len() <= LEAST_SAVED_BYTES {
        return false;
    }
    let known = essence.starts_with("text/")
        || essence.ends_with("+xml")
        || essence.ends_with("json")
        || matches!(
            essence,
            "application/xml" | "application/wasm" | "application/javascript"
        );
    known || {
        let sample = &content[..content.len().min(SAMPLE_BYTES)];
        // Level 0 would only store; 1 is the fastest that compresses.
        CompressionLvl::new(1).is_ok_and(|level| pays(&gzip(sample, level), sample))
    }
}

fn gzip(content: &[u8], level: CompressionLvl) -> Vec<u8> {
    let mut compressor = Compressor::new(level);
    let mut body = vec![0; compressor.gzip_compress_bound(content.len())];
    match compressor.gzip_compress(content, &mut body) {
        Ok(length) => body.truncate(length),
        // Cannot happen within the bound; a body that did not shrink is dropped.
        Err(_) => body = content.to_vec(),
    }
    body
}

fn brotli(content: &[u8]) -> Vec<u8> {
    let quality = if content.len() < LARGE_BYTES { 11 } else { 9 };
    let mut body = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut body, 64 * 1024, quality, 24);
    let written = writer.write_all(content).and_then(|()| writer.flush());
    drop(writer);
    if written.is_err() {
        content.to_vec()
    } else {
        body
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn texts_shrink_and_come_back() {
        let text = "a line that repeats itself\n".repeat(200);
        let encoded = encode("text/plain; charset=utf-8", text.as_bytes());
        let (gzip, brotli) = (encoded.gzip.unwrap(), encoded.brotli.unwrap());
        assert!(brotli.len() < gzip.len() && gzip.len() < text.len() / 4);
        let mut back = String::new();
        flate2::read::GzDecoder::new(gzip.as_slice())
            .read_to_string(&mut back)
            .unwrap();
        assert_eq!(back, text);
        back.clear();
        brotli::Decompressor::new(brotli.as_slice(), 4096)
            .read_to_string(&mut back)
            .unwrap();
        assert_eq!(back, text);
    }

    #[test]
    fn what_does_not_pay_is_left_out() {
        assert_eq!(encode("text/plain", b"short"), Encoded::default());
        assert_eq!(encode("image/png", &[0; 10_000]), Encoded::default());
        let noise: Vec<u8> = (0..20_000_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761).rotate_left(13) >> 11) as u8)
            .scan(7_u8, |state, b| {
                *state = state.wrapping_mul(31).wrapping_add(b ^ 0x5a);
                Some(*state ^ b.rotate_left(3))
            })
            .collect();
        let encoded = encode("application/octet-stream", &noise);
        for body in [encoded.gzip, encoded.brotli].into_iter().flatten() {
            assert!(body.len() * 20 <= noise.len() * 19);
        }
        assert!(
            encode("application/octet-stream", &[0; 10_000])
                .gzip
                .is_some()
        );
    }
}
