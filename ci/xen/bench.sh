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

# Asks an address again and again, and says at which millisecond of the epoch the
# first 200 had come. Each try is a new connection, so that no lost SYN is waited
# for; the neighbor is known, so that no lost ARP request is either.
cat >first.py <<'PYTHON'
import socket, sys, time
while True:
    try:
        with socket.create_connection((sys.argv[1], 80), timeout=0.05) as connection:
            connection.settimeout(5)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
            if connection.recv(4096).startswith(b"HTTP/1.1 200 "):
                break
    except OSError:
        pass
print(int(time.time() * 1000))
PYTHON
# The processor time of a domain in milliseconds, as the hypervisor counts it.
processor() {
    PYTHONPATH=$(echo /usr/lib/xen-*/lib/python) python3 -c '
import sys, xen.lowlevel.xc
number = int(sys.argv[1])
print(xen.lowlevel.xc.xc().domain_getinfo(number, 1)[0]["cpu_time"] // 1000000)' "$(id_of "$1")"
}

# measure NAME ADDRESS : one guest, from nothing. Started paused, so that what is
# the tool stack's and what the guest's can be told apart.
measure() {
    local name=$1 address=$2 mac=00:16:3e:00:00:0${2##*.} begun created answered own rate requests
    ip neigh replace "$address" lladdr "$mac" dev xenbr0 nud permanent
    begun=$(milliseconds)
    create "$name" -p "vif=[\"mac=$mac,bridge=xenbr0\"]"
    created=$(milliseconds)
    timeout 240 python3 first.py "$address" >first.out &
    # It is to be at it before there is anybody to answer.
    sleep 2
    resumed=$(milliseconds)
    xl unpause "$name"
    wait $! || fail "no answer from $name"
    answered=$(<first.out)
    own=$(processor "$name")
    rate=$(curl -s -o /dev/null --max-time 200 -w '%{speed_download}' "http://$address/20MB.bin")
    requests=$(wrk -t 1 -c 16 -d 10 "http://$address/1kB.bin" | awk '/^Requests\/sec/ { print $2 }')
    printf '%-8s %4d MB of memory; first 200 after %6d ms: %6d in xl create, %6d from its start (%5d of processor); %6.2f MB/s, %8.1f requests/s\n' \
        "$name" "$(xl list "$name" | awk 'NR == 2 { print $3 }')" $((created - begun + answered - resumed)) \
        $((created - begun)) $((answered - resumed)) "$own" \
        "$(awk -v rate="$rate" 'BEGIN { print rate / 1e6 }')" "$requests"
    xl destroy "$name"
    sleep 1
}
for _ in 1 2; do
    measure bench 192.0.2.3
    measure debian 192.0.2.9
done
