# What the stages and benches with guests share: machines in QEMU.
# Sourced after ci/lib.sh.

# Software emulation, whatever the machine has: the same everywhere.
QEMU_LIMIT=${QEMU_LIMIT:-240}

# boot NAME MACHINE MB IMAGE WORDS [QEMU-ARGUMENT…] : starts a guest, its console
# in $TMP/NAME.console, its monitor reading from $TMP/NAME.monitor. Sets
# `background_pid`. Ends after QEMU_LIMIT seconds at the latest.
boot() {
    local name=$1 machine=$2 memory=$3 image=$4 words=$5
    shift 5
    rm -f "$TMP/$name.monitor" "$TMP/$name.console"
    mkfifo "$TMP/$name.monitor"
    : >"$TMP/$name.console"
    timeout --signal=KILL "$QEMU_LIMIT" qemu-system-x86_64 -M "$machine" -accel tcg -cpu max \
        -m "$memory" -kernel "$image" -append "$words" \
        -nodefaults -no-user-config -display none -no-reboot \
        -serial "file:$TMP/$name.console" -monitor stdio \
        -device isa-debug-exit,iobase=0xf4,iosize=4 "$@" \
        <>"$TMP/$name.monitor" >"$TMP/$name.qemu" 2>&1 &
    background_pid=$!
    pids+=("$background_pid")
}

# The network devices of a machine, on QEMU's user network with a port, or on tap0.
user_network() { # MACHINE PORT
    local device=virtio-net-pci
    [[ $1 == microvm* ]] && device=virtio-net-device
    network=(-netdev "user,id=net,hostfwd=tcp:127.0.0.1:$2-:80" -device "$device,netdev=net")
}
tap_network() { # MACHINE TAP
    local device=virtio-net-pci
    [[ $1 == microvm* ]] && device=virtio-net-device
    network=(-netdev "tap,id=net,ifname=$2,script=no,downscript=no" -device "$device,netdev=net")
}

# await NAME PID PATTERN : waits until the console shows a line like this.
await() {
    local name=$1 pid=$2 pattern=$3
    for _ in $(seq 600); do
        grep -q "$pattern" "$TMP/$name.console" && return
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    cat "$TMP/$name.console" "$TMP/$name.qemu" >&2
    fail "the guest \`$name\` does not say \`$pattern\`"
}

# power_off NAME PID : presses the power button, and fails unless the guest ends
# with 0 and in time.
power_off() {
    local name=$1 pid=$2 status=0
    echo system_powerdown >"$TMP/$name.monitor"
    for _ in $(seq 300); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    kill -0 "$pid" 2>/dev/null && fail "the guest \`$name\` does not power off"
    wait "$pid" || status=$?
    ((status == 0)) || fail "the guest \`$name\` ended with $status"
}

# qemu_of PID : QEMU's own process id, below `timeout`.
qemu_of() { cut -d' ' -f1 "/proc/$1/task/$1/children"; }

# Processor time of a process so far, in ticks of 10 ms; its resident memory in
# kB; the guest's memory that was touched, if it is a memory-backend-memfd.
cpu_ticks() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print $12 + $13 }'; }
resident_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
touched_kb() { awk '/^RssShmem/ { print $2 }' "/proc/$1/status"; }
