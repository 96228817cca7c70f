#!/usr/bin/env bash
# Kernels with their symbols: what a feature set leaves out is not in them, and
# what it names is.
. "$(dirname "$0")/../lib.sh"

# symbols FEATURES : the names in a kernel with these features.
symbols() {
    RUSTFLAGS="-Ctarget-cpu=x86-64 -Crelocation-model=static -Cjump-tables=no" CARGO_PROFILE_MACHINE_STRIP=none \
        cargo build --quiet --locked --profile machine --target x86_64-unknown-linux-gnu \
        --package applgen-kernel --bin applgen-kernel --no-default-features --features "machine,$1" \
        --target-dir target/symbols
    nm --demangle target/symbols/x86_64-unknown-linux-gnu/machine/applgen-kernel
}

# holds FEATURES YES|NO PATTERN : whether the kernel has a symbol like it.
holds() {
    local found=NO
    grep -qE "$3" "$TMP/symbols" && found=YES
    expect "whether a kernel of \`$1\` has \`$3\`" "$found" "$2"
}

for features in virtio,http virtio,http,dhcp virtio,http,ipv6 virtio,http,rules,log,ranges; do
    symbols "$features" >"$TMP/symbols"
    has_dhcp=NO has_ipv6=NO has_rules=NO has_log=NO has_ranges=NO
    [[ $features == *dhcp* ]] && has_dhcp=YES
    [[ $features == *ipv6* ]] && has_ipv6=YES
    [[ $features == *rules* ]] && has_rules=YES
    [[ $features == *log* ]] && has_log=YES
    [[ $features == *ranges* ]] && has_ranges=YES
    holds "$features" YES 'applgen_http::'
    holds "$features" YES 'applgen_net::tcp::'
    holds "$features" NO 'smoltcp::(iface|socket|storage)'
    holds "$features" YES 'virtio'
    holds "$features" "$has_dhcp" 'dhcp'
    holds "$features" "$has_rules" 'applgen_http::(rules|.*redirect_host)'
    holds "$features" "$has_log" 'applgen_(http::log|net::log::access)'
    holds "$features" "$has_ranges" 'applgen_http::(multipart|range)'
    holds "$features" "$has_ipv6" '(smoltcp|applgen_net)::.*(ipv6|ndisc|icmpv6|groups)'
    holds "$features" NO '[xX]en_?(store|net|bus)|xen::|drivers::xen'
    holds "$features" NO 'applgen_dns|_Unwind_|rust_eh_personality|core::fmt::|as core::fmt'
    say "$features: $(wc -l <"$TMP/symbols") symbols"
done

for features in virtio,dns virtio,dns,dnssec; do
    symbols "$features" >"$TMP/symbols"
    has_dnssec=NO
    [[ $features == *dnssec* ]] && has_dnssec=YES
    holds "$features" YES 'applgen_dns::respond'
    holds "$features" "$has_dnssec" 'applgen_dns::proof::nsec3?'
    holds "$features" "$has_dnssec" 'sha1'
    holds "$features" NO 'applgen_http|ipv6|ndisc|icmpv6|dhcp|_Unwind_|core::fmt::|as core::fmt'
    say "$features: $(wc -l <"$TMP/symbols") symbols"
done
