"""What a state folder's ledger says, by the gate's own command, judged here by hand."""
import base64
import hashlib
import json
import os
import subprocess

from gate import BIN


def read(state):
    """[(leaf bytes, facts)] in order."""
    done = subprocess.run([os.path.join(BIN, "proviso"), "ledger", "show", "--state", state, "--last",
                           "100000000", "--facts", "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    leaves = []
    for line in done.stdout.splitlines():
        value = json.loads(line)
        leaves.append((value["leaf"], value["facts"]))
    return leaves


def leaf_hash(leaf):
    return hashlib.sha256(b"\x00" + leaf.encode()).digest()


def missing(answers, leaves):
    """Answers that have no leaf saying so: [(kind, exchange, why)]."""
    by_exchange = {}
    for leaf, facts in leaves:
        by_exchange.setdefault(facts.get("exchange.id"), []).append((json.loads(leaf), facts))
    wrong = []
    for answer in answers:
        if answer.status >= 500 or answer.status in (400, 401, 404, 429):
            continue  # nothing of a model or a decision left
        found = by_exchange.get(answer.exchange, [])
        verbs = [leaf["verb"] for leaf, _ in found]
        if "ask" not in verbs:
            wrong.append((answer.kind, answer.exchange, "no ask"))
        elif answer.status == 200 and "release" not in verbs:
            wrong.append((answer.kind, answer.exchange, "no release"))
        elif answer.status == 200 and answer.complete and not any(
                f.get("exchange.outcome") in ("complete", "refused") for _, f in found):
            wrong.append((answer.kind, answer.exchange, "no outcome"))
        if answer.receipt:
            receipt = json.loads(answer.receipt)
            index = receipt["index"]
            said = receipt["leaf"]
            if index >= len(leaves):
                wrong.append((answer.kind, answer.exchange, "receipt %d beyond the log" % index))
            elif said not in (leaf_hash(leaves[index][0]).hex(),
                              base64.b64encode(leaf_hash(leaves[index][0])).decode()):
                wrong.append((answer.kind, answer.exchange, "receipt %d names another leaf" % index))
    return wrong
