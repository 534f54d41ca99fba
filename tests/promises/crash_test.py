#!/usr/bin/env python3
"""Promise 1 under kill -9: mixed load at 64 connections, the gate killed at random, again and again on one
state. Every exchange that was answered has its leaves, and all of the ledger verifies.

CRASH_ROUNDS sets how many (default 30)."""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leaves  # noqa: E402
from gate import Checks, Gate  # noqa: E402
from load import load  # noqa: E402
from upstream import Upstream  # noqa: E402

rounds = int(os.environ.get("CRASH_ROUNDS", "30"))
seed = int(os.environ.get("CRASH_SEED", "1"))
rng = random.Random(seed)
checks = Checks("promises.crash")
upstream = Upstream()
answers = []
with Gate(upstream=upstream) as gate:
    for number in range(rounds):
        if number > 0:
            gate.start()
        answers += load(gate.port, gate.keys["analyst"], rng.uniform(0.1, 1.2), seed * 100 + number,
                        on_end=gate.kill)
    gate.start()  # recovery after the last kill
    gate.stop()
    written = leaves.read(gate.state)
    wrong = leaves.missing(answers, written)
    complete = [a for a in answers if a.complete and a.status in (200, 403)]
    print("    %d rounds, %d answers, %d leaves, answers without a leaf: %d"
          % (rounds, len(complete), len(written), len(wrong)))
    checks.check("load was answered", len(complete) > rounds * 5, len(complete))
    checks.check("kinds were all answered", len(set(a.kind for a in complete)) == 6)
    checks.check("answers without a leaf = 0", not wrong, wrong[:5])
    leaked = [a for a in answers if a.kind == "secret_stream" and b"AKIA" in a.body]
    checks.check("no secret left a stream", not leaked, len(leaked))
    status, output = gate.verify()
    checks.check("everything verifies", status == 0, output[-2000:])
upstream.close()
checks.exit()
