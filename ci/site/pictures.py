"""A website in Zola's layout of one page with so many pictures, each shown smaller
in two sizes: what `resize_image` takes, anew and from the cache.

usage: pictures.py PICTURES DIRECTORY
"""

import os
import struct
import sys
import zlib

WIDTH, HEIGHT = 1200, 800


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(seed):
    """A picture that is not all the same, from its number."""
    row = lambda y: b"\0" + bytes((x * (seed + 1) + y * c) >> 2 & 255 for x in range(WIDTH) for c in (1, 2, 3))
    rows = [row(y) for y in range(16)]
    body = zlib.compress(b"".join(rows[y % 16] for y in range(HEIGHT)), 1)
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


count, root = int(sys.argv[1]), sys.argv[2]
write(f"{root}/config.toml", b'base_url = "https://example.org"\n')
write(f"{root}/content/_index.md", b"+++\n+++\n")
for n in range(count):
    write(f"{root}/static/{n}.png", png(n))
write(f"{root}/templates/index.html", f"""<!doctype html><title>Pictures</title>
{{% for n in range(end={count}) %}}{{% for width in [600, 300] %}}{{% set small = resize_image(path=n ~ ".png", width=width, op="fit_width", format="jpg") %}}
<img src="{{{{ small.url }}}}" alt="">{{% endfor %}}{{% endfor %}}
""".encode())
