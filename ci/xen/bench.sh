#!/usr/bin/env bash
# The figures of `ci/bench xen` that need a Xen: run in the lab's dom0.
source ./guest.sh

modprobe loop
disk=$(losetup --show --find --read-only debian.tar)
cat >debian.xl <<XL
name = "debian"
type = "pvh"
kernel = "vmlinuz"
ramdisk = "initrd"
memory = 256
vcpus = 1
vif = ["bridge=xenbr0"]
disk = ["phy:/dev/vdd,xvda,w", "phy:$disk,xvdb,r"]
cmdline = "console=hvc0 root=/dev/xvda rw init=/lab-init quiet mitigations=off"
XL

# measure NAME ADDRESS : one guest, from nothing.
measure() {
    local name=$1 address=$2 begun created answered rate requests
    begun=$(milliseconds)
    create "$name"
    created=$(milliseconds)
    wait_for 240 "no answer from $name" answers "$address"
    answered=$(milliseconds)
    rate=$(curl -s -o /dev/null --max-time 200 -w '%{speed_download}' "http://$address/20MB.bin")
    requests=$(wrk -t 1 -c 16 -d 10 "http://$address/1kB.bin" | awk '/^Requests\/sec/ { print $2 }')
    printf '%-8s %6d MB of memory, %6d ms in xl create, %6d ms more to the first 200, %7.2f MB/s, %8.1f requests/s\n' \
        "$name" "$(xl list "$name" | awk 'NR == 2 { print $3 }')" $((created - begun)) \
        $((answered - created)) "$(awk -v rate="$rate" 'BEGIN { print rate / 1e6 }')" "$requests"
    xl destroy "$name"
    sleep 1
}
for _ in 1 2; do
    measure bench 192.0.2.3
    measure debian 192.0.2.9
done
