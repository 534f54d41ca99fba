#!/usr/bin/env python3
"""A log changes its keys, twice: whoever holds any key of the chain, and the notes, accepts what each key signed
in its own time; old receipts, proofs and disclosures stay good; a retired key signs nothing new."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate import BIN, Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("cli rotate")
check = checks.check


def run(program, *argv):
    return subprocess.run([os.path.join(BIN, program), *[str(a) for a in argv]], capture_output=True, text=True)


def ledger(state, command, *argv):
    return run("proviso", "ledger", command, "--state", state, *argv)


def read(path):
    with open(path) as text:
        return text.read()


def write(path, text):
    with open(path, "w") as out:
        out.write(text)
    return path


def papers(gate, home, name):
    """A receipt, a proof and a disclosure made now, and the keys of now."""
    status, headers, body = gate.chat("script: say hello", headers={"Proviso-Purpose": "analysis"})
    check("%s: an answer" % name, status == 200, body)
    out = {"receipt": write(os.path.join(home, name + ".receipt"), headers["proviso-receipt"])}
    proof = ledger(gate.state, "proof", "--receipt", out["receipt"])
    check("%s: a proof" % name, proof.returncode == 0, proof.stderr)
    out["proof"] = write(os.path.join(home, name + ".tlog-proof"), proof.stdout)
    out["disclosure"] = os.path.join(home, name + ".disclosure")
    index = json.loads(headers["proviso-receipt"])["index"]
    made = ledger(gate.state, "disclose", index, "--all", "--to", "a court", "--out", out["disclosure"])
    check("%s: a disclosure" % name, made.returncode == 0, made.stderr)
    for key in ("log.vkey", "receipt.pub"):
        out[key] = shutil.copy(os.path.join(gate.state, "keys", key), os.path.join(home, "%s.%s" % (name, key)))
    return out


def holds(paper, keys, rotations):
    """Exit statuses of receipt, proof and disclosure under these keys."""
    more = ["--rotations", rotations] if rotations else []
    return [run("proviso-verify", "receipt", paper["receipt"], "--receipt-key", keys["receipt.pub"], *more).returncode,
            run("proviso-verify", "proof", paper["proof"], "--log-key", keys["log.vkey"], "--receipt",
                paper["receipt"], *more).returncode,
            run("proviso-verify", "disclosure", paper["disclosure"], "--log-key", keys["log.vkey"], *more).returncode]


def verdict(state, key, *more):
    done = run("proviso-verify", state, "--log-key", key, *more)
    return done.returncode, done.stdout + done.stderr


def main():
    home = tempfile.mkdtemp(prefix="proviso-rotate-")
    os.chmod(home, 0o755)
    state = os.path.join(home, "state")
    made = []
    upstream = Upstream()
    for turn in ("first", "second", "third"):
        with Gate(upstream=upstream, state=state) as gate:
            made.append(papers(gate, home, turn))
            if turn == "first":
                busy = ledger(state, "rotate-key", "--reason", "test")
                check("not beside a running gate", busy.returncode == 1 and "stop it first" in busy.stderr,
                      busy.stderr)
        if turn != "third":
            done = ledger(state, "rotate-key", "--reason", "the key is a year old")
            check("%s: the keys change" % turn, done.returncode == 0, done.stderr)
    upstream.close()
    rotations = os.path.join(state, "keys", "rotations")
    check("two notes", len(os.listdir(rotations)) == 2)
    check("three keys", len({read(paper["log.vkey"]) for paper in made}) == 3)
    check("the old private keys are gone", sorted(os.listdir(os.path.join(state, "keys"))) ==
          ["log.key", "log.vkey", "receipt.key", "receipt.pub", "rotations", "signer.state"],
          os.listdir(os.path.join(state, "keys")))

    for number, keys in enumerate(made):
        for other, paper in enumerate(made):
            got = holds(paper, keys, rotations)
            check("papers of turn %d under key %d and the notes" % (other, number), got == [0, 0, 0], got)
            alone = holds(paper, keys, None)
            check("papers of turn %d under key %d alone" % (other, number),
                  (alone == [0, 0, 0]) == (other == number), alone)
        status, output = verdict(state, keys["log.vkey"])
        check("the whole state under key %d" % number, status == 0, output[-800:])
    status, output = verdict(state, made[0]["log.vkey"], "--rotations", "/nonexistent")
    check("without the notes the first key alone does not do", status == 1, output[-400:])
    check("the leaf about it is there", len([1 for line in ledger(state, "show", "--last", "1000", "--json")
                                             .stdout.splitlines() if json.loads(line)["verb"] == "rotate"]) == 2)

    # A bit of a note, and it is no chain any more.
    bent = os.path.join(home, "bent")
    shutil.copytree(rotations, bent)
    name = os.path.join(bent, sorted(os.listdir(bent))[0])
    text = read(name)
    write(name, text.replace("\n1", "\n2", 1) if "\n1" in text else text.replace("A", "B", 1))
    got = holds(made[2], made[0], bent)
    check("a bent note leads nowhere", 0 not in got, got)

    # The key that was retired signs the log as it is now: nothing that a stolen key could do counts.
    check("a log whose note is lost is not opened under the old key",
          verdict(state, made[0]["log.vkey"], "--rotations", os.path.join(bent, "gone"))[0] == 1)

    cut_short(state, home)
    shutil.rmtree(home, ignore_errors=True)
    checks.exit()


def cut_short(state, home):
    """A crash behind the note, at each of the places where files change: the command goes on, the gate waits."""
    for moved in range(4):
        copy = os.path.join(home, "cut-%d" % moved)
        shutil.copytree(state, copy)
        before = {name: read(os.path.join(copy, "keys", name)) for name in
                  ("log.key", "receipt.key", "receipt.pub", "log.vkey")}
        check("a change to cut short", ledger(copy, "rotate-key", "--reason", "test").returncode == 0)
        # Back to the moment after the note, with so many files moved.
        os.mkdir(os.path.join(copy, "keys", "next"), 0o700)
        for number, name in enumerate(before):
            path = os.path.join(copy, "keys", name)
            if number < moved:
                continue
            shutil.move(path, os.path.join(copy, "keys", "next", name))
            write(path, before[name])
            os.chmod(path, 0o600)
        refused = ledger(copy, "report", "--json")
        check("%d moved: nothing else goes on" % moved, refused.returncode == 1 and "rotate-key" in refused.stderr,
              refused.stderr)
        again = ledger(copy, "rotate-key", "--reason", "test")
        check("%d moved: given again it is finished" % moved, again.returncode == 0, again.stderr)
        status, output = verdict(copy, os.path.join(copy, "keys", "log.vkey"))
        check("%d moved: the state verifies" % moved, status == 0, output[-600:])


if __name__ == "__main__":
    main()
