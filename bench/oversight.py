#!/usr/bin/env python3
"""What holds cost: an ordinary request's p50 at a gate with 10,000 open holds, at one that has answered as many ordinary
requests, and at a new one, in one run, A B C C B A; and the time from the last approval's request to the bytes of what
it let go.

    python3 bench/oversight.py --bin build/release/bin [--holds 10000] [--requests 2000] [--approvals 100]
"""
import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--bin", default="build/release/bin")
parser.add_argument("--holds", type=int, default=10_000)
parser.add_argument("--requests", type=int, default=2000)
parser.add_argument("--approvals", type=int, default=100)
options = parser.parse_args()
os.environ["PROVISO_BIN"] = os.path.abspath(options.bin)
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lib"))
from gate import Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

CONFIG = "[oversight]\nwait_seconds = 0\nstream_wait_seconds = 60\nopen_per_person_max = 100000\n"


def order(number):
    return "script: tool order_parts " + json.dumps({"quantity": number})


class Client:
    """One kept connection."""

    def __init__(self, gate, role, purpose):
        self.connection = http.client.HTTPConnection("127.0.0.1", gate.port)
        self.headers = {"Content-Type": "application/json", "Authorization": "Bearer " + gate.keys[role],
                        "Proviso-Purpose": purpose}

    def ask(self, text):
        body = json.dumps({"model": "local", "messages": [{"role": "user", "content": text}]})
        start = time.perf_counter()
        self.connection.request("POST", "/v1/chat/completions", body, self.headers)
        answer = self.connection.getresponse()
        answer.read()
        return answer.status, time.perf_counter() - start


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def filled(gate, role, purpose, text_of, expected):
    client = Client(gate, role, purpose)
    start = time.monotonic()
    for number in range(options.holds):
        status, _ = client.ask(text_of(number))
        assert status == expected, status
    print("%d requests, each answered %d, in %.0f s" % (options.holds, expected, time.monotonic() - start), flush=True)


def beside_holds(new, used, holding):
    filled(holding, "planner", "logistics", order, 403)
    filled(used, "analyst", "analysis", lambda number: "script: say hello", 200)
    clients = [Client(gate, "analyst", "analysis") for gate in (new, used, holding)]
    taken = [[], [], []]
    for which in (0, 1, 2, 2, 1, 0) * 4:
        for _ in range(options.requests // 8):
            status, seconds = clients[which].ask("script: say hello")
            assert status == 200, status
            taken[which].append(seconds)
    medians = [statistics.median(t) * 1000 for t in taken]
    print("request p50: new gate %.3f ms, after %d requests %.3f ms, with %d open holds %.3f ms: %+.1f %% of the second" % (
        medians[0], options.holds, medians[1], options.holds, medians[2], 100 * (medians[2] / medians[1] - 1)), flush=True)


def signed_vote(gate, held, role):
    environment = dict(os.environ, PROVISO_API_KEY=gate.keys[role], PROVISO_GATE=gate.base)
    text = subprocess.run([os.path.join(options.bin, "proviso"), "hold", "statement", held, "--as", role, "--reason",
                           "read and understood"], capture_output=True, text=True, check=True, env=environment).stdout
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "statement")
        with open(path, "w") as out:
            out.write(text)
        subprocess.run(["ssh-keygen", "-Y", "sign", "-n", "proviso-approval-v1", "-f",
                        os.path.join(gate.state, "sample", "approvers", role), path], check=True, capture_output=True)
        with open(path + ".sig") as signature:
            return json.dumps({"statement": text, "signature": signature.read()})


def approval_to_execution(gate):
    taken, votes = [], []
    for number in range(options.approvals):
        came = {}

        def stream():
            connection = http.client.HTTPConnection("127.0.0.1", gate.port)
            connection.request("POST", "/v1/chat/completions", json.dumps({
                "model": "local", "stream": True, "messages": [{"role": "user", "content": order(10**6 + number)}]}), {
                    "Content-Type": "application/json", "Authorization": "Bearer " + gate.keys["planner"],
                    "Proviso-Purpose": "logistics"})
            answer = connection.getresponse()
            while True:
                line = answer.readline()
                if not line or b"order_parts" in line:
                    came["at"] = time.perf_counter()
                    return

        thread = threading.Thread(target=stream)
        thread.start()
        held = None
        while held is None:
            listed = json.loads(gate.request("GET", "/proviso/holds", role="commander")[2])["holds"]
            held = next((h["id"] for h in listed if h["state"] == "open"), None)
        gate.request("POST", "/proviso/holds/%s/votes" % held, signed_vote(gate, held, "commander"), role="commander")
        last = signed_vote(gate, held, "legal")
        start = time.perf_counter()
        status, _, body = gate.request("POST", "/proviso/holds/%s/votes" % held, last, role="legal")
        votes.append(time.perf_counter() - start)
        assert status == 200, body
        thread.join()
        taken.append(came["at"] - start)
    print("last approval sent to its execution's bytes, %d times: p50 %.1f ms, p99 %.1f ms (the vote's own answer: p50 %.1f ms)"
          % (len(taken), 1000 * statistics.median(taken), 1000 * percentile(taken, 0.99), 1000 * statistics.median(votes)))


with Upstream() as upstream:
    gates = [Gate(upstream=upstream, config=CONFIG) for _ in range(3)]
    with gates[0], gates[1], gates[2]:
        approval_to_execution(gates[0])
        beside_holds(*gates)
