#!/usr/bin/env bash
# Clippy has nothing to say, in every target of every crate.
. "$(dirname "$0")/../lib.sh"
cargo clippy --workspace --all-targets --locked -- -D warnings
# What kernels leave out of the network code is left out without a trace.
for features in http http,ipv6 http,dhcp; do
    cargo clippy --package applgen-net --no-default-features --features "$features" --locked -- -D warnings
done
