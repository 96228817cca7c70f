#!/usr/bin/env bash
# The recipe for HTTPS: nginx in front of an image, as README.md shows it
# (ci/https/nginx.conf), with a certificate made here, on loopback.
. "$(dirname "$0")/../lib.sh"
need curl nginx openssl cmp=diffutils
build_applgen

# README shows the very file that is tested.
awk '/^```nginx$/ { inside = 1; next } /^```$/ { inside = 0 } inside' README.md >"$TMP/shown"
diff "$TMP/shown" ci/https/nginx.conf || fail "README.md shows another nginx.conf than ci/https/nginx.conf"

site=$TMP/site
mkdir "$site"
cat README.md ARCHITECTURE.md LICENSE-APACHE >"$site/prose.txt"
printf '<!doctype html><title>Here</title>' >"$site/index.html"
"$APPLGEN" build "$site" -o "$TMP/site.unix"
serve "$TMP/site.unix"
image_port=$port

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=example.org \
    -addext subjectAltName=DNS:example.org \
    -keyout "$TMP/privkey.pem" -out "$TMP/fullchain.pem" 2>/dev/null
free_port && tls_port=$port
free_port && plain_port=$port
# Only ports, certificate paths and the loopback addresses are replaced.
sed -e "s|127.0.0.1:8080|127.0.0.1:$image_port|" \
    -e "s|listen 443 |listen 127.0.0.1:$tls_port |" \
    -e "s|listen 80;|listen 127.0.0.1:$plain_port;|" \
    -e "s|/etc/letsencrypt/live/example.org|$TMP|" ci/https/nginx.conf >"$TMP/recipe.conf"
mkdir -p "$TMP/nginx/logs"
cat >"$TMP/nginx/nginx.conf" <<END
daemon off;
worker_processes 1;
pid $TMP/nginx/pid;
error_log $TMP/nginx/logs/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $TMP/nginx/body;
    proxy_temp_path $TMP/nginx/proxy;
    fastcgi_temp_path $TMP/nginx/fastcgi;
    uwsgi_temp_path $TMP/nginx/uwsgi;
    scgi_temp_path $TMP/nginx/scgi;
    include $TMP/recipe.conf;
}
END
nginx=(nginx -p "$TMP/nginx" -c "$TMP/nginx/nginx.conf" -e "$TMP/nginx/logs/error.log")
"${nginx[@]}" -t 2>"$TMP/nginx.test" || { cat "$TMP/nginx.test" >&2; fail "nginx refuses the recipe"; }
background "$TMP/nginx.log" "${nginx[@]}"
for _ in $(seq 250); do
    (exec 3<>"/dev/tcp/127.0.0.1/$tls_port") 2>/dev/null && break
    sleep 0.02
done

url=https://example.org:$tls_port
through=(--cacert "$TMP/fullchain.pem" --resolve "example.org:$tls_port:127.0.0.1")
for version in --http1.1 --http2; do
    fetch /prose.txt plain "${through[@]}" "$version"
    expect "the status through nginx" "$(status_of plain)" 200
    same_bytes "$site/prose.txt" "$TMP/plain.body" "through nginx"
    fetch /prose.txt encoded "${through[@]}" "$version" --header 'Accept-Encoding: br'
    expect "the encoding through nginx" "$(header_of encoded Content-Encoding)" br
    etag=$(header_of encoded ETag)
    [[ $etag == \"*\" ]] || fail "nginx changes the ETag to \`$etag\`"
    fetch /prose.txt cached "${through[@]}" "$version" \
        --header 'Accept-Encoding: br' --header "If-None-Match: $etag"
    expect "the status for a known ETag" "$(status_of cached)" 304
    fetch /prose.txt head "${through[@]}" "$version" --head
    expect "HEAD's Content-Length" "$(header_of head Content-Length)" "$(stat -c %s "$site/prose.txt")"
    fetch /missing missing "${through[@]}" "$version"
    expect "the status of what is missing" "$(status_of missing)" 404
    say "through nginx with ${version#--}: bytes, encoding, 304, HEAD, 404"
done
url=http://example.org:$plain_port
fetch /prose.txt plain --resolve "example.org:$plain_port:127.0.0.1"
expect "plain HTTP leads to" "$(header_of plain Location)" https://example.org/prose.txt
