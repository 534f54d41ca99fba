#!/usr/bin/env python3
"""Promise 8: the model takes no prompt without a receipt. A real gate with the real worker answers; then this
script plays a gate that skips the ledger, on the worker's own socket, with every paper that such a gate could
have: none, receipts of other leaves, and the genuine pass of an answer that was given, a second time."""
import base64
import json
import os
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leaves  # noqa: E402
from gate import BIN, TOP, Checks, Gate  # noqa: E402

checks = Checks("promises.receipt_check")
PATH = "/v1/chat/completions"


def built():
    done = subprocess.run(["bash", os.path.join(TOP, "tools", "build_worker.sh"), "--where"], capture_output=True,
                          text=True)
    cache = os.environ.get("PROVISO_CACHE", os.path.expanduser("~/.cache/proviso"))
    model = os.path.join(cache, "models", "SmolLM2-135M-Instruct.Q4_1.gguf")
    return (done.stdout.strip(), model) if done.returncode == 0 and os.path.exists(model) else (None, None)


def ask_model(gate, body, the_pass=None):
    """As a gate that goes around its own ledger: (status, everything that came)."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(os.path.join(gate.state, "worker", "worker", "worker.sock"))
    head = "POST %s HTTP/1.1\r\nHost: worker\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % (
        PATH, len(body))
    if the_pass is not None:
        head += "Proviso-Pass: %s\r\n" % json.dumps(the_pass, separators=(",", ":"), sort_keys=True)
    connection.sendall(head.encode() + b"\r\n" + body)
    answer = b""
    while True:
        got = connection.recv(65536)
        if not got:
            break
        answer += got
    return int(answer.split(b" ")[1]), answer


def receipts(gate, exchange):
    status, _, body = gate.request("GET", "/proviso/receipts/" + exchange)
    checks.check("receipts can be fetched", status == 200, body)
    return body.decode().splitlines()


def disclosed(gate, index, path):
    """Position, salt and proof of one fact, by the gate's own command."""
    out = os.path.join(gate.state, "disclosed-%d" % index)
    done = subprocess.run([os.path.join(BIN, "proviso"), "ledger", "disclose", "--state", gate.state, str(index),
                           "--fact", path, "--to", "test", "--out", out], capture_output=True, text=True)
    checks.check("the fact can be opened", done.returncode == 0, done.stderr)
    with open(out) as text:
        facts = [fact for fact in json.load(text)["facts"] if fact["path"] == path and "salt" in fact]
    return facts[0]


def pass_for(receipt, leaf, fact):
    salt = base64.b64encode(bytes.fromhex(fact["salt"])).decode()
    return {"leaf": leaf, "position": fact["position"], "proof": fact["proof"], "receipt": receipt, "salt": salt}


def refused(name, answer, why):
    status, text = answer
    checks.check("%s: refused" % name, status == 403, (status, text[:300]))
    checks.check("%s: says why" % name, why.encode() in text, text[-300:])
    checks.check("%s: nothing of the model" % name, b"choices" not in text)


def main():
    worker, model = built()
    if worker is None:
        print("skipped: the model's receipt check (no llama-server or no model in the cache)")
        checks.check("nothing to do", True)
        checks.exit()
    with Gate(args=["--worker", worker, "--model", model]) as gate:
        status, headers, body = gate.chat("Say hello.", max_tokens=8, headers={"Proviso-Purpose": "analysis"})
        checks.check("the gate itself gets answers", status == 200, (status, body[:300]))
        status, _, streamed = gate.chat("Count to three.", max_tokens=8, stream=True,
                                        headers={"Proviso-Purpose": "analysis"})
        checks.check("streams too", status == 200 and b"[DONE]" in streamed, streamed[-300:])
        status, _, body = gate.chat("Rank these targets.", headers={"Proviso-Purpose": "targeting"})
        checks.check("a denial stays one", status == 403, body)

        prompt = json.dumps({"model": "local", "max_tokens": 4,
                             "messages": [{"role": "user", "content": "Say hello."}]}).encode()
        refused("no receipt", ask_model(gate, prompt), "no prompt without a receipt")

        # An answer that was given, and all its papers.
        written = leaves.read(gate.state)
        exchange = headers["proviso-exchange"]
        ours = [(i, leaf, facts) for i, (leaf, facts) in enumerate(written)
                if facts.get("exchange.id") == exchange]
        asks = [entry for entry in ours if json.loads(entry[1])["verb"] == "ask"]
        releases = [entry for entry in ours if json.loads(entry[1])["verb"] == "release"]
        checks.check("its ask and its release are leaves", len(asks) == 1 and len(releases) == 1, ours)
        index, leaf, facts = asks[0]
        checks.check("the ask commits to the prompt", "exchange.prompt" in facts, facts)
        papers = {json.loads(line)["index"]: line for line in receipts(gate, exchange)}
        genuine = pass_for(papers[index], leaf, disclosed(gate, index, "exchange.prompt"))
        refused("its receipt for other bytes", ask_model(gate, prompt, genuine), "for another prompt")
        release_index, release_leaf, _ = releases[0]
        of_release = pass_for(papers[release_index], release_leaf,
                              disclosed(gate, release_index, "exchange.id"))
        refused("the receipt of the release", ask_model(gate, prompt, of_release), "not for an `ask`")

        # The very bytes that went to the model are not kept, but can be written again: the first prompt whose
        # digest the leaf names. Then everything is genuine, and still it opens only once.
        for candidate in upstream_bodies():
            status, text = ask_model(gate, candidate, genuine)
            if b"for another prompt" not in text:
                refused("everything genuine, a second time", (status, text), "used before")
                break
        else:
            checks.check("the bytes that went to the model were found", False)
        time.sleep(0)
        status, output = gate.verify()
        checks.check("the ledger verifies", status == 0, output[-1500:])
    checks.exit()


def upstream_bodies():
    """What the gate may have sent for the first chat, in its spelling."""
    base = '"messages":[{"role":"user","content":"Say hello."}]'
    for parts in (['"model":"local"', base, '"max_tokens":8'], ['"model":"local"', '"max_tokens":8', base],
                  ['"model":"local"', base, '"max_tokens":8', '"stream":false'],
                  ['"max_tokens":8', '"messages":' + base[11:], '"model":"local"']):
        yield ("{" + ",".join(parts) + "}").encode()


if __name__ == "__main__":
    main()
