#!/usr/bin/env python3
"""kill -9 between any two steps of a hold: asked, voted on twice, executed, asked again, with the gate killed at
each sync of its ledger and at each answer that it writes, by strace. However it goes: one approval is executed at
most once, nothing is executed without its quorum, and what was acknowledged still stands. Without PROVISO_LONG=1
every few points are taken.
"""
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leaves  # noqa: E402
from gate import BIN, Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

POINTS_SHORT = 10
CALLS = ("fdatasync", "sendmsg")
CONFIG = "[oversight]\nwait_seconds = 0\n"
checks = Checks("holds under kill -9")
check = checks.check


class Died(Exception):
    pass


def order(gate):
    """Asks for the one order: "executed", a hold's id, or Died."""
    try:
        status, headers, body = gate.chat('script: tool order_parts {"part":"axle"}',
                                          headers={"Proviso-Purpose": "logistics"}, role="planner")
    except OSError as error:
        raise Died from error
    if status == 200 and b"order_parts" in body:
        return "executed"
    return headers.get("proviso-hold", "refused with %d" % status)


def vote(gate, held, role):
    environment = dict(os.environ, PROVISO_API_KEY=gate.keys[role], PROVISO_GATE=gate.base)
    done = subprocess.run([os.path.join(BIN, "proviso"), "hold", "approve", held, "--as", role, "--reason",
                           "read and understood", "--key", os.path.join(gate.state, "sample", "approvers", role)],
                          capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise Died(done.stderr)


def story(gate, seen):
    """The whole way once; `seen` keeps what was acknowledged, however far it comes."""
    held = order(gate)
    seen["hold"] = held
    for role in ("commander", "legal"):
        vote(gate, held, role)
        seen["votes"] += 1
    for _ in range(2):
        if order(gate) == "executed":
            seen["executed"] += 1


def count_points(base, home, upstream):
    """How often each thread of the gate makes each call between its start and the end of the story."""
    state, trace = os.path.join(home, "count"), os.path.join(home, "trace")
    shutil.copytree(base, state)
    gate = Gate(upstream=upstream, state=state, config=CONFIG, wrap=[
        "strace", "-f", "-e", "trace=" + ",".join(CALLS), "-o", trace])
    gate.start()
    started = sum(1 for _ in open(trace, errors="replace"))
    seen = collections.Counter()
    story(gate, seen)
    gate.stop()
    check("undisturbed, it is executed once", seen["executed"] == 1, seen)
    counts, points = collections.Counter(), []
    for number, line in enumerate(open(trace, errors="replace")):
        found = re.match(r"(\d+) +(\w+)\(", line)
        if not found:
            continue
        thread, call = found.groups()
        counts[thread, call] += 1
        point = (call, counts[thread, call])
        if number >= started and point not in points:
            points.append(point)
    shutil.rmtree(state)
    return points


def try_point(base, state, upstream, point):
    shutil.copytree(base, state)
    name = "%s %d" % point
    seen = collections.Counter()
    gate = Gate(upstream=upstream, state=state, config=CONFIG, wrap=[
        "strace", "-f", "-qq", "-e", "trace=" + point[0], "-e", "inject=%s:signal=KILL:when=%d" % point,
        "-o", "/dev/null"])
    try:
        gate.start()
        story(gate, seen)
    except (Died, RuntimeError):
        pass
    gate.end_wrapped()
    gate.process.wait()
    again = Gate(upstream=upstream, state=state, config=CONFIG)
    again.start()
    said = order(again)
    seen["executed"] += said == "executed"
    check(name + ": executed at most once", seen["executed"] <= 1, (seen, said))
    if seen["votes"] == 2 and seen["executed"] == 0:
        # Both votes were acknowledged, so an execution can only have been lost after its intent was durable.
        spent = [f for leaf, f in leaves.read(state) if f.get("hold.id") == seen["hold"]
                 and json.loads(leaf)["decision"] == "allow"]
        check(name + ": acknowledged votes are not lost", len(spent) == 1, (seen, said))
    if said.startswith("h_"):
        check(name + ": what waits can still be approved", approve_again(again, said), said)
    again.stop()
    executed = collections.Counter(f["hold.id"] for leaf, f in leaves.read(state)
                                   if f.get("hold.id") and json.loads(leaf)["decision"] == "allow")
    check(name + ": no hold has two intents", all(count == 1 for count in executed.values()), executed)
    verdict, output = again.verify()
    check(name + ": no quorum is missing", verdict == 0, output[-1500:])
    shutil.rmtree(state)
    return seen["executed"]


def approve_again(gate, held):
    for role in ("commander", "legal"):
        try:
            vote(gate, held, role)
        except Died as error:
            if "already" not in str(error):
                return False
    return order(gate) == "executed"


def main():
    if not shutil.which("strace"):
        print("skipped: holds under kill -9 (no strace)")
        check("nothing to run", True)
        checks.exit()
    home = tempfile.mkdtemp(prefix="proviso-holds-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    os.chmod(home, 0o755)
    base, state = os.path.join(home, "base"), os.path.join(home, "state")
    with Upstream() as upstream:
        with Gate(upstream=upstream, state=base, config=CONFIG):
            pass
        points = count_points(base, home, upstream)
        total = len(points)
        if not os.environ.get("PROVISO_LONG"):
            points = points[::max(1, total // POINTS_SHORT)]
        executed = [try_point(base, state, upstream, point) for point in points]
    print("holds under kill -9: %d of %d points tried, executed once in %d, twice in %d" % (
        len(points), total, executed.count(1), sum(1 for count in executed if count > 1)))
    check("points were found", total >= 10, total)
    shutil.rmtree(home, ignore_errors=True)
    checks.exit()


main()
