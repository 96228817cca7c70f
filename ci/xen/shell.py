"""Drives `ci/xen-lab shell` through a pseudo-terminal, as a person would.

It is a shell in dom0 whose terminal has job control: ^C ends what runs in it and
nothing else, and `exit` ends the emulator with the shell's exit code.
"""

import os
import pty
import re
import select
import sys
import time

SECONDS = 300
PROMPT = rb"root@lab:[^\r\n]*# "


def main():
    began = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.argv[1], [sys.argv[1], "shell", *sys.argv[2:]])
    heard = b""

    def listen():
        nonlocal heard
        if time.monotonic() - began > SECONDS:
            sys.exit(f"error: out of time; heard last: {heard[-500:]!r}")
        if not select.select([terminal], [], [], 1)[0]:
            return
        try:
            part = os.read(terminal, 4096)
        except OSError:
            part = b""
        if not part:
            sys.exit(f"error: the lab ended; heard last: {heard[-1500:].decode(errors='replace')}")
        heard += part

    def until(pattern):
        """What came before the pattern, which is then forgotten with it."""
        nonlocal heard
        while True:
            found = re.search(pattern, heard)
            if found:
                before, heard = heard[: found.start()], heard[found.end() :]
                return before
            listen()

    def say(line):
        os.write(terminal, line)

    def asked(line, pattern):
        say(line + b"\r")
        until(pattern)
        until(PROMPT)

    until(rb"The lab's dom0")
    until(PROMPT)
    print(f"a prompt after {time.monotonic() - began:.0f} s", flush=True)
    # Each terminal on the way adds a return.
    asked(b"xl list | grep -c Domain-0", rb"[\r\n]1\r+\n")
    asked(b"tty", rb"/dev/hvc0\r+\n")
    for file in sys.argv[2:]:
        name = os.path.basename(file).encode()
        asked(b"ls -d " + name, rb"[\r\n]" + re.escape(name) + rb"\r+\n")
    say(b"sleep 1000\r")
    time.sleep(1)
    say(b"\x03")
    until(PROMPT)
    asked(b"echo status $?", rb"[\r\n]status 130\r+\n")
    asked(b"echo left > ../out/left", rb"")
    say(b"exit 7\r")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if select.select([terminal], [], [], 1)[0]:
                heard += os.read(terminal, 4096)
        except OSError:
            break
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
    else:
        sys.exit("error: the lab goes on after `exit`")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 7:
        sys.exit(f"error: `exit 7` came out as {status}; heard last: {heard[-1500:].decode(errors='replace')}")
    print(f"a shell in dom0, ^C, `exit`: {time.monotonic() - began:.0f} s")


main()
