"""The wire form of a record of every type as NSD and Knot have it, beside ours:
`wire.py ZONE_COMPARE ZONE DIRECTORY`.

ZONE is for example.org. What a server does not read is left out of its copy, by the type
of the record (UNKNOWN); the rest it loads, and gives away by AXFR. ZONE_COMPARE is the
example `zone_compare`, which prints the records of the same copy as we read them.
"""
import pathlib
import re
import socket
import struct
import subprocess
import sys
import time

compare, source, directory = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])

# What each does not know, or not all of whose text it takes.
BOTH = {"$GENERATE", "A6", "AMTRELAY", "ATMA", "DOA", "DSYNC", "EID", "GPOS", "HIP", "NIMLOC",
        "NINFO", "NSAP-PTR", "RKEY", "SINK", "TA", "TALINK", "UID"}
UNKNOWN = {
    "nsd": BOTH,
    "knot": BOTH
    | {"AVC", "DLV", "ISDN", "MB", "MG", "MR", "NSAP", "NULL", "NXT", "PX", "SIG", "WKS", "X25"},
}
# In the place of a record that is left out, so that its owner stays.
MARK = 65280
# Types whose data may be compressed (RFC 3597 §4): bytes, then names.
NAMES = {2: (0, 1), 3: (0, 1), 4: (0, 1), 5: (0, 1), 6: (0, 2), 7: (0, 1), 8: (0, 1), 9: (0, 1),
         12: (0, 1), 14: (0, 2), 15: (2, 1)}


def entries(text):
    """Ranges of lines, each one entry of the master file."""
    found, start, depth = [], 0, 0
    for number, line in enumerate(text):
        bare = re.sub(r'\\.|"(?:\\.|[^"\\])*"', "x", line)
        bare = bare.split(";")[0]
        depth += bare.count("(") - bare.count(")")
        if depth == 0:
            found.append(range(start, number + 1))
            start = number + 1
    return found


def type_of(lines):
    words = re.sub(r'"(?:\\.|[^"\\])*"', "x", " ".join(lines)).split()
    if words[0].startswith("$"):
        return words[0]
    if not lines[0][0].isspace():
        words = words[1:]
    return next(word for word in words if not re.fullmatch(r"(?i)\d+[smhdw\d]*|IN", word))


def readable(server, check, name):
    """The zone without what a server does not read, and the types of that."""
    text = source.read_text().splitlines()
    left_out = set()
    for _ in range(20):
        (directory / name).write_text("\n".join(text) + "\n")
        told = subprocess.run(check, capture_output=True, text=True, cwd=directory, timeout=60)
        lines = {int(line) for line in re.findall(r"(?:error: [^\n]*?zone:|line )(\d+)", told.stdout + told.stderr)}
        if not lines:
            return left_out
        for entry in entries(text):
            if lines & {line + 1 for line in entry}:
                old = [text[line] for line in entry]
                left_out.add(type_of(old))
                owner = "" if old[0][0] in " \t$" else old[0].split()[0]
                for line in entry:
                    text[line] = ""
                if not old[0].startswith("$"):
                    text[entry[0]] = rf"{owner} TYPE{MARK} \# 0"
    raise SystemExit(f"{server} does not read its copy of {source}: {told.stdout}{told.stderr}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def name_at(told, at):
    out, end = b"", None
    while True:
        length = told[at]
        if length >= 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | told[at + 1]
            continue
        out += told[at : at + length + 1]
        at += length + 1
        if length == 0:
            return out, end or at


def transfer(port):
    """The records of the zone, by AXFR: owner, TTL, type, data."""
    query = struct.pack(">6H", 7, 0, 1, 0, 0, 0) + b"\7example\3org\0" + struct.pack(">HH", 252, 1)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(struct.pack(">H", len(query)) + query)
        stream, soas, records = client.makefile("rb"), 0, set()
        while soas < 2:
            told = stream.read(struct.unpack(">H", stream.read(2))[0])
            _, flags, questions, answers, _, _ = struct.unpack(">6H", told[:12])
            if flags & 15 or not answers:
                raise SystemExit(f"no transfer: code {flags & 15}")
            at = 12
            for _ in range(questions):
                at = name_at(told, at)[1] + 4
            for _ in range(answers):
                owner, at = name_at(told, at)
                kind, _, ttl, length = struct.unpack(">HHIH", told[at : at + 10])
                at, end = at + 10, at + 10 + length
                before, names = NAMES.get(kind, (length, 0))
                data, rest = told[at : at + before], at + before
                for _ in range(names):
                    name, rest = name_at(told, rest)
                    data += name
                data, at = data + told[rest:end], end
                soas += kind == 6
                records.add((owner.lower(), ttl, kind, data))
    return records


def shown(owner):
    """A name as `zone_compare` writes it."""
    out, at = "", 0
    while owner[at]:
        label = owner[at + 1 : at + 1 + owner[at]]
        for byte in label:
            char = chr(byte)
            if char in '."();@$\\':
                out += "\\" + char
            elif 0x21 <= byte <= 0x7E:
                out += char
            else:
                out += f"\\{byte:03}"
        out += "."
        at += 1 + owner[at]
    return out or "."


def plain(lines):
    """Without what was left out, and without the TTLs of RRSIGs: Knot gives those the TTL
    that they sign."""
    kept = (line for line in lines if f" TYPE{MARK} " not in line)
    return {re.sub(r" \d+ TYPE46 ", " TYPE46 ", line) for line in kept}


def compare_with(server, file, port):
    for _ in range(100):
        try:
            theirs = transfer(port)
            break
        except (OSError, struct.error, SystemExit) as error:
            failure = error
            time.sleep(0.1)
    else:
        raise SystemExit(f"{server} gives no zone away: {failure}")
    theirs = {f"{shown(owner)} {ttl} TYPE{kind} {data.hex()}" for owner, ttl, kind, data in theirs}
    told = subprocess.run([compare, file], capture_output=True, text=True, timeout=60, check=True).stdout
    ours, theirs = plain(told.splitlines()), plain(theirs)
    for line in sorted(ours - theirs):
        print(f"ours only: {line}", file=sys.stderr)
    for line in sorted(theirs - ours):
        print(f"{server} only: {line}", file=sys.stderr)
    return ours == theirs, len(theirs), len({re.search(r" (TYPE\d+) ", line)[1] for line in theirs})


passed = True
for server in ("nsd", "knot"):
    folder = directory / server
    folder.mkdir(parents=True)
    (folder / "included.inc").write_text((source.parent / "included.inc").read_text())
    file = folder / "example.org.zone"
    name = f"{server}/example.org.zone"
    port = free_port()
    if server == "nsd":
        left_out = readable(server, ["sh", "-c", "cd nsd && nsd-checkzone example.org example.org.zone"], name)
        (folder / "nsd.conf").write_text(f"""
server:
    ip-address: 127.0.0.1
    port: {port}
    server-count: 1
    username: ""
    zonesdir: "{folder}"
    zonelistfile: "{folder}/zone.list"
    database: ""
    pidfile: "{folder}/nsd.pid"
    xfrdfile: "{folder}/xfrd.state"
    xfrdir: "{folder}"
remote-control:
    control-enable: no
zone:
    name: example.org
    zonefile: {file}
    provide-xfr: 127.0.0.1 NOKEY
""")
        command = ["nsd", "-d", "-c", folder / "nsd.conf"]
    else:
        left_out = readable(server, ["kzonecheck", "-v", "-o", "example.org", name], name)
        (folder / "knot.conf").write_text(f"""
server:
    rundir: {folder}
    listen: 127.0.0.1@{port}
database:
    storage: {folder}
acl:
  - id: all
    address: 127.0.0.1
    action: transfer
zone:
  - domain: example.org
    file: {file}
    acl: all
    journal-content: none
    zonefile-sync: -1
""")
        command = ["knotd", "-c", folder / "knot.conf"]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        same, records, types = compare_with(server, file, port)
    finally:
        process.terminate()
        process.wait(timeout=20)
    passed &= same
    strange = left_out - UNKNOWN[server]
    if strange:
        passed = False
        print(f"{server} does not read {', '.join(sorted(strange))}", file=sys.stderr)
    print(f"{server}: {records} records of {types} types as we have them; without {', '.join(sorted(left_out))}")
sys.exit(not passed)
