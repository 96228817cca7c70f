#!/usr/bin/env bash
# Decks in a real browser: headless Chromium, from Debian's package.
. "$(dirname "$0")/../lib.sh"
need node=nodejs npm chromium
build_applgen

"$APPLGEN" build sites/tour -o "$TMP/tour.unix" >/dev/null
timeout 400 ci/browser/run "$TMP/tour.unix"
timeout 400 ci/browser/run --hostile --applgen "$APPLGEN"
if have_fixture oscon14; then
    fixture=$FIXTURES/oscon14
    "$APPLGEN" build "$fixture" -o "$TMP/oscon14.unix" >/dev/null 2>&1
    # Its pictures have no `alt`, which only its authors can mend.
    timeout 400 ci/browser/run --slides 29 --missing decks-on-arm.jpg --allow image-alt "$TMP/oscon14.unix"
fi
