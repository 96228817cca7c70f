#!/usr/bin/env bash
# The tables against the other targets: `--tap` in a network namespace, byte by
# byte too, and `--kvm` in QEMU's software emulation, in one piece and in two.
# Usage: ci/http/guests.sh SITE, a copy of ci/http/site that is in no repository.
. "$(dirname "$0")/../lib.sh"
. ci/kvm/lib.sh
. ci/tap/lib.sh
site=$1

if [[ ${2:-} == inside ]]; then
    ip link set lo up
    make_tap tap0 addressed
    serve_tap "$3" tap0
    for address in "$IMAGE4" "[$IMAGE6]"; do
        say "--tap, $address:"
        python3 ci/http/tables.py "$address:80" ci/http/tables/*.txt
    done
    stop "$background_pid"
    exit
fi

need qemu-system-x86_64=qemu-system-x86 unshare=util-linux ip=iproute2 sysctl=procps python3
build_applgen
for target in tap kvm; do
    "$APPLGEN" build "$site" "--$target" -o "$TMP/site.$target" >"$TMP/build" 2>&1 ||
        { cat "$TMP/build" >&2; exit 1; }
done
APPLGEN=$APPLGEN in_namespace "$0" "$site" inside "$TMP/site.tap"

free_port
user_network microvm "$port"
boot guest microvm 64 "$TMP/site.kvm" "ip=10.0.2.15/24 gw=10.0.2.2" "${network[@]}"
await guest "$background_pid" '^listening'
say "--kvm, in one piece and cut:"
python3 ci/http/tables.py --pieces cut "127.0.0.1:$port" ci/http/tables/*.txt
power_off guest "$background_pid"
