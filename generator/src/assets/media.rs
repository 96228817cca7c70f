//! Media types: from the name, and for names that say nothing, from the bytes.

use std::path::Path;

use crate::site::UrlPath;

/// The `Content-Type` of a resource. Texts in UTF-8 say so: without it browsers
/// guess, and guess differently.
pub fn media_type(path: &UrlPath, content: &[u8]) -> String {
    let name = path.to_string();
    let extension = Path::new(&name)
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase());
    let essence = match extension.as_deref() {
        // Newer registrations than the table, or ones where it is ambiguous.
        Some("js" | "mjs" | "cjs") => "text/javascript",
        Some("md" | "markdown") => "text/markdown",
        Some("webmanifest") => "application/manifest+json",
        Some("map") => "application/json",
        Some("atom") => "application/atom+xml",
        Some("rss") => "application/rss+xml",
        Some("ics") => "text/calendar",
        Some("vtt") => "text/vtt",
        Some("ts" | "mts" | "toml" | "rs" | "py" | "sh" | "ml" | "conf" | "log" | "lock") => {
            "text/plain"
        }
        Some("avif") => "image/avif",
        Some("jxl") => "image/jxl",
        Some("opus") => "audio/ogg",
        Some("cast") => "application/x-asciicast",
        _ if path.as_bytes().ends_with(b"/") => "text/html",
        _ => {
            return match mime_guess::from_path(&name).first() {
                Some(guess) => with_charset(guess.essence_str(), content),
                None if is_text(content) => "text/plain; charset=utf-8".to_owned(),
                None => "application/octet-stream".to_owned(),
            };
        }
    };
    with_charset(essence, content)
}

fn with_charset(essence: &str, content: &[u8]) -> String {
    if essence.starts_with("text/") && std::str::from_utf8(content).is_ok() {
        format!("{essence}; charset=utf-8")
    } else {
        essence.to_owned()
    }
}

fn is_text(content: &[u8]) -> bool {
    !content.contains(&0) && std::str::from_utf8(content).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bytes_decide() {
        for (path, content, expected) in [
            ("/", "<p>", "text/html; charset=utf-8"),
            ("/a.html", "<p>", "text/html; charset=utf-8"),
            ("/a.css", "a{}", "text/css; charset=utf-8"),
            ("/a.js", "1", "text/javascript; charset=utf-8"),
            ("/a.png", "", "image/png"),
            ("/a.SVG", "<svg>", "image/svg+xml"),
            ("/a.woff2", "", "font/woff2"),
            ("/a.wasm", "", "application/wasm"),
            ("/a.json", "{}", "application/json"),
            ("/LICENSE", "MIT", "text/plain; charset=utf-8"),
            ("/blob", "\0\u{1}", "application/octet-stream"),
            ("/a.pdf", "%PDF", "application/pdf"),
        ] {
            assert_eq!(
                media_type(&path.into(), content.as_bytes()),
                expected,
                "{path}"
            );
        }
        assert_eq!(media_type(&"/latin1.html".into(), b"caf\xe9"), "text/html");
    }
}
