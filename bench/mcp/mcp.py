#!/usr/bin/env python3
"""A tool call through the gate beside the same call direct and through another gateway, one client, one after the
other, in one run.

    mcp.py [--calls N] [--rounds N]

The server is a small one of ours that answers at once. Each round measures direct and through the gate, and the
sync of the disk that the ledger lies on (4 KiB appended, fdatasync), so that the ratio is within one run. Every
answer is checked. A governed call has two leaves, `act` and `release`, one after the other: two syncs. The other
gateway is FastMCP's proxy as it comes (bench/mcp/setup.sh installs it); it passes calls on and decides nothing. Where
it is not installed that column is left out.
"""
import argparse
import json
import multiprocessing
import os
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "mcp"))
from governed import MODERN, META, Governed, registry  # noqa: E402

TOOL = {"name": "echo", "description": "Says what it is told.",
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}}}
TEXT = "the weekly report on transport, stock and upkeep " * 16  # about 800 bytes, as the chat ladder's body


def take(connection, buffer):
    """One HTTP message off a connection: (body, rest)."""
    while b"\r\n\r\n" not in buffer:
        data = connection.recv(65536)
        if not data:
            return None, b""
        buffer += data
    head, _, rest = buffer.partition(b"\r\n\r\n")
    length = int(next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")))
    while len(rest) < length:
        rest += connection.recv(65536)
    return rest[:length], rest[length:]


def result_for(message):
    method = message["method"]
    if method == "server/discover":
        return {"supportedVersions": [MODERN], "capabilities": {"tools": {}}, "ttlMs": 0, "cacheScope": "private"}
    if method == "tools/list":
        return {"tools": [TOOL], "ttlMs": 0, "cacheScope": "private"}
    return {"content": [{"type": "text", "text": message["params"]["arguments"]["text"]}]}


def serve_one(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = b""
    while True:
        body, buffer = take(connection, buffer)
        if body is None:
            return
        message = json.loads(body)
        if "id" not in message:
            connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            continue
        answer = json.dumps({"jsonrpc": "2.0", "id": message["id"],
                             "result": dict(result_for(message), resultType="complete")}).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                           % len(answer) + answer)


def serve(ready):
    import threading
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    ready.send(listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_one, args=(connection,), daemon=True).start()


def measure(port, key, calls):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer, times = b"", []
    for number in range(calls + 20):
        body = json.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {
            "name": "echo", "arguments": {"text": TEXT}, "_meta": {
                META + "protocolVersion": MODERN, META + "clientCapabilities": {}}}}).encode()
        head = ("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, "
                "text/event-stream\r\nMCP-Protocol-Version: %s\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n"
                "Authorization: Bearer %s\r\nProviso-Purpose: work\r\nContent-Length: %d\r\n\r\n"
                % (MODERN, key, len(body))).encode()
        start = time.perf_counter()
        connection.sendall(head + body)
        answer, buffer = take(connection, buffer)
        took = time.perf_counter() - start
        message = json.loads(answer)
        if message["id"] != number or message["result"]["content"][0]["text"] != TEXT:
            sys.exit("a wrong answer: %s" % answer[:300])
        if number >= 20:
            times.append(took * 1e6)
    connection.close()
    return times


class Peer:
    """FastMCP's proxy in front of `url`; `port` is None where it is not installed."""

    def __init__(self, url):
        self.port = self.process = None
        program = os.path.join(os.environ.get("PROVISO_CACHE", os.path.expanduser("~/.cache/proviso")), "peers", "mcp",
                               "bin", "fastmcp")
        if not os.path.exists(program):
            print("the other gateway is not installed (bench/mcp/setup.sh): skipped")
            return
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen([program, "run", url, "--transport", "http", "--port", str(self.port),
                                         "--no-banner", "--log-level", "ERROR"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    sys.exit("the other gateway does not start")
                time.sleep(0.1)

    def close(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


def sync_times(folder, count):
    path = os.path.join(folder, "sync.probe")
    fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    os.posix_fallocate(fd, 0, 4096 * count)
    os.fsync(fd)
    times = []
    for _ in range(count):
        start = time.perf_counter()
        os.write(fd, b"x" * 4096)
        os.fdatasync(fd)
        times.append((time.perf_counter() - start) * 1e6)
    os.close(fd)
    os.unlink(path)
    return times


def quantile(times, q):
    return sorted(times)[min(len(times) - 1, int(len(times) * q))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    here, there = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(there,), daemon=True)
    server.start()
    port = here.recv()
    url = "http://127.0.0.1:%d/mcp" % port
    rows = []
    peer = Peer(url)
    with Governed('[[tool_server]]\nid = "s"\nurl = "%s"\n' % url, registry("s", url, [TOOL])) as gate:
        for _ in range(args.rounds):
            sync = sync_times(gate.state, 200)
            direct = measure(port, "none", args.calls)
            through = measure(gate.port, gate.keys["staff"], args.calls)
            other = measure(peer.port, "none", args.calls) if peer.port else [0]
            rows.append((quantile(sync, .5), quantile(direct, .5), quantile(direct, .99), quantile(through, .5),
                         quantile(through, .99), quantile(other, .5), quantile(other, .99)))
        status, output = gate.verify()
        if status != 0:
            sys.exit(output)
    peer.close()
    server.terminate()
    print("%d calls a round, one at a time; medians of %d rounds; µs" % (args.calls, args.rounds))
    print("| | p50 | p99 | added p50 | added p99 |")
    print("|---|---|---|---|---|")
    sync, d50, d99, g50, g99, o50, o99 = (statistics.median(row[i] for row in rows) for i in range(7))
    print("| direct | %.0f | %.0f | | |" % (d50, d99))
    print("| gate | %.0f | %.0f | %.0f | %.0f |" % (g50, g99, g50 - d50, g99 - d99))
    if peer.port:
        print("| FastMCP proxy | %.0f | %.0f | %.0f | %.0f |" % (o50, o99, o50 - d50, o99 - d99))
    print("sync p50 %.0f; 2 × sync p50 + 200: %.0f" % (sync, 2 * sync + 200))


main()
