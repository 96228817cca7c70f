#!/usr/bin/env bash
# Websites in Zola's layout: a golden site for each feature through the real
# binary, the properties of slugs, pagination and shortcodes, and the scaffold.
. "$(dirname "$0")/../lib.sh"
need cc=gcc git
cargo test --locked -p applgen --lib pages::
cargo test --locked -p applgen --test golden websites::
