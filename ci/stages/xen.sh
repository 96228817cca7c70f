#!/usr/bin/env bash
# `--xen` images on a real Xen, in the lab (ci/xen-lab): what a host does with
# guests, and what they serve, byte for byte. ci/xen/test.sh says what.
. "$(dirname "$0")/../lib.sh"
need curl qemu-system-x86_64=qemu-system-x86
build_applgen

# image SITE NAME : the image and its configuration, and what it should answer,
# taken from the same site's `--unix` image.
image() {
    local number=0 path
    "$APPLGEN" build "$1" --xen -o "$TMP/in/$2.xen" 2>"$TMP/build" || { cat "$TMP/build" >&2; exit 1; }
    "$APPLGEN" build "$1" -o "$TMP/$2.unix" 2>"$TMP/build" || { cat "$TMP/build" >&2; exit 1; }
    mkdir -p "$TMP/in/expected/$2"
    "$APPLGEN" inspect --json "$TMP/$2.unix" |
        python3 -c 'import json, sys
for path in json.load(sys.stdin)["paths"]:
    if path.get("status", 200) == 200: print(path["path"])' >"$TMP/in/expected/$2.paths"
    serve "$TMP/$2.unix"
    while IFS= read -r path; do
        fetch "$path" expected
        mv "$TMP/expected.body" "$TMP/in/expected/$2/$number"
        number=$((number + 1))
    done <"$TMP/in/expected/$2.paths"
    stop "$background_pid"
}

mkdir -p "$TMP/in"
if have_fixture oscon14; then
    image "$FIXTURES/oscon14" oscon14
else
    image sites/tour oscon14
fi
mkdir "$TMP/files"
head -c 20000000 /dev/urandom >"$TMP/files/20MB.bin"
echo '<h1>files</h1>' >"$TMP/files/index.html"
printf '[network]\nip = "192.0.2.3/24"\ngw = "192.0.2.1"\n' >"$TMP/files/applgen.toml"
image "$TMP/files" files
ln "$TMP/files/20MB.bin" "$TMP/in/20MB.bin"
mkdir -p "$TMP/zones/zones" "$TMP/zones/static"
echo '<h1>zones</h1>' >"$TMP/zones/static/index.html"
printf '[network]\nip = "192.0.2.4/24"\n' >"$TMP/zones/applgen.toml"
cat >"$TMP/zones/zones/example.org.zone" <<'ZONE'
$TTL 3600
@ IN SOA ns admin 2026010100 7200 900 1209600 300
@ IN NS ns
ns IN A 192.0.2.4
www IN A 192.0.2.80
ZONE
# More than fits a datagram without EDNS, and less than one with it.
for number in 1 2 3 4 5; do
    printf 'long IN TXT "%d%s"\n' "$number" "$(printf 'x%.0s' $(seq 200))"
done >>"$TMP/zones/zones/example.org.zone"
"$APPLGEN" build "$TMP/zones" --xen -o "$TMP/in/zones.xen" 2>"$TMP/build" || { cat "$TMP/build" >&2; exit 1; }
cp ci/xen/guest.sh "$TMP/in/"
# The command is tried in dom0 too, with its libraries: that Debian's may be older.
mkdir "$TMP/in/command"
cp "$APPLGEN" "$TMP/in/command/applgen"
{ ldd "$APPLGEN" 2>/dev/null || true; } | grep -o '/[^ ]*' | xargs -r cp -L -t "$TMP/in/command"

# An image for Xen that is started without one says so, and ends.
need timeout=coreutils
timeout 30 qemu-system-x86_64 -accel tcg -cpu max -M microvm -m 64 -nodefaults -display none \
    -no-reboot -kernel "$TMP/in/oscon14.xen" -device isa-debug-exit,iobase=0xf4,iosize=4 \
    -chardev "file,id=port,path=$TMP/not-xen" -device isa-debugcon,chardev=port,iobase=0xe9 ||
    status=$?
grep -q '^error: this image is for Xen, and there is none here' "$TMP/not-xen" ||
    fail "an image for Xen says nothing without one"
expect "the exit code without a Xen" "${status:-0}" 7

# The limit is for a busy machine; an idle one needs a third of it.
lab() {
    ci/xen-lab run --seconds "${XEN_LAB_SECONDS:-900}" --out "$TMP/lab" ci/xen/test.sh "$TMP"/in/*
}
status=0
lab || status=$?
# Nothing of ours has run yet when the host's own tool stack does not come up.
if ((status == 97)); then
    say "Xen's tool stack did not come up; the lab is started once more"
    status=0
    lab || status=$?
fi
((status == 0)) || {
    tail -n 30 "$TMP/lab/xen.log" >&2
    exit "$status"
}

# A lab of its own, which is a minute or two more: for those who changed it.
if [[ -n ${XEN_LAB_SHELL:-} ]]; then
    need python3
    python3 ci/xen/shell.py ci/xen-lab "$TMP/files/index.html"
else
    say "not tried: ci/xen-lab shell (XEN_LAB_SHELL=1 does)"
fi
