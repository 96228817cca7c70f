//! Golden sites through the real binary: a directory of input, a command, and
//! what comes of it. Each test is named for the rule that it holds.

#[path = "../common/ran.rs"]
mod ran;

mod bad_input;
mod commands;
mod decks;
mod files;
mod guests;
mod manual;
mod rules;
mod serve;
mod support;
mod websites;
