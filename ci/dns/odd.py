"""Odd queries, ours beside NSD and Knot: `odd.py OURS NSD KNOT`, ports of servers that
have the zone z0.test.

Every opcode, signed with a key that nobody has and not, for a zone, a name in it, a name
elsewhere and none; transfers; classes and types that are no data; options of EDNS. Where
NSD and Knot agree on code, flags and options, we agree.
"""
import itertools
import socket
import struct
import sys

ours, nsd, knot = (int(port) for port in sys.argv[1:4])

# Where we differ, and why: `name: reason`. A name may end with `*`.
REASONS = {}


def wire(name):
    labels = [label for label in name.split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def opt(options=b"", version=0):
    return b"\0" + struct.pack(">HHBBHH", 41, 1232, 0, version, 0, len(options)) + options


def option(code, data=b""):
    return struct.pack(">HH", code, len(data)) + data


MAC = struct.pack(">HIHH", 0, 1_700_000_000, 300, 32) + b"x" * 32
SIGNED = wire("hmac-sha256") + MAC + struct.pack(">HHH", 0x1234, 0, 0)
TSIG = wire("key.test") + struct.pack(">HHIH", 250, 255, 0, len(SIGNED)) + SIGNED


def message(name, kind=6, klass=1, opcode=0, flags=0, additional=(), answers=()):
    question = b"" if name is None else wire(name) + struct.pack(">HH", kind, klass)
    counts = int(name is not None), len(answers), 0, len(additional)
    head = struct.pack(">6H", 0x1234, opcode << 11 | flags, *counts)
    return head + question + b"".join(answers) + b"".join(additional)


def udp(port, query):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        client.sendto(query, ("127.0.0.1", port))
        try:
            return client.recv(65535)
        except TimeoutError:
            return None


def tcp(port, query):
    with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
        client.sendall(struct.pack(">H", len(query)) + query)
        stream = client.makefile("rb")
        try:
            length = stream.read(2)
            return stream.read(struct.unpack(">H", length)[0]) if len(length) == 2 else None
        except (TimeoutError, ConnectionError):
            return None


def skip(told, at):
    """Where the name at an offset ends there."""
    while told[at]:
        if told[at] >= 0xC0:
            return at + 2
        at += told[at] + 1
    return at + 1


def read(told):
    """What an answer says, but for its records."""
    if told is None:
        return "silence"
    _, flags, questions, *counts = struct.unpack(">6H", told[:12])
    at = 12
    for _ in range(questions):
        at = skip(told, at) + 4
    said = None
    signed = False
    code = flags & 15
    for _ in range(sum(counts)):
        at = skip(told, at)
        kind, _, ttl, length = struct.unpack(">HHIH", told[at : at + 10])
        data, at = told[at + 10 : at + 10 + length], at + 10 + length
        signed |= kind == 250
        if kind == 41:
            code |= ttl >> 24 << 4
            said = []
            while data:
                number, size = struct.unpack(">HH", data[:4])
                said.append((number, data[4 : 4 + size].hex() if number == 15 else ""))
                data = data[4 + size :]
    # Whether a message that is refused has its question or an OPT is not agreed on.
    options = " ".join(f"{number}:{data}" for number, data in said or [])
    return f"code {code}, flags {flags >> 4:03x}{', signed' * signed}{', options ' * bool(options)}{options}"


queries = {}
places = {"the zone": "z0.test", "a name": "some.z0.test", "elsewhere": "example.net", "root": ".", "nothing": None}
for opcode, (where, name), signed, edns in itertools.product(range(16), places.items(), (0, 1), (0, 1)):
    additional = [opt()] * edns + [TSIG] * signed
    text = f"opcode {opcode}, {where}{', signed' * signed}{', EDNS' * edns}"
    queries[text] = message(name, opcode=opcode, additional=additional)
for (where, name), kind in itertools.product(list(places.items())[:4], (251, 252)):
    queries[f"transfer {kind}, {where}"] = message(name, kind)
    queries[f"transfer {kind}, {where}, EDNS"] = message(name, kind, additional=[opt()])
for kind in (41, 249, 250, 253, 254, 255, 128, 0, 65535):
    queries[f"type {kind}"] = message("z0.test", kind, additional=[opt()])
for klass in (0, 2, 3, 4, 254, 255, 65535):
    queries[f"class {klass}"] = message("z0.test", 6, klass, additional=[opt()])
for number in (1, 4, 5, 6, 7, 8, 11, 12, 13, 14, 16, 17, 18, 19, 100, 65001):
    data = b"\0\1\x18\0\xc0\0\2" if number == 8 else b"" if number in (11, 18, 19) else b"\0" * 4
    queries[f"option {number}"] = message("z0.test", additional=[opt(option(number, data))])
for version in (1, 100, 255):
    queries[f"EDNS version {version}"] = message("z0.test", additional=[opt(version=version)])
for bit in range(4, 11):
    queries[f"flag {1 << bit:03x}"] = message("z0.test", flags=1 << bit)
queries["two OPTs"] = message("z0.test", additional=[opt(), opt()])
queries["an answer in a query"] = message("z0.test", answers=[b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\1\2\3\4"])

agreed = wrong = 0
for (text, query), ask in itertools.product(queries.items(), (udp, tcp)):
    told = [read(ask(port, query)) for port in (nsd, knot)]
    if told[0] != told[1]:
        continue
    agreed += 1
    mine = read(ask(ours, query))
    known = any(text == name or name[-1] == "*" and text.startswith(name[:-1]) for name in REASONS)
    if mine != told[0] and not known:
        wrong += 1
        print(f"{text}, {ask.__name__}: ours {mine}; NSD and Knot {told[0]}", file=sys.stderr)
print(f"{len(queries) * 2} odd queries: NSD and Knot agree on {agreed}, {len(REASONS)} differ for a reason")
sys.exit(wrong != 0 or agreed < 200)
