//! Texts that diagnostics point into, and places in them.

use std::{ops::Range, sync::Arc};

/// A text with the path that people know it by; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    path: Arc<str>,
    text: Arc<str>,
}

impl SourceText {
    /// `path` is shown as it stands: relative to the site where it can be.
    pub fn new(path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }

    /// The path as shown.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset, both from 1, columns in characters.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(offset)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (
            before.matches('\n').count() + 1,
            before[line_start..].chars().count() + 1,
        )
    }
}

/// A file, and within it a range of bytes where one is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    source: SourceText,
    span: Option<Range<usize>>,
}

impl Place {
    /// A file as a whole.
    pub fn file(path: impl Into<Arc<str>>) -> Self {
        Self {
            source: SourceText::new(path, ""),
            span: None,
        }
    }

    /// A range of bytes in a text; cut to the text, and to whole characters.
    pub fn span_of(source: &SourceText, span: Range<usize>) -> Self {
        let text = source.text();
        let start = text.floor_char_boundary(span.start);
        let end = text.floor_char_boundary(span.end.max(start));
        Self {
            source: source.clone(),
            span: Some(start..end),
        }
    }

    /// The text it is in; empty when only the file is known.
    pub fn source(&self) -> &SourceText {
        &self.source
    }

    /// The lines that the range is on: a whole source of megabytes is too much
    /// to draw a snippet from.
    pub(super) fn lines(&self) -> Option<Lines<'_>> {
        let span = self.span.clone()?;
        let text = self.source.text();
        let start = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[span.end..]
            .find('\n')
            .map_or(text.len(), |at| span.end + at);
        Some(Lines {
            first: text[..start].matches('\n').count() + 1,
            text: &text[start..end],
            span: span.start - start..span.end - start,
        })
    }

    /// The range of bytes, where known.
    pub fn span(&self) -> Option<Range<usize>> {
        self.span.clone()
    }
}

/// Whole lines of a source, with a range in them.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    /// The number of the first line, from 1.
    pub first: usize,
    pub text: &'a str,
    pub span: Range<usize>,
}
