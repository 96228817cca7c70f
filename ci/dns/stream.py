"""DNS over TCP: pipelined, byte by byte, never completed, of length 0.

`stream.py PORT` asks a server of example.org on loopback.
"""
import socket
import struct
import sys
import time

PORT = int(sys.argv[1])
NAME = b"\x07example\x03org\x00"


def query(number, kind=1):
    message = struct.pack("!6H", number, 0, 1, 0, 0, 0) + NAME + struct.pack("!2H", kind, 1)
    return struct.pack("!H", len(message)) + message


def connect():
    stream = socket.create_connection(("127.0.0.1", PORT), timeout=30)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def exactly(stream, count):
    data = b""
    while len(data) < count:
        more = stream.recv(count - len(data))
        assert more, f"closed after {len(data)} of {count} bytes"
        data += more
    return data


def answer(stream):
    return exactly(stream, struct.unpack("!H", exactly(stream, 2))[0])


# A thousand queries at once are answered in order.
stream = connect()
stream.sendall(b"".join(query(number) for number in range(1000)))
for number in range(1000):
    assert struct.unpack("!H", answer(stream)[:2])[0] == number
# Byte by byte.
for byte in query(7):
    stream.send(bytes([byte]))
    time.sleep(0.001)
assert answer(stream)[:2] == b"\x00\x07"
# A query, then the end: it is answered, and then closed.
stream.sendall(query(8))
stream.shutdown(socket.SHUT_WR)
assert answer(stream)[:2] == b"\x00\x08"
assert stream.recv(1) == b""

# Length 0 cannot be answered.
stream = connect()
stream.sendall(b"\x00\x00")
assert stream.recv(1) == b""

# One that never ends what it announces is let go of.
stream = connect()
started = time.monotonic()
stream.sendall(b"\xff\xff" + b"x" * 100)
assert stream.recv(1) == b""
waited = time.monotonic() - started
assert 5 < waited < 20, f"waited {waited:.1f} s"

# One client's connections leave room for others: those over its share end.
many = [connect() for _ in range(400)]
time.sleep(0.5)
alive = 0
for stream in many:
    try:
        stream.sendall(query(1))
        stream.settimeout(2)
        alive += bool(answer(stream))
    except (AssertionError, OSError):
        pass
assert 0 < alive < 400, f"{alive} connections of one client"
# A response is not answered, nor is what is no message.
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(0.5)
for silent in [b"", b"\x00" * 11, query(1)[2:4] + b"\x80" + query(1)[5:]]:
    udp.sendto(silent, ("127.0.0.1", PORT))
    try:
        data = udp.recv(2000)
        raise SystemExit(f"an answer to {silent!r}: {data!r}")
    except TimeoutError:
        pass
print(f"TCP: 1000 pipelined in order, idle ones end after {waited:.1f} s, {alive} of 400 from one client")
