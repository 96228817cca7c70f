# A minimal Debian guest with nginx, to measure against: Debian's cloud kernel, and
# an initial file system of busybox, nginx and a site. Sourced after ci/lib.sh.

# debian_guest FOLDER : sets `debian_kernel` and `debian_initrd`, a guest on PCI
# that serves FOLDER at 10.0.2.15:80.
debian_guest() {
    local folder=$1 cache=$CI_CACHE/debian-guest root=$TMP/debian package module
    need nginx busybox=busybox-static cpio dpkg-deb=dpkg ldd=libc-bin
    if [[ ! -e $cache/complete ]]; then
        mkdir -p "$cache"
        package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -n 1)
        [[ -n $package ]] || fail "Debian's cloud kernel is not to be found; apt-get update"
        (cd "$cache" && apt-get download "$package" >/dev/null)
        dpkg-deb -x "$cache"/linux-image-*.deb "$cache/tree"
        : >"$cache/complete"
    fi
    debian_kernel=$(echo "$cache"/tree/boot/vmlinuz-*)
    mkdir -p "$root"/{bin,dev,proc,sys,etc,tmp,run,srv,modules,var/log/nginx,var/lib/nginx}
    cp "$(command -v busybox)" "$root/bin/busybox"
    cp "$(command -v nginx)" "$root/bin/nginx"
    # The libraries, and the linker itself, at their own paths.
    ldd "$(command -v nginx)" | grep -o '/[^ ]*' | while read -r package; do
        mkdir -p "$root$(dirname "$package")"
        cp -L "$package" "$root$package"
    done
    for module in failover net_failover virtio_net; do
        find "$cache/tree/lib/modules" -name "$module.ko*" -exec cp {} "$root/modules/$module.ko" \;
    done
    cp -r "$folder/." "$root/srv/"
    echo 'root:x:0:0::/:/bin/sh' >"$root/etc/passwd"
    echo 'root:x:0:' >"$root/etc/group"
    cat >"$root/etc/nginx.conf" <<'CONF'
user root root;
worker_processes 1;
error_log stderr;
pid /run/nginx.pid;
daemon off;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    keepalive_requests 1000000;
    types { text/html html; }
    server { listen 80 default_server; root /srv; }
}
CONF
    cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in failover net_failover virtio_net; do insmod /modules/$module.ko 2>/dev/null; done
ip link set lo up
ip addr add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2
exec nginx -c /etc/nginx.conf
INIT
    chmod +x "$root/init"
    debian_initrd=$TMP/debian.cpio
    (cd "$root" && find . | cpio --quiet -o -H newc) >"$debian_initrd"
}
