//! Splits and renders decks, for comparison with reveal.js: JSON lines in, JSON
//! lines out.
//!
//! In: `{"text": …, "separators": null | "reveal" | {"slide": …, "vertical": …,
//! "notes": …}, "render": bool}`. Out: `{"by": …, "columns": [{"stack": bool,
//! "slides": [{"body": [start, end], "notes": [start, end] | null}]}], "html": …}`,
//! in bytes of the text, or `{"errors": [...]}`.

use std::io::{self, BufRead, Write};

use applgen::report::{Diagnostics, Level, SourceText};
use applgen::slides::{self, Column, Preset, Separators, SlideOptions};
use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?)?;
        writeln!(out, "{}", answer(&case))?;
    }
    out.flush()
}

fn answer(case: &Value) -> Value {
    let text = case["text"].as_str().unwrap_or_default();
    let source = SourceText::new("deck.md", text);
    let options = SlideOptions {
        separators: separators(&case["separators"]),
        ..SlideOptions::default()
    };
    let mut diagnostics = Diagnostics::new();
    let Ok(outline) = slides::outline(&source, &options, &mut diagnostics) else {
        return errors(&diagnostics);
    };
    let slide = |slide: &slides::Slide| {
        json!({
            "body": [slide.body.start, slide.body.end],
            "notes": slide.notes.as_ref().map(|notes| [notes.start, notes.end]),
        })
    };
    let column = |column: &Column| {
        json!({
            "stack": matches!(column, Column::Stack(_)),
            "slides": column.slides().iter().map(slide).collect::<Vec<_>>(),
        })
    };
    let mut answer = json!({
        "by": outline.separators.to_string(),
        "columns": outline.columns.iter().map(column).collect::<Vec<_>>(),
    });
    if case["render"].as_bool() == Some(true) {
        match slides::render(&source, &options, &mut diagnostics) {
            Ok(deck) => answer["html"] = deck.sections.into(),
            Err(_) => return errors(&diagnostics),
        }
    }
    answer
}

fn separators(value: &Value) -> Option<Separators> {
    if let Some(name) = value.as_str() {
        return Preset::from_name(name).map(Preset::separators);
    }
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    Some(Separators {
        slide: text("slide")?,
        vertical: text("vertical"),
        notes: text("notes").unwrap_or_else(|| Separators::reveal().notes),
    })
}

fn errors(diagnostics: &Diagnostics) -> Value {
    let errors = diagnostics.iter().filter(|d| d.level == Level::Error);
    json!({ "errors": errors.map(|d| d.render(false)).collect::<Vec<_>>() })
}
