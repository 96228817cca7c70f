"""A link that loses, delays, reorders and duplicates frames: between a tap
device that it opens (Linux's end) and another network device (the image's end).

    impair.py TAP DEVICE SEED LOSS DUPLICATION REORDERING DELAY_MS JITTER_MS

Chances are in 1000. Prints `ready`, and when it is ended, what happened. Frames
keep their virtio headers, so that checksums which are left open stay so.
"""

import fcntl
import heapq
import os
import random
import select
import signal
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
SOL_PACKET, PACKET_VNET_HDR, ETH_P_ALL = 263, 15, 3
PACKET_OUTGOING = 4


def main():
    tap, device = sys.argv[1:3]
    seed, loss, duplication, reordering, delay, jitter = map(int, sys.argv[3:9])
    chance = random.Random(seed)

    linux = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
    fcntl.ioctl(linux, TUNSETIFF, struct.pack("16sH22x", tap.encode(), flags))
    image = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    image.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    image.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    image.bind((device, ETH_P_ALL))
    image.setblocking(False)

    counts = dict.fromkeys(["frames", "lost", "duplicated", "reordered"], 0)
    flight, number, last = [], 0, [0, 0]

    def finish(*_):
        print(*(f"{name} {count}" for name, count in counts.items()), flush=True)
        os._exit(0)

    signal.signal(signal.SIGTERM, finish)
    print("ready", flush=True)

    def send(way, frame):
        nonlocal number
        counts["frames"] += 1
        if chance.randrange(1000) < loss:
            counts["lost"] += 1
            return
        copies = 1
        if chance.randrange(1000) < duplication:
            counts["duplicated"] += 1
            copies = 2
        number += 1
        for _ in range(copies):
            wait = delay + chance.random() * jitter
            if chance.randrange(1000) < reordering:
                wait += 3 * (delay + jitter) + 2
            heapq.heappush(flight, (time.monotonic() + wait / 1000, number, way, frame))

    while True:
        patience = max(0, flight[0][0] - time.monotonic()) if flight else None
        readable, _, _ = select.select([linux, image], [], [], patience)
        if linux in readable:
            for _ in range(64):
                try:
                    send(0, os.read(linux, 70000))
                except BlockingIOError:
                    break
        if image in readable:
            for _ in range(64):
                try:
                    frame, address = image.recvfrom(70000)
                except BlockingIOError:
                    break
                if address[2] != PACKET_OUTGOING:
                    send(1, frame)
        while flight and flight[0][0] <= time.monotonic():
            _, which, way, frame = heapq.heappop(flight)
            if which < last[way]:
                counts["reordered"] += 1
            last[way] = max(last[way], which)
            try:
                if way == 0:
                    image.send(frame)
                else:
                    os.write(linux, frame)
            except OSError:
                pass


main()
