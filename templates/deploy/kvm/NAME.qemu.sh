#!/bin/sh
# Boots {{ image }} from where this file lies, with the host's port 8080 led to
# the guest's port 80. What is given here goes to the guest as boot words.
exec qemu-system-x86_64 -M microvm,x-option-roms=off,rtc=off -accel kvm -accel tcg -cpu max \
    -m {{ memory_mib }}M -nodefaults -no-user-config -no-reboot -display none -serial stdio \
    -kernel "$(dirname "$0")/{{ image }}" -append "${*:-ip=10.0.2.15/24 gw=10.0.2.2}" \
    -netdev "user,id=net0,hostfwd=${APPLGEN_FORWARD:-tcp:127.0.0.1:8080-:80}" -device virtio-net-device,netdev=net0
