#!/usr/bin/env bash
# `--xen` images: their kernels' sizes beside the seed's, and in the lab, in one
# run, beside a Debian kernel with nginx as a guest of the same Xen: the time from
# `xl create` to the first answer, 20 MB, requests per second.
. "$(dirname "$0")/../lib.sh"
need qemu-system-x86_64=qemu-system-x86
build_applgen

# kernel_bytes SITE WORDS : the kernel of the site's image with that [network].
kernel_bytes() {
    local site=$TMP/size
    rm -rf "$site"
    mkdir "$site"
    cp -r "$1/." "$site/"
    printf '[network]\n%b' "$2" >"$site/applgen.toml"
    "$APPLGEN" build "$site" --xen -o "$TMP/size.xen" >/dev/null 2>"$TMP/build" ||
        { cat "$TMP/build" >&2; exit 1; }
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["kernel"]["bytes"])' "$TMP/size.xen.json"
}
row() { printf '%-44s %10s %12s\n' "$@"; }
megabytes() { awk -v bytes="$1" 'BEGIN { printf "%.3f", bytes / 1e6 }'; }

mkdir "$TMP/web"
echo '<h1>web</h1>' >"$TMP/web/index.html"
all=$(kernel_bytes "$TMP/web" '')
static=$(kernel_bytes "$TMP/web" 'ip = "192.0.2.3/24"\n')
row 'MB, kernel without content' 'all on' specialised
row 'the seed: web server, Mirage on Xen' 0.674 0.172
row 'web server, applgen --xen' "$(megabytes "$all")" "$(megabytes "$static")"
row 'the seed: DNS server, Mirage on Xen' 0.449 0.184
if mkdir "$TMP/dns" && mkdir "$TMP/dns/zones" && cat >"$TMP/dns/zones/example.org.zone" <<'ZONE' &&
@ 3600 IN SOA ns.example.org. admin.example.org. 1 7200 900 1209600 300
@ 3600 IN NS ns.example.org.
ns 3600 IN A 192.0.2.3
ZONE
    "$APPLGEN" build "$TMP/dns" --unix -o "$TMP/dns.unix" >/dev/null 2>&1 &&
    "$APPLGEN" inspect "$TMP/dns.unix" 2>/dev/null | grep -qw dns; then
    all=$(kernel_bytes "$TMP/dns" '')
    static=$(kernel_bytes "$TMP/dns" 'ip = "192.0.2.3/24"\n')
    row 'DNS server, applgen --xen' "$(megabytes "$all")" "$(megabytes "$static")"
else
    row 'DNS server, applgen --xen' '-' 'not built'
fi

mkdir "$TMP/site" "$TMP/in"
head -c 20000000 /dev/urandom >"$TMP/site/20MB.bin"
head -c 1000 /dev/urandom >"$TMP/site/1kB.bin"
echo '<h1>bench</h1>' >"$TMP/site/index.html"
printf '[network]\nip = "192.0.2.3/24"\ngw = "192.0.2.1"\n' >"$TMP/site/applgen.toml"
"$APPLGEN" build "$TMP/site" --xen -o "$TMP/in/bench.xen" >/dev/null 2>"$TMP/build" ||
    { cat "$TMP/build" >&2; exit 1; }
lab=$(ci/xen-lab build)
mkdir "$TMP/guest"
cp -r "$TMP/site" "$TMP/guest/www"
rm "$TMP/guest/www/applgen.toml"
cp ci/xen/guest-init "$TMP/guest/"
tar -c -f "$TMP/in/debian.tar" -C "$TMP/guest" .
cp "$lab/vmlinuz" "$lab/initrd" "$TMP/in/"
cp ci/xen/guest.sh "$TMP/in/"
ci/xen-lab run --seconds "${XEN_LAB_SECONDS:-900}" ci/xen/bench.sh "$TMP"/in/*
