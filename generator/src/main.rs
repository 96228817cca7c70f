//! The `applgen` command: maps what happened to an exit code.
fn main() {}
