#!/usr/bin/env bash
# Whole sites through the real binary: those in sites/, the scaffolds, and the
# deck of the talk that this project comes from.
. "$(dirname "$0")/../lib.sh"
need cc=gcc git python3
build_applgen

# told FILE PATTERN : the pattern is in the file, or the stage fails with it.
told() {
    grep -qE -- "$2" "$1" && return
    cat "$1"
    fail "nothing fits /$2/"
}

for site in sites/*/; do
    site=${site%/}
    "$APPLGEN" check "$site" 2>"$TMP/err" || { cat "$TMP/err"; fail "\`applgen check $site\` finds something"; }
    told "$TMP/err" 'nothing to mend'
    "$APPLGEN" build "$site" -o "$TMP/${site##*/}.unix" >"$TMP/out" 2>"$TMP/err"
    say "$site: $(tail -n 2 "$TMP/err" | tr '\n' ' ')"
done
# Nothing that a site's directory holds and may be served is missing from its image.
while read -r file; do
    "$APPLGEN" inspect --json "$TMP/files.unix" >"$TMP/files.json"
    python3 - "$TMP/files.json" "/$file" <<'PY' || fail "sites/files/$file is not in the image"
import json, sys
paths = {p["path"] for p in json.load(open(sys.argv[1]))["paths"]}
sys.exit(sys.argv[2] not in paths)
PY
done < <(cd sites/files && find . -type f ! -path './applgen.toml' -printf '%P\n')

if have_fixture oscon14; then
    fixture=$FIXTURES/oscon14
    "$APPLGEN" build "$fixture" -o "$TMP/oscon14.unix" >"$TMP/out" 2>"$TMP/err"
    told "$TMP/err" '29 slides in 5 columns, separators mirage \(inferred\)'
    told "$TMP/err" 'content.md:41:13'
    status=0
    "$APPLGEN" check "$fixture" 2>"$TMP/err" || status=$?
    ((status == 1)) || fail "\`check\` of a deck with a broken reference ended with $status"
    told "$TMP/err" '`decks-on-arm.jpg` leads to nothing in the site'
    told "$TMP/err" 'did you mean `decks-on-arm.png`'
    say "fixture: 29 slides in 5 columns, one broken reference told"
fi
