#!/usr/bin/env bash
# `--tap` against Linux's own TCP, in a network namespace: whole sites, twenty
# megabytes, two hundred at once, ten thousand requests, a bad link, the sandbox,
# and what it is started with that cannot be.
. "$(dirname "$0")/../lib.sh"
. ci/tap/lib.sh

if [[ ${1:-} != inside ]]; then
    need curl cmp=diffutils unshare=util-linux ip=iproute2 ping=iputils-ping python3 \
        sysctl=procps ss=iproute2 kdig=knot-dnsutils
    build_applgen
    for site in sites/*/; do
        site=${site%/}
        for target in unix tap; do
            "$APPLGEN" build "$site" "--$target" -o "$TMP/${site##*/}.$target" 2>"$TMP/err" ||
                { cat "$TMP/err" >&2; exit 1; }
        done
    done
    mkdir "$TMP/load"
    head -c 20000000 /dev/urandom >"$TMP/load/20MB.bin"
    head -c 1000000 /dev/urandom >"$TMP/load/1MB.bin"
    head -c 1000 /dev/urandom >"$TMP/load/1kB.bin"
    "$APPLGEN" build "$TMP/load" --tap -o "$TMP/load.tap" 2>"$TMP/err" ||
        { cat "$TMP/err" >&2; exit 1; }
    APPLGEN=$APPLGEN in_namespace "$0" inside "$TMP"
    exit
fi

made=$2
ip link set lo up
url4=http://$IMAGE4 url6=http://[$IMAGE6]
make_tap tap0 addressed

# Whole sites: what the image on host sockets answers, this one answers too,
# headers and all.
for image in "$made"/*.tap; do
    name=$(basename "$image" .tap)
    [[ $name != load ]] || continue
    serve_tap "$image" tap0
    tap_pid=$background_pid
    serve "$made/$name.unix"
    unix_pid=$background_pid unix_url=$url
    paths=$("$APPLGEN" inspect --json "$made/$name.unix" |
        python3 -c 'import json, sys; print(*(p["path"] for p in json.load(sys.stdin)["paths"]), sep="\n")')
    count=0
    while read -r path; do
        path=$(url_path "$path")
        url=$unix_url fetch "$path" unix
        for url in "$url4" "$url6"; do
            fetch "$path" tap
            same_bytes "$TMP/unix.body" "$TMP/tap.body" "$name$path"
            diff <(grep -vi '^date:' "$TMP/unix.head") <(grep -vi '^date:' "$TMP/tap.head") ||
                fail "$name$path: the headers differ"
        done
        count=$((count + 1))
    done <<<"$paths"
    ((count > 2)) || fail "$name has $count paths"
    if [[ $name == zone ]]; then
        for server in "$IMAGE4" "$IMAGE6"; do
            for transport in +notcp +tcp; do
                for question in "example.org MX=10 mail.example.org." "host-2.example.org A=192.0.2.102" \
                    "x.dev.example.org CNAME=example.org." \
                    "example.org A=$IMAGE4" "www.example.org AAAA=$IMAGE6"; do
                    # shellcheck disable=SC2086 # a name and a type
                    expect "$transport @$server ${question%=*}" \
                        "$(kdig +short +timeout=5 "$transport" "@$server" ${question%=*})" "${question#*=}"
                done
            done
        done
        say "zone: questions answered over UDP and TCP, IPv4 and IPv6"
    fi
    stop "$tap_pid"
    stop "$unix_pid"
    say "$name: $count paths are the same over IPv4 and IPv6 as on host sockets"
done

serve_tap "$made/load.tap" tap0 log=off
pid=$background_pid

for address in "$IMAGE4" "$IMAGE6"; do
    for bytes in 56 1400; do
        # One at a time: ping has no patience for the last of several.
        for _ in 1 2 3 4 5; do
            ping -c 1 -W 5 -s "$bytes" "$address" >"$TMP/ping" ||
                { cat "$TMP/ping" >&2; fail "no answer to a ping of $bytes bytes from $address"; }
        done
    done
done
say "ping: 4 × 5 answered"

for field in Seccomp:2 NoNewPrivs:1 CapEff:0000000000000000 CapPrm:0000000000000000 \
    CapBnd:0000000000000000 CapInh:0000000000000000 CapAmb:0000000000000000 Threads:1; do
    expect "${field%%:*} of the process" "$(process_status "$pid" "${field%%:*}")" "${field##*:}"
done
say "sandbox: seccomp filter, no new privileges, no capabilities"

for url in "$url4" "$url6"; do
    fetch /20MB.bin big
    same_bytes "$made/load/20MB.bin" "$TMP/big.body" "20 MB from $url"
done
say "20 MB: the same over IPv4 and IPv6"

# Two hundred at once: all are open together, since each takes its megabyte
# slowly; none is refused.
for number in $(seq 200); do
    url=$url4
    ((number % 2)) || url=$url6
    printf 'url = "%s/1MB.bin"\noutput = "%s/at-once-%s"\nlimit-rate = 400k\n' \
        "$url" "$TMP" "$number"
done >"$TMP/curls"
curl --silent --show-error --parallel --parallel-immediate --parallel-max 300 --max-time 60 \
    --write-out '%{http_code}\n' --config "$TMP/curls" >"$TMP/codes" 2>"$TMP/curl-errors" &
curl_pid=$!
most=0
while kill -0 "$curl_pid" 2>/dev/null; do
    open=$(ss --no-header --tcp state established "( dport = :80 )" | wc -l)
    ((open <= most)) || most=$open
    sleep 0.1
done
wait "$curl_pid" || { cat "$TMP/curl-errors" >&2; fail "two hundred at once: curl failed"; }
expect "answers with 200" "$(grep -c '^200$' "$TMP/codes")" 200
((most >= 200)) || fail "no more than $most connections were open at once"
for number in $(seq 200); do
    same_bytes "$made/load/1MB.bin" "$TMP/at-once-$number" "number $number of two hundred"
done
rm "$TMP"/at-once-*
say "at once: $most connections were open, 200 MB came whole"

# Ten thousand requests on kept-alive connections, and no memory for it.
# Its own memory: pages of the image are the file's.
own_kb() { awk '$1 == "Anonymous:" { print $2 }' "/proc/$pid/smaps_rollup"; }
before=$(own_kb)
for _ in 1 2; do
    for url in "$url4" "$url6"; do
        curl --silent --show-error --max-time 60 --output /dev/null \
            --write-out '%{http_code} %{num_connects}\n' "$url/1kB.bin?[1-2500]" >>"$TMP/kept"
    done
done
expect "requests that were answered" "$(grep -c '^200 ' "$TMP/kept")" 10000
expect "connections" "$(awk '{ sum += $2 } END { print sum }' "$TMP/kept")" 4
after=$(own_kb)
((after - before <= 64)) || fail "ten thousand requests took $((after - before)) kB"
say "kept alive: 10,000 requests on 4 connections, $((after - before)) kB more ($after kB in all)"

# The end: an answer in flight is finished.
curl --silent --show-error --max-time 30 --limit-rate 10M --output "$TMP/last" \
    "$url4/20MB.bin" &
curl_pid=$!
sleep 0.5
stop "$pid"
wait "$curl_pid" || fail "an answer in flight was cut by SIGTERM"
same_bytes "$made/load/20MB.bin" "$TMP/last" "the answer in flight"
say "SIGTERM: the answer in flight came whole, and the process ended with 0"

# What cannot be. refused PATTERN WORD… : exit code 2, and a line that says why.
refused() {
    local pattern=$1 status=0
    shift
    timeout 10 "$made/load.tap" "$@" >"$TMP/out" 2>"$TMP/err" || status=$?
    expect "the exit code of \`$*\`" "$status" 2
    grep -q -- "$pattern" "$TMP/err" || { cat "$TMP/err" >&2; fail "\`$*\`: not \`$pattern\`"; }
    [[ ! -s $TMP/out ]] || fail "\`$*\` wrote to standard output"
}
refused 'hint: `tap=NAME`' ip=192.0.2.2/24
refused '`tap=nosuch`: no such device' tap=nosuch ip=192.0.2.2/24
refused '`tap=lo`: ' tap=lo ip=192.0.2.2/24
refused '`ip=192.0.2.2`: expected' tap=tap0 ip=192.0.2.2
refused '`threads=2`: this kind of image takes no such' tap=tap0 threads=2
refused '`prot=80`: no such boot word' tap=tap0 prot=80
refused '`gw=`: not on the network' tap=tap0 ip=192.0.2.2/24 gw=192.0.3.1
serve_tap "$made/load.tap" tap0
refused '`tap=tap0`: another process has it' tap=tap0 ip=192.0.2.3/24
stop "$background_pid"
say "refusals: 8, each with 2 and its reason"

# A bad link between Linux and the image.
ip link delete tap0
make_tap linux0 addressed
make_tap image0
serve_tap "$made/load.tap" image0
pid=$background_pid
background "$TMP/impair" python3 ci/tap/impair.py linux0 image0 1 10 20 20 2 1
impair_pid=$background_pid
for _ in $(seq 250); do
    grep -q ready "$TMP/impair" && break
    sleep 0.02
done
for round in 1 2; do
    for url in "$url4" "$url6"; do
        curl --silent --show-error --max-time 100 --output "$TMP/bad-$round" "$url/1MB.bin" ||
            fail "a megabyte over a bad link failed"
        same_bytes "$made/load/1MB.bin" "$TMP/bad-$round" "a megabyte over a bad link"
    done
done
kill -TERM "$impair_pid"
wait "$impair_pid" || true
tail -n 1 "$TMP/impair" >"$TMP/counts"
read -r _ frames _ lost _ duplicated _ reordered <"$TMP/counts"
((lost > 0 && duplicated > 0 && reordered > 0)) || fail "the link was not bad: $(cat "$TMP/counts")"
say "bad link: 4 MB came whole; of $frames frames $lost lost, $duplicated duplicated, $reordered reordered"
stop "$pid"
