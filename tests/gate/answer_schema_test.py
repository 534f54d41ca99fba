#!/usr/bin/env python3
"""A tool call in a model's answer is held to the input schema that the registry pins for its name, whole and streamed;
refused, it is not decided, and nothing of it leaves."""
import hashlib
import json
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leaves  # noqa: E402
from gate import TOP, Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("gate.answer_schema")
check = checks.check
SERVER = {"id": "stock", "where": "https://stock.example/mcp"}
DEFINITION = {"description": "How many there are.", "inputSchema": {
    "additionalProperties": False, "properties": {"part": {"enum": ["axle", "bolt"]}}, "required": ["part"],
    "type": "object"}, "name": "stock_level"}


def text_of(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def agreement(folder, paper):
    """The enclave sample with `stock_level` pinned; its definition beside it, or nowhere."""
    shutil.copytree(os.path.join(TOP, "agreements", "enclave"), folder)
    pin = hashlib.sha256(("proviso-tool-v1\n%s\n%s" % (text_of(SERVER), text_of(DEFINITION))).encode()).hexdigest()
    path = os.path.join(folder, "agreement.toml")
    with open(path) as file:
        terms = file.read()
    pinned = terms.replace('id    = "stock_level"\n', 'id    = "stock_level"\nserver = "stock"\ndefinition = "%s"\n' % pin)
    assert pinned != terms
    with open(path, "w") as file:
        file.write(pinned)
    if paper:
        os.makedirs(os.path.join(folder, "tools"), exist_ok=True)
        with open(os.path.join(folder, "tools", "stock_level.json"), "w") as file:
            file.write(json.dumps({"server": SERVER, "definition": DEFINITION}))
    return folder


def call(gate, name, arguments, stream=False):
    return gate.chat("script: tool %s %s" % (name, arguments), stream=stream)


def acts(gate):
    return [facts.get("resource.id") for leaf, facts in leaves.read(gate.state) if json.loads(leaf)["verb"] == "act"]


def held(gate, stream):
    how = "streamed: " if stream else "whole: "
    status, _, body = call(gate, "stock_level", '{"part":"axle"}', stream)
    check(how + "what fits leaves", status == 200 and b"axle" in body and b"pinned" not in body, (status, body))
    before = len(acts(gate))
    for arguments, why in (('{"part":"person"}', b"/part is none of the values"), ('{"part":"axle","who":"Lovelace"}', b"does not name"),
                           ('{"part":"axle","part":"bolt"}', b"no JSON object"), ("[]", b"no object")):
        _, _, body = call(gate, "stock_level", arguments, stream)
        check(how + "refused: " + arguments, why in body and b"Lovelace" not in body and b'"person' not in body, body)
    check(how + "none of it was decided", len(acts(gate)) == before, acts(gate))
    releases = [facts.get("exchange.outcome") for leaf, facts in leaves.read(gate.state) if json.loads(leaf)["verb"] == "release"]
    check(how + "and each answer is recorded as refused", [r for r in releases if r != "open"][-4:] == ["refused"] * 4, releases)
    # The sample's own line R7: no call of this tool carries a person, nor a telephone number behind a point.
    order = '{"asset":"boiler","job":"inspect","quantity":%s}'
    status, _, body = call(gate, "work_order", order % "1.0", stream)
    check(how + "a work order leaves", status == 200 and b"boiler" in body, body)
    _, _, body = call(gate, "work_order", order % "1.00000000000000000000000000000000006503111234", stream)
    check(how + "digits that nobody reads do not", b"says more than it is read as" in body and b"6503111234" not in body, body)
    status, _, body = call(gate, "grep", '{"anything":"at all"}', stream)
    check(how + "a tool that nobody pinned is held to nothing", status == 200 and b"anything" in body, body)


def main():
    top = tempfile.mkdtemp(prefix="proviso-answers-")
    with Upstream() as upstream:
        with Gate(upstream=upstream, agreement=agreement(os.path.join(top, "a"), True)) as gate:
            for stream in (False, True):
                held(gate, stream)
            status, output = gate.verify()
            check("every decision re-derived", status == 0, output)
        with Gate(upstream=upstream, agreement=agreement(os.path.join(top, "b"), False)) as gate:
            _, _, body = call(gate, "stock_level", '{"part":"axle"}')
            check("pinned, and its definition nowhere: refused", b"is not known here" in body, body)
    shutil.rmtree(top)
    checks.exit()


main()
