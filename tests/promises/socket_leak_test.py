#!/usr/bin/env python3
"""Promise 3 over sockets: seeded secrets in carrier text, cut at seeded places by the upstream, in content,
reasoning and tool arguments of every protocol, in the first choice and the second, through a running gate. Leaked are bytes that reach the
client from where the secret begins. LEAK_CASES sets how many (default 10000), LEAK_SEED the seed."""
import asyncio
import json
import os
import random
import string
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from gate import Checks, Gate  # noqa: E402
from load import read_answer  # noqa: E402
from upstream import Upstream  # noqa: E402

CASES = int(os.environ.get("LEAK_CASES", "10000"))
SEED = int(os.environ.get("LEAK_SEED", "1"))
ALNUM = string.ascii_letters + string.digits
WORDS = "the report says that supply was late and that nobody knew why it had rained".split()
checks = Checks("promises.socket_leak")


def letters(rng, count, alphabet=ALNUM):
    return "".join(rng.choice(alphabet) for _ in range(count))


def secret_of(rng):
    upper = string.ascii_uppercase
    return rng.choice([
        lambda: "AKIA" + letters(rng, 16, upper + "234567"),
        lambda: "ghp_" + letters(rng, 36),
        lambda: "glpat-" + letters(rng, 20),
        lambda: "xoxb-%s-%s-%s" % (letters(rng, 12, string.digits), letters(rng, 12, string.digits), letters(rng, 24)),
        lambda: "sk_live_" + letters(rng, 24),
        lambda: "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----" % letters(rng, 64),
        lambda: "npm_" + letters(rng, 36),
        lambda: "AIza" + letters(rng, 35),
    ])()


def case_of(rng):
    before = " ".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 12))) + " "
    after = " " + " ".join(rng.choice(WORDS) for _ in range(rng.randrange(0, 8)))
    secret = secret_of(rng)
    channel = rng.choice(["content", "reasoning", "tool"])
    text = before + secret + after
    if channel == "tool":
        text = json.dumps({"text": text})
    cuts = sorted(rng.sample(range(1, len(text)), min(rng.choice([1, 2, 2, 5]), len(text) - 1)))
    pieces = [text[a:b] for a, b in zip([0] + cuts, cuts + [len(text)])]
    return before, secret, channel, pieces


PATHS = {"chat": "/v1/chat/completions", "choices": "/v1/chat/completions", "responses": "/v1/responses",
         "messages": "/v1/messages"}
RESPONSE_DELTAS = {"content": "response.output_text.delta", "reasoning": "response.reasoning_text.delta",
                   "tool": "response.function_call_arguments.delta"}


def read_messages(channel, event):
    delta = event.get("delta", {})
    text = delta.get("text", "") + delta.get("thinking", "") + delta.get("partial_json", "")
    return text, delta.get("stop_reason") == "refusal"


def read_chat(channel, event, place):
    text, refused = "", False
    for choice in event.get("choices", []):
        if choice["index"] != place:
            continue
        delta = choice["delta"]
        text += (delta.get("content") or "") + (delta.get("reasoning_content") or "")
        for call in delta.get("tool_calls") or []:
            text += call["function"].get("arguments", "")
        refused = refused or choice["finish_reason"] == "content_filter"
    return text, refused


def read_response(channel, event):
    text = event["delta"] if event["type"] == RESPONSE_DELTAS[channel] else ""
    details = event.get("response", {}).get("incomplete_details") or {}
    return text, event["type"] == "response.incomplete" and details["reason"] == "content_filter"


def delivered(protocol, channel, body):
    """What of the channel reached the client, and whether the stream ended as a refusal."""
    text, refused = "", False
    for line in body.decode().splitlines():
        if not line.startswith("data: {"):
            continue
        event = json.loads(line[6:])
        if protocol == "messages":
            more, ended = read_messages(channel, event)
        elif protocol == "responses":
            more, ended = read_response(channel, event)
        else:
            more, ended = read_chat(channel, event, 1 if protocol == "choices" else 0)
        text += more
        refused = refused or ended
    return text, refused


def body_of(protocol, channel, pieces):
    said = json.dumps({"channel": channel, "pieces": pieces})
    if protocol == "choices":  # the second of two
        said = "1 pieces " + said
    script = "script: zip %s %s" % ("at" if protocol == "choices" else "pieces",
                                    zlib.compress(said.encode()).hex())
    body = {"model": "local", "stream": True}
    if protocol == "responses":
        return dict(body, input=script)
    body.update(max_tokens=64, messages=[{"role": "user", "content": script}])
    return dict(body, n=2) if protocol == "choices" else body


async def one(gate, number, totals):
    rng = random.Random(SEED * 1_000_003 + number)
    protocol = rng.choice(sorted(PATHS))
    before, secret, channel, pieces = case_of(rng)
    body = json.dumps(body_of(protocol, channel, pieces)).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.port)
    writer.write(("POST %s HTTP/1.1\r\nHost: gate\r\nX-Api-Key: %s\r\nProviso-Purpose: analysis\r\n"
                  "Content-Length: %d\r\n\r\n" % (PATHS[protocol], gate.keys["analyst"], len(body))).encode() + body)
    answer = await read_answer(reader, channel)
    writer.close()
    if answer.status != 200:
        totals["not streamed"] += 1
        return
    text, refused = delivered(protocol, channel, answer.body)
    leaked = len(text) if channel == "tool" else max(0, len(text) - len(before))
    totals["leaked bytes"] += leaked
    totals["refused"] += refused
    totals[channel] += 1
    totals[protocol] += 1
    if leaked or not refused:
        print("    case %d: %s %r delivered %r" % (number, channel, pieces, text[-80:]))


async def all_cases(gate, totals):
    limit = asyncio.Semaphore(32)

    async def bounded(number):
        async with limit:
            await one(gate, number, totals)

    await asyncio.gather(*(bounded(number) for number in range(CASES)))


upstream = Upstream()
with Gate(upstream=upstream) as gate:
    totals = {"leaked bytes": 0, "refused": 0, "not streamed": 0, "content": 0, "reasoning": 0, "tool": 0,
              "chat": 0, "choices": 0, "responses": 0, "messages": 0}
    asyncio.run(all_cases(gate, totals))
    print("    %d cases over sockets: %s" % (CASES, json.dumps(totals)))
    checks.check("leaked bytes = 0", totals["leaked bytes"] == 0, totals)
    checks.check("every stream was stopped", totals["refused"] == CASES, totals)
    checks.check("every channel was tried", min(totals[c] for c in ("content", "reasoning", "tool")) > CASES // 5)
    checks.check("every protocol was tried", min(totals[p] for p in PATHS) > CASES // 8, totals)
    status, output = gate.verify()
    checks.check("everything verifies", status == 0, output[-1000:])
upstream.close()
checks.exit()
