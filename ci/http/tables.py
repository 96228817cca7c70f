#!/usr/bin/env python3
"""Runs tables of raw requests and exact answers against a server.

usage: tables.py [--pieces HOW] HOST:PORT TABLE...

The server is whatever listens there: a process, an image on a tap device, a
machine under a monitor. A table is text:

    === a name
    > GET /plain.txt HTTP/1.1
    > Host: example.org
    >
    < HTTP/1.1 200 OK
    < Date: {date}
    < ...
    <| 0123456789
    open

`>` is a line that is sent, with CRLF behind it unless it ends with a backslash;
escapes are Python's. `<` is a line of the head, in this order; `{date}`,
`{etag}` and `{any}` stand for what they say, `{name=any}` names it for later
lines, as `{name}`, and `...` stands for any further lines. `<|` is the body, all
of it, or `<| ...` for any. A request may have several answers. At the end `open`
is asked once more and must answer; `closed` must be at its end.

Each case is sent in one piece, in two, and byte by byte (`--pieces cut`: not byte
by byte, for servers in emulation); all that stay open are sent once more on one
connection, without waiting, and must be answered in order.
"""

import codecs
import random
import re
import socket
import sys
import time

TIMEOUT_SECONDS = 10
PROBE = b"HEAD /plain.txt HTTP/1.1\r\nHost: probe\r\n\r\n"
DATE = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT"
WORDS = {"date": DATE, "etag": r'"[A-Za-z0-9_-]{22}(?:-[gb])?"', "any": r"[^\r\n]*"}


def unescape(text):
    return codecs.escape_decode(text.encode())[0]


class Answer:
    """One expected answer."""

    def __init__(self):
        self.lines = []
        self.body = b""
        self.any_body = False

    def matches(self, head, body, names):
        """Why this is not the answer, or nothing."""
        got = head.decode("latin-1").split("\r\n")
        expected = list(self.lines)
        index = 0
        while expected:
            line = expected.pop(0)
            if line == "...":
                if not expected:
                    return None if self.body_matches(body) else f"the body is {body!r}"
                while index < len(got) and not fits(expected[0], got[index], names):
                    index += 1
                continue
            if index >= len(got):
                return f"no line `{line}`"
            if not fits(line, got[index], names):
                return f"`{got[index]}` where `{line}` was expected"
            index += 1
        if index < len(got):
            return f"`{got[index]}` was not expected"
        return None if self.body_matches(body) else f"the body is {body!r}"

    def body_matches(self, body):
        return self.any_body or body == self.body


def fits(pattern, line, names):
    """Whether a line is what the pattern says; what it names is kept."""
    parts, named = [], []
    for piece in re.split(r"(\{[a-z]+(?:=[a-z]+)?\})", pattern):
        match = re.fullmatch(r"\{([a-z]+)(?:=([a-z]+))?\}", piece)
        if not match:
            parts.append(re.escape(piece))
        elif match[2]:
            named.append(match[1])
            parts.append(f"({WORDS[match[2]]})")
        elif match[1] in names:
            parts.append(re.escape(names[match[1]]))
        else:
            parts.append(f"(?:{WORDS[match[1]]})")
    found = re.fullmatch("".join(parts), line)
    if not found:
        return False
    names.update(zip(named, found.groups()))
    return True


class Case:
    """One case of a table."""

    def __init__(self, name, place):
        self.name = name
        self.place = place
        self.request = b""
        self.answers = []
        self.open = None


def read(path):
    """The cases of a table."""
    cases = []
    in_head = False
    with open(path, encoding="utf-8") as table:
        for number, line in enumerate(table, 1):
            line = line.rstrip("\n")
            place = f"{path}:{number}"
            if line.startswith("=== "):
                cases.append(Case(line[4:], place))
                in_head = False
            elif line.startswith(">"):
                text = line[2:]
                if text.endswith("\\") and not text.endswith("\\\\"):
                    cases[-1].request += unescape(text[:-1])
                else:
                    cases[-1].request += unescape(text) + b"\r\n"
            elif line.startswith("<|"):
                if line == "<| ...":
                    cases[-1].answers[-1].any_body = True
                else:
                    cases[-1].answers[-1].body += unescape(line[3:])
                in_head = False
            elif line.startswith("< "):
                if not in_head:
                    cases[-1].answers.append(Answer())
                in_head = True
                cases[-1].answers[-1].lines.append(line[2:])
            elif line in ("open", "closed"):
                cases[-1].open = line == "open"
            elif line == "--":
                in_head = False
            elif line and not line.startswith("#"):
                sys.exit(f"{place}: `{line}` is nothing that a table has")
    for case in cases:
        if case.open is None or not case.answers:
            sys.exit(f"{case.place}: `{case.name}` has no answer or no end")
    return cases


class Client:
    """A connection, read message by message."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, TIMEOUT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # It has answered already, and closed.

    def fill(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.buffer += data
        return bool(data)

    def answer(self, is_head):
        """The next answer: its head without the blank line, its body."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.fill():
                raise EOFError(f"the connection ended after {self.buffer!r}")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        status = head.split(b" ", 2)[1]
        has_body = length and not is_head and status not in (b"304", b"204", b"100")
        size = int(length[1]) if has_body else 0
        while len(self.buffer) < size:
            if not self.fill():
                raise EOFError("the body ended early")
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        return head, body

    def is_at_end(self):
        return not self.buffer and not self.fill()

    def close(self):
        self.socket.close()


def methods(request):
    """Whether each answer in turn is to a HEAD: for one request, or for many."""
    return [line.startswith(b"HEAD ") for line in re.findall(rb"(?m)^(?:HEAD|[A-Z]+) [^\r\n]* HTTP/", request)]


def expect(client, case, names):
    heads = methods(case.request)
    interim = 0
    for index, answer in enumerate(case.answers):
        asked = index - interim
        head, body = client.answer(asked < len(heads) and heads[asked])
        interim += head.startswith(b"HTTP/1.1 100")
        why = answer.matches(head, body, names)
        if why:
            raise AssertionError(f"answer {index + 1}: {why}\n{head.decode('latin-1')}")


def run(address, case, pieces):
    client = Client(address)
    try:
        for piece in pieces:
            client.send(piece)
            if len(pieces) > 1:
                time.sleep(0.0005)
        names = {}
        expect(client, case, names)
        if case.open:
            client.send(PROBE)
            head, _ = client.answer(True)
            if not head.startswith(b"HTTP/1.1 200 "):
                raise AssertionError(f"asked once more: {head!r}")
        elif not client.is_at_end():
            raise AssertionError(f"the connection goes on: {client.buffer!r}")
    finally:
        client.close()


def splits(request, source, how):
    yield "in one piece", [request]
    if len(request) > 1:
        cut = source.randrange(1, len(request))
        yield f"cut at {cut}", [request[:cut], request[cut:]]
    if len(request) < 600 and how == "all":
        yield "byte by byte", [request[i : i + 1] for i in range(len(request))]


def main():
    arguments = sys.argv[1:]
    how = "all"
    if arguments[:1] == ["--pieces"]:
        how, arguments = arguments[1], arguments[2:]
    if len(arguments) < 2 or how not in ("all", "cut"):
        sys.exit(__doc__)
    host, _, port = arguments[0].rpartition(":")
    address = (host.strip("[]"), int(port))
    cases = [case for path in arguments[1:] for case in read(path)]
    source = random.Random(7)
    failed = 0
    runs = 0
    for case in cases:
        for pieces_are, pieces in splits(case.request, source, how):
            runs += 1
            try:
                run(address, case, pieces)
            except (AssertionError, EOFError, OSError) as error:
                failed += 1
                print(f"error: {case.place}: {case.name}, {pieces_are}: {error}", file=sys.stderr)
                break
    together = [case for case in cases if case.open]
    client = Client(address)
    names = {}
    try:
        for start in range(0, len(together), 20):
            group = together[start : start + 20]
            client.send(b"".join(case.request for case in group))
            for case in group:
                last = case
                expect(client, case, names)
    except (AssertionError, EOFError, OSError) as error:
        failed += 1
        print(f"error: {last.place}: {last.name}, among others: {error}", file=sys.stderr)
    client.close()
    print(f"{len(cases)} cases, {runs} connections, {len(together)} pipelined on one: {failed} failed")
    sys.exit(1 if failed else 0)


main()
