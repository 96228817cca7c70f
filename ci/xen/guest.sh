# What scripts in the lab's dom0 share: guests, their consoles, and checks.
# Sourced by them; `/lab/in` is where they run.
set -euo pipefail

fail() {
    printf 'error: %s\n' "$*"
    local log
    for log in /var/log/xen/console/guest-*.log; do
        [[ -f $log ]] && { echo "── $log"; tail -n 12 "$log"; }
    done
    xl list
    exit 1
}
trap 'fail "line $LINENO: \`$BASH_COMMAND\` failed"' ERR

milliseconds() { echo $((${EPOCHREALTIME/./} / 1000)); }
started=$(milliseconds)
passed() { printf '%4d s  %s\n' $((($(milliseconds) - started) / 1000)) "$*"; }

console() { echo "/var/log/xen/console/guest-$1.log"; }

# create NAME [SETTING…] : starts a guest by its generated configuration, as it
# lies there; settings are xl's own `key=value` arguments.
create() {
    local name=$1
    shift
    : >"$(console "$name")"
    # Where the emulator is starved, xl's own limit for its scripts (10 s) passes.
    local try
    for try in 1 2 3; do
        xl create "$name.xl" "$@" >xl.out 2>&1 && return
        grep -q 'because of timeout' xl.out || break
        echo "try $try: xl was out of time for $name"
    done
    cat xl.out
    fail "xl create $name.xl $*"
}

# wait_for SECONDS WHAT COMMAND… : until the command succeeds. The seconds are an
# idle machine's; a busy one is given four times as many.
wait_for() {
    local until=$(($(milliseconds) + $1 * 4000)) what=$2
    shift 2
    until "$@"; do
        (($(milliseconds) < until)) || fail "out of time: $what"
        sleep 0.2
    done
}

# says NAME PATTERN : its console's log has a line like that.
says() { grep -q -- "$2" "$(console "$1")"; }

# address NAME : the address that it says it listens on.
address() {
    wait_for 60 "$1 does not say that it listens" says "$1" '^listening http://[0-9]'
    sed -n 's|^listening http://\([0-9.]*\):80/.*|\1|p' "$(console "$1")" | tail -n 1
}

id_of() { xl domid "$1" 2>/dev/null || true; }
present() { [[ -n $(id_of "$1") ]]; }
gone() { [[ -z $(id_of "$1") ]]; }
answers() { curl -s -o /dev/null --max-time 2 "http://$1/"; }

# same FILE URL : the bytes at the address are the file's.
same() {
    curl -s --show-error --max-time 300 -o got "$2" || fail "curl: $2"
    cmp "$1" got || fail "$2 differs from $1"
}
