#!/usr/bin/env bash
# Licences, sources and bans of every dependency (deny.toml), and known
# advisories whenever their database can be had.
. "$(dirname "$0")/../lib.sh"
need cc=gcc git

# Compiled without optimisation: a minute and a half instead of five, for a
# program that runs for a second.
version=0.20.2
deny=$CI_CACHE/cargo-deny-$version/bin/cargo-deny
if [[ ! -x $deny ]]; then
    say "installing cargo-deny $version"
    CARGO_PROFILE_DEV_DEBUG=0 cargo install cargo-deny --version "$version" --locked --debug \
        --quiet --root "$CI_CACHE/cargo-deny-$version" --target-dir "$TMP/target"
fi

"$deny" --locked check licenses bans sources
if timeout 60 "$deny" fetch db 2>"$TMP/fetch"; then
    "$deny" --locked check advisories
else
    say "NOT CHECKED: known advisories; their database cannot be had from here:"
    tail -n 1 "$TMP/fetch"
fi
