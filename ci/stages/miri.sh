#!/usr/bin/env bash
# The kernel's pure parts and its drivers, against played devices, under Miri:
# undefined behaviour, and races between a driver and a device in a thread of its
# own.
. "$(dirname "$0")/../lib.sh"
need cc=gcc

# Miri comes with nightly compilers only. What it checks does not depend on which
# one; what ships is compiled by the toolchain of rust-toolchain.toml.
have_miri() { rustup component list --toolchain nightly --installed 2>/dev/null | grep -q '^miri'; }
if ! have_miri; then
    rustup component add miri rust-src --toolchain nightly >"$TMP/rustup" 2>&1 ||
        rustup toolchain install nightly --profile minimal --component miri,rust-src \
            >>"$TMP/rustup" 2>&1 || true
fi
if ! have_miri; then
    tail -n 5 "$TMP/rustup" >&2
    say "NOT CHECKED: no nightly toolchain with Miri is here, and rustup gets none"
    exit 0
fi
say "$(cargo +nightly miri --version)"

# Devices know memory by address alone, so provenance is exposed by intent; and
# pages that a played host was granted are its own for ever, as in a guest.
export MIRIFLAGS="-Zmiri-permissive-provenance -Zmiri-disable-isolation -Zmiri-ignore-leaks"
cargo +nightly miri test --locked --package applgen-kernel --lib
