#!/usr/bin/env bash
# Guests in QEMU: every machine, little memory and much, both networks, every
# file, many connections, the deck in a browser, power-off, and all the ways to
# refuse to start.
. "$(dirname "$0")/../lib.sh"
. ci/kvm/lib.sh
need cc=gcc qemu-system-x86_64=qemu-system-x86 curl node=nodejs npm chromium ip=iproute2 \
    ping=iputils-ping kdig=knot-dnsutils unshare=util-linux nm=binutils setsid=util-linux
build_applgen

static="ip=10.0.2.15/24 gw=10.0.2.2"
"$APPLGEN" build sites/files --kvm -o "$TMP/files.kvm" >/dev/null 2>&1
index=sites/files/index.html

say "machines, memory, addresses"
turn=0
for machine in microvm microvm,acpi=off q35 pc; do
    for memory in 16 32 512; do
        free_port
        user_network "$machine" "$port"
        words=$static
        ((turn++ % 2)) && words="ip=dhcp"
        boot guest "$machine" "$memory" "$TMP/files.kvm" "$words" "${network[@]}"
        pid=$background_pid
        await guest "$pid" '^listening http://10.0.2.15:80/'
        curl -4 --silent --show-error --fail --max-time 10 "http://127.0.0.1:$port/" >"$TMP/page" ||
            fail "no answer from $machine with $memory MB, $words"
        same_bytes "$TMP/page" "$index" "index of $machine with $memory MB"
        if [[ $machine == microvm,acpi=off ]]; then
            # Nothing there tells of a power button.
            kill "$(qemu_of "$pid")"
            wait "$pid" || true
        else
            power_off guest "$pid"
        fi
    done
done

say "entropy from a device"
for machine in microvm q35; do
    device=virtio-rng-pci
    [[ $machine == microvm ]] && device=virtio-rng-device
    free_port
    user_network "$machine" "$port"
    boot guest "$machine" 32 "$TMP/files.kvm" "$static" -cpu qemu64 -device "$device" "${network[@]}"
    await guest "$background_pid" '^listening'
    power_off guest "$background_pid"
done

# refuses STATUS PATTERN MACHINE MB IMAGE WORDS [ARGUMENT…] : the guest says why it
# stops, and stops with that status.
refuses() {
    local expected=$1 pattern=$2 status=0
    shift 2
    boot refused "$@"
    for _ in $(seq 200); do
        kill -0 "$background_pid" 2>/dev/null || break
        sleep 0.05
    done
    kill -0 "$background_pid" 2>/dev/null && fail "hangs: $*"
    wait "$background_pid" || status=$?
    expect "the status of $pattern" "$status" "$expected"
    grep -q "$pattern" "$TMP/refused.console" ||
        fail "the console lacks \`$pattern\`: $(cat "$TMP/refused.console")"
}

say "refusals"
user_network microvm 0
bytes=$(stat -c %s "$TMP/files.kvm")
# damaged NAME OFFSET BYTES : the image with bytes of its bundle's head changed.
bundle_offset=$("$APPLGEN" inspect --json "$TMP/files.kvm" | sed -n 's/.*"kernel_bytes": \([0-9]*\).*/\1/p')
damaged() {
    cp "$TMP/files.kvm" "$TMP/$1"
    printf "$3" | dd of="$TMP/$1" bs=1 seek=$((bundle_offset + $2)) conv=notrunc 2>/dev/null
}
damaged magic 0 'X'
damaged version 8 '\x63'
damaged head 12 'XXXX'
damaged section 24 'XXXX'
for machine in microvm q35; do
    user_network "$machine" 0
    refuses 3 '^error: panic' "$machine" 32 "$TMP/files.kvm" "applgen.test=panic"
    refuses 5 '^error: exception 14 ' "$machine" 32 "$TMP/files.kvm" "applgen.test=stack"
    refuses 5 'address 0x100000,' "$machine" 32 "$TMP/files.kvm" "applgen.test=write@0x100000"
    refuses 5 'address 0x0,' "$machine" 32 "$TMP/files.kvm" "applgen.test=write@0x0"
    refuses 5 'address 0xa00000,' "$machine" 32 "$TMP/files.kvm" "applgen.test=run@0xa00000"
    refuses 9 '^error: too little memory: .* needs' "$machine" 2 "$TMP/files.kvm" "$static" "${network[@]}"
    refuses 11 '^error: no bundle here' "$machine" 32 "$TMP/magic" "$static" "${network[@]}"
    refuses 11 '^error: the bundle has format 99, this kernel reads 1' "$machine" 32 "$TMP/version" "$static" "${network[@]}"
    refuses 11 '^error: the bundle.s head is damaged' "$machine" 32 "$TMP/head" "$static" "${network[@]}"
    refuses 13 '^error: `htpp=80`: no such boot word' "$machine" 32 "$TMP/files.kvm" "$static htpp=80" "${network[@]}"
    refuses 13 '^error: `ip=10.0.2.15`: expected' "$machine" 32 "$TMP/files.kvm" "ip=10.0.2.15" "${network[@]}"
    refuses 15 '^error: this machine has no network device' "$machine" 32 "$TMP/files.kvm" "$static"
    refuses 17 '^error: this machine has no source of entropy' "$machine" 32 "$TMP/files.kvm" "$static" -cpu qemu64 "${network[@]}"
done
# A file that is cut short is no kernel to QEMU.
head -c $((bytes - 1)) "$TMP/files.kvm" >"$TMP/short"
status=0
timeout 20 qemu-system-x86_64 -M microvm -accel tcg -nodefaults -display none -kernel "$TMP/short" \
    >"$TMP/short.log" 2>&1 || status=$?
expect "the status of a truncated image" "$status" 1

say "every file of the example sites"
for site in sites/*/; do
    name=$(basename "$site")
    "$APPLGEN" build "$site" --kvm -o "$TMP/$name.kvm" >/dev/null 2>&1
    "$APPLGEN" build "$site" --unix -o "$TMP/$name.unix" >/dev/null 2>&1
    "$APPLGEN" inspect --json "$TMP/$name.kvm" | node -e '
        for (const { path } of JSON.parse(require("fs").readFileSync(0)).paths)
            console.log(path.split("/").map(encodeURIComponent).join("/"));' >"$TMP/paths"
    serve "$TMP/$name.unix"
    process=$url process_pid=$background_pid
    free_port
    user_network microvm "$port"
    boot site microvm 64 "$TMP/$name.kvm" "$static" "${network[@]}"
    await site "$background_pid" '^listening'
    for encoding in identity gzip br; do
        for from in "$process" "http://127.0.0.1:$port"; do
            # `url` options in a file: one connection for all of them.
            while IFS= read -r path; do printf 'url = "%s%s"\n' "$from" "$path"; done <"$TMP/paths" |
                curl --silent --show-error --max-time 60 --path-as-is --include \
                    --write-out '%{stderr}%{http_code}\n' -H "Accept-Encoding: $encoding" \
                    --config - 2>"$TMP/statuses" |
                grep -av '^Date: ' >"$TMP/answers"
            if [[ $from == "$process" ]]; then
                mv "$TMP/answers" "$TMP/expected"
            fi
        done
        same_bytes "$TMP/answers" "$TMP/expected" "$name, $encoding"
        (($(grep -c '^[2-5]' "$TMP/statuses") == $(wc -l <"$TMP/paths"))) ||
            fail "$name: not every path was answered"
    done
    say "$name: $(wc -l <"$TMP/paths") paths, each in 3 encodings"
    stop "$process_pid"
    power_off site "$background_pid"
done
# What is served as it is, against the files themselves.
free_port
user_network microvm "$port"
boot site microvm 32 "$TMP/files.kvm" "$static" "${network[@]}"
await site "$background_pid" '^listening'
files=0
while IFS= read -r file; do
    curl --silent --fail --max-time 10 "http://127.0.0.1:$port/$(url_path "${file#sites/files/}")" >"$TMP/got" ||
        fail "$file is not served"
    same_bytes "$TMP/got" "$file" "$file"
    files=$((files + 1))
done < <(find sites/files -type f ! -name '.*' ! -name applgen.toml ! -name 404.html ! -name '_*')
((files > 0)) || fail "there are no files to compare"
power_off site "$background_pid"

say "a bundle of 150 MB"
mkdir "$TMP/huge"
head -c 150000000 /dev/urandom >"$TMP/huge/huge.bin"
"$APPLGEN" build "$TMP/huge" --kvm -o "$TMP/huge.kvm" >/dev/null 2>&1
for machine in microvm q35; do
    free_port
    user_network "$machine" "$port"
    boot huge "$machine" 192 "$TMP/huge.kvm" "$static" "${network[@]}"
    await huge "$background_pid" '^listening'
    curl --silent --fail --max-time 60 --range 149000000- "http://127.0.0.1:$port/huge.bin" |
        cmp --silent - <(tail -c 1000000 "$TMP/huge/huge.bin") ||
        fail "the end of a file of 150 MB is not what it should be, from $machine"
    power_off huge "$background_pid"
done
rm -r "$TMP/huge" "$TMP/huge.kvm"

say "idle"
free_port
user_network microvm "$port"
boot idle microvm 32 "$TMP/files.kvm" "$static" "${network[@]}"
await idle "$background_pid" '^listening'
qemu=$(qemu_of "$background_pid")
sleep 1
before=$(cpu_ticks "$qemu")
sleep 5
used=$(($(cpu_ticks "$qemu") - before))
say "an idle guest uses $((used * 10 / 5)) ms of processor time a second"
((used <= 25)) || fail "an idle guest does not halt"
power_off idle "$background_pid"

say "a network namespace with a tap device"
mkdir "$TMP/big"
head -c 20000000 /dev/urandom >"$TMP/big/big.bin"
head -c 20000 /dev/urandom >"$TMP/big/page.bin"
"$APPLGEN" build "$TMP/big" --kvm -o "$TMP/big.kvm" >/dev/null 2>&1
"$APPLGEN" build sites/zone/zones/example.org.zone --kvm -o "$TMP/zones.kvm" >/dev/null 2>&1
namespace=(unshare --net)
((EUID == 0)) || namespace=(unshare --map-root-user --net)
"${namespace[@]}" bash ci/kvm/tap.sh "$TMP/big.kvm" "$TMP/big" "$TMP/zones.kvm"

say "zones alone, from \`applgen run --kvm\`"
free_port
background "$TMP/run-dns" "$APPLGEN" run sites/zone/zones/example.org.zone --kvm --dns "$port"
for _ in $(seq 1200); do
    grep -q "^listening dns://127.0.0.1:$port\$" "$TMP/run-dns" && break
    kill -0 "$background_pid" 2>/dev/null || break
    sleep 0.05
done
for transport in +notcp +tcp; do
    expect "$transport mail.example.org" \
        "$(kdig +short +timeout=5 "$transport" @127.0.0.1 -p "$port" mail.example.org A)" 192.0.2.25
done
stop "$background_pid"

say "names of the guest's own, by boot words and by DHCP"
mkdir -p "$TMP/own/zones"
printf '[dns]\nself = ["ns.example.org", "example.org"]\n' >"$TMP/own/applgen.toml"
printf '%s\n' '$TTL 300' '@ SOA ns host 1 3600 600 86400 300' '@ NS ns' '@ MX 1 @' 'www CNAME @' \
    >"$TMP/own/zones/example.org.zone"
"$APPLGEN" build "$TMP/own" --kvm -o "$TMP/own.kvm" >/dev/null 2>&1
for turn in "10.0.2.15 $static" "10.0.2.77 ip=dhcp"; do
    address=${turn%% *}
    free_port
    boot own microvm 32 "$TMP/own.kvm" "${turn#* }" -device virtio-net-device,netdev=net \
        -netdev "user,id=net,dhcpstart=10.0.2.77,hostfwd=udp:127.0.0.1:$port-$address:53,hostfwd=tcp:127.0.0.1:$port-$address:53"
    await own "$background_pid" "^listening dns://$address:53"
    for transport in +notcp +tcp; do
        asked() { kdig +noall "$@" +timeout=5 "$transport" @127.0.0.1 -p "$port" | awk '/\tA\t/ { print $1, $NF }'; }
        expect "the apex over $transport" "$(asked +answer example.org A)" "example.org. $address"
        expect "its alias over $transport" "$(asked +answer www.example.org A)" "example.org. $address"
        expect "its mail host over $transport" "$(asked +additional example.org MX)" "example.org. $address"
        expect "its name server over $transport" "$(asked +additional example.org NS)" "ns.example.org. $address"
    done
    power_off own "$background_pid"
done

if have_fixture oscon14; then
    say "the deck in a browser, from \`applgen run --kvm\`"
    free_port
    # A process group of its own: the guest is ended by a signal to `applgen`.
    serve_command "$port" "$APPLGEN" run "$FIXTURES/oscon14" --kvm --http "$port"
    timeout 200 ci/browser/run --slides 29 --missing decks-on-arm.jpg --allow image-alt "$url/"
    stop "$background_pid"
fi

say "what is left out is not in the kernel"
bash ci/kvm/symbols.sh
