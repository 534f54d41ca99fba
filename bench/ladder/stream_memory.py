#!/usr/bin/env python3
"""Resident memory of the whole gate while a long streamed answer passes through it, inspected and recorded.

A model that never stops sends 1 KiB deltas; the client reads slower at first, so that what waits shows.
Printed: memory before, and the most until each so many megabytes of the gate's own framing (it is more than
the text). Flat means that it does not grow with length.
"""
import argparse, asyncio, json, os, socket, sys, threading, time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "lib"))
import gate as gates
import ladder

WORDS = "The harbour master keeps a register of arrivals and of the pilots who brought them in. "
DELTA = (WORDS * 12)[:1024]


class Endless:
    """An upstream whose every answer is `megabytes` of text in 1 KiB deltas."""
    def __init__(self, megabytes):
        self.count = megabytes * 1024
        self.port = None
        started = threading.Event()

        async def serve():
            server = await asyncio.start_server(self.client, "127.0.0.1", 0)
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            await server.serve_forever()
        threading.Thread(target=lambda: asyncio.run(serve()), daemon=True).start()
        started.wait(10)

    def frame(self, delta, finish=None):
        value = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "endless",
                 "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        data = f"data: {json.dumps(value)}\n\n".encode()
        return b"%x\r\n%s\r\n" % (len(data), data)

    async def client(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(self.frame({"role": "assistant", "content": ""}))
        some = self.frame({"content": DELTA}) * 64
        for _ in range(self.count // 64):
            writer.write(some)
            await writer.drain()
        end = b"data: [DONE]\n\n"
        writer.write(self.frame({}, "stop") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(end), end))
        await writer.drain()
        writer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100)
    args = parser.parse_args()
    upstream = Endless(args.megabytes)
    body = json.dumps({"model": "local", "stream": True, "messages": [{"role": "user", "content": "Read it out."}]})
    with gates.Gate(upstream=upstream) as gate:
        pid = gate.process.pid
        print(f"before: {ladder.resident_mb(pid):.1f} MB")
        client = socket.create_connection(("127.0.0.1", gate.port))
        client.sendall((f"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                        f"X-Api-Key: {gate.keys['analyst']}\r\nContent-Type: application/json\r\n"
                        f"Content-Length: {len(body)}\r\n\r\n{body}").encode())
        time.sleep(2)
        got, peak, lines, tail = 0, ladder.resident_mb(pid), 1, b""
        while some := client.recv(1 << 18):
            got += len(some)
            tail = (tail + some)[-400:]
            peak = max(peak, ladder.resident_mb(pid))
            if got >= lines * args.megabytes << 20:
                print(f"{got / (1 << 20):7.1f} MB passed: at most {peak:.1f} MB")
                lines += 1
        print(f"{got / (1 << 20):7.1f} MB in all: at most {peak:.1f} MB")
        if b"[DONE]" not in tail:
            sys.exit("the stream did not end as it should: " + repr(tail[-300:]))


if __name__ == "__main__":
    main()
