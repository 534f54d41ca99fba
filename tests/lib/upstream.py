"""A scriptable upstream: speaks the OpenAI and Anthropic protocols and does what the last user message
says after "script:". It exists for fault rows; the happy paths run on the real model.

    script: say TEXT            answers TEXT, word by word when streamed
    script: cut                 a stream that ends without its terminal event
    script: error 500|429|…     that status with the protocol's error body
    script: error-in-stream     a few words, then the protocol's error event
    script: tool NAME JSON      calls a tool
    script: hex VERB HEX        VERB with the text that HEX spells (spelling.py): what must not stand in a request
    script: pieces JSON         {"channel": "content"|"reasoning"|"tool", "pieces": [...]}, cut as given
    script: reason TEXT         reasoning, then a word of text
    script: refusal TEXT        the model's own refusal
    script: long TEXT           TEXT, ended by the token limit
    script: at K VERB …         of the `n` choices asked for only choice K does that, the others say plain words
    script: hang                answers nothing until the client goes away
    script: unknown-event       an event that no protocol knows
    script: frames JSON         raw SSE frames, an array of strings

`python3 upstream.py [PORT]` runs it alone. Requests seen are counted in `Upstream.seen`.
"""
import asyncio
import json
import sys
import threading
import zlib

import spelling


def last_text(body):
    for message in reversed(body.get("messages", [])):
        content = message.get("content")
        if message.get("role") != "user":
            continue
        if isinstance(content, str):
            return content
        return "".join(part.get("text", "") for part in content or [])
    return ""


def script_of(body):
    text = last_text(body)
    if "script:" not in text:
        return "say", "Hello from the scripted upstream."
    verb, _, rest = text.split("script:", 1)[1].strip().partition(" ")
    if verb == "hex":
        verb, _, digits = rest.partition(" ")
        rest = spelling.read(digits.strip())
    elif verb == "zip":  # hexadecimal of compressed text: no detector reads it
        verb, _, digits = rest.partition(" ")
        rest = zlib.decompress(bytes.fromhex(digits.strip())).decode()
    return verb, rest


def words(text):
    out, start = [], 0
    for i in range(1, len(text) + 1):
        if i == len(text) or text[i - 1] == " ":
            out.append(text[start:i])
            start = i
    return out or [""]


def openai_chunk(index, delta, finish=None):
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
            "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}


def openai_choices(verb, rest, count):
    """What each choice does."""
    if verb != "at":
        return [(verb, rest)] * count
    place, _, rest = rest.partition(" ")
    chosen = rest.partition(" ")[::2]
    return [chosen if i == int(place) else ("say", "one two three") for i in range(count)]


def openai_frames(verb, rest, usage, count):
    """The choices in turn, an event of each."""
    left = [openai_choice_frames(i, *one) for i, one in enumerate(openai_choices(verb, rest, count))]
    while left:
        for choice in list(left):
            chunk = next(choice, None)
            if chunk is None:
                left.remove(choice)
            else:
                yield chunk
    if usage:
        yield {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
               "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}


def openai_choice_frames(index, verb, rest):
    yield openai_chunk(index, {"role": "assistant", "content": ""})
    if verb == "pieces":
        yield from openai_pieces(index, json.loads(rest))
    elif verb == "tool":
        name, _, args = rest.partition(" ")
        yield openai_chunk(index, {"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
                                                   "function": {"name": name, "arguments": ""}}]})
        for i in range(0, len(args), 5):
            yield openai_chunk(index, {"tool_calls": [{"index": 0, "function": {"arguments": args[i:i + 5]}}]})
        yield openai_chunk(index, {}, "tool_calls")
    elif verb == "reason":
        for word in words(rest):
            yield openai_chunk(index, {"reasoning_content": word})
        yield openai_chunk(index, {"content": "done"})
        yield openai_chunk(index, {}, "stop")
    elif verb == "refusal":
        yield openai_chunk(index, {"refusal": rest})
        yield openai_chunk(index, {}, "stop")
    else:
        for word in words(rest):
            yield openai_chunk(index, {"content": word})
        yield openai_chunk(index, {}, "length" if verb == "long" else "stop")


def openai_pieces(index, given):
    for number, piece in enumerate(given["pieces"]):
        if given["channel"] == "tool":
            call = {"index": 0, "function": {"arguments": piece}}
            if number == 0:
                call.update(id="call_1", type="function")
                call["function"]["name"] = "notes"
            yield openai_chunk(index, {"tool_calls": [call]})
        else:
            yield openai_chunk(index, {"content" if given["channel"] == "content" else "reasoning_content": piece})
    yield openai_chunk(index, {}, "tool_calls" if given["channel"] == "tool" else "stop")


def openai_whole_choice(index, verb, rest):
    message = {"role": "assistant", "content": rest}
    finish = "length" if verb == "long" else "stop"
    if verb == "tool":
        name, _, args = rest.partition(" ")
        message = {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": name, "arguments": args}}]}
        finish = "tool_calls"
    elif verb == "reason":
        message = {"role": "assistant", "content": "done", "reasoning_content": rest}
    elif verb == "refusal":
        message = {"role": "assistant", "content": None, "refusal": rest}
    return {"index": index, "message": message, "finish_reason": finish}


def openai_whole(verb, rest, count):
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "scripted",
            "choices": [openai_whole_choice(i, *one) for i, one in enumerate(openai_choices(verb, rest, count))],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}


def anthropic_blocks(verb, rest):
    if verb == "tool":
        name, _, args = rest.partition(" ")
        return [{"type": "tool_use", "id": "toolu_1", "name": name, "input": json.loads(args)}], "tool_use"
    if verb == "reason":
        return [{"type": "thinking", "thinking": rest, "signature": "c2ln"},
                {"type": "text", "text": "done"}], "end_turn"
    return [{"type": "text", "text": rest}], "end_turn"


def anthropic_whole(verb, rest):
    blocks, stop = anthropic_blocks(verb, rest)
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": "scripted", "content": blocks,
            "stop_reason": stop, "stop_sequence": None,
            "usage": {"input_tokens": 5, "output_tokens": 7}}


ANTHROPIC_CHANNELS = {
    "content": ({"type": "text", "text": ""}, "text_delta", "text"),
    "reasoning": ({"type": "thinking", "thinking": "", "signature": ""}, "thinking_delta", "thinking"),
    "tool": ({"type": "tool_use", "id": "toolu_1", "name": "notes", "input": {}}, "input_json_delta", "partial_json"),
}


def anthropic_frames(verb, rest):
    given = json.loads(rest) if verb == "pieces" else None
    blocks, stop = ([], "tool_use" if given["channel"] == "tool" else "end_turn") if given else \
        anthropic_blocks(verb, rest)
    yield "message_start", {"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "scripted", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 5, "output_tokens": 1}}}
    if given:
        opening, kind, field = ANTHROPIC_CHANNELS[given["channel"]]
        yield "content_block_start", {"type": "content_block_start", "index": 0, "content_block": opening}
        for piece in given["pieces"]:
            yield "content_block_delta", {"type": "content_block_delta", "index": 0,
                                          "delta": {"type": kind, field: piece}}
        yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    for index, block in enumerate(blocks):
        if block["type"] == "tool_use":
            opening = dict(block, input={})
            pieces = [json.dumps(block["input"])[i:i + 5]
                      for i in range(0, len(json.dumps(block["input"])), 5)]
            deltas = [{"type": "input_json_delta", "partial_json": p} for p in pieces]
        elif block["type"] == "thinking":
            opening = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": w} for w in words(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        else:
            opening = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": w} for w in words(block["text"])]
        yield "content_block_start", {"type": "content_block_start", "index": index, "content_block": opening}
        for delta in deltas:
            yield "content_block_delta", {"type": "content_block_delta", "index": index, "delta": delta}
        yield "content_block_stop", {"type": "content_block_stop", "index": index}
    yield "message_delta", {"type": "message_delta", "delta": {"stop_reason": stop, "stop_sequence": None},
                            "usage": {"output_tokens": 7}}
    yield "message_stop", {"type": "message_stop"}


class Upstream:
    """Runs on a loopback port of its own, in a thread, until close()."""

    def __init__(self, port=0):
        self.seen = 0
        self.gone = 0  # clients that went away while it hung
        self.bodies = []
        self.loop = asyncio.new_event_loop()
        started = threading.Event()

        def main():
            asyncio.set_event_loop(self.loop)
            self.server = self.loop.run_until_complete(
                asyncio.start_server(self.client, "127.0.0.1", port))
            self.port = self.server.sockets[0].getsockname()[1]
            started.set()
            self.loop.run_forever()

        self.thread = threading.Thread(target=main, daemon=True)
        self.thread.start()
        started.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)

    async def client(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = 0
                for line in head.split("\r\n"):
                    if line.lower().startswith("content-length:"):
                        length = int(line.split(":")[1])
                body = json.loads(await reader.readexactly(length)) if length else {}
                self.seen += 1
                if len(self.bodies) < 1000:
                    self.bodies.append(body)
                await self.answer(head.split(" ")[1], body, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def whole(self, writer, status, value):
        payload = json.dumps(value).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                     % (status, len(payload)) + payload)
        await writer.drain()

    async def answer(self, path, body, reader, writer):
        verb, rest = script_of(body)
        anthropic = path.startswith("/v1/messages")
        if path.split("?")[0].endswith("/count_tokens"):
            return await self.whole(writer, 200, {"input_tokens": 42})
        if verb == "error":
            status = int(rest.split()[0])
            error = {"type": "api_error", "message": "scripted failure"}
            return await self.whole(writer, status, dict(
                {"error": error}, **({"type": "error"} if anthropic else {})))
        if verb == "hang":
            await reader.read(1)
            self.gone += 1
            raise ConnectionError
        if not body.get("stream"):
            return await self.whole(writer, 200, anthropic_whole(verb, rest) if anthropic
                                    else openai_whole(verb, rest, body.get("n", 1)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
        for frame in self.frames(anthropic, verb, rest, body):
            data = frame.encode()
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()
            if verb == "slow":
                await asyncio.sleep(0.02)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    def frames(self, anthropic, verb, rest, body):
        if verb == "frames":
            yield from json.loads(rest)
            return
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        if anthropic:
            frames = ["event: %s\ndata: %s\n\n" % (name, json.dumps(value))
                      for name, value in anthropic_frames(verb, rest or "one two three")]
        else:
            frames = ["data: %s\n\n" % json.dumps(value)
                      for value in openai_frames(verb, rest or "one two three", usage, body.get("n", 1))]
            frames.append("data: [DONE]\n\n")
        if verb == "cut":
            frames = frames[:3]
        elif verb == "unknown-event":
            frames.insert(3, 'event: surprise\ndata: {"type":"surprise","text":"unseen"}\n\n')
        elif verb == "error-in-stream":
            frames = frames[:3] + (
                ['event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"scripted"}}\n\n']
                if anthropic else ['data: {"error":{"message":"scripted","type":"server_error"}}\n\n'])
        yield from frames


if __name__ == "__main__":
    upstream = Upstream(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print("listening on 127.0.0.1:%d" % upstream.port, flush=True)
    upstream.thread.join()
