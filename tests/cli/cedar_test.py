#!/usr/bin/env python3
"""`proviso cedar`: warnings about text that misleads, and `cedar corpus` on a small folder laid out like the
conformance data: every class of case is counted, and each wrong verdict is a miss (the control)."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate import BIN, Checks  # noqa: E402

checks = Checks("cli.cedar")
check = checks.check

SCHEMA = "entity User = { n?: Long };\naction view appliesTo { principal: User, resource: User, context: {} };\n"
POLICY = "permit (principal, action, resource) when { principal has n && principal.n > 1 };\n"
ENTITIES = [{"uid": {"type": "User", "id": "a"}, "attrs": {"n": 2}, "parents": []}]
REQUEST = {"principal": {"type": "User", "id": "a"}, "action": {"type": "Action", "id": "view"},
           "resource": {"type": "User", "id": "a"}, "context": {}}


def run(*args):
    done = subprocess.run([os.path.join(BIN, "proviso"), "cedar", *args], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def write(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(value if isinstance(value, str) else json.dumps(value))


def corpus(folder, **wrong):
    """One case with the verdicts of its validation file; `wrong` replaces parts of what is expected."""
    said = {"strict": True, "permissive": True, "entity": {}, "request": True, "decision": "allow", "should": True} | wrong
    for name in ("c1", "c2"):
        write(f"{folder}/corpus-tests/{name}.cedarschema", SCHEMA)
        write(f"{folder}/corpus-tests/{name}.cedar", POLICY)
        write(f"{folder}/corpus-tests/{name}.entities.json", ENTITIES)
        write(f"{folder}/corpus-tests/{name}.json", {
            "schema": f"corpus-tests/{name}.cedarschema", "policies": f"corpus-tests/{name}.cedar",
            "entities": f"corpus-tests/{name}.entities.json", "shouldValidate": said["should"],
            "requests": [REQUEST | {"validateRequest": True, "decision": said["decision"], "reason": ["policy0"], "errors": []}]})
        write(f"{folder}/corpus-tests-validation/{name}.validation.json", {
            "policyValidation": {"strict": said["strict"], "permissive": said["permissive"],
                                 "perPolicy": {"policy0": {"strict": said["strict"], "permissive": said["permissive"]}}},
            "entityValidation": {"perEntity": {"User::a": said["entity"], "Action::view": {}}},
            "requestValidation": [{"strict": said["request"]}]})
    write(f"{folder}/manifest.tsv", "#case\tshould_validate\nc1\ttrue\nc2\ttrue\n")


def counts(folder):
    code, out, err = run("corpus", folder, "--json")
    value = json.loads(out) if out else {"families": {}, "misses": [err]}
    return code, {k: (v["passed"], v["total"]) for k, v in value["families"].items()}, value["misses"]


def judged(folder):
    corpus(folder)
    code, families, misses = counts(folder)
    check("a sound folder: status 0", code == 0 and misses == [], str(misses))
    for family, total in (("validation verdicts", 2), ("strict verdicts", 2), ("permissive verdicts", 2), ("policies, strict", 2),
                          ("policies, permissive", 2), ("entity verdicts", 4), ("request verdicts", 2), ("decisions", 2),
                          ("reason sets", 2), ("error sets", 2), ("cases that a manifest lists", 2)):
        check("counted: " + family, families.get(family) == (total, total), str(families))
    for family, wrong in (("validation verdicts", {"should": False}), ("strict verdicts", {"strict": False}),
                          ("permissive verdicts", {"permissive": False}), ("entity verdicts", {"entity": {"errors": ["x"]}}),
                          ("request verdicts", {"request": False}), ("decisions", {"decision": "deny"})):
        corpus(folder, **wrong)
        code, families, misses = counts(folder)
        check("a wrong verdict is a miss: " + family, code == 1 and families[family][0] == families[family][1] - 2 and misses != [], str(families))
    corpus(folder)
    os.remove(f"{folder}/corpus-tests/c2.json")
    code, families, _ = counts(folder)
    check("a case that a manifest lists and is not there is a miss", code == 1 and families["cases that a manifest lists"] == (1, 2), str(families))


def warned(folder):
    write(folder + "/s.cedarschema", SCHEMA)
    write(folder + "/p.cedar", 'permit (principal == User::"b\u043eb", action, resource);\n')
    code, out, err = run("validate", "-p", folder + "/p.cedar", "-s", folder + "/s.cedarschema")
    check("a name of two scripts is a warning", code == 0 and "warning" in out and "U+043E (Cyrillic) after Latin" in out, out + err)
    write(folder + "/p.cedar", 'permit (principal == User::"bob", action, resource);\n')
    check("the same name in one script is none", "warning" not in run("validate", "-p", folder + "/p.cedar", "-s", folder + "/s.cedarschema")[1])


def cut(folder):
    write(folder + "/p.cedar", "".join(f"permit (principal, action, resource) when {{ context.n != {i} }};\n" for i in range(20_000)))
    write(folder + "/e.json", "[]")
    ask = ["authorize", "-p", folder + "/p.cedar", "--entities", folder + "/e.json", "-l", 'User::"u"', "-a", 'Action::"a"', "-r", 'Doc::"d"', "-c"]
    write(folder + "/c.json", '{"n": -1}')
    code, out, err = run(*ask, folder + "/c.json")
    check("a decision that is cut denies and says so", code == 3 and "DENY" in out and "cut short: it needs more than" in out, out[-300:] + err)
    code, out, err = run(*ask, folder + "/c.json", "--json")
    check("so does the answer in JSON", code == 3 and json.loads(out)["diagnostics"].get("cutShort") is True, out[-300:] + err)
    code, out, err = run("explain", *ask[1:], folder + "/c.json")
    check("an explanation within its steps is whole", "not explained" not in out and out.count(": satisfied") == 20_000, out[-300:] + err)
    write(folder + "/p.cedar", "permit (principal, action, resource);\n")
    code, out, err = run(*ask, folder + "/c.json", "--json")
    check("a whole decision says nothing of it", code == 0 and "cutShort" not in out, out + err)


root = tempfile.mkdtemp(prefix="proviso-cedar-")
try:
    judged(root + "/corpus")
    warned(root + "/text")
    cut(root + "/text")
finally:
    shutil.rmtree(root, ignore_errors=True)
checks.exit()
