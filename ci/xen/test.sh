#!/usr/bin/env bash
# The tests of `--xen`, in the lab's dom0: two images with their generated
# configurations, the bytes that their paths should have (`expected/NAME/N`, the
# paths in `expected/NAME.paths`), and everything that a host does with guests.
source ./guest.sh

dnsmasq --interface=xenbr0 --bind-interfaces --port=0 --no-resolv --no-ping \
    --dhcp-range=192.0.2.100,192.0.2.120,255.255.255.0,1h --log-facility=/dev/null

# deck NAME ADDRESS : every path of the image.
deck() {
    local path number=0
    while IFS= read -r path; do
        same "expected/$1/$number" "http://$2$path"
        number=$((number + 1))
    done <"expected/$1.paths"
    ((number > 0)) || fail "no paths for $1"
    echo "$number"
}

create oscon14
talk=$(address oscon14)
[[ $talk == 192.0.2.1[0-2][0-9] ]] || fail "no address by DHCP: $talk"
says oscon14 '^applgen .* on xen 4\.' || fail "no greeting on the console"
passed "the generated configuration untouched; greeting; DHCP gave $talk"
ping -c 3 -i 0.3 -W 2 "$talk" >/dev/null || fail "no answer to ping"
count=$(deck oscon14 "$talk")
passed "ping; the deck whole, $count paths byte for byte"

create files
files=$(address files)
[[ $files == 192.0.2.3 ]] || fail "the static address is $files"
same 20MB.bin "http://$files/20MB.bin"
same 20MB.bin "http://$files/20MB.bin"
passed "a second guest on the bridge, static address; 20 MB twice"
deck oscon14 "$talk" >/dev/null
answers "$files" && answers "$talk"

# DNS, on a third guest, which serves a page too.
create zones
wait_for 60 "zones does not say that it serves dns" says zones '^listening dns://192.0.2.4:53'
for way in +notcp +tcp; do
    # asked EXPECTED WORD… : one question, by this way.
    asked() {
        local expected=$1 answer
        shift
        answer=$(kdig @192.0.2.4 $way +retry=1 +timeout=5 "$@" 2>&1) || fail "kdig $way $*: $answer"
        grep -qE -- "$expected" <<<"$answer" || fail "kdig $way $*: $answer"
    }
    asked '^www\.example\.org\..*IN[[:space:]]+A[[:space:]]+192\.0\.2\.80' www.example.org A
    asked 'Flags: qr aa' example.org SOA
    asked 'status: NXDOMAIN' nosuch.example.org A
    asked 'status: REFUSED' example.com A
    asked '^long\.example\.org\..*TXT' +edns +bufsize=1232 +ignore long.example.org TXT
done
kdig @192.0.2.4 +notcp +ignore +noedns long.example.org TXT | grep -q 'Flags: qr aa tc' ||
    fail "an answer of more than 512 bytes is not truncated"
[[ $(kdig @192.0.2.4 +noedns +short long.example.org TXT | wc -c) -gt 1000 ]] ||
    fail "a truncated answer does not come by TCP"
answers 192.0.2.4 || fail "the guest with zones serves no page"
questions=()
for _ in $(seq 500); do questions+=(www.example.org A); done
kdig @192.0.2.4 +tcp +keepopen +short "${questions[@]}" >answers.out 2>&1 || true
[[ $(grep -c '^192\.0\.2\.80$' answers.out) == 500 ]] || { head answers.out; fail "not 500 answers on one connection"; }
xl destroy zones
passed "DNS over UDP and TCP; truncation; 500 questions on one connection"

# 200 connections, all open before the first asks for anything.
python3 - "$talk" <<'PYTHON' || fail "200 connections at once"
import socket, sys
connections = []
for _ in range(200):
    connection = socket.create_connection((sys.argv[1], 80), timeout=20)
    connections.append(connection)
for connection in connections:
    connection.sendall(b"HEAD / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n")
for connection in connections:
    connection.settimeout(30)
    data = b""
    while True:
        part = connection.recv(4096)
        if not part:
            break
        data += part
    assert data.startswith(b"HTTP/1.1 200 "), data[:100]
PYTHON
passed "200 connections at once"

for _ in $(seq 1000); do printf 'url = "http://%s/"\noutput = "/dev/null"\n' "$talk"; done >thousand
curl -s --show-error --max-time 120 -K thousand \
    -w '%{http_code} %{num_connects} %{size_download}\n' >thousand.out
expected=$(stat -c %s expected/oscon14/0)
[[ $(wc -l <thousand.out) == 1000 ]] || fail "not a thousand answers"
[[ $(grep -c "^200 . $expected\$" thousand.out) == 1000 ]] || fail "not a thousand whole answers"
[[ $(awk '{ sum += $2 } END { print sum }' thousand.out) == 1 ]] || fail "more than one connection"
passed "a thousand requests on one connection"

# An idle guest sleeps: its processor time, from the hypervisor.
processor() { xl list "$1" | awk 'NR == 2 { print int($6 * 10) }'; }
before=$(processor files)
sleep 5
spent=$(($(processor files) - before))
((spent <= 2)) || fail "an idle guest used $spent tenths of a second in 5 s"
[[ $(xl list files | awk 'NR == 2 { print $5 }') == -b* ]] || fail "an idle guest is not blocked"
passed "an idle guest is blocked: $spent tenths of a second in 5 s"

# What a guest is asked to do.
xenstore-write "/local/domain/$(id_of files)/control/shutdown" suspend
wait_for 10 "suspend is not refused" says files '`suspend` is refused'
xenstore-write "/local/domain/$(id_of files)/control/shutdown" ''
answers "$files" || fail "no answer after a refused suspend"
passed "suspend refused, and served on"

# `xl create` stays behind as a daemon whose folder is `/`, where a kernel that
# is named by its bare file name is not found again. So whoever wants
# `on_reboot` to work either keeps `xl create` in the foreground, as a service
# manager does, or names the kernel with its path.
xl shutdown -w oscon14 >/dev/null
wait_for 30 "it is still there after shutdown" gone oscon14
passed "shutdown"
# reboots WHAT : the running domain is asked to, and a new one serves.
reboots() {
    local old
    wait_for 60 "$1: no domain" present oscon14
    talk=$(address oscon14)
    old=$(id_of oscon14)
    : >"$(console oscon14)"
    xl reboot oscon14 >xl.out
    renewed() { local id && id=$(id_of oscon14) && [[ -n $id && $id != "$old" ]]; }
    wait_for 60 "$1: no new domain after reboot" renewed
    talk=$(address oscon14)
    wait_for 30 "$1: no answer after reboot" answers "$talk"
    passed "reboot, $1: domain $old became $(id_of oscon14)"
}
: >"$(console oscon14)"
xl create -F oscon14.xl >xl.foreground 2>&1 &
foreground=$!
reboots 'xl create -F'
xl shutdown -w oscon14 >/dev/null
wait "$foreground" || { cat xl.foreground; fail "xl create -F ended with $?"; }
wait_for 30 "it is still there after shutdown" gone oscon14
create oscon14 "kernel=\"$PWD/oscon14.xen\""
reboots 'the kernel by its path'
xl shutdown -w oscon14 >/dev/null
wait_for 30 "it is still there after shutdown" gone oscon14

xl destroy files
wait_for 30 "it is still there after destroy" gone files
create files
wait_for 60 "no answer after destroy and create" answers "$(address files)"
passed "destroy, and create again"

# The backend goes away and comes back, as its driver does with it: without a word,
# and takes the rings that it finds in XenStore when it comes back.
device=vif-$(id_of files)-0
vif=vif$(id_of files).0
vanished() { ! ip link show "$vif" >/dev/null 2>&1; }
echo "$device" >/sys/bus/xen-backend/drivers/vif/unbind
wait_for 20 "the interface is there without a backend" vanished
! answers "$files" || fail "an answer without a backend"
echo "$device" >/sys/bus/xen-backend/drivers/vif/bind
attached() { ip link set "$vif" master xenbr0 up 2>/dev/null; }
wait_for 20 "no $vif from a new backend" attached
# It is not connected before it is told so, as a host's hotplug script does.
xenstore-write "/local/domain/0/backend/vif/$(id_of files)/0/hotplug-status" connected
wait_for 30 "no answer through a new backend" answers "$files"
says files 'network: connected again' || fail "the guest did not see a new backend"
same 20MB.bin "http://$files/20MB.bin"
passed "backend restart; 20 MB through the new one"
xl network-detach files 0
wait_for 20 "the interface is still there" vanished
[[ $(grep -c 'the backend went away' "$(console files)") == 2 ]] || fail "the guest did not see its interface go"
xl network-attach files bridge=xenbr0
wait_for 30 "no answer after an interface was taken and given" answers "$files"
[[ $(grep -c 'network: connected again' "$(console files)") == 2 ]] || fail "no word of the new interface"
passed "an interface taken away and given again"
xl destroy files

create files 'vif=["bridge=xenbr0", "bridge=xenbr0"]'
wait_for 60 "no answer with two interfaces" answers "$(address files)"
xl destroy files
passed "two interfaces: the first is used"

create oscon14 'vif=["ip=192.0.2.77"]'
[[ $(address oscon14) == 192.0.2.77 ]] || fail "the address in XenStore is not taken"
xl destroy oscon14
create oscon14 'vif=["ip=192.0.2.77"]' 'cmdline="ip=192.0.2.78/24 http=80"'
[[ $(address oscon14) == 192.0.2.78 ]] || fail "the command line does not win"
xl destroy oscon14
passed "addresses from XenStore and from the command line"

# Bad input: a line that says what is wrong, and a domain that crashed.
# crashes WHAT PATTERN SETTING… : `on_crash` is kept from destroying it.
crashes() {
    local what=$1 pattern=$2
    shift 2
    create oscon14 'on_crash="preserve"' "$@"
    is_crashed() { [[ $(xl list oscon14 | awk 'NR == 2 { print $5 }') == *c* ]]; }
    wait_for 90 "$what: it does not end as crashed" is_crashed
    says oscon14 "^error: .*$pattern" || fail "$what: its console has no line like \`$pattern\`"
    xl destroy oscon14
    passed "$what: $(grep -m 1 '^error:' "$(console oscon14)")"
}
crashes 'an unknown word' 'colour=blue.*no such boot word' 'cmdline="colour=blue"'
crashes 'a malformed word' 'ip=999.*expected' 'cmdline="ip=999"'
crashes 'no vif' 'no network interface' 'vif=[]'
# With 2 MB already xl has no room for the image.
crashes 'too little memory' 'too little memory' 'memory=3'
if xl create oscon14.xl 'vif=["bridge=nosuch"]' >xl.out 2>&1; then
    fail "xl made a guest on a bridge that is not there"
fi
passed "a bridge that is not there: xl says so"

# `applgen run` where there is `xl`: the command itself, with the libraries of where
# it was built, if it needs any.
command=(command/applgen)
loader=$(echo command/ld-linux*)
[[ -e $loader ]] && command=("$loader" --library-path command command/applgen)
none_left() { ! xl list | grep -q applgen-run-; }
# runs SIGNAL : a guest is started and answers, and the signal ends both. (What runs
# beside a script is deaf to ^C unless it is told otherwise.)
runs() {
    local status=0
    env --default-signal=INT "${command[@]}" run zones.xen >run.out 2>run.err &
    running=$!
    listens() { grep -q '^listening http://192\.0\.2\.4:80/' run.out; }
    wait_for 60 "applgen run: $(cat run.out run.err)" listens
    grep -q '^listening dns://192\.0\.2\.4:53' run.out || fail "applgen run tells of no dns"
    grep -q '^applgen .* on xen' run.err || fail "applgen run does not show the guest's console: $(cat run.err)"
    answers 192.0.2.4 || fail "the guest of applgen run does not answer"
    [[ $(xl list | grep -c applgen-run-) == 1 ]] || fail "not one guest of applgen run"
    kill -"$1" "$running"
    wait "$running" || status=$?
    ((status == 0)) || { cat run.err; fail "applgen run ended with $status on SIG$1"; }
    none_left || fail "SIG$1 left the guest of applgen run"
}
runs INT
runs TERM
# refused PATTERN COMMAND… : exit code 2, and a line that says why.
refused() {
    local pattern=$1 status=0
    shift
    "$@" >run.out 2>run.err || status=$?
    ((status == 2)) || { cat run.err; fail "not refused with 2 but $status: $*"; }
    grep -q -- "$pattern" run.err || { cat run.err; fail "no line like \`$pattern\`"; }
    none_left || fail "it left a guest: $*"
}
refused 'the guest stopped with an error' "${command[@]}" run zones.xen --memory 3
grep -q '^error: too little memory' run.err || fail "applgen run does not show why the guest stopped"
refused 'sudo applgen run' setpriv --reuid=65534 --regid=65534 --clear-groups \
    env APPLGEN_CACHE=/tmp/applgen "${command[@]}" run zones.xen
ip link set xenbr0 down
ip link set xenbr0 name elsewhere
refused 'is there a bridge' "${command[@]}" run zones.xen
passed "applgen run on this host: ^C, SIGTERM, too little memory, not root, no bridge"
