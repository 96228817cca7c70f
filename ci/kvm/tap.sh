#!/usr/bin/env bash
# A guest on a tap device, in the network namespace that this runs in:
# ci/kvm/tap.sh IMAGE FOLDER ZONES, where the image serves FOLDER's big.bin and
# page.bin, and the image ZONES the zone of sites/zone.
. "$(dirname "$0")/../lib.sh"
. ci/kvm/lib.sh
image=$1 folder=$2 zones=$3

ip link set lo up
ip tuntap add tap0 mode tap
ip addr add 192.0.2.1/24 dev tap0
ip -6 addr add 2001:db8::1/64 dev tap0 nodad
ip link set tap0 up

for machine in microvm q35; do
    tap_network "$machine" tap0
    # Memory of its own kind, so that it can be told from QEMU's.
    network+=(-object "memory-backend-memfd,id=ram,size=64M,share=on")
    boot tap "$machine,memory-backend=ram" 64 "$image" "ip=192.0.2.2/24 gw=192.0.2.1 ip6=2001:db8::2/64" "${network[@]}"
    pid=$background_pid qemu=
    await tap "$pid" '^listening http://192.0.2.2:80/'
    await tap "$pid" '^listening http://\[2001:db8::2\]:80/'
    qemu=$(qemu_of "$pid")
    for address in 192.0.2.2 2001:db8::2; do
        ping -c 3 -i 0.2 -W 2 "$address" >"$TMP/ping" || { cat "$TMP/ping"; fail "no echo from $address"; }
    done
    for url in http://192.0.2.2 'http://[2001:db8::2]'; do
        curl --globoff --silent --show-error --fail --max-time 60 "$url/big.bin" >"$TMP/big"
        same_bytes "$TMP/big" "$folder/big.bin" "20 MB from $url"
    done
    node ci/kvm/connections.mjs 192.0.2.2 80 /page.bin "$folder/page.bin" 200 5
    node ci/kvm/connections.mjs 2001:db8::2 80 /page.bin "$folder/page.bin" 200 1
    # Whatever the guest keeps for a while it keeps by now.
    node ci/kvm/connections.mjs 192.0.2.2 80 /page.bin "$folder/page.bin" 50 200
    before=$(touched_kb "$qemu")
    node ci/kvm/connections.mjs 192.0.2.2 80 /page.bin "$folder/page.bin" 50 200
    grown=$(($(touched_kb "$qemu") - before))
    say "$machine: the guest uses $((before + grown)) kB, $grown kB more after 10000 more requests"
    ((grown < 256)) || fail "the guest grows"
    power_off tap "$pid"
done

tap_network microvm tap0
boot zones microvm 64 "$zones" "ip=192.0.2.2/24 gw=192.0.2.1 ip6=2001:db8::2/64" "${network[@]}"
await zones "$background_pid" '^listening dns://192.0.2.2:53'
await zones "$background_pid" '^listening dns://\[2001:db8::2\]:53'
asked=0
for server in 192.0.2.2 2001:db8::2; do
    for transport in +notcp +tcp; do
        for question in "example.org MX=10 mail.example.org." "host-2.example.org A=192.0.2.102" \
            "x.dev.example.org CNAME=example.org." "mail.example.org AAAA="; do
            # shellcheck disable=SC2086 # a name and a type
            expect "$transport @$server ${question%%=*}" \
                "$(kdig +short +timeout=5 "$transport" "@$server" ${question%%=*})" "${question#*=}"
            asked=$((asked + 1))
        done
        kdig +timeout=5 "$transport" "@$server" nothing.example.org A | grep -q 'status: NXDOMAIN' ||
            fail "a name that is not there is not said so by $server, $transport"
    done
done
power_off zones "$background_pid"
say "zones: $asked questions answered over UDP and TCP, IPv4 and IPv6"
