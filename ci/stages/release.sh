#!/usr/bin/env bash
# A release, used where there is no Rust: the one file builds, serves and deploys
# with the kernels that it carries, the action works with it, and its kernels are
# what the same sources compile to here.
. "$(dirname "$0")/../lib.sh"
need git tar curl jq minisign python3 cc=gcc qemu-system-x86_64=qemu-system-x86
build_applgen
compiling=$APPLGEN

# Whose it is comes from the clone: this one is of a repository on GitHub.
GITHUB_REPOSITORY=somebody/applgen ci/release "$TMP/release" >"$TMP/packing" 2>&1 || { cat "$TMP/packing" >&2; exit 1; }
grep packed "$TMP/packing"
(cd "$TMP/release" && sha256sum --check --quiet SHA256SUMS)
tarball=$(echo "$TMP"/release/applgen-*.tar.gz)
mkdir "$TMP/installed" "$TMP/bin" "$TMP/home"
tar -xzf "$tarball" -C "$TMP/installed" --strip-components=1
# The file alone is the release.
mv "$TMP/installed/applgen" "$TMP/applgen"
APPLGEN=$TMP/applgen
linked=$(ldd "$APPLGEN" 2>&1 || true)
grep -q 'not a dynamic executable\|statically linked' <<<"$linked" || fail "the release is not static: $linked"
[[ -s $TMP/installed/man/applgen-build.1 ]] || fail "the release has no manual"

# Nothing but git on PATH, an empty home, no cache of ours.
ln -s "$(command -v git)" "$TMP/bin/git"
bare=(env -i "PATH=$TMP/bin" "HOME=$TMP/home")
"${bare[@]}" "$APPLGEN" doctor >/dev/null || fail "\`applgen doctor\` misses something where a release needs nothing"
cp -r sites/files "$TMP/site"
for target in unix tap kvm xen; do
    "${bare[@]}" "$APPLGEN" build "$TMP/site" "--$target" -o "$TMP/site.$target" >/dev/null 2>"$TMP/err" ||
        { cat "$TMP/err" >&2; fail "a release builds no image for \`$target\`"; }
    [[ $(jq '.kernel.unused_features' "$TMP/site.$target.json") == null ]] ||
        fail "the release has no kernel of its own for a site of files on \`$target\`"
done
say "a set that the release has no kernel of its own for: the smallest that has all of it"
mkdir "$TMP/both" "$TMP/both/zones"
printf '<h1>both</h1>' >"$TMP/both/index.html"
printf '/old/* /:splat\n' >"$TMP/both/_redirects"
printf '$TTL 300\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n' >"$TMP/both/zones/example.org.zone"
"${bare[@]}" "$APPLGEN" build "$TMP/both" --kvm -o "$TMP/both.kvm" >/dev/null 2>"$TMP/err" ||
    { cat "$TMP/err" >&2; fail "a release builds no image for a set that it does not carry"; }
expect "what its kernel has and the site does not need" "$(jq -c '.kernel.unused_features' "$TMP/both.kvm.json")" '["dnssec"]'
"${bare[@]}" "$APPLGEN" inspect "$TMP/both.kvm" >"$TMP/out"
grep -q 'dnssec' "$TMP/out" || { cat "$TMP/out"; fail "\`applgen inspect\` does not say what is over"; }
free_port
background "$TMP/guest" timeout 90 "$APPLGEN" run "$TMP/both.kvm" --http "$port"
for _ in $(seq 600); do
    curl --silent --max-time 5 --location "http://127.0.0.1:$port/old/" >"$TMP/page" && break
    kill -0 "$background_pid" 2>/dev/null || break
    sleep 0.1
done
[[ $(cat "$TMP/page") == "<h1>both</h1>" ]] || { cat "$TMP/guest"; fail "the guest with more than it needs does not answer"; }

[[ ! -e $TMP/home/.cache/applgen/kernels ]] || fail "a release stored kernels in a cache"
serve "$TMP/site.unix"
fetch / page
same_bytes "$TMP/page.body" "$TMP/site/index.html" "the page of a release's image"
stop "$background_pid"
free_port
background "$TMP/guest" timeout 90 "$APPLGEN" run "$TMP/site.kvm" --http "$port"
for _ in $(seq 600); do
    curl --silent --max-time 5 "http://127.0.0.1:$port/" >"$TMP/page" && break
    kill -0 "$background_pid" 2>/dev/null || break
    sleep 0.1
done
cmp --silent "$TMP/page" "$TMP/site/index.html" || { cat "$TMP/guest"; fail "the guest of a release does not answer"; }

say "the same bytes as those that are compiled here, alone and in a folder of their own"
for target in unix kvm; do
    APPLGEN_CACHE=$TMP/fresh "$compiling" build "$TMP/site" "--$target" -o "$TMP/own.$target" >/dev/null 2>"$TMP/err" ||
        { cat "$TMP/err" >&2; fail "no image for \`$target\`"; }
    same_bytes "$TMP/site.$target" "$TMP/own.$target" "the image for $target of a release"
done

git init --quiet "$TMP/repository"
people=(GIT_AUTHOR_NAME=CI GIT_AUTHOR_EMAIL=ci@example.org GIT_COMMITTER_NAME=CI GIT_COMMITTER_EMAIL=ci@example.org)
"${bare[@]}" "${people[@]}" "$APPLGEN" deploy "$TMP/site" --to "$TMP/repository" >/dev/null 2>&1
"${bare[@]}" "$APPLGEN" verify --repo "$TMP/repository" >/dev/null

say "the workflow of a new site takes this very release"
"${bare[@]}" "$APPLGEN" new files "$TMP/new" --ci 2>/dev/null
grep -q "uses: somebody/applgen/.github/actions/deploy@$(git rev-parse HEAD)$" "$TMP/new/.github/workflows/deploy.yml" ||
    fail "the workflow does not name the release's commit"

say "the scripts of the action, with this release behind \`gh\`"
# A server with the tag of the release; the action is pinned by the commit.
git init --quiet --bare "$TMP/server/somebody/applgen"
# A checkout may be shallow, and so may its copy.
git -C "$TMP/server/somebody/applgen" config receive.shallowUpdate true
git push --quiet "$TMP/server/somebody/applgen" HEAD:refs/heads/main 2>"$TMP/err" ||
    { cat "$TMP/err" >&2; fail "no copy of this repository"; }
env "${people[@]}" git -C "$TMP/server/somebody/applgen" tag --annotate -m release v7.7.7 main
mkdir "$TMP/stubs" "$TMP/runner"
cat >"$TMP/stubs/gh" <<IN
#!/bin/sh
case "\$1 \$2 \$3" in
"release download v7.7.7") cp "$tarball" . ;;
"attestation verify "*) [ -e "\$3" ] ;;
*) echo "gh \$*" >&2; exit 1 ;;
esac
IN
printf '#!/bin/sh\necho %s\n' "'{\"ssh_keys\": [\"ssh-ed25519 AAAA\"]}'" >"$TMP/stubs/curl"
chmod +x "$TMP"/stubs/*
minisign -G -W -f -p "$TMP/mini.pub" -s "$TMP/mini.key" >/dev/null
git init --quiet --bare "$TMP/hub.git"
git -C "$TMP/site" init --quiet
git -C "$TMP/site" add .
env "${people[@]}" git -C "$TMP/site" commit --quiet -m first
action() {
    env PATH="$TMP/stubs:$PATH" HOME="$TMP/home" GITHUB_ACTOR=ci GITHUB_SERVER_URL="file://$TMP/server" \
        python3 ci/deploy/action.py .github/actions/deploy/action.yml "$TMP/runner" \
        github.token=none github.action_repository=somebody/applgen github.action_ref="$1" \
        "inputs.site=$TMP/site" "inputs.to=$TMP/hub.git" inputs.deploy-key=none inputs.targets=unix,kvm \
        "inputs.sign-key=$(cat "$TMP/mini.key")"
}
action "$(git rev-parse HEAD)" >/dev/null 2>"$TMP/err" || { cat "$TMP/err" >&2; fail "the action does not deploy"; }
grep -q '^tag=v7.7.7$' "$TMP/runner/GITHUB_OUTPUT" || fail "the action does not find the release of its commit"
expect "deploys of the action" "$(grep -c '^site/.*/1 ' "$TMP/runner/GITHUB_OUTPUT")" 2
"${bare[@]}" "$APPLGEN" verify --repo "$TMP/hub.git" --key "$TMP/mini.pub" >/dev/null
rm -r "$TMP/runner" && mkdir "$TMP/runner"
if action "$(printf '%040d' 0)" >"$TMP/out" 2>"$TMP/err"; then fail "an action without a release goes on"; fi
grep -q '::error::there is no release' "$TMP/out" || fail "an action without a release does not say so"

say "the example sites are published"
git init --quiet --bare "$TMP/sites.git"
publish=(env APPLGEN="$APPLGEN" DIST="$TMP/dist" TO="$TMP/sites.git" SIGN_KEY="$(cat "$TMP/mini.key")")
"${publish[@]}" ci/publish build >"$TMP/out" 2>&1 || { tail -n 20 "$TMP/out" >&2; fail "an example site does not build"; }
# A checkout with changes has no commit that a published site could name.
if [[ -z $(git status --porcelain -- sites) ]]; then
    "${publish[@]}" ci/publish deploy >"$TMP/out" 2>&1 || { tail -n 20 "$TMP/out" >&2; fail "the sites are not published"; }
    "${bare[@]}" "$APPLGEN" verify --repo "$TMP/sites.git" --key "$TMP/mini.pub" >/dev/null
    expect "published sites" "$("${bare[@]}" "$APPLGEN" log --repo "$TMP/sites.git" | wc -l)" "$(find sites -mindepth 1 -maxdepth 1 -type d | wc -l)"
fi
say "a release of $(stat -c %s "$tarball") bytes, its one file of $(stat -c %s "$APPLGEN"), builds, serves and deploys without Rust"
