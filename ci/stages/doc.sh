#!/usr/bin/env bash
# The documentation builds without a warning, private items included.
. "$(dirname "$0")/../lib.sh"
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --document-private-items
