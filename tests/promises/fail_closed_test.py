#!/usr/bin/env python3
"""Promise 2 at the disk: a failing sync, a full disk, a vault that cannot be written. Nothing is released,
the answer is 503 in the client's own form, readiness turns red and stays so; what was answered before
verifies."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate import Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("promises.fail_closed")
WORDS = "words that only the model knows"


def refused(gate, name):
    """After the fault: each kind of request is refused and nothing of the model leaves."""
    for kind in ("chat", "stream"):
        status, headers, body = gate.chat("script: say " + WORDS, stream=kind == "stream",
                                          headers={"Proviso-Purpose": "analysis"})
        checks.check("%s: %s is 503" % (name, kind), status == 503, (status, body[:200]))
        checks.check("%s: %s releases nothing" % (name, kind), WORDS.encode() not in body)
        if status == 503:
            checks.check("%s: error in the protocol's form" % name, "error" in json.loads(body))
    status, _, body = gate.request("GET", "/readyz", role=None)
    checks.check("%s: readiness is red" % name, status == 503, body)
    status, _, _ = gate.request("GET", "/healthz", role=None)
    checks.check("%s: it still answers health" % name, status == 200)


def until_refused(gate, most=200):
    """Asks until the fault is met: the number of answers before it."""
    for number in range(most):
        status, _, body = gate.chat("script: say " + WORDS, headers={"Proviso-Purpose": "analysis"})
        if status != 200:
            checks.check("the first answer after the fault is 503", status == 503, (status, body[:200]))
            return number
    return most


def verifies_again(gate, upstream, name):
    """The batch of the fault stands in the redo log alone, which the verifier says; a start without the fault puts it
    where it belongs, and everything that was answered verifies."""
    gate.kill()
    status, output = gate.verify("--json")
    found = {finding["what"] for finding in json.loads(output)["faults"]}
    checks.check("%s: nothing else is wrong" % name, (status, found) in ((0, set()), (1, {"redo"})), output[-1500:])
    again = Gate(upstream=upstream, state=gate.state)
    again.start()
    again.stop()
    status, output = gate.verify()
    checks.check("%s: what was answered verifies" % name, status == 0, output[-1500:])


def failing_sync(upstream):
    for error in ("EIO", "ENOSPC"):
        wrap = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
                "-e", "inject=fdatasync:error=%s:when=80+" % error]
        with Gate(upstream=upstream, wrap=wrap) as gate:
            answered = until_refused(gate)
            checks.check("sync %s: some were answered before" % error, 0 < answered < 200, answered)
            refused(gate, "sync " + error)
            verifies_again(gate, upstream, "sync " + error)


def full_disk(upstream):
    folder = tempfile.mkdtemp(prefix="proviso-full-")
    os.chmod(folder, 0o755)
    image, mount = os.path.join(folder, "disk.img"), os.path.join(folder, "mnt")
    os.makedirs(mount)
    with open(image, "wb") as out:
        out.truncate(64 << 20)
    made = subprocess.run(["mkfs.ext4", "-q", image], capture_output=True)
    attached = subprocess.run(["mount", "-o", "loop", image, mount], capture_output=True, text=True)
    if made.returncode or attached.returncode:
        print("skipped: full disk (no loop mounts here: %s)" % attached.stderr.strip())
        shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        os.chmod(mount, 0o755)
        gate = Gate(upstream=upstream, state=os.path.join(mount, "state"))
        try:
            gate.start()
            status, _, _ = gate.chat("script: say hello", headers={"Proviso-Purpose": "analysis"})
            checks.check("full disk: it served before", status == 200, status)
            filler = os.path.join(mount, "filler")
            with open(filler, "wb") as out:
                try:
                    while True:
                        out.write(b"\0" * (1 << 20))
                        out.flush()
                except OSError:
                    pass
            text = "script: say " + WORDS + " " + "x" * 200_000
            refused_at = None
            for number in range(400):
                status, _, body = gate.chat(text, headers={"Proviso-Purpose": "analysis"})
                if status != 200:
                    refused_at = number
                    checks.check("full disk: 503", status == 503, (status, body[:200]))
                    break
            checks.check("full disk: the fault was met", refused_at is not None)
            refused(gate, "full disk")
        finally:
            if gate.process and gate.process.poll() is None:
                gate.kill()
    finally:
        subprocess.run(["umount", mount], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def unwritable_vault(upstream):
    wrap = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", "segments", "-e", "trace=pwrite64,write,pwritev",
            "-e", "inject=pwrite64,write,pwritev:error=EROFS:when=60+"]
    state = tempfile.mkdtemp(prefix="proviso-vault-")
    wrap[wrap.index("segments")] = os.path.join(state, "vault", "segments")
    # strace's -P needs the files themselves: start once so that they exist.
    with Gate(upstream=upstream, state=state) as gate:
        gate.chat("script: say hello", headers={"Proviso-Purpose": "analysis"})
    segments = []
    for folder, _, names in os.walk(os.path.join(state, "vault", "segments")):
        segments += [os.path.join(folder, name) for name in names]
    paths = []
    for segment in segments:
        paths += ["-P", segment]
    at = wrap.index("-P")
    wrap[at:at + 2] = paths
    try:
        with Gate(upstream=upstream, state=state, wrap=wrap) as gate:
            answered = until_refused(gate)
            checks.check("vault: some were answered before", answered < 200, answered)
            refused(gate, "vault")
            verifies_again(gate, upstream, "vault")
    finally:
        shutil.rmtree(state, ignore_errors=True)


upstream = Upstream()
failing_sync(upstream)
full_disk(upstream)
unwritable_vault(upstream)
upstream.close()
checks.exit()
