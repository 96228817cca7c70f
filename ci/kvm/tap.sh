#!/usr/bin/env bash
# A guest on a tap device, in the network namespace that this runs in:
# ci/kvm/tap.sh IMAGE FOLDER, where the image serves FOLDER's big.bin and page.bin.
. "$(dirname "$0")/../lib.sh"
. ci/kvm/lib.sh
image=$1 folder=$2

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
