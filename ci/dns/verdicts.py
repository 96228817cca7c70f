"""What servers make of small zones, right and wrong (verdicts.txt).

What NSD and Knot both refuse to load is an error here; what all three servers
load is none. `verdicts.py APPLGEN DIRECTORY`
"""
import pathlib
import subprocess
import sys

HEAD = "$TTL 300\n@ SOA ns1 host 1 3600 600 86400 300\n@ NS ns1\nns1 A 192.0.2.53\n"

# Where we differ, and why.
REASONS = {
    "origin-relative": "RFC 1035 §5.1 has a domain name there, and BIND takes a relative one: a warning",
}

applgen, directory = sys.argv[1], pathlib.Path(sys.argv[2])
zone = directory / "example.org.zone"
tools = [
    ["named-checkzone", "example.org", zone],
    ["nsd-checkzone", "example.org", zone],
    ["kzonecheck", "-o", "example.org", zone],
    [applgen, "check", zone],
]
wrong = refused = 0
blocks = (pathlib.Path(__file__).parent / "verdicts.txt").read_text().split("\n## ")[1:]
for block in blocks:
    name, _, body = block.partition("\n")
    zone.write_text(HEAD + body + "\n")
    results = [subprocess.run(tool, capture_output=True, text=True, timeout=60) for tool in tools]
    bind, nsd, knot, ours = [result.returncode == 0 for result in results]
    refused += not ours
    told = results[3].stderr
    fault = None
    if not nsd and not knot and ours:
        fault = "NSD and Knot refuse it"
    if bind and nsd and knot and not ours:
        fault = "all three servers load it"
    if not ours and ("hint:" not in told or "example.org.zone:" not in told):
        fault = "the mistake is told without place or hint"
    if fault and name not in REASONS:
        wrong += 1
        print(f"{name}: {fault}\n{told}", file=sys.stderr)
print(f"{len(blocks)} zones, {refused} refused; {len(REASONS)} differ for a reason")
sys.exit(wrong != 0)
