#!/usr/bin/env bash
# DNS: the time of a lookup; bytes, time and memory of a zone of 100,000 records;
# queries per second of a `--unix` image beside NSD and Knot on loopback, and of a
# `--tap` image beside them on the same kind of link.
#
# One worker each, on a core of its own, one zone of 10,000 names, dnsperf on the
# other core, names that are there and names that are not. The three take turns,
# and on loopback with them the floor: a server that looks nothing up
# (appliance/unix/examples/floor.rs). Of each the median is told, and what ours is
# to it, by rate and by processor time. `ROUNDS`, `SECONDS_EACH`.
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
    pid_of[nsd]=$background_pid
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
    pid_of[knot]=$background_pid
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

# The processes of the servers, by name.
declare -A pid_of

# ticks PID : processor time of a process and its descendants so far, in ticks of
# 10 ms.
ticks() {
    local family=("$1") at pid total=0
    for ((at = 0; at < ${#family[@]}; at++)); do
        mapfile -t -O "${#family[@]}" family < <(pgrep -P "${family[at]}" || true)
    done
    for pid in "${family[@]}"; do
        total=$((total + $(sed 's/.*) //' "/proc/$pid/stat" | awk '{ print $12 + $13 }')))
    done
    echo "$total"
}

# compare WHERE NAME=ADDRESS#PORT… : the mixes, in turns. Where the client is busier
# than the server, the server's processor time tells more than the rate.
compare() {
    local where=$1 mix round server name target told before
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
                before=$(ticks "${pid_of[$name]}")
                told=$("${on_client[@]}" dnsperf -s "${target%#*}" -p "${target#*#}" -d "$made/$mix" \
                    -l "$seconds" -c 4 -q 200 2>/dev/null |
                    awk '/Queries completed/ { all = $3 } /Queries per second/ { print int($4), all }')
                echo "$told $(($(ticks "${pid_of[$name]}") - before))" >>"$TMP/rates.$name"
            done
        done
        python3 - "$TMP" "$where, names that are $mix" "${@%%=*}" <<'PY'
import statistics, sys
folder, what, *names = sys.argv[1:]
# Queries a second, and microseconds of processor time a query.
runs = {}
for name in names:
    lines = [[int(word) for word in line.split()] for line in open(f"{folder}/rates.{name}")]
    runs[name] = [(rate, ticks * 10_000 / done) for rate, done, ticks in lines]
ours = runs[names[0]]
for name in names:
    rate, cost = (statistics.median(column) for column in zip(*runs[name]))
    faster = statistics.median(a[0] / b[0] for a, b in zip(ours, runs[name]))
    cheaper = statistics.median(b[1] / a[1] for a, b in zip(ours, runs[name]))
    print(f"{what}: {name} {rate:.0f} queries/s, {cost:.2f} µs of processor each; "
          f"ours is {faster:.2f} times that, by processor time {cheaper:.2f}, turn by turn")
if "floor" in runs:
    # What is left where nothing is looked up: more than that cannot be had with sockets.
    rounds = list(zip(*(runs[name] for name in ("floor", "nsd", "knot"))))
    rate = statistics.median(a[0] / max(b[0], c[0]) for a, b, c in rounds)
    cost = statistics.median(min(b[1], c[1]) / a[1] for a, b, c in rounds)
    mine = statistics.median(a[1] - b[1] for a, b in zip(ours, runs["floor"]))
    print(f"{what}: UDP alone is {rate:.2f} times the faster of NSD and Knot, by processor time "
          f"{cost:.2f}; ours is {mine:.2f} µs above it")
PY
    done
}

if [[ ${1:-} == inside ]]; then
    made=$2
    ip link set lo up
    make_tap tap0 addressed
    background "$TMP/ours.log" "${on_server[@]}" "$made/bench.tap" tap=tap0 "ip=$IMAGE4/24"
    pid_of[ours]=$background_pid
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
    nsenter=util-linux ip=iproute2 sysctl=procps pgrep=procps
build_applgen
cargo build --quiet --release --locked --package applgen-unix --example floor

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
# Nobody's answers are limited: the one client asks for more than any network may.
printf '[dns]\nrate-limit = 0\n' >"$TMP/zones/applgen.toml"
for target in unix tap; do
    "$APPLGEN" build "$TMP/zones/example.org.zone" "--$target" -o "$TMP/bench.$target" 2>"$TMP/err" ||
        { cat "$TMP/err" >&2; exit 1; }
done
text=$(stat -c %s "$TMP/zones/example.org.zone")
bundle=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["bundle"]["bytes"])' "$TMP/bench.unix.json")
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
pid_of[ours]=$background_pid
free_port; nsd=$port
start_nsd 127.0.0.1 "$nsd"
free_port; knot=$port
start_knot 127.0.0.1 "$knot"
free_port; floor=$port
background "$TMP/floor.log" "${on_server[@]}" "$(dirname "$APPLGEN")/examples/floor" "127.0.0.1:$floor"
pid_of[floor]=$background_pid
compare loopback "ours=127.0.0.1#$ours" "nsd=127.0.0.1#$nsd" "knot=127.0.0.1#$knot" "floor=127.0.0.1#$floor"
chmod -R a+rX "$TMP"
in_namespace "$0" inside "$TMP"
