#!/usr/bin/env python3
"""REDbot and httplint on every kind of resource that ci/http/site has.

usage: lint.py URL

The files are to be longer than the part that REDbot asks for (100 bytes), or it
takes the part for the whole.

Notes that are warnings or faults are told, and fail the run; what is good to
know is not. Needs `redbot` and `httplint` from PyPI on the path.
"""

import json
import re
import subprocess
import sys

PATHS = [
    "/",
    "/plain.txt",
    "/empty.txt",
    "/about",
    "/pages",
    "/pages/",
    "/first",
    "/old/x",
    "/see",
    "/out/x",
    "/app/x",
    "/gone",
    "/lost/x",
    "/nothing",
    "/deep/er/x",
    "/data.json",
    "/a%20b%20%C3%A4.txt",
    "/assets/app.3f9a1c2b.js",
]
FAULTS = re.compile(r"\[(?:WARN|BAD)\][^\n]*")


def run(*command, data=None):
    done = subprocess.run(command, input=data, capture_output=True, timeout=120, check=False)
    return done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")


def httplint(url):
    """What httplint finds wrong."""
    curl = ["curl", "--silent", "--include", "--path-as-is", "--max-time", "10", url]
    answer = subprocess.run(curl, capture_output=True, check=True).stdout
    told = run("httplint", "--now", data=answer)
    if not re.search(r"\[[A-Z]+\]", told):
        sys.exit(f"error: httplint has no word on {url}: {told[:300]!r}")
    return FAULTS.findall(told)


def redbot(url):
    """What REDbot finds wrong, from its own requests with and without conditions."""
    told = run("redbot", "-o", "har", url)
    try:
        entries = json.loads(told)["log"]["entries"]
        notes = [note for entry in entries for note in entry["_red_messages"]]
    except (ValueError, KeyError) as error:
        sys.exit(f"error: redbot has no word on {url}: {error}: {told[:300]!r}")
    if not notes:
        sys.exit(f"error: redbot has no word on {url}")
    return [note["summary"] for note in notes if note["level"] in ("WARN", "BAD")]


def main():
    base = sys.argv[1].rstrip("/")
    failed = False
    for path in PATHS:
        for tool in (httplint, redbot):
            for fault in tool(base + path):
                failed = True
                print(f"error: {tool.__name__} on {path}: {fault}", file=sys.stderr)
    print(f"REDbot and httplint: {len(PATHS)} resources")
    sys.exit(1 if failed else 0)


main()
