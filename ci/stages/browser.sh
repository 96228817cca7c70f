#!/usr/bin/env bash
# Decks in a real browser: headless Chromium, from Debian's package.
. "$(dirname "$0")/../lib.sh"
need node=nodejs npm chromium
build_applgen

"$APPLGEN" build sites/tour -o "$TMP/tour.unix" >/dev/null
timeout 400 ci/browser/run "$TMP/tour.unix"
# Decks that are made to overflow: a sweep of many minutes, on request.
if [[ ${HOSTILE:-} == 1 ]]; then
    ci/browser/run --hostile --applgen "$APPLGEN"
else
    say "NOT CHECKED: hostile decks; HOSTILE=1 ci/test browser shows them too"
fi
if have_fixture oscon14; then
    fixture=$FIXTURES/oscon14
    "$APPLGEN" build "$fixture" -o "$TMP/oscon14.unix" >/dev/null 2>&1
    # Its pictures have no `alt`, which only its authors can mend.
    timeout 400 ci/browser/run --slides 29 --missing decks-on-arm.jpg --allow image-alt "$TMP/oscon14.unix"
fi
