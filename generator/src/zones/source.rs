//! The texts that a zone was read from, and places in them.

use crate::report::{Place, SourceText};
use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A range in one of the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Where {
    source: u32,
    start: u32,
    end: u32,
}

impl Where {
    /// A range of bytes in a source.
    pub fn of(source: usize, span: Range<usize>) -> Self {
        // Files of 4 GiB are refused long before.
        Self {
            source: source as u32,
            start: span.start as u32,
            end: span.end as u32,
        }
    }
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    text: SourceText,
    bytes: Arc<[u8]>,
    is_utf8: bool,
}

/// The texts, in the order in which they were read.
#[derive(Debug, Default)]
pub struct Sources {
    list: Vec<Source>,
}

impl Sources {
    /// Adds a text; its number.
    pub fn add(&mut self, path: &Path, shown: &str, bytes: Vec<u8>) -> usize {
        // Zones may hold any bytes in strings and comments; people are shown
        // those that are no UTF-8 as Latin-1.
        let (text, is_utf8) = match String::from_utf8(bytes) {
            Ok(text) => (text, true),
            Err(error) => {
                let bytes = error.into_bytes();
                let text: String = bytes.iter().map(|&byte| char::from(byte)).collect();
                self.list.push(Source {
                    path: path.to_owned(),
                    text: SourceText::new(shown, text),
                    bytes: bytes.into(),
                    is_utf8: false,
                });
                return self.list.len() - 1;
            }
        };
        self.list.push(Source {
            path: path.to_owned(),
            bytes: text.as_bytes().into(),
            text: SourceText::new(shown, text),
            is_utf8,
        });
        self.list.len() - 1
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// The bytes of a text.
    pub fn bytes(&self, source: usize) -> Arc<[u8]> {
        self.list
            .get(source)
            .map_or_else(|| Arc::from([]), |source| source.bytes.clone())
    }

    /// Where a text was read from.
    pub fn path(&self, source: usize) -> &Path {
        self.list
            .get(source)
            .map_or(Path::new(""), |source| &source.path)
    }

    /// How a file is shown that a shown file includes: with the same beginning.
    pub fn beside(&self, source: usize, path: &Path, root: &Path) -> String {
        let below = path.strip_prefix(root).unwrap_or(path);
        let start = self.list.get(source).and_then(|source| {
            let own = source.path.strip_prefix(root).ok()?;
            let own = own.to_string_lossy().into_owned();
            source.text.path().strip_suffix(&own).map(str::to_owned)
        });
        format!("{}{}", start.unwrap_or_default(), below.display())
    }

    /// A place, for people.
    pub fn place(&self, place: &Where) -> Place {
        let Some(source) = self.list.get(place.source as usize) else {
            return Place::file("");
        };
        let wide = |at: u32| {
            let at = at as usize;
            if source.is_utf8 {
                return at;
            }
            let before = source.bytes.get(..at).unwrap_or(&source.bytes);
            // Latin-1 above 127 takes two bytes in UTF-8.
            at + before.iter().filter(|byte| !byte.is_ascii()).count()
        };
        Place::span_of(&source.text, wide(place.start)..wide(place.end))
    }
}
