"""Mixed load on a gate: whole answers, streams, denials, both protocols, many connections. Everything that
was answered is remembered, so that after a crash each answer can be asked for its leaves."""
import asyncio
import json
import random

from spelling import spelled

KINDS = ("chat", "stream", "messages", "messages_stream", "denied", "secret_stream")
SECRET = "AKIAIOSFODNN7QWERTYU"


def request_of(kind, key, number):
    purpose = "targeting" if kind == "denied" else "analysis"
    text = "script: say answer %d of many words" % number
    if kind == "secret_stream":
        said = "before %d the key is %s and after" % (number, SECRET)
        text = "script: hex say " + spelled(said)
    anthropic = kind.startswith("messages")
    body = {"model": "local", "messages": [{"role": "user", "content": text}], "max_tokens": 64}
    if kind in ("stream", "messages_stream", "secret_stream"):
        body["stream"] = True
    payload = json.dumps(body).encode()
    path = "/v1/messages" if anthropic else "/v1/chat/completions"
    head = ("POST %s HTTP/1.1\r\nHost: gate\r\nX-Api-Key: %s\r\nProviso-Purpose: %s\r\n"
            "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (path, key, purpose, len(payload)))
    return head.encode() + payload


class Answered:
    def __init__(self, kind, status, headers, body, complete):
        self.kind, self.status, self.headers, self.body, self.complete = kind, status, headers, body, complete
        self.exchange = headers.get("proviso-exchange", "")
        self.receipt = headers.get("proviso-receipt", "")


async def read_answer(reader, kind):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.split("\r\n")
    status = int(lines[0].split()[1])
    headers = dict((l.split(":", 1)[0].lower(), l.split(":", 1)[1].strip()) for l in lines[1:] if ":" in l)
    body, complete = b"", True
    try:
        if "content-length" in headers:
            body = await reader.readexactly(int(headers["content-length"]))
        else:
            while True:
                size = int((await reader.readline()).strip() or b"0", 16)
                chunk = await reader.readexactly(size + 2)
                if size == 0:
                    break
                body += chunk[:-2]
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        complete = False
    return Answered(kind, status, headers, body, complete)


async def connection(port, key, answers, rng, stop):
    while not stop.is_set():
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        try:
            while not stop.is_set():
                kind = rng.choice(KINDS)
                writer.write(request_of(kind, key, rng.randrange(10 ** 6)))
                await writer.drain()
                answers.append(await read_answer(reader, kind))
                if not answers[-1].complete:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, OSError):
            pass
        finally:
            writer.close()


async def run(port, key, seconds, seed, connections=64, on_end=None):
    answers, stop = [], asyncio.Event()
    tasks = [asyncio.create_task(connection(port, key, answers, random.Random(seed * 1000 + i), stop))
             for i in range(connections)]
    await asyncio.sleep(seconds)
    if on_end:
        on_end()
    stop.set()
    done, pending = await asyncio.wait(tasks, timeout=10)
    for task in pending:
        task.cancel()
    return answers


def load(port, key, seconds, seed, connections=64, on_end=None):
    """Runs the load; calls on_end (a kill, say) when the time is over. Returns what was answered."""
    return asyncio.run(run(port, key, seconds, seed, connections, on_end))
