#!/usr/bin/env python3
"""`/v1/responses` and `n` on a running gate: receipts, holds, denials in the form of an answer, and that every
decision on them is derived again. What the official clients make of it is in tests/clients."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import leaves  # noqa: E402
from gate import BIN, Checks, Gate  # noqa: E402
from spelling import spelled  # noqa: E402
from upstream import Upstream  # noqa: E402

checks = Checks("gate.responses")
check = checks.check
ANALYSIS = {"Proviso-Purpose": "analysis"}
LOGISTICS = {"Proviso-Purpose": "logistics"}
SECRET = "AKIAIOSFODNN7QWERTYU"


def hidden(text, verb="say"):
    return "script: hex %s %s" % (verb, spelled(text))


def respond(gate, text, role="analyst", headers=ANALYSIS, **more):
    return gate.request("POST", "/v1/responses", dict({"model": "local", "input": text}, **more), headers, role)


def events_of(body):
    return [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: {")]


def answers(gate, upstream):
    status, headers, body = respond(gate, "script: say plain words", metadata={"team": "a"}, temperature=0.5)
    answer = json.loads(body)
    check("a Response", status == 200 and answer["object"] == "response" and answer["status"] == "completed", body)
    check("its id is the exchange's", answer["id"] == "resp_" + headers["proviso-exchange"], answer["id"])
    check("a receipt comes with it", bool(headers.get("proviso-receipt")))
    check("settings come back", answer["metadata"] == {"team": "a"} and answer["temperature"] == 0.5, answer)
    sent = upstream.bodies[-1]
    check("a chat completion was asked for", sent["messages"] == [{"role": "user", "content": "script: say plain words"}]
          and "metadata" not in sent and "input" not in sent and "store" not in sent, sent)
    status, headers, body = respond(gate, "script: say one two", stream=True)
    events = events_of(body)
    check("a stream of events", status == 200 and events[0]["type"] == "response.created"
          and events[-1]["type"] == "response.completed", events[-1])
    check("the same id in it", events[-1]["response"]["id"] == "resp_" + headers["proviso-exchange"])
    check("no [DONE] on Responses", b"[DONE]" not in body)
    facts = [f for _, f in leaves.read(gate.state) if f.get("exchange.protocol") == "openai.responses"]
    check("the leaves name the protocol", len(facts) >= 4, len(facts))
    status, headers, body = gate.request("GET", "/v1/responses")
    check("wrong method is 405", status == 405 and headers.get("allow") == "POST")
    check("nothing stored is found", gate.request("GET", "/v1/responses/resp_1")[0] == 404)


def refusals(gate, upstream):
    seen = upstream.seen
    for field, value in (("store", True), ("background", True), ("conversation", "c"), ("previous_response_id", "r"),
                         ("n", 2), ("surprise", 1)):
        status, headers, body = respond(gate, "hi", **{field: value})
        error = json.loads(body)["error"]
        check("`%s` is 400, named, in OpenAI's error body" % field, status == 400 and field in error["message"]
              and error["type"] == "invalid_request_error", body)
        check("and leaves no receipt (%s)" % field, "proviso-receipt" not in headers)
    status, headers, body = respond(gate, "my key is " + SECRET)
    check("a denied ask is 403 with its leaf", status == 403 and headers.get("proviso-receipt")
          and json.loads(body)["error"]["code"] == "clause_denied", body)
    check("and reaches no model", upstream.seen == seen, upstream.seen - seen)
    status, _, body = gate.request("POST", "/v1/messages", {"model": "local", "max_tokens": 5, "n": 2, "messages": [
        {"role": "user", "content": "hi"}]}, ANALYSIS)
    check("`n` on Messages is 400 and named", status == 400 and b"`n`" in body, body)
    status, _, body = respond(gate, hidden("the key is %s and more" % SECRET))
    check("a secret in a whole answer is 403", status == 403 and b"AKIA" not in body, body)
    status, _, body = respond(gate, hidden("the key is %s and more" % SECRET), stream=True)
    last = events_of(body)[-1]
    check("a stopped stream ends as incomplete", last["type"] == "response.incomplete"
          and last["response"]["incomplete_details"] == {"reason": "content_filter"} and b"AKIA" not in body, last)
    status, _, body = respond(gate, "script: say a", headers={"Proviso-Purpose": "nonsense"})
    check("an unknown purpose is 403", status == 403, body)


def holds(gate):
    order = 'script: tool order_parts {"part":"axle","quantity":3}'
    status, headers, body = respond(gate, order, "planner", LOGISTICS)
    held = headers.get("proviso-hold", "")
    check("a call that must be approved is held", status == 403 and held and b"axle" not in body, body)
    for role in ("commander", "legal"):
        done = subprocess.run(
            [os.path.join(BIN, "proviso"), "hold", "approve", held, "--as", role, "--reason", "read it, and it is needed", "--key",
             os.path.join(gate.state, "sample", "approvers", role)], capture_output=True, text=True,
            env=dict(os.environ, PROVISO_API_KEY=gate.keys[role], PROVISO_GATE=gate.base))
        check("%s approves" % role, done.returncode == 0, done.stderr)
    status, _, body = respond(gate, order, "planner", LOGISTICS)
    output = json.loads(body).get("output", [{}])
    check("the approved call is handed out", status == 200 and output[0].get("type") == "function_call"
          and json.loads(output[0]["arguments"]) == {"part": "axle", "quantity": 3}, body)


def choices(gate):
    def ask(text, **more):
        return gate.chat(text, headers=ANALYSIS, n=3, **more)

    status, _, body = ask("script: say plain words")
    check("three choices", [c["message"]["content"] for c in json.loads(body)["choices"]] == ["plain words"] * 3, body)
    acts = lambda: sum(1 for leaf, _ in leaves.read(gate.state) if json.loads(leaf)["verb"] == "act")  # noqa: E731
    before = acts()
    status, _, _ = ask('script: tool notes {"text":"x"}')
    check("each choice's call is an act", status == 200 and acts() - before == 3, acts() - before)
    bad = json.dumps({"channel": "reasoning", "pieces": ["the key is ", SECRET[:9], SECRET[9:], " and more"]})
    for place in (0, 1, 2):
        for verb, text in (("content", "%d say the key is %s and more"), ("reasoning", "%d reason the key is %s!"),
                           ("refusal", "%d refusal the key is %s!"), ("tool", '%d tool notes {"text":"%s"}')):
            script = hidden(text % (place, SECRET), "at")
            status, _, body = ask(script)
            check("whole: %s of choice %d denies all" % (verb, place), status == 403 and b"AKIA" not in body, body)
            _, _, body = ask(script, stream=True)
            ends = {c["index"]: c["finish_reason"] for e in events_of(body) for c in e["choices"] if c["finish_reason"]}
            check("streamed: %s of choice %d ends all" % (verb, place), ends == {i: "content_filter" for i in range(3)}
                  and b"AKIA" not in body and body.endswith(b"data: [DONE]\n\n"), body[-300:])
    _, _, body = ask(hidden("2 pieces " + bad, "at"), stream=True)
    check("a secret cut in two in choice 2", b"AKIA" not in body and b"content_filter" in body, body[-300:])


def as_messages(gate):
    """An agreement whose denials are answers."""
    denied = {"Proviso-Purpose": "nonsense"}
    status, headers, body = respond(gate, "hi", next(iter(gate.keys)), denied)
    answer = json.loads(body)
    check("a denial as a Response", status == 200 and answer["status"] == "incomplete"
          and answer["incomplete_details"] == {"reason": "content_filter"} and headers.get("proviso-receipt")
          and answer["output"][0]["content"][0]["text"].startswith("I cannot assist with this. [proviso] Refused: "), body)
    status, _, body = respond(gate, "hi", next(iter(gate.keys)), denied, stream=True)
    events = events_of(body)
    check("a denial as a Response stream", status == 200 and events[-1]["type"] == "response.incomplete", body)
    status, _, body = gate.chat("hi", headers=denied, role=next(iter(gate.keys)), n=2)
    check("a denial is said to both choices", [c["finish_reason"] for c in json.loads(body)["choices"]]
          == ["content_filter"] * 2, body)


with Upstream() as upstream:
    with Gate(upstream=upstream, config="\n[oversight]\nwait_seconds = 1\n") as gate:
        answers(gate, upstream)
        refusals(gate, upstream)
        holds(gate)
        choices(gate)
        status, output = gate.verify()
        check("everything verifies", status == 0, output)
    with Gate(upstream=upstream, agreement="agreements/hospital") as gate:
        as_messages(gate)
checks.exit()
