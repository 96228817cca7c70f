# Tests of a `--unix` image as an operator runs it; sourced by ci/stages/http.sh,
# which has built $IMAGE of ci/http/site.

# of_status PID FIELD : a line of /proc/PID/status, the same for all its threads.
of_status() {
    local values
    values=$(awk -v name="$2:" '$1 == name { $1 = ""; print }' "/proc/$1/task/"*/status | sort -u)
    [[ $values != *$'\n'* ]] || fail "$2 differs between threads of $1: $values"
    printf '%s' "${values# }"
}
serve "$IMAGE" threads=3
pid=$background_pid
expect "no_new_privs" "$(of_status "$pid" NoNewPrivs)" 1
expect "seccomp" "$(of_status "$pid" Seccomp)" 2
for set in CapInh CapPrm CapEff CapBnd CapAmb; do
    # Who is not root has no right to empty the bounding set, and needs none.
    [[ $set == CapBnd && $EUID != 0 ]] && continue
    expect "$set" "$(of_status "$pid" $set)" 0000000000000000
done
if ((EUID == 0)); then
    expect "the user of an image that root started" "$(ps -o uid= -p "$pid" | tr -d ' ')" 65534
    expect "the group" "$(ps -o gid= -p "$pid" | tr -d ' ')" 65534
    stop "$pid"
    serve "$IMAGE" user=1234:567
    pid=$background_pid
    expect "the user that was asked for" "$(of_status "$pid" Uid)" "1234 1234 1234 1234"
    expect "the group that was asked for" "$(of_status "$pid" Gid)" "567 567 567 567"
    expect "further groups" "$(of_status "$pid" Groups)" ""
fi
fetch /plain.txt sandboxed
expect "an answer out of the sandbox" "$(status_of sandboxed)" 200
stop "$pid"
serve "$IMAGE" sandbox=off
expect "seccomp without a sandbox" "$(of_status "$background_pid" Seccomp)" 0
stop "$background_pid"
say "sandbox: no privileges, no capabilities, seccomp in every thread"

# The log, as JSON: whatever a client sends, each line is an object.
serve "$IMAGE" log=json
printf 'GET /"\xff\\ HTTP/1.1\r\nHost: a"b\r\n\r\n' >"/dev/tcp/127.0.0.1/$port"
fetch /plain.txt logged --header 'Referer: "\' --user-agent $'a\tb'
fetch /plain.txt logged --range 0-1,4-5
stop "$background_pid"
grep -v '^listening' "$TMP/server-$port" >"$TMP/log"
python3 - "$TMP/log" <<'END' || fail "the JSON log is not what it should be"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1], "rb")]
assert len(lines) == 3, lines
by_request = {line["request"]: line for line in lines[:2]}
plain = by_request["GET /plain.txt HTTP/1.1"]
assert (plain["status"], plain["bytes"], plain["client"]) == (200, 10, "127.0.0.1"), plain
assert plain["referer"] == '"\\' and plain["user_agent"] == "a\tb", plain
assert by_request['GET /"\xff\\ HTTP/1.1']["status"] == 400, lines
# An answer in several parts is one line.
assert lines[2]["status"] == 206 and lines[2]["bytes"] > 200, lines
END
say "log=json: an object a line"

# Sockets that a service manager holds: two addresses, and clients that came
# before the image did.
python3 - "$IMAGE" <<'END' || fail "socket activation does not work"
import os, socket, subprocess, sys
first = socket.create_server(("127.0.0.1", 0))
second = socket.create_server(("::1", 0), family=socket.AF_INET6)
early = socket.create_connection(first.getsockname())
early.sendall(b"GET /plain.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
def start(*arguments, files=2, **environment):
    def prepare():
        for number, listener in enumerate((first, second)):
            os.dup2(listener.fileno(), 10 + number)
        for number in range(2):
            os.dup2(10 + number, 3 + number)
        os.environ.update(LISTEN_FDS=str(files), LISTEN_PID=str(os.getpid()), **environment)
        os.execv(sys.argv[1], [sys.argv[1], *arguments])
    return subprocess.Popen(["/bin/true"], preexec_fn=prepare, close_fds=False,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
server = start("threads=2")
lines = sorted(server.stdout.readline() for _ in range(2))
expected = sorted([f"listening http://127.0.0.1:{first.getsockname()[1]}/\n",
                   f"listening http://[::1]:{second.getsockname()[1]}/\n"])
assert lines == expected, (lines, expected)
def ask(client):
    data = b""
    while True:
        piece = client.recv(65536)
        if not piece:
            return data
        data += piece
assert ask(early).endswith(b"0123456789")
for listener in (first, second):
    for _ in range(20):
        client = socket.create_connection(listener.getsockname()[:2])
        client.sendall(b"GET /plain.txt HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert ask(client).endswith(b"0123456789")
server.terminate()
assert server.wait(10) == 0
# What is no listening socket is refused.
server = start(files=3)
out, err = server.communicate(timeout=10)
assert server.returncode == 2 and not out and "LISTEN_FDS=3" in err and "hint: " in err, (out, err)
END
say "socket activation: two addresses, nobody refused"

# Hand-over: the new one comes, the old one goes, and nobody notices.
serve "$IMAGE"
old=$background_pid
if "$IMAGE" "http=127.0.0.1:$port" >"$TMP/second" 2>&1; then
    fail "a second image on the same address was not refused"
fi
grep -q 'handover=on' "$TMP/second" || fail "no hint how an image is replaced"
# replaced CONNECTION : by clients that ask as fast as they can, on connections
# that stay or for one request each.
replaced() {
    local asking new
    background "$TMP/asking" wrk --threads 1 --connections 20 --duration 4s --timeout 5s \
        --header "Connection: $1" "$url/plain.txt"
    asking=$background_pid
    for _ in 1 2 3; do
        sleep 0.5
        serve_command "$port" "$IMAGE" "http=127.0.0.1:$port" handover=on
        new=$background_pid
        stop "$old"
        old=$new
    done
    wait "$asking" || { cat "$TMP/asking" >&2; fail "wrk failed"; }
    grep -qE 'Socket errors|Non-2xx' "$TMP/asking" &&
        { cat "$TMP/asking" >&2; fail "a client noticed the hand-over (Connection: $1)"; }
    say "hand-over, Connection: $1:$(sed -n 's/ requests in.*//p' "$TMP/asking") requests, and none was lost"
}
replaced keep-alive
replaced close
stop "$old"

# Limits that the site chooses.
cp -r "$TMP/site" "$TMP/limited"
sed -i 's/^\[http\]$/[http]\nidle-seconds = 1\nrequest-seconds = 2\nconnections-per-address = 2/' "$TMP/limited/applgen.toml"
"$APPLGEN" build "$TMP/limited" -o "$TMP/limited.unix"
serve "$TMP/limited.unix" threads=1
python3 - "$port" <<'END' || fail "the limits that the site chooses do not hold"
import socket, sys, time
def connect():
    return socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
GET = b"GET /plain.txt HTTP/1.1\r\nHost: h\r\n\r\n"
def ask(client):
    client.sendall(GET)
    return client.recv(65536).endswith(b"0123456789")
first, second = connect(), connect()
assert ask(first) and ask(second) and ask(first)
third = connect()
assert ask(third) and ask(first)
assert second.recv(1) == b"", "the one that has been idle for longest stays"
started = time.monotonic()
assert first.recv(1) == b"" and 0.9 < time.monotonic() - started < 3, "idle"
slow = connect()
started = time.monotonic()
slow.sendall(GET[:20])
assert slow.recv(65536).startswith(b"HTTP/1.1 408 ") and 1.9 < time.monotonic() - started < 5, "request"
END
stop "$background_pid"
say "limits of the site: connections of an address, idle and request time-outs"
