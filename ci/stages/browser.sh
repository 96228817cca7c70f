#!/usr/bin/env bash
# Decks in a real browser: headless Chromium, from Debian's package.
. "$(dirname "$0")/../lib.sh"
need node=nodejs npm chromium
[[ -x ci/browser/run ]] || fail "ci/browser/run is missing"
build_applgen
export APPLGEN FIXTURES
ci/browser/run
