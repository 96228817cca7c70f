//! The generator: everything between a site directory and an image.
//!
//! The modules stand in the order of the data: [`site`] is loaded, its decks
//! are rendered by [`slides`] and its [`zones`] read, what they produce is collected in an
//! [`output`], compressed by [`assets`] and laid out in a bundle, and the
//! bundle is attached to a kernel by [`image`]. [`commands`] is the command
//! line over all of it, and [`report`] is how each part speaks to people.
#![forbid(unsafe_code)]
// The documentation is for those who work on it, and is built with private items.
#![allow(rustdoc::private_intra_doc_links)]

pub mod assets;
pub mod cli;
pub mod commands;
pub mod deploy;
pub mod failure;
mod git;
pub mod image;
pub mod links;
pub mod output;
pub mod pages;
pub mod progress;
pub mod render;
pub mod report;
pub mod rules;
pub mod serve;
pub mod site;
pub mod slides;
mod templates;
mod yaml;
pub mod zones;
