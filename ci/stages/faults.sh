#!/usr/bin/env bash
# What goes wrong, through the real command: faults of the site end with 1,
# those of the call or the machine with 2, each says what and where, and none
# leaves half an image.
. "$(dirname "$0")/../lib.sh"
need unshare=util-linux setpriv=util-linux mount=mount git cc=gcc
build_applgen

# refuses CODE PATTERN COMMAND… : the command ends with the code, says nothing on
# standard output, and its message fits the pattern.
refuses() {
    local code=$1 pattern=$2 status=0
    shift 2
    "$@" >"$TMP/out" 2>"$TMP/err" || status=$?
    [[ $status =~ ^$code$ && ! -s $TMP/out ]] && grep -qE -- "$pattern" "$TMP/err" && return
    say "$*" && cat "$TMP/out" "$TMP/err"
    fail "ended with $status instead of $code, or its message does not fit /$pattern/"
}
# nothing_in FOLDER : the failed command left nothing there.
nothing_in() {
    [[ ! -e $1 || -z $(ls -A "$1") ]] || fail "left behind in $1: $(ls -A "$1")"
}

out=$TMP/out.d/site.unix
good=$TMP/good
mkdir "$good"
printf 'hello' >"$good/index.html"

# The call.
refuses 2 'nowhere' "$APPLGEN" build "$TMP/nowhere" -o "$out"
refuses 2 'no-such-option' "$APPLGEN" build "$good" --no-such-option
nothing_in "$TMP/out.d"

# The site.
fault() {
    site=$TMP/fault-$1
    mkdir "$site"
}
fault empty
refuses 1 'empty|no .*file|nothing' "$APPLGEN" build "$site" -o "$out"
fault link
printf 'hello' >"$site/index.html"
ln -s /etc/passwd "$site/passwd.txt"
refuses 1 'passwd\.txt' "$APPLGEN" build "$site" -o "$out"
fault unreadable
printf 'hello' >"$site/index.html"
printf 'secret' >"$site/closed.txt"
chmod 000 "$site/closed.txt"
# Root reads everything unless it gives that up.
without_override=()
((EUID)) || without_override=(setpriv "--bounding-set=-dac_override,-dac_read_search"
    "--inh-caps=-dac_override,-dac_read_search")
refuses '[12]' 'closed\.txt' "${without_override[@]}" "$APPLGEN" build "$site" -o "$out"
fault config
printf 'hello' >"$site/index.html"
printf 'titel = "x"\n' >"$site/applgen.toml"
refuses 1 'applgen\.toml:1:1' "$APPLGEN" build "$site" -o "$out"
grep -q 'did you mean `title`' "$TMP/err" || fail "no hint for a misspelt key"
fault front-matter
printf -- '---\ntitle: [unclosed\n---\n# One\n' >"$site/slides.md"
refuses 1 'slides\.md:' "$APPLGEN" build "$site" -o "$out"
fault zones
mkdir "$site/zones"
: >"$site/zones/example.org.zone"
refuses 1 'zone' "$APPLGEN" build "$site" -o "$out"
fault reference
printf '# One\n\n![a picture](missing.png)\n' >"$site/slides.md"
refuses 1 'slides\.md:3' "$APPLGEN" check "$site"
nothing_in "$TMP/out.d"
"$APPLGEN" build "$site" -o "$TMP/warned.unix" 2>"$TMP/err" || fail "a broken reference stops a build"
grep -q 'slides.md:3' "$TMP/err" || fail "a build does not tell a broken reference"
# Larger than any image, and yet refused quickly and in little memory.
fault large
printf 'hello' >"$site/index.html"
truncate -s 3G "$site/large.bin"
(
    ulimit -v 2000000
    refuses 1 'large\.bin|[0-9]{10}' "$APPLGEN" build "$site" -o "$out"
)
nothing_in "$TMP/out.d"
say "faults of call and site: told, and nothing left"

# The machine: a full disk, a read-only one, in mounts that only we see.
"$APPLGEN" build "$good" -o "$TMP/good.unix" # the kernel is compiled now
head -c 8000000 /dev/urandom >"$good/large.bin"
alone=(unshare --mount)
((EUID)) && alone=(unshare --mount --map-root-user)
mkdir "$TMP/disk"
on_disk() { # on_disk OPTIONS AFTER COMMAND : runs a command on a small disk
    "${alone[@]}" bash -c "mount -t tmpfs -o $1 none '$TMP/disk' && printf old >'$TMP/disk/site.unix' &&
        $2 && shift 0 && { status=0; \"\$@\" || status=\$?; ls -A '$TMP/disk' >'$TMP/listing';
        cat '$TMP/disk/site.unix' >'$TMP/kept'; exit \$status; }" bash "${@:3}"
}
refuses 2 'the disk is full' on_disk size=4m true "$APPLGEN" build "$good" -o "$TMP/disk/site.unix"
expect "what a full disk leaves" "$(cat "$TMP/listing" "$TMP/kept")" "$(printf 'site.unix\nold')"
refuses 2 'read-only' on_disk size=64m "mount -o remount,ro '$TMP/disk'" \
    "$APPLGEN" build "$good" -o "$TMP/disk/site.unix"
expect "what a read-only disk leaves" "$(cat "$TMP/listing" "$TMP/kept")" "$(printf 'site.unix\nold')"
"$APPLGEN" build "$good" -o "$TMP/good.unix"
say "full and read-only disks: told, and the old image is whole"

# No compiler: with a warm cache an image all the same, without one a clear word.
bare=(env PATH=/nowhere)
"${bare[@]}" "$APPLGEN" build "$good" -o "$TMP/bare.unix" || fail "a warm cache needs a compiler"
same_bytes "$TMP/good.unix" "$TMP/bare.unix" "an image made without a compiler"
refuses 2 '`cargo` is not installed' "${bare[@]}" APPLGEN_CACHE="$TMP/cold" "$APPLGEN" build "$good" -o "$out"
grep -q '^hint: ' "$TMP/err" || fail "no hint how to get a compiler"
say "no compiler: an image from the cache, or a hint"

# ^C while the kernel compiles and while the image is written.
interrupt() { # interrupt CACHE : a build that is ended halfway, with status 130
    local status=0
    env --default-signal=INT APPLGEN_CACHE="$1" "$APPLGEN" build "$good" -o "$out" 2>"$TMP/err" &
    local pid=$!
    pids+=("$pid")
    sleep 1
    kill -INT "$pid"
    wait "$pid" || status=$?
    expect "the status after ^C" "$status" 130
}
interrupt "$TMP/cold"
nothing_in "$TMP/out.d"
leftover=$(find "$TMP/cold" -mindepth 1 ! -name kernels ! -name .lock ! -name toolchain.json ! -path '*/encoded*' ! -path '*/cache/*' | head -n 3)
[[ -z $leftover ]] || fail "^C leaves $leftover"
say "^C: status 130, nothing left"
