#!/usr/bin/env bash
# Slide splitting, held against reveal.js's own plugin under node.
. "$(dirname "$0")/../lib.sh"
need node=nodejs npm
[[ -x ci/reveal/run ]] || fail "ci/reveal/run is missing"
ci/reveal/run
