#!/usr/bin/env bash
# A release, used where there is no Rust: its command builds, serves and deploys
# with the kernels that it carries. Two releases of one commit are the same bytes
# up to the compiler, so one is enough here.
. "$(dirname "$0")/../lib.sh"
need git tar curl

RELEASE_TARGETS="${RELEASE_TARGETS:-unix}" ci/release "$TMP/release"
(cd "$TMP/release" && sha256sum --check --quiet SHA256SUMS)
mkdir "$TMP/installed"
tar -xzf "$TMP"/release/applgen-*.tar.gz -C "$TMP/installed" --strip-components=1
APPLGEN=$TMP/installed/bin/applgen
ldd "$APPLGEN" 2>&1 | grep -q 'not a dynamic executable\|statically linked' ||
    fail "the release is not static: $(ldd "$APPLGEN")"

# Nothing but git on PATH, an empty home, no cache of ours.
mkdir "$TMP/bin" "$TMP/home"
ln -s "$(command -v git)" "$TMP/bin/git"
bare=(env -i "PATH=$TMP/bin" "HOME=$TMP/home")
cp -r sites/files "$TMP/site"
"${bare[@]}" "$APPLGEN" build "$TMP/site" -o "$TMP/site.unix"
serve "$TMP/site.unix"
fetch / page
same_bytes "$TMP/page.body" "$TMP/site/index.html" "the page of a release's image"
stop "$background_pid"
"${bare[@]}" git init --quiet "$TMP/repository"
"${bare[@]}" GIT_AUTHOR_NAME=CI GIT_AUTHOR_EMAIL=ci@example.org GIT_COMMITTER_NAME=CI \
    GIT_COMMITTER_EMAIL=ci@example.org "$APPLGEN" deploy "$TMP/site" --to "$TMP/repository"
"${bare[@]}" "$APPLGEN" verify --repo "$TMP/repository"
say "a release of $(stat -c %s "$TMP"/release/*.tar.gz) bytes builds, serves and deploys without Rust"
