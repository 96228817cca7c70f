#!/usr/bin/env bash
# The same site gives the same bytes: built by the command as people have it, and
# by one from a copy of this tree, not optimised; with two empty kernel caches and
# everything else different that ever leaked into a program: folders, CARGO_HOME,
# HOME, TZ, language, umask, number of threads, flags in the environment.
. "$(dirname "$0")/../lib.sh"
need git cc=gcc cmp=diffutils
build_applgen

cargo_home=${CARGO_HOME:-$HOME/.cargo}
rustup_home=${RUSTUP_HOME:-$HOME/.rustup}

# What cargo needs to work without a network, under another name.
copy_cargo_home() {
    mkdir -p "$1/registry"
    cargo fetch --locked --quiet
    local part
    for part in registry/index registry/cache config.toml config; do
        [[ -e $cargo_home/$part ]] && cp -r "$cargo_home/$part" "$1/$part"
    done
    return 0
}

# The site: a deck and files, in a repository of its own with one commit, so
# that dates and the source commit are in play.
site=$TMP/one/talk
mkdir -p "$site/slides/talk"
printf -- '---\ntitle: Twice\n---\n# One\n\n---\n\n# Two\n\n```rust\nfn main() {}\n```\n' >"$site/slides/talk/content.md"
seq 5000 >"$site/slides/talk/numbers.txt"
have_fixture oscon14 && cp -r "$FIXTURES/oscon14/slides/oscon14" "$site/slides/"
git -C "$site" init --quiet
git -C "$site" add .
GIT_AUTHOR_DATE=2020-02-02T02:02:02Z GIT_COMMITTER_DATE=2020-02-02T02:02:02Z \
    git -C "$site" -c user.name=A -c user.email=a@example.org commit --quiet -m "one"
mkdir -p "$TMP/another place/for sites"
git clone --quiet "$site" "$TMP/another place/for sites/talk"
# File times differ, as after any clone.
find "$TMP/another place/for sites/talk" -name .git -prune -o -type f -exec touch -d 2001-01-01 {} +

# copy NAME : this tree as git would check it out, elsewhere.
copy_tree() {
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard |
        xargs -0 cp --parents --no-dereference -t "$1"
}

# images COMMAND PLACE SITE SETTING… : the images of a site under PLACE, with these
# settings in the environment.
images() {
    local command=$1 place=$2 site=$3 target
    shift 3
    mkdir -p "$place/home"
    (
        cd "$place/home"
        # A guest's kernel is packed too.
        for target in unix kvm; do
            env "RUSTUP_HOME=$rustup_home" "HOME=$place/home" "APPLGEN_CACHE=$place/cache" CARGO_NET_OFFLINE=true "$@" \
                "$command" build "$site" --$target -o "$place/talk.$target"
        done
    )
}

(umask 022 && images "$APPLGEN" "$TMP/a" "$site" "CARGO_HOME=$cargo_home" TZ=UTC LC_ALL=C RAYON_NUM_THREADS=1)

place="$TMP/b c/d"
(
    umask 077
    copy_tree "$place/src"
    copy_cargo_home "$place/cargo"
    surroundings=("CARGO_HOME=$place/cargo" TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 LANG=tr_TR.UTF-8 RAYON_NUM_THREADS=7
        USER=other CARGO_BUILD_JOBS=1 RUSTFLAGS=-Cdebuginfo=2 CARGO_PROFILE_APPLIANCE_OPT_LEVEL=1)
    env "CARGO_HOME=$place/cargo" CARGO_NET_OFFLINE=true CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$place/target" \
        cargo build --locked --quiet --package applgen --manifest-path "$place/src/Cargo.toml"
    images "$place/target/debug/applgen" "$place" "$TMP/another place/for sites/talk" "${surroundings[@]}"
)

for name in talk.{unix,kvm}{,.json}; do
    same_bytes "$TMP/a/$name" "$TMP/b c/d/$name" "$name"
done
expect "the image's mode" "$(stat -c %a "$TMP/a/talk.unix") $(stat -c %a "$TMP/b c/d/talk.unix")" "755 755"
kernels=("$TMP"/a/cache/kernels/*/kernel.elf)
expect "the number of kernels compiled" "${#kernels[@]}" 2
for place in "$TMP/a" "$TMP/b c/d"; do
    grep -aqF "$TMP" "$place/talk.unix" && fail "a path of this machine is in the image"
    grep -qF '"unpacked_bytes"' "$place/talk.kvm.json" || fail "the kernel of the guest is not packed"
done
grep -q '"dirty": false' "$TMP/a/talk.unix.json" || fail "the manifest does not name the commit"
say "the same $(stat -c %s "$TMP/a/talk.unix") bytes and the same manifest twice:"
sha256sum <"$TMP/a/talk.unix"
