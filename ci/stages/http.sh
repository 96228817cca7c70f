#!/usr/bin/env bash
# HTTP as users and attackers expect it: tables of raw requests and exact
# answers, real clients, REDbot and httplint, the process as operators run it,
# and attacks beside a probe.
#
# What asks over the network takes an address: the same tables run against any
# server that serves ci/http/site (ci/http/tables.py HOST:PORT TABLE...).
. "$(dirname "$0")/../lib.sh"
need curl wget python3 chromium wrk ps=procps
# wrk looks names of protocols up.
[[ -e /etc/protocols ]] || install_packages netbase
build_applgen

# python_packages NAME... : from PyPI, in a folder that is kept between runs.
python_packages() {
    local folder=$CI_CACHE/python
    [[ -x $folder/bin/pip ]] || python3 -m venv "$folder" || {
        install_packages python3-venv
        python3 -m venv "$folder"
    }
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >"$TMP/pip" 2>&1 ||
        { tail -n 5 "$TMP/pip" >&2; fail "pip could not install $*"; }
    PATH=$folder/bin:$PATH
}

# A copy that is in no repository has no dates of commits.
cp -r ci/http/site "$TMP/site"
printf 'odd name' >"$TMP/site/a b ä.txt" # no name for a repository
IMAGE=$TMP/site.unix
"$APPLGEN" check "$TMP/site"
"$APPLGEN" build "$TMP/site" -o "$IMAGE"

serve "$IMAGE"
python3 ci/http/tables.py "127.0.0.1:$port" ci/http/tables/*.txt
python3 ci/http/clients.py "127.0.0.1:$port"
APPLGEN=$APPLGEN bash ci/http/guests.sh "$TMP/site"

wget --quiet --tries=1 --recursive --level=2 --no-host-directories \
    --directory-prefix="$TMP/wget" "$url/" || fail "wget failed"
same_bytes "$TMP/site/index.html" "$TMP/wget/index.html" "wget /"
head -c 4 "$TMP/site/plain.txt" >"$TMP/wget/plain.txt"
(cd "$TMP/wget" && wget --quiet --tries=1 --continue "$url/plain.txt") || fail "wget --continue failed"
same_bytes "$TMP/site/plain.txt" "$TMP/wget/plain.txt" "wget --continue"
fetch /plain.txt ranges --range 0-1,8-9
grep -aq '^Content-Range: bytes 8-9/10' "$TMP/ranges.body" || fail "curl got no second range"
fetch /old/x/../sub followed --location --compressed
expect "curl, redirected" "$(status_of followed)" 301
say "curl and wget"

# The policy lets a page's own scripts run, and no other.
dump() {
    timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage \
        --user-data-dir="$TMP/chromium" --virtual-time-budget=3000 --dump-dom "$1" 2>"$TMP/chromium.log"
}
dump "$url/" >"$TMP/dom" || { tail -n 5 "$TMP/chromium.log" >&2; fail "chromium failed"; }
grep -q '<title>the script of the page ran</title>' "$TMP/dom" || fail "the inline script was stopped"
grep -q 'data-file="ran"' "$TMP/dom" || fail "the script file was stopped"
stop "$background_pid"
policy=$(curl --silent --max-time 5 "$url" || true)
[[ -z $policy ]] || fail "the server answers after its end"
# The same page with another script in it, under the policy of the first.
mkdir "$TMP/other"
printf '<script>document.title = "foreign";</script>' | cat "$TMP/site/index.html" - >"$TMP/other/index.html"
cp -r "$TMP/site/assets" "$TMP/other"
serve "$IMAGE"
fetch / policy --head
stop "$background_pid"
printf '[http.headers]\n"/" = { "Content-Security-Policy" = "%s" }\n' \
    "$(header_of policy Content-Security-Policy)" >"$TMP/other/applgen.toml"
"$APPLGEN" build "$TMP/other" -o "$TMP/other.unix"
serve "$TMP/other.unix"
dump "$url/" >"$TMP/dom" || fail "chromium failed"
grep -q '<title>the script of the page ran</title>' "$TMP/dom" || fail "a foreign script ran"
stop "$background_pid"
say "chromium: the page's scripts run, a foreign one does not"

. ci/http/operations.sh

# REDbot asks for a hundred bytes of a file, so that files are made longer.
cp -r "$TMP/site" "$TMP/long"
find "$TMP/long" -name '*.html' -exec sh -c 'printf "<!-- %400s -->\n" "" >>"$1"' sh {} \;
printf '/* %400s */\n' '' >>"$TMP/long/assets/app.3f9a1c2b.js"
for name in plain 'a b ä'; do head -c 400 /dev/zero | tr '\0' x >>"$TMP/long/$name.txt"; done
printf '{"a": "%400s"}\n' '' >"$TMP/long/data.json"
"$APPLGEN" build "$TMP/long" -o "$TMP/long.unix"
python_packages redbot==2.7.1 httplint==2026.10.4
serve "$TMP/long.unix"
python3 ci/http/lint.py "$url"
stop "$background_pid"

# Attacks. The probe's bound is generous: other stages may be running.
ulimit -n "$(ulimit -Hn)"
idle=10000
(($(ulimit -n) > idle + 200)) || fail "10,000 connections need as many files: raise ulimit -Hn"
serve "$IMAGE"
python3 ci/http/attack.py "127.0.0.1:$port" --idle $idle --seconds "${ATTACK_SECONDS:-3}" --pid "$background_pid"
stop "$background_pid"
