#!/usr/bin/env python3
"""A gate and its witnesses: the quorum stands, its absence shows or stops answers as configured, and a
restored old disk signs nothing. The adversary of the last part is the operator, with every key."""
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate import BIN, TOP, Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("witnessed")
check = checks.check
SECONDS_MAX = 30


def proviso(*argv):
    return subprocess.run([os.path.join(BIN, "proviso"), *argv], capture_output=True, text=True)


class Witness:
    def __init__(self, home):
        self.dir = os.path.join(home, "w")
        self.vkey = proviso("witness", "new", "--dir", self.dir, "--name", "overseer.example/w").stdout.strip()
        self.process, self.port = None, 0

    def trust(self, vkey):
        return proviso("witness", "trust", "--dir", self.dir, vkey)

    def start(self):
        self.process = subprocess.Popen([os.path.join(BIN, "proviso"), "witness", "serve", "--dir", self.dir,
                                         "--listen", "127.0.0.1:%d" % self.port, "--json"], stdout=subprocess.PIPE)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None


def wait_until(what):
    deadline = time.monotonic() + SECONDS_MAX
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.05)
    return False


def readyz(gate):
    status, _, body = gate.request("GET", "/readyz", role=None)
    return status, json.loads(body)


def served(gate, word="hello"):
    return gate.chat("script: say " + word, headers={"Proviso-Purpose": "analysis"})[0]


def config(home, witness, without_quorum):
    policy = os.path.join(home, "policy")
    with open(policy, "w") as out:
        out.write("witness w %s http://127.0.0.1:%d\nquorum w\n" % (witness.vkey, witness.port))
    return ('[witness]\npolicy = "%s"\ninterval_seconds = 1\ngrace_seconds = 0\nwithout_quorum = "%s"\n'
            % (policy, without_quorum))


def late_contradiction(upstream, keys, restored, old, home, witness):
    """A snapshot of a machine goes on while its witness is silent; the witness is back, with a quorum that
    does not need it: nothing is recorded any more."""
    copy = os.path.join(home, "snapshot")
    shutil.copytree(restored, copy)
    witness.stop()
    text = config(home, witness, "serve")
    policy = os.path.join(home, "policy")
    words = open(policy).read().replace("quorum w", "quorum none")
    open(policy, "w").write(words)
    with Gate(upstream=upstream, state=copy, config=text) as gate:
        gate.keys = keys
        check("a silent witness stops no snapshot", served(gate) == 200)
        witness.start()
        check("its word fails the ledger", wait_until(lambda: served(gate) == 503), gate.stderr())
        witness.stop()
        time.sleep(2.5)  # two rounds
        status, said = readyz(gate)
        check("for good", served(gate) == 503 and status == 503 and not said["ready"])
        check("readiness says what the witness said", "overseer" in said["ledger"] or "witness" in said["ledger"], said)
        check("the journal says it as an error", "nothing is recorded any more" in gate.stderr(), gate.stderr())
        done = proviso("ledger", "report", "--state", copy)
        check("commands record nothing either", done.returncode == 1, done.stdout)
        shown = open(copy + "/log/checkpoint").read()
        time.sleep(0.5)
        check("nothing more is published", open(copy + "/log/checkpoint").read() == shown)
    witness.start()


def one_of_two(upstream, old, home, witness):
    """One of two witnesses is enough, and the one that answers never saw this log: the silent one could have
    cosigned more by itself, so the mark of a restore stays."""
    copy = os.path.join(home, "two")
    check("a restore for two", proviso("ledger", "restore", "--state", copy, old).returncode == 0)
    home_b = os.path.join(home, "b")
    os.makedirs(home_b)
    other = Witness(home_b)
    other.trust(open(copy + "/keys/log.vkey").read().strip())
    other.start()
    witness.stop()
    text = config(home, witness, "serve")
    with open(os.path.join(home, "policy"), "w") as out:
        out.write("witness w %s http://127.0.0.1:%d\nwitness b %s http://127.0.0.1:%d\ngroup g any w b\nquorum g\n"
                  % (witness.vkey, witness.port, other.vkey, other.port))
    gate = Gate(upstream=upstream, state=copy, config=text)
    try:
        gate.start()
        check("one of two does not take the mark away", False, "it started")
    except RuntimeError as error:
        check("one of two does not take the mark away", "restored from a backup" in str(error), str(error))
    finally:
        gate.stop()
    other.stop()
    witness.start()


class Slow(http.server.BaseHTTPRequestHandler):
    """Answers byte by byte and never ends."""
    done = False

    def log_message(self, *unused):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "60000")
        self.end_headers()
        try:
            while not Slow.done:
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(1)
        except OSError:
            pass


def slow_witness(upstream, state, home, witness):
    text = config(home, witness, "refuse")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    policy = os.path.join(home, "policy")
    with open(policy, "w") as out:
        out.write("witness w %s http://127.0.0.1:%d\nquorum w\n" % (witness.vkey, server.server_address[1]))
    begun = time.monotonic()
    with Gate(upstream=upstream, state=state, config=text) as gate:
        check("a slow witness holds up no start", time.monotonic() - begun < 15, time.monotonic() - begun)
        check("before the first quorum it is not enough", readyz(gate)[1]["witnesses"] != "enough")
        check("nor does it switch the rule off", wait_until(lambda: served(gate) == 503))
        begun = time.monotonic()
        gate.stop()
        check("nor an end", time.monotonic() - begun < 4, time.monotonic() - begun)
    Slow.done = True
    server.shutdown()


def strict_sample(home):
    folder = os.path.join(home, "strict")
    shutil.copytree(os.path.join(TOP, "agreements", "enclave"), folder)
    terms = os.path.join(folder, "agreement.toml")
    text = open(terms).read()
    changed = text.replace('without_quorum = "serve" ', 'without_quorum = "refuse"')
    changed = changed.replace("grace_seconds  = 60", "grace_seconds  = 0")
    assert changed.count('"refuse"') == text.count('"refuse"') + 1
    open(terms, "w").write(changed)
    return folder


def the_agreement_decides(upstream, home):
    """An agreement that wants witnesses is not served without them, whatever the configuration says."""
    folder = strict_sample(home)
    state = os.path.join(home, "agreed")
    with Gate(upstream=upstream, state=state, agreement=folder) as gate:
        status, said = readyz(gate)
        check("no witness is asked: nothing is answered", served(gate) == 503 and status == 503, said)
        check("and readiness says why", said["witnesses"] == "none are asked" and not said["ready"], said)
        check("and the journal", "names none" in gate.stderr(), gate.stderr())
        keys = gate.keys
    os.makedirs(home + "/agreed-witness")
    witness = Witness(home + "/agreed-witness")
    witness.trust(open(state + "/keys/log.vkey").read().strip())
    witness.start()
    with Gate(upstream=upstream, state=state, agreement=folder, config=config(home, witness, "serve")) as gate:
        gate.keys = keys
        check("with its witness it answers", wait_until(lambda: readyz(gate)[1]["witnesses"] == "enough" and
                                                        served(gate) == 200), gate.stderr())
        witness.stop()
        check("a milder configuration counts for nothing", wait_until(lambda: served(gate) == 503), gate.stderr())
    witness.stop()


def main():
    home = tempfile.mkdtemp(prefix="proviso-witnessed-")
    os.chmod(home, 0o755)
    state, old, restored = (os.path.join(home, n) for n in ("state", "old", "restored"))
    upstream = Upstream()
    witness = Witness(home)
    with Gate(upstream=upstream, state=state) as gate:  # makes the log's keys
        check("a first answer", served(gate) == 200)
        keys = gate.keys
    done = witness.trust(open(state + "/keys/log.vkey").read().strip())
    check("the log is trusted", done.returncode == 0, done.stderr)
    witness.start()
    check("a backup", proviso("ledger", "backup", "--state", state, old).returncode == 0)
    check("never over something", proviso("ledger", "backup", "--state", state, old).returncode == 1)

    with Gate(upstream=upstream, state=state, config=config(home, witness, "refuse")) as gate:
        check("the quorum comes to stand", wait_until(lambda: readyz(gate)[1]["witnesses"] == "enough"), gate.stderr())
        check("answers are served", served(gate) == 200)
        size = lambda: open(state + "/log/checkpoint.witnessed").read().split("\n")[1]  # noqa: E731
        before = size()
        served(gate)
        check("new leaves are witnessed", wait_until(lambda: size() != before))
        witness.stop()
        check("its absence stops answers", wait_until(lambda: served(gate) == 503), gate.stderr())
        check("and readiness says so", readyz(gate)[0] == 503 and readyz(gate)[1]["witnesses"] == "too few")
        check("and the journal", "lacks its quorum" in gate.stderr())
        witness.start()
        check("it goes on once the witness is back", wait_until(lambda: served(gate) == 200))
    witness.stop()
    with Gate(upstream=upstream, state=state, config=config(home, witness, "serve")) as gate:
        check("configured so, it serves and says so", wait_until(lambda: readyz(gate)[1]["witnesses"] == "too few"))
        check("it serves", served(gate) == 200 and readyz(gate)[0] == 200)
    witness.start()

    the_agreement_decides(upstream, home)

    # The old disk: every key is there, but witnesses saw more than it holds.
    check("a restore", proviso("ledger", "restore", "--state", restored, old).returncode == 0)
    signed = open(restored + "/log/checkpoint").read()

    def refuses(name, text, **more):
        gate = Gate(upstream=upstream, state=restored, **more)
        try:
            gate.start()
            check(name, False, "it started")
        except RuntimeError as error:
            check(name, text in str(error), str(error))
        finally:
            gate.stop()

    refuses("without witnesses a restored copy does not start", "restored from a backup")
    witness.stop()
    refuses("nor while they are silent", "restored from a backup", config=config(home, witness, "serve"))
    witness.start()
    refuses("nor when they saw more", "Nothing is signed", config=config(home, witness, "serve"))
    os.remove(restored + "/restored")  # the operator takes the mark away
    refuses("taking the mark away does not help", "Nothing is signed", config=config(home, witness, "serve"))
    check("and nothing was signed", open(restored + "/log/checkpoint").read() == signed)
    late_contradiction(upstream, keys, restored, old, home, witness)
    one_of_two(upstream, old, home, witness)
    # The control: without its witnesses the same copy signs a second history, and that is provable.
    with Gate(upstream=upstream, state=restored) as gate:
        gate.keys = keys  # of people that the backup knows
        fork = served(gate, "fork")
    check("without witnesses the copy forks", fork == 200)
    done = proviso("ledger", "accuse", "--state", restored, "--checkpoint", state + "/log/checkpoint.witnessed",
                   "--out", home + "/evidence")
    if done.returncode == 3:  # the copy is still shorter: its published checkpoint against the longer log
        done = proviso("ledger", "accuse", "--state", state, "--checkpoint", restored + "/log/checkpoint",
                       "--out", home + "/evidence")
    check("the fork is evidence", done.returncode == 0, done.stdout + done.stderr)
    judged = subprocess.run([os.path.join(BIN, "proviso-verify"), "evidence", home + "/evidence", "--log-key",
                             state + "/keys/log.vkey"], capture_output=True, text=True)
    check("which anybody judges", judged.returncode == 0 and "proven" in judged.stdout, judged.stdout)

    slow_witness(upstream, state, home, witness)
    # A copy that is not behind is taken up once the quorum confirmed it.
    fresh, again = os.path.join(home, "fresh"), os.path.join(home, "again")
    with Gate(upstream=upstream, state=state, config=config(home, witness, "serve")) as gate:
        wait_until(lambda: readyz(gate)[1]["witnesses"] == "enough")
    check("a backup of the newest", proviso("ledger", "backup", "--state", state, fresh).returncode == 0)
    check("restored", proviso("ledger", "restore", "--state", again, fresh).returncode == 0)
    check("its tiles are made again", proviso("ledger", "rebuild", "--state", again).returncode == 0)
    with Gate(upstream=upstream, state=again, config=config(home, witness, "serve")) as gate:
        gate.keys = keys
        check("it serves", served(gate) == 200)
    code, words = gate.verify()
    check("and verifies", code == 0, words)
    witness.stop()
    upstream.close()
    shutil.rmtree(home, ignore_errors=True)
    checks.exit()


main()
