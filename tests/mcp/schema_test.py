#!/usr/bin/env python3
"""Calls are held to the input schema that the registry pins, before anything is decided; a line about what calls carry
is proven before the gate starts, and then they carry arguments and nothing beside them."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import governed  # noqa: E402
import leaves  # noqa: E402
from fixture import Fixture  # noqa: E402
from gate import BIN, Checks  # noqa: E402
from governed import LEGACY, MODERN, Client, Governed, identity, pin, registry, words  # noqa: E402

checks = Checks("mcp.schema")
check = checks.check
LINE = ('| A1 | operator | act | no order says who it is for |\n\n```redlines\n'
        'A1: act => no person in Tool::"restock"\n')
MISFITS = (({"part": "bolt", "count": 100}, "/count is too large"),
           ({"part": "screw"}, "/part is none of the values"),
           ({"count": 1}, "lacks a member"),
           ({"part": "bolt", "recipient": "Ada Lovelace"}, "a member that the schema does not name"),
           ({"part": {"name": "Ada Lovelace"}}, "/part is none of the values"),
           (["bolt"], "no object"))


def reached(fixture, since):
    return [c for c in fixture.state.calls[since:] if c[0] == "tools/call"]


def held_to_schema(gate, fixture, era):
    client = Client(gate.port, gate.keys["staff"], era).open()
    answer = client.call("restock", {"part": "bolt", "count": 99})
    check(era + " what fits is called", not answer["result"].get("isError") and "bolt" in words(answer), answer)
    before, leaf_count = len(fixture.state.calls), len(leaves.read(gate.state))
    for arguments, why in MISFITS:
        answer = client.call("restock", arguments)
        check("%s refused: %s" % (era, why), answer.get("result", {}).get("isError") and why in words(answer), answer)
        check(era + " its value is not said again", "Ada" not in json.dumps(answer) and "screw" not in json.dumps(answer), answer)
    check(era + " nothing of it reached the server", not reached(fixture, before), fixture.state.calls[before:])
    check(era + " and nothing of it was decided", len(leaves.read(gate.state)) == leaf_count)
    # A schema that is too open to tell is not looked at.
    answer = client.call("json_schema_2020_12_tool", {"whatever": 1})
    check(era + " what is too open is called", not answer["result"].get("isError"), answer)


def reported(gate):
    done = subprocess.run([os.path.join(BIN, "proviso"), "tools", "list", "--json", "--state", gate.state],
                          capture_output=True, text=True)
    folder = tempfile.mkdtemp(prefix="proviso-keep-")
    kept = subprocess.run([os.path.join(BIN, "proviso"), "tools", "pin", "restock", "--keep", folder, "--state", gate.state],
                          capture_output=True, text=True)
    with open(os.path.join(folder, "tools", "restock.json")) as file:
        parts = json.load(file)
    check("`tools pin --keep` writes the definition that was pinned", pin(
        parts["definition"], parts["server"]["id"], parts["server"]["where"]) in kept.stdout, kept.stdout + kept.stderr)
    shutil.rmtree(folder)
    rows = {row["id"]: row["arguments"] for row in json.loads(done.stdout)}
    check("`tools list` says which calls are held to a schema", rows["restock"] == "held to its schema", rows["restock"])
    check("and which schema is too open to tell", rows["json_schema_2020_12_tool"] ==
          "too open to tell: /$defs/address/$anchor is a keyword that is not looked at" or
          "too open to tell" in rows["json_schema_2020_12_tool"], rows["json_schema_2020_12_tool"])


def beside(gate, fixture, guarded):
    """What could travel beside the arguments, with the line and without it."""
    for era in (LEGACY, MODERN):
        client = Client(gate.port, gate.keys["staff"], era, capabilities={"elicitation": {}}).open()
        answer = client.call("restock", {"part": "bolt"}, meta={"example/who": "Ada Lovelace"})
        said = json.loads(words(answer))
        check("%s `_meta` %s" % (era, "stays here" if guarded else "travels"), ("example/who" in said["meta"]) != guarded, said)
        check("%s the server %s ask" % (era, "may not" if guarded else "may"), ("elicitation" in said["asks"]) != guarded, said)
    client = Client(gate.port, gate.keys["staff"], MODERN).open()
    before = len(fixture.state.calls)
    answer = client.request("tools/call", {"name": "restock", "arguments": {"part": "bolt"},
                                           "inputResponses": {"who": {"action": "accept", "content": {"name": "Ada Lovelace"}}}})
    refused = answer.get("result", {}).get("isError", False)
    check("answers to nothing %s" % ("are refused" if guarded else "travel"), refused == guarded, answer)
    check("and reach the server accordingly", bool(reached(fixture, before)) != guarded, answer)


def paper(fixture):
    one = next(t for t in fixture.state.tools() if t["name"] == "restock")
    return '{"server":%s,"definition":%s}\n' % (identity("fixture", fixture.url), json.dumps(one))


def refuses_to_start(servers, tools, what, why):
    try:
        with Governed(servers, tools):
            check("no start: " + what, False, "it started")
    except RuntimeError as error:
        check("no start: " + what, why in str(error), error)


def main():
    fixture = Fixture()
    servers = '[[tool_server]]\nid = "fixture"\nurl = "%s"\n' % fixture.url
    tools = registry("fixture", fixture.url, fixture.state.tools())
    with Governed(servers, tools) as gate:
        for era in (LEGACY, MODERN):
            held_to_schema(gate, fixture, era)
        reported(gate)
        beside(gate, fixture, guarded=False)
        status, output = gate.verify()
        check("every decision re-derived", status == 0, output)
    red_lines = governed.RED_LINES
    governed.RED_LINES = red_lines.replace("\n\n```redlines\n", "\n" + LINE, 1)
    refuses_to_start(servers, tools, "the definition is not there", "not in tools/")
    governed.PAPERS = {"restock.json": paper(fixture).replace('"maximum": 99', '"maximum": 98')}
    refuses_to_start(servers, tools, "another definition than the pinned one", "does not pin")
    governed.PAPERS = {"restock.json": paper(fixture)}
    with Governed(servers, tools) as gate:
        beside(gate, fixture, guarded=True)
        done = subprocess.run([os.path.join(BIN, "proviso-verify"), "--prove", gate.state], capture_output=True, text=True)
        check("proven anew", done.returncode == 0 and "1 of them by a schema alone" in done.stdout, done.stdout + done.stderr)
    governed.RED_LINES = governed.RED_LINES.replace("no person in Tool::\"restock\"", "no part in Tool::\"restock\"")
    refuses_to_start(servers, tools + '\n[[kind]]\nid = "part"\nwords = ["part"]\nexample = "bolt"\n',
                     "an allowed call can carry it", 'with {"part":"bolt"}; somebody')
    governed.RED_LINES, governed.PAPERS = red_lines, {}
    fixture.close()
    checks.exit()


main()
