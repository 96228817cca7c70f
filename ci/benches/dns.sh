#!/usr/bin/env bash
# DNS: the time of a lookup; bytes, time and memory of a zone of 100,000 records;
# queries per second of a `--unix` image beside NSD and Knot on loopback, and of a
# `--tap` image beside them on the same kind of link.
#
# One worker each, on a core of its own, one zone of 10,000 names, dnsperf on the
# other core, names that are there and names that are not. The three take turns;
# of each the median is told, and what it is to ours. `ROUNDS`, `SECONDS_EACH`.
. "$(dirname "$0")/../lib.sh"
. ci/tap/lib.sh

rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-4}
on_server=() on_client=()
if (($(nproc) > 1)); then
    on_server=(taskset --cpu-list 0) on_client=(taskset --cpu-list 1)
fi

# start_nsd ADDRESS PORT and start_knot ADDRESS PORT : through `enter`, which may
# lead into a namespace.
enter=()
start_nsd() {
    cat >"$TMP/nsd.conf" <<END
server:
    ip-address: $1
    port: $2
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
    zonefile: "$made/zones/example.org.zone"
END
    background "$TMP/nsd.log" "${enter[@]}" "${on_server[@]}" nsd -d -c "$TMP/nsd.conf"
}
start_knot() {
    mkdir -p "$TMP/run" "$TMP/db"
    cat >"$TMP/knot.conf" <<END
server:
    rundir: $TMP/run
    listen: $1@$2
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: $TMP/db
zone:
  - domain: example.org
    file: $made/zones/example.org.zone
    journal-content: none
    zonefile-sync: -1
END
    background "$TMP/knot.log" "${enter[@]}" "${on_server[@]}" knotd -c "$TMP/knot.conf"
}

# answers ADDRESS PORT : waits until a server answers.
answers() {
    for _ in $(seq 100); do
        kdig +short +timeout=1 +retry=0 "@$1" -p "$2" host-1.example.org A 2>/dev/null | grep -q . && return
        sleep 0.1
    done
    tail -n 5 "$TMP"/*.log >&2
    fail "nobody answers on $1 port $2"
}

# compare WHERE NAME=ADDRESS#PORT… : the mixes, in turns.
compare() {
    local where=$1 mix round server name target rate
    shift
    for server in "$@"; do
        target=${server#*=}
        answers "${target%#*}" "${target#*#}"
    done
    for mix in there missing; do
        rm -f "$TMP"/rates.*
        for ((round = 0; round < rounds; round++)); do
            for server in "$@"; do
                name=${server%%=*} target=${server#*=}
                rate=$("${on_client[@]}" dnsperf -s "${target%#*}" -p "${target#*#}" -d "$made/$mix" \
                    -l "$seconds" -c 4 -q 200 2>/dev/null | awk '/Queries per second/ { print int($4) }')
                echo "$rate" >>"$TMP/rates.$name"
            done
        done
        python3 - "$TMP" "$where, names that are $mix" "${@%%=*}" <<'PY'
import statistics, sys
folder, what, *names = sys.argv[1:]
rates = {name: [int(line) for line in open(f"{folder}/rates.{name}")] for name in names}
ours = rates[names[0]]
for name in names:
    middle = statistics.median(rates[name])
    turns = statistics.median(a / b for a, b in zip(ours, rates[name]))
    print(f"{what}: {name} {middle:.0f} queries/s; ours is {turns:.2f} times that, turn by turn")
PY
    done
}

if [[ ${1:-} == inside ]]; then
    made=$2
    ip link set lo up
    make_tap tap0 addressed
    background "$TMP/ours.log" "${on_server[@]}" "$made/bench.tap" tap=tap0 "ip=$IMAGE4/24"
    # The others at the end of a veth pair, so that their answers cross a link too.
    background "$TMP/holder" unshare --net sleep 100000
    holder=$background_pid
    sleep 0.2
    ip link add veth0 type veth peer name veth1 netns "$holder"
    ip address add 198.51.100.1/24 dev veth0
    ip link set veth0 up
    enter=(nsenter --net="/proc/$holder/ns/net")
    "${enter[@]}" ip address add 198.51.100.2/24 dev veth1
    "${enter[@]}" ip link set veth1 up
    start_nsd 198.51.100.2 53
    start_knot 198.51.100.2 5353
    compare "a link" "ours=$IMAGE4#53" "nsd=198.51.100.2#53" "knot=198.51.100.2#5353"
    exit
fi

need dnsperf nsd knotd=knot kdig=knot-dnsutils python3 taskset=util-linux unshare=util-linux \
    nsenter=util-linux ip=iproute2 sysctl=procps
build_applgen

# ── The lookup ──
cargo bench --quiet --locked --package applgen-dns --bench lookup 2>"$TMP/err" |
    awk '/^dns\// { name = $1 } /time:.*[0-9] (ns|µs)\]/ { sub(/.*\[/, ""); split($0, t, " "); print "a lookup, " name ": " t[3], t[4] }'

# ── Zones as bundles ──
made=$TMP
mkdir -p "$TMP/zones"
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
for target in unix tap; do
    "$APPLGEN" build "$TMP/zones/example.org.zone" "--$target" -o "$TMP/bench.$target" 2>"$TMP/err" ||
        { cat "$TMP/err" >&2; exit 1; }
done
text=$(stat -c %s "$TMP/zones/example.org.zone")
bundle=$("$APPLGEN" inspect --json "$TMP/bench.unix" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["sizes"]["bundle"])')
say "a record: $((text / 10003)) bytes of zone text, $((bundle / 10003)) bytes of bundle"
python3 - "$APPLGEN" "$TMP/example.net.zone" "$TMP/large.unix" <<'PY'
import resource, subprocess, sys, time
started = time.monotonic()
subprocess.run([sys.argv[1], "build", sys.argv[2], "-o", sys.argv[3]], check=True, capture_output=True)
seconds = time.monotonic() - started
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1000
print(f"a zone of 100,000 records: built in {seconds * 1000:.0f} ms, in {most} MB")
PY

# ── Queries ──
free_port; ours=$port
background "$TMP/ours.log" "${on_server[@]}" "$TMP/bench.unix" "dns=127.0.0.1:$ours" threads=1
free_port; nsd=$port
start_nsd 127.0.0.1 "$nsd"
free_port; knot=$port
start_knot 127.0.0.1 "$knot"
compare loopback "ours=127.0.0.1#$ours" "nsd=127.0.0.1#$nsd" "knot=127.0.0.1#$knot"
chmod -R a+rX "$TMP"
in_namespace "$0" inside "$TMP"
