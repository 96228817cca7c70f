#!/usr/bin/env bash
# rustfmt has nothing to change.
. "$(dirname "$0")/../lib.sh"
cargo fmt --all --check
