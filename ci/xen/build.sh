#!/usr/bin/env bash
# The lab's recipe: makes a folder with `xen` (the hypervisor), `vmlinuz`,
# `initrd` and `root.img` (an ext4 image of a small Debian with Xen's tools, the
# clients of the tests, and nginx for the baseline). Needs root, debootstrap,
# e2fsprogs and the network; called by ci/xen-lab when this file or `init`
# changes. Usage: build.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=$1
release=bookworm

packages=(
    # The host: hypervisor, kernel, tool stack.
    linux-image-amd64 initramfs-tools xen-hypervisor-4.17-amd64 xen-utils-4.17
    iproute2 kmod udev bridge-utils
    # What the tests use in it. `wrk` looks port names up: netbase.
    curl iputils-ping netbase wrk dnsmasq-base knot-dnsutils tcpdump procps
    # The baseline: the same Debian as a guest, with nginx.
    nginx-light
)

# The mirror that this machine uses, if it is a Debian; else debootstrap's own.
mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 2>/dev/null |
    awk -v release="$release" '$1 == release { print $2; exit }') || mirror=
root=$folder/root
include=$(IFS=, && echo "${packages[*]}")
debootstrap --variant=minbase --include="$include" "$release" "$root" ${mirror:+"$mirror"}

# An initial file system with the modules of the root disk and no more: every
# byte of it is unpacked by an emulated processor.
cat >"$root/etc/initramfs-tools/conf.d/lab" <<'CONF'
MODULES=list
COMPRESS=gzip
CONF
cat >"$root/etc/initramfs-tools/modules" <<'MODULES'
virtio_pci
virtio_blk
xen-blkfront
xen-netfront
ext4
crc32c
MODULES
chroot "$root" update-initramfs -u -k all
install -m 755 "$here/init" "$root/lab-init"
mkdir -p "$root/lab"
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}

gunzip <"$(ls "$root"/boot/xen-4.17*-amd64.gz)" >"$folder/xen"
cp "$root"/boot/vmlinuz-* "$folder/vmlinuz"
cp "$root"/boot/initrd.img-* "$folder/initrd"
rm -f "$root"/boot/{xen-*,initrd.img-*}
truncate -s 3G "$folder/root.img"
mke2fs -q -t ext4 -O ^has_journal -d "$root" "$folder/root.img"
rm -rf "$root"
