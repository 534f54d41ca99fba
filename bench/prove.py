#!/usr/bin/env python3
"""How long proofs take: the samples, and generated agreements of 100 and 200 policies with ten red lines, over all
request environments, first without a record, then with the records after one clause changed, and after one changed that
a red line rests on, which no record can answer. Every answer is checked: all proven, and a variant whose clause on
secrets is struck is not.

    python3 bench/prove.py --bin build/release/bin [--threads 2] [--policies 100 200]
"""
import argparse
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SEED = 7
SECRETS = 'when { context.content.labels.contains("secret") }'
ROLES = ["analyst", "planner", "engineer", "commander", "legal", "security"]
PURPOSES = ["analysis", "translation", "coding", "logistics", "maintenance", "planning"]
LABELS = ["secret", "autonomous_targeting", "domestic_surveillance", "bulk_person_analysis", "person_intercept"]
CLASSES = ["read", "write", "spend", "client"]
MORE_LINES = [
    ("R8", "operator", "ask, release, act", "what nobody could look into does not pass", "context.content.unreadable_parts <= 0"),
    ("R9", "overseer", "train", "no training without the security officer", "context.moment.approvals.security >= 1"),
    ("R10", "vendor", "release", "no intercept is handed out", '!context.content.labels.contains("person_intercept")'),
    ("R11", "operator", "act", "nobody spends alone",
     '!(resource in ToolClass::"spend") || context.moment.approvals.legal >= 1'),
]


def condition(choose):
    return choose.choice([
        lambda: 'context.moment.purpose == Purpose::"%s"' % choose.choice(PURPOSES),
        lambda: 'context.content.labels.contains("%s")' % choose.choice(LABELS),
        lambda: 'context.content.labels.containsAny(["%s", "%s"])' % tuple(choose.sample(LABELS, 2)),
        lambda: "context.content.marking > %d" % choose.randrange(5),
        lambda: "context.content.bytes > %d" % (1 << choose.randrange(8, 20)),
        lambda: "principal.clearance < %d" % choose.randrange(5),
        lambda: 'principal.nationality like "%s*"' % choose.choice("abcdef"),
        lambda: "context.moment.now > principal.training_until",
        lambda: "context.moment.approvals.%s < %d" % (choose.choice(ROLES), choose.randrange(1, 4)),
        lambda: "context.content.top_score >= %d" % choose.randrange(100, 1000),
    ])()


def policy(choose, number):
    conditions = " && ".join(condition(choose) for _ in range(choose.randrange(2, 5)))
    action, resource = choose.choice([('"ask"', "resource"), ('"release"', "resource is Model"), ('"act"', "resource"),
                                      ('"release"', "resource is Tool"), ('"ask"', 'resource in Vendor::"house"'),
                                      ('"act"', 'resource in ToolClass::"%s"' % choose.choice(CLASSES))])
    if choose.random() < 0.5:
        head = 'permit (principal in Role::"%s", action == Action::%s, %s)' % (choose.choice(ROLES), action, resource)
    else:
        head = "forbid (principal, action == Action::%s, %s)" % (action, resource)
    return '@clause("%s")\n%s\nwhen { %s };\n' % (number, head, conditions)


def count(folder):
    total = 0
    for name in os.listdir(folder + "/clauses"):
        with open(folder + "/clauses/" + name, encoding="utf-8") as file:
            total += len(re.findall(r"^(?:permit|forbid)\b", file.read(), re.M))
    return total


def generate(folder, policies):
    """The enclave sample with more clauses, ten policies each, and four more red lines."""
    shutil.copytree(os.path.join(TOP, "agreements", "enclave"), folder)
    choose = random.Random(SEED)
    left, number = policies - count(folder), 12
    while left > 0:
        body = "".join(policy(choose, "%d.%d" % (number, i + 1)) + "\n" for i in range(min(10, left)))
        words = "\n\n".join("%d.%d A generated rule." % (number, i + 1) for i in range(min(10, left)))
        with open("%s/clauses/%d-generated.md" % (folder, number), "w", encoding="utf-8") as file:
            file.write("# %d Generated\n\n%s\n\n```cedar\n%s```\n" % (number, words, body))
        left, number = left - 10, number + 1
    edit(folder + "/redlines.md", "\n\n```redlines\n", "".join("\n| %s | %s | %s | %s |" % one[:4] for one in MORE_LINES)
         + "\n\n```redlines\n" + "".join("%s: %s => %s\n" % (one[0], one[2], one[4]) for one in MORE_LINES))
    assert count(folder) == policies, count(folder)


def edit(path, old, new):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert old in text, old
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new, 1))


def change_one_clause(folder):
    """The first generated rule gets one condition more."""
    path = folder + "/clauses/12-generated.md"
    with open(path, encoding="utf-8") as file:
        text = file.read()
    edit(path, text[text.index("when {"):][:6], "when { context.content.bytes > 64 &&")


def change_a_ground(folder):
    """What R6 rests on forbids more than before: the line still holds, but no record speaks of these rules."""
    edit(folder + "/clauses/6-secrets.md", SECRETS, SECRETS.replace(" }", " || context.content.marking > 3 }"))


def prove(binary, folder, records, threads, wanted=True):
    start, used = time.monotonic(), cpu()
    done = subprocess.run([binary + "/proviso", "agreement", "prove", folder, "--records", records, "--threads", str(threads),
                           "--json"], capture_output=True, text=True)
    took = (time.monotonic() - start, cpu() - used)
    assert done.stdout, done.stderr
    proof = json.loads(done.stdout)
    bad = ["%s %s: %s" % (one["line"], one["environment"], one["why"]) for one in proof["obligations"] if one["verdict"] != "holds"]
    assert proof["proven"] == wanted, bad
    return took, proof


def cpu():
    """Of all processes that were waited for, solvers included: what a busy machine does not blur."""
    times = os.times()
    return times.children_user + times.children_system


def row(name, policies, lines, proof, took, first=None):
    recorded = sum(one["recorded"] for one in proof["obligations"])
    shares = ("%.0f %%" % (100 * took[0] / first[0]), "%.0f %%" % (100 * took[1] / first[1])) if first else ("", "")
    print("| %s | %s | %s | %d | %d | %d | %.1f | %s | %.1f | %s |" % (
        name, policies, lines, proof["environments"], len(proof["obligations"]), recorded, took[0], shares[0], took[1], shares[1]),
        flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", default=os.path.join(TOP, "build", "release", "bin"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--policies", type=int, nargs="*", default=[100, 200])
    args = parser.parse_args()
    print("| agreement | policies | red lines | environments | questions | from records | seconds | share | cpu | share |\n"
          "|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o711)
        for name in ("enclave", "hospital"):
            folder = os.path.join(TOP, "agreements", name)
            took, proof = prove(args.bin, folder, top + "/records-" + name, args.threads)
            row(name, count(folder), len({one["line"] for one in proof["obligations"]}) - 1, proof, took)
        for policies in args.policies:
            folder, records = "%s/generated-%d" % (top, policies), "%s/records-%d" % (top, policies)
            generate(folder, policies)
            first, proof = prove(args.bin, folder, records, args.threads)
            row("generated", policies, 10, proof, first)
            change_one_clause(folder)
            again, proof = prove(args.bin, folder, records, args.threads)
            row("one clause changed", policies, 10, proof, again, first)
            change_a_ground(folder)
            again, proof = prove(args.bin, folder, records, args.threads)
            asked = {one["line"] for one in proof["obligations"] if not one["recorded"]}
            assert "R6" in asked, "records answered what they cannot know"
            row("a ground of %s changed" % ", ".join(sorted(asked)), policies, 10, proof, again, first)
            edit(folder + "/clauses/6-secrets.md", 'labels.contains("secret") ||',
                 'labels.contains("secret") && !context.moment.break_glass ||')
            took, proof = prove(args.bin, folder, records, args.threads, wanted=False)
            row("a protection struck: refused", policies, 10, proof, took)


if __name__ == "__main__":
    main()
