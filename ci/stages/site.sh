#!/usr/bin/env bash
# Websites in Zola's layout: a golden site for each feature through the real
# binary, the properties of slugs, pagination and shortcodes, the scaffold, the search; `serve`,
# with random edits that equal clean builds; and whether the manual is complete.
. "$(dirname "$0")/../lib.sh"
need cc=gcc git node=nodejs npm
cargo test --locked -p applgen --lib -- pages:: serve:: serve_edits::
cargo test --locked -p applgen --test golden -- websites:: zola:: serve:: manual::
ci/site/search/run
