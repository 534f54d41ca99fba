#!/usr/bin/env python3
"""A running gate as its operator meets it: hot swap, revocation, health, receipts, refusals, shutdown."""
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leaves  # noqa: E402
from amending import custodians_sign  # noqa: E402
from gate import BIN, Checks, Gate  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("gate.running")
check = checks.check
ANALYSIS = {"Proviso-Purpose": "analysis"}


def proviso(*args):
    done = subprocess.run([os.path.join(BIN, "proviso"), *args], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def until(condition, seconds=5.0):
    """Seconds until the condition held, or None."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if condition():
            return time.monotonic() - start
        time.sleep(0.02)
    return None


def pages(gate):
    check("healthz", gate.request("GET", "/healthz", role=None)[0] == 200)
    status, _, body = gate.request("GET", "/readyz", role=None)
    check("readyz is green", status == 200 and json.loads(body)["ready"], body)
    gate.chat("script: say words", headers=ANALYSIS)
    status, _, body = gate.request("GET", "/metrics", role=None)
    check("metrics count exchanges", b'proviso_exchanges_total{' in body and b'outcome="complete"' in body)
    check("metrics hold no content", b"words" not in body)
    check("unknown path is 404", gate.request("GET", "/nothing")[0] == 404)
    status, headers, _ = gate.request("GET", "/v1/chat/completions")
    check("wrong method is 405 with Allow", status == 405 and headers.get("allow") == "POST")
    status, _, body = gate.request("GET", "/v1/models/local")
    check("one model", status == 200 and json.loads(body)["id"] == "local")
    check("no such model", gate.request("GET", "/v1/models/nope")[0] == 404)
    status, _, body = gate.request("GET", "/proviso/agreement")
    check("agreement is shown", status == 200 and len(json.loads(body)["clauses"]) >= 8)
    check("agreement needs a key", gate.request("GET", "/proviso/agreement", role=None)[0] == 401)


def refusals(gate, upstream):
    status, headers, body = gate.chat("hi", headers={"Proviso-Purpose": "nonsense"})
    check("unknown purpose is 403 with a leaf", status == 403 and headers.get("proviso-receipt"), body)
    check("unknown purpose is named", b"nonsense" in body, body)
    check("x-should-retry false", headers.get("x-should-retry") == "false")
    check("both request ids", headers.get("x-request-id") == headers.get("request-id") != None)  # noqa: E711
    status, headers, body = gate.chat("hi", headers=ANALYSIS, surprise=1)
    check("unknown field is 400 and named", status == 400 and b"surprise" in body, body)
    check("malformed leaves no receipt", "proviso-receipt" not in headers)
    status, _, body = gate.request("POST", "/v1/chat/completions", b'{"model":"local","model":"x"}')
    check("duplicate key is 400", status == 400 and b"model" in body, body)
    status, _, body = gate.request("POST", "/v1/chat/completions", b"x" * (9 << 20))
    check("a body over the limit is 413", status == 413, status)
    status, _, body = gate.chat("hi", headers=ANALYSIS, model="nope")
    check("unknown model is refused", status in (403, 404), body)
    status, _, body = gate.chat("hi", headers=ANALYSIS, model="acme-large")
    check("banned vendor is 403", status == 403, body)
    status, _, body = gate.request("POST", "/v1/messages", {"model": "local", "max_tokens": 5, "messages": [
        {"role": "user", "content": "hi"}]}, {"anthropic-version": "1999-01-01"})
    check("unknown anthropic-version is 400", status == 400 and b"1999-01-01" in body, body)
    seen = upstream.seen
    gate.chat("AKIAIOSFODNN7QWERTYU", headers=ANALYSIS)
    check("a denied ask reaches no model", upstream.seen == seen)
    # A header that becomes a fact must be readable again: this one once made the ledger unverifiable.
    status, _, _ = gate.chat("hi", headers={"Proviso-Purpose": b"a\xff\xfe".decode("latin-1")})
    check("a purpose that is not plain text is 400", status == 400, status)
    for name, first, second in (("Proviso-Purpose", "analysis", "targeting"), ("X-Api-Key", gate.keys["analyst"], "x")):
        connection = socket.create_connection(("127.0.0.1", gate.port))
        connection.sendall(("POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Api-Key: %s\r\n%s: %s\r\n%s: %s\r\n"
                            "Content-Length: 2\r\n\r\n{}" % (gate.keys["analyst"], name, first, name, second)).encode())
        check("two headers %s are 400" % name, b" 400 " in connection.recv(4096).split(b"\r\n")[0])
        connection.close()
    anthropic_body = {"model": "local", "max_tokens": 5, "messages": [{"role": "user", "content": "script: say hi"}]}
    status, _, _ = gate.request("POST", "/v1/messages", anthropic_body, dict(ANALYSIS, **{
        "anthropic-beta": "my-key-AKIAIOSFODNN7QWERTYU"}))
    check("a secret in anthropic-beta is denied as one in the text", status == 403, status)
    status, _, _ = gate.request("POST", "/v1/messages", anthropic_body, dict(ANALYSIS, **{
        "anthropic-beta": "interleaved-thinking-2025-05-14"}))
    check("an ordinary anthropic-beta passes and is recorded", status == 200 and any(
        f.get("exchange.anthropic_beta") == "interleaved-thinking-2025-05-14" for _, f in leaves.read(gate.state)))
    for role in gate.keys:
        status, _, _ = gate.chat("script: say hi", headers=ANALYSIS, role=role)
        check("role %s gets a decision" % role, status in (200, 403), status)


def framing(gate):
    words = "one two three four five six seven eight nine ten. " * 20
    pieces = json.dumps({"channel": "content", "pieces": [words, words]})
    status, _, body = gate.chat("script: pieces " + pieces, headers=ANALYSIS, stream=True)
    deltas = [json.loads(line[6:])["choices"][0]["delta"].get("content") for line in body.decode().split("\n")
              if line.startswith("data: {")]
    said = [text for text in deltas if text]
    check("a long delta is not cut into its segments", status == 200 and "".join(said) == words * 2
          and len(said) <= 4, [len(text) for text in said])


def receipts(gate):
    status, headers, body = gate.chat("script: say one two", headers=ANALYSIS, stream=True)
    exchange = headers["proviso-exchange"]
    status, _, lines = gate.request("GET", "/proviso/receipts/" + exchange)
    receipt_lines = lines.decode().splitlines()
    check("a stream's receipts", status == 200 and len(receipt_lines) >= 3, lines)
    check("another person does not get them",
          gate.request("GET", "/proviso/receipts/" + exchange, role="commander")[0] == 404)
    path = os.path.join(gate.state, "receipt.json")
    with open(path, "w") as out:
        out.write(receipt_lines[-1] + "\n")
    done = subprocess.run([os.path.join(BIN, "proviso-verify"), "receipt", path, "--log", gate.state + "/log",
                           "--receipt-key", gate.state + "/keys/receipt.pub"], capture_output=True, text=True)
    check("the receipt verifies", done.returncode == 0, done.stdout + done.stderr)
    said = b"".join(json.loads(l[6:])["choices"][0]["delta"].get("content", "").encode()
                    for l in body.decode().splitlines()
                    if l.startswith("data: {") and json.loads(l[6:])["choices"])
    closing = [f for _, f in leaves.read(gate.state) if f.get("exchange.id") == exchange and
               f.get("exchange.outcome") == "complete"]
    check("the closing leaf has the digest of what left",
          closing and closing[-1]["exchange.released_digest"] == hashlib.sha256(said).hexdigest(), closing)


def open_stream(gate, key, words):
    """A stream of so many words, one each 20 ms, and what has come of it so far."""
    connection = socket.create_connection(("127.0.0.1", gate.port))
    body = json.dumps({"model": "local", "stream": True, "messages": [
        {"role": "user", "content": "script: slow " + "word " * words}]}).encode()
    connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: gate\r\nProviso-Purpose: analysis\r\n"
                       b"Authorization: Bearer " + key.encode() + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    return connection, connection.recv(65536)


def rest_of(connection):
    connection.settimeout(5)
    rest = b""
    try:
        while b"[DONE]" not in rest and b"error" not in rest:
            more = connection.recv(65536)
            if not more:
                break
            rest += more
    except OSError:
        pass
    return rest


def revocation(gate):
    status, out, err = proviso("key", "new", "--state", gate.state, "--person", "analyst", "--purpose", "analysis",
                               "--json")
    check("key new speaks to the running gate", status == 0, err)
    made = json.loads(out)
    header = {"Authorization": "Bearer " + made["key"]}
    check("the new key works", gate.chat("script: say hi", headers=header, role=None)[0] == 200)
    status, out, _ = proviso("key", "list", "--state", gate.state)
    check("key list shows it, not the key", made["id"] in out and made["key"] not in out)
    # A stream that is open when its key is revoked ends at the next segment.
    connection, got = open_stream(gate, made["key"], 400)
    start = time.monotonic()
    status, _, err = proviso("key", "revoke", "--state", gate.state, made["id"])
    check("key revoke", status == 0, err)
    revoked = until(lambda: gate.chat("script: say hi", headers=header, role=None)[0] == 401)
    check("revoked within a second", revoked is not None and time.monotonic() - start < 1.5, revoked)
    rest = rest_of(connection)
    check("an open stream of a revoked key ends early", (got + rest).count(b"word") < 390, (got + rest).count(b"word"))
    check("and says so", b"error" in rest, rest[-300:])
    connection.close()
    kinds = [f.get("change.kind") for _, f in leaves.read(gate.state)]
    check("issue and revocation are leaves", "key_issued" in kinds and "key_revoked" in kinds)


def swap(gate):
    folder = gate.state + "/agreement"
    toml = open(folder + "/agreement.toml").read()

    def status():
        _, out, _ = proviso("agreement", "status", "--state", gate.state, "--json")
        return json.loads(out)["agreement"]

    before = status()
    # An unsigned change takes no effect and says why.
    with open(folder + "/agreement.toml", "w") as out:
        out.write(toml.replace("revision    = 1", "revision    = 2"))
    check("an unsigned change is seen", until(lambda: status()["pending"] != "") is not None)
    check("and the signed revision stays", status()["digest"] == before["digest"])
    check("and requests go on", gate.chat("script: say hi", headers=ANALYSIS)[0] == 200)
    # Signed by every party, it is in force within a second.
    start, signed = time.monotonic(), []
    for name in os.listdir(gate.state + "/sample/parties"):
        party = re.search(r'name = "([^"]*)"', [p for p in toml.split("[[party]]")[1:] if
                          re.sub("[^a-z]+", "-", re.search(r'name = "([^"]*)"', p).group(1).lower()) == name[:-4]][0]).group(1)
        start = time.monotonic()
        code, _, err = proviso("agreement", "sign", folder, "--party", party, "--key",
                               gate.state + "/sample/parties/" + name)
        check("signed for " + party, code == 0, err)
        signed.append((party, gate.state + "/sample/parties/" + name))
    took = until(lambda: status()["revision"] == 2)
    check("in force within a second", took is not None and time.monotonic() - start < 1.5, took)
    check("requests go on under it", gate.chat("script: say hi", headers=ANALYSIS)[0] == 200)
    agreements = [json.loads(leaf)["agreement"] for leaf, _ in leaves.read(gate.state)
                  if json.loads(leaf)["verb"] == "agreement"]
    check("the swap is a leaf", len(set(agreements)) == 2, agreements)

    def sign_again():
        for party, key in signed:
            proviso("agreement", "sign", folder, "--party", party, "--key", key)
        wrong = custodians_sign(os.path.join(gate.state, "agreements", status()["digest"]), folder, signed)
        check("its custodians sign", not wrong, wrong)

    # What a running gate cannot follow, it does not claim: other weights wait for a restart.
    text = open(folder + "/agreement.toml").read()
    weights = re.search(r'weights_sha256 = "([0-9a-f]{64})"', text).group(1)
    with open(folder + "/agreement.toml", "w") as out:
        out.write(text.replace("revision    = 2", "revision    = 3").replace(weights, "0" * 64))
    sign_again()
    check("other weights do not swap in", until(lambda: "started again" in status()["pending"]) is not None, status())
    check("revision 2 stays", status()["revision"] == 2)
    # A stream that is open when the agreement learns another label was not inspected for it.
    connection, got = open_stream(gate, gate.keys["analyst"], 1500)
    with open(folder + "/agreement.toml", "w") as out:
        out.write(text.replace("revision    = 2", "revision    = 4").replace('"secret",', '"secret", "contact",'))
    sign_again()
    check("a revision with another label swaps in", until(lambda: status()["revision"] == 4, 25) is not None, status())
    rest = rest_of(connection)
    check("a stream that was inspected for others ends", b"agreement_changed" in rest and b"[DONE]" not in rest, rest[-300:])
    connection.close()
    outcomes = [f.get("exchange.outcome") for _, f in leaves.read(gate.state)]
    check("and its closing leaf says why", "failed:agreement_changed" in outcomes, outcomes[-6:])
    # Signed by every party, and still not proven: an exit for emergencies in the clause on secrets.
    kept = gate.state + "/kept"
    shutil.copytree(folder, kept)
    clause = folder + "/clauses/6-secrets.md"
    rules = open(clause).read()
    rule = 'context.content.labels.contains("secret")'
    row = next(line for line in rules.split("\n") if "labels=secret break_glass=true" in line)
    with open(clause, "w") as out:
        out.write(rules.replace(row + "\n", "").replace(rule, rule + " && !context.moment.break_glass", 1))
    with open(folder + "/agreement.toml", "w") as out:
        out.write(text.replace("revision    = 2", "revision    = 5").replace('"secret",', '"secret", "contact",'))
    sign_again()
    check("what is not proven does not swap in", until(lambda: "R6" in status()["pending"], 40) is not None, status())
    check("revision 4 stays", status()["revision"] == 4)
    shutil.copytree(kept, folder, dirs_exist_ok=True)


def client_gone(gate, upstream):
    for stream in (False, True):
        gone = upstream.gone
        connection = socket.create_connection(("127.0.0.1", gate.port))
        body = json.dumps({"model": "local", "stream": stream,
                           "messages": [{"role": "user", "content": "script: hang"}]}).encode()
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: gate\r\nProviso-Purpose: analysis\r\n"
                           b"X-Api-Key: " + gate.keys["analyst"].encode() +
                           b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        seen = upstream.seen
        until(lambda: upstream.seen > seen, 3)
        time.sleep(0.2)
        connection.close()
        took = until(lambda: upstream.gone > gone, 5)
        check("a client that goes away cancels upstream (stream %s)" % stream, took is not None, took)


def unauthorized(gate):
    for key in ("", "pv_wrong", gate.keys["analyst"][:-1]):
        status, headers, _ = gate.request("GET", "/v1/models", headers={"Authorization": "Bearer " + key}, role=None)
        check("no valid key is 401", status == 401 and "proviso-receipt" not in headers)


def markings(gate):
    status, _, body = gate.chat("SECRET//NOFORN\nscript: say hi", headers=ANALYSIS)
    check("a marking above the model's is denied by its clause", status == 403 and b"7.2" in body, (status, body))
    status, _, body = gate.chat("CONFIDENTIAL//NOFORN\nscript: say hi", headers=ANALYSIS)
    check("a marking within it passes", status == 200, (status, body))


def shutdown(gate, upstream):
    answer = {}

    def slow():
        answer["value"] = gate.chat("script: slow " + "word " * 40, headers=ANALYSIS, stream=True)

    thread = threading.Thread(target=slow)
    thread.start()
    time.sleep(0.3)
    code = gate.stop()
    thread.join(20)
    check("a graceful stop exits 0", code == 0, code)
    check("and finishes what was running", b"[DONE]" in answer.get("value", (0, 0, b""))[2])
    status, output = gate.verify()
    check("everything verifies", status == 0, output)
    mode = os.stat(gate.state + "/keys/log.key").st_mode
    os.chmod(gate.state + "/keys/log.key", 0o644)
    try:
        gate.start()
        check("a world-readable key is refused", False)
    except RuntimeError as error:
        check("a world-readable key is refused", "log.key" in str(error), error)
    os.chmod(gate.state + "/keys/log.key", mode)


upstream = Upstream()
with Gate(upstream=upstream) as gate:
    pages(gate)
    refusals(gate, upstream)
    framing(gate)
    receipts(gate)
    revocation(gate)
    swap(gate)
    client_gone(gate, upstream)
    unauthorized(gate)
    markings(gate)
    shutdown(gate, upstream)
upstream.close()
checks.exit()
