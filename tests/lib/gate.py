"""Starts the real gate for a test: a state folder of its own, a free port, the sample agreement.

    with Gate() as gate:                   # local model
    with Gate(upstream=upstream) as gate:  # the model `local` is the scriptable upstream
        gate.base, gate.keys["analyst"]
"""
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("PROVISO_BIN", os.path.join(TOP, "build", "release", "bin"))
START_SECONDS_MAX = 60


class Gate:
    def __init__(self, upstream=None, agreement="agreements/enclave", config="", state=None, wrap=(), args=()):
        self.own_state = state is None
        self.state = state or tempfile.mkdtemp(prefix="proviso-test-")
        self.upstream = upstream
        self.agreement = os.path.join(TOP, agreement)
        self.config = config
        self.wrap = list(wrap)
        self.args = list(args)
        self.process = None

    def start(self):
        config = self.config
        if self.upstream is not None:
            config += '\n[[model]]\nid = "local"\nendpoint = "http://127.0.0.1:%d"\n' % self.upstream.port
        path = os.path.join(self.state, "test.toml")
        os.makedirs(self.state, exist_ok=True)
        with open(path, "w") as out:
            out.write(config)
        command = self.wrap + [os.path.join(BIN, "proviso"), "serve", "--state", self.state, "--config", path,
                               "--sample", self.agreement, "--listen", "127.0.0.1:0", "--json"] + self.args
        if self.upstream is not None:
            command.append("--no-worker")
        self.log = open(os.path.join(self.state, "stderr.txt"), "ab")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            line = self.process.stdout.readline()
            if not line or time.monotonic() > deadline:
                self.process.wait(5)
                raise RuntimeError("the gate did not start:\n" + self.stderr())
            value = json.loads(line)
            if value.get("event") == "ready":
                break
        self.port = value["port"]
        self.base = "http://127.0.0.1:%d" % self.port
        self.keys = {entry["role"]: entry["key"] for entry in value["keys"]}
        self.ready = value
        return self

    def stderr(self):
        with open(os.path.join(self.state, "stderr.txt"), errors="replace") as text:
            return text.read()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.end_wrapped()
        return self.process.returncode if self.process else None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.end_wrapped()

    def end_wrapped(self):
        """A tracer that ends lets its gate go on: nothing that a test started outlives it."""
        if self.wrap and self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *unused):
        self.stop()
        if self.own_state and not os.environ.get("PROVISO_KEEP"):
            shutil.rmtree(self.state, ignore_errors=True)

    def request(self, method, path, body=None, headers=None, role="analyst", timeout=120):
        """(status, headers, bytes). Sends the role's key unless headers carry one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        send = {"Content-Type": "application/json"}
        if role:
            send["Authorization"] = "Bearer " + self.keys[role]
        send.update(headers or {})
        data = json.dumps(body) if isinstance(body, (dict, list)) else body
        connection.request(method, path, data, send)
        answer = connection.getresponse()
        payload = answer.read()
        connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, payload

    def chat(self, text, **more):
        headers = more.pop("headers", None)
        role = more.pop("role", "analyst")
        body = dict({"model": "local", "messages": [{"role": "user", "content": text}]}, **more)
        return self.request("POST", "/v1/chat/completions", body, headers, role)

    def verify(self, *args):
        """Runs proviso-verify over the state: (exit status, output)."""
        done = subprocess.run([os.path.join(BIN, "proviso-verify"), *args, self.state],
                              capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class Checks:
    """Counts checks by name; exit status for a script."""

    def __init__(self, family):
        self.family, self.passed, self.total = family, 0, 0

    def check(self, name, condition, detail=""):
        self.total += 1
        if condition:
            self.passed += 1
        else:
            print("FAILED %s: %s %s" % (self.family, name, detail), flush=True)

    def exit(self):
        print("family %s: %d/%d passed/total" % (self.family, self.passed, self.total), flush=True)
        sys.exit(0 if self.passed == self.total and self.total > 0 else 1)
