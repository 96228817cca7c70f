#!/usr/bin/env bash
# Clippy has nothing to say, in every target of every crate.
. "$(dirname "$0")/../lib.sh"
cargo clippy --workspace --all-targets --locked -- -D warnings
