#!/usr/bin/env bash
# Clippy has nothing to say, in every target of every crate.
. "$(dirname "$0")/../lib.sh"
cargo clippy --workspace --all-targets --locked -- -D warnings
# The kernels themselves, which no host build compiles: each set of features.
for features in virtio,http virtio,http,ipv6,dhcp; do
    RUSTFLAGS="-Crelocation-model=static" cargo clippy --locked --profile machine \
        --target x86_64-unknown-linux-gnu --package applgen-kernel --bin applgen-kernel \
        --no-default-features --features "machine,$features" -- -D warnings
done
# What kernels leave out of the network code is left out without a trace.
for features in http http,ipv6 http,dhcp; do
    cargo clippy --package applgen-net --no-default-features --features "$features" --locked -- -D warnings
done
