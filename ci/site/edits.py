"""Edits a page some times, and measures from each write to the changed bytes over HTTP.

usage: edits.py WHAT FILE URL TIMES PID
"""

import random
import statistics
import sys
import time
import urllib.request

what, path, url, times, pid = sys.argv[1:]
with open(path) as file:
    text = file.read()
took = []
for _ in range(int(times)):
    mark = f"mark-{random.getrandbits(48):x}"
    started = time.perf_counter()
    with open(path, "w") as file:
        file.write(f"{text}\n{mark}\n")
    while True:
        with urllib.request.urlopen(url) as answer:
            if mark in answer.read().decode():
                break
        if time.perf_counter() - started > 60:
            sys.exit(f"edits.py: `{url}` never changed")
        time.sleep(0.002)
    took.append((time.perf_counter() - started) * 1000)
    time.sleep(0.3)
with open(f"/proc/{pid}/status") as status:
    most = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
print(f"{what:<52} {statistics.median(took):9.0f} ms {most / 1000:7.0f} MB  (worst {max(took):.0f} ms)")
