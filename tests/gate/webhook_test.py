#!/usr/bin/env python3
"""Approvers are told of a hold: signed, without content, again where it did not arrive."""
import hashlib
import hmac
import http.server
import json
import os
import pwd
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate import Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("gate.webhook")
check = checks.check
SECRET = b"a secret of the approvers' own"
told = []


class Bell(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told.append((self.headers.get("Proviso-Signature", ""), body))
        self.send_response(500 if len(told) == 1 else 204)  # the first is told in vain
        self.end_headers()

    def log_message(self, *unused):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Bell)
threading.Thread(target=server.serve_forever, daemon=True).start()
secret = tempfile.NamedTemporaryFile()
secret.write(SECRET + b"\n")
secret.flush()
if os.getuid() == 0:
    os.chown(secret.name, pwd.getpwnam("nobody").pw_uid, -1)  # whom the gate becomes
config = '[gate]\nuser = "nobody"\n[oversight]\nwait_seconds = 0\nwebhook = "http://127.0.0.1:%d/bell"\nwebhook_secret_file = "%s"\n' % (
    server.server_address[1], secret.name)
with Upstream() as upstream, Gate(upstream=upstream, config=config) as gate:
    _, headers, _ = gate.chat('script: tool order_parts {"part":"axle"}', headers={"Proviso-Purpose": "logistics"},
                              role="planner")
    held = headers.get("proviso-hold")
    deadline = time.monotonic() + 20
    while len(told) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    check("told again after a failure, and no more", len(told) == 2, len(told))
    for signature, body in told:
        fields = dict(part.split("=", 1) for part in signature.split(","))
        right = hmac.new(SECRET, fields["t"].encode() + b"." + body, hashlib.sha256).hexdigest()
        check("signed", hmac.compare_digest(fields["v1"], right), signature)
        check("fresh", abs(int(fields["t"]) - time.time()) < 30)
        value = json.loads(body)
        check("it names the hold and the offices", value["hold"] == held and value["awaits"] == ["commander", "legal"], value)
        check("and nothing of the action", b"axle" not in body and b"order_parts" not in body and b"planner" not in body)
    gate.chat('script: tool order_parts {"part":"axle"}', headers={"Proviso-Purpose": "logistics"}, role="planner")
    time.sleep(1)
    check("coming back to it tells nobody again", len(told) == 2, len(told))
checks.exit()
