#!/usr/bin/env bash
# Unit and property tests of every crate; the result lines are cargo's own.
. "$(dirname "$0")/../lib.sh"
need cc=gcc git
cargo test --workspace --locked --no-fail-fast
