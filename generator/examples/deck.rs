//! Renders one deck to a page on standard output, and tells what it found.

use applgen::report::{Diagnostics, SourceText};
use applgen::slides::{PageContext, SlideOptions, page, render};

fn main() {
    let path = std::env::args().nth(1).expect("a deck's path");
    let text = std::fs::read_to_string(&path).expect("a readable deck");
    let source = SourceText::new(path, text);
    let mut diagnostics = Diagnostics::new();
    let started = std::time::Instant::now();
    let deck = render(&source, &SlideOptions::default(), &mut diagnostics);
    let took = started.elapsed();
    for diagnostic in diagnostics.iter() {
        eprintln!("{}\n", diagnostic.render(false));
    }
    let Ok(deck) = deck else {
        std::process::exit(1);
    };
    let html = page(
        &deck,
        &PageContext {
            lang: None,
            stem: "deck",
            url: None,
        },
    );
    println!("{html}");
    eprintln!(
        "{} columns, {} slides, {}; {} bytes in {took:?}",
        deck.columns,
        deck.slides,
        deck.separators,
        html.len()
    );
}
