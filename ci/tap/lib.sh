# What the scripts about `--tap` share; sourced after ci/lib.sh. They run
# themselves again in a network namespace of their own.

# in_namespace SCRIPT [ARGUMENT…] : the script again, where it may make devices.
in_namespace() {
    local enter=(unshare --net)
    ((EUID == 0)) || enter=(unshare --map-root-user --net)
    "${enter[@]}" bash "$@"
}

# Addresses: Linux's end of a link, and the image's.
HOST4=192.0.2.1 IMAGE4=192.0.2.2 HOST6=2001:db8::1 IMAGE6=2001:db8::2

# make_tap NAME [ADDRESSED] : a tap device that is up; with the host's addresses.
make_tap() {
    ip tuntap add dev "$1" mode tap
    sysctl --quiet --write "net.ipv6.conf.$1.accept_dad=0" "net.ipv6.conf.$1.router_solicitations=0"
    if [[ ${2:-} == addressed ]]; then
        ip address add "$HOST4/24" dev "$1"
        ip -6 address add "$HOST6/64" dev "$1" nodad
    else
        sysctl --quiet --write "net.ipv6.conf.$1.disable_ipv6=1"
    fi
    ip link set "$1" up
}

# serve_tap IMAGE TAP [WORD…] : an image on a device, with both addresses. Waits
# until it says that it listens; sets `background_pid`, and `tap_log` to where
# what it says goes.
serve_tap() {
    local image=$1 tap=$2
    shift 2
    tap_log=$TMP/tap-$tap
    background "$tap_log" "$image" "tap=$tap" "ip=$IMAGE4/24" "gw=$HOST4" "ip6=$IMAGE6/64" "$@"
    for _ in $(seq 500); do
        (($(grep -c '^listening http://' "$tap_log") == 2)) && return
        kill -0 "$background_pid" 2>/dev/null || break
        sleep 0.02
    done
    cat "$tap_log" >&2
    fail "\`$image\` does not listen on \`$tap\`"
}

# A field of /proc/PID/status.
process_status() { awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"; }
