#!/usr/bin/env python3
"""The commands as people type them: help that teaches, errors that say what, where and what to do, exit
statuses, agreements written and signed with both our command and ssh-keygen."""
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate import BIN, TOP, Checks, Gate  # noqa: E402

checks = Checks("cli.commands")
check = checks.check


def run(*args, program="proviso", **more):
    done = subprocess.run([os.path.join(BIN, program), *args], capture_output=True, text=True, **more)
    return done.returncode, done.stdout, done.stderr


def helps():
    for args in (["--help"], ["serve", "--help"], ["agreement", "--help"], ["agreement", "sign", "--help"],
                 ["ledger", "--help"], ["key", "new", "--help"], ["tour", "--help"], ["inspect", "--help"],
                 ["eval", "--help"]):
        code, out, _ = run(*args)
        check("help: " + " ".join(args), code == 0 and len(out) > 100)
    code, out, _ = run("--help", program="proviso-verify")
    check("help: proviso-verify", code == 0 and len(out) > 100)
    check("no command is status 2", run()[0] == 2)
    check("an unknown option is status 2", run("serve", "--nonsense")[0] == 2)
    check("no colour in a pipe", "\033" not in run("agreement", "check", TOP + "/agreements/enclave")[1])


def inspection(folder):
    note = "TOP SECRET//NOFORN\nWrite to a.b@post.example.org."
    code, out, err = run("inspect", "-", "--json", input=note)
    seen = json.loads(out) if out else {}
    check("inspect: labels and rank", code == 0 and seen["labels"][:2] == ["contact", "marking"] and
          seen["marking"] == 4, out + err)
    code, out, _ = run("inspect", "-", input="read: aG93IGRvIHlvdSBvcGVuIHRoZSBvbGQgdmFsdmU=")
    check("inspect: decoded readings", code == 0 and "how do you open the old valve" in out, out)
    hospital = os.path.join(TOP, "agreements/hospital")
    code, out, err = run("inspect", "-", "--agreement", hospital, "--as", "clerk", "--purpose", "coding",
                         input="Please write to a.b@post.example.org today.")
    check("inspect: what an agreement would do", code == 0 and "ask by clerk: redact" in out and "3.2" in out and
          "write to [redacted: contact] today" in out and "ask by clerk: allow" in out, out + err)
    code, out, err = run("inspect", "-", "--agreement", hospital, "--as", "nobody", "--json", input="x")
    check("inspect: nobody of that name", code == 1 and "nobody" in err, out + err)
    code, out, err = run("agreement", "check", hospital)
    other = os.path.join(folder, "weather")
    shutil.copytree(hospital, other)
    with open(other + "/agreement.toml") as text:
        terms = text.read()
    with open(other + "/agreement.toml", "w") as text:
        text.write(terms.replace('known = ["secret"', 'known = ["weather", "secret"'))
    warned = run("agreement", "check", other)[1]
    check("check: a label that nothing puts is a warning", "no detector puts the label `weather`" in warned, warned)
    check("check: every label of the samples is one that detectors put", "no detector" not in out, out)
    code, _, err = run("inspect", folder + "/nowhere")
    check("inspect: a missing file is named", code == 1 and "nowhere" in err, err)
    letter = folder + "/letter.txt"
    with open(letter, "w") as out_file:
        out_file.write("Read this: " + base64.b64encode(("a" + "\u044f\u0431\u043b\u043e\u043a\u043e " * 20).encode()).decode())
    code, out, err = run("inspect", letter, "--encoder", "")
    check("inspect: what an encoding hides is shown, no character by half", code == 0 and "\u044f\u0431\u043b" in out and "\ufffd" not in out, out + err)
    os.makedirs(folder + "/cache/models")
    with open(folder + "/cache/models/multilingual-e5-small-q4.bin", "w") as out_file:
        out_file.write("of another release")
    known = {key: value for key, value in os.environ.items() if key != "PROVISO_ENCODER"}
    code, out, err = run("inspect", letter, env=dict(known, PROVISO_CACHE=folder + "/cache"))
    check("inspect: goes on without an encoder that is another release's, and says so", code == 0 and "without an encoder" in err, err)
    rows = folder + "/rows.jsonl"
    with open(rows, "w") as out_file:
        for label, category, text in (("pii", "mail", "Write to a.b@post.example.org."),
                                      ("pii", "mail", "Write to nobody."), ("benign", "ordinary_x", "Good morning.")):
            out_file.write(json.dumps({"label": label, "category": category, "lang": "en", "text": text}) + "\n")
    code, out, err = run("eval", rows, "--json")
    value = json.loads(out) if out else {}
    pii = value.get("labels", {}).get("pii", {})
    # One of two: Clopper and Pearson's bounds are 1 - 0.975^(1/2) and its mirror.
    check("eval: recall with exact bounds", code == 0 and pii["recall"]["k"] == 1 and pii["n"] == 2 and
          abs(pii["recall"]["low"] - 0.01258) < 1e-4 and abs(pii["recall"]["high"] - 0.98742) < 1e-4, out + err)
    check("eval: false positives", pii["false_positive_rate_ordinary"]["n"] == 1 and
          pii["false_positive_rate"]["k"] == 0, out)
    check("eval: a table for people", "recall" in run("eval", rows)[1])
    with open(rows, "a") as out_file:
        out_file.write("{}\n")
    code, _, err = run("eval", rows)
    check("eval: a bad line is numbered", code == 1 and "line 4" in err, err)


def agreements(folder):
    for sample in ("enclave", "hospital"):
        code, out, err = run("agreement", "check", "%s/agreements/%s" % (TOP, sample), "--json")
        value = json.loads(out) if out else {}
        check("%s checks" % sample, code == 0 and value["examples"] == value["examples_held"] > 0, out + err)
    code, _, err = run("agreement", "check", folder + "/nowhere")
    check("a missing folder is named", code == 1 and "nowhere" in err, err)

    parties = {"Operator": "operator", "Model vendor": "vendor", "Inspectorate": "inspect"}
    for party, name in parties.items():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder + "/" + name], check=True)
    mine = folder + "/mine"
    args = []
    for party, name in parties.items():
        args += ["--party-key", "%s=%s/%s.pub" % (party, folder, name)]
    code, out, err = run("agreement", "init", mine, "--from", TOP + "/agreements/enclave", *args)
    check("init", code == 0 and "agreement sign" in out, err)
    check("init twice is refused", run("agreement", "init", mine, "--from", TOP + "/agreements/enclave")[0] == 1)
    code, _, err = run("agreement", "sign", mine, "--party", "Operator", "--key", folder + "/vendor")
    check("another party's key does not sign", code == 1, err)
    code, _, err = run("agreement", "sign", mine, "--party", "Operator", "--key", folder + "/operator")
    check("our command signs", code == 0, err)
    # The others sign with OpenSSH's own tool.
    for party, name in list(parties.items())[1:]:
        manifest = folder + "/manifest-" + name
        with open(manifest, "w") as out_file:
            subprocess.run([os.path.join(BIN, "proviso"), "agreement", "manifest", mine], stdout=out_file, check=True)
        subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "proviso-agreement-v1", "-f", folder + "/" + name,
                        manifest], check=True, capture_output=True)
        slug = party.lower().replace(" ", "-")
        shutil.copy(manifest + ".sig", "%s/signatures/%s.sig" % (mine, slug))
    code, out, _ = run("agreement", "check", mine, "--json")
    check("ssh-keygen's signatures count", json.loads(out)["signatures"] == "hold", out)
    # And OpenSSH accepts ours.
    with open(folder + "/allowed", "w") as allowed:
        allowed.write("operator " + open(folder + "/operator.pub").read())
    manifest = subprocess.run([os.path.join(BIN, "proviso"), "agreement", "manifest", mine], capture_output=True).stdout
    done = subprocess.run(["ssh-keygen", "-Y", "verify", "-n", "proviso-agreement-v1", "-f", folder + "/allowed", "-I",
                           "operator", "-s", mine + "/signatures/operator.sig"], input=manifest, capture_output=True)
    check("ssh-keygen verifies ours", done.returncode == 0, done.stderr)
    with open(mine + "/clauses/6-secrets.md", "a") as clause:
        clause.write("\nand one more sentence\n")
    code, out, _ = run("agreement", "check", mine, "--json")
    check("a changed clause unsigns it", json.loads(out)["signatures"] != "hold", out)
    with open(mine + "/agreement.toml", "a") as toml:
        toml.write('\nsurprise = "x"\n')
    code, _, err = run("agreement", "check", mine)
    check("a fault has file and line", code == 1 and "agreement.toml:" in err and "surprise" in err, err)


def asked_of_a_sample():
    ask = ["agreement", "ask", TOP + "/agreements/enclave", "--as"]
    code, out, err = run(*ask, "planner", "--purpose", "logistics", "--model", "local")
    check("ask: allowed, with its clause", code == 0 and "allow" in out and "clause 1.2" in out, out + err)
    code, out, err = run(*ask, "planner", "--purpose", "logistics", "--model", "local", "--when", "labels=secret marking=4")
    check("ask: what else would be so counts", code == 3 and "deny" in out, out + err)
    code, out, err = run(*ask, "engineer", "--does", "train", "--what", "dataset manuals", "--purpose", "maintenance", "--json")
    held = json.loads(out) if out else {}
    check("ask: a hold says who could approve", code == 4 and held["decision"] == "hold" and
          held["awaits"] == [{"role": "legal", "people": ["legal"]}, {"role": "security", "people": ["security"]}], out + err)
    code, out, err = run(*ask, "nobody", "--model", "local", "--when", "mood=good")
    check("ask: everything that cannot be is said", code == 1 and "nobody called" in err and "`mood=good`" in err, err)


def asked_of_the_register(state):
    ask = ["agreement", "ask", "--state", state, "--as"]
    code, out, err = run(*ask, "nora", "--purpose", "analysis", "--model", "local")
    check("ask: of the state's agreement, as somebody of the register", code == 0 and "allow" in out, out + err)
    code, out, err = run(*ask, "nora", "--purpose", "analysis", "--model", "local", "--when", "now=2031-01-01")
    check("ask: now is now unless it is said", code == 3, out + err)
    for person, *roles in (("iris", "engineer", "legal"), ("omar", "legal")):
        run("key", "new", "--state", state, "--person", person, *(x for role in roles for x in ("--role", role)))
    code, out, err = run(*ask, "iris", "--does", "train", "--what", "dataset manuals", "--purpose", "maintenance", "--json")
    held = {one["role"]: one["people"] for one in json.loads(out)["awaits"]} if out else {}
    check("ask: nobody approves for themselves", code == 4 and "omar" in held["legal"] and "iris" not in held["legal"], out + err)
    code, out, err = run(*ask, "nemo", "--purpose", "analysis", "--model", "local")
    check("ask: who is not there", code == 1 and "knows nobody called `nemo`" in err and "nora" in err, err)


def alone():
    """Commands without a running gate take its lock."""
    with Gate(args=["--no-worker"]) as gate:
        gate.stop()
        code, out, err = run("key", "new", "--state", gate.state, "--person", "nora", "--role", "analyst", "--json")
        check("key new without a gate", code == 0, err)
        code, out, _ = run("key", "list", "--state", gate.state)
        check("key list without a gate", "nora" in out)
        asked_of_the_register(gate.state)
        code, out, _ = run("ledger", "show", "--state", gate.state)
        check("its leaves are there", "key" in out and "person" in out, out)
        code, out, _ = run("ledger", "verify", "--state", gate.state)
        check("ledger verify", code == 0, out)
        code, out, _ = run("ledger", "proof", "--state", gate.state, "2")
        check("ledger proof is a tlog-proof", code == 0 and out.startswith("c2sp.org/tlog-proof@v1\n"), out)
        check("a leaf beyond the log", run("ledger", "show", "--state", gate.state, "999")[0] == 1)
        code, _, err = run("agreement", "status", "--state", gate.state)
        check("status without a gate says so", code == 1 and "no gate runs" in err, err)
        with open(gate.state + "/agreement/clauses/1-purposes.md", "a") as clause:
            clause.write("\n")
        code, _, err = run("serve", "--state", gate.state, "--no-worker", "--listen", "127.0.0.1:0")
        check("an agreement whose signatures do not hold is not served", code == 1 and "sign" in err, err)
    code, _, err = run("serve", "--state", tempfile.mkdtemp(), "--listen", "nowhere")
    check("serve without an agreement says what to do", code == 1 and err.startswith("error: "), err)


folder = tempfile.mkdtemp(prefix="proviso-cli-")
try:
    helps()
    agreements(folder)
    inspection(folder)
    asked_of_a_sample()
    alone()
finally:
    shutil.rmtree(folder, ignore_errors=True)
checks.exit()
