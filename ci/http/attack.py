#!/usr/bin/env python3
"""Attacks a server, each beside a probe whose answers must go on coming.

usage: attack.py HOST:PORT [--idle N] [--seconds N] [--pid PID]

Slowloris, slow readers, a flood of connections, random bytes, and N idle
connections (10,000 by default, which takes as many files). During each a probe
asks for /plain.txt on a new connection every 20 ms; its slowest answer, its
99th percentile and every one that fails are printed, and fail the run beyond a
bound. With --pid the server's resident memory is printed before and after.
"""

import argparse
import os
import random
import selectors
import socket
import sys
import threading
import time

BOUND_SECONDS = 2.0
REQUEST = b"GET /plain.txt HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"


def connect(address, timeout=5.0):
    return socket.create_connection(address, timeout)


class Probe(threading.Thread):
    """Asks again and again; collects how long each answer took."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address = address
        self.times = []
        self.faults = []
        self.over = threading.Event()

    def run(self):
        while not self.over.is_set():
            start = time.monotonic()
            try:
                with connect(self.address) as client:
                    client.sendall(REQUEST)
                    answer = b""
                    while True:
                        data = client.recv(65536)
                        if not data:
                            break
                        answer += data
                if not answer.startswith(b"HTTP/1.1 200 ") or not answer.endswith(b"0123456789"):
                    self.faults.append(repr(answer[:60]))
            except OSError as error:
                self.faults.append(str(error))
            self.times.append(time.monotonic() - start)
            self.over.wait(0.02)

    def finish(self, name):
        self.over.set()
        self.join(10)
        times = sorted(self.times) or [float("inf")]
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        print(
            f"{name}: {len(times)} probes, 99th percentile {p99 * 1e3:.1f} ms,"
            f" slowest {times[-1] * 1e3:.1f} ms, {len(self.faults)} failed"
        )
        if self.faults:
            print(f"error: {name}: {self.faults[:3]}", file=sys.stderr)
        if times[-1] > BOUND_SECONDS:
            print(f"error: {name}: an answer took {times[-1]:.1f} s", file=sys.stderr)
        return not self.faults and times[-1] <= BOUND_SECONDS


def close_all(clients):
    for client in clients:
        client.close()


def slowloris(address, seconds, source):
    """Requests that come a byte at a time."""
    clients = [connect(address) for _ in range(300)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: slow\r\n")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for client in clients:
            try:
                client.sendall(b"X")
            except OSError:
                pass  # It was given up on.
        time.sleep(0.5)
    close_all(clients)


def slow_readers(address, seconds, source):
    """Clients that ask for much and take little."""
    clients = []
    for _ in range(100):
        client = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(address)
        client.sendall(b"GET / HTTP/1.1\r\nHost: slow\r\n\r\n" * 500)
        client.setblocking(False)
        clients.append(client)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for client in clients:
            try:
                client.recv(1)
            except OSError:
                pass
        time.sleep(0.2)
    close_all(clients)


def flood(address, seconds, source):
    """Connections that come and go, without a word or with half of one."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with connect(address) as client:
                if source.random() < 0.5:
                    client.sendall(b"GET / HT")
        except OSError:
            time.sleep(0.01)


def noise(address, seconds, source):
    """Random bytes, and requests with random bytes in them."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data = bytearray(source.randbytes(source.randrange(1, 4000)))
        if source.random() < 0.7:
            text = bytearray(b"GET /plain.txt HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" * 20)
            for _ in range(source.randrange(1, 6)):
                text[source.randrange(len(text))] = source.randrange(256)
            data = text
        try:
            with connect(address, 1.0) as client:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
        except OSError:
            pass  # A reset is an answer to noise.


def idle(address, count):
    """Connections that wait; they are handed back open."""
    clients = []
    for number in range(count):
        client = connect(address)
        # Half of them have asked before.
        if number % 2:
            client.sendall(b"HEAD /plain.txt HTTP/1.1\r\nHost: idle\r\n\r\n")
            client.recv(4096)
        clients.append(client)
    return clients


def still_open(clients):
    selector = selectors.DefaultSelector()
    for client in clients:
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ)
    closed = 0
    for key, _ in selector.select(0):
        try:
            closed += not key.fileobj.recv(1)
        except OSError:
            closed += 1
    return len(clients) - closed


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--idle", type=int, default=10000)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--pid", type=int)
    arguments = parser.parse_args()
    host, _, port = arguments.address.rpartition(":")
    address = (host.strip("[]"), int(port))
    good = True
    source = random.Random(11)
    for attack in [slowloris, slow_readers, flood, noise]:
        probe = Probe(address)
        probe.start()
        attackers = [
            threading.Thread(target=attack, args=(address, arguments.seconds, random.Random(n)))
            for n in range(4 if attack in (flood, noise) else 1)
        ]
        for thread in attackers:
            thread.start()
        for thread in attackers:
            thread.join()
        good &= probe.finish(attack.__name__.replace("_", " "))
    before = resident(arguments.pid) if arguments.pid else 0
    probe = Probe(address)
    probe.start()
    clients = idle(address, arguments.idle)
    time.sleep(1)
    good &= probe.finish(f"{arguments.idle} idle connections")
    if arguments.pid:
        grown = resident(arguments.pid) - before
        print(f"memory of {arguments.idle} idle connections: {grown / arguments.idle:.0f} bytes each")
    count = still_open(clients)
    if count < arguments.idle:
        print(f"error: {arguments.idle - count} idle connections were closed", file=sys.stderr)
        good = False
    close_all(clients)
    sys.exit(0 if good else 1)


main()
