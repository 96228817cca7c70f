#!/usr/bin/env bash
# `--tap` beside nginx on the same kind of link, in a network namespace: requests
# per second of 1 kB and 100 kB, bulk of 20 MB, in turns in one run; then memory
# and start time of fifty `--tap` processes.
#
# nginx has no TCP of its own: it is in a namespace on the other end of a veth
# pair, so that its answers cross a link as the image's do. One worker, kept-alive
# connections, no log.
. "$(dirname "$0")/../lib.sh"
. ci/tap/lib.sh

rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-4} connections=${CONNECTIONS:-64}
processes=${PROCESSES:-50}
on_server=() on_client=()
if (($(nproc) > 1)); then
    on_server=(taskset --cpu-list 0) on_client=(taskset --cpu-list 1)
fi

if [[ ${1:-} != inside ]]; then
    need wrk nginx netbase=netbase taskset=util-linux unshare=util-linux nsenter=util-linux \
        ip=iproute2 sysctl=procps curl
    build_applgen
    site=$TMP/site
    mkdir "$site"
    head -c 1000 /dev/urandom >"$site/1kB.bin"
    head -c 100000 /dev/urandom >"$site/100kB.bin"
    head -c 20000000 /dev/urandom >"$site/20MB.bin"
    "$APPLGEN" build "$site" --tap -o "$TMP/site.tap" 2>"$TMP/build" ||
        { cat "$TMP/build" >&2; exit 1; }
    # For memory: a site of one megabyte.
    mkdir "$TMP/small"
    head -c 1000000 /dev/urandom >"$TMP/small/1MB.bin"
    "$APPLGEN" build "$TMP/small" --tap -o "$TMP/small.tap" 2>"$TMP/build" ||
        { cat "$TMP/build" >&2; exit 1; }
    chmod -R a+rX "$TMP"
    in_namespace "$0" inside "$TMP"
    exit
fi

made=$2
ip link set lo up
make_tap tap0 addressed
background_command=("${on_server[@]}" "$made/site.tap")
tap_log=$TMP/tap
background "$tap_log" "${background_command[@]}" tap=tap0 "ip=$IMAGE4/24" "gw=$HOST4"
for _ in $(seq 500); do
    grep -q '^listening' "$tap_log" && break
    sleep 0.02
done
grep -q '^listening' "$tap_log" || { cat "$tap_log" >&2; fail "the image does not listen"; }

# nginx, in a namespace of its own at the end of a veth pair.
background "$TMP/holder" unshare --net sleep 100000
holder=$background_pid
sleep 0.2
ip link add veth0 type veth peer name veth1 netns "$holder"
ip address add 198.51.100.1/24 dev veth0
ip link set veth0 up
there=(nsenter --net="/proc/$holder/ns/net")
"${there[@]}" ip address add 198.51.100.2/24 dev veth1
"${there[@]}" ip link set veth1 up
mkdir "$TMP/nginx"
cat >"$TMP/nginx/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $TMP/nginx/pid;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    open_file_cache max=100 inactive=600s;
    open_file_cache_valid 600s;
    keepalive_requests 1000000000;
    client_body_temp_path $TMP/nginx/body;
    proxy_temp_path $TMP/nginx/proxy;
    fastcgi_temp_path $TMP/nginx/fastcgi;
    uwsgi_temp_path $TMP/nginx/uwsgi;
    scgi_temp_path $TMP/nginx/scgi;
    server {
        listen 198.51.100.2:80;
        root $made/site;
    }
}
END
chmod -R a+rX "$TMP"
background "$TMP/nginx.log" "${there[@]}" "${on_server[@]}" \
    nginx -p "$TMP/nginx" -c "$TMP/nginx/nginx.conf" -e "$TMP/nginx/error.log"
for _ in $(seq 250); do
    curl --silent --output /dev/null "http://198.51.100.2/1kB.bin" && break
    sleep 0.02
done

declare -A urls=([tap]="http://$IMAGE4" [nginx]="http://198.51.100.2")

# measure SERVER FILE : one run of wrk; appends requests/s and the median latency.
measure() {
    local label=$1-$2
    "${on_client[@]}" wrk --threads 1 --connections "$connections" --duration "${seconds}s" \
        --latency "${urls[$1]}/$2.bin" >"$TMP/wrk"
    grep -E 'Socket errors|Non-2xx' "$TMP/wrk" && fail "$label did not answer every request"
    awk -v label="$label" -v to="$TMP/figures" '
        function us(text) { return text ~ /us$/ ? text + 0 : text ~ /ms$/ ? text * 1e3 : text * 1e6 }
        $1 == "50%" { p50 = us($2) }
        $1 == "Requests/sec:" { rate = $2 }
        END { if (rate == "") exit 1; print label, rate, p50 >>to }' "$TMP/wrk" ||
        fail "wrk printed no figures"
}
# bulk SERVER : one download; appends MB/s.
bulk() {
    local speed
    speed=$("${on_client[@]}" curl --silent --show-error --max-time 60 --output /dev/null \
        --write-out '%{speed_download}' "${urls[$1]}/20MB.bin")
    awk -v label="$1-20MB" -v speed="$speed" 'BEGIN { print label, speed / 1e6, 0 }' >>"$TMP/figures"
}
# median LABEL COLUMN : of all rounds.
median() {
    awk -v label="$1" -v column="$2" '$1 == label { print $column }' "$TMP/figures" |
        sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}
ratio() {
    awk -v what="$1" -v ours="$(median "tap-$1" 2)" -v theirs="$(median "nginx-$1" 2)" \
        'BEGIN { printf "%-32s %9.2f × nginx\n", what ", tap to nginx", ours / theirs }'
}

say "wrk, 1 thread, $connections connections, $rounds rounds of $seconds s in turns, medians"
for size in 1kB 100kB; do
    for _ in $(seq "$rounds"); do
        measure tap "$size"
        measure nginx "$size"
    done
    for server in tap nginx; do
        printf '%-32s %9.0f requests/s   median latency %6.0f µs\n' "$size, $server" \
            "$(median "$server-$size" 2)" "$(median "$server-$size" 3)"
    done
    ratio "$size"
done
for _ in $(seq "$rounds"); do
    bulk tap
    bulk nginx
done
for server in tap nginx; do
    printf '%-32s %9.0f MB/s\n' "20 MB, $server" "$(median "$server-20MB" 2)"
done
ratio 20MB

# Density: so many processes, each with a device and an address of its own.
for number in $(seq "$processes"); do
    make_tap "many$number"
done
started=$EPOCHREALTIME
many=()
for number in $(seq "$processes"); do
    background "$TMP/many-$number" "$made/small.tap" "tap=many$number" "ip=10.0.$number.2/24"
    many+=("$background_pid")
done
for number in $(seq "$processes"); do
    for _ in $(seq 500); do
        grep -q '^listening' "$TMP/many-$number" && continue 2
        sleep 0.01
    done
    fail "process $number does not listen"
done
took=$(((${EPOCHREALTIME/[.,]/} - ${started/[.,]/}) / 1000))
for pid in "${many[@]}"; do
    awk '/^Pss:/ { pss = $2 } /^Rss:/ { rss = $2 } END { print rss, pss }' "/proc/$pid/smaps_rollup"
done | awk -v took="$took" '
    { rss += $1; pss += $2 }
    END {
        printf "%-32s %9.0f kB resident, %.0f kB of it its own share, site of 1 MB\n",
            NR " processes, each", rss / NR, pss / NR
        printf "%-32s %9.1f ms from start to listening, one after another\n",
            NR " processes, each", took / NR
        printf "%-32s %9.0f processes (extrapolated from the share, not measured)\n",
            "1 GB would hold", 1e6 / (pss / NR)
    }'
