#!/usr/bin/env bash
# Requests per second and latency of a `--unix` image beside nginx: loopback, one
# worker each, the same files with gzip bodies ready, no log, in turns. Then what
# a request costs in instructions, and an idle connection in memory.
#
# wrk takes about as much of its core as a server does of the other (its share is
# printed), so the ratio of requests per second is held down by the client. Beside
# it stands the ratio of requests per second of the server's own processor time, in
# user and kernel.
#
# At 1 kB and keep-alive two more take part, the least that a server can do over
# epoll and over io_uring (appliance/unix/examples/http_floor): the same bytes for
# whatever comes. No server on the system's TCP can be faster than they are.
#
# Short by default. ROUNDS and SECONDS_EACH make it longer; MODES, SIZES and
# CONNECTIONS choose: MODES="keep-alive pipelined close", SIZES="1kB 10kB 100kB
# 10MB", CONNECTIONS="10 1000 10000". By default each mode is measured at 1 kB
# and 10 connections, each size and each number of connections at keep-alive.
# KERNELS=no leaves out what features cost, for which kernels are compiled.
. "$(dirname "$0")/../lib.sh"
need wrk nginx taskset=util-linux valgrind python3 gzip strace
# wrk looks names of protocols up.
[[ -e /etc/protocols ]] || install_packages netbase
build_applgen

rounds=${ROUNDS:-3} seconds=${SECONDS_EACH:-2}
on_server=() on_client=()
if (($(nproc) > 1)); then
    on_server=(taskset --cpu-list 0) on_client=(taskset --cpu-list 1)
fi
ulimit -n "$(ulimit -Hn)"

site=$TMP/site
mkdir "$site"
# Words, so that they compress as pages do.
words() { yes "$(cat README.md ARCHITECTURE.md)" | head -c "$1" >"$site/$2.html" || true; }
words 1000 1kB
words 10000 10kB
words 100000 100kB
head -c 10000000 /dev/urandom >"$site/10MB.html"
printf '[http]\nclean-urls = false\n' >"$site/applgen.toml"
"$APPLGEN" build "$site" -o "$TMP/site.unix" 2>"$TMP/build" || { cat "$TMP/build" >&2; exit 1; }
for file in "$site"/{1,10,100}kB.html; do gzip -9 -k -n "$file"; done
free_port
serve_command "$port" "${on_server[@]}" "$TMP/site.unix" "http=127.0.0.1:$port" threads=1
applgen_port=$port
declare -A urls=([applgen]=$url) pids_of=([applgen]=$background_pid)

floors=()
floor=$(cargo build --release --locked --package applgen-unix --example http_floor \
    --message-format=json-render-diagnostics | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
curl --silent --show-error --include --output "$TMP/answer" "$url/1kB.html"
for how in epoll io_uring; do
    # Systems may forbid the second: then the bench does without, and says so.
    if [[ $how == io_uring && $(cat /proc/sys/kernel/io_uring_disabled 2>/dev/null || echo 2) != 0 ]]; then
        say "NOT MEASURED: io_uring is not to be had here"
        continue
    fi
    free_port
    serve_command "$port" "${on_server[@]}" "$floor" "$how" "127.0.0.1:$port" "$TMP/answer"
    floors+=("least-$how")
    urls[least-$how]=$url pids_of[least-$how]=$background_pid
done

free_port
pipelined_port=$port
free_port
mkdir "$TMP/nginx"
cat >"$TMP/nginx/nginx.conf" <<END
daemon off;
worker_processes 1;
worker_rlimit_nofile $(ulimit -n);
pid $TMP/nginx/pid;
events { worker_connections 16384; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    tcp_nodelay on;
    gzip_static on;
    open_file_cache max=100 inactive=600s;
    open_file_cache_valid 600s;
    keepalive_requests 1000000000;
    client_body_temp_path $TMP/nginx/body;
    proxy_temp_path $TMP/nginx/proxy;
    fastcgi_temp_path $TMP/nginx/fastcgi;
    uwsgi_temp_path $TMP/nginx/uwsgi;
    scgi_temp_path $TMP/nginx/scgi;
    types { text/html html; }
    server {
        listen 127.0.0.1:$port backlog=4096;
        root $site;
    }
    # With tcp_nopush, nginx holds pipelined answers back until the client's
    # delayed acknowledgement: without it it is several times as fast.
    server {
        listen 127.0.0.1:$pipelined_port backlog=4096;
        root $site;
        tcp_nopush off;
    }
}
END
chmod -R a+rX "$TMP"
background "$TMP/nginx.log" "${on_server[@]}" \
    nginx -p "$TMP/nginx" -c "$TMP/nginx/nginx.conf" -e "$TMP/nginx/error.log"
urls[nginx]=http://127.0.0.1:$port
nginx_port=$port nginx_master=$background_pid
nginx_pipelined_url=http://127.0.0.1:$pipelined_port
for _ in $(seq 250); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.02
done

pids_of[nginx]=$(cut -d' ' -f1 "/proc/$nginx_master/task/$nginx_master/children")

cat >"$TMP/pipelined.lua" <<'END'
init = function(args)
    local one = wrk.format(nil, wrk.path)
    all = string.rep(one, 16)
end
request = function() return all end
END
# Processor time of a process so far, in ticks of 10 ms.
ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }
# measure PID URL LABEL MODE CONNECTIONS : one run of wrk; appends requests/s,
# latencies in µs, requests per second of the server's processor time, and how
# much of its core wrk took, in percent. Clients take no coding, so that all send
# the same bytes.
measure() {
    local pid=$1 url=$2 label=$3 mode=$4 connections=$5 options=() before used TIMEFORMAT='%U %S'
    case $mode in
        keep-alive) ;;
        close) options=(--header "Connection: close") ;;
        pipelined) options=(--script "$TMP/pipelined.lua") ;;
    esac
    before=$(ticks "$pid")
    {
        time "${on_client[@]}" wrk --threads 1 --connections "$connections" --duration "${seconds}s" \
            --timeout 20s --latency "${options[@]}" "$url" >"$TMP/wrk" 2>&1
    } 2>"$TMP/busy"
    grep -q 'Non-2xx' "$TMP/wrk" && fail "$label did not answer every request"
    used=$(($(ticks "$pid") - before))
    awk -v label="$label" -v to="$TMP/figures" -v used="$used" -v seconds="$seconds" \
        -v busy="$(awk '{ print $1 + $2 }' "$TMP/busy")" '
        function us(text) { return text ~ /us$/ ? text + 0 : text ~ /ms$/ ? text * 1e3 : text * 1e6 }
        $1 == "50%" { p50 = us($2) }
        $1 == "99%" { p99 = us($2) }
        $2 == "requests" && $3 == "in" { all = $1 }
        $1 == "Requests/sec:" { rate = $2 }
        END {
            if (rate == "") exit 1
            busy = busy * 100 / seconds
            print label, rate, p50, p99, all * 100 / (used > 0 ? used : 1), busy < 100 ? busy : 100 >>to
        }' "$TMP/wrk" ||
        { cat "$TMP/wrk" >&2; fail "wrk printed no figures"; }
}
# median LABEL COLUMN : of all rounds.
median() {
    awk -v label="$1" -v column="$2" '$1 == label { print $column }' "$TMP/figures" |
        sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}
# compare MODE SIZE CONNECTIONS : in turns, and the ratios.
compare() {
    local mode=$1 size=$2 connections=$3 servers=(applgen nginx) server
    local what="$size, $mode, $connections connections" of="$mode-$size-$connections"
    [[ $mode-$size != keep-alive-1kB ]] || servers+=("${floors[@]}")
    for _ in $(seq "$rounds"); do
        for server in "${servers[@]}"; do
            local at=${urls[$server]}
            [[ $mode-$server != pipelined-nginx ]] || at=$nginx_pipelined_url
            measure "${pids_of[$server]}" "$at/$size.html" "$server-$of" "$mode" "$connections"
        done
    done
    for server in "${servers[@]}"; do
        printf '%-48s %9.0f requests/s   p50 %7.0f µs, p99 %7.0f µs   %9.0f requests/s of its processor   wrk %3.0f %%\n' \
            "$what, $server" "$(median "$server-$of" 2)" "$(median "$server-$of" 3)" \
            "$(median "$server-$of" 4)" "$(median "$server-$of" 5)" "$(median "$server-$of" 6)"
    done
    for server in "${servers[@]}"; do
        [[ $server != nginx ]] || continue
        awk -v what="$what, $server" -v ours="$(median "$server-$of" 2)" -v theirs="$(median "nginx-$of" 2)" \
            -v ours_cpu="$(median "$server-$of" 5)" -v theirs_cpu="$(median "nginx-$of" 5)" \
            'BEGIN { printf "%-48s %9.2f × nginx; %.2f × by processor time\n", what, ours / theirs, ours_cpu / theirs_cpu }'
    done
}

say "wrk, 1 thread, $rounds rounds of $seconds s in turns, medians"
if [[ -n ${MODES:-}${SIZES:-}${CONNECTIONS:-} ]]; then
    for mode in ${MODES:-keep-alive pipelined close}; do
        for size in ${SIZES:-1kB 10kB 100kB 10MB}; do
            for connections in ${CONNECTIONS:-10 1000 10000}; do
                compare "$mode" "$size" "$connections"
            done
        done
    done
else
    for size in 1kB 10kB 100kB 10MB; do compare keep-alive "$size" 10; done
    for mode in pipelined close; do compare "$mode" 1kB 10; done
    for connections in 1000 10000; do compare keep-alive 1kB "$connections"; done
fi

# calls PID PORT LABEL [CONNECTION] : the system calls of 1,000 requests, one after
# the other, by name and in all.
calls() {
    local tracer
    timeout 60 strace -f -c -o "$TMP/calls" -p "$1" 2>/dev/null &
    tracer=$!
    sleep 1
    python3 - "$2" "${4:-}" <<'END'
import http.client, sys
fields = {"Connection": sys.argv[2]} if sys.argv[2] else {}
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
for _ in range(1000):
    connection.request("GET", "/1kB.html", headers=fields)
    connection.getresponse().read()
END
    kill -INT "$tracer" && wait "$tracer" || true
    awk -v label="$3" '$1 ~ /^[0-9.]+$/ && $NF != "total" && $4 >= 100 {
            calls = calls sprintf(" %s %.2f", $NF, $4 / 1000); sum += $4 / 1000
        }
        END { printf "%-42s %9.2f:%s\n", label, sum, calls }' "$TMP/calls"
}
calls "${pids_of[applgen]}" "$applgen_port" "system calls of a request, applgen"
calls "${pids_of[nginx]}" "$nginx_port" "system calls of a request, nginx"
calls "${pids_of[applgen]}" "$applgen_port" "with a connection of its own, applgen" close
calls "${pids_of[nginx]}" "$nginx_port" "with a connection of its own, nginx" close

# Instructions of a request, in this process: what so many more requests cost.
instructions() {
    free_port
    rm -f "$TMP/callgrind"
    serve_command "$port" valgrind --quiet --tool=callgrind --callgrind-out-file="$TMP/callgrind" \
        "$TMP/site.unix" "http=127.0.0.1:$port" threads=1 sandbox=off
    python3 - "$port" "$1" <<'END'
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=60)
fields = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
          "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
          "Accept-Language": "en-US,en;q=0.5", "Accept-Encoding": "gzip, deflate, br, zstd"}
for _ in range(int(sys.argv[2])):
    connection.request("GET", "/1kB.html", headers=fields)
    connection.getresponse().read()
END
    stop "$background_pid"
    awk '/^(summary|totals):/ { print $2; exit }' "$TMP/callgrind"
}
few=$(instructions 500) many=$(instructions 1500)
printf '%-42s %9d\n' "instructions of a request, 1 kB, br" $(((many - few) / 1000))

# On a server that has had no others yet.
serve "$TMP/site.unix" threads=1
python3 ci/http/attack.py "127.0.0.1:$port" --idle 10000 --seconds 0 --path /1kB.html \
    --pid "$background_pid" | grep '^memory'

# What is compiled in only where a site needs it.
if [[ ${KERNELS:-} != no ]]; then
    mkdir "$TMP/rules"
    printf 'a page' >"$TMP/rules/index.html"
    printf '/a/* /b/:splat\n' >"$TMP/rules/_redirects"
    # An address of its own: what is optional is rules, the log, and ranges, which
    # are left out to be measured alone.
    printf '[network]\nip = "192.0.2.2/24"\n' >"$TMP/rules/applgen.toml"
    "$APPLGEN" build "$TMP/rules" --kvm -o "$TMP/rules.kvm" 2>"$TMP/build" || { cat "$TMP/build" >&2; exit 1; }
    "$APPLGEN" inspect "$TMP/rules.kvm" --json | python3 -c '
import json, sys
for feature in json.load(sys.stdin)["features"]:
    if "bytes" in feature:
        print("%-42s %9d bytes of kernel" % ("--kvm, feature " + feature["name"], feature["bytes"]))
'
fi
