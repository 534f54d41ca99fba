#!/usr/bin/env python3
"""Faults at the system call: one command that writes leaves is run again and again, each time with another call
that fails (EIO, ENOSPC, EINTR) or that the program does not survive (SIGKILL), by strace. After each: the state
opens and goes on, everything verifies, what was acknowledged is there, and today's log continues yesterday's
checkpoint. Every write, sync, rename, open, cut and extension of gate and signer is a point; without
PROVISO_LONG=1 every few of them are taken.
"""
import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate import BIN, Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

CALLS = ("openat", "pwrite64", "write", "fdatasync", "fsync", "rename", "ftruncate", "fallocate", "unlink")
FULL = ("openat", "pwrite64", "write", "fallocate", "rename")  # what a full disk refuses
POINTS_SHORT = 60
checks = Checks("fault points")
check = checks.check


def proviso(*argv, wrap=()):
    try:
        return subprocess.run(list(wrap) + [os.path.join(BIN, argv[0])] + list(argv[1:]), capture_output=True,
                              text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 124, "", "it hangs")


def act(state, wrap=()):
    """Two leaves: a person and a key."""
    return proviso("proviso", "key", "new", "--state", state, "--person", "fault", "--role", "analyst", "--json",
                   wrap=wrap)


def count_points(base, home):
    """How often the busiest thread makes each call on the state: strace counts per thread."""
    state, trace = os.path.join(home, "count"), os.path.join(home, "trace")
    shutil.copytree(base, state)
    done = act(state, wrap=["strace", "-f", "-y", "-e", "trace=" + ",".join(CALLS), "-o", trace])
    assert done.returncode == 0, done.stderr
    seen, most = collections.Counter(), collections.Counter()
    for line in open(trace, errors="replace"):
        found = re.match(r"(\d+) +(\w+)\(", line)
        if not found or found.group(2) not in CALLS:
            continue
        thread, call = found.groups()
        seen[thread, call] += 1
        if state in line:
            most[call] = max(most[call], seen[thread, call])
    shutil.rmtree(state)
    return most


def points_of(most):
    for call in CALLS:
        for number in range(1, most[call] + 1):
            for effect in ("error=EIO", "error=ENOSPC", "error=EINTR", "signal=KILL"):
                if effect == "error=ENOSPC" and call not in FULL:
                    continue
                yield call, number, effect


def leaves(state):
    done = proviso("proviso", "ledger", "show", "--state", state, "--last", "1000000", "--json")
    return done.stdout.count("\n")


def try_point(base, state, before, point):
    call, number, effect = point
    shutil.copytree(base, state)
    done = act(state, wrap=["strace", "-f", "-qq", "-e", "trace=" + call, "-e",
                            "inject=%s:%s:when=%d" % (call, effect, number), "-o", "/dev/null"])
    name = "%s %d %s" % point
    opened = proviso("proviso", "key", "list", "--state", state, "--json")
    check(name + ": it goes on", opened.returncode == 0, opened.stderr)
    count = leaves(state)
    check(name + ": what was acknowledged is there", done.returncode != 0 or count >= before + 2,
          (done.returncode, before, count, done.stdout))
    verdict = proviso("proviso-verify", state)
    check(name + ": everything verifies", verdict.returncode == 0, verdict.stdout)
    accused = proviso("proviso", "ledger", "accuse", "--state", state, "--checkpoint", base + "/log/checkpoint")
    check(name + ": one history", accused.returncode == 3, accused.stdout + accused.stderr)
    more = act(state)
    check(name + ": it takes more", more.returncode == 0 or "exists" in more.stderr, more.stderr)
    shutil.rmtree(state)
    return done.returncode


def main():
    if not shutil.which("strace"):
        print("skipped: fault points (no strace)")
        check("nothing to run", True)
        checks.exit()
    home = tempfile.mkdtemp(prefix="proviso-faults-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    os.chmod(home, 0o755)
    base, state = os.path.join(home, "base"), os.path.join(home, "state")
    upstream = Upstream()
    with Gate(upstream=upstream, state=base) as gate:
        for number in range(3):
            gate.chat("script: say %d" % number, headers={"Proviso-Purpose": "analysis"})
    upstream.close()
    before = leaves(base)
    points = list(points_of(count_points(base, home)))
    total = len(points)
    if not os.environ.get("PROVISO_LONG"):
        points = points[::max(1, total // POINTS_SHORT)]
    ended = collections.Counter(try_point(base, state, before, point) for point in points)
    print("fault points: %d of %d tried; the command's exit statuses: %s" % (
        len(points), total, ", ".join("%d: %d" % pair for pair in sorted(ended.items()))))
    check("faults were felt", sum(count for status, count in ended.items() if status != 0) > len(points) // 4, ended)
    # The control: a log with a bit flipped behind the checks is seen by them.
    shutil.copytree(base, state)
    path = state + "/log/log.wal"
    with open(path, "r+b") as file:
        at = file.read().index(b'"verb"')
        file.seek(at)
        file.write(b"?")
    check("a flipped byte is seen", proviso("proviso", "key", "list", "--state", state).returncode != 0)
    shutil.rmtree(home, ignore_errors=True)
    checks.exit()


main()
