#!/usr/bin/env python3
"""Break-glass: who declares it, who signs, what it opens and for how long, and who reviews it."""
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leaves  # noqa: E402
from gate import BIN, Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("gate.emergency")
check = checks.check
LOGISTICS = {"Proviso-Purpose": "logistics"}
REASON = "the bridge is out, convoy stranded"


def proviso(gate, *args, role):
    environment = dict(os.environ, PROVISO_API_KEY=gate.keys[role], PROVISO_GATE=gate.base)
    done = subprocess.run([os.path.join(BIN, "proviso"), *args], capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout, done.stderr


def declare(gate, role="planner", purpose="logistics", reason=REASON):
    return gate.request("POST", "/proviso/emergencies", {"purpose": purpose, "reason": reason}, role=role)


def approve(gate, held, role):
    return proviso(gate, "hold", "approve", held, "--as", role, "--reason", "seen, and it is so", "--key",
                   os.path.join(gate.state, "sample", "approvers", role), role=role)


def listed(gate):
    return json.loads(proviso(gate, "emergency", "list", "--json", role="legal")[1])["emergencies"]


def asked(gate):
    return gate.chat("hi", headers=LOGISTICS)[0]


def declared(gate):
    check("an analyst has nothing to do with logistics", asked(gate) == 403)
    status, _, body = declare(gate, role="analyst")
    check("nor may they declare an emergency", status == 403, body)
    status, _, body = declare(gate, purpose="analysis")
    check("nor anybody for another purpose", status == 403, body)
    status, _, body = gate.request("POST", "/proviso/emergencies", {"purpose": "logistics", "reason": "ok"}, role="planner")
    check("a reason is more than ok", status == 400, body)
    status, headers, body = declare(gate)
    held = headers.get("proviso-hold", "none")
    check("a declaration waits for two people", status == 403 and b"commander and security" in body, body)
    shown = proviso(gate, "hold", "show", held, role="security")[1]
    check("who read what it is", REASON in shown and "declare" in shown and "logistics" in shown, shown)
    check("one signs", approve(gate, held, "commander")[0] == 0)
    check("one is not two", declare(gate)[0] == 403 and listed(gate) == [])
    check("nothing is open yet", asked(gate) == 403)
    check("the other signs", approve(gate, held, "security")[0] == 0)
    status, out, err = proviso(gate, "emergency", "declare", "logistics", "--reason", REASON, role="planner")
    check("now it is declared", status == 0 and "stands for `logistics`" in out, err)
    return listed(gate)[0]


def stands(gate, emergency):
    check("it is listed", emergency["state"] == "stands" and emergency["person"] == "planner"
          and emergency["reason"] == REASON, emergency)
    check("an analyst may help", asked(gate) == 200)
    check("with this purpose only", gate.chat("hi", headers={"Proviso-Purpose": "maintenance"})[0] == 403)
    status, _, body = gate.chat("my key is AKIAIOSFODNN7QWERTYU", headers=LOGISTICS)
    check("a red line stays", status == 403, body)
    status, _, body = declare(gate)
    check("it is declared once", status == 400 and b"already" in body, body)
    gate.kill()
    gate.start()
    check("it stands after kill -9", asked(gate) == 200 and listed(gate) == [emergency], listed(gate))


def reviewed(gate, emergency):
    leaf = str(emergency["leaf"])
    for role in ("planner", "commander", "security", "analyst"):
        status, _, err = proviso(gate, "emergency", "review", leaf, "--reason", "all was well", role=role)
        check("not reviewed by " + role, status == 1 and "reviewer" in err, err)
    status, _, err = proviso(gate, "emergency", "review", "1", "--reason", "all was well", role="legal")
    check("nor any other leaf", status == 1, err)
    status, out, err = proviso(gate, "emergency", "review", leaf, "--reason", "all was well", role="legal")
    check("a legal officer reviews it", status == 0 and "over" in out, err)
    check("and it is over", listed(gate) == [] and asked(gate) == 403)
    text, facts = next((json.loads(l), f) for l, f in leaves.read(gate.state) if json.loads(l)["verb"] == "emergency_review")
    check("in a leaf", facts == {"review.emergency": leaf, "review.person": "legal", "review.words": "all was well"}, facts)
    told = [f["context.moment.break_glass"] for l, f in leaves.read(gate.state)
            if json.loads(l)["verb"] == "ask" and f["context.moment.purpose"] == "logistics"]
    check("every decision knew", True in told and False in told, told)


def at_once(gate):
    """Of many who declare what was signed once, at the same moment, one does."""
    held = declare(gate)[1].get("proviso-hold", "none")
    for role in ("commander", "security"):
        check("%s signs" % role, approve(gate, held, role)[0] == 0)
    statuses = []
    threads = [threading.Thread(target=lambda: statuses.append(declare(gate)[0])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [e for e in listed(gate) if e["state"] == "stands"]
    check("of eight declarations one stands", statuses.count(200) == 1 and len(found) == 1, (statuses, found))
    return found[0]


def amend(gate, change, revision):
    """Another revision of the agreement, signed by all parties, in force."""
    toml = os.path.join(gate.state, "agreement", "agreement.toml")
    digest = json.loads(gate.request("GET", "/proviso/agreement")[2])["digest"]
    with open(toml) as text:
        terms = text.read()
    with open(toml, "w") as out:
        out.write(change(terms).replace("revision    = %d" % (revision - 1), "revision    = %d" % revision))
    for name, party in (("operator", "Operator"), ("model-vendor", "Model vendor"), ("inspectorate", "Inspectorate")):
        subprocess.run([os.path.join(BIN, "proviso"), "agreement", "sign", os.path.join(gate.state, "agreement"), "--party",
                        party, "--key", os.path.join(gate.state, "sample", "parties", name + ".key")], check=True,
                       capture_output=True)
    deadline = time.monotonic() + 90
    while json.loads(gate.request("GET", "/proviso/agreement")[2])["digest"] == digest and time.monotonic() < deadline:
        time.sleep(0.2)


def amended(gate, emergency):
    """An amendment takes [break_glass] away while an emergency stands: it ends when it was signed to end, nobody declares
    another, and it is reviewed once an agreement says again who reviews."""
    kept = []

    def without(terms):
        start = terms.index("[break_glass]")
        kept.append(terms[start:terms.index("[labels]", start)])
        return terms.replace(kept[0], "")
    clause = os.path.join(gate.state, "agreement", "clauses", "11-emergency.md")
    with open(clause) as text:
        lines = [line for line in text if "| declare |" not in line]  # examples of what is then denied
    with open(clause, "w") as out:
        out.writelines(lines)
    amend(gate, without, 2)
    leaf = str(emergency["leaf"])
    check("it still stands", listed(gate) == [emergency] and asked(gate) == 200, listed(gate))
    gate.kill()
    gate.start()
    check("after a restart, too", listed(gate) == [emergency] and asked(gate) == 200, listed(gate))
    status, _, body = declare(gate, role="planner", purpose="maintenance")
    check("nobody declares another", status == 403 and b"knows no emergency" in body, (status, body))
    status, _, err = proviso(gate, "emergency", "review", leaf, "--reason", "all was well", role="legal")
    check("nobody is its reviewer now", status == 1 and "reviewer" in err, err)
    amend(gate, lambda terms: terms.replace("[labels]", kept[0] + "[labels]", 1), 3)
    status, _, err = proviso(gate, "emergency", "review", leaf, "--reason", "all was well", role="legal")
    check("with [break_glass] back it is reviewed", status == 0 and listed(gate) == [] and asked(gate) == 403, err)


with Upstream() as upstream, Gate(upstream=upstream, config="[oversight]\nwait_seconds = 1\n") as gate:
    emergency = declared(gate)
    stands(gate, emergency)
    reviewed(gate, emergency)
    amended(gate, at_once(gate))
    gate.stop()
    status, output = gate.verify()
    check("every decision is derived again", status == 0, output[-2000:])
checks.exit()
