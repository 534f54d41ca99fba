#!/usr/bin/env python3
"""Actions that wait for people: the hold, its approval by signature, its one execution, and every way around it."""
import collections
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leaves  # noqa: E402
from gate import BIN, TOP, Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("gate.holds")
check = checks.check
LOGISTICS = {"Proviso-Purpose": "logistics"}
CONFIG = """
[oversight]
wait_seconds = 1
stream_wait_seconds = 30
hold_seconds = 600
open_per_person_max = 64
"""
REASON = "read it, and it is needed"


def order(number):
    return "script: tool order_parts " + json.dumps({"part": "axle", "quantity": number})


def hold(gate, *args, role, stdin=None):
    """`proviso hold …` as that role: (exit status, stdout, stderr)."""
    environment = dict(os.environ, PROVISO_API_KEY=gate.keys[role], PROVISO_GATE=gate.base)
    done = subprocess.run([os.path.join(BIN, "proviso"), "hold", *args], capture_output=True, text=True,
                          env=environment, input=stdin)
    return done.returncode, done.stdout, done.stderr


def approver_key(gate, person):
    return os.path.join(gate.state, "sample", "approvers", person)


def decide(gate, held, role, what="approve"):
    return hold(gate, what, held, "--as", role, "--reason", REASON, "--key", approver_key(gate, role), role=role)


def approve_both(gate, held):
    for role in ("commander", "legal"):
        status, out, err = decide(gate, held, role)
        check("%s approves" % role, status == 0 and "approved" in out, err)


def ask_held(gate, number):
    status, headers, body = gate.chat(order(number), headers=LOGISTICS, role="planner")
    check("an order waits", status == 403 and "proviso-hold" in headers, (status, body))
    return headers.get("proviso-hold", "none"), body


def whole(gate, upstream):
    held, body = ask_held(gate, 1)
    check("the refusal names hold and offices", held.encode() in body and b"a commander and a legal officer" in body, body)
    check("nothing of the call left", b"axle" not in body, body)
    listed = json.loads(hold(gate, "list", "--json", role="commander")[1])["holds"]
    check("a commander sees it", [h["id"] for h in listed] == [held] and listed[0]["may_vote"], listed)
    check("an analyst does not", json.loads(hold(gate, "list", "--json", role="analyst")[1])["holds"] == [])
    status, _, err = hold(gate, "show", held, role="analyst")
    check("a stolen id shows nothing", status == 1 and "concerns you" in err, err)
    shown = hold(gate, "show", held, role="legal")[1]
    check("what is shown says it exactly", '"quantity": 1' in shown and "order_parts" in shown and "planner" in shown, shown)
    status, out, err = decide(gate, held, "commander")
    check("a commander approves", status == 0, err)
    shown = json.loads(hold(gate, "show", held, "--json", role="legal")[1])
    check("votes are hidden while it is open", "votes" not in shown, shown)
    status, headers, _ = gate.chat(order(1), headers=LOGISTICS, role="planner")
    check("one approval is not two, and a retry is the same hold", status == 403 and headers["proviso-hold"] == held)
    check("waiting has an end", hold(gate, "wait", held, "--seconds", "1", role="planner")[0] == 1)
    check("legal approves", decide(gate, held, "legal")[0] == 0)
    check("now it is approved", hold(gate, "wait", held, "--seconds", "1", role="planner")[0] == 0)
    status, _, body = gate.chat(order(1), headers=LOGISTICS, role="planner")
    call = json.loads(body)["choices"][0]["message"]["tool_calls"][0]["function"] if status == 200 else {}
    check("the approved call is handed out", json.loads(call.get("arguments", "{}")) == {"part": "axle", "quantity": 1}, body)
    shown = json.loads(hold(gate, "show", held, "--json", role="legal")[1])
    check("it is consumed, and now says who voted", shown["state"] == "consumed" and len(shown["votes"]) == 2, shown)
    status, headers, _ = gate.chat(order(1), headers=LOGISTICS, role="planner")
    check("it works once: the same order waits anew", status == 403 and headers["proviso-hold"] != held)


def swapped(gate):
    held, _ = ask_held(gate, 10)
    approve_both(gate, held)
    status, headers, _ = gate.chat(order(11), headers=LOGISTICS, role="planner")
    check("other arguments are another hold", status == 403 and headers["proviso-hold"] != held)
    status, headers, _ = gate.chat(order(10), headers={"Proviso-Purpose": "maintenance"}, role="planner")
    check("another purpose is another hold", status == 403 and headers["proviso-hold"] != held)
    status, _, body = gate.chat(order(10), headers=LOGISTICS, role="planner")
    check("the approved one still works", status == 200, body)


def statement(gate, held, role):
    status, out, err = hold(gate, "statement", held, "--as", role, "--reason", REASON, role=role)
    check("a statement", status == 0, err)
    return out


def keygen_sign(gate, text, person, name_space="proviso-approval-v1"):
    path = os.path.join(gate.state, "statement")
    with open(path, "w") as out:
        out.write(text)
    if os.path.exists(path + ".sig"):
        os.unlink(path + ".sig")
    subprocess.run(["ssh-keygen", "-Y", "sign", "-n", name_space, "-f", approver_key(gate, person), path],
                   check=True, capture_output=True)
    with open(path + ".sig") as signature:
        return signature.read()


def vote(gate, held, text, signature, role):
    return gate.request("POST", "/proviso/holds/%s/votes" % held, {"statement": text, "signature": signature}, role=role)


def tampered(gate):
    held, _ = ask_held(gate, 20)
    other, _ = ask_held(gate, 21)
    text = statement(gate, held, "commander")
    signature = keygen_sign(gate, text, "commander")
    for name, (changed, by, where, sent_by) in {
            "a changed reason": (text.replace("needed", "wanted"), signature, held, "commander"),
            "a changed action": (text.replace(json.loads(text)["action"], "0" * 64), signature, held, "commander"),
            "another hold": (text.replace(held, other), signature, other, "commander"),
            "another's key": (text, keygen_sign(gate, text, "legal"), held, "commander"),
            "another's session": (text, signature, held, "legal"),
            "the requester": (text, keygen_sign(gate, text, "planner"), held, "planner"),
            "another namespace": (text, keygen_sign(gate, text, "commander", "file"), held, "commander"),
            "no signature": (text, "", held, "commander"),
            "half a signature": (text, signature[:200], held, "commander")}.items():
        status, _, body = vote(gate, where, changed, by, sent_by)
        check("refused: " + name, status in (400, 403, 404), (status, body))
    status, _, body = vote(gate, held, text, signature, "commander")
    check("by ssh-keygen, unchanged, it counts", status == 200, body)
    status, _, body = vote(gate, held, text, signature, "commander")
    check("replayed it does not", status in (400, 403), (status, body))
    status, _, err = decide(gate, held, "commander")
    check("nor does a second vote", status == 1 and "counts once" in err, err)
    status, _, body = gate.chat(order(20), headers=LOGISTICS, role="planner")
    check("all of that was no quorum", status == 403, body)


def reviewed(gate):
    _, headers, _ = gate.chat("hi", headers={"Proviso-Purpose": "targeting"})
    exchange = headers["proviso-exchange"]
    environment = dict(os.environ, PROVISO_API_KEY=gate.keys["analyst"], PROVISO_GATE=gate.base)
    command = [os.path.join(BIN, "proviso"), "review", exchange, "--reason", "this was no targeting"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    check("whoever was refused asks for a review", done.returncode == 0, done.stderr)
    environment["PROVISO_API_KEY"] = gate.keys["planner"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    check("of their own exchanges only", done.returncode == 1, done.stdout)
    asked = [f for leaf, f in leaves.read(gate.state) if json.loads(leaf)["verb"] == "review"]
    check("it is a leaf", [f["review.exchange"] for f in asked] == [exchange], asked)


class Relay(http.server.BaseHTTPRequestHandler):
    """Stands between a person and the gate, and gives other words to read than those to sign."""

    def do_GET(self):
        status, _, body = self.server.gate.request("GET", self.path, role="commander")
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        shown = json.loads(body)
        shown["rendering"] = shown["rendering"].replace(*self.server.swap)
        body = json.dumps(shown).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused):
        pass


def misshown(gate):
    held, _ = ask_held(gate, 25)
    relay = http.server.HTTPServer(("127.0.0.1", 0), Relay)
    relay.gate = gate
    threading.Thread(target=relay.serve_forever, daemon=True).start()
    environment = dict(os.environ, PROVISO_API_KEY=gate.keys["commander"],
                       PROVISO_GATE="http://127.0.0.1:%d" % relay.server_port)
    decision = ("--as", "commander", "--reason", REASON)
    for swap, fine in ((("planner", "planner"), True), (('"quantity": 25', '"quantity": 24'), False),
                       (("planner", "analyst"), False)):
        relay.swap = swap
        for command in (("show", held), ("statement", held, *decision),
                        ("approve", held, *decision, "--key", approver_key(gate, "commander"))):
            if fine and command[0] == "approve":
                continue
            done = subprocess.run([os.path.join(BIN, "proviso"), "hold", *command], capture_output=True, text=True,
                                  env=environment)
            check("%s of what is %s" % (command[0], "as it is" if fine else "not what is signed"), done.returncode == (
                0 if fine else 1) and (fine or ("not what it gives to sign" in done.stderr and not done.stdout)),
                  (swap, done.stdout, done.stderr))
    relay.shutdown()
    relay.server_close()


def denied(gate):
    held, _ = ask_held(gate, 30)
    check("a commander approves", decide(gate, held, "commander")[0] == 0)
    status, out, err = decide(gate, held, "legal", "deny")
    check("legal denies", status == 0 and "denied" in out, err)
    status, _, err = hold(gate, "wait", held, role="planner")
    check("denial beats approval", status == 1 and "denied" in err, err)
    status, headers, _ = gate.chat(order(30), headers=LOGISTICS, role="planner")
    check("asking again is a new hold", status == 403 and headers["proviso-hold"] != held)
    again = headers["proviso-hold"]
    check("withdrawn by whoever asked", hold(gate, "withdraw", again, role="planner")[0] == 0)
    check("by nobody else", hold(gate, "withdraw", ask_held(gate, 31)[0], role="commander")[0] == 1)
    status, _, err = decide(gate, again, "commander")
    check("a withdrawn hold takes no votes", status == 1 and "withdrawn" in err, err)


class Stream(threading.Thread):
    """A streamed request on a thread of its own: what came, and when it ended."""

    def __init__(self, gate, text, role="planner", headers=LOGISTICS):
        super().__init__()
        self.arguments = (gate, text, role, headers)
        self.start()

    def run(self):
        gate, text, role, headers = self.arguments
        self.status, self.headers, self.body = gate.chat(text, headers=headers, role=role, stream=True)
        self.ended = time.monotonic()


def open_holds(gate):
    listed = json.loads(hold(gate, "list", "--json", role="commander")[1])["holds"]
    return [h["id"] for h in listed if h["state"] == "open"]


def newest_hold(gate, before):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        fresh = [h for h in open_holds(gate) if h not in before]
        if fresh:
            return fresh[0]
        time.sleep(0.05)
    return "none"


def waiting_stream(gate, number):
    before = open_holds(gate)
    stream = Stream(gate, order(number))
    return stream, newest_hold(gate, before)


def streamed(gate):
    stream, held = waiting_stream(gate, 40)
    time.sleep(11)  # longer than a stream is silent
    approve_both(gate, held)
    stream.join()
    check("a stream waits and then goes on", stream.status == 200 and b"order_parts" in stream.body
          and b"[DONE]" in stream.body, stream.body)
    check("comments kept it open", b"\n:" in stream.body or stream.body.startswith(b":"), stream.body[:200])
    stream, held = waiting_stream(gate, 41)
    check("legal denies", decide(gate, held, "legal", "deny")[0] == 0)
    stream.join()
    check("a denied stream ends in words", stream.status == 200 and b"content_filter" in stream.body
          and held.encode() in stream.body and b"axle" not in stream.body, stream.body)


def thousand(gate):
    """Every one of a thousand asks at once for what was approved once."""
    held, _ = ask_held(gate, 50)
    approve_both(gate, held)
    outcomes = collections.Counter()
    lock = threading.Lock()

    def ask():
        for _ in range(20):
            status, _, body = gate.chat(order(50), headers=LOGISTICS, role="planner")
            with lock:
                outcomes[status] += 1

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check("of 1,000 concurrent requests one was executed", outcomes[200] == 1 and sum(outcomes.values()) == 1000, outcomes)
    executed = [f for leaf, f in leaves.read(gate.state) if f.get("hold.id") == held
                and json.loads(leaf)["decision"] == "allow"]
    check("and the ledger says one", len(executed) == 1, len(executed))
    print("  1,000 concurrent requests for one approval: executed %d" % outcomes[200])


def restarted(gate):
    held, _ = ask_held(gate, 60)
    check("a commander approves", decide(gate, held, "commander")[0] == 0)
    gate.kill()
    gate.start()
    status, _, _ = gate.chat(order(60), headers=LOGISTICS, role="planner")
    check("after kill -9 it still waits", status == 403)
    check("legal approves", decide(gate, held, "legal")[0] == 0)
    status, _, body = gate.chat(order(60), headers=LOGISTICS, role="planner")
    check("both votes count across the restart", status == 200, body)
    gate.kill()
    gate.start()
    status, headers, _ = gate.chat(order(60), headers=LOGISTICS, role="planner")
    check("what was consumed stays consumed", status == 403 and headers["proviso-hold"] != held)


def flood(gate):
    refused = None
    for number in range(1000, 1100):
        status, _, body = gate.chat(order(number), headers=LOGISTICS, role="planner")
        if status != 403:
            refused = (status, body)
            break
    check("a flood of holds is 429", refused is not None and refused[0] == 429 and b"wait for approval" in refused[1], refused)


def too_long(gate):
    """More than people are asked to read is refused for good, and the refusal is a leaf."""
    before = len(leaves.read(gate.state))
    text = "script: tool order_parts " + json.dumps({"part": "x" * 300_000, "quantity": 1})
    status, headers, body = gate.chat(text, headers=LOGISTICS, role="planner")
    check("what is too long to be read is denied", status == 403 and b"not asked to read" in body
          and "proviso-hold" not in headers and "proviso-receipt" in headers, (status, headers, body[-300:]))
    new = [(json.loads(leaf), facts) for leaf, facts in leaves.read(gate.state)][before:]
    acts = [facts for leaf, facts in new if leaf["verb"] == "act"]
    check("with its leaf and an outcome", len(acts) == 1 and "hold.id" not in acts[0]
          and new[-1][1].get("exchange.outcome") == "refused", new)


def purposes(gate):
    """The endpoints of oversight take a purpose as strictly as the corridor does: it becomes a fact."""
    body = {"type": "Purpose", "id": "logistics", "reason": "a trial, to be lifted"}
    for name, purpose in (("long", "x" * 129), ("not ASCII", "logistik\u00fc".encode()), ("a control", "a\tb")):
        status, _, answer = gate.request("POST", "/proviso/stops", body, {"Proviso-Purpose": purpose}, role="commander")
        check("a purpose that is %s is refused" % name, status == 400, (status, answer))


def backed_up(gate):
    """A backup beside a running gate opens, whatever is held while it is made."""
    ask_held(gate, 80)
    place = os.path.join(gate.state, "..", os.path.basename(gate.state) + "-backup")
    proviso = os.path.join(BIN, "proviso")
    config = os.path.join(gate.state, "proviso.toml")
    with open(config, "a"):
        pass
    # What is copied last waits, so that a hold comes and is stored in between.
    copying = subprocess.Popen(["strace", "-f", "-o", os.devnull, "-P", config, "-e", "inject=openat:delay_enter=4s",
                                proviso, "ledger", "backup", "--state", gate.state, place], stdout=subprocess.DEVNULL,
                               env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))  # not under a tracer
    time.sleep(1)
    ask_held(gate, 81)
    check("the backup is made", copying.wait(60) == 0)
    done = subprocess.run([proviso, "key", "list", "--state", place], capture_output=True, text=True)
    check("and opens", done.returncode == 0, done.stderr)
    shutil.rmtree(place, ignore_errors=True)


def swap(gate):
    held, _ = ask_held(gate, 70)
    approve_both(gate, held)
    toml = os.path.join(gate.state, "agreement", "agreement.toml")
    digest = json.loads(gate.request("GET", "/proviso/agreement")[2])["digest"]
    with open(toml) as text:
        terms = text.read()
    with open(toml, "w") as out:
        out.write(terms.replace("revision    = 1", "revision    = 2"))
    for name in os.listdir(os.path.join(gate.state, "sample", "parties")):
        party = {"operator.key": "Operator", "model-vendor.key": "Model vendor", "inspectorate.key": "Inspectorate"}[name]
        subprocess.run([os.path.join(BIN, "proviso"), "agreement", "sign", os.path.join(gate.state, "agreement"),
                        "--party", party, "--key", os.path.join(gate.state, "sample", "parties", name)],
                       check=True, capture_output=True)
    deadline = time.monotonic() + 90
    while json.loads(gate.request("GET", "/proviso/agreement")[2])["digest"] == digest and time.monotonic() < deadline:
        time.sleep(0.2)
    status, headers, body = gate.chat(order(70), headers=LOGISTICS, role="planner")
    check("a changed agreement voids what was approved under the one before", status == 403
          and headers.get("proviso-hold") not in (None, held), (status, body))


with Upstream() as upstream, Gate(upstream=upstream, config=CONFIG) as gate:
    whole(gate, upstream)
    swapped(gate)
    tampered(gate)
    misshown(gate)
    reviewed(gate)
    denied(gate)
    streamed(gate)
    thousand(gate)
    restarted(gate)
    too_long(gate)
    purposes(gate)
    backed_up(gate)
    swap(gate)
    flood(gate)
    gate.stop()
    status, output = gate.verify()
    check("every decision is derived again", status == 0, output[-2000:])
checks.exit()
