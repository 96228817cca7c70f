//! Decks: Markdown to finished HTML at build time.
