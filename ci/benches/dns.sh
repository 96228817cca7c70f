#!/usr/bin/env bash
# Queries per second of a `--unix` image beside NSD and Knot: loopback, one worker
# each, one zone of 10,000 names, names that are there and names that are not.
. "$(dirname "$0")/../lib.sh"
need dnsperf nsd knotd=knot python3 taskset=util-linux
build_applgen

rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-4}
on_server=() on_client=()
if (($(nproc) > 1)); then
    on_server=(taskset --cpu-list 0) on_client=(taskset --cpu-list 1)
fi

mkdir -p "$TMP/zones" "$TMP/run" "$TMP/db"
python3 - "$TMP" <<'PY'
import random, sys
random.seed(1)
folder = sys.argv[1]
def zone(path, count):
    with open(path, "w") as out:
        out.write("$TTL 300\n@ SOA ns1 host 1 3600 600 86400 300\n@ NS ns1\nns1 A 192.0.2.53\n")
        for number in range(count):
            out.write(f"host-{number} A 192.0.{number // 250 % 250}.{number % 250}\n")
zone(f"{folder}/zones/example.org.zone", 10_000)
zone(f"{folder}/example.net.zone", 100_000)
with open(f"{folder}/there", "w") as out:
    for _ in range(50_000):
        out.write(f"host-{random.randrange(10_000)}.example.org A\n")
with open(f"{folder}/missing", "w") as out:
    for _ in range(50_000):
        out.write(f"none-{random.randrange(1_000_000)}.example.org A\n")
PY
"$APPLGEN" build "$TMP/zones/example.org.zone" -o "$TMP/bench.unix" 2>"$TMP/err"
"$APPLGEN" inspect "$TMP/bench.unix" | head -n 1
text=$(stat -c %s "$TMP/zones/example.org.zone")
say "zone text: $((text / 10004)) bytes a record"
started=$EPOCHREALTIME
"$APPLGEN" build "$TMP/example.net.zone" -o "$TMP/large.unix" 2>"$TMP/err"
say "a zone of 100,000 records builds in $(((${EPOCHREALTIME/[.,]/} - ${started/[.,]/}) / 1000)) ms"
python3 - "$APPLGEN" "$TMP/example.net.zone" "$TMP/large.unix" <<'PY'
import resource, subprocess, sys
subprocess.run([sys.argv[1], "build", sys.argv[2], "-o", sys.argv[3]], check=True, capture_output=True)
print(f"and takes {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000} MB")
PY

free_port; ours=$port
background "$TMP/ours.log" "${on_server[@]}" "$TMP/bench.unix" "dns=127.0.0.1:$ours" threads=1
free_port; nsd=$port
cat >"$TMP/nsd.conf" <<END
server:
    ip-address: 127.0.0.1
    port: $nsd
    server-count: 1
    username: ""
    zonesdir: "$TMP"
    zonelistfile: "$TMP/zone.list"
    database: ""
    pidfile: "$TMP/nsd.pid"
    xfrdfile: "$TMP/xfrd.state"
    xfrdir: "$TMP"
    rrl-ratelimit: 0
    minimal-responses: yes
remote-control:
    control-enable: no
zone:
    name: "example.org"
    zonefile: "$TMP/zones/example.org.zone"
END
free_port; knot=$port
cat >"$TMP/knot.conf" <<END
server:
    rundir: $TMP/run
    listen: 127.0.0.1@$knot
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: $TMP/db
zone:
  - domain: example.org
    file: $TMP/zones/example.org.zone
    journal-content: none
END
background "$TMP/nsd.log" "${on_server[@]}" nsd -d -c "$TMP/nsd.conf"
background "$TMP/knot.log" "${on_server[@]}" knotd -c "$TMP/knot.conf"
sleep 3

measure() {
    "${on_client[@]}" dnsperf -s 127.0.0.1 -p "$1" -d "$TMP/$2" -l "$seconds" -c 4 -q 200 2>/dev/null |
        awk '/Queries per second/ { print int($4) }'
}
for mix in there missing; do
    for round in $(seq "$rounds"); do
        for server in ours nsd knot; do
            say "$mix, round $round: $server $(measure "${!server}" "$mix") queries/s"
        done
    done
done
