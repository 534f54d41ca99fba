#!/usr/bin/env python3
"""`proviso ledger` as people type it, beside a running gate and without one: proof, disclosure, report,
erasure, and proviso-verify's judgement of each on files alone."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate import BIN, Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("cli ledger")
check = checks.check


def run(program, *argv):
    return subprocess.run([os.path.join(BIN, program), *[str(a) for a in argv]], capture_output=True, text=True)


def ledger(state, command, *argv):
    return run("proviso", "ledger", command, "--state", state, *argv)


def leaves_of(state):
    return [json.loads(line) for line in
            ledger(state, "show", "--last", "1000", "--json").stdout.splitlines()]


def disclose(state, key, home, index):
    out = os.path.join(home, "opened.json")
    made = ledger(state, "disclose", index, "--fact", "context.moment.purpose", "--absent", "no.such.fact",
                  "--to", "the overseer", "--out", out)
    check("a disclosure is made", made.returncode == 0, made.stderr)
    check("and is a leaf", leaves_of(state)[-1]["verb"] == "disclose", leaves_of(state)[-1])
    judged = run("proviso-verify", "disclosure", out, "--log-key", key, "--absent", "no.such.fact")
    check("judged without the vault", judged.returncode == 3 and 'context.moment.purpose = "analysis"' in judged.stdout,
          judged.stdout + judged.stderr)
    check("it names what is withheld", "withheld: principal.id" in judged.stdout)
    check("it does not say ok", "not replayable" in judged.stdout)
    check("it names withheld facts that would matter", "would matter" in judged.stdout, judged.stdout)
    check("no person, no content", "script" not in open(out).read())
    anonymous = os.path.join(home, "anonymous.json")
    read = ["context.content.labels", "context.content.marking", "context.content.top_score", "context.content.unreadable_parts",
            "context.moment.break_glass", "context.moment.purpose", "principal.clearance", "principal.nationality",
            "principal.roles", "principal.training_until", "resource.id", "resource.type"]
    ledger(state, "disclose", index, *(x for path in read for x in ("--fact", path)), "--to", "the overseer", "--out", anonymous)
    judged = run("proviso-verify", "disclosure", anonymous, "--log-key", key)
    check("verified, whatever is withheld", judged.returncode == 0 and "withheld: principal.id" in judged.stdout and
          "verified, whatever is withheld" in judged.stdout, judged.stdout + judged.stderr)
    judged = run("proviso-verify", "disclosure", anonymous, "--log-key", key, "--json")
    check("the same for machines", judged.returncode == 0 and json.loads(judged.stdout)["withheld_facts"]["answer"] == "same", judged.stdout)
    absent = run("proviso-verify", "disclosure", out, "--log-key", key, "--absent", "principal.id")
    check("what is there is not absent", absent.returncode == 1, absent.stdout)
    text = open(out).read()
    open(out, "w").write(text.replace('"value":"\\"analysis\\""', '"value":"\\"training\\""'))
    changed = run("proviso-verify", "disclosure", out, "--log-key", key)
    check("a changed value is refused", changed.returncode == 1, changed.stdout)
    everything = os.path.join(home, "all.json")
    ledger(state, "disclose", index, "--all", "--to", "a court", "--out", everything)
    judged = run("proviso-verify", "disclosure", everything, "--log-key", key)
    check("with all facts the decision is derived again", judged.returncode == 0 and "derived again" in judged.stdout,
          judged.stdout + judged.stderr)


def report(state):
    made = ledger(state, "report", "--json")
    rows = json.loads(made.stdout or "[]")
    check("usage is counted", any(row["purpose"] == "analysis" and row["allowed"] >= 3 for row in rows), made.stdout)
    check("without people", "analyst" not in made.stdout)
    check("and is a leaf", leaves_of(state)[-1]["verb"] == "report")


def what_if(state, home):
    draft = os.path.join(home, "draft")
    shutil.copytree(os.path.join(state, "agreement"), draft)
    same = run("proviso", "agreement", "what-if", draft, "--state", state)
    check("the agreement itself turns nothing", same.returncode == 0 and "0 of " in same.stdout, same.stdout + same.stderr)
    with open(draft + "/clauses/1-purposes.md", "a") as clause:
        clause.write('\n```cedar\nforbid (principal, action == Action::"ask", resource)\nwhen { context.moment.purpose == Purpose::"analysis" };\n```\n')
    stricter = run("proviso", "agreement", "what-if", draft, "--state", state, "--json")
    flips = json.loads(stricter.stdout or "{}").get("flips", [])
    check("a stricter draft: what would have been denied", stricter.returncode == 3 and
          any((f["verb"], f["was"], f["now"]) == ("ask", "allow", "deny") and f["count"] >= 3 for f in flips), stricter.stdout + stricter.stderr)
    check("without people", "analyst" not in stricter.stdout)
    last = leaves_of(state)[-1]
    check("and that it was asked is a leaf", last["verb"] == "report", last)


def shred(state):
    segments = ledger(state, "segments").stdout
    segment = next(word for word in segments.split() if word.startswith("default/"))
    one = ledger(state, "shred", segment, "--authority", "records act", "--approver", "ana", "--approver", "ana")
    check("one approver twice is not two", one.returncode == 1, one.stdout)
    early = ledger(state, "shred", segment, "--authority", "records act", "--approver", "ana", "--approver", "ben")
    check("not while its month runs", early.returncode == 1 and "not over" in early.stderr, early.stderr)
    done = ledger(state, "shred", segment, "--authority", "records act", "--approver", "ana", "--approver", "ben",
                  "--even-this-month", "--json")
    check("a month is shredded", done.returncode == 0, done.stderr)
    check("bytes really freed are said", {"bytes_before", "bytes_after"} <= set(json.loads(done.stdout or "{}")))
    check("the tombstone is a leaf", leaves_of(state)[-1]["verb"] == "shred")
    again = ledger(state, "shred", segment, "--authority", "records act", "--approver", "ana", "--approver", "ben",
                   "--even-this-month")
    check("nothing is shredded twice", again.returncode == 1 and "already" in again.stderr, again.stderr)
    asked = [i for i, leaf in enumerate(leaves_of(state)) if leaf["verb"] == "ask"][0]
    gone = ledger(state, "show", asked, "--facts")
    check("its facts are gone", gone.returncode == 1, gone.stdout)
    verdict = run("proviso-verify", state)
    check("every leaf still verifies", verdict.returncode == 3 and "NOT VERIFIED" not in verdict.stdout, verdict.stdout)
    return segment


def hot_backup(upstream, state, home):
    """A key is revoked, the running gate is copied, the copy is put in place: the key stays revoked."""
    hot, back, broken = (os.path.join(home, n) for n in ("hot", "back", "broken"))
    source = os.path.join(home, "source")
    shutil.copytree(state, source)
    with Gate(upstream=upstream, state=source) as gate:
        keys = gate.keys
        chat = lambda at: at.chat("script: say hello", headers={"Proviso-Purpose": "analysis"})[0]  # noqa: E731
        check("the key works", chat(gate) == 200)
        listed = json.loads(run("proviso", "key", "list", "--state", source, "--json").stdout)["keys"]
        done = [run("proviso", "key", "revoke", "--state", source, each["id"]).returncode for each in listed]
        check("every key is revoked", done and not any(done) and chat(gate) == 401, (done, listed))
        done = ledger(source, "backup", hot)
        check("a backup beside the gate", done.returncode == 0, done.stderr)
    check("the copied register is private", os.stat(hot + "/state.db").st_mode & 0o077 == 0)
    check("a restore", ledger(back, "restore", hot).returncode == 0)
    os.remove(back + "/restored")  # no witness here: this is about the register
    with Gate(upstream=upstream, state=back) as gate:
        gate.keys = keys
        check("a revoked key stays revoked in the copy", chat(gate) == 401)
    with open(hot + "/state.db", "wb") as out:  # so that the copying fails on its way
        out.write(b"no database at all" * 100)
    check("half a restore fails", ledger(broken, "restore", hot).returncode == 1)
    check("and is marked all the same", os.path.exists(broken + "/restored"))


def cut_short(upstream, state, home):
    """A crash between the mark of an erasure and the end of its key: the command finishes it."""
    copy = os.path.join(home, "cut")
    shutil.copytree(state, copy)
    with Gate(upstream=upstream, state=copy):
        segment = next(word for word in ledger(copy, "segments").stdout.split() if word.startswith("default/"))
        stem = "%s/vault/keys/%s" % (copy, segment.replace("/", "-"))
        open(stem + ".erased", "w").close()
        done = ledger(copy, "shred", segment, "--authority", "records act", "--approver", "ana", "--approver", "ben",
                      "--even-this-month")
        check("an erasure cut short is finished", done.returncode == 0, done.stderr)
        check("the key is gone", not os.path.exists(stem + ".key"))


def rebuild(upstream, state, home):
    """What is derived is thrown away and made again, though what was asked is shredded by now."""
    copy = os.path.join(home, "rebuilt")
    shutil.copytree(state, copy)
    listed = run("proviso", "key", "list", "--state", copy, "--json").stdout
    with Gate(upstream=upstream, state=copy) as gate:
        keys = gate.keys
        busy = ledger(copy, "rebuild")
        check("nothing is rebuilt beside a gate", busy.returncode == 1 and "stop it first" in busy.stderr, busy.stderr)
        first = json.loads(run("proviso", "key", "list", "--state", copy, "--json").stdout)["keys"][0]["id"]
        check("a key is revoked", run("proviso", "key", "revoke", "--state", copy, first).returncode == 0)
        listed = run("proviso", "key", "list", "--state", copy, "--json").stdout
        chat = lambda at: sorted(  # noqa: E731
            at.chat("script: say hello", role=role, headers={"Proviso-Purpose": "analysis"})[0] for role in keys)
        answers = chat(gate)
    for name in os.listdir(copy):
        if name.startswith("state.db"):
            os.remove(os.path.join(copy, name))
    done = ledger(copy, "rebuild")
    check("a rebuild from log and vault alone", done.returncode == 0 and "people" in done.stdout, done.stdout + done.stderr)
    check("the register is what it was", run("proviso", "key", "list", "--state", copy, "--json").stdout == listed)
    with Gate(upstream=upstream, state=copy) as gate:
        gate.keys = keys
        check("every key does what it did", chat(gate) == answers and 401 in answers, (answers, chat(gate)))
        deadline = time.monotonic() + 10  # they come with the next checkpoint
        while not os.path.isdir(copy + "/log/tile/entries") and time.monotonic() < deadline:
            time.sleep(0.05)
        check("the tiles are there again", os.path.isdir(copy + "/log/tile/entries"))
    # Without a leaf that it needs nothing is replaced.
    kept = open(copy + "/state.db", "rb").read()
    for name in os.listdir(copy + "/vault/keys"):
        if name.startswith("register-"):
            os.remove(copy + "/vault/keys/" + name)
    done = ledger(copy, "rebuild")
    check("what cannot be opened ends it", done.returncode == 1 and "leaf" in done.stderr, done.stdout + done.stderr)
    check("and leaves the old one", open(copy + "/state.db", "rb").read() == kept)


def main():
    home = tempfile.mkdtemp(prefix="proviso-ledger-")
    os.chmod(home, 0o755)
    state = os.path.join(home, "state")
    upstream = Upstream()
    with Gate(upstream=upstream, state=state) as gate:
        for number in range(3):
            _, headers, _ = gate.chat("script: say %d" % number, headers={"Proviso-Purpose": "analysis"})
        open(home + "/receipt.json", "w").write(headers["proviso-receipt"] + "\n")
        key = open(state + "/keys/log.vkey").read().strip()
        asks = [i for i, leaf in enumerate(leaves_of(state)) if leaf["verb"] == "ask"]
        disclose(state, key, home, asks[0])  # through the running gate
        report(state)
        what_if(state, home)
    disclose(state, key, home, asks[1])  # and alone
    proof = ledger(state, "proof", "--receipt", home + "/receipt.json")
    check("a receipt becomes a proof", proof.stdout.startswith("c2sp.org/tlog-proof@v1\n"), proof.stderr)
    open(home + "/proof", "w").write(proof.stdout)
    judged = run("proviso-verify", "proof", home + "/proof", "--log-key", key, "--receipt", home + "/receipt.json")
    check("judged alone", judged.returncode == 0, judged.stdout + judged.stderr)
    check("no quorum, no witnessed proof", ledger(state, "proof", "1", "--witnessed").returncode == 1)
    none = ledger(state, "accuse", "--receipt", home + "/receipt.json")
    check("no case against an honest log", none.returncode == 3, none.stdout + none.stderr)
    copy = os.path.join(home, "copy")
    shutil.copytree(state, copy)
    hot_backup(upstream, state, home)
    cut_short(upstream, state, home)
    segment = shred(state)
    rebuild(upstream, state, home)
    # The adversary: the same erasure by hand, without a tombstone.
    stem = segment.replace("/", "-")
    os.remove("%s/vault/keys/%s.key" % (copy, stem))
    verdict = run("proviso-verify", copy)
    check("an erasure without tombstone is a fault", verdict.returncode == 1 and "on whose authority" in verdict.stdout,
          verdict.stdout)
    before = len(leaves_of(copy))
    done = ledger(copy, "shred", segment, "--authority", "records act", "--approver", "ana", "--approver", "ben",
                  "--even-this-month")
    check("what has no key is not shredded", done.returncode == 1 and "missing" in done.stderr, done.stderr)
    check("and no tombstone says it was", len(leaves_of(copy)) == before)
    upstream.close()
    shutil.rmtree(home, ignore_errors=True)
    checks.exit()


main()
