//! The generator: everything between a site directory and an image.
//!
//! The modules stand in the order of the data: [`site`] is loaded, its decks
//! are rendered by [`slides`], what they produce is compressed and laid out in
//! a bundle, and the bundle is attached to a kernel. [`report`] is how each of
//! them speaks to people.
#![forbid(unsafe_code)]

pub mod image;
pub mod report;
pub mod slides;
