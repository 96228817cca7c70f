#!/usr/bin/env bash
# What a deploy costs: growth of the repository by how images are committed, and
# the time from a commit of the site to a pushed image, with warm caches.
. "$(dirname "$0")/../lib.sh"
need git cc=gcc python3 ssh-keygen=openssh-client xz=xz-utils
build_applgen
. ci/deploy/growth.sh

export GIT_CONFIG_GLOBAL=$TMP/gitconfig GIT_CONFIG_NOSYSTEM=1
git config --global user.name CI
git config --global user.email ci@example.org
git config --global gc.auto 0
ssh-keygen -q -t ed25519 -N '' -C ci -f "$TMP/key"
repository() {
    git -C "$1" init --quiet
    git -C "$1" add .
    git -C "$1" commit --quiet -m "first"
}
deploy() { "$APPLGEN" deploy "$@" >"$TMP/out" 2>"$TMP/err" || { cat "$TMP/err" >&2; fail "no deploy of $1"; }; }

# The same images, compressed as a whole before they are committed.
as_xz() {
    local from=$1 to=$TMP/$2-xz commit before
    git init --quiet "$to"
    for commit in $(git -C "$from" rev-list --reverse HEAD); do
        git -C "$from" show "$commit:$3" | xz -6 >"$to/image.xz"
        git -C "$to" add image.xz
        git -C "$to" commit --quiet -m "$commit"
        [[ -n ${before:-} ]] || before=$(repository_bytes "$to")
    done
    printf '%-52s %9d bytes\n' "growth per deploy, $2, image as .xz" \
        $((($(repository_bytes "$to") - before) / 20))
}
for kind in fixture pages; do
    [[ $kind == pages ]] || have_fixture oscon14 || continue
    measure_growth "$kind" 1000000 >/dev/null
    printf '%-52s %9d bytes\n' "growth per deploy, $kind, raw image" "$growth"
    as_xz "$TMP/growth-$kind-ops" "$kind" "growth-$kind/unix/growth-$kind.unix"
done
printf '%-52s %9d bytes\n' "the same with the original pipeline's kernels (2014)" 577000

git init --quiet --bare "$TMP/hub.git"
site=$TMP/growth-pages
for n in $(seq 5); do
    edit_site "$site" '' $((n + 20))
    git -C "$site" commit --quiet -am "edit $n"
    started=$EPOCHREALTIME
    deploy "$site" --to "$TMP/hub.git" --sign "$TMP/key"
    printf '%s\n' $((${EPOCHREALTIME/[.,]/} - ${started/[.,]/}))
done | sort -n | awk '{ all[NR] = $1 }
    END { printf "%-52s %9.1f ms\n", "commit to pushed image, 1,000 pages, one edited", all[int((NR + 1) / 2)] / 1000 }'
