#!/usr/bin/env bash
# Guests: bytes, instructions, memory, and speed beside a minimal Debian with
# nginx in the same emulator. What is over its budget fails, at the end.
. "$(dirname "$0")/../lib.sh"
. ci/kvm/lib.sh
. ci/kvm/debian.sh
need cc=gcc qemu-system-x86_64=qemu-system-x86 curl wrk node=nodejs
build_applgen
over=()
static="ip=10.0.2.15/24 gw=10.0.2.2"
# within WHAT VALUE BUDGET UNIT
within() {
    printf '%-48s %10s %s (budget %s)\n' "$1" "$2" "$4" "$3"
    (($2 <= $3)) || over+=("$1: $2 $4, and the budget is $3")
}
figure() { printf '%-48s %10s %s\n' "$@"; }

# site NAME BYTES NETWORK-LINE… : a site of a page and a file of random bytes.
site() {
    mkdir -p "$TMP/$1"
    cp sites/files/index.html "$TMP/$1/"
    (($2 == 0)) || head -c "$2" /dev/urandom >"$TMP/$1/data.bin"
    { echo '[network]'; printf '%s\n' "${@:3}"; } >"$TMP/$1/applgen.toml"
    "$APPLGEN" build "$TMP/$1" --kvm -o "$TMP/$1.kvm" >/dev/null 2>&1
}
# kernel_bytes IMAGE : up to the end of its last segment before the bundle.
kernel_bytes() {
    readelf --program-headers --wide "$1" | node -e '
        const loads = require("fs").readFileSync(0, "latin1").split("\n")
            .filter(line => /^ *LOAD/.test(line)).map(line => line.trim().split(/ +/));
        console.log(Math.max(...loads.slice(0, -1).map(load => Number(load[1]) + Number(load[4]))));'
}
milliseconds() { echo $(((${EPOCHREALTIME/[.,]/} - $1) / 1000)); }
now_us() { echo "${EPOCHREALTIME/[.,]/}"; }

# unpacked_bytes IMAGE : what the kernel has in memory once it has unpacked itself,
# without `.bss`.
unpacked_bytes() {
    "$APPLGEN" inspect --json "$1" | sed -n 's/.*"kernel_unpacked_bytes": \([0-9]*\).*/\1/p'
}

# Bytes in the image, of both kinds of machines: as packed. Everything: pages, zones,
# signed ones too, and rules with patterns; both protocols, and the address from DHCP.
zone() { # SITE [RECORD…]
    mkdir -p "$TMP/$1/zones"
    printf '%s\n' '$TTL 3600' '@ SOA ns.example.org. host.example.org. 1 3600 900 86400 300' \
        '@ NS ns.example.org.' 'ns A 192.0.2.53' "${@:2}" >"$TMP/$1/zones/example.org.zone"
}
static4=('ip = "10.0.2.15/24"' 'gw = "10.0.2.2"')
site web 0 "${static4[@]}"
site dhcp 0 'ip = "dhcp"'
site ipv6 0 "${static4[@]}" 'ip6 = "2001:db8::2/64"'
site rules 0 "${static4[@]}"
printf '/old/* /:splat 301\n' >"$TMP/rules/_redirects"
site dns 0 "${static4[@]}"
zone dns && rm "$TMP/dns/index.html"
signed=('@ NSEC ns.example.org. NS SOA NSEC' 'ns NSEC example.org. A NSEC')
site dnssec 0 "${static4[@]}"
zone dnssec "${signed[@]}" && rm "$TMP/dnssec/index.html"
site all 0
zone all "${signed[@]}" && cp "$TMP/rules/_redirects" "$TMP/all/"
# kernel WHAT SITE TARGET [BUDGET] : the kernel of the site's image.
kernel() {
    local image=$TMP/$2.$3
    "$APPLGEN" build "$TMP/$2" "--$3" -o "$image" >/dev/null 2>&1 || fail "$2 does not build for $3"
    local what="kernel, $3: $1" unpacked
    unpacked=$(unpacked_bytes "$image")
    if [[ -n ${4:-} ]]; then
        within "$what" "$(kernel_bytes "$image")" "$4" bytes
    else
        figure "$what" "$(kernel_bytes "$image")" bytes
    fi
    figure "    unpacked, in memory" "$unpacked" bytes
}
for target in kvm xen; do
    kernel "web (static IPv4)" web $target 80000
    kernel "web, DHCP" dhcp $target
    kernel "web, IPv6" ipv6 $target
    kernel "web, rules" rules $target
    kernel "DNS (static IPv4)" dns $target 64000
    kernel "DNS, signed zones" dnssec $target
    kernel "everything" all $target 128000
done

# Instructions: one tick of the guest's counter each.
site one 1000000 'ip = "10.0.2.15/24"' 'gw = "10.0.2.2"'
ticks=
for _ in 1 2; do
    user_network microvm 0
    boot count microvm 32 "$TMP/one.kvm" "applgen.test=ticks" "${network[@]}" -icount shift=0,sleep=off
    await count "$background_pid" '^listening'
    last=$ticks
    ticks=$(sed -n 's/^ticks \([0-9]*\).*/\1/p' "$TMP/count.console")
    kill "$(qemu_of "$background_pid")" && wait "$background_pid" || true
done
within "instructions from entry to listening (1 MB)" "$ticks" 2000000 instructions
[[ $ticks == "$last" ]] || say "the two runs differ: $last, $ticks"

# answered PORT : waits for the first 200.
answered() {
    for _ in $(seq 6000); do
        [[ $(curl --silent --max-time 2 --output /dev/null --write-out '%{http_code}' "http://127.0.0.1:$1/") == 200 ]] && return
        sleep 0.01
    done
    fail "no answer on port $1"
}

# Memory: the least that serves all of a 1 MB site.
for memory in 4 5 6 7 8 12 16; do
    free_port
    user_network microvm "$port"
    boot small microvm "$memory" "$TMP/one.kvm" "" "${network[@]}"
    for _ in $(seq 100); do
        grep -q '^listening' "$TMP/small.console" && break
        kill -0 "$background_pid" 2>/dev/null || break
        sleep 0.05
    done
    if kill -0 "$background_pid" 2>/dev/null &&
        curl --silent --fail --max-time 10 "http://127.0.0.1:$port/data.bin" | cmp --silent - "$TMP/one/data.bin"; then
        power_off small "$background_pid"
        break
    fi
    kill "$background_pid" 2>/dev/null || true
    wait "$background_pid" 2>/dev/null || true
done
within "least memory that serves a 1 MB site" "$memory" 8 MB

# Speed, in turns: ours, Debian's, ours, Debian's. Same machine, same emulator.
debian_guest "$TMP/one"
speed() { # NAME BOOT-ARGUMENTS… : time to the first answer, then requests
    local name=$1 started
    shift
    free_port
    user_network q35 "$port"
    started=$(now_us)
    boot "$name" q35 "$@" "${network[@]}"
    answered "$port"
    figure "$name: QEMU's start to the first 200" "$(milliseconds "$started")" ms
    wrk -t1 -c50 -d4s "http://127.0.0.1:$port/" | awk -v name="$name" '
        /Requests\/sec/ { printf "%-48s %10d requests/s\n", name ": 50 connections", $2 }'
    kill "$(qemu_of "$background_pid")" && wait "$background_pid" || true
}
for _ in 1 2; do
    speed applgen 64 "$TMP/one.kvm" ""
    speed debian+nginx 256 "$debian_kernel" "quiet console=ttyS0" -initrd "$debian_initrd"
done

# Density: twenty guests at once; what each costs this machine.
started=$(now_us) guests=()
for guest in $(seq 20); do
    free_port
    user_network microvm "$port"
    boot "guest$guest" microvm 16 "$TMP/one.kvm" "" "${network[@]}"
    guests+=("$background_pid:$port")
done
total=0
for guest in "${guests[@]}"; do
    answered "${guest#*:}"
    total=$((total + $(resident_kb "$(qemu_of "${guest%:*}")")))
done
figure "20 guests: until all have answered" "$(milliseconds "$started")" ms
figure "20 guests: resident memory of QEMU, each" "$((total / 20))" kB
available=$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)
figure "extrapolated: such guests in this host's memory" "$((available / (total / 20)))" guests

((${#over[@]} == 0)) || {
    printf 'over budget: %s\n' "${over[@]}" >&2
    exit 1
}
