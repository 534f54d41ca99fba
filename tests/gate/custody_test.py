#!/usr/bin/env python3
"""An operator who holds every key but the vendor's cannot change what the vendor's red lines rest on: not while the
gate runs, not over a restart. With the vendor's old key it takes effect, and the log verifies either way."""
import json
import os
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate import BIN, Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("gate.custody")
check = checks.check
VENDOR = "Model vendor"


def proviso(*args):
    done = subprocess.run([os.path.join(BIN, "proviso"), *args], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def until(condition, seconds=20.0):
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if condition():
            return True
        time.sleep(0.05)
    return False


def party_key(gate, party):
    return os.path.join(gate.state, "sample", "parties", re.sub("[^a-z]+", "-", party.lower()) + ".key")


def parties_of(toml):
    return re.findall(r'\[\[party\]\]\nname = "([^"]*)"', toml)


def with_key(toml, party, line):
    return re.sub(r'(name = "%s"\nrole = "[^"]*"\nkey  = )"[^"]*"' % party, lambda m: m.group(1) + '"' + line + '"', toml)


def sign_all(gate, folder, toml, other=None):
    for party in parties_of(toml):
        key = other if other and party == VENDOR else party_key(gate, party)
        code, said = proviso("agreement", "sign", folder, "--party", party, "--key", key)
        check("signed for " + party, code == 0, said)


def starts(gate):
    """Whether it starts, and what it said if not."""
    command = [os.path.join(BIN, "proviso"), "serve", "--state", gate.state, "--listen", "127.0.0.1:0", "--no-worker", "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return 0, "it serves"
    return done.returncode, done.stdout + done.stderr


def proven(state):
    """The status of a proof anew, and what it says of the last signed difference."""
    done = subprocess.run([os.path.join(BIN, "proviso-verify"), "--prove", state, "--json"], capture_output=True, text=True,
                          timeout=300)
    said = [one["difference"] for one in json.loads(done.stdout)["agreements"] if one["difference"]]
    return done.returncode, said[-1].removeprefix("the difference that custodians signed: ") if said else ""


def main():
    with Upstream() as upstream, Gate(upstream) as gate:
        folder = gate.state + "/agreement"
        first = gate.state + "/first"
        shutil.copytree(folder, first)
        file = folder + "/agreement.toml"
        toml = open(file).read()

        def status():
            _, out = proviso("agreement", "status", "--state", gate.state, "--json")
            return json.loads(out)["agreement"]

        # The operator names a key of its own for the vendor, and every party of the new agreement signs.
        forged = os.path.join(gate.state, "forged")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "forged", "-f", forged], check=True)
        line = open(forged + ".pub").read().strip()
        changed = with_key(toml, VENDOR, line).replace("revision    = 1", "revision    = 2")
        check("the key is another", changed.count(line) == 1)
        with open(file, "w") as out:
            out.write(changed)
        sign_all(gate, folder, changed, forged)
        code, said = proviso("agreement", "check", folder)
        check("it is signed by every party that it names", code == 0 and "signed by every party" in said, said)
        check("a running gate refuses it", until(lambda: "custodian" in status()["pending"]), status())
        pending = status()["pending"]
        check("and names line, party and change", "red line `R1`" in pending and "`%s`" % VENDOR in pending
              and "name or key" in pending, pending)
        check("revision 1 stays", status()["revision"] == 1)
        check("requests go on", gate.chat("script: say hi", headers={"Proviso-Purpose": "analysis"})[0] == 200)
        gate.stop()
        code, said = starts(gate)
        check("a start refuses it too", code != 0 and "red line `R1`" in said and VENDOR in said, said)

        # With the key that revision 1 names it takes effect, over what the change allows and would have turned.
        custodian = ["agreement", "sign", folder, "--party", VENDOR, "--custodian", "--key", party_key(gate, VENDOR)]
        code, said = proviso(*custodian)
        check("nothing is signed unseen", code != 0 and "--write" in said, said)
        code, said = proviso("agreement", "diff", first, folder, "--state", gate.state, "--write")
        check("the difference is written", code == 1 and "past decisions would flip" in said and "digest" in said, said)
        code, said = proviso(*custodian)
        check("the custodian signs", code == 0, said)
        difference = os.path.join(folder, "signatures", "difference.json")
        written = open(difference, "rb").read()
        told = json.loads(written)
        check("it says what it is about", told["from"]["revision"] == 1 and told["to"]["revision"] == 2
              and told["history"]["what_if"]["decisions"] > 0, told["history"])
        with open(difference, "wb") as out:
            out.write(written.replace(b'"revision":1', b'"revision":0'))
        code, said = starts(gate)
        check("changed after it was signed it does not start", code != 0 and "custodian" in said, said)
        with open(difference, "wb") as out:
            out.write(written)
        gate.start()
        check("and it is in force", status()["revision"] == 2, status())
        check("everything verifies", gate.verify()[0] == 0, gate.verify()[1])
        check("proven anew, difference and history too", proven(gate.state) == (0, "the same anew, solvers and history"),
              proven(gate.state))
        kept = os.path.join(gate.state, "agreements", told["to"]["digest"], "signatures", "difference.json")
        for claim, lie in ((b'"decisions":', b'"decisions":1'), (b'"line":"R1"', b'"line":"R2"'),
                           (b'"relation":"equivalent"', b'"relation":"less permissive"')):
            with open(kept, "wb") as out:
                out.write(written.replace(claim, lie, 1))
            check("a lie in it shows: %s" % claim.decode(), proven(gate.state)[0] == 1, proven(gate.state))
            check("and in the replay", gate.verify()[0] == 1)
        with open(kept, "wb") as out:
            out.write(written)
        check("the control", gate.verify()[0] == 0 and proven(gate.state)[0] == 0)
        # Another difference, signed by its custodian since: only the leaf knows which one was signed then.
        later = shutil.copytree(os.path.dirname(os.path.dirname(kept)), os.path.join(gate.state, "later"))
        with open(kept, "wb") as out:
            out.write(written.replace(b'"decisions":', b'"decisions":1', 1))
        code, said = proviso("agreement", "sign", os.path.dirname(os.path.dirname(kept)), "--party", VENDOR, "--custodian",
                             "--key", party_key(gate, VENDOR))
        check("a custodian signs again", code == 0, said)
        code, said = gate.verify()
        check("one that was signed later is not the one of the leaf", code == 1 and "names the difference" in said
              and "custodian" not in said, said)
        shutil.rmtree(os.path.dirname(os.path.dirname(kept)))
        shutil.move(later, os.path.dirname(os.path.dirname(kept)))
        check("the control again", gate.verify()[0] == 0)

        # A tool in another class, its custodian's key still the one in force: signed by all it takes effect (the control).
        milder = open(file).read().replace('id    = "stock_level"\nclass = "read"', 'id    = "stock_level"\nclass = "write"')
        milder = milder.replace("revision    = 2", "revision    = 3")
        with open(file, "w") as out:
            out.write(milder)
        second = os.path.join(gate.state, "agreements", told["to"]["digest"])
        sign_all(gate, folder, milder, forged)
        check("a difference from an older one is refused", until(lambda: "write it anew" in status()["pending"]), status())
        proviso("agreement", "diff", second, folder, "--write")
        for party in parties_of(milder):
            key = forged if party == VENDOR else party_key(gate, party)
            code, said = proviso("agreement", "sign", folder, "--party", party, "--custodian", "--key", key)
            check("its custodians sign, " + party, code == 0, said)
        check("signed by its custodian it takes effect", until(lambda: status()["revision"] == 3), status())

        # The old revision is signed by everybody still, and does not come back.
        gate.stop()
        shutil.rmtree(folder)
        shutil.copytree(first, folder)
        code, said = starts(gate)
        check("an old revision does not start", code != 0 and "does not follow" in said, said)
    return checks.exit()


if __name__ == "__main__":
    sys.exit(main())
