#!/usr/bin/env bash
# Authoritative DNS beside the servers that are trusted with it.
#
# - Zone text: a record of every type is read as BIND reads it; what NSD and Knot
#   both refuse is refused, with a place and a hint.
# - Answers: random zones, questions near their names, ours against NSD and Knot
#   (see generator/examples/dns_compare). `SWEEP=1` asks far more of far more.
# - Clients: kdig over UDP and TCP, pipelined queries, a client that never ends.
. "$(dirname "$0")/../lib.sh"
need nsd knotd=knot kdig=knot-dnsutils kzonecheck=knot-dnssecutils \
    named-compilezone=bind9-utils named-checkzone=bind9-utils python3 cc=gcc
build_applgen
cargo build --quiet --locked --package applgen --example dns_compare --example zone_compare
examples=$(cargo metadata --format-version 1 --no-deps --offline |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/debug/examples

# ── Zone text ──
mkdir "$TMP/text"
cp ci/dns/types.zone "$TMP/text/example.org.zone"
cp ci/dns/included.inc "$TMP/text"
(cd "$TMP/text" && named-compilezone -i none -k ignore -F raw=0 -o raw example.org example.org.zone) \
    >"$TMP/bind" 2>&1 || { cat "$TMP/bind" >&2; fail "BIND does not read ci/dns/types.zone"; }
"$examples/zone_compare" "$TMP/text/example.org.zone" "$TMP/text/raw"

python3 ci/dns/verdicts.py "$APPLGEN" "$TMP/text"

# ── Answers ──
seed=${SEED:-$RANDOM} zones=60 queries=24000
[[ -z ${SWEEP:-} ]] || zones=600 queries=2000000
say "seed $seed"
"$examples/dns_compare" zones "$seed" "$zones" "$TMP/random"
mkdir -p "$TMP/random/site" "$TMP/random/run" "$TMP/random/db"
mv "$TMP/random/zones" "$TMP/random/site/zones"
sed -i "s|$TMP/random/zones|$TMP/random/site/zones|" "$TMP/random/"*.zones
"$APPLGEN" build "$TMP/random/site" -o "$TMP/random.unix" 2>"$TMP/err" ||
    { cat "$TMP/err" >&2; fail "the random zones do not build"; }

free_port; nsd_port=$port
cat >"$TMP/random/nsd.conf" <<END
server:
    ip-address: 127.0.0.1
    port: $nsd_port
    server-count: 1
    username: ""
    zonesdir: "$TMP/random"
    zonelistfile: "$TMP/random/zone.list"
    database: ""
    pidfile: "$TMP/random/nsd.pid"
    xfrdfile: "$TMP/random/xfrd.state"
    xfrdir: "$TMP/random"
    rrl-ratelimit: 0
    minimal-responses: yes
    refuse-any: no
remote-control:
    control-enable: no
END
cat "$TMP/random/nsd.zones" >>"$TMP/random/nsd.conf"
free_port; knot_port=$port
cat >"$TMP/random/knot.conf" <<END
server:
    rundir: $TMP/random/run
    listen: 127.0.0.1@$knot_port
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: $TMP/random/db
log:
  - target: stderr
    any: error
END
cat "$TMP/random/knot.zones" >>"$TMP/random/knot.conf"
background "$TMP/nsd.log" nsd -d -c "$TMP/random/nsd.conf"
background "$TMP/knot.log" knotd -c "$TMP/random/knot.conf"

# serve_dns IMAGE [WORD…] : on a free port; sets `port` and `background_pid`.
serve_dns() {
    local image=$1
    shift
    free_port
    background "$TMP/server-$port" "$image" "dns=127.0.0.1:$port" "$@"
    for _ in $(seq 500); do
        grep -q "^listening dns://127.0.0.1:$port\$" "$TMP/server-$port" && return
        kill -0 "$background_pid" 2>/dev/null || break
        sleep 0.02
    done
    cat "$TMP/server-$port" >&2
    fail "\`$image\` does not listen"
}
serve_dns "$TMP/random.unix"
for wanted in "$nsd_port" "$knot_port"; do
    for _ in $(seq 250); do
        kdig +short +timeout=1 +retry=0 @127.0.0.1 -p "$wanted" z0.test SOA 2>/dev/null | grep -q . && break
        sleep 0.1
    done
done
"$examples/dns_compare" ask "$seed" "$zones" "$queries" "$port" "$nsd_port" "$knot_port" ||
    { cat "$TMP/nsd.log" "$TMP/knot.log" | head -n 20 >&2; fail "ours differs from NSD and Knot (seed $seed)"; }
stop "$background_pid"

# ── Clients ──
"$APPLGEN" new dns "$TMP/first"
"$APPLGEN" build "$TMP/first/zones/example.org.zone" -o "$TMP/first.unix" 2>"$TMP/err"
serve_dns "$TMP/first.unix" cookie-secret=e5e973e5a6b2a43f48e7dc849e37bfcf
ask() { kdig +timeout=2 +retry=0 @127.0.0.1 -p "$port" "$@"; }
expect "A over UDP" "$(ask +short example.org A)" 192.0.2.1
expect "A over TCP" "$(ask +short +tcp example.org A)" 192.0.2.1
expect "a CNAME" "$(ask +short www.example.org AAAA | tr '\n' ' ')" "example.org. 2001:db8::1 "
expect "the version" "$(ask +short version.bind CH TXT)" '"applgen"'
ask +edns=1 example.org SOA | grep -q "ext-rcode: BADVERS" || fail "EDNS version 1 is not refused"
ask +cookie example.org A | grep -qi "COOKIE: [0-9a-f]\{48\}" || fail "there is no cookie"
python3 ci/dns/stream.py "$port"
stop "$background_pid"

# ── Bad input leaves the image as it was ──
echo broken >>"$TMP/first/zones/example.org.zone"
before=$(sha256sum "$TMP/first.unix")
status=0
"$APPLGEN" build "$TMP/first/zones/example.org.zone" -o "$TMP/first.unix" 2>"$TMP/err" || status=$?
expect "the exit code of a broken zone" "$status" 1
grep -q 'example.org.zone:[0-9]*:[0-9]*' "$TMP/err" || fail "the place of the mistake is not told"
expect "the image after a failed build" "$(sha256sum "$TMP/first.unix")" "$before"
