#!/usr/bin/env python3
"""@redact on a running gate: the model never gets what was taken out, the client sees that something was, streams and
whole answers are cut alike, the ledger keeps the original, and what cannot be taken out is denied."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leaves  # noqa: E402
from gate import BIN, TOP, Checks, Gate  # noqa: E402
from spelling import spelled  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("gate.redact")
check = checks.check
ANALYSIS = {"Proviso-Purpose": "analysis"}
KEY = "AKIA" + "IOSFODNN7QWERTYU"
MARK = "[redacted: secret]"


def agreement_that_redacts():
    """The enclave's agreement, whose clause on secrets redacts where text is asked or released."""
    folder = os.path.join(tempfile.mkdtemp(prefix="proviso-redact-"), "agreement")
    shutil.copytree(os.path.join(TOP, "agreements/enclave"), folder)
    path = os.path.join(folder, "clauses/6-secrets.md")
    text = open(path).read()
    rule = text.index("forbid (")
    before = text[:rule].rstrip()
    text = before + " @redact\n" + text[rule:]
    rows = [line.replace("| deny", "| redact") if "labels=secret" in line and " act " not in line else line
            for line in text.split("\n")]
    open(path, "w").write("\n".join(rows))
    path = os.path.join(folder, "clauses/9-tools.md")
    text = open(path).read()
    open(path, "w").write(text.replace("labels=secret        | deny", "labels=secret        | redact"))
    return folder


def exchange_of(gate, headers):
    """[(decision, verb, facts)] of an answer's exchange."""
    found = []
    for leaf, facts in leaves.read(gate.state):
        if facts.get("exchange.id") == headers.get("proviso-exchange"):
            value = json.loads(leaf)
            found.append((value["verb"], value["decision"], facts))
    return found


def asks(gate, upstream):
    status, headers, body = gate.chat("script: say the key was %s, they said" % KEY, headers=ANALYSIS)
    check("an ask with a secret passes without it", status == 200, (status, body))
    check("the model got a mark in its place", MARK in json.dumps(upstream.bodies[-1]) and
          KEY not in json.dumps(upstream.bodies[-1]), upstream.bodies[-1])
    check("the client is told", headers.get("proviso-redacted") == "request:secret", headers)
    found = exchange_of(gate, headers)
    check("two decisions, each a leaf", [f[:2] for f in found] == [("ask", "redact"), ("ask", "allow"), ("release", "allow")],
          [f[:2] for f in found])
    check("each on its own facts", found[0][2]["context.content.labels"] == ["secret"] and
          found[1][2]["context.content.labels"] == [] and found[1][2]["exchange.redacted"] == ["secret"], found)
    history = [{"role": "system", "content": "key " + KEY},
               {"role": "user", "content": [{"type": "text", "text": "first"}, {"type": "text", "text": KEY}]},
               {"role": "assistant", "content": None, "tool_calls": [
                   {"id": "c1", "type": "function", "function": {"name": "grep", "arguments": json.dumps({"text": KEY})}}]},
               {"role": "tool", "tool_call_id": "c1", "content": "found " + KEY},
               {"role": "user", "content": "script: say done"}]
    status, headers, body = gate.request("POST", "/v1/chat/completions", {"model": "local", "messages": history}, ANALYSIS)
    sent = json.dumps(upstream.bodies[-1])
    check("every channel of a request", status == 200 and KEY not in sent and sent.count(MARK) == 4, (status, sent))
    arguments = upstream.bodies[-1]["messages"][2]["tool_calls"][0]["function"]["arguments"]
    check("arguments stay JSON", json.loads(arguments) == {"text": MARK}, arguments)
    status, headers, body = gate.request("POST", "/v1/messages", {
        "model": "local", "max_tokens": 50, "system": KEY, "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "grep", "input": {"text": KEY}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "found " + KEY},
                                         {"type": "text", "text": "script: say done"}]}]}, ANALYSIS)
    sent = json.dumps(upstream.bodies[-1])
    check("and of the other protocol", status == 200 and KEY not in sent and sent.count(MARK) == 3, (status, sent))
    seen = upstream.seen
    status, headers, body = gate.chat("SECRET//NOFORN\n" + KEY, headers=ANALYSIS)
    check("a clause that denies stands beside it", status == 403 and b"7.2" in body, (status, body))
    status, headers, body = gate.request("POST", "/v1/messages", {
        "model": "local", "max_tokens": 5, "messages": [{"role": "user", "content": "script: say hi"}]},
        dict(ANALYSIS, **{"anthropic-beta": "my-key-" + KEY}))
    check("what stands in no text of the body cannot go, so it is denied", status == 403 and b"6.1" in body, (status, body))
    found = exchange_of(gate, headers)
    check("that refusal has both leaves", [f[:2] for f in found] == [("ask", "redact"), ("ask", "redact")], [f[:2] for f in found])
    check("and nothing of it reached the model", upstream.seen == seen)


def said_by(body):
    text = ""
    for line in body.decode().splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line[6:]).get("choices", []):
                text += (choice["delta"].get("content") or "") + (choice["delta"].get("reasoning_content") or "")
    return text


def answers(gate):
    words = "the key is %s and nothing else is known of it" % KEY
    script = "script: hex say " + spelled(words)
    status, headers, body = gate.chat(script, headers=ANALYSIS)
    whole = json.loads(body)["choices"][0]["message"]["content"]
    check("an answer leaves without its secret", status == 200 and whole == words.replace(KEY, MARK), whole)
    check("and says so", headers.get("proviso-redacted") == "answer:secret", headers)
    found = exchange_of(gate, headers)
    check("its release was decided twice", [f[:2] for f in found] == [
        ("ask", "allow"), ("release", "redact"), ("release", "allow")] and [f[2].get("exchange.outcome") for f in found[1:]] ==
        ["open", "complete"], [(f[0], f[1], f[2].get("exchange.outcome")) for f in found])
    pem = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n" * 20 + "-----END PRIVATE KEY-----\nand so on"
    long = "the pumps were looked at in spring, and all of them ran well. " * 45
    for name, text in (("a word", words), ("a key file", "here: " + pem), ("two", KEY + " or " + KEY[:-1] + "V"),
                       ("in long text", long + KEY + " " + long + KEY + " end")):
        digits = spelled(text)
        whole = json.loads(gate.chat("script: hex say " + digits, headers=ANALYSIS)[2])["choices"][0]["message"]["content"]
        status, headers, body = gate.chat("script: hex say " + digits, headers=ANALYSIS, stream=True)
        check("a stream says what the whole answer says: " + name, said_by(body) == whole and KEY not in whole and
              "MIIEv" not in whole and MARK in whole and b"[DONE]" in body, (said_by(body)[-200:], whole[-200:]))
        found = exchange_of(gate, headers)
        closing = found[-1][2]
        check("its closing leaf names what was redacted: " + name, closing.get("exchange.redacted") == ["secret"] and
              closing.get("exchange.outcome") == "complete", closing)
    for number in range(1, len(words)):
        pieces = json.dumps({"channel": "content" if number % 2 else "reasoning", "pieces": [words[:number], words[number:]]})
        status, _, body = gate.chat("script: hex pieces " + spelled(pieces), headers=ANALYSIS, stream=True)
        if said_by(body) != words.replace(KEY, MARK):
            check("a stream cut at %d" % number, False, said_by(body))
    check("every cut of a stream", True)
    for stream in (False, True):
        status, headers, body = gate.chat("script: hex tool " + spelled('grep {"text":"%s"}' % KEY), headers=ANALYSIS,
                                          stream=stream, role="analyst")
        check("a tool call is not rewritten but denied (stream %s)" % stream, KEY.encode() not in body and
              MARK.encode() not in body and (status == 403 or b"content_filter" in body), (status, body[-300:]))


def responses(gate, upstream):
    status, headers, body = gate.request("POST", "/v1/responses", {
        "model": "local", "instructions": "keep " + KEY, "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "the key " + KEY}]},
            {"type": "function_call", "call_id": "c1", "name": "grep", "arguments": json.dumps({"text": KEY})},
            {"type": "function_call_output", "call_id": "c1", "output": "found " + KEY},
            {"role": "user", "content": "script: say done"}]}, ANALYSIS)
    sent = json.dumps(upstream.bodies[-1])
    check("a Responses request", status == 200 and KEY not in sent and sent.count(MARK) == 4 and
          headers.get("proviso-redacted") == "request:secret", (status, body, sent))
    for name, items in (("parts", [{"type": "reasoning", "content": [{"type": "reasoning_text", "text": t} for t in (KEY[:9], KEY[9:])]}]),
                        ("summaries", [{"type": "reasoning", "summary": [{"type": "summary_text", "text": t} for t in (KEY[:9], KEY[9:])]}]),
                        ("items", [{"type": "reasoning", "content": [{"type": "reasoning_text", "text": t}]} for t in (KEY[:9], KEY[9:])])):
        gate.request("POST", "/v1/responses", {"model": "local", "input": items + [
            {"role": "user", "content": "script: say done"}]}, ANALYSIS)
        check("thoughts in two %s stay two for the model" % name, KEY not in json.dumps(upstream.bodies[-1]), upstream.bodies[-1])
    for metadata, echoed in (({"team": "a"}, {"team": "a"}), ({"team": KEY}, {})):
        _, _, body = gate.request("POST", "/v1/responses", {"model": "local", "metadata": metadata, "input": "script: say done"}, ANALYSIS)
        check("redacted metadata is not given back", json.loads(body)["metadata"] == echoed and KEY.encode() not in body, body)
    words = "the key is %s and nothing else" % KEY
    script = "script: hex say " + spelled(words)
    whole = json.loads(gate.request("POST", "/v1/responses", {"model": "local", "input": script}, ANALYSIS)[2])
    text = whole["output"][0]["content"][0]["text"]
    _, _, body = gate.request("POST", "/v1/responses", {"model": "local", "input": script, "stream": True}, ANALYSIS)
    last = [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: {")][-1]
    check("a Response, whole and streamed", text == words.replace(KEY, MARK) and KEY.encode() not in body and
          last["response"]["output"][0]["content"][0]["text"] == text, (text, last))


def choices(gate):
    words = "the key is %s and nothing else" % KEY
    for number in range(3):
        script = "script: hex at " + spelled("%d say %s" % (number, words))
        said = json.loads(gate.chat(script, headers=ANALYSIS, n=3)[2])["choices"]
        _, _, body = gate.chat(script, headers=ANALYSIS, n=3, stream=True)
        streamed = ["", "", ""]
        for line in body.decode().splitlines():
            for choice in json.loads(line[6:]).get("choices", []) if line.startswith("data: {") else []:
                streamed[choice["index"]] += choice["delta"].get("content") or ""
        check("choice %d of three" % number, [c["message"]["content"] for c in said] == streamed and
              streamed[number] == words.replace(KEY, MARK) and KEY.encode() not in body, (said, streamed))


def too_much(gate):
    """What is taken out of a stream is kept until its end, so there is a limit to it."""
    digits = spelled(KEY + " ") * 60000
    status, _, body = gate.chat("script: hex say " + digits, headers=ANALYSIS, stream=True)
    check("a stream of nothing but secrets ends", KEY.encode() not in body and b"redacted_too_much" in body and b"[DONE]" not in body,
          (status, len(body), body[-300:]))


def hospital():
    """A clause that redacts only where two labels meet, under @whole; and a cut that makes new words."""
    folder = os.path.join(tempfile.mkdtemp(prefix="proviso-redact-"), "agreement")
    shutil.copytree(os.path.join(TOP, "agreements/hospital"), folder)
    coding = {"Proviso-Purpose": "coding"}
    upstream = Upstream()
    shown = []
    with Gate(upstream=upstream, agreement=folder) as gate:
        text = "Mr. John Smith 123-45-6789 4111 1111 1111 1111 paid"
        seen = upstream.seen
        asked = gate.chat(text, headers=coding, role="clerk")[2]
        script = "script: hex say " + spelled(text)
        whole = gate.chat(script, headers=coding, role="clerk")[2]
        stream = gate.chat(script, headers=coding, role="clerk", stream=True)[2]
        check("what shows only after the cut is refused, asked, answered and streamed", upstream.seen == seen + 2 and all(
            b"123-45-6789" not in one and b"3.2" in one for one in (asked, whole, stream)), (asked, whole, stream))
        gate.stop()
        shown.append(gate.verify())
    for name, before, after in (("clauses/3-confidence.md", 'containsAny(["personal_identifier", "personal_name", "personal_address", "contact"])',
                                 'containsAll(["personal_identifier", "contact"])'),
                                ("clauses/1-care.md", '@clause("1.1")\npermit (principal in Role::"clerk"',
                                 '@clause("1.1") @whole\npermit (principal in Role::"clerk"')):
        with open(os.path.join(folder, name)) as file:
            rules = file.read()
        assert before in rules
        with open(os.path.join(folder, name), "w") as file:
            file.write("\n".join(line for line in rules.replace(before, after).split("\n") if not line.endswith("| redact")))
    text = "write to ada.lovelace@example.org please. " + "one line of words. " * 90 + "the card is 4111 1111 1111 1111 and no more"
    with Gate(upstream=upstream, agreement=folder) as gate:
        script = "script: hex say " + spelled(text)
        whole = json.loads(gate.chat(script, headers=coding, role="clerk")[2])["choices"][0]["message"]["content"]
        stream = said_by(gate.chat(script, headers=coding, role="clerk", stream=True)[2])
        check("judged whole, a stream redacts what came before its reason", whole == stream and "ada" not in whole and
              "4111" not in whole and "[redacted: contact]" in whole, (whole[:80], stream[:80]))
        gate.stop()
        shown.append(gate.verify())
    check("and all of it is derived again", all(code == 0 for code, _ in shown), shown)
    upstream.close()
    shutil.rmtree(os.path.dirname(folder))


def record(gate):
    code, output = gate.verify()
    check("every decision is derived again", code == 0, output)
    # What was taken out is in the vault, for whoever may open it.
    kept = 0
    for leaf, facts in leaves.read(gate.state):
        kept += 1 if facts.get("exchange.redacted") else 0
    check("leaves name what was redacted", kept > 8, kept)
    lines = leaves.read(gate.state)
    first = next(i for i, (leaf, _) in enumerate(lines) if json.loads(leaf)["decision"] == "redact")
    closing = next(i for i, (_, facts) in enumerate(lines) if facts.get("exchange.redacted") and "exchange.released_bytes" in facts)
    for index, name in ((first, "request"), (closing, "redacted")):
        shown = subprocess.run([os.path.join(BIN, "proviso"), "ledger", "payload", str(index), name, "--state", gate.state],
                               capture_output=True, text=True)
        check("the original is in the vault: " + name, KEY in shown.stdout, shown.stdout + shown.stderr)
    shown = subprocess.run([os.path.join(BIN, "proviso"), "ledger", "payload", str(first), "nothing", "--state", gate.state],
                           capture_output=True, text=True)
    check("what a leaf does not have is named", shown.returncode != 0 and "it has request" in shown.stderr, shown.stderr)


folder = agreement_that_redacts()
upstream = Upstream()
with Gate(upstream=upstream, agreement=folder) as gate:
    asks(gate, upstream)
    answers(gate)
    responses(gate, upstream)
    choices(gate)
    too_much(gate)
    gate.stop()
    record(gate)
upstream.close()
shutil.rmtree(os.path.dirname(folder))
hospital()
checks.exit()
