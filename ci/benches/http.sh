#!/usr/bin/env bash
# Requests per second and latency of a `--unix` image beside nginx: loopback, one
# worker each, kept-alive connections, no log, files of 1 kB and 100 kB, in turns.
. "$(dirname "$0")/../lib.sh"
need wrk nginx netbase=netbase taskset=util-linux
build_applgen

rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-4} connections=${CONNECTIONS:-64}
on_server=() on_client=()
if (($(nproc) > 1)); then
    on_server=(taskset --cpu-list 0) on_client=(taskset --cpu-list 1)
fi

site=$TMP/site
mkdir "$site"
head -c 1000 /dev/urandom >"$site/1kB.bin"
head -c 100000 /dev/urandom >"$site/100kB.bin"
"$APPLGEN" build "$site" -o "$TMP/site.unix" 2>"$TMP/build" || { cat "$TMP/build" >&2; exit 1; }
free_port
serve_command "$port" "${on_server[@]}" "$TMP/site.unix" "http=127.0.0.1:$port" threads=1
applgen_url=$url

free_port
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
        listen 127.0.0.1:$port;
        root $site;
    }
}
END
chmod -R a+rX "$TMP"
background "$TMP/nginx.log" "${on_server[@]}" \
    nginx -p "$TMP/nginx" -c "$TMP/nginx/nginx.conf" -e "$TMP/nginx/error.log"
url=http://127.0.0.1:$port nginx_url=$url
for _ in $(seq 250); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
    sleep 0.02
done

# measure URL LABEL : one run of wrk; appends requests/s and latencies in µs.
measure() {
    "${on_client[@]}" wrk --threads 1 --connections "$connections" --duration "${seconds}s" \
        --latency "$1" >"$TMP/wrk"
    grep -E 'Socket errors|Non-2xx' "$TMP/wrk" && fail "$2 did not answer every request"
    awk -v label="$2" -v to="$TMP/figures" '
        function us(text) { return text ~ /us$/ ? text + 0 : text ~ /ms$/ ? text * 1e3 : text * 1e6 }
        $1 == "50%" { p50 = us($2) }
        $1 == "99%" { p99 = us($2) }
        $1 == "Requests/sec:" { rate = $2 }
        END { if (rate == "") exit 1; print label, rate, p50, p99 >>to }' "$TMP/wrk" ||
        fail "wrk printed no figures"
}
# median LABEL COLUMN : of all rounds.
median() {
    awk -v label="$1" -v column="$2" '$1 == label { print $column }' "$TMP/figures" |
        sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}

say "wrk, 1 thread, $connections connections, $rounds rounds of $seconds s in turns, medians"
for size in 1kB 100kB; do
    for _ in $(seq "$rounds"); do
        measure "$applgen_url/$size.bin" "applgen-$size"
        measure "$nginx_url/$size.bin" "nginx-$size"
    done
    for server in applgen nginx; do
        label=$server-$size
        printf '%-32s %9.0f requests/s   median latency %6.0f µs, 99th percentile %6.0f µs\n' \
            "$size, $server" "$(median "$label" 2)" "$(median "$label" 3)" "$(median "$label" 4)"
    done
    awk -v size="$size" -v ours="$(median "applgen-$size" 2)" -v theirs="$(median "nginx-$size" 2)" \
        'BEGIN { printf "%-32s %9.2f × nginx\n", size ", applgen to nginx", ours / theirs }'
done
