# What the scripts in ci/ share: tools, temporary folders, servers, curl.
# Sourced first by each of them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Where tools and compiled kernels are kept between runs, outside the tree.
CI_CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/applgen-ci
mkdir -p "$CI_CACHE"
export APPLGEN_CACHE=$CI_CACHE/applgen

# One folder for all that a script writes; it goes when the script ends, and
# with it every process that was started with `background`.
TMP=$(mktemp -d)
pids=()
clean_up() {
    local pid
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    done
    rm -rf "$TMP"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "$*"; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# Debian keeps servers where users do not look.
PATH=$PATH:/usr/sbin:/sbin

# need PROGRAM[=DEBIAN-PACKAGE]… : each program is there, or is installed now,
# or the stage fails and says which one is missing.
need() {
    local wanted program package missing=()
    for wanted in "$@"; do
        program=${wanted%%=*} package=${wanted#*=}
        command -v "$program" >/dev/null || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    install_packages "${missing[@]}"
    for wanted in "$@"; do
        program=${wanted%%=*} package=${wanted#*=}
        command -v "$program" >/dev/null ||
            fail "\`$program\` is missing, and apt-get could not install \`$package\`"
    done
}

install_packages() {
    local root=()
    command -v apt-get >/dev/null || fail "missing: $*; install them, this is no Debian"
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "missing: $*; run apt-get install $* as root"
        root=(sudo --non-interactive)
    fi
    say "installing $*"
    # Two stages may want something at once, and apt-get does not wait.
    local turn
    exec {turn}>"$CI_CACHE/apt.lock"
    flock "$turn"
    "${root[@]}" apt-get update >"$TMP/apt" 2>&1 || { tail -n 5 "$TMP/apt" >&2; }
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@" >"$TMP/apt" 2>&1 ||
        { tail -n 20 "$TMP/apt" >&2; fail "apt-get could not install $*"; }
    exec {turn}>&-
}

# The fixtures that lie beside the checkout. Without them a stage does less, and
# says so; in continuous integration that is a failure.
FIXTURES=${APPLGEN_FIXTURES:-../shared/fixtures}
have_fixture() {
    [[ -d $FIXTURES/$1 ]] && return 0
    [[ ${CI:-} == true ]] && fail "the fixture \`$1\` is missing: no $FIXTURES/$1"
    say "NOT CHECKED: the fixture \`$1\` is missing (no $FIXTURES/$1)"
    return 1
}

# Builds the command, as people run it, and sets APPLGEN to its path; or takes
# the one that the environment names.
build_applgen() {
    local line
    [[ -z ${APPLGEN:-} ]] || return 0
    line=$(cargo build --release --locked --package applgen --message-format=json-render-diagnostics |
        grep '"executable":"[^"]*/applgen"' | tail -n 1)
    APPLGEN=$(sed 's/.*"executable":"\([^"]*\)".*/\1/' <<<"$line")
    [[ -x $APPLGEN ]] || fail "cargo built no \`applgen\`"
}

# background OUTPUT COMMAND… : starts a server whose output goes to a file, to
# be ended with the script. Sets `background_pid`.
background() {
    local output=$1
    shift
    # At once: what another process said there is not this one's word.
    : >"$output"
    "$@" >"$output" 2>&1 &
    background_pid=$!
    pids+=("$background_pid")
}

# A loopback port that nothing listens on, below those that clients are given. Each script searches from a place of
# its own, so that two at once do not meet.
next_port=$((20000 + $$ % 12000))
free_port() {
    while :; do
        next_port=$((next_port + 1))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$next_port") 2>/dev/null; then
            port=$next_port
            return
        fi
    done
}

# serve IMAGE [WORD…] : runs an image on a free port and waits until it says
# that it listens. Sets `port`, `url` and `background_pid`.
serve() {
    local image=$1
    shift
    free_port
    serve_command "$port" "$image" "http=127.0.0.1:$port" "$@"
}

# serve_command PORT COMMAND… : the same for any command that serves there.
serve_command() {
    port=$1
    shift
    local log=$TMP/server-$port
    url=http://127.0.0.1:$port
    background "$log" "$@"
    for _ in $(seq 500); do
        grep -qs "^listening $url/" "$log" && return
        kill -0 "$background_pid" 2>/dev/null || break
        sleep 0.02
    done
    cat "$log" >&2
    fail "\`$1\` does not listen on $url"
}

# Ends a server, and fails unless it ends with 0 and in time.
stop() {
    local pid=$1 status=0
    kill -TERM "$pid"
    for _ in $(seq 500); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.02
    done
    kill -0 "$pid" 2>/dev/null && fail "the server does not end on SIGTERM"
    wait "$pid" || status=$?
    ((status == 0)) || fail "the server ended with $status"
}

# A path as a URL's path: everything but unreserved characters and `/` escaped,
# byte by byte.
url_path() {
    local LC_ALL=C text=$1 i byte
    for ((i = 0; i < ${#text}; i++)); do
        byte=${text:i:1}
        case $byte in
            [A-Za-z0-9._~/-]) printf '%s' "$byte" ;;
            *) printf '%%%02X' "'$byte" ;;
        esac
    done
}

# fetch URL-PATH NAME [CURL-OPTION…] : the answer's status line and headers in
# $TMP/NAME.head (lines without CR), its body, as sent, in $TMP/NAME.body.
fetch() {
    local path=$1 name=$2
    shift 2
    curl --silent --show-error --max-time 20 --path-as-is "$@" \
        --dump-header "$TMP/$name.raw" --output "$TMP/$name.body" "$url$path" ||
        fail "curl failed on $url$path"
    tr -d '\r' <"$TMP/$name.raw" >"$TMP/$name.head"
    [[ -e $TMP/$name.body ]] || : >"$TMP/$name.body"
}

# The status of the last `fetch NAME`, and one header of it (nothing if absent).
status_of() { awk 'NR == 1 { print $2 }' "$TMP/$1.head"; }
header_of() {
    awk -v name="$2" 'BEGIN { name = tolower(name) ":" }
        tolower(substr($0, 1, length(name))) == name {
            sub(/^[^:]*:[ \t]*/, ""); print; exit }' "$TMP/$1.head"
}

# expect WHAT ACTUAL EXPECTED
expect() {
    [[ $2 == "$3" ]] || fail "$1 is \`$2\`, not \`$3\`"
}
same_bytes() {
    cmp --silent "$1" "$2" || fail "$3: the bytes differ"
}
