#!/usr/bin/env python3
"""Seeded mutants of the sample agreements, labelled by somebody else: the Rust crate cedar-policy judges every policy
over a closed world of requests (bench/cedar_peer, `mutants`) and so says which mutants break which red line and which
can err, any error read as a deny. `proviso agreement prove` must refuse each of those, in that very environment,
with a request that the crate as well allows while the line is false of it, or at which the crate as well errs.

  tests/prove/mutants.py [COUNT [SEED]]     200 mutants, half of each sample, in some minutes

Exits 1 if a verdict is wrong or missing. The world is derived from the agreements, their red lines and the mutants:
every role alone, in pairs and all together; tool classes and vendors alone and in pairs; labels alone, in
pairs and all; every purpose and one more; around each constant that something is compared with, its neighbours;
both ends of what is calculated with; every truth value; optional attributes absent too.
"""
import argparse
import collections
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import tomllib

from cedar_text import to_json
from mutate import Draft, mutate

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.join(os.environ.get("PROVISO_BIN", os.path.join(TOP, "build", "release", "bin")), "proviso")
PEER = os.path.join(TOP, "bench", "cedar_peer")
SEED = 20261126
MOST = 9223372036854775807
ABSENT = {"absent": True}


def uid(kind, name):
    return {"__entity": {"type": kind, "id": name}}


def extension(function, *args):
    return {"__extn": {"fn": function, "arg": args[0]} if len(args) == 1 else {"fn": function, "args": list(args)}}


def at_ms(ms):
    return extension("offset", extension("datetime", "1970-01-01"), extension("duration", "%dms" % ms))


class World:
    """What requests are tried, from all texts that are judged."""

    def __init__(self, folder, texts):
        with open(folder + "/agreement.toml", "rb") as file:
            self.terms = tomllib.load(file)
        self.text = "\n".join(texts)
        dates = sorted(set(re.findall(r'datetime\("([^"]*)"\)', self.text)))
        self.instants = [extension("datetime", day) for day in ("2026-06-15", "2026-06-16")]
        for date in dates:
            self.instants += [extension("offset", extension("datetime", date), extension("duration", "-1ms")),
                              extension("datetime", date)]
        ends = [at_ms(-MOST), at_ms(MOST)] if re.search(r"offset|durationSince", self.text) else []
        self.few_instants = self.instants[:2] + self.instants[-1:] + ends  # of a person's training
        self.instants += ends

    def names(self, kind, known=()):
        return sorted(set(re.findall(kind + r'::"([^"]*)"', self.text)) | set(known)) + ["elsewhere"]

    def parents(self, kind, whole=False):
        names = self.names(kind)
        chosen = [()] + [(n,) for n in names] + list(itertools.combinations(names, 2)) + ([tuple(names)] if whole else [])
        return [[uid(kind, n) for n in names] for names in chosen]

    def labels(self):
        names = sorted(set(re.findall(r'"(\w+)"', "".join(re.findall(r"labels\.\w+\(([^)]*)\)", self.text)))))
        chosen = [()] + [(n,) for n in names] + list(itertools.combinations(names, 2)) + [tuple(names)]
        return [list(one) for one in dict.fromkeys(chosen)]

    def integers(self, path):
        found = {0, 1, 2}
        for number in re.findall(re.escape(path) + r" [<>=!]+ (\d+)", self.text):
            found |= {int(number) - 1, int(number), int(number) + 1}
        if re.search(r"%s [-+*] |-%s\b" % (re.escape(path), re.escape(path)), self.text):
            found |= {-MOST - 1, MOST}
        return sorted(found)

    def strings(self, path):
        patterns = re.findall(re.escape(path) + r' (?:like|==|!=) "([^"]*)"', self.text)
        return sorted({"", "x"} | {p.replace("*", fill) for p in patterns for fill in ("", "x")})


BOOLEANS = [False, True]
PERSON = [("clearance", "integers"), ("nationality", "strings"), ("training_until", "some instants")]
RESOURCE = {"Model": [("digest", "strings"), ("local", "booleans"), ("max_marking", "integers"), ("retires", "absent or instants")],
            "Tool": [("server", "strings"), ("definition", "strings")],
            "Dataset": [("contains_persons", "booleans"), ("governed", "booleans"), ("marking", "integers")]}
CONTENT = [("labels", "labels"), ("top_score", "integers"), ("marking", "integers"), ("unreadable_parts", "integers"), ("bytes", "integers")]
KINDS_OF = {"context.model.local": ["Dataset"]}  # what reads that path
for _kind, _attrs in RESOURCE.items():
    for _name, _ in _attrs:
        KINDS_OF.setdefault("resource." + _name, []).append(_kind)
PARENTS = {"Model": "Vendor", "Tool": "ToolClass"}


def values(world, kind, path):
    return {"booleans": lambda: BOOLEANS, "integers": lambda: world.integers(path), "strings": lambda: world.strings(path),
            "instants": lambda: world.instants, "some instants": lambda: world.few_instants, "labels": world.labels, "absent or instants": lambda: [ABSENT] + world.instants}[kind]()


def dims_of(world, action, resource):
    """(what a policy writes that reads it, JSON pointer, values) of each thing that can differ."""
    out = [(r"principal (in|is|==)", "/entities/principal/parents", world.parents("Role", whole=True))]
    out += [(r"principal\.%s\b" % name, "/entities/principal/attrs/" + name, values(world, kind, "principal." + name)) for name, kind in PERSON]
    if resource in PARENTS:
        out.append((r"resource in", "/entities/resource/parents", world.parents(PARENTS[resource])))
    out += [(r"resource(\.| has )%s\b" % name, "/entities/resource/attrs/" + name, values(world, kind, "resource." + name))
            for name, kind in RESOURCE[resource]]
    moment = "/context/moment/"
    out.append((r"context\.moment\.purpose\b", moment + "purpose", [uid("Purpose", n) for n in world.names("Purpose", world.terms["purposes"])]))
    out.append((r"context\.moment\.now\b", moment + "now", world.instants))
    out.append((r"context\.moment\.break_glass\b", moment + "break_glass", BOOLEANS))
    out += [(r"context\.moment\.approvals\.%s\b" % role, moment + "approvals/" + role, world.integers("context.moment.approvals." + role))
            for role in world.terms["roles"]]
    if "particulars" in world.text:  # the hospital's own
        out.append((r"particulars( has |\.)ward\b", moment + "particulars/ward", [ABSENT] + [uid("Ward", n) for n in world.names("Ward")]))
        out.append((r"particulars( has |\.)consent\b", moment + "particulars/consent", [ABSENT] + BOOLEANS))
    if action != "train":
        out += [(r"context\.content\.%s\b" % name, "/context/content/" + name, values(world, kind, "context.content." + name))
                for name, kind in CONTENT]
    else:
        out.append((r"context\.model in", "/entities/model/parents", world.parents("Vendor")))
        out.append((r"context\.model\.local\b", "/entities/model/attrs/local", BOOLEANS))
    if action == "ask":
        out.append((r"context\.tools_offered\b", "/context/tools_offered", world.integers("context.tools_offered")))
    return [one for one in out if re.search(one[0], world.text)]


def entity(kind, name, attrs):
    return {"uid": {"type": kind, "id": name}, "attrs": attrs, "parents": []}


def base_of(world, action, resource):
    model = {"digest": "", "local": True, "max_marking": 0}
    attrs = {"Model": model, "Tool": {"server": "", "definition": ""},
             "Dataset": {"contains_persons": False, "governed": True, "marking": 0}}[resource]
    entities = {"principal": entity("Person", "p", {"clearance": 0, "nationality": "", "training_until": world.instants[0]}),
                "resource": entity(resource, "r", attrs)}
    context = {"moment": {"purpose": uid("Purpose", "elsewhere"), "now": world.instants[0], "break_glass": False, "particulars": {},
                          "approvals": {role: 0 for role in world.terms["roles"]}}}
    if action == "train":
        context["model"] = uid("Model", "m")
        entities["model"] = entity("Model", "m", dict(model))
    else:
        context["content"] = {"labels": [], "top_score": 0, "marking": 0, "unreadable_parts": 0, "bytes": 0}
    if action == "ask":
        context["tools_offered"] = 0
    return {"entities": entities, "context": context}


def environments(world, lines):
    """The request environments that a red line speaks of."""
    out = []
    for action, resources in [("ask", ["Model"]), ("release", ["Model", "Tool"]), ("act", ["Tool"]), ("train", ["Dataset"])]:
        for resource in resources if any(action in line["actions"] for line in lines) else []:
            dims = dims_of(world, action, resource)
            out.append({"name": 'Person, Action::"%s", %s' % (action, resource), "action": {"type": "Action", "id": action},
                        "principal": {"type": "Person", "id": "p"}, "resource": {"type": resource, "id": "r"},
                        "base": base_of(world, action, resource), "patterns": [d[0] for d in dims],
                        "dims": [{"path": d[1], "values": d[2]} for d in dims]})
    return out


def red_lines(folder):
    with open(folder + "/redlines.md", encoding="utf-8") as file:
        fence = re.search(r"```redlines\n(.*?)```", file.read(), re.S).group(1)
    out = []
    for one in re.split(r"\n(?=\w+:)", fence.strip()):
        name, actions, condition = re.match(r"(\w+): (.*?) => (.*)", one, re.S).groups()
        if condition.startswith("no "):  # about what a call carries, of which no mutation here changes anything
            continue
        actions = actions.split(", ")
        text = "permit (principal, action in [%s], resource) when { %s };" % (", ".join('Action::"%s"' % a for a in actions), condition)
        out.append({"id": name, "actions": actions, "text": text})
    return out


READ = re.compile(r"(?:principal|resource)\.\w+|context\.moment\.approvals\.\w+|context\.moment\.particulars(?: has |\.)\w+"
                  r"|context\.(?:moment|content)\.(?!approvals|particulars)\w+|context\.model\.\w+|context\.tools_offered")


def reads(envs, text):
    """Per environment, the dims that a policy reads. What is read and is no dim anywhere is a fault of this file."""
    nowhere = {"resource." + name for kind in RESOURCE for name, _ in RESOURCE[kind]} | {"context.model.local"}
    nowhere -= {path for path in nowhere if any(env["resource"]["type"] in KINDS_OF[path] for env in envs)}
    for path in READ.findall(text):
        assert path in nowhere or any(re.search(p, path) for env in envs for p in env["patterns"]), "the world does not vary " + path
    return [[i for i, p in enumerate(env["patterns"]) if re.search(p, text)] for env in envs]


def prove(folder, records):
    done = subprocess.run([BIN, "agreement", "prove", folder, "--records", records, "--threads", "2", "--json"],
                          capture_output=True, text=True)
    return json.loads(done.stdout) if done.stdout else None


def valid(folder):
    done = subprocess.run([BIN, "agreement", "check", folder, "--json"], capture_output=True, text=True)
    return bool(done.stdout)


def generate(name, count, seed, top):
    """Mutants that load, each (what was done, folder, policies)."""
    choose, draft, out, refused, seen = random.Random("%s %s" % (seed, name)), Draft(os.path.join(TOP, "agreements", name)), [], 0, set()
    seen.add(tuple(draft.texts()))
    while len(out) < count:
        mutant, done = mutate(choose, draft)
        if tuple(mutant.texts()) in seen:
            continue
        seen.add(tuple(mutant.texts()))
        folder = "%s/%s-%d" % (top, name, len(out))
        mutant.write(folder)
        if valid(folder):
            out.append((done, folder, mutant.texts()))
        else:
            refused += 1
    return out, refused


def requests_of(proof):
    """The prover's counterexamples as JSON that the crate reads."""
    out = []
    for one in proof["obligations"]:
        if "request" in one:
            r = one["request"]
            entities = {str(i): {"uid": to_json(e["uid"])["__entity"], "attrs": to_json(e["attrs"]),
                                 "parents": [to_json(p)["__entity"] for p in e["parents"]]} for i, e in enumerate(r["entities"])}
            out.append({"line": one["line"], "request": {"principal": to_json(r["principal"])["__entity"],
                                                         "action": to_json(r["action"])["__entity"],
                                                         "resource": to_json(r["resource"])["__entity"],
                                                         "context": to_json(r["context"]), "entities": entities}})
    return out


def labels(peer, name, mutants, proofs, seed):
    folder = os.path.join(TOP, "agreements", name)
    lines = red_lines(folder)
    world = World(folder, [text for _, _, texts in mutants for text in texts] + [line["text"] for line in lines])
    envs = environments(world, lines)
    questions = [json.dumps({"environments": envs})]
    for i, (_, _, texts) in enumerate(mutants):
        policies = [{"text": t, "permit": bool(re.search(r"^permit \(", t, re.M)), "reads": reads(envs, t)} for t in texts]
        questions.append(json.dumps({"policies": policies, "lines": [dict(one, reads=reads(envs, one["text"])) for one in lines],
                                     "examples": requests_of(proofs[i]), "seed": seed + i}))
    points = 0
    for env in envs:
        size = 1
        for dim in env["dims"]:
            size *= len(dim["values"])
        points += size
    print("%s: %d environments, %.3g requests in their worlds" % (name, len(envs), points))
    start = time.monotonic()
    done = subprocess.run([peer, "mutants"], input="\n".join(questions), stdout=subprocess.PIPE, text=True, check=True)
    print("labelled in %.0f s" % (time.monotonic() - start))
    return [json.loads(line) for line in done.stdout.splitlines()]


def judge(done, proof, label, count, wrong):
    """One mutant: every verdict against its label, every counterexample against the crate's replay."""
    def fault(one, why):
        wrong.append("%s: %s for %s: %s" % (done, one["line"], one["environment"], why))
    replays, refuted, errs_shown = iter(label["replays"]), 0, 0
    for one in proof["obligations"]:
        of_errors = one["line"] == "no rule errs"
        seen = one["environment"] in label["errs"] if of_errors else "%s %s" % (one["line"], one["environment"]) in label["broken"]
        count["verdicts"] += 1
        if one["verdict"] not in ("holds", "broken"):
            fault(one, "no verdict: " + one["why"])
        if one["verdict"] == "holds" and seen:
            fault(one, "accepted, and the crate finds a request against it")
        if one["verdict"] == "broken":
            said = next(replays)
            if said != ("errs" if of_errors else "allowed and broken"):
                fault(one, "the crate says of its counterexample: " + said)
            refuted, errs_shown = refuted + (not of_errors), errs_shown + of_errors
            count["counterexamples"] += 1
            count["beyond"] += not seen
    kind = "can err" if label["errs"] else "break a line" if label["broken"] else "harmless"
    count[kind] += 1
    count["can err and break a line"] += bool(label["errs"] and label["broken"])
    shown = errs_shown if label["errs"] else refuted
    count[kind + ", refused with a replayed request"] += bool(not proof["proven"] and shown)
    count[kind + ", accepted"] += proof["proven"]


def control(proof, label):
    """A prover that accepts everything must be caught by the same labels."""
    blind = dict(proof, proven=True, obligations=[dict(one, verdict="holds") for one in proof["obligations"]])
    caught = []
    judge("control", blind, label, collections.Counter(), caught)
    assert bool(caught) == bool(label["broken"] or label["errs"]), "the labels do not catch a blind prover"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=200)
    parser.add_argument("seed", type=int, nargs="?", default=SEED)
    args = parser.parse_args()
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet"], cwd=PEER, check=True)
    peer = os.path.join(os.environ.get("CARGO_TARGET_DIR", PEER + "/target"), "release", "cedar_peer")
    start, count, wrong, refused = time.monotonic(), collections.Counter(), [], 0
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o711)
        for name, share in (("enclave", args.count - args.count // 2), ("hospital", args.count // 2)):
            mutants, invalid = generate(name, share, args.seed, top)
            refused += invalid
            proofs = [prove(folder, top + "/records") for _, folder, _ in mutants]
            for (done, _, _), proof, label in zip(mutants, proofs, labels(peer, name, mutants, proofs, args.seed), strict=True):
                judge("%s: %s" % (name, done), proof, label, count, wrong)
                control(proof, label)
    print("%d mutants (seed %d) in %.0f s; %d more did not load" % (args.count, args.seed, time.monotonic() - start, refused))
    for kind in ("break a line", "can err", "harmless"):
        print("%5d %s: %d refused with a request that the crate replays, %d accepted" % (
            count[kind], kind, count[kind + ", refused with a replayed request"], count[kind + ", accepted"]))
    print("%5d of those that can err break a line as well" % count["can err and break a line"])
    print("%5d verdicts, %d of them with a counterexample, %d of those outside the enumerated world; %d wrong" % (
        count["verdicts"], count["counterexamples"], count["beyond"], len(wrong)))
    for one in wrong[:20]:
        print("wrong: " + one)
    sys.exit(1 if wrong or not count["break a line"] or not count["can err"] or not count["harmless, accepted"] else 0)


if __name__ == "__main__":
    main()
