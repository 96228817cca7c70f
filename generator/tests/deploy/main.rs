//! Push to deploy, through the real binary and real git repositories. Each test
//! is named for the rule that it holds.

#[path = "../common/ran.rs"]
mod ran;

mod bad_input;
mod console;
mod faults;
mod operate;
mod prune;
mod races;
mod signatures;
mod support;
