//! The kernel of `--unix` images: finds its bundle, reads its arguments, serves.
fn main() {}
