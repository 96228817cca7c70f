#!/usr/bin/env bash
# Authoritative DNS beside the servers that are trusted with it.
#
# - Zone text: a record of every type is read as BIND, NSD and Knot read it, each of
#   what it knows (ci/dns/wire.py for the latter two); what NSD and Knot both refuse is
#   refused, with a place and a hint.
# - Answers: random zones, questions near their names, ours against NSD and Knot
#   (see generator/examples/dns_compare), signed and not. `SWEEP=1` asks far more.
# - Odd queries: every opcode, signatures, transfers, classes, options (ci/dns/odd.py).
# - Clients: kdig over UDP and TCP, pipelined queries, a client that never ends.
. "$(dirname "$0")/../lib.sh"
need nsd knotd=knot kdig=knot-dnsutils kzonecheck=knot-dnssecutils \
    named-compilezone=bind9-utils dnssec-signzone=bind9-utils named-checkzone=bind9-utils python3 cc=gcc
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

python3 ci/dns/wire.py "$examples/zone_compare" ci/dns/types.zone "$TMP/wire"

python3 ci/dns/verdicts.py "$APPLGEN" "$TMP/text"

# ── Answers ──
seed=${SEED:-7} zones=60 queries=24000
[[ -z ${SWEEP:-} ]] || seed=${SEED:-$RANDOM} zones=600 queries=2000000
say "seed $seed"
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
# beside_others FOLDER ask|signed SEED ZONES QUERIES : the zones of a folder (see
# `dns_compare zones`) served by us, NSD and Knot, and their answers compared.
beside_others() {
    local folder=$1 mode=$2 seed=$3 zones=$4 queries=$5 nsd_port knot_port started=()
    "$APPLGEN" build "$folder/site" -o "$folder/image.unix" 2>"$TMP/err" ||
        { cat "$TMP/err" >&2; fail "the random zones do not build"; }
    free_port; nsd_port=$port
    cat >"$folder/nsd.conf" <<END
server:
    ip-address: 127.0.0.1
    port: $nsd_port
    server-count: 1
    username: ""
    zonesdir: "$folder"
    zonelistfile: "$folder/zone.list"
    database: ""
    pidfile: "$folder/nsd.pid"
    xfrdfile: "$folder/xfrd.state"
    xfrdir: "$folder"
    rrl-ratelimit: 0
    minimal-responses: yes
    refuse-any: no
remote-control:
    control-enable: no
END
    cat "$folder/nsd.zones" >>"$folder/nsd.conf"
    free_port; knot_port=$port
    cat >"$folder/knot.conf" <<END
server:
    rundir: $folder/run
    listen: 127.0.0.1@$knot_port
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: $folder/db
log:
  - target: stderr
    any: error
END
    cat "$folder/knot.zones" >>"$folder/knot.conf"
    background "$folder/nsd.log" nsd -d -c "$folder/nsd.conf"
    started+=("$background_pid")
    background "$folder/knot.log" knotd -c "$folder/knot.conf"
    started+=("$background_pid")
    serve_dns "$folder/image.unix" threads=1
    for wanted in "$nsd_port" "$knot_port"; do
        for _ in $(seq 250); do
            kdig +short +timeout=1 +retry=0 @127.0.0.1 -p "$wanted" z0.test SOA 2>/dev/null | grep -q . && break
            sleep 0.1
        done
    done
    "$examples/dns_compare" "$mode" "$seed" "$zones" "$queries" "$port" "$nsd_port" "$knot_port" ||
        { cat "$folder/nsd.log" "$folder/knot.log" | head -n 20 >&2; fail "ours differs from NSD and Knot (seed $seed)"; }
    [[ $mode != ask ]] || python3 ci/dns/odd.py "$port" "$nsd_port" "$knot_port"
    stop "$background_pid"
    local pid
    for pid in "${started[@]}"; do
        kill "$pid" && wait "$pid" || true
    done
}

# random_zones FOLDER SEED ZONES
random_zones() {
    "$examples/dns_compare" zones "$2" "$3" "$1"
    mkdir -p "$1/site" "$1/run" "$1/db"
    mv "$1/zones" "$1/site/zones"
    sed -i "s|$1/zones|$1/site/zones|" "$1/"*.zones
}

random_zones "$TMP/random" "$seed" "$zones"
beside_others "$TMP/random" ask "$seed" "$zones" "$queries"

# The same of zones that BIND signs: with NSEC, with NSEC3, and with NSEC3, a
# salt, iterations and opted-out delegations. What it does not sign stays as it is.
zones=30 queries=6000
[[ -z ${SWEEP:-} ]] || zones=300 queries=500000
random_zones "$TMP/signed" "$seed" "$zones"
mkdir "$TMP/signed/keys"
signed=0 number=0
for file in "$TMP/signed/site/zones/"*.zone; do
    zone=$(basename "$file" .zone)
    number=$((number + 1))
    denial=()
    ((number % 3 != 1)) || denial=(-3 -)
    ((number % 3 != 2)) || denial=(-3 aabb -H 3 -A)
    dnssec-keygen -q -K "$TMP/signed/keys" -a ED25519 -f KSK "$zone" >/dev/null
    if dnssec-signzone -q -S -z -P -K "$TMP/signed/keys" -d "$TMP/signed/keys" -o "$zone" \
        "${denial[@]}" -f "$file.signed" "$file" >"$TMP/signer" 2>&1; then
        mv "$file.signed" "$file"
        signed=$((signed + 1))
    fi
done
say "$signed of $zones zones signed"
((signed * 2 > zones)) || { cat "$TMP/signer" >&2; fail "most zones are not signed"; }
beside_others "$TMP/signed" signed "$seed" "$zones" "$queries"

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
