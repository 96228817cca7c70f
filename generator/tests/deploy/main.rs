//! Push to deploy, through the real binary and real git repositories. Each test
//! is named for the rule that it holds.

#[path = "../common/ran.rs"]
mod ran;

mod bad_input;
mod faults;
mod operate;
mod races;
mod signatures;
mod support;
