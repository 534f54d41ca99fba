#!/usr/bin/env python3
"""Other people's programs judge our log and vouch for it; ours vouches for theirs. Each with a flipped bit.

litewitness (torchwood v0.9.0) and sunlight (v0.8.1) cosign our checkpoint; our witness cosigns Tessera's log; torchwood's proof and
policy verifiers read our witnessed proofs; Tessera's fsck and client read our tiles. The tools come from
tests/interop/build_tools.sh; what is not there is skipped, and said.
"""
import base64
import glob
import hashlib
import http.server
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate import BIN, Checks, Gate, TOP  # noqa: E402
from upstream import Upstream  # noqa: E402

TOOLS = os.path.join(os.environ.get("PROVISO_CACHE", os.path.expanduser("~/.cache/proviso")), "interop")
DATA = os.environ.get("PROVISO_DATA", os.path.normpath(os.path.join(TOP, "..", "shared")))
checks = Checks("interop")
check = checks.check


def tool(name):
    path = os.path.join(TOOLS, name)
    if os.path.exists(path):
        return path
    print("skipped: %s is not built (tests/interop/build_tools.sh)" % name)
    return None


def run(*argv, **more):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True, **more)


def proviso(*argv):
    return run(os.path.join(BIN, "proviso"), *argv)


def flip(path, at=None):
    with open(path, "r+b") as file:
        data = file.read()
        at = len(data) // 2 if at is None else at
        file.seek(at)
        file.write(bytes([data[at] ^ 1]))


class OurWitness:
    def __init__(self, home, name, logs):
        self.dir = os.path.join(home, name)
        made = proviso("witness", "new", "--dir", self.dir, "--name", "ours.example/" + name)
        self.vkey = made.stdout.strip()
        for vkey in logs:
            proviso("witness", "trust", "--dir", self.dir, vkey)
        self.process = subprocess.Popen([os.path.join(BIN, "proviso"), "witness", "serve", "--dir", self.dir,
                                         "--listen", "127.0.0.1:0", "--json"], stdout=subprocess.PIPE)
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.url = "http://127.0.0.1:%d" % self.port

    def post(self, body):
        done = run("curl", "-s", "-o", "-", "-w", "\n%{http_code}", "--data-binary", "@-",
                   self.url + "/add-checkpoint", input=body)
        text, _, status = done.stdout.rpartition("\n")
        return int(status), text

    def stop(self):
        self.process.terminate()
        self.process.wait()


class LiteWitness:
    """litewitness takes its logs from its database and its key from an ssh-agent."""

    def __init__(self, home, vkey):
        lite = tool("litewitness")
        self.process = self.agent = None
        if not lite:
            return
        key, sock, db, said = (os.path.join(home, n) for n in ("lite.pem", "agent.sock", "lite.db", "lite.txt"))
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        self.agent = subprocess.Popen(["ssh-agent", "-D", "-a", sock], stdout=subprocess.DEVNULL)
        wait_for(lambda: os.path.exists(sock))
        run("ssh-add", key, env=dict(os.environ, SSH_AUTH_SOCK=sock))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % port
        fingerprint = run("ssh-keygen", "-lf", key).stdout.split()[1]
        with open(said, "wb") as out:
            self.process = subprocess.Popen(
                [lite, "-name", "lite.example/w", "-db", db, "-ssh-agent", sock, "-key", fingerprint, "-listen",
                 "127.0.0.1:%d" % port], stdout=out, stderr=out)
        pattern = re.compile(r"lite\.example/w\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+")
        found = wait_for(lambda: pattern.search(open(said, errors="replace").read()))
        self.vkey = found.group(0) if found else None
        # What its witnessctl writes; that program needs a module that is not served.
        def has_tables():
            with sqlite3.connect(db) as tables:
                return tables.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('log', 'key')").fetchone()[0] == 2
        wait_for(has_tables)
        with sqlite3.connect(db) as tables:
            empty = base64.b64encode(hashlib.sha256(b"").digest()).decode()
            origin = vkey.split("+")[0]
            tables.execute("INSERT INTO log (origin, tree_size, tree_hash) VALUES (?, 0, ?)", (origin, empty))
            tables.execute("INSERT INTO key (origin, key) VALUES (?, ?)", (origin, vkey))

    def stop(self):
        for process in (self.process, self.agent):
            if process:
                process.terminate()
                process.wait()


class Sunlight:
    """The witness in sunlight takes its logs from a list behind a URL and its key from a seed. It listens for
    plain HTTP where no certificates are asked for, knows itself by the host of its submission prefix, and ends
    where it keeps no log of its own: so it keeps an empty one."""

    CONFIG = """listen: ['127.0.0.1:{port}']
checkpoints: {home}/sun.db
witness:
  name: sun.example/w
  secret: {home}/sun.seed
  submissionprefix: https://127.0.0.1/w
  loglists: ['http://127.0.0.1:{lists}/']
logs:
  - shortname: idle
    inception: {today}
    submissionprefix: https://127.0.0.1/idle
    monitoringprefix: https://127.0.0.1/idle
    localdirectory: {home}/sunlight
    secret: {home}/sun.seed
    cache: {home}/sun.cache
    roots: {home}/sun.pem
    notafterstart: 2026-01-01T00:00:00Z
    notafterlimit: 2027-01-01T00:00:00Z
"""

    def __init__(self, home, vkey):
        program, keygen = tool("sunlight"), tool("sunlight-keygen")
        self.process = self.lists = None
        if not program or not keygen:
            return
        seed, checkpoints, said, root = (os.path.join(home, n) for n in ("sun.seed", "sun.db", "sun.txt", "sun.pem"))
        open(seed, "wb").write(os.urandom(32))  # one that the generator makes cannot be removed again
        os.mkdir(home + "/sunlight")
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=r",
            "-days", "2", "-out", root)
        pattern = re.compile(r"sun\.example/w\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+")
        made = run(keygen, "-f", seed, "-witness", "sun.example/w")
        self.vkey = pattern.search(made.stdout).group(0)
        with sqlite3.connect(checkpoints) as tables:
            tables.execute("CREATE TABLE checkpoints (logID BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT")
        listed = ("logs/v0\n\nvkey %s\n" % vkey).encode()

        class List(http.server.BaseHTTPRequestHandler):
            def log_message(self, *unused):
                pass

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(listed)))
                self.end_headers()
                self.wfile.write(listed)

        self.lists = http.server.ThreadingHTTPServer(("127.0.0.1", 0), List)
        threading.Thread(target=self.lists.serve_forever, daemon=True).start()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = "http://127.0.0.1:%d/w" % port
        config = os.path.join(home, "sunlight.yaml")
        with open(config, "w") as out:
            out.write(self.CONFIG.format(port=port, home=home, lists=self.lists.server_address[1],
                                         today=time.strftime("%Y-%m-%d")))
        with open(said, "wb") as out:
            self.process = subprocess.Popen([program, "-c", config], stdout=out, stderr=out, cwd=home)
        words = lambda: open(said, errors="replace").read()  # noqa: E731
        check("sunlight knows our log", wait_for(lambda: "adding new log" in words()), words())

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        check("sunlight listens", wait_for(listens), words())

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.lists.shutdown()


def wait_for(what, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    return None


def make_log():
    """A state folder with some 300 leaves, so that there is a full tile and a partial one."""
    upstream = Upstream()
    with Gate(upstream=upstream) as gate:
        gate.own_state = False
        for number in range(150):
            _, headers, _ = gate.chat("script: say answer %d" % number, headers={"Proviso-Purpose": "analysis"})
        receipt = headers["proviso-receipt"]
        gate.stop()
    upstream.close()
    return gate.state, receipt


def judge_tiles(state, size):
    fsck = tool("fsck")
    log = state + "/log"
    if fsck:
        def outcome(dir):
            # v1.0.4 says so and ends with 0, or, where a bundle disagrees, never ends.
            try:
                done = run(fsck, "--storage_url", "file://" + dir, "--public_key", state + "/fsck.vkey",
                           "--ui=false", timeout=20)
            except subprocess.TimeoutExpired:
                return True, "it does not end"
            return "fsck failed" in done.stderr, done.stderr
        # It takes the key without a line feed at its end.
        with open(state + "/fsck.vkey", "w") as out:
            out.write(open(state + "/keys/log.vkey").read().strip())
        failed, words = outcome(log)
        check("Tessera's fsck finds nothing wrong", not failed, words)
        for part in ("tile/0/000", "tile/entries/000", "checkpoint"):
            copy = tempfile.mkdtemp(prefix="proviso-interop-")
            shutil.copytree(log, copy + "/log")
            flip(os.path.join(copy, "log", part))
            check("Tessera's fsck sees a bit in " + part, outcome(copy + "/log")[0])
            shutil.rmtree(copy)
    strangers = tool("strangers")
    if strangers:
        index = 7
        theirs = run(strangers, "inclusion", log, size, index).stdout.split()
        ours = proviso("ledger", "proof", "--state", state, str(index)).stdout
        lines = ours.partition("\n\n")[0].split("\n")[2:]
        check("Tessera's client finds the same path in our tiles", theirs == lines and len(lines) > 5,
              (theirs, lines))


def judge_proof(state, policy, receipt):
    index = json.loads(receipt)["index"]
    files = {name: os.path.join(state, name) for name in ("proof", "leaf", "receipt.json", "flipped")}
    open(files["receipt.json"], "w").write(receipt)
    made = proviso("ledger", "proof", "--state", state, "--receipt", files["receipt.json"], "--witnessed")
    check("a receipt becomes a witnessed proof", made.returncode == 0, made.stderr)
    open(files["proof"], "w").write(made.stdout)
    leaf = proviso("ledger", "show", "--state", state, str(index), "--json").stdout.rstrip("\n")
    open(files["leaf"], "w").write(leaf)
    judged = run(os.path.join(BIN, "proviso-verify"), "proof", files["proof"], "--policy", policy, "--receipt",
                 files["receipt.json"])
    check("proviso-verify judges it alone", judged.returncode == 0, judged.stdout + judged.stderr)
    strangers = tool("strangers")
    if strangers:
        theirs = run(strangers, "proof", policy, files["proof"], files["leaf"])
        check("torchwood's verifier and policy agree", theirs.returncode == 0, theirs.stderr)
    text = made.stdout
    for name, at in (("path", text.index("\n\n") - 20), ("cosignature", len(text) - 20)):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1:]
        open(files["flipped"], "w").write(changed)
        ours = run(os.path.join(BIN, "proviso-verify"), "proof", files["flipped"], "--policy", policy, "--receipt",
                   files["receipt.json"])
        check("proviso-verify refuses a changed " + name, ours.returncode == 1)
        if strangers:
            check("torchwood refuses a changed " + name,
                  run(strangers, "proof", policy, files["flipped"], files["leaf"]).returncode != 0)


def vouch_for_ours(state, receipt, home):
    vkey = open(state + "/keys/log.vkey").read().strip()
    ours = OurWitness(home, "w1", [vkey])
    lite, sun = LiteWitness(home, vkey), Sunlight(home, vkey)
    lines = ["log " + vkey, "witness ours %s %s" % (ours.vkey, ours.url)]
    members = ["ours"]
    if lite.process:
        check("litewitness says its key", lite.vkey is not None)
        lines.append("witness lite %s %s" % (lite.vkey, lite.url))
        members.append("lite")
    if sun.process:
        lines.append("witness sun %s %s" % (sun.vkey, sun.url))
        members.append("sun")
    lines += ["group both all " + " ".join(members), "quorum both"]
    policy = os.path.join(home, "policy")
    open(policy, "w").write("\n".join(lines) + "\n")
    for attempt in ("first", "second"):  # from nothing, and at the same size again
        done = proviso("ledger", "cosign", "--state", state, "--policy", policy, "--json")
        said = json.loads(done.stdout or "{}")
        check("%s round: the quorum stands" % attempt, done.returncode == 0 and said.get("quorum") is True,
              done.stdout + done.stderr)
    check("everyone cosigned", all(w["cosigned"] for w in said["witnesses"]), said)
    judge_proof(state, policy, receipt)
    # A checkpoint with a flipped bit is cosigned by nobody.
    note = open(state + "/log/checkpoint", "rb").read()
    flip(state + "/log/checkpoint", len(note) - 20)
    done = proviso("ledger", "cosign", "--state", state, "--policy", policy, "--json")
    check("a changed checkpoint is cosigned by nobody", done.returncode == 1 and '"cosigned":true' not in done.stdout,
          done.stdout + done.stderr)
    open(state + "/log/checkpoint", "wb").write(note)
    sun.stop()
    lite.stop()
    ours.stop()


def vouch_for_tessera(home):
    """Our witness for a log that Tessera wrote, with proofs that Tessera's client makes."""
    strangers = tool("strangers")
    found = glob.glob(os.path.join(DATA, "**", "tessera-testdata-log"), recursive=True)
    if not strangers or not found:
        print("skipped: Tessera's log (no strangers, or no data)")
        return
    log = found[0]
    witness = OurWitness(home, "w2", [open(log + "/vkey").read().strip()])
    note = {n: open("%s/checkpoint.%d" % (log, n)).read() for n in (3, 10)}
    status, body = witness.post("old 0\n\n" + note[3])
    check("Tessera's checkpoint 3 is cosigned", status == 200 and body.startswith("\u2014 ours.example/w2 "), body)
    path = run(strangers, "consistency", log, 3, 10).stdout
    check("Tessera's client makes a proof", path.count("\n") > 1, path)
    first = base64.b64decode(path.split("\n")[0])
    wrong = base64.b64encode(bytes([first[0] ^ 1]) + first[1:]).decode()
    status, _ = witness.post("old 3\n" + wrong + path[path.index("\n"):] + "\n" + note[10])
    check("a flipped bit in it is refused", status == 422, status)
    status, _ = witness.post("old 3\n" + path + "\n" + note[10])
    check("Tessera's checkpoint 10 is cosigned", status == 200, status)
    witness.stop()


def main():
    state, receipt = make_log()
    size = int(open(state + "/log/checkpoint").read().split("\n")[1])
    with tempfile.TemporaryDirectory(prefix="proviso-interop-") as home:
        judge_tiles(state, size)
        vouch_for_ours(state, receipt, home)
        vouch_for_tessera(home)
    shutil.rmtree(state, ignore_errors=True)
    checks.exit()


main()
