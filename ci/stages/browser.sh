#!/usr/bin/env bash
# Decks in a real browser: headless Chromium, from Debian's package.
. "$(dirname "$0")/../lib.sh"
need node=nodejs npm chromium
build_applgen

"$APPLGEN" build sites/tour -o "$TMP/tour.unix" >/dev/null
timeout 400 ci/browser/run "$TMP/tour.unix"
# Every page of every example site, of the scaffolds and of the tables' site,
# under the policy that it is sent with.
images=()
for site in sites/*/ ci/http/site/; do
    name=$(tr / - <<<"${site%/}")
    "$APPLGEN" build "$site" -o "$TMP/$name.unix" >/dev/null 2>&1
    images+=("$TMP/$name.unix")
done
for kind in slides website files; do
    "$APPLGEN" new "$kind" "$TMP/new-$kind" >/dev/null
    "$APPLGEN" build "$TMP/new-$kind" -o "$TMP/$kind.unix" >/dev/null 2>&1
    images+=("$TMP/$kind.unix")
done
timeout 300 ci/browser/run --pages --applgen "$APPLGEN" "${images[@]}"
# Our theme: valid, accessible, in light and dark, on a telephone, without script.
timeout 400 ci/browser/run --website --serve --applgen "$APPLGEN" "$TMP/website.unix" "$TMP/sites-manual.unix"
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
